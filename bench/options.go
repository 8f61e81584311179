package bench

import (
	"fmt"
	"slices"
)

// Bound is a number that somebody asked for, and what it may be.
type Bound struct {
	Name      string
	N         int64
	Low, High int64
}

// Within returns an error that wraps usage and names the first number that is out of its bounds.
func Within(usage error, bounds ...Bound) error {
	for _, b := range bounds {
		if b.N < b.Low || b.N > b.High {
			return fmt.Errorf("%w: %s %d is not within %d..%d", usage, b.Name, b.N, b.Low, b.High)
		}
	}
	return nil
}

// Known returns an error that wraps usage and names the first of the wanted that there is not; kind says what they are.
func Known(usage error, kind string, wanted, all []string) error {
	for _, name := range wanted {
		if !slices.Contains(all, name) {
			return fmt.Errorf("%w: there is no %s %q: %q", usage, kind, name, all)
		}
	}
	return nil
}
