package conversation

import (
	"cmp"
	"slices"
)

// A hit is a line that was aimed at somebody to hurt.
type hit struct {
	who    uint64 // digest of the account: who did it, or whom it was done to
	at, id uint32
	score  uint8
}

// A target is what was done to one account by all others, and what it did itself: the
// newest of each.
type target struct {
	got, gave []hit
	newest    uint32
}

const mostHits = 16

func (t *target) expired(now uint32) bool { return now > t.newest+keepSeconds }

// join adds a hit to the newest ones.
func join(hits []hit, h hit) []hit {
	for i := range hits {
		if hits[i].id == h.id {
			hits[i].at, hits[i].score = min(hits[i].at, h.at), max(hits[i].score, h.score)
			return hits
		}
	}
	if len(hits) < mostHits {
		return append(hits, h)
	}
	oldest := 0
	for i := range hits {
		if hits[i].at < hits[oldest].at || hits[i].at == hits[oldest].at && hits[i].id < hits[oldest].id {
			oldest = i
		}
	}
	if h.at > hits[oldest].at || h.at == hits[oldest].at && h.id > hits[oldest].id {
		hits[oldest] = h
	}
	return hits
}

func sortHits(hits []hit) {
	slices.SortFunc(hits, func(a, b hit) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.id, b.id))
	})
}

// pileOn is how many different senders hit a target within a day before a time, and how
// much of it the target gave back in that day.
func (t *target) pileOn(at uint32) (senders int, back float64) {
	const window = 24 * 3600
	var who [mostHits]uint64
	var got, gave int
	for _, h := range t.got {
		if h.at > at || at-h.at > window {
			continue
		}
		got++
		if !slices.Contains(who[:senders], h.who) {
			who[senders] = h.who
			senders++
		}
	}
	for _, h := range t.gave {
		if h.at <= at && at-h.at <= window {
			gave++
		}
	}
	if got == 0 {
		return 0, 0
	}
	return senders, min(1, float64(gave)/float64(got))
}

// A turn is who spoke in a group.
type turn struct {
	who    uint64
	at, id uint32 // id is that of the content
}

// A thread is the newest turns of a conversation of many: whom a line answers.
type thread struct {
	turns  []turn // by time, then id
	newest uint32
}

const mostTurns = 16

func (t *thread) expired(now uint32) bool { return now > t.newest+keepSeconds }

func (t *thread) join(u turn) {
	t.newest = max(t.newest, u.at)
	if i := slices.IndexFunc(t.turns, func(o turn) bool { return o.id == u.id }); i >= 0 {
		t.turns[i].at = min(t.turns[i].at, u.at)
		return
	}
	i := len(t.turns)
	for i > 0 && (u.at < t.turns[i-1].at || u.at == t.turns[i-1].at && u.id < t.turns[i-1].id) {
		i--
	}
	if len(t.turns) < mostTurns {
		t.turns = slices.Insert(t.turns, i, u)
		return
	}
	if i > 0 {
		copy(t.turns, t.turns[1:i])
		t.turns[i-1] = u
	}
}

// author is who wrote a content, if it is among the newest.
func (t *thread) author(content uint32) (uint64, bool) {
	for _, u := range t.turns {
		if u.id == content {
			return u.who, true
		}
	}
	return 0, false
}

// answered is who spoke last before a line, within minutes.
func (t *thread) answered(by uint64, at uint32) (uint64, bool) {
	const minutes = 10 * 60
	for _, u := range slices.Backward(t.turns) {
		if u.at <= at && u.who != by {
			return u.who, at-u.at <= minutes
		}
	}
	return 0, false
}
