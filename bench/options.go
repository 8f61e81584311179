package bench

import (
	"fmt"
	"slices"
)

// Bound is an option and its range.
type Bound struct {
	Name      string
	N         int64
	Low, High int64
}

// Within checks bounds. Its error wraps usage and names the first option that is out of its range.
func Within(usage error, bounds ...Bound) error {
	for _, b := range bounds {
		if b.N < b.Low || b.N > b.High {
			return fmt.Errorf("%w: %s %d is not within %d..%d", usage, b.Name, b.N, b.Low, b.High)
		}
	}
	return nil
}

// Known checks names. Its error wraps usage and names the first wanted name that does not exist; kind says what the names
// are.
func Known(usage error, kind string, wanted, all []string) error {
	for _, name := range wanted {
		if !slices.Contains(all, name) {
			return fmt.Errorf("%w: there is no %s %q: %q", usage, kind, name, all)
		}
	}
	return nil
}
