//go:build e2e

package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"spike/bench/rig/rigtest"
	"spike/edge/identity"
	"spike/luascripts/ledger"
)

// drawStage is a sale whose first units go by lot, and what its buyers hear.
type drawStage struct {
	t      *testing.T
	redis  string
	claims []string // by buyer
	draws  time.Time
	tokens []string // of collected units
}

func buyerName(i int) string { return fmt.Sprint("buyer-", i) }

func buyerHash(i int) string {
	b := identity.BuyerOf([]byte(buyerName(i)))
	return hex.EncodeToString(b[:])
}

func (h *drawStage) buy(e *testServer, buyer int) rigtest.Answer {
	h.t.Helper()
	return e.buy(h.t, "ticket", "X-Buyer-Id", buyerName(buyer))
}

// enter buys in the window. A buyer who buys again must get the same claim.
func (h *drawStage) enter(e *testServer, buyer int) {
	h.t.Helper()
	a := h.buy(e, buyer)
	got := rigtest.Bought(a)
	if a.Word() != rigtest.Entered || !a.Again() || got.Claim == "" {
		h.t.Fatalf("buyer %d: %v", buyer, a)
	}
	if was := h.claims[buyer]; was != "" && was != got.Claim {
		h.t.Errorf("buyer %d has two claims", buyer)
	}
	h.claims[buyer], h.draws = got.Claim, got.DrawsAt
}

func (h *drawStage) poll(e *testServer, buyer int) (rigtest.Word, rigtest.Reservation) {
	h.t.Helper()
	a := rigtest.Ask(h.t, "GET", "http://"+e.addr+"/v1/reservations/"+h.claims[buyer])
	return a.Word(), rigtest.Bought(a)
}

// audit checks that every unit is accounted for once.
func (h *drawStage) audit() (a ledger.Audit) {
	h.t.Helper()
	if err := json.Unmarshal([]byte(mustSpike(h.t, "audit", "ticket", "--json", "--redis", h.redis)), &a); err != nil {
		h.t.Fatal(err)
	}
	return a
}

// winners returns the buyers who have won by the published permutation. The command checks it, and this checks it again.
func (h *drawStage) winners() map[int]bool {
	h.t.Helper()
	var d drawn
	if err := json.Unmarshal([]byte(mustSpike(h.t, "sale", "draw", "ticket", "--json", "--redis", h.redis)), &d); err != nil {
		h.t.Fatal(err)
	}
	if !d.OK || len(d.Entrants) != len(h.claims) || ledger.Seal(d.Seed) != d.Seal {
		h.t.Fatalf("%+v", d)
	}
	byHash, won := map[string]int{}, map[int]bool{}
	for i := range h.claims {
		byHash[buyerHash(i)] = i
	}
	for rank, e := range d.Entrants {
		i, known := byHash[e.Buyer]
		if !known || e.Won != (rank < int(d.Winners)) || rank > 0 && e.Lot < d.Entrants[rank-1].Lot {
			h.t.Errorf("rank %d: %+v", rank, e)
		}
		if e.Won {
			won[i] = true
		}
	}
	return won
}

