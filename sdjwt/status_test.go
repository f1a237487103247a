package sdjwt_test

import (
	"bytes"
	"compress/zlib"
	"slices"
	"testing"

	"github.com/breakwater-project/breakwater/sdjwt"
)

// The examples of draft-ietf-oauth-status-list §4.1 and §4.2.
func TestStatusListExamples(t *testing.T) {
	for _, c := range []struct {
		bits int
		lst  string
		want []sdjwt.Status
	}{
		{1, "eNrbuRgAAhcBXQ", []sdjwt.Status{1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1}},
		{2, "eNo76fITAAPfAgc", []sdjwt.Status{1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3}},
	} {
		list, err := sdjwt.DecodeStatusList(c.bits, c.lst)
		if err != nil {
			t.Fatal(err)
		}
		if got := statuses(t, list); !slices.Equal(got, c.want) {
			t.Errorf("%d bits: %v, want %v", c.bits, got, c.want)
		}
	}
}

func TestStatusListWidths(t *testing.T) {
	packed := base64url(deflated(t, []byte{0x21, 0xf0}))
	for bits, want := range map[int][]sdjwt.Status{
		1: {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1},
		2: {1, 0, 2, 0, 0, 0, 3, 3},
		4: {1, 2, 0, 15},
		8: {0x21, 0xf0},
	} {
		list, err := sdjwt.DecodeStatusList(bits, packed)
		if err != nil {
			t.Fatal(err)
		}
		if got := statuses(t, list); !slices.Equal(got, want) {
			t.Errorf("%d bits: %v, want %v", bits, got, want)
		}
		for _, index := range []int{-1, len(want)} {
			if _, err := list.At(index); err == nil {
				t.Errorf("%d bits: a status at %d", bits, index)
			}
		}
	}
}

func statuses(t *testing.T, list *sdjwt.StatusList) []sdjwt.Status {
	var all []sdjwt.Status
	for i := range list.Len() {
		status, err := list.At(i)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, status)
	}
	return all
}

func TestStatusListRefuses(t *testing.T) {
	good := deflated(t, []byte{1, 2, 3})
	for name, c := range map[string]struct {
		bits int
		lst  string
	}{
		"three bits":    {3, base64url(good)},
		"no bits":       {0, base64url(good)},
		"padding":       {1, base64url(good) + "="},
		"empty":         {1, ""},
		"not zlib":      {1, base64url([]byte("plain"))},
		"cut":           {1, base64url(good[:len(good)-1])},
		"checksum":      {1, base64url(append(slices.Clone(good[:len(good)-1]), good[len(good)-1]^1))},
		"more after it": {1, base64url(append(slices.Clone(good), 0))},
		"a bomb":        {1, base64url(deflated(t, make([]byte, 16<<20+1)))},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := sdjwt.DecodeStatusList(c.bits, c.lst); err == nil {
				t.Error("accepted")
			}
		})
	}
}

func FuzzDecodeStatusList(f *testing.F) {
	f.Add(1, "eNrbuRgAAhcBXQ")
	f.Add(2, "eNo76fITAAPfAgc")
	f.Add(8, "")
	f.Fuzz(func(t *testing.T, bits int, lst string) {
		list, err := sdjwt.DecodeStatusList(bits, lst)
		if err != nil || list.Len() == 0 {
			return
		}
		status, err := list.At(list.Len() - 1)
		if err != nil || int(status) >= 1<<bits {
			t.Errorf("last status %d, %v", status, err)
		}
	})
}

func deflated(t *testing.T, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zlib.NewWriter(&out)
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
