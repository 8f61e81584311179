package sales

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"spike/luascripts/ledger"
)

func hashNo(i int) (h [8]byte) {
	binary.BigEndian.PutUint64(h[:], uint64(i))
	return h
}

// A filter never denies what it has, and takes few others for its own, even if hashes differ in few bits only.
func TestFilter(t *testing.T) {
	const room = 20000
	f := newFilter(room)
	for i := range room / 2 {
		f.add('k', hashNo(i))
		f.add('b', hashNo(1<<40+i))
	}
	wrong := 0
	for i := range room / 2 {
		if !f.mayHave('k', hashNo(i)) || !f.mayHave('b', hashNo(1<<40+i)) {
			t.Fatal("it denies", i)
		}
		for _, other := range []bool{f.mayHave('b', hashNo(i)), f.mayHave('k', hashNo(1<<40+i)), f.mayHave('k', hashNo(room+i))} {
			if other {
				wrong++
			}
		}
	}
	if wrong > 3*room/2/500 {
		t.Errorf("%d of %d are taken for its own", wrong, 3*room/2)
	}
}

func FuzzFilter(f *testing.F) {
	f.Add(uint64(1), 10)
	f.Fuzz(func(t *testing.T, seed uint64, n int) {
		random := rand.New(rand.NewPCG(seed, 0))
		filter := newFilter(64)
		var all []ledger.Buyer
		for range n % 200 {
			var b ledger.Buyer
			binary.BigEndian.PutUint64(b[:], random.Uint64()>>random.UintN(64))
			all = append(all, b)
			filter.add('b', b)
			for _, has := range all {
				if !filter.mayHave('b', has) {
					t.Fatalf("it denies %x", has)
				}
			}
		}
	})
}
