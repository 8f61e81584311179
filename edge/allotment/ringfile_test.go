package allotment

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"spike/luascripts/ledger"
)

func sampleOwner() RingOwner {
	return RingOwner{Sale: "ticket", Birth: 7, Instance: "i", Node: "node one", Boot: "b"}
}

func sampleClaim(i uint64) ledger.Claim {
	return ledger.Claim{Serial: uint32(i) + 1, Count: 1, Fence: 1795399305199326, Nonce: i, Expiry: -5,
		Buyer: ledger.Buyer{9}}
}

// put publishes one record, as Take does.
func put(t testing.TB, r *Ring, k kind, c ledger.Claim) {
	t.Helper()
	p, ok := r.reserve(1)
	if !ok {
		t.Fatal("ring is full")
	}
	p.publish(k, c)
}

func byNonce(a, b ledger.Claim) int { return int(a.Nonce) - int(b.Nonce) }

func TestRingFileHasWhatTheLedgerHasNot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.ring")
	r := mapRing(t, path, 64)
	if _, err := NewRingFile(path, sampleOwner()).Make(1, 64, 0); err == nil {
		t.Error("one ring was made over another")
	}
	var want []ledger.Claim
	for i := range uint64(150) { // more than once around
		put(t, r, claim, sampleClaim(i))
		if i < 100 {
			r.collect(1, func(record) {})
			r.free()
			continue
		}
		if i == 120 { // read, and not answered yet
			r.collect(5, func(record) {})
		}
		if want = append(want, sampleClaim(i)); i%10 == 0 {
			put(t, r, void, ledger.Claim{})
			put(t, r, unsold, sampleClaim(i))
		}
	}
	if _, ok := r.reserve(1); !ok { // reserved, and never published
		t.Fatal("full")
	}
	o, got, torn, err := readCopy(t, path)
	slices.SortFunc(got, byNonce)
	if err != nil || torn != 0 || o.Sale != "ticket" || o.Node != "node one" || o.Boot != "b" || !slices.Equal(got, want) {
		t.Errorf("%+v, %d torn, %v\ngot  %v\nwant %v", o, torn, err, got, want)
	}
}

func TestTornSlotsAreCounted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.ring")
	r := mapRing(t, path, 16)
	for i := range uint64(5) {
		put(t, r, claim, sampleClaim(i))
	}
	for i := range r.lanes {
		for k := range r.lanes[i].slot {
			if s := &r.lanes[i].slot[k]; s.turn.Load() > 0 && s.Nonce == 3 {
				s.Expiry++ // only half of it reached the disk
			}
		}
	}
	if _, got, torn, err := readCopy(t, path); err != nil || torn != 1 || len(got) != 4 {
		t.Errorf("%d claims, %d torn, %v", len(got), torn, err)
	}
}

// FuzzReadRing proves G13.
func FuzzReadRing(f *testing.F) {
	path := filepath.Join(f.TempDir(), "x.ring")
	r := mapRing(f, path, 2)
	put(f, r, claim, sampleClaim(1))
	good, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add([]byte{})
	f.Add([]byte("{}\n"))
	f.Add(append([]byte(`{"format":2}`+"\n"), make([]byte, 3*pageSize)...))
	f.Add([]byte(`{"format":1,"lanes":1,"slots":1}` + "\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "f.ring")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		o, claims, torn, err := readOnce(path)
		if err != nil && !errors.Is(err, ErrRingFile) || len(claims)+torn > len(text)/slotSize+1 {
			t.Errorf("%d claims, %d torn of %+v: %v", len(claims), torn, o, err)
		}
	})
}

// mapRing is a ring of this process in a file.
func mapRing(t testing.TB, path string, size int) *Ring {
	t.Helper()
	lanes, slots := ringShape(size)
	file := NewRingFile(path, sampleOwner())
	r, err := file.Make(lanes, slots, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Drop() })
	return r
}

// readCopy reads a file while its owner lives.
func readCopy(t testing.TB, path string) (RingOwner, []ledger.Claim, int, error) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "copy.ring")
	if err := os.WriteFile(copied, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return readOnce(copied)
}

func readOnce(path string) (RingOwner, []ledger.Claim, int, error) {
	l, err := ReadRing(path, "b")
	if err != nil {
		return RingOwner{}, nil, 0, err
	}
	l.Close()
	return l.RingOwner, l.Claims, l.Torn, nil
}

// A file that was cut off or grew gives its whole records, and says that it is not whole.
func TestRingOfAnotherLength(t *testing.T) {
	good, left := realRing(t, 8, 5)
	for _, size := range []int{len(good) - 1, len(good) + 1, len(good) + 3*slotSize, slotsAt + slotSize, slotsAt} {
		text := append(append([]byte{}, good...), make([]byte, 4*slotSize)...)[:size]
		_, claims, torn, _, err := readText(t, text)
		whole := min(len(left), max(0, (size-slotsAt)/slotSize))
		if err != nil || torn != 1 || len(claims) > whole || size > len(good) && len(claims) != len(left) {
			t.Errorf("%d of %d bytes: %d claims, %d torn, %v", size, len(good), len(claims), torn, err)
		}
	}
}
