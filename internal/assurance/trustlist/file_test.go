package trustlist

import (
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A list is read again when its file changes; until the one in use is out of
// date, nothing worse takes its place.
func TestFile(t *testing.T) {
	by := rsaSigner(t)
	first, second := ecdsaSigner(t).certificate, ecdsaSigner(t).certificate
	path := filepath.Join(t.TempDir(), "list.xml")
	f := NewFile(path, []*x509.Certificate{by.certificate})
	if _, err := f.Anchors(ServiceProofOfAge, today); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	stamp := today
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		stamp = stamp.Add(time.Second) // what a file system may not tell apart
		if err := os.Chtimes(path, stamp, stamp); err != nil {
			t.Fatal(err)
		}
	}
	only := func(want *x509.Certificate) {
		t.Helper()
		got, err := f.Anchors(ServiceProofOfAge, today)
		if err != nil || len(got) != 1 || !got[0].Equal(want) {
			t.Errorf("anchors %v, %v", got, err)
		}
	}
	list := unsigned(withRSA, byFilter+canonical, first)
	write(string(signed(t, list, by)))
	only(first)
	write(string(signed(t, unsigned(withRSA, byFilter+canonical, second), by)))
	only(second)
	write("half a li")
	only(second)
	write(string(signed(t, list, rsaSigner(t))))
	only(second)
	write(string(signed(t, strings.Replace(list, "<TSLSequenceNumber>7", "<TSLSequenceNumber>6", 1), by)))
	only(second)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	only(second)
	if _, err := f.Anchors(ServiceProofOfAge, today.AddDate(1, 0, 0)); !errors.Is(err, ErrStale) {
		t.Errorf("out of date: %v", err)
	}
}
