package main

import (
	"encoding/hex"
	"encoding/pem"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/breakwater-project/breakwater/agetoken"
)

func newAgeVerifyToken() *cobra.Command {
	var token, key string
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Check a single-use age token with the issuer's public key",
		Long: `Checks that a key signed a token (Privacy Pass type 2, RFC 9578). Prints
{"ok":…,"doctype":"","claims":{…},"errors":[…]}; the claims are the key's ID and
the digest of the challenge, in hexadecimal. How old somebody is, the directory
says of the key. Which challenge the token answers, when it lapses and whether it
was spent are not asked: that takes the platform that set the challenge. Claims of
a token that does not verify are not printed.

Exit status: 0 the key signed it, 1 it did not.`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVar(&token, "token", "", "file with the token: its bytes, base64url or hexadecimal")
	cmd.Flags().StringVar(&key, "key", "", "file with the key, a SubjectPublicKeyInfo for RSASSA-PSS: DER, PEM, base64url or hexadecimal")
	for _, name := range []string{"token", "key"} {
		_ = cmd.MarkFlagRequired(name) // fails only without such a flag
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		k, err := readTokenKey(key)
		if err != nil {
			return err
		}
		contents, err := readProof(token)
		if err != nil {
			return err
		}
		return printProof(cmd.OutOrStdout(), verifyToken(contents, k))
	}
	return cmd
}

func readTokenKey(path string) (*agetoken.Key, error) {
	contents, err := readProof(path)
	if err != nil {
		return nil, err
	}
	if block, _ := pem.Decode(contents); block != nil {
		contents = block.Bytes
	}
	key, err := agetoken.ParseKey(contents)
	if err != nil {
		key, err = agetoken.ParseKey(fromText(contents))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

func verifyToken(contents []byte, key *agetoken.Key) proof {
	if len(contents) != agetoken.TokenSize {
		contents = fromText(contents)
	}
	t, err := agetoken.ParseToken(contents)
	if err == nil {
		err = key.Verify(t)
	}
	if err != nil {
		return proof{Claims: map[string]any{}, Errors: []string{err.Error()}}
	}
	return proof{OK: true, Errors: []string{}, Claims: map[string]any{
		"token_key_id":     t.KeyID.String(),
		"challenge_digest": hex.EncodeToString(t.Challenge[:]),
	}}
}
