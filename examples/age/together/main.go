// Command together is the first of three ways to deploy age tokens: one server
// does all. It checks ages, signs tokens blindly, and redeems them into
// accounts. It knows who was checked and which accounts are adults', and can't
// tell which belong together.
//
//	go run ./examples/age/together
package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/breakwater-project/breakwater/agetoken"
	"github.com/breakwater-project/breakwater/internal/app"
	"github.com/breakwater-project/breakwater/internal/assurance/token"
	"github.com/breakwater-project/breakwater/internal/config"
)

const host = "age.example.org"

var adult = token.Statement{Over: 18, Class: agetoken.Enhanced}

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "together:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) (err error) {
	// What breakwater.yaml would say: tokens: {issuer: age.example.org, issue: [over-18.enhanced]}
	var cfg *config.Config
	var made error
	server, err := app.StartTemporary(ctx, func(c *config.Config) {
		c.Tokens.Issuer, c.Tokens.Issue = host, []string{adult.String()}
		cfg, made = c, makeKeys(ctx, c)
	}, app.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	if made != nil {
		return made
	}

	// The check. Here it was made at a counter, as by breakwater age grant; a
	// session by a wallet ends with a grant as well.
	grant, err := app.GrantTokens(ctx, cfg, adult, 5)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "The check is passed: the person's device has a grant for 5 tokens.")

	// The person's device.
	device := agetoken.Client{URL: server.URL(), Host: host}
	tokens, err := device.Tokens(ctx, grant, adult.Over, adult.Class, 5)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "The device has %d tokens. The server has signed them and not seen them.\n", len(tokens))

	// The platform's backend, some day later.
	for range 2 {
		status, answer, err := redeem(ctx, server, tokens[0], "u-7")
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "The platform redeems the first token: %d %s\n", status, answer)
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

// redeem spends a token for an account, and says what came of it.
func redeem(ctx context.Context, server *app.Temporary, t agetoken.Token, account string) (status int, answer string, err error) {
	body, err := json.Marshal(map[string]any{"token": base64.RawURLEncoding.EncodeToString(t.Bytes()), "over": 18, "account": account})
	if err != nil {
		return 0, "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL()+"/v1/age/tokens/redeem", bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+server.AdminKey)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	var said struct {
		Over          int
		Class, Detail string
	}
	if err := json.NewDecoder(resp.Body).Decode(&said); err != nil {
		return 0, "", err
	}
	if resp.StatusCode != http.StatusOK {
		return resp.StatusCode, said.Detail, nil
	}
	return resp.StatusCode, fmt.Sprintf("over %d, %s", said.Over, said.Class), nil
}
