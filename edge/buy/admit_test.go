package buy

import (
	"testing"

	"spike/edge/allotment"
	"spike/edge/sales"
	"spike/luascripts/ledger"
)

// saleOf is a sale whose newest view is h. Nobody keeps it.
func saleOf(h ledger.Head, early bool) *sales.Sale {
	clock := func() allotment.Instant { return allotment.Instant{} }
	a, _ := allotment.NewPair(allotment.Config{Sale: "ticket", Bounds: ledger.DefaultBounds()}, clock, h, 64)
	return &sales.Sale{Name: "ticket", Limit: h.Limit, AcksBeforeLedger: early, Runner: &allotment.Runner{Allotment: a}}
}

var (
	ann   = ledger.Buyer{1}
	one   = Request{N: 1}
	named = Request{N: 1, Buyer: ann}
	keyed = Request{N: 1, Buyer: ann, Key: ledger.IdempotencyKey{1}}
	two   = Request{N: 2, Buyer: ann}
)

func TestAdmit(t *testing.T) {
	open := ledger.Head{Total: 10, Free: 10}
	lots := ledger.Head{Total: 10, Free: 10,
		Lots: ledger.Lots{Window: 5e6, Drawn: 1, Entrants: 10, Winners: 10, Kept: 10, Last: 1 << 52}}
	is := func(r allotment.Reason) *allotment.Verdict {
		return &allotment.Verdict{Reason: r, Why: "why", Opens: 7, Draws: 8}
	}
	beside := func(others *allotment.Verdict) *allotment.Verdict {
		return &allotment.Verdict{Reason: allotment.Lots, Others: others}
	}
	for name, c := range map[string]struct {
		verdict *allotment.Verdict
		head    ledger.Head
		late    bool // buyers hear after the ledger
		q       Request
		outcome Outcome
		at      int64
		way     Way
	}{
		"units here":                      {nil, open, false, one, Undecided, 0, Take},
		"buyers hear after the ledger":    {nil, open, true, one, Undecided, 0, Lease},
		"a limit per buyer":               {nil, ledger.Head{Limit: 2}, true, one, Undecided, 0, Ledger},
		"sold out":                        {is(allotment.SoldOut), open, false, one, SoldOut, 7, Decided},
		"none now":                        {is(allotment.NoneNow), open, false, one, NoneNow, 7, Decided},
		"paused":                          {is(allotment.Paused), open, false, two, Paused, 7, Decided},
		"not open":                        {is(allotment.Unopened), open, false, one, Unopened, 7, Decided},
		"closed":                          {is(allotment.Closed), open, false, one, Closed, 7, Decided},
		"nobody knows":                    {is(allotment.Undecided), open, false, one, Undecided, 7, Decided},
		"refused":                         {is(allotment.Refused), open, false, one, Refused, 7, Decided},
		"it has ended here":               {is(allotment.Gone), open, false, one, Undecided, 0, Stale},
		"a key":                           {nil, open, false, keyed, Undecided, 0, Ledger},
		"a key, sold out":                 {is(allotment.SoldOut), open, false, keyed, Undecided, 0, Repeat},
		"a key, none now":                 {is(allotment.NoneNow), open, false, keyed, Undecided, 0, Repeat},
		"a key, paused":                   {is(allotment.Paused), open, false, keyed, Undecided, 0, Ledger},
		"a key, ended":                    {is(allotment.Gone), open, false, keyed, Undecided, 0, Ledger},
		"a key, not open":                 {is(allotment.Unopened), open, false, keyed, Unopened, 7, Decided},
		"a key, drawing":                  {is(allotment.Drawing), open, false, keyed, Undecided, 8, Enter},
		"drawing":                         {is(allotment.Drawing), open, false, named, Undecided, 8, Enter},
		"drawing, two":                    {is(allotment.Drawing), open, false, two, OneTicket, 0, Decided},
		"drawing, nobody":                 {is(allotment.Drawing), open, false, one, NoBuyer, 0, Decided},
		"lots, nobody":                    {beside(nil), lots, false, one, Undecided, 0, Take},
		"lots, nobody, none for others":   {beside(is(allotment.NoneNow)), lots, false, one, NoneNow, 7, Decided},
		"lots, perhaps a winner":          {beside(nil), lots, false, named, Undecided, 0, Lease},
		"lots, perhaps a winner, none":    {beside(is(allotment.NoneNow)), lots, false, named, Undecided, 0, Lease},
		"lots, perhaps a winner, a limit": {beside(nil), with(lots, 1), false, named, Undecided, 0, Ledger},
		"lots, two":                       {beside(nil), lots, false, two, Undecided, 0, Take},
	} {
		sale := saleOf(c.head, !c.late && c.head.Limit == 0)
		d, way := Admit(c.verdict, sale, &c.q)
		if d.Outcome != c.outcome || d.At != c.at || way != c.way || d.Sold.Count != 0 || d.Outcome == Refused && d.Why != "why" {
			t.Errorf("%s: %+v %d", name, d, way)
		}
		if sale.Waiting() != 0 {
			t.Errorf("%s: it waits", name)
		}
	}
}

func with(h ledger.Head, limit uint64) ledger.Head {
	h.Limit = limit
	return h
}

// A zero value promises nothing.
func TestZeroValuesPromiseNothing(t *testing.T) {
	var d Decision
	var way Way
	var v allotment.Verdict
	if d.Outcome != Undecided || way != Decided || outcomes[v.Reason] != Undecided ||
		!d.Outcome.Counts() || Labels()[d.Outcome] != "undecided" {
		t.Errorf("%+v %d", d, way)
	}
	for r := range allotment.Reasons {
		if o := outcomes[r]; o == Won || o == SoldOut && r != allotment.SoldOut {
			t.Errorf("reason %d is outcome %d", r, o)
		}
	}
	for o, label := range Labels() {
		if label == "" {
			t.Errorf("outcome %d has no label", o)
		}
	}
}
