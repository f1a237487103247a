// Command split is the second of three ways to deploy age tokens: an issuer
// and a platform, two servers of two owners. The issuer checks ages and never
// learns where its tokens are spent; the platform learns that somebody is old
// enough and never who they are. They share nothing but the issuer's public
// keys, so that not even together they can tell.
//
//	go run ./examples/age/split
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/breakwater-project/breakwater/agetoken"
	"github.com/breakwater-project/breakwater/internal/app"
	"github.com/breakwater-project/breakwater/internal/assurance/token"
	"github.com/breakwater-project/breakwater/internal/config"
)

const host = "age.example.org"

var adult = token.Statement{Over: 18, Class: agetoken.Enhanced}

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "split:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) (err error) {
	// The issuer. tokens: {issuer: age.example.org, issue: [over-18.enhanced]}
	var issuing *config.Config
	var made error
	issuer, err := app.StartTemporary(ctx, func(c *config.Config) {
		c.Tokens.Issuer, c.Tokens.Issue = host, []string{adult.String()}
		issuing, made = c, makeKeys(ctx, c)
	}, app.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, issuer.Close()) }()
	if made != nil {
		return made
	}

	// The platform. tokens: {trust: [age.example.org=https://…], gate: over-18.standard}
	// It reads the directory when it starts and each hour.
	platform, err := app.StartTemporary(ctx, func(c *config.Config) {
		c.Tokens.Trust = []string{host + "=" + issuer.URL() + agetoken.DirectoryPath}
		c.Tokens.Gate = "over-18.standard"
	}, app.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, platform.Close()) }()

	grant, err := app.GrantTokens(ctx, issuing, adult, 3)
	if err != nil {
		return err
	}
	device := agetoken.Client{URL: issuer.URL(), Host: host}
	tokens, err := device.Tokens(ctx, grant, adult.Over, adult.Class, 3)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "The issuer has signed %d tokens for a device.\n", len(tokens))

	// The platform's proxy asks the gate before it shows what is for adults: with
	// nginx, auth_request to /v1/age/tokens/gate.
	offers, err := challenged(ctx, platform)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "The platform asks for a token of %s.\n", offers[0].Challenge.Issuer())
	for range 2 {
		status, header, err := ask(ctx, platform, agetoken.Authorization(tokens[0]))
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "The device sends the first token: %d %s\n", status, header.Get("Age-Proof"))
	}
	return nil
}

// makeKeys makes the issuer's keys, as breakwater age keys create does; a
// server would make them itself, after its start.
func makeKeys(ctx context.Context, cfg *config.Config) error {
	keys, closeKeys, err := app.OpenTokenKeys(ctx, cfg)
	if err != nil {
		return err
	}
	return errors.Join(keys.Ready(ctx), closeKeys())
}

// challenged asks without a token until the platform knows the issuer's keys.
func challenged(ctx context.Context, platform *app.Temporary) ([]agetoken.Offer, error) {
	for range time.Tick(100 * time.Millisecond) {
		_, header, err := ask(ctx, platform, "")
		if err != nil {
			return nil, err
		}
		offers, err := agetoken.ParseWWWAuthenticate(header.Get("WWW-Authenticate"))
		if err != nil || len(offers) > 0 {
			return offers, err
		}
	}
	return nil, ctx.Err()
}

func ask(ctx context.Context, platform *app.Temporary, authorization string) (status int, header http.Header, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, platform.URL()+"/v1/age/tokens/gate", nil)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", authorization)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	return resp.StatusCode, resp.Header, resp.Body.Close()
}
