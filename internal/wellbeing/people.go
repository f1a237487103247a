package wellbeing

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"
)

// digest stands for a person for a day or two.
type digest [16]byte

// salts are today's and yesterday's (UTC). Older ones are gone, and with them
// who was meant by what was kept under them.
type salts struct {
	now func() time.Time

	mu               sync.Mutex
	day              int64 // since 1970
	today, yesterday [32]byte
}

// of is what stands for an account today, and what stood for it yesterday.
func (s *salts) of(account string) (today, yesterday digest) {
	a, b := s.both()
	return salted(&a, account), salted(&b, account)
}

// both is today's salt and yesterday's.
func (s *salts) both() (today, yesterday [32]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn()
	return s.today, s.yesterday
}

// turn makes new salts where the day is another. A clock that is set back keeps
// the salts that there are.
func (s *salts) turn() {
	day := s.now().Unix() / (24 * 60 * 60)
	switch {
	case day <= s.day:
		return
	case day == s.day+1:
		s.yesterday = s.today
	default:
		rand.Read(s.yesterday[:])
	}
	rand.Read(s.today[:])
	s.day = day
}

func salted(salt *[32]byte, account string) (d digest) {
	mac := hmac.New(sha256.New, salt[:])
	mac.Write([]byte(account))
	copy(d[:], mac.Sum(nil))
	return d
}

// people are those who are, or were today, online.
type people struct {
	salts  *salts
	most   int // in one shard
	shards [64]shard

	moving sync.Mutex // over from yesterday's digest to today's
}

type shard struct {
	mu   sync.Mutex
	held map[digest]*person
}

func newPeople(s *salts, most int) *people {
	p := &people{salts: s}
	p.most = max(1, most/len(p.shards))
	for i := range p.shards {
		p.shards[i].held = map[digest]*person{}
	}
	return p
}

func (p *people) shard(d digest) *shard {
	return &p.shards[binary.LittleEndian.Uint64(d[:])%uint64(len(p.shards))]
}

// with calls f with the person, whom nobody else has meanwhile. Who was known
// yesterday has today's digest from then on.
func (p *people) with(account string, f func(*person)) {
	salt, before := p.salts.both()
	today := salted(&salt, account)
	s := p.shard(today)
	if s.call(today, f) {
		return
	}
	p.moving.Lock()
	defer p.moving.Unlock()
	if s.call(today, f) {
		return
	}
	yesterday := salted(&before, account)
	x := p.shard(yesterday).take(yesterday)
	if x == nil {
		x = &person{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.held) >= p.most {
		s.drop()
	}
	s.held[today] = x
	f(x)
}

// call calls f with the person if they are here.
func (s *shard) call(d digest, f func(*person)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	x, ok := s.held[d]
	if ok {
		f(x)
	}
	return ok
}

func (s *shard) take(d digest) *person {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.held[d]
	delete(s.held, d)
	return x
}

// drop forgets whoever was online least recently of a few.
func (s *shard) drop() {
	const few = 16
	var oldest digest
	var at int64
	n := 0
	for d, x := range s.held {
		if n == 0 || x.newest < at {
			oldest, at = d, x.newest
		}
		if n++; n == few {
			break
		}
	}
	delete(s.held, oldest)
}

// tidy lets go of those who were not online for so long that nothing asks, and
// settles the marks of those who left a while ago. Gap is in seconds.
func (p *people) tidy(now time.Time, gap int64) {
	before := now.Add(-forgetAfter).Unix()
	for i := range p.shards {
		s := &p.shards[i]
		s.mu.Lock()
		for d, x := range s.held {
			if x.newest < before {
				delete(s.held, d)
			} else if x.newest < now.Unix()-settleAfter && x.horizon < x.newest {
				x.fold(x.newest, gap)
			}
		}
		s.mu.Unlock()
	}
}

// erase forgets a person.
func (p *people) erase(account string) {
	today, yesterday := p.salts.of(account)
	p.moving.Lock()
	defer p.moving.Unlock()
	p.shard(today).take(today)
	p.shard(yesterday).take(yesterday)
}

// count is how many are held.
func (p *people) count() int {
	n := 0
	for i := range p.shards {
		s := &p.shards[i]
		s.mu.Lock()
		n += len(s.held)
		s.mu.Unlock()
	}
	return n
}
