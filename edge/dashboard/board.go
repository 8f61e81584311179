package dashboard

import (
	"cmp"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"spike/edge/admin"
	"spike/luascripts/ledger"
)

// Bounds and times of what is known.
const (
	salesMost   = 500                     // sales in a look
	hotFor      = 10 * time.Second        // a sale is hot for so long after news, buys or a reader
	idleEvery   = 900 * time.Millisecond  // between questions about a sale that is not hot: its age stays below 2 s
	sameLasts   = 10 * time.Second        // a sale is shown anew after this, though its revision is the same: replicas may miss
	goneAfter   = 2 * time.Second         // without a beat
	silentAfter = 1500 * time.Millisecond // without an answer the store counts as silent
	holdersMost = 32                      // sales whose holders are asked for at once
	entriesMost = 200                     // of the journal
)

// board is what is known of everything. It has no clock and no I/O.
type board struct {
	sales   map[string]*sale
	meters  map[string]*meter // by kind and instance
	beats   time.Time         // when the beats were read
	journal []ledger.Entry    // the newest, newest first
	store   storeHealth
	changes uint64 // grows with each change of what is shown
	second  int64  // of the newest points
}

type storeHealth struct {
	since     time.Time // the first question
	good      time.Time // the newest good answer
	err       error     // of the newest question; nil: it was answered
	roundTrip time.Duration
	risks     []string
	blind     error // why the beats cannot be read
}

// sale is what is known of a sale.
type sale struct {
	name     string
	shown    ledger.ShowReply
	known    bool      // shown is from the store
	odd      string    // why the store refuses to show it
	at       time.Time // when shown was true
	revision string    // shown is true while the sale has it; "": unknown
	fetched  time.Time // when shown was fetched
	asked    time.Time // when the newest question began
	active   time.Time // the newest news or buy, or reader
	spark    numbers
	series   *series // nil: none is kept

	held      ledger.Holders
	heldAt    time.Time // when held was true; zero: never
	heldAsked time.Time
}

func newBoard(now time.Time) *board {
	return &board{sales: map[string]*sale{}, meters: map[string]*meter{}, store: storeHealth{since: now}}
}

// resume begins to look again after a pause. What only holds for a moment is forgotten.
func (b *board) resume(now time.Time) {
	b.store = storeHealth{since: now}
	clear(b.meters)
	for _, s := range b.sales {
		s.series, s.spark, s.held, s.revision = nil, nil, ledger.Holders{}, ""
	}
}

func (b *board) sale(name string) *sale { // known, or new
	s := b.sales[name]
	if s == nil {
		s = &sale{name: name}
		b.sales[name] = s
		b.changes++
	}
	return s
}

// listed takes the names of all sales.
func (b *board) listed(names []string) {
	there := make(map[string]bool, len(names))
	for _, name := range names {
		there[name] = true
		b.sale(name)
	}
	for name, s := range b.sales {
		if !there[name] {
			s.revision = "" // it is asked for, and forgotten if it is gone
			s.active = time.Time{}
		}
	}
}

// news is that something happened to a sale.
func (b *board) news(name string, now time.Time) {
	s := b.sale(name)
	s.active, s.revision = now, ""
}

// shownSales are the sales of a look, by name.
func (b *board) shownSales() []*sale {
	all := slices.Collect(maps.Values(b.sales))
	if len(all) > salesMost {
		slices.SortFunc(all, func(x, y *sale) int { return cmp.Or(y.active.Compare(x.active), cmp.Compare(x.name, y.name)) })
		all = all[:salesMost]
	}
	slices.SortFunc(all, func(x, y *sale) int { return cmp.Compare(x.name, y.name) })
	return all
}

// question is what the store is asked about a sale.
type question struct {
	sale     string
	revision string // if the sale still has it, nothing more is asked; "": it is to be shown
}

