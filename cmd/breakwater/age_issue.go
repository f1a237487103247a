package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/breakwater-project/breakwater/agetoken"
	"github.com/breakwater-project/breakwater/internal/app"
	"github.com/breakwater-project/breakwater/internal/assurance/token"
)

func newAgeGrant() *cobra.Command {
	var says string
	var n int
	cmd := &cobra.Command{
		Use:   "grant",
		Short: "Let somebody whose age you have checked get age tokens",
		Long: `Makes a grant and prints it: whoever has it may have so many tokens signed, until
the end of tomorrow. It is for checks that no server makes: at a counter, by a
school. Hand it to the person's device, and keep no copy. No name goes with it.`,
		Args: cobra.NoArgs,
	}
	s := bind(cmd, issuing)
	cmd.Flags().StringVar(&says, "says", "", "what the check has shown, such as over-18.strict")
	cmd.Flags().IntVar(&n, "tokens", 10, "how many tokens, 30 at most")
	_ = cmd.MarkFlagRequired("says") // fails only without such a flag
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		statement, err := token.ParseStatement(says)
		if err != nil {
			return err
		}
		cfg, err := s.load(cmd, issuing)
		if err != nil {
			return err
		}
		grant, err := app.GrantTokens(cmd.Context(), cfg, statement, n)
		if err != nil {
			return failed(err)
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), grant)
		return failed(err)
	}
	return cmd
}

func newAgeIssue() *cobra.Command {
	var says, requests string
	var n int
	cmd := &cobra.Command{
		Use:   "issue",
		Short: "Sign age tokens without a grant",
		Long: `Signs with the key of this month. With --requests, what devices have blinded: a
file of token requests in base64url, one a line; the answers are printed in
their order. With --tokens, whole tokens, one a line: for tests, as whoever runs
this could tell them again.`,
		Args: cobra.NoArgs,
	}
	s := bind(cmd, issuing)
	cmd.Flags().StringVar(&says, "says", "", "what the tokens say, such as over-18.strict")
	cmd.Flags().StringVar(&requests, "requests", "", "file with token requests in base64url, one a line")
	cmd.Flags().IntVar(&n, "tokens", 0, "print so many tokens, 30 at most")
	_ = cmd.MarkFlagRequired("says") // fails only without such a flag
	cmd.MarkFlagsMutuallyExclusive("requests", "tokens")
	cmd.MarkFlagsOneRequired("requests", "tokens")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		statement, err := token.ParseStatement(says)
		if err != nil {
			return err
		}
		var list []agetoken.Request
		if requests != "" {
			if list, err = readRequests(requests); err != nil {
				return err
			}
		}
		return withTokenKeys(cmd, s, func(keys *token.Keys) error {
			name := agetoken.KeyName{Over: statement.Over, Class: statement.Class, Epoch: agetoken.EpochOf(time.Now())}
			issuer, err := keys.Named(cmd.Context(), name)
			if errors.Is(err, token.ErrNoKey) {
				return fmt.Errorf("there is no key %s: breakwater age keys create makes those of tokens.issue", name)
			}
			if err != nil {
				return err
			}
			if requests != "" {
				return signRequests(cmd.OutOrStdout(), issuer, list)
			}
			return printTokens(cmd.Context(), cmd.OutOrStdout(), issuer, keys.Host(), n)
		})
	}
	return cmd
}

func readRequests(path string) ([]agetoken.Request, error) {
	contents, err := readProof(path)
	if err != nil {
		return nil, err
	}
	var list []agetoken.Request
	for lines := bufio.NewScanner(bytes.NewReader(contents)); lines.Scan(); {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		r, err := agetoken.ParseRequest(fromText(lines.Bytes()))
		if err != nil {
			return nil, fmt.Errorf("%s: request %d: %w", path, len(list)+1, err)
		}
		list = append(list, r)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s: there is no request in it", path)
	}
	return list, nil
}

func signRequests(w io.Writer, issuer *agetoken.Issuer, list []agetoken.Request) error {
	for i, r := range list {
		response, err := issuer.Sign(r)
		if err != nil {
			return fmt.Errorf("request %d: %w", i+1, err)
		}
		if _, err := fmt.Fprintln(w, base64.RawURLEncoding.EncodeToString(response[:])); err != nil {
			return err
		}
	}
	return nil
}

// printTokens is device and issuer in one.
func printTokens(ctx context.Context, w io.Writer, issuer *agetoken.Issuer, host string, n int) error {
	challenge, err := agetoken.NewChallenge(host, nil)
	if err != nil {
		return err
	}
	requests, batch, err := agetoken.BlindBatch(rand.Reader, issuer.Key(), challenge, n)
	if err != nil {
		return err
	}
	responses, err := issuer.SignBatch(ctx, requests)
	if err != nil {
		return err
	}
	tokens, err := batch.Finalize(responses)
	if err != nil {
		return err
	}
	for _, t := range tokens {
		if _, err := fmt.Fprintln(w, base64.RawURLEncoding.EncodeToString(t.Bytes())); err != nil {
			return err
		}
	}
	return nil
}
