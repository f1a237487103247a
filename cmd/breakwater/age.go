package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

func newAge() *cobra.Command {
	cmd := &cobra.Command{Use: "age", Short: "Age assurance: what proves an age, and how well", Args: cobra.NoArgs, RunE: help}
	cmd.AddCommand(newAgeVerify(), newAgeInspect(), newAgeKeys(), newAgeGrant(), newAgeIssue(), newAgeReport())
	return cmd
}

func newAgeVerify() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check one proof, offline, and say what it proves",
		Args:  cobra.NoArgs,
		RunE:  help,
	}
	cmd.AddCommand(
		newAgeVerifyMdoc(), newAgeVerifySDJWT(), newAgeVerifyToken(),
	)
	return cmd
}

// proof is what "age verify" prints.
type proof struct {
	OK      bool           `json:"ok"`
	Doctype string         `json:"doctype"`
	Claims  map[string]any `json:"claims"`
	Errors  []string       `json:"errors"`
}

// readProof reads a file that is small if it is what it is said to be.
func readProof(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxProof+1))
	if err == nil && len(text) > maxProof {
		err = fmt.Errorf("%s: longer than %d bytes", path, maxProof)
	}
	return text, err
}

// printProof prints a proof; one that does not hold is exit status 1.
func printProof(w io.Writer, p proof) error {
	if err := json.NewEncoder(w).Encode(p); err != nil {
		return failed(err)
	}
	if !p.OK {
		return &statusError{status: exitFound}
	}
	return nil
}

// fromText is what hexadecimal or base64url stands for; what is neither stays
// as it is.
func fromText(contents []byte) []byte {
	text := strings.TrimSpace(string(contents))
	if b, err := hex.DecodeString(text); err == nil {
		return b
	}
	if b, err := base64.RawURLEncoding.Strict().DecodeString(strings.TrimRight(text, "=")); err == nil {
		return b
	}
	return contents
}
