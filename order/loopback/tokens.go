package loopback

import (
	"crypto/subtle"
	"sync/atomic"
)

// Tokens are the bearer tokens of an operators' side: whoever shows one of them may enter. There may be none; nil is none. They
// may change at any time.
type Tokens struct{ all atomic.Pointer[[]string] }

// NewTokens are these.
func NewTokens(all ...string) *Tokens {
	t := &Tokens{}
	t.Set(all...)
	return t
}

// Set says which there are from now on. An empty one is none.
func (t *Tokens) Set(all ...string) {
	var some []string
	for _, one := range all {
		if one != "" {
			some = append(some, one)
		}
	}
	t.all.Store(&some)
}

// None says that there is none: then the operators' side is for loopback only.
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
