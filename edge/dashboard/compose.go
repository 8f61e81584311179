package dashboard

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"spike/luascripts/ledger"
)

// look is all that is known, at a moment.
func (b *board) look(cfg *Config, now time.Time) Look {
	f := b.front()
	l := Look{At: now.UnixMilli(), Version: cfg.Version, Sales: []Sale{}, SalesTotal: len(b.sales),
		Processes: b.processes(cfg.Bounds, f.share(), now)}
	l.Store = b.storeLook(cfg, now)
	for _, s := range b.shownSales() {
		if !s.known && s.odd == "" {
			continue // nobody knows yet whether it is there
		}
		l.Sales = append(l.Sales, b.saleLook(s, f, now))
	}
	return l
}

func (b *board) storeLook(cfg *Config, now time.Time) StoreLook {
	h := &b.store
	last := h.good
	if last.IsZero() {
		last = h.since
	}
	l := StoreLook{Kind: cfg.Kind, Address: cfg.Address, Silent: now.Sub(last).Milliseconds(), Risks: append([]string{}, h.risks...)}
	l.OK = h.err == nil && !h.good.IsZero() && now.Sub(last) < silentAfter
	switch {
	case h.err != nil:
		l.Why = h.err.Error()
	case !l.OK:
		l.Why = "no answer yet"
	}
	if h.blind != nil {
		l.Risks = append(l.Risks, "processes cannot be seen: "+h.blind.Error())
	}
	if h.roundTrip > 0 {
		l.RoundTrip = to(h.roundTrip.Microseconds())
	}
	b.replication(&l)
	return l
}

// replication is the era and the replicas, as the sale that was shown last tells them.
func (b *board) replication(l *StoreLook) {
	var newest *sale
	for _, s := range b.sales {
		if s.known && (newest == nil || s.fetched.After(newest.fetched)) {
			newest = s
		}
	}
	if newest == nil {
		return
	}
	l.Era = strconv.FormatUint(newest.shown.Era, 16)
	l.Wanted, l.Replicas = newest.shown.Replicas, newest.shown.Replicas
	if here, is := missing(newest.shown); is {
		l.Replicas, _ = strconv.ParseUint(here, 10, 64)
	}
}

// states are the doors in the words of the buyers' side.
var states = map[ledger.State]string{ledger.Open: "open", ledger.Paused: "paused", ledger.Closed: "closed",
	ledger.Unopened: "not_open", ledger.Drawing: "drawing"}

func (b *board) saleLook(s *sale, f front, now time.Time) Sale {
	h := s.shown.Head
	l := Sale{Sale: s.name, Trouble: s.trouble(), Buys: b.buys(s.name), Spark: append(numbers{}, s.spark...)}
	rates, known := b.rates(s.name, nil)
	if known {
		l.Won, l.Answered = to(rounded(rates[wonOutcome])), f.answered(s, sum(rates))
	}
	if !s.known {
		return l
	}
	l.State, l.Revision, l.Age = states[h.State], strconv.FormatUint(h.Rev, 10), to(now.Sub(s.at).Milliseconds())
	l.Total, l.Free, l.Leased, l.Limbo = to(h.Total), to(h.Free), to(h.Leased), to(h.Limbo)
	l.Pending, l.Confirmed, l.Final = to(h.Pending), to(h.Confirmed), h.Final()
	l.Hold, l.Limit = float64(h.Hold)/1e6, h.Limit
	l.Opens, l.Closes = clock(h.Opens), clock(h.Closes)
	if h.Lots.Window > 0 {
		l.Draws = to(h.DrawsAt() / 1e3)
	}
	if h.Reopens > 0 {
		l.Recovering = to(max(0, (h.Reopens-h.Now)/1e3-now.Sub(s.at).Milliseconds()))
	}
	_, l.ReplicasMissing = missing(s.shown)
	if left := h.Free + h.Leased; left > 0 && h.State == ledger.Open {
		l.SoldOut = soldOut(left, s.spark)
	}
	return l
}

// clock is a time of the store's clock in Unix ms; nil: there is none.
func clock(us int64) *int64 {
	if us == 0 {
		return nil
	}
	return to(us / 1e3)
}

// estimateOver is how many seconds of wins an estimate looks at.
const estimateOver = 5

// soldOut estimates when the units that are left will be sold; nil: nothing tells.
func soldOut(left uint64, spark numbers) *int64 {
	won, n := 0.0, 0
	for _, v := range spark[max(0, len(spark)-estimateOver):] {
		if !math.IsNaN(v) {
			won, n = won+v, n+1
		}
	}
	if n == 0 || won == 0 {
		return nil
	}
	return to(int64(float64(left) * 1e3 * float64(n) / won))
}

