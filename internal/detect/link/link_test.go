package link

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/detect/detecttest"
)

func shipped(t testing.TB) *Detector {
	t.Helper()
	banks, err := Load(os.DirFS("../../../policies/hosts"))
	if err != nil {
		t.Fatal(err)
	}
	return New(banks)
}

func TestContract(t *testing.T) {
	detecttest.Run(t, shipped(t),
		&event.Event{Content: event.Content{Text: "look: hxxp://tinyurl[.]com/abc"}},
		&event.Event{Content: event.Content{Links: []string{"https://bit.ly/x"}}},
	)
}

func TestCanonical(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"case", "HTTP://Example.ORG/Path", "http://example.org/Path"},
		{"no path", "https://example.org", "https://example.org/"},
		{"no scheme", "example.org/a", "http://example.org/a"},
		{"no scheme, port", "example.org:8080/a", "http://example.org:8080/a"},
		{"scheme-relative", "//example.org/a", "http://example.org/a"},
		{"defused scheme", "hxxps://example.org/", "https://example.org/"},
		{"one slash", "http:/example.org/", "http://example.org/"},
		{"backslashes", `http:\\example.org\a`, "http://example.org/a"},
		{"default port", "https://example.org:443/", "https://example.org/"},
		{"other port", "https://example.org:0444/", "https://example.org:444/"},
		{"empty port", "https://example.org:/", "https://example.org/"},
		{"user", "http://bank.example.com:pw@example.org/", "http://example.org/"},
		{"two ats", "http://a@b@example.org/", "http://example.org/"},
		{"fragment", "http://example.org/a#b?c", "http://example.org/a"},
		{"trailing dot", "http://example.org./", "http://example.org/"},
		{"punycode", "http://bücher.example.org/", "http://xn--bcher-kva.example.org/"},
		{"fullwidth host", "http://ｅｘａｍｐｌｅ。ｏｒｇ/", "http://example.org/"},
		{"escaped host", "http://ex%61mple.org/", "http://example.org/"},
		{"dot segments", "http://example.org/a/./b/../c/..", "http://example.org/a/"},
		{"escaped dot segments", "http://example.org/a/%2e%2E/b", "http://example.org/b"},
		{"above the root", "http://example.org/../../a", "http://example.org/a"},
		{"needless escapes", "http://example.org/%7e%41?q=%42", "http://example.org/~A?q=B"},
		{"escapes in upper case", "http://example.org/%c3%a9", "http://example.org/%C3%A9"},
		{"letters to escape", "http://example.org/é", "http://example.org/%C3%A9"},
		{"broken escape", "http://example.org/%zz", "http://example.org/%25zz"},
		{"escaped slash stays", "http://example.org/a%2fb", "http://example.org/a%2Fb"},
		{"tracking", "http://example.org/?utm_source=x&q=1&fbclid=y", "http://example.org/?q=1"},
		{"only tracking", "http://example.org/?UTM_SOURCE=x", "http://example.org/"},
		{"line break", "http://exam\nple.org/", "http://example.org/"},
		{"decimal address", "http://3221225985/", "http://192.0.2.1/"},
		{"hexadecimal address", "http://0xC0000201/", "http://192.0.2.1/"},
		{"octal parts", "http://0300.0.02.01/", "http://192.0.2.1/"},
		{"short address", "http://192.513/", "http://192.0.2.1/"},
		{"IPv6", "http://[2001:DB8:0::1]:80/", "http://[2001:db8::1]/"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Canonical(tc.in)
			if err != nil || got != tc.want {
				t.Errorf("Canonical(%q) = %q, %v; want %q", tc.in, got, err, tc.want)
			}
		})
	}
}

func TestNotALink(t *testing.T) {
	for _, in := range []string{
		"", " ", "mailto:a@example.org", "javascript:alert(1)", "data:,x", "http://", "http://..", "http://a..b/",
		"http://exa mple<>.org/", "http://[::1", "http://256.256.256.256/", "http://example.org:99999/", "http://1.2.3.4.5/",
		"http://" + strings.Repeat("a", 64) + ".org/", "http://example.org/" + strings.Repeat("a", maxLink),
	} {
		if got, err := Canonical(in); err == nil {
			t.Errorf("Canonical(%.40q) = %q, want an error", in, got)
		}
	}
}

