package mdoc_test

import (
	"crypto/x509"
	"fmt"
	"time"

	"github.com/breakwater-project/breakwater/mdoc"
)

// A verifier holds what came from a wallet against what it asked for.
func ExampleVerify() {
	var fromWallet []byte                              // a DeviceResponse in CBOR
	transcript := []byte{0x83, 0xf6, 0xf6, 0x81, 0x60} // made of its own request
	var roots []*x509.Certificate                      // of a trusted list

	result := mdoc.Verify(fromWallet, mdoc.Request{
		Transcript: transcript,
		DocType:    "eu.europa.ec.av.1",
		Roots:      roots,
		At:         time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC),
		Require:    []string{"age_over_18"},
	})
	fmt.Println(result.OK)
	for _, defect := range result.Errors {
		fmt.Println(defect.Name)
	}
	// Output:
	// false
	// truncated
}
