//go:build mutants

package sim

import (
	"testing"
)

// within is how many worlds a missing guard may go unnoticed.
const within = uint64(1000)

func TestEveryMutantDies(t *testing.T) {
	for _, m := range mutations {
		t.Run(string(m.name), func(t *testing.T) {
			o := Options{Seeds: within, Workers: 2, Mutant: m.name}
			for o.First < within {
				r, err := Run(t.Context(), o)
				if err != nil {
					t.Fatal(err)
				}
				if len(r.Wrong) == 0 {
					break
				}
				w := r.Wrong[0]
				if Live(w.Seed, Options{}).Wrong == "" { // the mutant caused it
					t.Logf("%s: dies in world %d: %s", m.what, w.Seed+1, w.Wrong)
					return
				}
				o.First, o.Seeds = w.Seed+1, within-w.Seed-1
			}
			t.Errorf("%s: not noticed in %d worlds", m.what, within)
		})
	}
}
