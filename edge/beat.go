package edge

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"spike/edge/allotment"
	"spike/edge/buy"
	"spike/edge/sales"
	"spike/luascripts/beater"
	"spike/luascripts/ledger"
	"spike/shard/latency"
)

// What this edge says of itself each second. It reads counters that buys keep anyway, so no buy pays for it.

// self is what the beats before have seen.
type self struct {
	s        *Server
	eras     map[string]uint64            // of the sales
	cut      uint64                       // the newest era that began meanwhile
	troubles map[string]allotment.Trouble // that the journal has
	answered map[*sales.Sale]uint64
}

func (s *Server) beater() *beater.Beater {
	me := &self{s: s, eras: map[string]uint64{}, troubles: map[string]allotment.Trouble{}}
	return &beater.Beater{Store: s.store, Log: s.log, Look: me.look,
		Who: ledger.Beat{Kind: ledger.EdgeKind, Instance: s.instance, Node: s.cfg.Node, Version: s.cfg.Version}}
}

func (me *self) look(ctx context.Context, b *ledger.Beat) []ledger.Entry {
	all := me.s.sales.All()
	b.Why = me.s.unready(ctx)
	b.Ready, b.Draining = b.Why == "", me.s.draining.Load()
	b.Connections, b.Refused = me.s.limits.Count()
	b.Lost = me.s.sales.Lost()
	for _, sale := range all {
		b.Lost += sale.Lost()
	}
	if store, is := me.s.store.(metered); is {
		b.Errors = store.CallErrors()
	}
	busiest := me.busiest(all)
	for _, sale := range busiest[:min(len(busiest), ledger.BeatSales)] {
		b.Sales = append(b.Sales, saleBeat(sale))
	}
	b.MoreSales = uint64(len(busiest) - len(b.Sales))
	return append(me.newEras(all), me.news(all)...)
}

// busiest are the sales by how many buys they have answered since the last beat, then by their names.
func (me *self) busiest(all map[string]*sales.Sale) (order []*sales.Sale) {
	answered, lately := make(map[*sales.Sale]uint64, len(all)), make(map[*sales.Sale]uint64, len(all))
	for _, sale := range all {
		order = append(order, sale)
		answered[sale] = sale.Tally.Total()
		lately[sale] = answered[sale] - me.answered[sale]
	}
	me.answered = answered
	slices.SortFunc(order, func(a, b *sales.Sale) int {
		return cmp.Or(cmp.Compare(lately[b], lately[a]), cmp.Compare(a.Name, b.Name))
	})
	return order
}

func saleBeat(sale *sales.Sale) ledger.SaleBeat {
	b := ledger.SaleBeat{Sale: sale.Name, Buys: map[string]uint64{}, Calls: map[string]uint64{}, Stock: sale.Stock(),
		Unsettled: sale.Claims(), Waiting: uint64(sale.Waiting())}
	for o, label := range buy.Labels() {
		if n := sale.Tally.Read(uint8(o)); n > 0 {
			b.Buys[label] = n
		}
	}
	for call, n := range sale.Calls() {
		if n > 0 {
			b.Calls[call] = n
		}
	}
	if t := sale.Trouble(); t != nil {
		b.Trouble = t.Why
	}
	won, rest := sale.Times.Won(), sale.Times.Rest()
	b.Won, b.Rest, b.Oldest = latency.Trim(won.N[:]), latency.Trim(rest.N[:]), sale.Unsettled().Microseconds()
	return b
}

// newEras are the eras that have begun since the last beat. All edges see them, so one notes them.
func (me *self) newEras(all map[string]*sales.Sale) (entries []ledger.Entry) {
	eras, cut := make(map[string]uint64, len(all)), uint64(0)
	for name, sale := range all {
		era := sale.View().Era
		eras[name] = era
		if was := me.eras[name]; was != 0 && was != era {
			cut = era
			entries = append(entries, ledger.Entry{Did: "era", Once: fmt.Sprintf("era %x", era),
				What: fmt.Sprintf("the store's history has another name: %x, after %x", era, was)})
		}
	}
	me.eras = eras
	if cut != 0 && cut != me.cut {
		me.cut = cut
		me.s.eras.Add(1)
	}
	return entries
}

// troubleOnce is how long trouble is not noted again by this edge and the others, which mostly see it at about the same time.
const troubleOnce = time.Minute

// news are the troubles that came or went since the last beat.
func (me *self) news(all map[string]*sales.Sale) (entries []ledger.Entry) {
	for name, sale := range all {
		was, had := me.troubles[name]
		t := sale.Trouble()
		switch {
		case t != nil && (!had || was.Ailment != t.Ailment):
			me.troubles[name] = *t
			entries = append(entries, me.entry("trouble", name, *t))
		case t == nil && had:
			delete(me.troubles, name)
			entries = append(entries, me.entry("well", name, was))
		}
	}
	for name := range me.troubles {
		if all[name] == nil {
			delete(me.troubles, name)
		}
	}
	return entries
}

// entry tells of the trouble of a sale, or of all sales that share it.
func (me *self) entry(did, sale string, t allotment.Trouble) ledger.Entry {
	e := ledger.Entry{Did: did, Sale: sale, What: t.Why, OnceFor: troubleOnce}
	about := sale
	switch t.Ailment {
	case allotment.StoreAway, allotment.Cut: // all sales have it
		about, e.Sale = "", ""
	case allotment.NoRing: // this edge has it
		about = me.s.instance
	case allotment.ByHand:
	}
	e.Once = fmt.Sprintf("%s %s %s", did, t.Ailment, about)
	return e
}
