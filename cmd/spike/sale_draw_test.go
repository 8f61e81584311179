package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"spike/luascripts/ledger"
)

const drawSeed = "000102030405060708090a0b0c0d0e0f"

// fakeDraw is a store with one draw.
type fakeDraw struct {
	ledger.Store
	buyers []ledger.Buyer
	secret ledger.Secret
}

func (u fakeDraw) Draw(_ context.Context, _ string, from, most int) (ledger.DrawReply, error) {
	r := ledger.DrawReply{Secret: u.secret}
	r.Birth, r.Lots = 7, ledger.Lots{Window: 5, Drawn: 9, Entrants: 2500, Winners: 3}
	r.Buyers = u.buyers[min(from, len(u.buyers)):min(from+most, len(u.buyers))]
	return r, nil
}

func newFakeDraw() fakeDraw {
	u := fakeDraw{secret: ledger.Secret{Seal: ledger.Seal(drawSeed), Seed: drawSeed}}
	for i := range 2500 {
		u.buyers = append(u.buyers, ledger.Buyer{byte(i >> 8), byte(i), 1})
	}
	slices.SortFunc(u.buyers, func(a, b ledger.Buyer) int {
		return cmp.Compare(ledger.Lot(drawSeed, 7, a), ledger.Lot(drawSeed, 7, b))
	})
	return u
}

// The command checks the order, the seed and the number of entrants.
func TestDrawIsChecked(t *testing.T) {
	for _, c := range []struct {
		name    string
		spoil   func(*fakeDraw)
		blames  string
		refuses error
	}{
		{"as it is", func(*fakeDraw) {}, "", nil},
		{"two are swapped", func(u *fakeDraw) { u.buyers[0], u.buyers[9] = u.buyers[9], u.buyers[0] }, "not in the order of lots", nil},
		{"one is missing", func(u *fakeDraw) { u.buyers = u.buyers[1:] }, "2499 entrants now, 2500 when lots were drawn", nil},
		{"another seed", func(u *fakeDraw) { u.secret.Seal = ledger.Seal("x") }, "not the one that was sealed", nil},
		{"still secret", func(u *fakeDraw) { u.secret.Seed = "" }, "", errTooSoon},
		{"no lots", func(u *fakeDraw) { u.secret = ledger.Secret{} }, "", errUsage},
	} {
		u := newFakeDraw()
		c.spoil(&u)
		d, err := readDraw(t.Context(), u, "s")
		if !errors.Is(err, c.refuses) {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.refuses != nil {
			continue
		}
		var out bytes.Buffer
		if err := d.list(&out); err != nil {
			t.Fatal(err)
		}
		if blamed := !d.OK; blamed != (c.blames != "") || !strings.Contains(out.String(), c.blames) {
			t.Errorf("%s: %v\n%.300s", c.name, d.Violations, out.String())
		}
		if c.blames != "" {
			continue
		}
		if strings.Count(out.String(), " won\n") != 3 || !strings.Contains(out.String(), "ok: 2500 entrants, 3 winners") {
			t.Errorf("%s: %.300s", c.name, out.String())
		}
	}
}
