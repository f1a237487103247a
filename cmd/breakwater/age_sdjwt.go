package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/breakwater-project/breakwater/sdjwt"
)

const maxProof = 1 << 20 // bytes of a presentation or a key

func newAgeVerifySDJWT() *cobra.Command {
	var presentation, issuerJWK, at, nonce, audience string
	var require []string
	cmd := &cobra.Command{
		Use:   "sdjwt",
		Short: "Check an SD-JWT or SD-JWT VC with the issuer's key",
		Long: `Checks an SD-JWT (RFC 9901) for one moment: the issuer's signature, disclosures
and dates and, with --nonce and --audience, that its holder made it now for this
verifier. Prints {"ok":…,"doctype":…,"claims":{…},"errors":[…]}; doctype is the
credential's vct. Claims of a presentation that does not verify are not printed.

--require names a claim that must be true, with dots for one inside another
(age_equal_or_over.18). Whether the issuer withdrew the credential is not asked:
that needs its status list. Exit status: 0 all of it holds, 1 something does not.`,
		Args: cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.StringVar(&presentation, "presentation", "", "file with the presentation, JWT~disclosure~…")
	flags.StringVar(&issuerJWK, "issuer-jwk", "", "file with the issuer's public key, a JSON Web Key")
	flags.StringVar(&at, "at", "", "the moment that dates are judged at, RFC 3339")
	flags.StringVar(&nonce, "nonce", "", "the nonce that the holder must have signed; with --audience")
	flags.StringVar(&audience, "audience", "", "the verifier that the holder must have signed for; with --nonce")
	flags.StringSliceVar(&require, "require", nil, "claim that must be true; may be repeated")
	for _, name := range []string{"presentation", "issuer-jwk", "at"} {
		cobra.CheckErr(cmd.MarkFlagRequired(name))
	}
	cmd.MarkFlagsRequiredTogether("nonce", "audience")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		policy, err := sdjwtPolicy(cmd, at, nonce, audience)
		if err != nil {
			return err
		}
		key, err := readKey(issuerJWK)
		if err != nil {
			return err
		}
		text, err := readProof(presentation)
		if err != nil {
			return err
		}
		return printProof(cmd.OutOrStdout(), verifySDJWT(strings.TrimSpace(string(text)), key, policy, require))
	}
	return cmd
}

func sdjwtPolicy(cmd *cobra.Command, at, nonce, audience string) (sdjwt.Policy, error) {
	moment, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return sdjwt.Policy{}, fmt.Errorf("--at %q is not a time like 2026-11-24T12:00:00Z", at)
	}
	policy := sdjwt.Policy{At: moment}
	if cmd.Flags().Changed("nonce") {
		if nonce == "" || audience == "" {
			return sdjwt.Policy{}, errors.New("--nonce and --audience may not be empty")
		}
		policy.Binding = &sdjwt.Binding{Nonce: nonce, Audience: audience}
	}
	return policy, nil
}

func readKey(path string) (*sdjwt.Key, error) {
	text, err := readProof(path)
	if err != nil {
		return nil, err
	}
	key, err := sdjwt.ParseKey(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

func verifySDJWT(text string, issuer *sdjwt.Key, policy sdjwt.Policy, require []string) proof {
	credential, err := sdjwt.Verify(text, issuer, policy)
	if err != nil {
		return proof{Claims: map[string]any{}, Errors: []string{err.Error()}}
	}
	p := proof{Doctype: credential.Type, Claims: credential.Claims, Errors: []string{}}
	for _, name := range require {
		if !credential.True(name) && !credential.True(strings.Split(name, ".")...) {
			p.Errors = append(p.Errors, fmt.Sprintf("required claim %s is not there or not true", name))
		}
	}
	p.OK = len(p.Errors) == 0
	return p
}
