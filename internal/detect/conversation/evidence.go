package conversation

import (
	"fmt"
	"slices"
	"strings"
)

// story says in which order stages were seen, over which time, between whom.
func (v *view) story(of []stage, ages bool) []string {
	var seen []stage
	for _, k := range of {
		if v.did.first[k] != 0 {
			seen = append(seen, k)
		}
	}
	slices.SortStableFunc(seen, func(a, b stage) int {
		return int(int64(v.did.first[a]) - int64(v.did.first[b]))
	})
	if len(seen) == 0 {
		return nil
	}
	var b strings.Builder
	b.WriteString("The sender ")
	for i, k := range seen {
		if i > 0 {
			b.WriteString(", then ")
		}
		b.WriteString(said[k])
	}
	first, last := v.did.first[seen[0]], v.did.first[seen[0]]
	for _, k := range seen {
		last = max(last, v.did.last[k])
	}
	if last > first {
		b.WriteString(", " + within(last-first))
	}
	b.WriteByte('.')
	e := []string{b.String()}
	if ages || v.to.minor() {
		e = append(e, v.who())
	}
	if v.one {
		e = append(e, v.acquaintance())
		if c := &v.course; c.n >= leastLines {
			e = append(e, fmt.Sprintf("Of the last %d lines, %d are the sender's.", c.mine+c.theirs, c.mine))
			if c.stand() > 0.1 {
				e = append(e, "A few lines stand out from talk that is otherwise ordinary.")
			}
		}
	}
	return e
}

// who says how old the two are, as far as it is known.
func (v *view) who() string {
	other, is := "the other", "is"
	if !v.one {
		other, is = "the youngest there", "is"
	}
	switch {
	case v.peers():
		return "Both are minors: to be handled proportionately, and reported by a person only."
	case v.sender.adult() && v.to.minor():
		return "The sender is an adult and " + other + " " + is + " a child."
	case v.sender.adult():
		return "The sender is an adult; " + other + " may be a child."
	case v.to.minor():
		return "The sender may be an adult; " + other + " is a child."
	case v.sender.minor():
		return "The sender is a child; " + other + " may be one."
	case !v.sender.known() && !v.to.known():
		return "Neither age is known: the sender may be an adult, " + other + " may be a child."
	default:
		return "The sender may be an adult, " + other + " may be a child."
	}
}

func (v *view) acquaintance() string {
	switch {
	case v.close():
		return "They are connected and have connections in common."
	case v.to.Connected:
		return "They are connected, with few or no connections in common."
	case v.course.began:
		return "They are not connected, and the sender wrote first."
	default:
		return "They are not connected."
	}
}

// hurt says what bullying stands on.
func (v *view) hurt(balance float64) []string {
	e := v.many(v.story([]stage{insult, harassment, exclusion, threat, doxxing}, false))
	n := 0
	for _, k := range []stage{insult, harassment, exclusion, threat, doxxing} {
		if v.did.last[k] > v.did.first[k] {
			n++
		}
	}
	if n > 0 {
		e = append(e, "It was done again and again.")
	}
	if v.older() {
		e = append(e, "The sender is older than the other.")
	}
	if balance < 0.2 {
		e = append(e, "The other does not answer in kind.")
	}
	return e
}

// many adds how many senders there are.
func (v *view) many(e []string) []string {
	if v.crowd > 1 {
		e = append(e, fmt.Sprintf("%d senders did so to the same person within a day.", v.crowd))
	}
	return e
}

// persistence says what stalking stands on.
func (v *view) persistence() []string {
	c := &v.course
	var e []string
	if c.unanswered > 1 {
		text := fmt.Sprintf("The sender's last %d lines or looks had no answer", c.unanswered)
		if c.days > 0 {
			text += ", " + within(uint32(c.days)*24*3600)
		}
		e = append(e, text+".")
	}
	if c.surfaces > 1 {
		e = append(e, fmt.Sprintf("They came in %d places of the platform.", c.surfaces))
	}
	if c.stopped > 0 {
		e = append(e, fmt.Sprintf("%d came after the other had blocked the sender.", c.stopped))
	}
	return append(e, v.story([]stage{monitoring, locationDemand, insult, harassment, threat, control}, false)...)
}

// within is a length of time as people say it.
func within(seconds uint32) string {
	const hour, day, week = 3600, 24 * 3600, 7 * 24 * 3600
	up := func(unit uint32) uint32 { return (seconds + unit - 1) / unit }
	switch {
	case seconds <= hour:
		return "within an hour"
	case seconds <= day:
		return "within a day"
	case seconds < 2*week:
		return fmt.Sprintf("within %d days", up(day))
	default:
		return fmt.Sprintf("over %d weeks", up(week))
	}
}
