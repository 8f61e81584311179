package ledger

import (
	"errors"
	"strings"
	"testing"
)

func TestCheckSeed(t *testing.T) {
	const seed = "000102030405060708090a0b0c0d0e0f"
	for text, ok := range map[string]bool{seed: true, NewSeed(): true, strings.Repeat("a", 128): true, "": false,
		strings.Repeat("a", 130): false, seed[2:]: false, seed + "a": false, strings.Repeat("A", 32): false,
		strings.Repeat("g", 32): false} {
		if err := CheckSeed(text); ok != (err == nil) || !ok && !errors.Is(err, ErrSeed) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
