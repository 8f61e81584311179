package ledger

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
)

// PassingStore begins the identity of a store that ends with its process.
const PassingStore = "process-"

// Passing says whether the store of this identity ends with its process: no later process can find it.
func Passing(identity string) bool { return strings.HasPrefix(identity, PassingStore) }

// NewIdentity is an identity that no other store has.
func NewIdentity() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
