package app

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/breakwater-project/breakwater/internal/age"
	"github.com/breakwater-project/breakwater/internal/assurance"
	"github.com/breakwater-project/breakwater/internal/assurance/practice"
	"github.com/breakwater-project/breakwater/internal/assurance/provider"
	"github.com/breakwater-project/breakwater/internal/assurance/trustlist"
	"github.com/breakwater-project/breakwater/internal/assurance/wallet"
	"github.com/breakwater-project/breakwater/internal/config"
	"github.com/breakwater-project/breakwater/internal/label"
	"github.com/breakwater-project/breakwater/internal/queue"
	"github.com/breakwater-project/breakwater/sdjwt"
)

// assuranceJob forgets age checks that are over.
const assuranceJob = "assurance.prune"

// openAssurance opens the age checks.
func (a *App) openAssurance(ctx context.Context) error {
	checks, err := walletChecks(a.cfg, a.watch.Log)
	if err != nil {
		return err
	}
	elsewhere, err := a.providerChecks(ctx)
	if err != nil {
		return err
	}
	registry, err := practice.Open(a.cfg.Age.Methods, a.cfg.Age.Figures)
	if err != nil {
		return err
	}
	o := assurance.Options{
		DB: a.db, Accounts: a.Engine.Accounts, Now: a.options.Now,
		Origins: a.cfg.Age.Origins, Checks: append(checks, elsewhere...), Practice: registry, Log: a.watch.Log,
		URL: func() string {
			if a.cfg.Age.URL != "" {
				return strings.TrimSuffix(a.cfg.Age.URL, "/")
			}
			return a.URL()
		},
		Label: a.labelConsent,
	}
	if o.Secret, err = a.secret("assurance"); err != nil {
		return err
	}
	if o.Signer, err = requestSigner(a.cfg.Age.RequestCert, a.cfg.Age.RequestKey); err != nil {
		return err
	}
	if a.Assurance, err = assurance.New(o); err != nil {
		return err
	}
	if err := a.profilesReady(); err != nil {
		return err
	}
	queue.Add(a.queue, assuranceJob, func(ctx context.Context, _ struct{}) error { return a.Assurance.Prune(ctx) }, queue.KindOpts{})
	a.queue.Every(assuranceJob, 10*time.Minute, struct{}{})
	return nil
}

// labelConsent lets rules see a guardian's consent.
func (a *App) labelConsent(ctx context.Context, tx *sql.Tx, account, kind string, holds bool) error {
	l := label.Label{Account: account, Kind: kind, Source: "guardian"}
	if !holds {
		l.Expires = a.options.Now()
	}
	return a.Engine.Labels.PutTx(ctx, tx, l)
}

// profilesReady refuses profiles that are to be offered and leave people no
// choice (R28).
func (a *App) profilesReady() error {
	for _, id := range a.cfg.Age.Profiles {
		p, ok := a.Assurance.Profile(id)
		if !ok {
			return fmt.Errorf("age.profiles: there is no profile %q", id)
		}
		if err := a.Assurance.Configured(&p); err != nil {
			return fmt.Errorf("age.profiles: %s: %w", id, err)
		}
	}
	return nil
}

// eraseChecks is the age checks' share of an erasure.
func (a *App) eraseChecks(ctx context.Context, tx *sql.Tx, account string) ([]age.Held, error) {
	if a.Assurance == nil {
		return nil, nil // an engine alone
	}
	return nil, a.Assurance.Erase(ctx, tx, account)
}

// providerChecks are the checks of the configured providers.
func (a *App) providerChecks(ctx context.Context) ([]assurance.Check, error) {
	if a.cfg.Age.Providers == "" {
		return nil, nil
	}
	// The providers' keys are fetched as long as the server runs, and no longer
	// than one request waits.
	all, err := provider.Load(context.WithoutCancel(ctx), a.cfg.Age.Providers, provider.NewClient(), a.options.Now)
	if err != nil {
		return nil, fmt.Errorf("age.providers: %w", err)
	}
	var checks []assurance.Check
	for _, p := range all {
		more, err := assurance.NewElsewhere(p)
		if err != nil {
			return nil, fmt.Errorf("age.providers: %s: %w", p.Name, err)
		}
		checks = append(checks, more...)
	}
	return checks, nil
}

