package assurance

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/breakwater-project/breakwater/agetoken"
)

// Purpose is what a guardian consents to. Passing a child's data on to others
// is a consent of its own (COPPA, 16 CFR 312.5(a)(2)).
type Purpose string

// The purposes.
const (
	PurposeService    Purpose = "service"     // that the child uses the service
	PurposeThirdParty Purpose = "third_party" // that its data goes to others
)

// Means is how it was made sure that a guardian consented.
type Means string

// The means: our own check of an adult's age, or what the platform did (16 CFR
// 312.5(b)(2)). That a document or a face was compared is all that may be said
// of it; both are deleted where they were.
const (
	MeansAgeCheck   Means = "age_check" // an adult passed a session of ours
	MeansTextPlus   Means = "text_plus"
	MeansEmailPlus  Means = "email_plus" // service only
	MeansKnowledge  Means = "knowledge_questions"
	MeansCard       Means = "card_payment"
	MeansDocument   Means = "document_check"
	MeansFaceMatch  Means = "face_match"
	MeansVideoCall  Means = "video_call"
	MeansSignedForm Means = "signed_form"
)

// internalOnly are the means that are too weak for data that goes to others.
var internalOnly = []Means{MeansTextPlus, MeansEmailPlus}

// Consent is a guardian's, for one account and purpose. Of the guardian it
// holds nothing.
type Consent struct {
	Purpose   Purpose
	Means     Means
	Given     time.Time // a day
	Withdrawn time.Time // a day; zero while it holds
}

// Errors of consents.
var (
	// ErrNoConsent means that there is none to withdraw.
	ErrNoConsent = errors.New("assurance: no such consent")
	// ErrNotAdult means that a session does not show that an adult consents: it
	// did not pass, or is for a younger age.
	ErrNotAdult = errors.New("assurance: the session shows no adult")
	// ErrWeakMeans means that a way of consent is not enough for the purpose.
	ErrWeakMeans = errors.New("assurance: this way of consent is not for data that goes to others")
)

// adulthood is the age of who may consent for a child.
const adulthood = 18

// Consents is a guardian's consent in force, or taken back, for each purpose.
func (a *Assurance) Consents(ctx context.Context, account string) ([]Consent, error) {
	rows, err := a.opt.DB.Read.QueryContext(ctx, `SELECT purpose, means, since, withdrawn FROM assurance_consent WHERE account = $1 ORDER BY purpose`, account)
	if err != nil {
		return nil, fmt.Errorf("assurance: consents: %w", err)
	}
	defer rows.Close()
	var all []Consent
	for rows.Next() {
		var c Consent
		var purpose, means string
		var given int64
		var withdrawn sql.NullInt64
		if err := rows.Scan(&purpose, &means, &given, &withdrawn); err != nil {
			return nil, fmt.Errorf("assurance: consents: %w", err)
		}
		c.Purpose, c.Means, c.Given = Purpose(purpose), Means(means), time.UnixMicro(given).UTC()
		if withdrawn.Valid {
			c.Withdrawn = time.UnixMicro(withdrawn.Int64).UTC()
		}
		all = append(all, c)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("assurance: consents: %w", err)
	}
	return all, nil
}

// Consent notes a guardian's consent for an account. With MeansAgeCheck the
// session must be the guardian's own, which need not name an account, and is
// used up; else it is empty. The errors are ErrNoSession, ErrNotAdult and ErrWeakMeans.
func (a *Assurance) Consent(ctx context.Context, account string, purpose Purpose, means Means, session string) error {
	if purpose == PurposeThirdParty && slices.Contains(internalOnly, means) {
		return ErrWeakMeans
	}
	err := a.opt.DB.Tx(ctx, func(tx *sql.Tx) error {
		if means == MeansAgeCheck {
			if err := a.useAdult(ctx, tx, session); err != nil {
				return err
			}
		}
		if err := writeConsent(ctx, tx, account, purpose, means, Day(a.opt.Now())); err != nil {
			return err
		}
		if err := a.label(ctx, tx, account, purpose, true); err != nil {
			return err
		}
		return a.count(ctx, tx, "", string(means), "consented")
	})
	if err != nil {
		return fmt.Errorf("assurance: consent: %w", err)
	}
	return nil
}

// useAdult uses up a session in which an adult has shown their age.
func (a *Assurance) useAdult(ctx context.Context, tx *sql.Tx, session string) error {
	if err := a.opt.DB.Lock(ctx, tx, "assurance.session:"+session); err != nil {
		return err
	}
	s, err := a.readSession(ctx, tx, session)
	switch {
	case err != nil:
		return err
	case s.State != StatePassed || s.Profile.Over < adulthood || s.Class < agetoken.Standard:
		return ErrNotAdult
	}
	_, err = tx.ExecContext(ctx, `DELETE FROM assurance_session WHERE id = $1`, session)
	return err
}

// Withdraw takes a guardian's consent back, at once. The error is ErrNoConsent.
func (a *Assurance) Withdraw(ctx context.Context, account string, purpose Purpose) error {
	err := a.opt.DB.Tx(ctx, func(tx *sql.Tx) error {
		if err := withdrawConsent(ctx, tx, account, purpose, Day(a.opt.Now())); err != nil {
			return err
		}
		if err := a.label(ctx, tx, account, purpose, false); err != nil {
			return err
		}
		return a.count(ctx, tx, "", "", "withdrawn")
	})
	if err != nil {
		return fmt.Errorf("assurance: withdraw: %w", err)
	}
	return nil
}

// label tells the rules of a consent.
func (a *Assurance) label(ctx context.Context, tx *sql.Tx, account string, purpose Purpose, holds bool) error {
	if a.opt.Label == nil {
		return nil
	}
	kinds := map[Purpose]string{PurposeService: "guardian.consent", PurposeThirdParty: "guardian.consent-third-party"}
	return a.opt.Label(ctx, tx, account, kinds[purpose], holds)
}
