package conversation

import (
	"math"
	"slices"
)

// A mark is that somebody did something: a stage, how clearly, when, by which event.
type mark struct {
	at, id uint32
	what   stage
	back   bool // the pair's second did it, not its first
	score  uint8
}

// A talk is one line of either, without what it said.
type talk struct {
	at, id  uint32
	risk    uint8 // how much it differs from ordinary talk: Contrast of 0 to 1
	surface uint8
	back    bool
	flags   talkFlags
}

type talkFlags uint8

const (
	spoken    talkFlags = 1 << iota // not merely looked at
	afterStop                       // the other had blocked the sender
)

// Bounds of a pair.
const (
	mostTalks = 32 // newest
	mostMarks = 6  // of one stage by one of both: those that weigh most
)

// A pair is what is kept of two people. It is a join of sets: each of its fields is
// independent of the order in which lines came, and of how often.
type pair struct {
	a, b   uint64 // digests of accounts, a < b
	began  talk   // the earliest line
	newest uint32
	talks  []talk // by time, then id
	marks  []mark // by stage and who, then by weight, strongest first
}

func (p *pair) expired(now uint32) bool { return now > p.newest+keepSeconds }

const keepSeconds = uint32(Keep / 1e9)

// halfLife is how long it takes until a mark counts half, in seconds.
const halfLife = 28 * 24 * 3600

// priority orders marks by what they weigh. The order is the same at any time.
func (m *mark) priority() float64 { return float64(m.at)/halfLife + math.Log2(float64(m.score)) }

// weight is what a mark counts at a time: its score, half of it after halfLife.
func (m *mark) weight(at uint32) float64 {
	if m.at > at {
		return float64(m.score) / 255
	}
	if at-m.at > keepSeconds {
		return 0
	}
	return float64(m.score) / 255 * math.Exp2(-float64(at-m.at)/halfLife)
}

// say joins a line. A line that comes again keeps its earliest time.
func (p *pair) say(t talk) {
	if p.newest == 0 || before(t, p.began) {
		p.began = talk{at: t.at, id: t.id, back: t.back}
	}
	p.newest = max(p.newest, t.at)
	p.join(t)
}

// join keeps a line if it is among the newest.
func (p *pair) join(t talk) {
	if i := slices.IndexFunc(p.talks, func(o talk) bool { return o.id == t.id }); i >= 0 {
		o := p.talks[i]
		t.at, t.risk, t.flags = min(t.at, o.at), max(t.risk, o.risk), t.flags|o.flags
		if t == o {
			return
		}
		p.talks = slices.Delete(p.talks, i, i+1)
	}
	i := len(p.talks)
	for i > 0 && before(t, p.talks[i-1]) {
		i--
	}
	if len(p.talks) < mostTalks {
		p.talks = slices.Insert(p.talks, i, t)
		return
	}
	if i == 0 {
		return // older than all that are kept
	}
	copy(p.talks, p.talks[1:i])
	p.talks[i-1] = t
}

func before(x, y talk) bool { return x.at < y.at || x.at == y.at && x.id < y.id }

// add joins a mark.
func (p *pair) add(m mark) {
	from, to := p.of(m.what, m.back)
	for i := from; i < to; i++ {
		if o := p.marks[i]; o.id == m.id {
			m.at, m.score = min(m.at, o.at), max(m.score, o.score)
			if m == o {
				return
			}
			p.marks = slices.Delete(p.marks, i, i+1)
			to--
			break
		}
	}
	i := to
	for i > from && stronger(&m, &p.marks[i-1]) {
		i--
	}
	if to-from < mostMarks {
		p.marks = slices.Insert(p.marks, i, m)
		return
	}
	if i < to {
		copy(p.marks[i+1:to], p.marks[i:to-1])
		p.marks[i] = m
	}
}

func stronger(x, y *mark) bool {
	px, py := x.priority(), y.priority()
	return px > py || px == py && x.id < y.id
}

// of is where the marks of one stage by one of both are.
func (p *pair) of(what stage, back bool) (from, to int) {
	key := func(m *mark) int {
		k := 2 * int(m.what)
		if m.back {
			k++
		}
		return k
	}
	want := key(&mark{what: what, back: back})
	for from < len(p.marks) && key(&p.marks[from]) < want {
		from++
	}
	for to = from; to < len(p.marks) && key(&p.marks[to]) == want; to++ {
	}
	return from, to
}

// past is what one of both did to the other, as it counts at a time.
type past struct {
	s      stages // each stage's strongest mark, a little more if it comes again
	sum    stages // all marks of each stage
	first  [stageCount]uint32
	last   [stageCount]uint32
	events int // how many events the marks are of, no more than 2
	id     uint32
}

// again is what the second and third mark of a stage add.
var again = [mostMarks]float64{1, 0.2, 0.1}

// past sums up the marks by one of both.
func (p *pair) past(back bool, at uint32) (d past) {
	var nth [stageCount]int
	for i := range p.marks {
		m := &p.marks[i]
		w := m.weight(at)
		if m.back != back || w == 0 {
			continue
		}
		k := m.what
		d.s[k] += w * again[nth[k]]
		d.sum[k] += w
		nth[k]++
		if d.first[k] == 0 || m.at < d.first[k] {
			d.first[k] = m.at
		}
		d.last[k] = max(d.last[k], m.at)
		if k == image || k == payment {
			continue
		}
		if d.events == 0 {
			d.id, d.events = m.id, 1
		} else if d.id != m.id {
			d.events = 2
		}
	}
	return d
}

// course is how a pair's newest lines go, as one of both sees it.
type course struct {
	mine, theirs int  // lines spoken
	unanswered   int  // of mine since their last
	days         int  // that the unanswered ones span
	surfaces     int  // on which mine were
	stopped      int  // of mine after the other blocked me
	began        bool // it was me
	risks        [mostTalks]float64
	n            int // risks
}

func (p *pair) course(back bool) (c course) {
	var seen [16]bool
	var since uint32
	for i := range p.talks {
		t := &p.talks[i]
		if t.back != back {
			if t.flags&spoken != 0 {
				c.theirs++
				c.unanswered, since = 0, 0
			}
			continue
		}
		if t.flags&afterStop != 0 {
			c.stopped++
		}
		if !seen[t.surface&15] {
			seen[t.surface&15] = true
			c.surfaces++
		}
		c.unanswered++
		if since == 0 {
			since = t.at
		}
		c.days = int((t.at - since) / (24 * 3600))
		if t.flags&spoken != 0 {
			c.mine++
			c.risks[c.n] = float64(t.risk) / 255
			c.n++
		}
	}
	if c.unanswered == 0 {
		c.days = 0
	}
	c.began = len(p.talks) > 0 && p.began.back == back
	return c
}
