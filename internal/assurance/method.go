package assurance

import (
	"slices"

	"github.com/breakwater-project/breakwater/agetoken"
	"github.com/breakwater-project/breakwater/event"
	"github.com/breakwater-project/breakwater/internal/age"
)

// Method is a way to find out about somebody's age. The names are stored.
type Method string

// The methods: wallets, what providers do, what devices and stores say, and
// what never counts as highly effective.
const (
	WalletAV         Method = "wallet_av"     // the European proof-of-age attestation
	WalletMDL        Method = "wallet_mdl"    // a mobile driving licence
	WalletSDJWT      Method = "wallet_sd_jwt" // another wallet credential, as SD-JWT VC
	OpenBanking      Method = "open_banking"
	PhotoID          Method = "photo_id"
	FacialEstimation Method = "facial_estimation"
	MobileOperator   Method = "mobile_operator"
	CreditCard       Method = "credit_card"
	EmailEstimation  Method = "email_estimation"
	DigitalID        Method = "digital_id"
	AgeKey           Method = "agekey"
	Review           Method = "review" // a person decided, on appeal
	Token            Method = "token"  // an age token, of whoever is trusted to issue them
	DeviceSignal     Method = "device_signal"
	StoreSignal      Method = "store_signal"
	Guardian         Method = "guardian"
	SelfDeclaration  Method = "self_declaration"
	DebitCard        Method = "debit_card"
	Terms            Method = "terms"
)

// facts of a method that hold everywhere. That it is capable does not say that
// a provider does it well: that takes evidence (Options.Practice).
type facts struct {
	capable      bool // of being highly effective (Ofcom, guidance of January 2025, part 3)
	governmentID bool // asks for an identity document or what a state issued
	bases        []event.Basis
}

var (
	verified  = []event.Basis{event.BasisVerified}
	estimated = []event.Basis{event.BasisEstimated}
	either    = []event.Basis{event.BasisVerified, event.BasisEstimated}
)

// of is the one table of methods. A method that is not in it counts for
// nothing.
func (m Method) facts() facts {
	switch m {
	case WalletAV:
		return facts{capable: true, bases: verified}
	case WalletMDL, WalletSDJWT, PhotoID, DigitalID:
		return facts{capable: true, governmentID: true, bases: verified}
	case OpenBanking, MobileOperator, CreditCard, Review:
		return facts{capable: true, bases: verified}
	case FacialEstimation, EmailEstimation:
		return facts{capable: true, bases: estimated}
	case AgeKey, Token:
		return facts{capable: true, bases: either}
	}
	return facts{}
}

// Methods lists every method, as the constants do.
func Methods() []Method {
	return []Method{
		WalletAV, WalletMDL, WalletSDJWT, OpenBanking, PhotoID, FacialEstimation, MobileOperator, CreditCard,
		EmailEstimation, DigitalID, AgeKey, Review, Token, DeviceSignal, StoreSignal, Guardian, SelfDeclaration, DebitCard, Terms,
	}
}

func (m Method) known() bool { return slices.Contains(Methods(), m) }

// Capable reports whether the method can be highly effective at all. What
// people say of themselves, debit cards and terms of use never are (R25).
func (m Method) Capable() bool { return m.facts().capable }

// GovernmentID reports whether the method asks for an identity document.
func (m Method) GovernmentID() bool { return m.facts().governmentID }

// HighlyEffective reports whether a result may count as highly effective age
// assurance: a capable method of the basis that it can have, of the standard
// level at least, in a form that the person could not make up. An estimate
// must be as sure as internal/age asks.
func (r *Result) HighlyEffective() bool {
	f := r.Method.facts()
	switch {
	case !f.capable || !slices.Contains(f.bases, r.Basis):
		return false
	case r.Level < agetoken.Standard || r.Integrity < AttestedClient:
		return false
	}
	return r.Basis != event.BasisEstimated || r.Confidence >= age.HighlyEffective
}
