package loopback

import (
	"crypto/subtle"
	"sync/atomic"
)

// Tokens are the bearer tokens of an operators' side. A caller that shows one of them may enter. A nil *Tokens has no token.
// Tokens may change at any time.
type Tokens struct{ all atomic.Pointer[[]string] }

// NewTokens makes Tokens of these.
func NewTokens(all ...string) *Tokens {
	t := &Tokens{}
	t.Set(all...)
	return t
}

// Set replaces all tokens. An empty string is no token.
func (t *Tokens) Set(all ...string) {
	var some []string
	for _, one := range all {
		if one != "" {
			some = append(some, one)
		}
	}
	t.all.Store(&some)
}

// None says that there is no token. The operators' side is then for loopback only.
func (t *Tokens) None() bool { return t == nil || len(*t.all.Load()) == 0 }

// Shown says whether an Authorization header shows one of them.
func (t *Tokens) Shown(authorization string) bool {
	if t == nil {
		return false
	}
	shown := 0
	for _, one := range *t.all.Load() {
		shown |= subtle.ConstantTimeCompare([]byte(authorization), []byte("Bearer "+one))
	}
	return shown == 1
}