// due are the questions about sales that are due, and notes that they are asked.
func (b *board) due(now time.Time) (all []question) {
	for _, s := range b.shownSales() {
		if hot := now.Sub(s.active) < hotFor; !hot && now.Sub(s.asked) < idleEvery {
			continue
		}
		q := question{s.name, s.revision}
		if passes(s.shown) || now.Sub(s.fetched) > sameLasts {
			q.revision = ""
		}
		s.asked = now
		all = append(all, q)
	}
	return all
}

// passes says that a sale may change by the passing of time alone.
func passes(r ledger.ShowReply) bool {
	return r.Opens > r.Raw || r.Closes > 0 || r.Lots.Window > 0 || r.Reopens != 0 || r.Trouble != ""
}

// answer is what the store said about a sale.
type answer struct {
	question
	same  bool // the revision is the known one
	now   string
	shown ledger.ShowReply
	err   error
	asked time.Time
}

// answered takes an answer. An error that is no refusal says nothing about the sale.
func (b *board) answered(a answer) {
	s := b.sales[a.sale]
	refusal, refused := errors.AsType[*ledger.Refusal](a.err)
	switch {
	case s == nil:
	case errors.Is(a.err, ledger.ErrNoSale):
		delete(b.sales, a.sale)
		b.changes++
	case refused:
		b.changed(s.odd != refusal.Why)
		s.odd, s.revision = refusal.Why, ""
	case a.err != nil:
	case a.same:
		s.at = a.asked
	default:
		b.changed(!s.known || s.odd != "" || !sameFigures(s.shown, a.shown))
		if s.shown.Owned() != a.shown.Owned() {
			s.active = a.asked
		}
		s.shown, s.known, s.odd, s.revision, s.at, s.fetched = a.shown, true, "", a.now, a.asked, a.asked
	}
}

// sameFigures says that only clocks differ.
func sameFigures(x, y ledger.ShowReply) bool {
	x.Raw, x.Now = y.Raw, y.Now
	return x == y
}

func (b *board) changed(is bool) {
	if is {
		b.changes++
	}
}

// took takes all beats that the store has.
func (b *board) took(all []ledger.Beat, now time.Time) {
	b.beats, b.store.blind = now, nil
	there := map[string]bool{}
	for _, beat := range all {
		key := string(beat.Kind) + ":" + beat.Instance
		there[key] = true
		m := b.meters[key]
		if m == nil {
			m = &meter{}
			b.meters[key] = m
		}
		if m.take(beat, now) {
			b.changes++
			b.bought(m, now)
		}
	}
	holding := b.holding()
	maps.DeleteFunc(b.meters, func(key string, m *meter) bool { return !there[key] && !holding[key] })
}

// bought notes which sales have buys.
func (b *board) bought(m *meter, now time.Time) {
	for name, s := range m.sales {
		if on := b.sales[name]; on != nil && s.known && sum(s.rates) > 0 {
			on.active = now
		}
	}
}

// alive says that a process was heard of lately, as far as the store has told.
func (b *board) alive(m *meter) bool { return b.beats.Sub(m.at) <= goneAfter }

// edgeKey is the key, among the processes, of the edge that holds something.
func edgeKey(h ledger.Holder) string { return string(ledger.EdgeKind) + ":" + h.Process() }

// holding are the edges that hold units, by key.
func (b *board) holding() map[string]bool {
	all := map[string]bool{}
	for _, s := range b.sales {
		for _, h := range s.held.Instances {
			if len(h.Leases) > 0 {
				all[edgeKey(h)] = true
			}
		}
	}
	return all
}

