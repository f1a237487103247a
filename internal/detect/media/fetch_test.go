package media

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/decision"
	"github.com/breakwater-project/breakwater/event"
)

// served is a fetcher of a server on this machine, which it would not ask if
// it were not told to.
func served(t *testing.T, h http.HandlerFunc) (*Fetcher, string) {
	t.Helper()
	server := httptest.NewTLSServer(h)
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "https://")
	f := NewFetcher([]string{host, "localhost"}, 1000)
	f.permit = netip.Addr.IsLoopback
	f.client.Transport.(*http.Transport).TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig
	return f, server.URL
}

func TestFetch(t *testing.T) {
	f, address := served(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/picture":
			fmt.Fprint(w, "bytes")
		case "/exact":
			fmt.Fprint(w, strings.Repeat("x", 1000))
		case "/large", "/large-told":
			if r.URL.Path == "/large-told" {
				w.Header().Set("Content-Length", "1001")
			}
			_, _ = fmt.Fprint(w, strings.Repeat("x", 1001))
		case "/elsewhere":
			http.Redirect(w, r, "/picture", http.StatusFound)
		case "/slow":
			<-r.Context().Done()
		case "/cut":
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "half")
		case "/empty":
		default:
			http.NotFound(w, r)
		}
	})
	for path, want := range map[string]string{
		"/picture": "5 bytes", "/exact": "1000 bytes", "/large": "larger", "/large-told": "larger",
		"/elsewhere": "answers 302", "/none": "answers 404", "/slow": "deadline exceeded", "/cut": "can't be fetched", "/empty": "empty",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if path == "/slow" {
			cancel()
			ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
		}
		data, err := f.Fetch(ctx, address+path)
		cancel()
		got := fmt.Sprint(len(data), " bytes")
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) || strings.Contains(got, address) {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

func TestOnlyNamedHostsMayBeFetchedFrom(t *testing.T) {
	f := NewFetcher([]string{"CDN.example.", "other.example:8443"}, 10)
	for address, may := range map[string]bool{
		"https://cdn.example/a": true, "https://CDN.example/a": true, "https://other.example:8443/": true,
		"http://cdn.example/a": false, "https://cdn.example:8443/": false, "https://a.cdn.example/": false,
		"https://user@cdn.example/": false, "https://cdn.example@evil.example/": false, "https://evil.example/cdn.example": false,
		"": false, "%": false, "file:///etc/passwd": false, "https://127.0.0.1/": false,
	} {
		if f.May(address) != may {
			t.Errorf("%s: may be fetched: %v", address, !may)
		}
		if _, err := f.Fetch(t.Context(), address); !may && err == nil {
			t.Errorf("%s is fetched", address)
		}
	}
	if (*Fetcher)(nil).May("https://cdn.example/") || NewFetcher(nil, 10).May("https://cdn.example/") {
		t.Error("what names no host may fetch")
	}
}

// A name that may be fetched from can't lead into the operator's network, even
// where it led elsewhere a moment before: the address is looked at when it is
// connected to.
func TestNamesCannotLeadInside(t *testing.T) {
	asked := false
	f, address := served(t, func(http.ResponseWriter, *http.Request) { asked = true })
	f.permit = func(netip.Addr) bool { return false }
	port := address[strings.LastIndex(address, ":"):]
	f.hosts["localhost"+port] = true
	for _, inside := range []string{address, "https://localhost" + port} {
		if _, err := f.Fetch(t.Context(), inside); !errors.Is(err, errPrivate) || asked {
			t.Errorf("%s: %v, asked %v", inside, err, asked)
		}
	}
}

func TestAddressesThatAreNotPublic(t *testing.T) {
	f := NewFetcher(nil, 0)
	for address, ok := range map[string]bool{
		"93.184.216.34:443": true, "[2606:2800:220:1::1]:443": true,
		"127.0.0.1:443": false, "[::1]:443": false, "10.1.2.3:443": false, "172.16.0.1:443": false, "192.168.1.1:443": false,
		"169.254.169.254:80": false, "[fe80::1]:443": false, "[fe80::1%eth0]:443": false, "[fd00:ec2::254]:80": false,
		"0.0.0.0:443": false, "[::]:443": false, "100.100.100.200:80": false, "224.0.0.1:443": false, "255.255.255.255:443": false,
		"[::ffff:127.0.0.1]:443": false, "[::ffff:10.0.0.1]:443": false, "[64:ff9b::7f00:1]:443": false, "[2002:7f00:1::]:443": false,
		"[2001:0:7f00:1::]:443": false, "198.18.0.1:443": false, "192.0.2.1:443": false, "[ff02::1]:443": false, "localhost:443": false,
	} {
		if err := f.control("tcp", address, nil); (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
	}
	if err := f.control("unix", "/run/socket", nil); err == nil {
		t.Error("a socket is connected to")
	}
}

// bytesOnly knows what it is given as bytes, and three hashes.
type bytesOnly struct{}

func (bytesOnly) Match(_ context.Context, item Item) (Known, error) {
	known := Known{Unreadable: string(item.Data) == "bytes", Innocent: item.SHA256 == "innocent"}
	if item.SHA256 == "known" || item.PDQ == "doubted" {
		known.Matches = []Match{{Topic: CSAM, Match: decision.Match{Review: item.PDQ == "doubted"}}}
	}
	return known, nil
}

func TestMediaThatComeAsAnAddress(t *testing.T) {
	f, address := served(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/picture" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, "bytes")
	})
	d := New(bytesOnly{}, f)
	look := func(m event.Media) string {
		signals, err := d.Detect(t.Context(), &event.Event{Content: event.Content{Media: []event.Media{m}}})
		var names []string
		for _, s := range signals {
			names = append(names, s.Name)
		}
		return fmt.Sprint(names, err)
	}
	if got := look(event.Media{URL: address + "/picture"}); got != "[media.unreadable] <nil>" {
		t.Errorf("fetched: %s", got)
	}
	if got := look(event.Media{URL: address + "/gone"}); !strings.Contains(got, "answers 404") {
		t.Errorf("it can't be had: %s", got)
	}
	if got := look(event.Media{URL: address + "/gone", SHA256: "known"}); got != "[media.csam] <nil>" {
		t.Errorf("it can't be had, but its hash is known: %s", got)
	}
	for name, m := range map[string]event.Media{
		"unknown": {SHA256: "x", PDQ: "y"}, "innocent": {SHA256: "innocent"}, "in doubt": {PDQ: "doubted"},
	} {
		m.URL = address + "/gone"
		if got := look(m); !strings.Contains(got, "answers 404") {
			t.Errorf("it can't be had, and its hash is %s: %s", name, got)
		}
	}
	if got := look(event.Media{URL: "https://other.example/"}); !strings.Contains(got, "media.unseen") {
		t.Errorf("another host: %s", got)
	}
}

// FuzzMay holds that what may be fetched is at a named host.
func FuzzMay(f *testing.F) {
	for _, address := range []string{"https://cdn.example/", "https://cdn.example@evil/", "https://cdn.example\\@evil/", "//cdn.example"} {
		f.Add(address)
	}
	fetcher := NewFetcher([]string{"cdn.example"}, 10)
	f.Fuzz(func(t *testing.T, address string) {
		if !fetcher.May(address) {
			return
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		if err == nil && !strings.EqualFold(r.URL.Host, "cdn.example") {
			t.Errorf("%q is asked for at %s", address, r.URL.Host)
		}
	})
}
