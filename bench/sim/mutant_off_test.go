//go:build !mutants

package sim

import (
	"errors"
	"testing"
)

// A shipped build has every guard.
func TestMutantsNeedTheirTag(t *testing.T) {
	for _, m := range Mutations() {
		if _, err := Run(t.Context(), Options{Seeds: 1, Mutant: m.Name}); !errors.Is(err, ErrMutant) {
			t.Errorf("%s: %v", m.Name, err)
		}
	}
}
