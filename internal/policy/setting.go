package policy

import (
	"cmp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// setting is one thing that a safeguard can set on an account: its values in
// order of strictness, and what it is when no safeguard says otherwise.
type setting struct {
	name   string
	kind   settingKind
	values []string // choice: loosest first
	normal any      // nil: absent
	strict any      // flag: the protective value
}

type settingKind uint8

const (
	flag    settingKind = iota // true or false
	choice                     // one of values
	minutes                    // int, smaller is stricter
	hours                      // Interval, longer is stricter
)

// Interval is a part of the day, local time, "HH:MM"; it may pass midnight.
type Interval struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// settings is the table of what safeguards can set.
func settings() []setting {
	on := func(name string) setting { return setting{name: name, normal: true, strict: false} }  // a risk: off protects
	off := func(name string) setting { return setting{name: name, normal: false, strict: true} } // a protection: on protects
	pick := func(name string, values ...string) setting {
		return setting{name: name, kind: choice, values: values, normal: values[0]}
	}
	return []setting{
		on("account_allowed"), on("ai_companion"), {name: "ai_break_minutes", kind: minutes}, on("appearance_filters"),
		on("autoplay"), {name: "break_reminder_minutes", kind: minutes}, on("camera"),
		pick("comments_from_strangers", "on", "confirm", "off"), off("confirm_first_contact"), on("contact_sync"),
		on("discoverable"), pick("dm_from_strangers", "on", "confirm", "off"), on("download_by_others"),
		on("ephemeral_prompts"), on("follower_counts"), on("group_add_without_consent"), off("group_details_first"),
		pick("images_from_strangers", "on", "blur", "hold", "off"), on("infinite_scroll"), on("leaderboards"), on("live_contact"), on("live_gifts"),
		on("live_start"), on("location"), on("loot_boxes"), on("microphone"), on("network_prompts"),
		off("parental_consent"), on("personalised_ads"), on("personalised_feed"), off("private_profile"),
		on("public_likes"), {name: "push_quiet_hours", kind: hours}, on("push_notifications"), on("read_receipts"),
		off("safe_search"), on("show_connections"), on("spending"), on("streaks"), off("warn_time_critical"),
	}
}

func settingNames() []string {
	var names []string
	for _, st := range settings() {
		names = append(names, st.name)
	}
	return names
}

// stricter reports whether a protects more than b.
func (st *setting) stricter(a, b any) bool {
	if b == nil || a == nil {
		return a != nil
	}
	switch st.kind {
	case flag:
		return a == st.strict && b != st.strict
	case choice:
		return slices.Index(st.values, a.(string)) > slices.Index(st.values, b.(string))
	case minutes:
		return a.(int) < b.(int)
	default:
		x, y := a.(Interval), b.(Interval)
		return cmp.Compare(x.length(), y.length()) > 0
	}
}

// join is the strictest that a and b ask for together; quiet hours that
// overlap become one stretch that covers both.
func (st *setting) join(a, b any) any {
	if st.kind == hours && a != nil && b != nil {
		return a.(Interval).cover(b.(Interval))
	}
	if st.stricter(b, a) {
		return b
	}
	return a
}

const day = 24 * 60 // minutes

// length is how many minutes the interval lasts; one that ends when it begins
// is the whole day.
func (i Interval) length() int {
	n := (clock(i.To) - clock(i.From) + day) % day
	if n == 0 {
		return day
	}
	return n
}

// cover is the shortest interval that has both in it.
func (i Interval) cover(j Interval) Interval {
	best := Interval{From: i.From, To: i.From} // the whole day
	for _, c := range []Interval{i, j, {From: i.From, To: j.To}, {From: j.From, To: i.To}} {
		if c.contains(i) && c.contains(j) && c.length() < best.length() {
			best = c
		}
	}
	return best
}

func (i Interval) contains(j Interval) bool {
	begin := (clock(j.From) - clock(i.From) + day) % day
	return begin+j.length() <= i.length()
}

// clock is the minute of the day of "HH:MM".
func clock(s string) int {
	h, m, _ := strings.Cut(s, ":")
	return (int(h[0]-'0')*10+int(h[1]-'0'))*60 + int(m[0]-'0')*10 + int(m[1]-'0')
}

// settingValue reads a value of st.
func (f *file) settingValue(st *setting, n *yaml.Node) any {
	switch st.kind {
	case flag:
		return f.bool(n)
	case choice:
		// YAML 1.1 readers take on and off for booleans; this one must not.
		return f.oneOf(n, st.values...)
	case minutes:
		return f.count(n, day)
	default:
		var i Interval
		f.fields(n, "from, to", func(key string, v *yaml.Node) bool {
			switch key {
			case "from":
				i.From = f.matching(v, clockPattern, "a time of day, for example \"22:00\"")
			case "to":
				i.To = f.matching(v, clockPattern, "a time of day, for example \"07:00\"")
			default:
				return false
			}
			return true
		})
		if !clockPattern.MatchString(i.From) || !clockPattern.MatchString(i.To) {
			if n.Kind == yaml.MappingNode {
				f.fault(n, "needs from and to, as {from: \"22:00\", to: \"07:00\"}")
			}
			return nil
		}
		return i
	}
}
