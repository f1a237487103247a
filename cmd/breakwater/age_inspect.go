package main

import (
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/breakwater-project/breakwater/agetoken"
	"github.com/breakwater-project/breakwater/mdoc"
)

// inspected is what "age inspect" prints: what a thing is, and what it says.
type inspected struct {
	Kind string `json:"kind"`
	Says any    `json:"says"`
}

func newAgeInspect() *cobra.Command {
	return &cobra.Command{
		Use:   "inspect FILE",
		Short: "What is inside a token, a challenge, a directory, a key or a wallet's response",
		Long: `Says what a file is and what is in it, as JSON: an age token, token requests, a
challenge, an issuer's key or directory (Privacy Pass, RFC 9577 and 9578), the
headers that carry them, or a DeviceResponse (ISO 18013-5). Binary contents may
be in hex or base64url. Nothing is verified: for that there is age verify.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			contents, err := readProof(args[0])
			if err != nil {
				return err
			}
			what, err := inspect(contents)
			if err != nil {
				return failed(fmt.Errorf("%s: %w", args[0], err))
			}
			out := json.NewEncoder(cmd.OutOrStdout())
			out.SetIndent("", "  ")
			return failed(out.Encode(what))
		},
	}
}

func inspect(contents []byte) (inspected, error) {
	text := strings.TrimSpace(string(contents))
	for _, header := range []string{"Authorization:", "WWW-Authenticate:"} {
		if len(text) >= len(header) && strings.EqualFold(text[:len(header)], header) {
			text = strings.TrimSpace(text[len(header):])
		}
	}
	if t, err := agetoken.ParseAuthorization(text); err == nil {
		return inspected{"authorization", tokenContents(t)}, nil
	}
	if offers, err := agetoken.ParseWWWAuthenticate(text); err == nil && len(offers) > 0 {
		return inspected{"offers", offerContents(offers)}, nil
	}
	if strings.HasPrefix(text, "{") {
		d, err := agetoken.ParseDirectory(contents)
		return inspected{"directory", directoryContents(d)}, err
	}
	return inspectBytes(contents)
}

func inspectBytes(contents []byte) (inspected, error) {
	if block, _ := pem.Decode(contents); block != nil {
		contents = block.Bytes
	}
	for _, b := range [][]byte{contents, fromText(contents)} {
		if t, err := agetoken.ParseToken(b); err == nil {
			return inspected{"token", tokenContents(t)}, nil
		}
		if c, err := agetoken.ParseChallenge(b); err == nil {
			return inspected{"challenge", challengeContents(c)}, nil
		}
		if list, err := agetoken.ParseRequests(b); err == nil {
			return inspected{"token requests", requestContents(list)}, nil
		}
		if k, err := agetoken.ParseKey(b); err == nil {
			return inspected{"key", map[string]any{"key_id": k.ID().String()}}, nil
		}
		if m, err := mdoc.Inspect(b); err == nil {
			return inspected{"device response", mdocContents(m)}, nil
		}
	}
	return inspected{}, errors.New("nothing that age assurance knows")
}

func tokenContents(t agetoken.Token) any {
	n := t.Nullifier()
	return map[string]any{
		"nonce": hex.EncodeToString(t.Nonce[:]), "challenge_digest": hex.EncodeToString(t.Challenge[:]),
		"token_key_id": t.KeyID.String(), "nullifier": hex.EncodeToString(n[:]),
	}
}

func challengeContents(c agetoken.Challenge) map[string]any {
	digest := c.Digest()
	return map[string]any{
		"issuer": c.Issuer(), "context": hex.EncodeToString(c.Context()), "origins": c.Origins(), "digest": hex.EncodeToString(digest[:]),
	}
}

func offerContents(offers []agetoken.Offer) any {
	list := make([]map[string]any, len(offers))
	for i, o := range offers {
		list[i] = challengeContents(o.Challenge)
		if o.Key != nil {
			list[i]["token_key_id"] = o.Key.ID().String()
		}
		if o.MaxAge > 0 {
			list[i]["max_age"] = o.MaxAge.String()
		}
	}
	return list
}

func requestContents(list []agetoken.Request) any {
	keys := make([]string, len(list))
	for i, r := range list {
		keys[i] = fmt.Sprintf("%02x", r.KeyID)
	}
	return map[string]any{"number": len(list), "key_ids_end_in": keys}
}

func directoryContents(d agetoken.Directory) any {
	keys := make([]map[string]any, len(d.Keys))
	for i, k := range d.Keys {
		keys[i] = map[string]any{"key_id": k.Key.ID().String()}
		if k.Name != (agetoken.KeyName{}) {
			keys[i]["name"], keys[i]["tokens_lapse"] = k.Name, k.Name.Epoch.Lapse()
		}
		if !k.NotBefore.IsZero() {
			keys[i]["not_before"] = k.NotBefore
		}
	}
	return map[string]any{"request_uri": d.RequestURI, "keys": keys}
}

func mdocContents(c mdoc.Contents) any {
	return map[string]any{
		"doctype": c.DocType, "claims": c.Claims, "issuer": c.Issuer,
		"signed": c.Signed.Format(time.RFC3339), "valid_from": c.From.Format(time.RFC3339), "valid_until": c.Until.Format(time.RFC3339),
	}
}
