// Package token issues age tokens and redeems them: the server's side of
// package agetoken. Whoever passed an age check has a grant; for it, Issuer
// signs tokens blindly. Whoever is shown a token has Redeemer say what it
// proves, once.
//
// The two have nothing in common but the public keys. A server may be either
// or both: it issues if it is told what to, and it accepts its own tokens and
// those of the issuers it trusts.
package token

import (
	"embed"

	"github.com/breakwater-project/breakwater/internal/db"
)

//go:embed migrations
var migrations embed.FS

// Migrations makes this package's tables.
func Migrations() db.Source { return db.Source{Package: "token", FS: migrations} }
