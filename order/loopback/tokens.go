package loopback

import (
	"crypto/subtle"
	"sync/atomic"
)

// Role is what a caller of an operators' side may do.
type Role int

// The roles. Each side says which of its paths a role may use.
const (
	Nobody  Role = iota
	Payment      // may end or prolong a buyer's hold: confirm, release, look up
	Viewer       // may look, and changes nothing
	Admin        // may do everything
)

func (r Role) String() string { return [...]string{"nobody", "payment", "viewer", "admin"}[r] }

// Secrets are tokens by the role that they give.
type Secrets map[Role][]string

// Tokens are the bearer tokens of an operators' side. A caller that shows one of them has its role. A nil *Tokens has no token.
// Tokens may change at any time.
type Tokens struct{ all atomic.Pointer[[]secret] }

type secret struct {
	role Role
	text string
}

// NewTokens makes Tokens of these, each of which is an admin's.
func NewTokens(admins ...string) *Tokens {
	t := &Tokens{}
	t.Set(Secrets{Admin: admins})
	return t
}

// Set replaces all tokens. An empty string is no token.
func (t *Tokens) Set(all Secrets) {
	var some []secret
	for role, texts := range all {
		for _, text := range texts {
			if text != "" {
				some = append(some, secret{role, text})
			}
		}
	}
	t.all.Store(&some)
}

// None says that there is no token. The operators' side is then for loopback only.
func (t *Tokens) None() bool { return t == nil || len(*t.all.Load()) == 0 }

// Shown is the role of the token that an Authorization header shows. If a token was given for two roles, the higher counts.
func (t *Tokens) Shown(authorization string) Role {
	return t.highest(func(s secret) bool { return same(authorization, "Bearer "+s.text) })
}

// highest is the highest role of the tokens that fit. It looks at every token, so the time does not tell which one fits.
func (t *Tokens) highest(fits func(secret) bool) (role Role) {
	if t == nil {
		return Nobody
	}
	for _, s := range *t.all.Load() {
		if fits(s) {
			role = max(role, s.role)
		}
	}
	return role
}

// same compares in a time that depends on the lengths only.
func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