// buys are the buys of a sale by outcome, of the edges that beat.
func (b *board) buys(name string) map[string]uint64 {
	all := map[string]uint64{}
	for _, m := range b.meters {
		for outcome, n := range m.sales[name].beat.Buys {
			all[outcome] += n
		}
	}
	return all
}

// processes are all processes, by kind and node: those that beat, and instances that hold units without a beat.
func (b *board) processes(bounds ledger.Bounds, share *float64, now time.Time) []Process {
	all := map[string]*Process{}
	for key, m := range b.meters {
		p := m.look(now, !b.alive(m))
		if p.Front != nil {
			p.Front.Share = share
		}
		all[key] = p
	}
	for _, s := range b.sales {
		for _, h := range s.held.Instances {
			b.holder(all, s, h, bounds, now)
		}
	}
	list := make([]Process, 0, len(all))
	for _, p := range all {
		slices.SortFunc(p.Leases, func(x, y LeaseLook) int { return cmp.Compare(x.Sale, y.Sale) })
		list = append(list, *p)
	}
	slices.SortFunc(list, func(x, y Process) int {
		return cmp.Or(cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Node, y.Node), cmp.Compare(x.Instance, y.Instance))
	})
	return list
}

// holder adds what the ledger knows of an instance to its process.
func (b *board) holder(all map[string]*Process, s *sale, h ledger.Holder, bounds ledger.Bounds, now time.Time) {
	key := edgeKey(h)
	p := all[key]
	if p == nil {
		if len(h.Leases) == 0 {
			return
		}
		p = &Process{Kind: ledger.EdgeKind, Instance: h.Process(), Node: h.Node, Errors: map[string]uint64{}, Leases: []LeaseLook{},
			Gone: true, Why: "it does not beat"}
		all[key] = p
	}
	silent := s.silent(h, bounds, now)
	if p.Silent == nil || silent < *p.Silent {
		p.Silent = &silent
	}
	if p.Age == nil && silent < goneAfter.Milliseconds() {
		p.Gone = false
	}
	if l, holds := s.lease(h, bounds, now); holds {
		p.Leases = append(p.Leases, l)
	}
}

// since is how many ms ago a moment of ledger time was.
func (s *sale) since(then int64, now time.Time) int64 {
	return max(0, (s.held.Now-then)/1e3+now.Sub(s.heldAt).Milliseconds())
}

// silent is how many ms ago the ledger heard of an instance: when it asked for a lease, or when it got the newest deadline.
func (s *sale) silent(h ledger.Holder, bounds ledger.Bounds, now time.Time) int64 {
	heard := h.Seen
	for _, l := range h.Leases {
		heard = max(heard, l.Deadline-bounds.Lease.Microseconds())
	}
	return s.since(heard, now)
}

// lease is what an instance holds of the sale, if it holds something.
func (s *sale) lease(h ledger.Holder, bounds ledger.Bounds, now time.Time) (l LeaseLook, holds bool) {
	l.Sale = s.name
	stays := (bounds.Margin + max(time.Duration(s.held.Hold)*time.Microsecond, 0)).Milliseconds()
	if s.held.Hold == 0 {
		stays = (bounds.Margin + bounds.Cover).Milliseconds()
	}
	soonest := int64(math.MaxInt64)
	for _, lease := range h.Leases {
		in := -s.since(lease.Deadline, now)
		if lease.Deadline > s.held.Now {
			in = (lease.Deadline-s.held.Now)/1e3 - now.Sub(s.heldAt).Milliseconds()
		}
		if lease.Limbo {
			l.Limbo += lease.Units
			ends := max(0, in+stays)
			if l.LimboEnds == nil || ends > *l.LimboEnds {
				l.LimboEnds = &ends
			}
			continue
		}
		l.Units += lease.Units
		soonest = min(soonest, in)
	}
	if soonest < math.MaxInt64 {
		l.Deadline = max(0, soonest)
	}
	return l, len(h.Leases) > 0
}

