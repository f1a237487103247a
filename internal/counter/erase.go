package counter

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/valkey-io/valkey-go"
)

// scanned is how many keys a sweep of Redis asks for at once.
const scanned = 1000

// Forget implements Store. While Redis does not answer it is ErrAway, and to be
// called again. The owner as an element of other counts is remembered by this
// process until the next sweep; if it ends before, the element stays until it
// expires.
func (r *Redis) Forget(ctx context.Context, owner string) error {
	r.mu.Lock()
	client, away := r.client, r.away
	r.mu.Unlock()
	if client == nil || away {
		return ErrAway
	}
	names, err := client.Do(ctx, client.B().Smembers().Key(namesKey).Build()).AsStrSlice()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAway, err)
	}
	r.mu.Lock()
	names = append(names, slices.Collect(maps.Keys(r.names))...)
	r.gone[r.element(owner)] = struct{}{}
	r.mu.Unlock()
	slices.Sort(names)
	var commands []valkey.Completed
	for _, name := range slices.Compact(names) {
		key, _ := r.counter(name)
		commands = append(commands, script{text: forgetLua}.byText(client, nameOf(key, owner), nil))
	}
	if len(commands) == 0 {
		return nil
	}
	for _, result := range client.DoMulti(ctx, commands...) {
		if err := result.Error(); err != nil && !valkey.IsValkeyNil(err) {
			return fmt.Errorf("%w: %w", ErrAway, err)
		}
	}
	return nil
}

// sweepForever removes elements of who is forgotten, a while after.
func (r *Redis) sweepForever() {
	ticker := time.NewTicker(Sweep)
	defer ticker.Stop()
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-ticker.C:
		}
		if err := r.sweep(r.ctx); err != nil {
			r.o.Log.Warn("who is forgotten is not yet removed from the counts of others")
		}
	}
}

// sweep removes the elements of who is forgotten from every exact count.
// HyperLogLogs can't forget one: they expire.
func (r *Redis) sweep(ctx context.Context) error {
	r.mu.Lock()
	client, gone := r.client, slices.Collect(maps.Keys(r.gone))
	r.mu.Unlock()
	if len(gone) == 0 || client == nil {
		return nil
	}
	for _, node := range client.Nodes() {
		for cursor := uint64(0); ; {
			entry, err := node.Do(ctx, node.B().Scan().Cursor(cursor).Match(keyPrefix+"*").Count(scanned).Type("zset").Build()).AsScanEntry()
			if err != nil {
				return err
			}
			for _, key := range entry.Elements {
				if err := node.Do(ctx, node.B().Zrem().Key(key).Member(gone...).Build()).Error(); err != nil {
					return err
				}
			}
			if cursor = entry.Cursor; cursor == 0 {
				break
			}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, element := range gone {
		delete(r.gone, element)
	}
	return nil
}
