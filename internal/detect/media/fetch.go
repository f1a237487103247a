package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
)

// Fetcher gets media from hosts that the operator names, over https, and from
// nowhere else: it follows no redirect, asks no proxy, and looks at the address
// that a name has led to when it connects, so that no name can lead into the
// operator's own network.
type Fetcher struct {
	hosts  map[string]bool
	bytes  int64
	client *http.Client
	permit func(netip.Addr) bool // besides public addresses; for tests
}

// NewFetcher fetches from hosts ("cdn.example", at port 443) at most so many
// bytes.
func NewFetcher(hosts []string, bytes int64) *Fetcher {
	f := &Fetcher{hosts: map[string]bool{}, bytes: bytes, permit: func(netip.Addr) bool { return false }}
	for _, host := range hosts {
		f.hosts[strings.ToLower(strings.TrimSuffix(host, "."))] = true
	}
	dialer := &net.Dialer{Control: f.control}
	f.client = &http.Client{
		Transport: &http.Transport{
			DialContext: dialer.DialContext, DisableCompression: true, ForceAttemptHTTP2: true,
			MaxIdleConnsPerHost: 8, MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return f
}

// Errors of Fetch name no address: what people send each other is not for logs.
var (
	errAddress = errors.New("media: not an address that may be fetched")
	errPrivate = errors.New("media: the host leads to an address that is not public")
	errLarge   = errors.New("media: the file is larger than is fetched")
)

// May reports whether an address may be fetched. A nil Fetcher may fetch none.
func (f *Fetcher) May(address string) bool {
	if f == nil || len(f.hosts) == 0 || address == "" {
		return false
	}
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "https" && u.User == nil && f.hosts[strings.ToLower(u.Host)]
}

// Fetch gets a file, whole.
func (f *Fetcher) Fetch(ctx context.Context, address string) ([]byte, error) {
	if !f.May(address) {
		return nil, errAddress
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, errAddress
	}
	request.Header.Set("User-Agent", "Breakwater")
	response, err := f.client.Do(request) // #nosec G704 -- May and control have looked
	if err != nil {
		return nil, blameless(ctx, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("media: the host answers %d", response.StatusCode)
	}
	if response.ContentLength > f.bytes {
		return nil, errLarge
	}
	data, err := io.ReadAll(io.LimitReader(response.Body, f.bytes+1))
	switch {
	case err != nil:
		return nil, blameless(ctx, err)
	case int64(len(data)) > f.bytes:
		return nil, errLarge
	case len(data) == 0:
		return nil, errors.New("media: the file is empty")
	}
	return data, nil
}

// blameless is an error without the address that net/http repeats.
func blameless(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, errPrivate) {
		return errPrivate
	}
	return errors.New("media: the file can't be fetched")
}

// control looks at each address that is connected to.
func (f *Fetcher) control(network, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !strings.HasPrefix(network, "tcp") {
		return errPrivate
	}
	if addr := to.Addr().Unmap(); !public(addr) && !f.permit(addr) {
		return errPrivate
	}
	return nil
}

// public reports whether an address is one of the open internet.
func public(a netip.Addr) bool {
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.Zone() != "" {
		return false
	}
	for _, special := range specials() {
		if special.Contains(a) {
			return false
		}
	}
	return true
}

// specials are ranges that are not the open internet, or lead out of it (IANA
// IPv4 and IPv6 Special-Purpose Address Registries), besides those that netip
// knows.
func specials() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),       // this network
		netip.MustParsePrefix("100.64.0.0/10"),   // carriers' own
		netip.MustParsePrefix("192.0.0.0/24"),    // protocols
		netip.MustParsePrefix("192.0.2.0/24"),    // documents
		netip.MustParsePrefix("192.88.99.0/24"),  // 6to4 relays
		netip.MustParsePrefix("198.18.0.0/15"),   // measurements
		netip.MustParsePrefix("198.51.100.0/24"), // documents
		netip.MustParsePrefix("203.0.113.0/24"),  // documents
		netip.MustParsePrefix("240.0.0.0/4"),     // reserved
		netip.MustParsePrefix("64:ff9b::/96"),    // IPv4 behind a translator
		netip.MustParsePrefix("64:ff9b:1::/48"),  // the same, a network's own
		netip.MustParsePrefix("100::/64"),        // discarded
		netip.MustParsePrefix("2001::/23"),       // protocols, Teredo among them
		netip.MustParsePrefix("2001:db8::/32"),   // documents
		netip.MustParsePrefix("2002::/16"),       // 6to4: IPv4 within
		netip.MustParsePrefix("3fff::/20"),       // documents
		netip.MustParsePrefix("5f00::/16"),       // segment routing
		netip.MustParsePrefix("fec0::/10"),       // site-local
	}
}
