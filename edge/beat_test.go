package edge

import (
	"fmt"
	"slices"
	"testing"

	"github.com/rs/zerolog"

	"spike/edge/allotment"
	"spike/edge/sales"
	"spike/luascripts/ledger"
)

func beatOf(s *Server) *self {
	return &self{s: s, eras: map[string]uint64{},
		troubles: map[string]allotment.Trouble{}}
}

// An edge says what it has counted, of each sale that was bought from.
func TestBeatSaysWhatWasCounted(t *testing.T) {
	s := loggingServer(t, testConfig(), &shelf{left: 2}, zerolog.Nop())
	for range 5 {
		s.serveOne(buyer("/buy/ticket"))
	}
	var b ledger.Beat
	beatOf(s).look(t.Context(), &b)
	if len(b.Sales) != 1 || b.MoreSales != 0 || b.Ready || b.Why == "" { // it has no listener
		t.Fatalf("%+v", b)
	}
	one, heard := b.Sales[0], uint64(0)
	for _, n := range one.Buys {
		heard += n
	}
	if one.Sale != "ticket" || one.Buys["won"] != 2 || heard != 5 || one.Calls["lease"] == 0 {
		t.Errorf("%+v", one)
	}
}

// Of many sales the busiest are in the beat.
func TestBeatHasTheBusiestSales(t *testing.T) {
	s := testServer(t, testConfig(), &shelf{left: 1})
	all := map[string]*sales.Sale{}
	for k := range ledger.BeatSales + 9 {
		name := fmt.Sprintf("s%03d", k)
		s.serveOne(buyer("/buy/" + name))
		all[name] = s.sales.All()[name]
	}
	me := beatOf(s)
	me.busiest(all)
	for range 3 {
		s.serveOne(buyer("/buy/s150"))
	}
	var b ledger.Beat
	me.look(t.Context(), &b)
	if len(b.Sales) != ledger.BeatSales || b.MoreSales != 9 || b.Sales[0].Sale != "s150" || b.Sales[1].Sale != "s000" {
		t.Errorf("%d sales, %d more; the first: %+v", len(b.Sales), b.MoreSales, b.Sales[:2])
	}
}

// The journal has trouble when it comes and when it is over. What all edges see is noted under one name.
func TestTroubleIsNoted(t *testing.T) {
	s := testServer(t, testConfig(), &shelf{left: 1})
	me := beatOf(s)
	var names []string
	for _, ailment := range []allotment.Ailment{allotment.StoreAway, allotment.Cut, allotment.NoRing, allotment.ByHand} {
		e := me.entry("trouble", "s", allotment.Trouble{Ailment: ailment, Why: "w"})
		if e.OnceFor == 0 || e.What != "w" {
			t.Errorf("%+v", e)
		}
		names = append(names, e.Sale+"|"+e.Once)
	}
	want := []string{"|trouble store ", "|trouble recovery ", "s|trouble ring " + s.instance, "s|trouble refused s"}
	if !slices.Equal(names, want) {
		t.Errorf("%q", names)
	}
	me.troubles["gone"] = allotment.Trouble{Ailment: allotment.ByHand}
	if e := me.news(nil); len(e) != 0 || len(me.troubles) != 0 {
		t.Errorf("a sale that is gone: %+v, %v", e, me.troubles)
	}
}
