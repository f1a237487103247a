// Package trustlist reads trusted lists of ETSI TS 119 612: the XML in which the
// European Commission names the providers of age attestations.
//
// Nothing of a list is used unless its signature is right, by a key that the
// operator named, and the list is not out of date. What is used is read from
// the very bytes that were signed.
package trustlist

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"strings"
	"time"
)

// MaxSize is the most bytes of a list. The largest national lists have some six
// million; those of age attestations tens of thousands.
const MaxSize = 16 << 20

// Identifiers of the EU's lists of proof of age attestation providers.
const (
	TypeAgeVerification = "http://ec.europa.eu/tools/lotl/av/TrstSvc/TrustedList/TSLType/AVTL"
	ServiceProofOfAge   = "http://ec.europa.eu/tools/lotl/av/TrstSvc/Svctype/PAA"
)

// ErrStale says that a list is past the date of its next update. What it says
// may have been withdrawn since.
var ErrStale = errors.New("trusted list is out of date")

// List is what a trusted list says.
type List struct {
	Type       string
	Sequence   int
	Operator   string
	Issued     time.Time
	NextUpdate time.Time
	Services   []Service
}

// Service is one trust service of a provider.
type Service struct {
	Provider     string
	Name         string
	Type         string
	Status       string
	Since        time.Time // when the status began
	Certificates []*x509.Certificate
}

// Read reads a list that one of the signers signed, as it stands at a time. A
// list that is out of date gives ErrStale.
func Read(text []byte, signers []*x509.Certificate, at time.Time) (*List, error) {
	if len(text) > MaxSize {
		return nil, fmt.Errorf("trusted list: larger than %d bytes", MaxSize)
	}
	signed, err := verify(text, signers, at)
	if err != nil {
		return nil, fmt.Errorf("trusted list: signature: %w", err)
	}
	list, err := parse(signed)
	if err != nil {
		return nil, fmt.Errorf("trusted list: %w", err)
	}
	switch {
	case list.Issued.After(at):
		return nil, fmt.Errorf("trusted list: issued on %s, in the future", list.Issued.Format(time.RFC3339))
	case !at.Before(list.NextUpdate):
		return nil, fmt.Errorf("%w: its next update was due on %s", ErrStale, list.NextUpdate.Format(time.RFC3339))
	}
	return list, nil
}

// Anchors are the certificates of the services of a type whose status allows to
// trust them at a time.
func (l *List) Anchors(serviceType string, at time.Time) []*x509.Certificate {
	var anchors []*x509.Certificate
	for i := range l.Services {
		s := &l.Services[i]
		if s.Type == serviceType && s.trusted() && !s.Since.After(at) {
			anchors = append(anchors, s.Certificates...)
		}
	}
	return anchors
}

// trusted reports whether the status is one that ETSI TS 119 612, 5.5.4, gives
// to a service that may be relied on: granted, or notified where notice is all
// that the law asks for. Any other, known or not, is not.
func (s *Service) trusted() bool {
	switch s.Status[strings.LastIndexByte(s.Status, '/')+1:] {
	case "granted", "notified":
		return true
	}
	return false
}

// namespace is that of lists, versions 2 to 6.
const namespace = "http://uri.etsi.org/02231/v2#"

// The part of a list that is read. Unknown elements are left alone: the format
// has many that say nothing of whom to trust.
type listText struct {
	XMLName xml.Name
	Scheme  struct {
		Sequence   int       `xml:"TSLSequenceNumber"`
		Type       string    `xml:"TSLType"`
		Operator   []string  `xml:"SchemeOperatorName>Name"`
		Issued     time.Time `xml:"ListIssueDateTime"`
		NextUpdate string    `xml:"NextUpdate>dateTime"`
	} `xml:"SchemeInformation"`
	Providers []struct {
		Names    []string      `xml:"TSPInformation>TSPName>Name"`
		Services []serviceText `xml:"TSPServices>TSPService>ServiceInformation"`
	} `xml:"TrustServiceProviderList>TrustServiceProvider"`
}

type serviceText struct {
	Type         string    `xml:"ServiceTypeIdentifier"`
	Names        []string  `xml:"ServiceName>Name"`
	Certificates []string  `xml:"ServiceDigitalIdentity>DigitalId>X509Certificate"`
	Status       string    `xml:"ServiceStatus"`
	Since        time.Time `xml:"StatusStartingTime"`
}

func parse(signed []byte) (*List, error) {
	var text listText
	if err := xml.NewDecoder(bytes.NewReader(signed)).Decode(&text); err != nil {
		return nil, err
	}
	if text.XMLName.Space != namespace || text.XMLName.Local != "TrustServiceStatusList" {
		return nil, fmt.Errorf("the document is a %s, not a TrustServiceStatusList", text.XMLName.Local)
	}
	list := &List{
		Type: trim(text.Scheme.Type), Sequence: text.Scheme.Sequence, Operator: first(text.Scheme.Operator),
		Issued: text.Scheme.Issued,
	}
	// An empty next update is how a closed list says that it ended.
	next, err := time.Parse(time.RFC3339, trim(text.Scheme.NextUpdate))
	if err != nil {
		return nil, errors.New("NextUpdate is missing or no time: the list is closed")
	}
	list.NextUpdate = next
	for _, provider := range text.Providers {
		for _, service := range provider.Services {
			s, err := service.read(first(provider.Names))
			if err != nil {
				return nil, err
			}
			list.Services = append(list.Services, s)
		}
	}
	return list, nil
}

func (s *serviceText) read(provider string) (Service, error) {
	service := Service{Provider: provider, Name: first(s.Names), Type: trim(s.Type), Status: trim(s.Status), Since: s.Since}
	for _, text := range s.Certificates {
		der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
		if err != nil {
			return service, fmt.Errorf("certificate of service %q: not base64", service.Name)
		}
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return service, fmt.Errorf("certificate of service %q: %w", service.Name, err)
		}
		service.Certificates = append(service.Certificates, certificate)
	}
	return service, nil
}

func trim(s string) string { return strings.TrimSpace(s) }

// first is the first of several names, one a language: English, where the
// standard's rule that each has an English one is kept.
func first(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return trim(names[0])
}
