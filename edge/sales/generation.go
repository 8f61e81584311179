package sales

import (
	"errors"
	"sync"
	"time"

	"spike/luascripts/ledger"
)

// Generations finds the sale a token speaks of by its birth, which is all a token says of it: one look-up in the store, once.
type Generations struct {
	looks *lookup[uint64, ledger.Found]
	sales *Registry // those open on this edge need no look-up

	mu     sync.Mutex
	known  map[uint64]ledger.Found // ever seen; that one is there no more, the store says itself
	doubts map[uint64]time.Time    // since when another history denies it
}

// Limits of looking for births: a crowd with tokens of a removed sale must not become a crowd at Redis.
const (
	maxLookingFor = 4096             // callers that wait
	goneFor       = 10 * time.Second // a birth is remembered as gone: a sale whose hash was lost may be mended
	doubtFor      = 10 * time.Second // another history that does not know a sale may be the wrong one, and not for long
	maxKnown      = 4096             // births
)

// NewGenerations asks the store of the registry.
func NewGenerations(sales *Registry) *Generations {
	g := &Generations{sales: sales, known: map[uint64]ledger.Found{}, doubts: map[uint64]time.Time{}}
	g.looks = newLookup(&lookup[uint64, ledger.Found]{Life: sales.life, Most: maxLookingFor, Known: g.has, First: g.open,
		Ask: g.ask, Keep: g.keep,
		Lasts: func(err error) time.Duration {
			if errors.Is(err, ledger.ErrNoSale) {
				return goneFor
			}
			return 0
		}})
	return g
}

// Name is the name of the sale born then; ledger.ErrNoSale: there is none any more. Any other error: nobody knows.
func (g *Generations) Name(birth uint64) (string, error) {
	found, err := g.looks.Find(birth)
	return found.Sale, err
}

// Sale opens the sale born then. ledger.ErrNoSale: there is none any more. Any other error: nobody knows.
func (g *Generations) Sale(birth uint64) (*Sale, error) {
	name, err := g.Name(birth)
	var sale *Sale
	if err == nil {
		sale, err = g.sales.Find(name)
	}
	switch {
	case err == nil && sale.Birth == birth:
		return sale, nil
	case err != nil && !errors.Is(err, ledger.ErrNoSale) || g.Doubtful(birth, err):
		return nil, ledger.ErrDown
	}
	return nil, ledger.ErrNoSale
}

func (g *Generations) has(birth uint64) (ledger.Found, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	found, seen := g.known[birth]
	return found, seen
}

func (g *Generations) keep(birth uint64, found ledger.Found) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.known) >= maxKnown {
		clear(g.known)
	}
	g.known[birth] = found
}

// open looks among the sales open here.
func (g *Generations) open(birth uint64) (found ledger.Found, ok bool, err error) {
	for name, sale := range g.sales.All() {
		if sale.Birth == birth {
			return ledger.Found{Sale: name, Era: sale.View().Era}, true, nil
		}
	}
	return found, false, nil
}

func (g *Generations) ask(birth uint64) (ledger.Found, error) {
	return g.sales.cfg.Store.Born(g.sales.life, birth)
}

// Doubtful says that a refusal comes from another history than the one the sale was seen in: in a fail-over the wrong
// server may answer for a moment.
func (g *Generations) Doubtful(birth uint64, err error) bool {
	var r *ledger.Refusal
	if !errors.As(err, &r) {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	k := g.known[birth]
	if sale := g.sales.All()[k.Sale]; sale != nil && sale.Birth == birth {
		k.Era = sale.View().Era
	}
	if k.Sale == "" || k.Era == r.Era {
		return false
	}
	since, doubted := g.doubts[birth]
	if now := time.Now(); !doubted || now.Sub(since) > 2*doubtFor {
		if len(g.doubts) > maxKnown {
			clear(g.doubts)
		}
		since, g.doubts[birth] = now, now
	}
	return time.Since(since) < doubtFor
}