// walletChecks are the wallet documents for which somebody is trusted.
func walletChecks(cfg *config.Config, log *slog.Logger) ([]assurance.Check, error) {
	var checks []assurance.Check
	for _, w := range []struct {
		of       assurance.Method
		document wallet.Document
		files    []string
	}{
		{assurance.WalletAV, wallet.AgeAttestation(), cfg.Age.AVRoots},
		{assurance.WalletMDL, wallet.DrivingLicence(), cfg.Age.MDLRoots},
		{assurance.WalletSDJWT, wallet.Credential(cfg.Age.CredentialTypes...), cfg.Age.CredentialIssuers},
	} {
		listed := w.of == assurance.WalletAV && cfg.Age.AVList != ""
		if len(w.files) == 0 && !listed {
			continue
		}
		issuers, err := readIssuers(w.files)
		if err != nil {
			return nil, fmt.Errorf("age: issuers of %s: %w", w.of, err)
		}
		check := &assurance.Wallet{
			Of: w.of, Document: w.document,
			Issuers: func(time.Time) (wallet.Issuers, error) { return issuers, nil },
		}
		if listed {
			if check.Issuers, err = listedIssuers(cfg, log, issuers); err != nil {
				return nil, err
			}
		}
		checks = append(checks, check)
	}
	return checks, nil
}

// listedIssuers are the issuers and whom the EU's list names at the time. While
// the list is out of date nobody is trusted: whom it would name no more can't be
// known.
func listedIssuers(cfg *config.Config, log *slog.Logger, issuers wallet.Issuers) (func(time.Time) (wallet.Issuers, error), error) {
	signers, err := readIssuers(cfg.Age.AVListSigners)
	if err != nil {
		return nil, fmt.Errorf("age.av_list_signers: %w", err)
	}
	if len(signers.Roots) == 0 {
		return nil, errors.New("age.av_list_signers: a list is worth what its signature is worth: name who may sign it")
	}
	list := trustlist.NewFile(cfg.Age.AVList, signers.Roots)
	list.Log = log
	return func(at time.Time) (wallet.Issuers, error) {
		anchors, err := list.Anchors(trustlist.ServiceProofOfAge, at)
		if err != nil {
			return wallet.Issuers{}, err
		}
		all := issuers
		all.Roots = slices.Concat(issuers.Roots, anchors)
		return all, nil
	}, nil
}

// readIssuers reads whom to trust: PEM files of authorities, and JSON files of
// an issuer's keys, {"iss": …, "keys": […]}.
func readIssuers(files []string) (wallet.Issuers, error) {
	issuers := wallet.Issuers{Keys: map[string][]*sdjwt.Key{}}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return issuers, err
		}
		if strings.HasSuffix(file, ".json") {
			err = readKeys(text, issuers.Keys)
		} else {
			issuers.Roots, err = readRoots(text, issuers.Roots)
		}
		if err != nil {
			return issuers, fmt.Errorf("%s: %w", file, err)
		}
	}
	return issuers, nil
}

func readRoots(text []byte, roots []*x509.Certificate) ([]*x509.Certificate, error) {
	before := len(roots)
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		roots = append(roots, cert)
	}
	if len(roots) == before {
		return nil, errors.New("no certificate in PEM")
	}
	return roots, nil
}

func readKeys(text []byte, keys map[string][]*sdjwt.Key) error {
	var file struct {
		Issuer string            `json:"iss"`
		Keys   []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return err
	}
	if file.Issuer == "" || len(file.Keys) == 0 {
		return errors.New(`it must name an issuer ("iss") and its public keys ("keys")`)
	}
	for _, jwk := range file.Keys {
		key, err := sdjwt.ParseKey(jwk)
		if err != nil {
			return err
		}
		keys[file.Issuer] = append(keys[file.Issuer], key)
	}
	return nil
}

// requestSigner signs requests to wallets with a configured certificate; nil
// where there is none.
func requestSigner(cert, key string) (*wallet.Signer, error) {
	if cert == "" && key == "" {
		return nil, nil //nolint:nilnil // none is configured
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("age.request_cert, age.request_key: %w", err)
	}
	chain := make([]*x509.Certificate, len(pair.Certificate))
	for i, der := range pair.Certificate {
		if chain[i], err = x509.ParseCertificate(der); err != nil {
			return nil, fmt.Errorf("age.request_cert: %w", err)
		}
	}
	private, ok := pair.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, errors.New("age.request_key: not a key that signs")
	}
	return wallet.NewSigner(private, chain)
}
