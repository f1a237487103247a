package wellbeing

import (
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// read takes in marks of one day: "10:00 start", "10:05 beat phone".
func (p *person) read(t *testing.T, lines ...string) {
	t.Helper()
	for _, line := range lines {
		var h, m int
		var word, device string
		if n, _ := fmt.Sscanf(line, "%d:%d %s %s", &h, &m, &word, &device); n < 3 {
			t.Fatalf("%q is no mark", line)
		}
		w, ok := map[string]what{"start": start, "beat": beat, "end": end}[word]
		if !ok {
			t.Fatalf("%q is no mark", line)
		}
		p.add(w, clockAt(h, m), device)
	}
}

func clockAt(h, m int) int64 {
	return time.Date(2026, 11, 24, h, m, 0, 0, time.UTC).Unix()
}

const (
	gap   = 10 * 60
	pause = 5 * 60
)

func TestSessions(t *testing.T) {
	for _, test := range []struct {
		name         string
		marks        []string
		h, m         int // when it is asked
		session, day int // minutes
	}{
		{"nobody", nil, 10, 0, 0, 0},
		{"a start alone", []string{"10:00 start"}, 10, 0, 0, 0},
		{"heartbeats extend", []string{"10:00 start", "10:05 beat", "10:10 beat", "10:15 beat"}, 10, 15, 15, 15},
		{"the start was lost", []string{"10:00 beat", "10:05 beat"}, 10, 5, 5, 5},
		{"the end was lost: it ended with its last heartbeat", []string{"10:00 start", "10:05 beat", "12:00 start", "12:05 beat"}, 12, 5, 5, 10},
		{"a start and an end alone", []string{"10:00 start", "10:40 end"}, 10, 40, 40, 40},
		{"but not for half a day", []string{"08:00 start", "14:00 end"}, 14, 0, 0, 0},
		{"a short pause is no break, and no time online", []string{"10:00 start", "10:10 end", "10:14 start", "10:20 end"}, 10, 20, 16, 16},
		{"a break", []string{"10:00 start", "10:10 end", "10:15 start", "10:20 beat"}, 10, 20, 5, 15},
		{"a heartbeat after an end is another device that goes on", []string{"10:00 start", "10:05 end", "10:10 beat"}, 10, 10, 10, 10},
		{"two devices at once count once", []string{"10:00 start a", "10:05 start b", "10:10 beat a", "10:15 beat b", "10:18 end a", "10:25 beat b"}, 10, 25, 25, 25},
		{"one device ends, another goes on", []string{"10:00 start a", "10:05 start b", "10:08 end a", "10:15 beat b", "10:20 beat b"}, 10, 20, 20, 20},
		{"two devices one after the other", []string{"10:00 start a", "10:10 end a", "10:20 start b", "10:25 beat b"}, 10, 25, 5, 15},
		{"a device that is left on the table", []string{"10:00 start a", "10:05 beat a", "10:40 start b", "10:50 end b"}, 10, 50, 10, 15},
		{"asked for a time in between", []string{"10:00 start", "10:10 beat", "10:20 beat"}, 10, 15, 15, 15},
		{"asked for a time before", []string{"10:00 start", "10:10 beat"}, 9, 0, 0, 0},
		{"over noon", []string{"10:00 start", "12:00 end", "18:00 start", "19:30 end"}, 19, 30, 90, 210},
	} {
		for _, order := range []string{"in order", "backwards", "twice"} {
			p, marks := &person{}, slices.Clone(test.marks)
			if order == "backwards" {
				slices.Reverse(marks)
			}
			p.read(t, marks...)
			if order == "twice" {
				p.read(t, marks...)
			}
			at, spans := clockAt(test.h, test.m), p.spans(gap, clockAt(24, 0))
			session, day := sinceBreak(spans, at, pause), covered(spans, clockAt(0, 0), at)
			if session != time.Duration(test.session)*time.Minute || day != time.Duration(test.day)*time.Minute {
				t.Errorf("%s, %s: %s since the break and %s today, want %d and %d minutes; spans %v",
					test.name, order, session, day, test.session, test.day, spans)
			}
		}
	}
}

// The order in which marks come makes no difference, nor how often they do, as
// long as they are no older than the marks that are kept.
func TestOrderMakesNoDifference(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 6))
		marks, devices := someDay(r, 1+r.IntN(mostMarks-1)), maphash.MakeSeed()
		var first []span
		for round := range 4 {
			p := &person{seed: devices}
			for _, m := range marks {
				p.add(m.what, m.at(), fmt.Sprint("device ", m.device))
				if r.IntN(4) == 0 {
					p.add(m.what, m.at(), fmt.Sprint("device ", m.device))
				}
			}
			if spans := p.spans(gap, clockAt(24, 0)); round == 0 {
				first = spans
			} else if !slices.Equal(first, spans) {
				t.Fatalf("seed %d: %v in one order and %v in another", seed, first, spans)
			}
			r.Shuffle(len(marks), func(i, j int) { marks[i], marks[j] = marks[j], marks[i] })
		}
	}
}

