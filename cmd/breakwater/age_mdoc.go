package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/breakwater-project/breakwater/mdoc"
)

// mdocFlags are what "age verify mdoc" was told.
type mdocFlags struct {
	response, transcript, issuerKey, at, docType string
	trust, require                               []string
}

func newAgeVerifyMdoc() *cobra.Command {
	var f mdocFlags
	cmd := &cobra.Command{
		Use:   "mdoc [PEM…]",
		Short: "Check a DeviceResponse of ISO 18013-5: an age attestation, a driving licence",
		Long: `Checks a DeviceResponse for one moment: the issuer's chain, signature and dates,
the digest of each disclosed item and the device's signature over this session.
Prints {"ok":…,"doctype":…,"claims":{…},"errors":[…]}, claims by namespace; those
of a response that does not verify are not printed.

Whom to trust is told by --trust, PEM files of issuer authorities (more of them
may follow it), or by --issuer-key, and then no certificate is looked at.
Whether the issuer withdrew the document is not asked. Exit status: 0 all of it
holds and each required claim is there and true, 1 something does not.`,
	}
	flags := cmd.Flags()
	flags.StringVar(&f.response, "response", "", "file with the DeviceResponse: CBOR, or that in hex or base64url")
	flags.StringVar(&f.transcript, "session-transcript", "", "the SessionTranscript that the device must have signed, CBOR in hex")
	flags.StringSliceVar(&f.trust, "trust", nil, "PEM file of trusted issuer authorities; may be repeated")
	flags.StringVar(&f.issuerKey, "issuer-key", "", "the issuer's key instead: an uncompressed P-256 point in hex, 04…")
	flags.StringVar(&f.at, "at", "", "the moment that dates are judged at, RFC 3339")
	flags.StringVar(&f.docType, "doctype", "", "the document that it must be, such as eu.europa.ec.av.1")
	flags.StringSliceVar(&f.require, "require", nil, "claim that must be true, such as age_over_18; may be repeated")
	for _, name := range []string{"response", "session-transcript", "at"} {
		cobra.CheckErr(cmd.MarkFlagRequired(name))
	}
	cmd.MarkFlagsOneRequired("trust", "issuer-key")
	cmd.MarkFlagsMutuallyExclusive("trust", "issuer-key")
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 && !cmd.Flags().Changed("trust") {
			return fmt.Errorf("unexpected %q: files are named after --trust", args[0])
		}
		return nil
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		f.trust = append(f.trust, args...)
		request, err := f.request()
		if err != nil {
			return err
		}
		text, err := readProof(f.response)
		if err != nil {
			return err
		}
		return printProof(cmd.OutOrStdout(), verifyMdoc(text, request))
	}
	return cmd
}

// request is what the flags ask for.
func (f mdocFlags) request() (mdoc.Request, error) {
	r := mdoc.Request{DocType: f.docType, Require: f.require}
	var err error
	if r.At, err = time.Parse(time.RFC3339, f.at); err != nil {
		return r, fmt.Errorf("--at %q is not a time like 2026-11-24T12:00:00Z", f.at)
	}
	if r.Transcript, err = hex.DecodeString(f.transcript); err != nil || len(r.Transcript) == 0 {
		return r, errors.New("--session-transcript is not hex")
	}
	if f.issuerKey != "" {
		r.IssuerKey, err = parsePoint(f.issuerKey)
		return r, err
	}
	for _, file := range f.trust {
		roots, err := readCertificates(file)
		if err != nil {
			return r, err
		}
		r.Roots = append(r.Roots, roots...)
	}
	if len(r.Roots) == 0 {
		return r, errors.New("--trust and --issuer-key name nobody to trust")
	}
	return r, nil
}

func parsePoint(text string) (*ecdsa.PublicKey, error) {
	point, err := hex.DecodeString(text)
	if err == nil {
		var key *ecdsa.PublicKey
		if key, err = ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point); err == nil {
			return key, nil
		}
	}
	return nil, fmt.Errorf("--issuer-key is not an uncompressed P-256 point (04 and 64 bytes) in hex: %w", err)
}

// readCertificates reads the certificates of a PEM file, which must have some.
func readCertificates(path string) ([]*x509.Certificate, error) {
	text, err := readProof(path)
	if err != nil {
		return nil, err
	}
	var certs []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		certs = append(certs, cert)
	}
	if len(certs) == 0 {
		return nil, fmt.Errorf("%s: no certificate in PEM", path)
	}
	return certs, nil
}

// verifyMdoc takes CBOR or text that stands for it. They can't be taken for
// each other: a DeviceResponse is a map, and its first byte no ASCII.
func verifyMdoc(response []byte, r mdoc.Request) proof {
	if len(response) > 0 && response[0] < 0x80 {
		response = fromText(response)
	}
	result := mdoc.Verify(response, r)
	p := proof{OK: result.OK, Doctype: result.DocType, Claims: map[string]any{}, Errors: []string{}}
	for namespace, claims := range result.Claims {
		p.Claims[namespace] = claims
	}
	for _, e := range result.Errors {
		p.Errors = append(p.Errors, e.Error())
	}
	return p
}
