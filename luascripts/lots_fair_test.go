package luascripts

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"spike/luascripts/ledger"
	"spike/luascripts/memory"
)

// Is the draw fair? There are 200 draws with fixed seeds, 20 buyers and 5 units; buyer 1 comes over 50 connections. The
// result depends only on the seeds and the births, which are fixed. So it is the same in every run.
const (
	draws     = 200
	entrants  = 20
	units     = 5
	greedy    = 1  // this buyer
	greedyFor = 50 // times
	rejectAt  = 0.001
	window    = 5 * time.Second
)

func seedOf(draw int) string {
	sum := sha256.Sum256(fmt.Append(nil, "draw ", draw))
	return hex.EncodeToString(sum[:])
}

func birthOf(draw int) int64 { return 1_800_000_000_000_000 + int64(draw)*1_000_003 }

func named(i int) ledger.Buyer { return ledger.Buyer{7, byte(i >> 8), byte(i)} }

func everybody() (all []ledger.Buyer) {
	for i := 1; i <= entrants; i++ {
		all = append(all, named(i))
	}
	return all
}

// places counts how often each buyer stood at each rank.
type places [entrants][entrants]int

func (p *places) add(t *testing.T, order []ledger.Buyer) {
	t.Helper()
	if len(order) != entrants {
		t.Fatalf("%d lots for %d buyers", len(order), entrants)
	}
	for rank, b := range order {
		p[b[2]-1][rank]++
	}
}

func (p *places) wins(buyer int) (n int) {
	for rank := range units {
		n += p[buyer-1][rank]
	}
	return n
}

// tail is the probability that chi square with df degrees of freedom is x or more: 1 - P(df/2, x/2), by P's series.
func tail(x, df float64) float64 {
	a, half := df/2, x/2
	term := 1 / a
	sum := term
	for n := 1.0; term > sum*1e-15; n++ {
		term *= half / (a + n)
		sum += term
	}
	lg, _ := math.Lgamma(a)
	return 1 - sum*math.Exp(a*math.Log(half)-half-lg)
}

// fair is how probable it is that fair draws are as uneven as these: by winners, by first ranks, and by all ranks. The ranks
// of one draw are not independent: (n-1)/n makes up for it.
func (p *places) fair() (won, first, all float64) {
	const n = entrants
	share := float64(units) / n
	var w, f, m float64
	for i := range p {
		w += square(float64(p.wins(i+1)), draws*share) / (draws * share * (1 - share)) * (n - 1) / n
		f += square(float64(p[i][0]), draws/n) / (draws / n)
		for rank := range p[i] {
			m += square(float64(p[i][rank]), draws/n) / (draws / n) * (n - 1) / n
		}
	}
	return tail(w, n-1), tail(f, n-1), tail(m, (n-1)*(n-1))
}

func square(x, mean float64) float64 { return (x - mean) * (x - mean) }

// alone is how probable it is that a buyer with a fair chance wins so often, or so seldom.
func (p *places) alone(buyer int) float64 {
	share := float64(units) / entrants
	return tail(square(float64(p.wins(buyer)), draws*share)/(draws*share*(1-share)), 1)
}

func (p *places) check(t *testing.T) {
	t.Helper()
	won, first, all := p.fair()
	if won < rejectAt || first < rejectAt || all < rejectAt {
		t.Errorf("not uniform: p = %.5f by winners, %.5f by who is first, %.5f by rank\n%v", won, first, all, p)
	}
	if alone := p.alone(greedy); alone < rejectAt {
		t.Errorf("the buyer with %d connections won %d times of %d, p = %.5f", greedyFor, p.wins(greedy), draws, alone)
	}
	t.Logf("p = %.3f by winners, %.3f by who is first, %.3f by rank; with %d connections %d wins, others %.1f", won, first, all,
		greedyFor, p.wins(greedy), (draws*units-float64(p.wins(greedy)))/(entrants-1))
}

// TestDrawIsFair proves G39.
func TestDrawIsFair(t *testing.T) {
	var p places
	for d := range draws {
		now, b := birthOf(d), ledger.DefaultBounds()
		tw := memory.NewTwinOn(memory.Node{Era: 1, Run: 1}, now, ledger.CreateRequest{Total: units, Shuffle: window,
			Seed: seedOf(d)}, b)
		for range greedyFor - 1 {
			must[ledger.EnterReply](t)(tw.EnterDraw(now, ledger.EnterRequest{Buyers: []ledger.Buyer{named(greedy)}}))
		}
		must[ledger.EnterReply](t)(tw.EnterDraw(now, ledger.EnterRequest{Buyers: everybody()}))
		for end := now + (window + b.Margin + time.Second).Microseconds(); now < end; { // in steps that ledger time follows
			now += b.Step.Microseconds()
			must[ledger.ExpireReply](t)(tw.Expire(now, 1))
		}
		p.add(t, tw.Draw(now, 0, 100).Buyers)
	}
	p.check(t)
}

// The test must notice unfair draws: a chance for each connection, an order by name, a lot that hardly moves.
func TestUnfairDrawsAreNoticed(t *testing.T) {
	for name, lot := range map[string]func(d, buyer int) int64{
		"a chance for each connection": func(d, i int) int64 {
			best := ledger.Lot(seedOf(d), 1, named(i))
			for again := range greedyFor - 1 {
				if i == greedy {
					best = min(best, ledger.Lot(seedOf(d), uint64(again+2), named(i)))
				}
			}
			return best
		},
		"by name":     func(_, i int) int64 { return int64(i) },
		"a weak seed": func(d, i int) int64 { return ledger.Lot(seedOf(d%3), 1, named(i)) },
	} {
		var p places
		for d := range draws {
			order := everybody()
			slices.SortFunc(order, func(a, b ledger.Buyer) int { return cmp.Compare(lot(d, int(a[2])), lot(d, int(b[2]))) })
			p.add(t, order)
		}
		won, first, all := p.fair()
		if min(won, first, all, p.alone(greedy)) > rejectAt {
			t.Errorf("%s: p = %v %v %v %v", name, won, first, all, p.alone(greedy))
		}
	}
}

// Critical values from tables.
func TestTail(t *testing.T) {
	for _, c := range []struct{ x, df, p float64 }{
		{10.828, 1, 0.001}, {43.820, 19, 0.001}, {30.144, 19, 0.05}, {449.8, 361, 0.001}} {
		if got := tail(c.x, c.df); math.Abs(got-c.p) > c.p/30 {
			t.Errorf("%+v: %v", c, got)
		}
	}
}
