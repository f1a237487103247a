// Package keys holds the API keys: who may call, in which roles. Of a key only
// a SHA-256 is stored. It also keeps the installation's own secrets, in files.
package keys

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
)

// Role is what a key is for.
type Role string

// The roles. Admin may do everything that the others may, except what an
// operation keeps to its own roles, where two people must be involved.
const (
	Platform   Role = "platform"   // events, accounts, age, feeds, complaints
	Reviewer   Role = "reviewer"   // cases
	Analyst    Role = "analyst"    // statistics and simulation
	Compliance Role = "compliance" // evidence, reports, risk
	Admin      Role = "admin"      // keys, policy, configuration
)

// Roles lists every role.
func Roles() []Role { return []Role{Platform, Reviewer, Analyst, Compliance, Admin} }

// ParseRoles reads role names; the error names those that there are.
func ParseRoles(names []string) ([]Role, error) {
	var roles []Role
	for _, name := range names {
		role := Role(name)
		if !slices.Contains(Roles(), role) {
			return nil, errors.New("keys: a role must be one of platform, reviewer, analyst, compliance, admin")
		}
		if !slices.Contains(roles, role) {
			roles = append(roles, role)
		}
	}
	if len(roles) == 0 {
		return nil, errors.New("keys: a key needs a role")
	}
	return roles, nil
}

// Key is what is known of an API key. The key itself is known to its owner only.
type Key struct {
	ID       string    `json:"id" doc:"The eight characters after bw_, or admin for the configured one"`
	Name     string    `json:"name" doc:"For people"`
	Roles    []Role    `json:"roles" nullable:"false"`
	Created  time.Time `json:"created"`
	LastUsed time.Time `json:"last_used,omitzero" doc:"To within some minutes"`
	Revoked  time.Time `json:"revoked,omitzero"`
}

// ErrUnknown means that no such key is in force.
var ErrUnknown = errors.New("keys: not a key in force")

// Principal is who calls.
type Principal struct {
	ID    string // of the key
	Name  string
	Roles []Role
}

// Has reports whether p has one of the roles itself.
func (p Principal) Has(roles ...Role) bool {
	return slices.ContainsFunc(roles, func(r Role) bool { return slices.Contains(p.Roles, r) })
}

// May reports whether p has one of the roles, or is an admin.
func (p Principal) May(roles ...Role) bool {
	return slices.Contains(p.Roles, Admin) || p.Has(roles...)
}

type contextKey struct{}

// With is ctx with the principal.
func With(ctx context.Context, p *Principal) context.Context {
	return context.WithValue(ctx, contextKey{}, p)
}

// From is the principal of ctx; an operation without a key has none.
func From(ctx context.Context) (Principal, bool) {
	p, ok := ctx.Value(contextKey{}).(*Principal)
	if !ok {
		return Principal{}, false
	}
	return *p, true
}

func joinRoles(roles []Role) string {
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = string(r)
	}
	return strings.Join(names, ",")
}

func splitRoles(text string) []Role {
	var roles []Role
	for name := range strings.SplitSeq(text, ",") {
		roles = append(roles, Role(name))
	}
	return roles
}
