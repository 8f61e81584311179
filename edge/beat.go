package edge

import (
	"cmp"
	"context"
	"fmt"
	"maps"
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
	order    []counted                    // the sales, by name
}

// counted is a sale, how many buys it had answered at the last beat, and how many of them since the beat before.
type counted struct {
	sale             *sales.Sale
	answered, lately uint64
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
	for _, sale := range me.busiest(all) {
		b.Sales = append(b.Sales, saleBeat(sale))
	}
	b.MoreSales = uint64(len(all) - len(b.Sales))
	return append(me.newEras(all), me.news(all)...)
}

// busiest are at most BeatSales sales: first those that have answered buys since the last beat, the busiest first, then the
// others by their names. There may be thousands, and nothing is sorted anew while they stay the same.
func (me *self) busiest(all map[string]*sales.Sale) (list []*sales.Sale) {
	if !me.has(all) {
		order := make([]counted, 0, len(all))
		for _, name := range slices.Sorted(maps.Keys(all)) {
			order = append(order, counted{sale: all[name], answered: me.answeredBy(all[name])})
		}
		me.order = order
	}
	var busy []counted
	for i := range me.order {
		c := &me.order[i]
		total := c.sale.Tally.Total()
		c.lately, c.answered = total-c.answered, total
		if c.lately > 0 {
			busy = append(busy, *c)
		}
	}
	slices.SortStableFunc(busy, func(a, b counted) int { return cmp.Compare(b.lately, a.lately) })
	for _, c := range busy[:min(len(busy), ledger.BeatSales)] {
		list = append(list, c.sale)
	}
	for i := 0; i < len(me.order) && len(list) < ledger.BeatSales; i++ {
		if me.order[i].lately == 0 {
			list = append(list, me.order[i].sale)
		}
	}
	return list
}

// has says that these are the sales of the last beat.
func (me *self) has(all map[string]*sales.Sale) bool {
	return len(all) == len(me.order) && !slices.ContainsFunc(me.order, func(c counted) bool { return all[c.sale.Name] != c.sale })
}

func (me *self) answeredBy(sale *sales.Sale) uint64 {
	at, known := slices.BinarySearchFunc(me.order, sale.Name, func(c counted, name string) int {
		return cmp.Compare(c.sale.Name, name)
	})
	if known && me.order[at].sale == sale {
		return me.order[at].answered
	}
	return 0
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
