package exchange_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/internal/hashlist/exchange"
	"github.com/breakwater-project/breakwater/internal/hashlist/exchange/exchangetest"
)

func TestAddresses(t *testing.T) {
	for address, ok := range map[string]bool{
		"https://lists.example/v2": true, "http://127.0.0.1:99": true, "http://[::1]:99": true, "http://localhost/": true,
		"http://lists.example": false, "https://user:pass@lists.example": false, "https://lists.example/?key=s3cret": false,
		"ftp://lists.example": false, "lists.example": false, "": false, "https://": false, "http://127.0.0.1.example/": false,
	} {
		_, err := exchange.NewTransport(address)
		if (err == nil) != ok {
			t.Errorf("%q: %v", address, err)
		}
		if err != nil && (strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "pass@")) {
			t.Errorf("the error repeats the address: %v", err)
		}
	}
}

// count answers every request alike and counts them.
func count(t *testing.T, status int, header, value string) (*exchange.Transport, *int, *[]time.Duration) {
	t.Helper()
	n := new(int)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		*n++
		if header != "" {
			w.Header().Set(header, value)
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(server.Close)
	var pauses []time.Duration
	way := exchangetest.Transport(t, server, &pauses)
	way.Now = func() time.Time { return start }
	return way, n, &pauses
}

func TestRetries(t *testing.T) {
	for _, tt := range []struct {
		name          string
		method        string
		status        int
		header, value string
		want          int
		least, most   time.Duration // of the first pause
	}{
		{"busy", "GET", 429, "", "", 5, time.Second, 2 * time.Second},
		{"busy, with a word of when", "GET", 429, "Retry-After", "30", 5, 30 * time.Second, 30 * time.Second},
		{"busy until a date", "GET", 503, "Retry-After", start.Add(40 * time.Second).Format(http.TimeFormat), 5, 40 * time.Second, 40 * time.Second},
		{"busy for too long", "GET", 429, "Retry-After", "3600", 1, 0, 0},
		{"failing", "GET", 500, "", "", 5, time.Second, 2 * time.Second},
		{"refusing", "GET", 403, "", "", 1, 0, 0},
		{"a vote on a failing server", "PUT", 500, "", "", 5, time.Second, 2 * time.Second},
		{"a message that may have arrived", "POST", 500, "", "", 1, 0, 0},
		{"a message that has not", "POST", 429, "", "", 5, time.Second, 2 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			way, n, pauses := count(t, tt.status, tt.header, tt.value)
			err := way.Do(t.Context(), exchange.Request{Method: tt.method, Path: "/x?secret=s3cret"}, exchange.Discard)
			var status *exchange.StatusError
			if !errors.As(err, &status) || status.Status != tt.status || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("error %v", err)
			}
			if *n != tt.want || len(*pauses) != tt.want-1 {
				t.Errorf("%d requests, pauses %v", *n, *pauses)
			}
			if len(*pauses) > 0 && ((*pauses)[0] < tt.least || (*pauses)[0] > tt.most) {
				t.Errorf("first pause %v", (*pauses)[0])
			}
		})
	}
}

// An address that an exchange gives can't lead away.
func TestPathsStayOnTheHost(t *testing.T) {
	way, n, _ := count(t, 200, "", "")
	for _, path := range []string{".evil.example/", "@evil.example/", ":1/", "\x7f"} {
		if err := way.Do(t.Context(), exchange.Request{Path: path}, exchange.Discard); err == nil {
			t.Errorf("%q is asked for", path)
		}
	}
	if *n != 0 {
		t.Errorf("%d requests", *n)
	}
}

func TestReadingEndsWithTheCaller(t *testing.T) {
	way, _, _ := count(t, 200, "", "")
	ctx, cancel := context.WithCancel(t.Context())
	err := way.Do(ctx, exchange.Request{}, func(io.Reader) error {
		cancel()
		return errors.New("cut off")
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
