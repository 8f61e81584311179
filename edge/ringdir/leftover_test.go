package ringdir

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"spike/edge/allotment"
	"spike/luascripts/ledger"
	"spike/luascripts/memory"
)

// leaseOf leases units to an instance.
func leaseOf(t *testing.T, e *memory.Store, instance string) (birth uint64, g ledger.Grant) {
	t.Helper()
	r, err := e.Lease(context.Background(), "ticket",
		ledger.LeaseRequest{Party: ledger.Party{Instance: instance}, Request: 1, Want: 10,
			Term: 5 * time.Second})
	if err != nil || r.Grant.Fence == 0 {
		t.Fatalf("%+v %v", r, err)
	}
	return r.Birth, r.Grant
}

// leftRing is a copy of a ring file of this process. It proves nothing, because this process lives.
func leftRing(t *testing.T, from, to string, o allotment.RingOwner) string {
	t.Helper()
	o.Boot = allotment.BootID()
	m := allotment.NewRingFile(filepath.Join(from, "x.ring"), o)
	if _, err := m.Make(1, 64, 0); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(m.Path())
	if err != nil {
		t.Fatal(err)
	}
	if err = m.Drop(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(to, "x.ring")
	if err = os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// P1: units that a copy of a ring does not name stay where they are. The copy itself is removed.
func TestP1CopyLetsGoOfNothing(t *testing.T) {
	store := memory.New(ledger.DefaultBounds(), time.Now)
	if _, err := store.Create(context.Background(), "ticket", ledger.CreateRequest{Total: 10}); err != nil {
		t.Fatal(err)
	}
	birth, g := leaseOf(t, store, "owner")
	data := t.TempDir()
	path := leftRing(t, t.TempDir(), data, allotment.RingOwner{Sale: "ticket", Birth: birth, Instance: "owner"})
	d, err := Open(data)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	d.RecoverAll(t.Context(), store, zerolog.Nop())
	shown, err := store.Show(context.Background(), "ticket")
	if err != nil || shown.Leased != g.Ranges.Len() {
		t.Errorf("%d of %d leased: %v", shown.Leased, g.Ranges.Len(), err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the copy: %v", err)
	}
}

// P14: rings of another store keep an edge from starting. Rings of a store that ended with its process are set aside. Rings of a
// version that knew no stores are read.
func TestP14WhoseRingsMayBeHere(t *testing.T) {
	store := memory.New(ledger.DefaultBounds(), time.Now)
	mine, err := store.Identity(context.Background())
	if err != nil || !ledger.Passing(mine) {
		t.Fatal(mine, err)
	}
	for of, refused := range map[string]bool{"": false, mine: false, "process-0": false, "0123456789abcdef0123456789abcdef": true} {
		data := t.TempDir()
		path := leftRing(t, t.TempDir(), data, allotment.RingOwner{Sale: "ticket", Birth: 7, Instance: "i", Store: of})
		d, err := Open(data)
		if err != nil {
			t.Fatal(err)
		}
		err = d.Belongs(context.Background(), store)
		if got := errors.Is(err, ErrData); got != refused || refused && !strings.Contains(err.Error(), path) {
			t.Errorf("ring of store %q: %v", of, err)
		}
		d.Close()
	}
}

// A7: a ring that is set aside is text for a person, and of limited size.
func TestA7AsideIsSmall(t *testing.T) {
	d := &Dir{path: t.TempDir()}
	left := &allotment.Left{RingOwner: allotment.RingOwner{Sale: "ticket", Birth: 7}}
	left.Torn = 3
	for i := range 3 * maxClaims {
		left.Claims = append(left.Claims, ledger.Claim{Serial: uint32(i) + 1, Count: 1, Fence: 1 << 52, Nonce: 1 << 52,
			Expiry: 1 << 50})
	}
	for i := range maxAside + 20 {
		left.Instance = fmt.Sprint(i)
		if err := d.keep(left); err != nil {
			t.Fatal(err)
		}
	}
	files, err := os.ReadDir(d.path)
	if err != nil || len(files) != maxAside {
		t.Errorf("%d files, %v", len(files), err)
	}
	text, err := os.ReadFile(filepath.Join(d.path, files[0].Name()))
	if lines := bytes.Count(text, []byte("\n")); err != nil || lines != 1+maxClaims || len(text) > 1<<20 ||
		!bytes.Contains(text, []byte(`"claims":15000`)) {
		t.Errorf("%d lines, %d bytes: %.200s", lines, len(text), text)
	}
	big := filepath.Join(d.path, "odd.ring")
	if err := os.WriteFile(big, make([]byte, 2<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	d.setAside(big, allotment.ErrRingFile, zerolog.Nop())
	if info, err := os.Stat(big + asideSuffix); err != nil || info.Size() > maxOdd {
		t.Errorf("%+v %v", info, err)
	}
}
