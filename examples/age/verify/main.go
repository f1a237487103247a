// Command verify is the third of three ways to deploy age tokens: a platform
// that only verifies, in its own program, with the public package agetoken and
// a file of the issuer's public keys (breakwater age keys export). There is no
// Breakwater server, and nobody is asked when a token comes.
//
//	go run ./examples/age/verify -keys age.example.org.json -issuer age.example.org -addr 127.0.0.1:8080
//
// What was spent is kept in memory here. A platform of several processes, or
// one that is restarted within a month, keeps the nullifiers in its database,
// unique: a token that is spent twice must fail.
package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/breakwater-project/breakwater/agetoken"
)

func main() {
	keys := flag.String("keys", "", "file of the issuer's directory")
	issuer := flag.String("issuer", "", "host of the issuer")
	addr := flag.String("addr", "127.0.0.1:8080", "where to listen")
	flag.Parse()
	film, err := site(*keys, *issuer, time.Now)
	if err == nil {
		server := &http.Server{Addr: *addr, Handler: film, ReadHeaderTimeout: 5 * time.Second}
		err = server.ListenAndServe()
	}
	fmt.Fprintln(os.Stderr, "verify:", err)
	os.Exit(1)
}

// site is one page, for people who are 18 or older.
func site(keys, issuer string, now func() time.Time) (http.Handler, error) {
	text, err := os.ReadFile(keys)
	if err != nil {
		return nil, err
	}
	directory, err := agetoken.ParseDirectory(text)
	if err != nil {
		return nil, err
	}
	challenge, err := agetoken.NewChallenge(issuer, nil)
	if err != nil {
		return nil, err
	}
	verifier, err := agetoken.NewVerifier(challenge, adults(directory.Keys)...)
	if err != nil {
		return nil, err
	}
	verifier.Now = now
	var spent agetoken.Spent
	gate := agetoken.Gate{
		Offers: func() []agetoken.Offer {
			var offers []agetoken.Offer
			for _, k := range adults(directory.Keys) {
				if k.Name.Epoch == agetoken.EpochOf(now()) {
					offers = append(offers, agetoken.Offer{Challenge: challenge, Key: k.Key})
				}
			}
			return offers
		},
		Redeem: func(_ context.Context, t agetoken.Token) (agetoken.KeyName, error) {
			name, err := verifier.Verify(t)
			if err == nil && !spent.Spend(t.Nullifier()) {
				err = agetoken.ErrSpent
			}
			return name, err
		},
	}
	return gate.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "The film begins.")
	})), nil
}

// adults are the keys whose tokens say over 18, assured well enough.
func adults(keys []agetoken.NamedKey) []agetoken.NamedKey {
	var list []agetoken.NamedKey
	for _, k := range keys {
		if k.Name.Over >= 18 && k.Name.Class >= agetoken.Standard {
			list = append(list, k)
		}
	}
	return list
}
