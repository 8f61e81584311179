//go:build e2e

package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"spike/edge/identity"
	"spike/luascripts/ledger"
	"spike/luascripts/redistest"
)

// drawStage is a sale whose first units go by lot, and what its buyers hear.
type drawStage struct {
	t      *testing.T
	redis  string
	claims []string // by buyer
	draws  time.Time
	tokens []string // of collected units
}

// entry is the answer to a buy in the window.
type entry struct {
	Code int
	Data struct {
		Claim   string
		DrawsAt time.Time `json:"draws_at"`
	}
}

// lotState is the answer to a claim.
type lotState struct {
	State  string
	Serial uint32
	Token  string
}

func buyerName(i int) string { return fmt.Sprint("buyer-", i) }

func buyerHash(i int) string {
	b := identity.BuyerOf([]byte(buyerName(i)))
	return hex.EncodeToString(b[:])
}

func (h *drawStage) buy(e *testEdge, buyer int) (status int, header http.Header, body string) {
	h.t.Helper()
	q, err := http.NewRequest(http.MethodPost, e.buyURL("ticket"), nil)
	if err != nil {
		h.t.Fatal(err)
	}
	q.Header.Set("X-Buyer-Id", buyerName(buyer))
	return answer(h.t, q)
}

// enter buys in the window. A buyer who buys again must get the same claim.
func (h *drawStage) enter(e *testEdge, buyer int) {
	h.t.Helper()
	status, header, body := h.buy(e, buyer)
	var got entry
	if err := json.Unmarshal([]byte(body), &got); err != nil || status != 200 || got.Code != -6 || header.Get("Retry-After") == "" {
		h.t.Fatalf("buyer %d: %d %s", buyer, status, body)
	}
	if was := h.claims[buyer]; was != "" && was != got.Data.Claim {
		h.t.Errorf("buyer %d has two claims", buyer)
	}
	h.claims[buyer], h.draws = got.Data.Claim, got.Data.DrawsAt
}

func (h *drawStage) poll(e *testEdge, buyer int) (status int, got lotState) {
	h.t.Helper()
	status, _, body := get(h.t, "GET", "http://"+e.addr+"/v1/reservations/"+h.claims[buyer])
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		h.t.Fatalf("buyer %d: %d %s", buyer, status, body)
	}
	return status, got
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
func TestShuffle(t *testing.T) {
	t.Parallel()
	const (
		units, crowd = 20, 100
		greedy       = 7                // the buyer who has 50 connections
		forgetful    = 5                // how many winners never ask
		window       = 20 * time.Second // all enter in it, and all collect within the hold, on a busy machine too
		hold         = 20 * time.Second
	)
	redis := redistest.Start(t)
	h := &drawStage{t: t, redis: redis, claims: make([]string, crowd)}
	a, b := startEdge(t, "--redis", redis), startEdge(t, "--redis", redis)
	shown := mustSpike(t, "sale", "create", "ticket", "--total", fmt.Sprint(units), "--hold", hold.String(),
		"--shuffle", window.String(), "--redis", redis)
	if !strings.Contains(shown, "seed's sha256") || strings.Contains(shown, "\nseed ") {
		t.Error(shown)
	}
	if status, _, body := get(t, "GET", a.buyURL("ticket")); status != 401 {
		t.Errorf("nobody: %d %s", status, body)
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			status, _, body := h.buy(b, greedy)
			mu.Lock()
			defer mu.Unlock()
			if status != 200 || !strings.Contains(body, `"code":-6`) {
				t.Errorf("%d %s", status, body)
			}
		})
	}
	all.Wait()
	for i := range crowd {
		h.enter([]*testEdge{a, b}[i%2], i)
	}
	_ = b.cmd.Process.Kill()
	_ = b.cmd.Wait()
	if status, got := h.poll(a, 1); status != 202 || got.State != "waiting" {
		t.Errorf("%d %+v", status, got)
	}
	h.enter(a, 1) // the same claim at another edge
	if audit := h.audit(); audit.Free != units {
		t.Errorf("%+v", audit)
	}
	out, errs, code := spike(t, "sale", "draw", "ticket", "--redis", redis)
	if code != 1 || !strings.Contains(errs, "not drawn yet") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	time.Sleep(time.Until(h.draws.Add(1500 * time.Millisecond)))
	h.collect(a, units, forgetful)
	h.comeLate(a, units, forgetful, hold)
}

// collect polls every claim but those of the forgetful. Some winners buy again instead.
func (h *drawStage) collect(a *testEdge, units, forgetful int) {
	h.t.Helper()
	won := h.winners()
	serials, forgot := map[uint32]bool{}, 0
	for i := range h.claims {
		if won[i] && forgot < forgetful {
			forgot++
			continue
		}
		if won[i] && i%3 == 0 { // a winner who buys again collects
			if _, _, body := h.buy(a, i); !strings.Contains(body, `"code":1`) {
				h.t.Errorf("buyer %d: %s", i, body)
			}
		}
		status, got := h.poll(a, i)
		switch {
		case status != 200, !won[i] && got.State != "lost",
			won[i] && (got.State != "pending" || got.Token == "" || serials[got.Serial]):
			h.t.Errorf("buyer %d, won %v: %d %+v", i, won[i], status, got)
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
func (h *drawStage) comeLate(a *testEdge, units, forgetful int, hold time.Duration) {
	h.t.Helper()
	status, header, body := h.buy(a, 1000)
	if status != 200 || !strings.Contains(body, `"code":-1`) || header.Get("Retry-After") != "1" {
		h.t.Errorf("while units are kept: %d %v %s", status, header, body)
	}
	for _, token := range h.tokens { // else their units would be free again, too
		if status, _, body := get(h.t, "POST", "http://"+a.admin+"/api/v1/reservations/"+token+"/confirm"); status != 200 {
			h.t.Errorf("%d %s", status, body)
		}
	}
	had := 0
	eventually(h.t, hold+patience, "late comers have the rest", func() bool {
		_, _, body := h.buy(a, 2000+had)
		if strings.Contains(body, `"code":1`) {
			had++
		}
		return had == forgetful
	})
	if _, _, body := h.buy(a, 3000); !strings.Contains(body, `"code":-1`) {
		h.t.Errorf("one too many: %s", body)
	}
	eventually(h.t, patience, "all is settled", func() bool { return int(h.audit().Confirmed+h.audit().Pending) == units })
}
