package sim

import (
	"errors"
	"strings"
	"testing"

	"spike/bench"
	"spike/luascripts/ledger"
)

// No fault loses a unit or sells one twice.
// It proves G9, G17, G20, G26, G34.
func TestWorlds(t *testing.T) {
	r, err := Run(t.Context(), Options{Seeds: seeds, Workers: 2, Most: 3, Lines: 60})
	if err != nil {
		t.Fatal(err)
	}
	var s strings.Builder
	r.Print(&s)
	t.Log(s.String())
	if len(r.Wrong) > 0 {
		t.FailNow()
	}
	keepsTrace(t, r)
	if r.Half < seeds*8/10 || r.Again < seeds/5 || r.Cut < seeds/4 || r.Beside < seeds*50 {
		t.Error("too little went on to prove anything")
	}
}

// A seed gives the same world each time, to the last number. Telling its story changes nothing.
func TestASeedIsOneWorld(t *testing.T) {
	known := map[uint64]uint64{}
	for seed := range uint64(seeds / 10) {
		first, again := newWorld(seed, "", false).live(), newWorld(seed, "", true).live()
		if first != again {
			t.Errorf("seed %d: %+v, and then %+v", seed, first, again)
		}
		if other, same := known[first.Hash]; same {
			t.Errorf("seeds %d and %d have one trace", other, seed)
		}
		known[first.Hash] = seed
	}
}

// The order in which workers end changes no result.
func TestWorkersDecideNothing(t *testing.T) {
	var hashes []uint64
	for _, workers := range []int{1, 3} {
		r, err := Run(t.Context(), Options{First: 7, Seeds: seeds / 10, Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, r.Hash)
	}
	if hashes[0] != hashes[1] {
		t.Errorf("one worker %016x, three %016x", hashes[0], hashes[1])
	}
}

// Each fault that was found from outside has a mutant that brings it back.
func TestEveryFaultHasAMutant(t *testing.T) {
	all, names := "", map[ledger.Mutant]bool{}
	for _, m := range mutations {
		all += m.what
		names[m.name] = true
	}
	for _, row := range strings.Fields("P1 P2 P3 P4 P5 P6 P7 P8 P9 P10 P17 S1 S2 S3") {
		if strings.Count(all, "("+row+")") != 1 {
			t.Errorf("%s has no mutant of its own", row)
		}
	}
	if n := len(names); n < 60 || n < len(mutations) {
		t.Errorf("%d mutants have %d names", len(mutations), n)
	}
}

func TestUnknownMutantsAreRefused(t *testing.T) {
	_, err := Run(t.Context(), Options{Seeds: 1, Mutant: "no-such-guard"})
	if !errors.Is(err, bench.ErrUsage) || !strings.Contains(err.Error(), "mutant") {
		t.Error(err)
	}
}
