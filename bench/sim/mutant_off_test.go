//go:build !mutants

package sim

import (
	"errors"
	"testing"

	"spike/bench"
)

// A shipped build has every guard.
func TestMutantsNeedTheirTag(t *testing.T) {
	for _, m := range mutations {
		if _, err := Run(t.Context(), Options{Seeds: 1, Mutant: m.name}); !errors.Is(err, bench.ErrUsage) {
			t.Errorf("%s: %v", m.name, err)
		}
	}
}