func TestFind(t *testing.T) {
	f := newFinder()
	for in, want := range map[string][]string{
		"see https://example.org/a?b=c, please": {"https://example.org/a?b=c"},
		"(see example.org).":                    {"example.org"},
		"hxxp://example[.]org/a":                {"hxxp://example.org/a"},
		"go to example dot org now":             {"example.org"},
		"example(dot)org and example [.] com":   {"example.org", "example.com"},
		"hxxps[:]//example.org":                 {"hxxps://example.org"},
		"mail me@example.org":                   nil,
		"Wait...what? 3.14 is pi. Dr. Who.":     nil,
		"no links here":                         nil,
		"ends. Next sentence":                   nil,
		"bücher.example and 例え。example":         {"bücher.example", "例え。example"},
	} {
		if diff := cmp.Diff(want, f.find(in)); diff != "" {
			t.Errorf("find(%q) (-want +got):\n%s", in, diff)
		}
	}
}

func TestDetect(t *testing.T) {
	d := shipped(t)
	for _, tc := range []struct {
		name  string
		text  string
		links []string
		want  []decision.Signal
	}{
		{"none", "hello", nil, nil},
		{"harmless", "https://example.com/", nil, nil},
		{"below a blocked host", "x", []string{"https://a.b.blocked.example.org/"}, []decision.Signal{{Name: "link.blocked", Score: 1}}},
		{"a label only ends alike", "x", []string{"https://notblocked.example.org/"}, nil},
		{"hidden in the user name", "x", []string{"https://example.com@adult.example.org"}, []decision.Signal{{Name: "link.adult", Score: 1}}},
		{"defused in text", "hxxp://TinyURL[.]com/abc", nil, []decision.Signal{{Name: "link.shortener", Score: 1}}},
		{"one address twice counts once", "example.com", []string{"http://example.com/#x"}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := d.Detect(t.Context(), &event.Event{Content: event.Content{Text: tc.text, Links: tc.links}})
			if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
				t.Errorf("error %v (-want +got):\n%s", err, diff)
			}
		})
	}
	many := strings.Repeat("https://example.com/%s ", 10)
	for i := range 10 {
		many = strings.Replace(many, "%s", string(rune('a'+i)), 1)
	}
	got, _ := d.Detect(t.Context(), &event.Event{Content: event.Content{Text: many}})
	if diff := cmp.Diff([]decision.Signal{{Name: SignalCountHigh, Score: 1}}, got); diff != "" {
		t.Errorf("ten links (-want +got):\n%s", diff)
	}
}

func TestLoadReportsEveryFault(t *testing.T) {
	_, err := Load(fstest.MapFS{
		"a.yaml": {Data: []byte("hosts: a\nsignal: link.blocked\nscore: 2\nentries: [example.org, \"not a host\"]\nextra: 1\n")},
		"b.yaml": {Data: []byte("hosts: b\nsignal: text.hate\nscore: 1\nentries: [org]\n")},
	})
	if err == nil {
		t.Fatal("no error")
	}
	want := `a.yaml:3:8: score "2" is not a number above 0 and up to 1
a.yaml:5:1: unknown field extra (known: hosts, signal, score, entries)
a.yaml:4:24: "not a host" is not the name of a host
b.yaml:1:1: signal "text.hate" must begin with link.
b.yaml:4:11: "org" is not the name of a host`
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzCanonical(f *testing.F) {
	for _, s := range []string{"http://example.org/", "HXXP://A@b。c:80/%41/../?utm_x=1&y#z", "//0x7f.1", "[::1]", "a:80", "http:a%", "http://xn--a", "\\\\a.b\\..\\", "a.b/%2e%2e/%zz"} {
		f.Add(s)
	}
	finder := newFinder()
	f.Fuzz(func(t *testing.T, s string) {
		finder.find(s)
		once, err := Canonical(s)
		if err != nil {
			return
		}
		twice, err := Canonical(once)
		if err != nil || once != twice {
			t.Errorf("Canonical(%q) = %q, of which Canonical is %q, %v", s, once, twice, err)
		}
	})
}

func BenchmarkDetect(b *testing.B) {
	d := shipped(b)
	for name, text := range map[string]string{
		"no link 125": strings.Repeat("Hey, are you coming to the match on Saturday? ", 3)[:125],
		"one link":    "Look at this: https://example.com/a/b?utm_source=x&c=d",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			ev := &event.Event{Content: event.Content{Text: text}}
			for b.Loop() {
				if _, err := d.Detect(b.Context(), ev); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestLinks(t *testing.T) {
	d := New(&Banks{})
	got := d.Links(&event.Event{Content: event.Content{
		Text: "see HTTPS://Example.org/a#b and mail me at a@b.example", Links: []string{"https://example.org/a", "javascript:x", "other.example"},
	}})
	if want := []string{"https://example.org/a", "http://other.example/"}; !cmp.Equal(want, got) {
		t.Error(cmp.Diff(want, got))
	}
}
