package ledger

import (
	"fmt"
	"strings"
)

// HashSuffix ends the name of a sale's hash: sale `ticket` is the article's `ticket_hash_key`.
const HashSuffix = "_hash_key"

// SaleOf is the sale whose hash has this key.
func SaleOf(hash string) (string, bool) {
	name, ok := strings.CutSuffix(hash, HashSuffix)
	return name, ok && CheckName(name) == nil
}

// CheckName returns nil if a sale may have this name: 1 to 64 of a-z A-Z 0-9 _ - and a dot, which may not be first.
func CheckName(name string) error {
	if name == "" || len(name) > 64 || name[0] == '.' {
		return fmt.Errorf("%w: %q must be 1 to 64 characters and not begin with a dot", ErrName, name)
	}
	for _, c := range []byte(name) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && c != '_' && c != '-' && c != '.' {
			return fmt.Errorf("%w: %q has a character other than letters, digits and _-. in it", ErrName, name)
		}
	}
	return nil
}
