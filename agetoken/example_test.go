package agetoken_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"time"

	"github.com/breakwater-project/breakwater/agetoken"
)

// One token, from the issuer's key to its spending. Errors are left out.
func Example() {
	// The issuer has a key for what it has checked, and publishes it.
	private, _ := rsa.GenerateKey(rand.Reader, 2048)
	issuer, _ := agetoken.NewIssuer(private)
	key := agetoken.NamedKey{
		Key:  issuer.Key(),
		Name: agetoken.KeyName{Over: 18, Class: agetoken.Strict, Epoch: agetoken.EpochOf(time.Now())},
	}

	// The person's device asks for tokens, and the issuer signs them blindly.
	challenge, _ := agetoken.NewChallenge("issuer.example", nil)
	requests, batch, _ := agetoken.BlindBatch(rand.Reader, key.Key, challenge, 2)
	responses, _ := issuer.SignBatch(context.Background(), requests)
	tokens, _ := batch.Finalize(responses)

	// The platform has the public key and remembers what was spent.
	verifier, _ := agetoken.NewVerifier(challenge, key)
	var spent agetoken.Spent
	for _, header := range []string{agetoken.Authorization(tokens[0]), agetoken.Authorization(tokens[0])} {
		token, _ := agetoken.ParseAuthorization(header)
		name, err := verifier.Verify(token)
		fmt.Println("over", name.Over, err, spent.Spend(token.Nullifier()))
	}
	// Output:
	// over 18 <nil> true
	// over 18 <nil> false
}