// Folding old marks changes nothing of what is known.
func TestFolding(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 7))
		marks := someDay(r, 900)
		slices.SortFunc(marks, func(a, b mark) int { return int(a.at() - b.at()) })
		devices := maphash.MakeSeed()
		p, whole := &person{seed: devices}, &person{seed: devices}
		last := int64(0)
		for _, m := range marks {
			if m.at() == last {
				continue // what comes in the second at which it was folded is late
			}
			last = m.at()
			p.add(m.what, m.at(), fmt.Sprint("device ", m.device))
			p.spans(gap, clockAt(24, 0))
			whole.add(m.what, m.at(), fmt.Sprint("device ", m.device))
		}
		if len(p.marks) > mostMarks {
			t.Fatalf("%d marks are kept", len(p.marks))
		}
		got, want := online(p.spans(gap, clockAt(24, 0))), online(union(cover(whole.marks, gap)))
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: folded %v\nwhole %v", seed, got, want)
		}
	}
}

// Whoever left is kept in less, and is known as well as before.
func TestSettling(t *testing.T) {
	p := &person{}
	for minute := range 50 {
		p.add(beat, clockAt(10, minute), "")
	}
	before := p.spans(gap, clockAt(24, 0))
	p.fold(p.newest, gap)
	if after := p.spans(gap, clockAt(24, 0)); !slices.Equal(before, after) || len(p.marks) != 1 {
		t.Errorf("%d marks; %v, was %v", len(p.marks), after, before)
	}
	p.add(beat, clockAt(10, 55), "")
	p.add(beat, clockAt(10, 20), "") // too late to matter
	if d := covered(p.spans(gap, clockAt(24, 0)), clockAt(0, 0), clockAt(23, 0)); d != 55*time.Minute {
		t.Errorf("going on from there: %s, want 55 minutes", d)
	}
}

// A device whose clock is a day ahead hides nothing of another's time.
func TestClockAhead(t *testing.T) {
	p := &person{}
	now := clockAt(12, 0)
	for minute := range int64(120) {
		p.add(beat, now+minute*60, "")
		p.add(beat, now+24*60*60+minute*60, "ahead")
		p.spans(gap, now+minute*60)
	}
	if d := covered(p.spans(gap, now+120*60), now, now+120*60); d != 119*time.Minute {
		t.Errorf("%s are known, want 119 minutes", d)
	}
	for i := range int64(5000) {
		p.add(beat, now+100_000+i, "")
		p.spans(gap, now)
	}
	if len(p.marks) > mostAhead {
		t.Errorf("%d marks are kept", len(p.marks))
	}
}

// online leaves out the moments.
func online(spans []span) []span {
	return slices.DeleteFunc(slices.Clone(spans), func(s span) bool { return s.from == s.to })
}

// someDay is n marks of up to three devices within a day.
func someDay(r *rand.Rand, n int) []mark {
	marks := make([]mark, n)
	for i := range marks {
		marks[i] = mark{uint32(clockAt(0, 0) + r.Int64N(24*60*60)), uint16(r.IntN(3)), what(r.IntN(3))}
	}
	return marks
}
