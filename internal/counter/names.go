package counter

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// named is a counter that a Memory knows.
type named struct {
	id   uint16
	name string
	key  sip           // digests its owners
	hold atomic.Uint32 // seconds; as the last add said
}

const maxName = 256

// names are the counters that a Memory knows. Looking one up takes no lock.
type names struct {
	mu  sync.Mutex
	all atomic.Pointer[known]
}

type known struct {
	byName map[string]*named
	byID   []*named
}

func (n *names) known(name string) *named {
	if all := n.all.Load(); all != nil {
		return all.byName[name]
	}
	return nil
}

// list is every counter, by id.
func (n *names) list() []*named {
	if all := n.all.Load(); all != nil {
		return all.byID
	}
	return nil
}

// of is the counter of that name, with what is held of it from now on.
func (n *names) of(name string, hold uint32, owners sip) (*named, error) {
	c := n.known(name)
	if c == nil {
		var err error
		if c, err = n.add(name, hold, owners); err != nil {
			return nil, err
		}
	}
	if c.hold.Load() != hold {
		c.hold.Store(hold)
	}
	return c, nil
}

func (n *names) add(name string, hold uint32, owners sip) (*named, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	next := known{byName: map[string]*named{}}
	if all := n.all.Load(); all != nil {
		if c := all.byName[name]; c != nil {
			return c, nil // another was first
		}
		next = known{byName: maps.Clone(all.byName), byID: slices.Clone(all.byID)}
	}
	if len(name) > maxName {
		return nil, fmt.Errorf("counter: a counter's name has more than %d bytes", maxName)
	}
	if len(next.byID) == MaxCounters {
		return nil, fmt.Errorf("counter: more than %d counters", MaxCounters)
	}
	c := &named{id: uint16(len(next.byID)), name: name, key: owners.under(name)}
	c.hold.Store(hold)
	next.byName[name] = c
	next.byID = append(next.byID, c)
	n.all.Store(&next)
	return c, nil
}
