package mdoc

import (
	"crypto/elliptic"
	"reflect"
	"testing"
)

// What is proven is what inspection has shown.
func TestInspect(t *testing.T) {
	for _, v := range vectors(t) {
		response, request := byIndex(t, v.Index)
		contents, err := Inspect(response)
		if err != nil || contents.DocType == "" || contents.Until.IsZero() {
			t.Errorf("%d: %+v, %v", v.Index, contents, err)
		}
		if proven := Verify(response, request); proven.OK && !reflect.DeepEqual(proven.Claims, contents.Claims) {
			t.Errorf("%d: proven is %v, inspection shows %v", v.Index, proven.Claims, contents.Claims)
		}
	}
}

func TestInspectNamesTheIssuer(t *testing.T) {
	p, _ := good(t, elliptic.P256())
	response := p.response()
	contents, err := Inspect(response)
	if err != nil || contents.Issuer == "" || !contents.Until.Equal(p.until) || contents.Claims[avType]["age_over_18"] != true {
		t.Errorf("%+v, %v", contents, err)
	}
	for n := range response {
		if contents, err := Inspect(response[:n]); err == nil {
			t.Fatalf("cut off at %d it says %+v", n, contents)
		}
	}
}

// Whatever comes, inspection ends, and shows nothing that Verify would prove
// otherwise.
func FuzzInspect(f *testing.F) {
	p, request := good(f, elliptic.P256())
	f.Add(p.response())
	f.Add([]byte{0xa1})
	f.Fuzz(func(t *testing.T, b []byte) {
		contents, err := Inspect(b)
		if proven := Verify(b, request); proven.OK && (err != nil || !reflect.DeepEqual(proven.Claims, contents.Claims)) {
			t.Fatalf("proven is %v, inspection shows %v, %v", proven.Claims, contents, err)
		}
	})
}