// wantHolders are sales whose holders are to be asked for: those with units out, and those with readers.
func (b *board) wantHolders(looked map[string]int, now time.Time) (names []string) {
	var all []*sale
	for _, s := range b.sales {
		if s.known && s.shown.Leased+s.shown.Limbo > 0 || looked[s.name] > 0 || len(s.held.Instances) > 0 {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(x, y *sale) int {
		return cmp.Or(cmp.Compare(min(looked[y.name], 1), min(looked[x.name], 1)), x.heldAsked.Compare(y.heldAsked),
			cmp.Compare(x.name, y.name))
	})
	for _, s := range all[:min(len(all), holdersMost)] {
		s.heldAsked = now
		names = append(names, s.name)
	}
	return names
}

// holds takes who holds units of a sale.
func (b *board) holds(name string, h ledger.Holders, asked time.Time) {
	if s := b.sales[name]; s != nil {
		b.changed(!reflect.DeepEqual(s.held.Instances, h.Instances))
		s.held, s.heldAt = h, asked
	}
}

// tick notes a point of each sale for a second that has begun.
func (b *board) tick(now time.Time) {
	if now.Unix() == b.second {
		return
	}
	b.second = now.Unix()
	all := b.shownSales()
	b.keepSeries(all, now)
	for _, s := range all {
		p := b.point(s)
		s.spark = append(s.spark, p.outcomes[wonColumn])
		s.spark = s.spark[max(0, len(s.spark)-sparkMost):]
		if s.series != nil && s.known {
			s.series.add(p)
		}
	}
}

// keepSeries gives a series to each sale that is hot. Of more than seriesMost, the oldest go.
func (b *board) keepSeries(all []*sale, now time.Time) {
	var kept []*sale
	for _, s := range all {
		if s.series == nil && now.Sub(s.active) < hotFor {
			s.series = &series{}
		}
		if s.series != nil {
			kept = append(kept, s)
		}
	}
	if len(kept) > seriesMost {
		slices.SortStableFunc(kept, func(x, y *sale) int { return y.active.Compare(x.active) })
		for _, s := range kept[seriesMost:] {
			s.series = nil
		}
	}
}

// point is a sale now.
func (b *board) point(s *sale) point {
	p := point{t: b.second, places: places(s.shown.Head)}
	var won, rest []uint64
	rates, known := b.rates(s.name, func(m saleMeter) {
		won, rest = added(won, m.won), added(rest, m.rest)
	})
	for i, name := range outcomes {
		p.outcomes[i] = rates[name]
		if !known {
			p.outcomes[i] = unknown
		}
	}
	p.won, p.rest = percentiles(won), percentiles(rest)
	return p
}

// rates are a sale's rates by outcome, at all edges that live. They are known if those of one edge are.
func (b *board) rates(name string, each func(saleMeter)) (all map[string]float64, known bool) {
	all = map[string]float64{}
	for _, m := range b.meters {
		if m.newest.Kind != ledger.EdgeKind || !b.alive(m) {
			continue
		}
		known = known || m.span() > 0
		s, there := m.sales[name]
		if !there {
			continue
		}
		for outcome, r := range s.rates {
			all[outcome] += r
		}
		if each != nil {
			each(s)
		}
	}
	return all, known
}

func added(to, more []uint64) []uint64 {
	if len(to) < len(more) {
		to = append(to, make([]uint64, len(more)-len(to))...)
	}
	for i, n := range more {
		to[i] += n
	}
	return to
}

// trouble is why a sale grants nothing, in words.
func (s *sale) trouble() string {
	if s.odd != "" {
		return s.odd
	}
	return admin.Describe(s.name, s.shown).Trouble
}

// missing says that replicas are missing, and how many are here.
func missing(r ledger.ShowReply) (here string, is bool) {
	rest, is := strings.CutPrefix(r.Trouble, "MISSING ")
	here, _, _ = strings.Cut(rest, " ")
	return here, is
}

// pinged takes the answer to the question whether the store answers.
func (b *board) pinged(err error, took time.Duration, now time.Time) {
	h := &b.store
	b.changed((err == nil) != (h.err == nil) || h.good.IsZero())
	if h.err = err; err == nil {
		h.good, h.roundTrip = now, took
	}
}

// noted takes the newest entries of the journal, newest first.
func (b *board) noted(entries []ledger.Entry) {
	b.changed(len(entries) > 0 && (len(b.journal) == 0 || entries[0].ID != b.journal[0].ID))
	b.journal = entries
}