// look is a process as its beats tell it.
func (m *meter) look(now time.Time, gone bool) *Process {
	n := &m.newest
	p := &Process{Kind: n.Kind, Instance: n.Instance, Node: n.Node, Version: n.Version, Started: to(n.Started / 1e3),
		Ready: n.Ready && !gone, Why: n.Why, Draining: n.Draining, Age: to(max(0, now.Sub(m.at).Milliseconds())), Gone: gone,
		Errors: maps.Clone(n.Errors), Lost: to(n.Lost), Leases: []LeaseLook{}, Connections: to(n.Connections), Refused: to(n.Refused)}
	if p.Errors == nil {
		p.Errors = map[string]uint64{}
	}
	p.Silent = p.Age
	if n.RoundTrip > 0 {
		p.RoundTrip = to(n.RoundTrip)
	}
	if n.FilesMost > 0 {
		p.Files, p.FilesMost = to(n.Files), to(n.FilesMost)
	}
	if n.Kind == ledger.EdgeKind {
		m.edge(p, gone)
	}
	if gone { // nobody knows
		p.Stock, p.Unsettled, p.Oldest, p.Waiting = nil, nil, nil, nil
		p.Connections, p.RoundTrip, p.Files = nil, nil, nil
	}
	if n.Front != nil {
		p.Front = m.front()
	}
	if n.Orders != nil {
		p.Orders = m.orders()
	}
	return p
}

// edge adds the figures of all sales of an edge.
func (m *meter) edge(p *Process, gone bool) {
	var stock, unsettled, waiting uint64
	var oldest int64
	for _, s := range m.newest.Sales {
		stock, unsettled, waiting, oldest = stock+s.Stock, unsettled+s.Unsettled, waiting+s.Waiting, max(oldest, s.Oldest)
	}
	p.Stock, p.Unsettled, p.Waiting, p.Oldest = &stock, &unsettled, &waiting, &oldest
	if !gone {
		p.Won, p.Answered = m.all()
	}
}

func (m *meter) front() *FrontLook {
	f := &FrontLook{FrontBeat: *m.newest.Front}
	if was := m.before.Front; was != nil && was.Seen && f.Seen {
		f.Requests = m.rate(was.Requests, f.FrontBeat.Requests)
	}
	return f
}

func (m *meter) orders() *OrdersLook {
	o := &OrdersLook{OrdersBeat: *m.newest.Orders}
	if was := m.before.Orders; was != nil {
		o.Rows = m.rate(was.Rows, o.OrdersBeat.Rows)
	}
	return o
}

// detail is more about a sale; nil: it is not known.
func (b *board) detail(name string, bounds ledger.Bounds, now time.Time) *Detail {
	s := b.sales[name]
	if s == nil {
		return nil
	}
	kept := s.series
	if kept == nil {
		kept = &series{}
	}
	d := &Detail{Sale: name, Series: kept.json(), Marks: b.marks(s, now), Holders: []Holder{}}
	for _, h := range s.held.Instances {
		holder := Holder{Instance: h.Instance, Node: h.Node, Silent: s.silent(h, bounds, now)}
		for _, l := range h.Leases {
			if l.Limbo {
				holder.Limbo += l.Units
			} else {
				holder.Units += l.Units
			}
		}
		d.Holders = append(d.Holders, holder)
	}
	if l := s.shown.Lots; l.Window > 0 {
		d.Draw = &Draw{Draws: s.shown.DrawsAt() / 1e3, Seal: s.shown.Secret.Seal, Secret: s.shown.Secret.Seed}
		if l.Drawn > 0 {
			d.Draw.Entrants = to(l.Entrants)
		}
	}
	return d
}

// marks are what the journal tells of a sale, and of the parts, within the time of a series; oldest first.
func (b *board) marks(s *sale, now time.Time) []Mark {
	all, first := []Mark{}, now.Unix()-pointsMost
	for _, e := range b.journal {
		if t := entryTime(e).Unix(); (e.Sale == s.name || e.Sale == "") && t >= first {
			all = append(all, Mark{T: t, What: e.Did, More: more(e)})
		}
	}
	if opened := s.shown.Opens / 1e6; opened >= first && s.shown.Opens <= s.shown.Raw && opened > 0 {
		all = append(all, Mark{T: opened, What: "opened"})
	}
	slices.SortStableFunc(all, func(x, y Mark) int { return cmp.Compare(x.T, y.T) })
	return all
}

// more is what an entry tells beyond its word, and by whom.
func more(e ledger.Entry) string {
	who := strings.Trim(e.Who+", "+e.From, ", ")
	if e.What == "" || who == "" {
		return e.What + who
	}
	return fmt.Sprintf("%s (%s)", e.What, who)
}

// entryTime is when an entry was noted, by the store's clock.
func entryTime(e ledger.Entry) time.Time {
	ms := e.ID
	for i, c := range ms {
		if c < '0' || c > '9' {
			ms = ms[:i]
			break
		}
	}
	n, _ := strconv.ParseInt(ms, 10, 64)
	return time.UnixMilli(n)
}