// A window is open on two edges, and one edge dies in it. Every buyer who has entered is drawn. Winners collect at the living
// edge, each once. Later buyers get the units that are not collected.
// It proves G39.
func TestShuffle(t *testing.T) {
	t.Parallel()
	const (
		units, crowd = 20, 100
		greedy       = 7                // the buyer who has 50 connections
		forgetful    = 5                // how many winners never ask
		window       = 20 * time.Second // all enter in it, and all collect within the hold, on a busy machine too
		hold         = 20 * time.Second
	)
	redis := rigtest.StartRedis(t).Addr
	h := &drawStage{t: t, redis: redis, claims: make([]string, crowd)}
	a, b := startEdge(t, "--redis", redis), startEdge(t, "--redis", redis)
	shown := mustSpike(t, "sale", "create", "ticket", "--total", fmt.Sprint(units), "--hold", hold.String(),
		"--shuffle", window.String(), "--redis", redis)
	if !strings.Contains(shown, "seed's sha256") || !strings.Contains(shown, "lots are drawn at ") ||
		strings.Contains(shown, "\nseed ") {
		t.Error(shown)
	}
	if status, _, body := get(t, "GET", a.buyURL("ticket")); status != 401 {
		t.Errorf("nobody: %d %s", status, body)
	}
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if a := h.buy(b, greedy); a.Word() != rigtest.Entered {
				t.Error(a)
			}
		})
	}
	all.Wait()
	for i := range crowd {
		h.enter([]*testServer{a, b}[i%2], i)
	}
	b.die()
	if word, got := h.poll(a, 1); word != rigtest.Entered {
		t.Errorf("%v %+v", word, got)
	}
	h.enter(a, 1) // the same claim at another edge
	if audit := h.audit(); audit.Free != units {
		t.Errorf("%+v", audit)
	}
	out, errs, code := spike(t, "sale", "draw", "ticket", "--redis", redis)
	if code != 1 || !strings.Contains(errs, "not drawn yet") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	if _, errs, code = spike(t, "reservation", "show", h.claims[1], "--redis", redis); code != exitUsage ||
		!strings.Contains(errs, "this is a claim of a draw") {
		t.Errorf("exit %d: %s", code, errs)
	}
	time.Sleep(time.Until(h.draws.Add(1500 * time.Millisecond)))
	h.collect(a, units, forgetful)
	if shown = mustSpike(t, "sale", "show", "ticket", "--redis", redis); !strings.Contains(shown, "lots drawn ") {
		t.Error(shown)
	}
	h.comeLate(a, units, forgetful, hold)
}

// collect polls every claim but those of the forgetful. Some winners buy again instead.
func (h *drawStage) collect(a *testServer, units, forgetful int) {
	h.t.Helper()
	won := h.winners()
	serials, forgot := map[uint64]bool{}, 0
	for i := range h.claims {
		if won[i] && forgot < forgetful {
			forgot++
			continue
		}
		if won[i] && i%3 == 0 { // a winner who buys again collects
			if again := h.buy(a, i); again.Word() != rigtest.Won {
				h.t.Errorf("buyer %d: %v", i, again)
			}
		}
		word, got := h.poll(a, i)
		switch {
		case !won[i] && word != rigtest.Lost, won[i] && (word != rigtest.Pending || got.Token == "" || serials[got.Serial]):
			h.t.Errorf("buyer %d, won %v: %v %+v", i, won[i], word, got)
		case won[i]:
			serials[got.Serial] = true
			h.tokens = append(h.tokens, got.Token)
			if _, again := h.poll(a, i); again != got {
				h.t.Errorf("buyer %d: %+v, then %+v", i, got, again)
			}
		}
	}
	if audit := h.audit(); len(won) != units || len(serials) != units-forgetful || int(audit.Pending) != units-forgetful ||
		int(audit.Free) != forgetful {
		h.t.Errorf("%d won, %d collected, %+v", len(won), len(serials), audit)
	}
}

// comeLate buys until the sale is sold. At first there is nothing, then the units that were not collected in time.
func (h *drawStage) comeLate(a *testServer, units, forgetful int, hold time.Duration) {
	h.t.Helper()
	if heard := h.buy(a, 1000); heard.Word() != rigtest.NoneNow || string(heard.Header.Peek("Retry-After")) != "1" {
		h.t.Errorf("while units are kept: %v, %s", heard, heard.Header)
	}
	for _, token := range h.tokens { // else their units would be free again, too
		a.confirm(h.t, token)
	}
	had := 0
	eventually(h.t, hold+patience, "late comers have the rest", func() bool {
		if h.buy(a, 2000+had).Word() == rigtest.Won {
			had++
		}
		return had == forgetful
	})
	if heard := h.buy(a, 3000); heard.Word() != rigtest.NoneNow && heard.Word() != rigtest.SoldOut {
		h.t.Errorf("one too many: %v", heard)
	}
	eventually(h.t, patience, "all is settled", func() bool { return int(h.audit().Confirmed+h.audit().Pending) == units })
}
