package sales

import (
	"errors"
	"sync"
	"time"

	"spike/luascripts/ledger"
)

// Generations finds the sale of a token. A token names its sale only by the sale's birth. A birth is looked up in the store once.
type Generations struct {
	looks *lookup[uint64, ledger.Found]
	sales *Registry // a sale that is open on this edge needs no look-up

	mu    sync.Mutex
	known map[uint64]generation // births that were found; the sale may be gone by now, which the store will say
}

type generation struct {
	ledger.Found
	doubted time.Time // since when a server of another history does not know it
}

// Limits of look-ups of births. Many tokens of a removed sale must not become many calls to the store.
const (
	maxLookingFor = 4096             // callers that wait
	goneFor       = 10 * time.Second // a birth is remembered as gone; not longer, because a lost hash may be mended
	doubtFor      = 10 * time.Second // a server of another history that does not know a sale is doubted, but not longer
	maxKnown      = 4096             // births
)

// NewGenerations looks births up in the registry's store.
func NewGenerations(sales *Registry) *Generations {
	g := &Generations{sales: sales, known: map[uint64]generation{}}
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

// Name is the name of the sale with this birth. It fails with ledger.ErrNoSale if the sale is gone. After any other error nobody
// knows.
func (g *Generations) Name(birth uint64) (string, error) {
	found, err := g.looks.Find(birth)
	return found.Sale, err
}

// Sale opens the sale with this birth. Its errors are Name's.
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
	return found.Found, seen
}

func (g *Generations) keep(birth uint64, found ledger.Found) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.known) >= maxKnown {
		clear(g.known)
	}
	g.known[birth] = generation{Found: found}
}

// open looks for a birth among the sales that are open here.
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

// Doubtful says that a refusal comes from another history than the one in which the sale was seen. In a fail-over the wrong
// server may answer for a moment.
func (g *Generations) Doubtful(birth uint64, err error) bool {
	var r *ledger.Refusal
	if !errors.As(err, &r) {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	k := g.known[birth]
	era := k.Era
	if sale := g.sales.All()[k.Sale]; sale != nil && sale.Birth == birth {
		era = sale.View().Era
	}
	if k.Sale == "" || era == r.Era {
		return false
	}
	now := time.Now()
	if now.Sub(k.doubted) > 2*doubtFor {
		k.doubted = now
		g.known[birth] = k
	}
	return now.Sub(k.doubted) < doubtFor
}
