//go:build e2e

package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"spike/bench/rig/rigtest"
	"spike/luascripts/ledger"
	"spike/nginx"
)

// noticed bounds how long a pushed change takes until nginx sees it, on a busy machine. nginx looks once a second.
const noticed = 10 * time.Second

// gateStage is Redis, edges, nginx and the gate beside nginx.
type gateStage struct {
	redis    redisServer
	edges    []*testServer
	url      string
	topology string
	flags    string // gate_dir
	gate     *testServer
}

// newGateStage starts all of them. nginx may run as nobody, so every user must be able to reach the flags.
func newGateStage(t testing.TB, lang string) *gateStage {
	t.Helper()
	root := rigtest.Room(t)
	s := &gateStage{redis: startRedis(t), topology: filepath.Join(root, "topology.yaml"), flags: filepath.Join(root, "flags")}
	text := ""
	for range 2 {
		e := startEdge(t, "--redis", s.redis.addr, "--lang", lang)
		s.edges = append(s.edges, e)
		text += fmt.Sprintf("  - {addr: %s, weight: 1}\n", e.addr)
	}
	addr := rigtest.FreeAddr(t)
	text = fmt.Sprintf("listen: %s\nlang: %s\ngate_dir: %s\nworkers: 2\nedges:\n%s", addr, lang, s.flags, text)
	if err := os.WriteFile(s.topology, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.startGate(t)
	s.url = runNginx(t, s.topology, addr)
	return s
}

// startGate starts the gate, and waits until it is ready.
func (s *gateStage) startGate(t testing.TB) {
	t.Helper()
	s.gate = asTest(rigtest.StartServer(t, rigtest.Gate, rigtest.Options{Redis: s.redis.addr,
		Args: []string{"--topology", s.topology}}))
}

// buys returns how many buys of a sale the edges have answered.
func (s *gateStage) buys(t testing.TB, sale string) (n int) {
	for _, e := range s.edges {
		n += e.buys(t, sale)
	}
	return n
}

// answersAlone says whether nginx answers in place of the edges. It sends enough requests to reach every worker.
func (s *gateStage) answersAlone(t testing.TB, sale string) bool {
	t.Helper()
	before := s.buys(t, sale)
	for range 40 {
		get(t, "GET", s.url+"/buy/"+sale)
	}
	return s.buys(t, sale) == before
}

func (s *gateStage) flagged(sale, what string) bool {
	found, _ := filepath.Glob(filepath.Join(s.flags, sale+"."+what+".[0-9]*"))
	return len(found) > 0
}

// sellOut buys all units of sale ticket through nginx, and waits until nginx answers itself.
func (s *gateStage) sellOut(t testing.TB, units int) {
	t.Helper()
	if w, _ := rigtest.Crowd(t, int64(10*units+50), 8, s.url+"/buy/ticket"); w.Count(rigtest.Won) != units {
		t.Fatalf("%d won, of %d", w.Count(rigtest.Won), units)
	}
	eventually(t, patience, "nginx answers", func() bool { return s.answersAlone(t, "ticket") })
}

// same compares nginx' answer to a request with an edge's own answer.
func (s *gateStage) same(t testing.TB, method, path string) {
	t.Helper()
	type told struct {
		status             int
		kind, retry, body  string
		allow, contentWith string
	}
	ask := func(url string) told {
		status, h, body := get(t, method, url+path)
		return told{status, h.Get("Content-Type"), h.Get("Retry-After"), body, h.Get("Allow"), h.Get("Content-Encoding")}
	}
	if nginx, edge := ask(s.url), ask("http://"+s.edges[0].addr); nginx != edge {
		t.Errorf("%s %s:\nnginx %+v\nedge  %+v", method, path, nginx, edge)
	}
}

func (s *gateStage) sameInBothFormats(t testing.TB, sale string) {
	t.Helper()
	for range 4 { // the first request may make an idle edge look
		_, _, _ = get(t, "GET", s.edges[0].buyURL(sale))
		time.Sleep(50 * time.Millisecond)
	}
	before := s.buys(t, sale)
	s.same(t, "GET", "/buy/"+sale)
	s.same(t, "POST", "/buy/"+sale)
	s.same(t, "GET", "/buy/"+sale+"?n=2")
	s.same(t, "POST", "/v1/sales/"+sale+"/reservations")
	if n := s.buys(t, sale) - before; n != 4 {
		t.Errorf("the edges answered %d of 8", n)
	}
}

// winsWithin lets a crowd buy until so many have won, and for half a second more. It returns how many have won.
func (s *gateStage) winsWithin(t testing.TB, sale string, want int, within time.Duration) int {
	t.Helper()
	begun := time.Now()
	w, stop := rigtest.StartCrowd(t, rigtest.CrowdOptions{URLs: []string{s.url + "/buy/" + sale}, Connections: 6, Rate: 3000})
	eventually(t, within, fmt.Sprintf("%d win", want), func() bool { return w.Count(rigtest.Won) >= want })
	t.Logf("%d of %s won within %v", want, sale, time.Since(begun).Round(time.Millisecond))
	time.Sleep(500 * time.Millisecond)
	r := stop()
	if w.Wrong() != nil || r.Statuses[200] != r.Answered || r.Errors > r.ErrorKinds["cancelled"] {
		t.Errorf("%q: %+v", w.Wrong(), r)
	}
	return w.Count(rigtest.Won)
}

func TestGateSoldOut(t *testing.T) {
	t.Parallel()
	for _, lang := range []string{"zh", "en"} {
		t.Run(lang, func(t *testing.T) {
			s := newGateStage(t, lang)
			s.redis.hmset(t, "ticket", "20")
			s.sellOut(t, 20)
			s.sameInBothFormats(t, "ticket")
			q, _ := http.NewRequest(http.MethodGet, s.url+"/buy/ticket", nil)
			q.Header.Set("Idempotency-Key", "0123456789012345678901")
			before := s.buys(t, "ticket")
			if answer(t, q); s.buys(t, "ticket") != before+1 {
				t.Error("a key may stand for a unit won before: only edges know")
			}
			mustSpike(t, "sale", "add", "ticket", "5", "--redis", s.redis.addr)
			if n := s.winsWithin(t, "ticket", 5, noticed); n != 5 {
				t.Errorf("%d won", n)
			}
			eventually(t, patience, "nginx answers again", func() bool { return s.answersAlone(t, "ticket") })
			if a := s.redis.audit(t, "ticket"); a.Pending != 25 {
				t.Errorf("%+v", a)
			}
		})
	}
}

// Nobody pays, `spike orders` does not run, and the edges have just started and know no sale. Units come back all the same,
// and are sold through nginx. Cancelled units come back at once.
func TestGateNoneNow(t *testing.T) {
	t.Parallel()
	s := newGateStage(t, "zh")
	mustSpike(t, "sale", "create", "ticket", "--total", "3", "--hold", "5s", "--redis", s.redis.addr)
	mustSpike(t, "sale", "create", "paid", "--total", "2", "--hold", "1m", "--redis", s.redis.addr)
	s.sellOut(t, 3)
	s.sameInBothFormats(t, "ticket")
	if !s.flagged("ticket", "none-now") || s.flagged("ticket", "sold-out") {
		t.Error("unpaid units may come back")
	}
	for i, e := range s.edges {
		e.stop(t)
		s.edges[i] = runEdge(t, rigtest.Options{Addr: e.addr, Admin: e.admin, Redis: s.redis.addr})
	}
	if s.buys(t, "ticket") != 0 {
		t.Error("an edge that has just begun has answered")
	}
	if n := s.winsWithin(t, "ticket", 3, 5*time.Second+2*noticed); n < 3 {
		t.Errorf("%d won", n)
	}
	tokens := map[string]bool{}
	for len(tokens) < 2 {
		if a := rigtest.Ask(t, "GET", s.url+"/buy/paid"); a.Word() == rigtest.Won {
			tokens[rigtest.Bought(a).Token] = true
		}
	}
	eventually(t, patience, "nginx answers", func() bool { return s.answersAlone(t, "paid") })
	for token := range tokens {
		if a := rigtest.Ask(t, "POST", s.url+"/v1/reservations/"+token+"/cancel"); a.Word() != rigtest.Cancelled {
			t.Fatal(a)
		}
	}
	if n := s.winsWithin(t, "paid", 2, noticed); n != 2 {
		t.Errorf("%d won what two have cancelled", n)
	}
}

// says is what a buyer hears through nginx.
func (s *gateStage) says(t testing.TB, method, path, who string) rigtest.Answer {
	t.Helper()
	return rigtest.Ask(t, method, s.url+path, "X-Buyer-Id", who)
}

// sellOne lets each of these buyers buy one unit of the sale, and returns their tokens.
func (s *gateStage) sellOne(t testing.TB, sale string, buyers ...string) map[string]string {
	t.Helper()
	tokens := map[string]string{}
	for _, who := range buyers {
		if a := s.says(t, "GET", "/buy/"+sale, who); a.Word() == rigtest.Won {
			tokens[who] = rigtest.Bought(a).Token
		}
	}
	if len(tokens) != len(buyers) {
		t.Fatalf("%d of %d won", len(tokens), len(buyers))
	}
	return tokens
}

// The gate flags a sale with a limit per buyer as any other sale. A buyer over the limit hears from nginx that none is left, and
// finds its own reservation: an edge tells it under any flag.
func TestGateLimitedSale(t *testing.T) {
	t.Parallel()
	const reserve, mine = "/v1/sales/vip/reservations", "/v1/sales/vip/reservations/mine"
	s := newGateStage(t, "en")
	mustSpike(t, "sale", "create", "vip", "--total", "3", "--hold", "10m", "--limit-per-buyer", "1", "--redis", s.redis.addr)
	tokens := s.sellOne(t, "vip", "ann", "bob", "cid")
	eventually(t, patience, "nginx answers", func() bool { return s.answersAlone(t, "vip") })
	before := s.buys(t, "vip")
	if a := s.says(t, "GET", "/buy/vip", "ann"); a.Word() != rigtest.NoneNow || !strings.Contains(a.String(), `"none left`) {
		t.Error(a)
	}
	if a := s.says(t, "POST", reserve, "eve"); a.Word() != rigtest.NoneNow {
		t.Error(a)
	}
	if n := s.buys(t, "vip") - before; n != 0 {
		t.Errorf("the edges answered %d of 2", n)
	}
	for who, token := range tokens {
		a := s.says(t, "GET", mine, who)
		if a.Status != 200 || strings.Count(string(a.Body), `"token"`) != 1 || !strings.Contains(string(a.Body), `"`+token+`"`) {
			t.Fatalf("%s has %s and hears %v", who, token, a)
		}
		s.edges[0].confirm(t, token)
	}
	if a := s.says(t, "GET", mine, "ann"); a.String() != `200 {"reservations":[]}` {
		t.Error(a)
	}
	eventually(t, noticed+nginx.SlotSeconds*time.Second, "all is paid, so it is sold out for good", func() bool {
		return s.says(t, "POST", reserve, "ann").Word() == rigtest.SoldOut && s.flagged("vip", "sold-out")
	})
	mustSpike(t, "sale", "add", "vip", "1", "--redis", s.redis.addr)
	eventually(t, noticed, "the flag is gone, and an edge tells ann that she has as many as she may have", func() bool {
		return s.says(t, "GET", "/buy/vip", "ann").Word() == rigtest.OverLimit
	})
	s.sellOne(t, "vip", "dan")
	eventually(t, patience, "nginx answers again", func() bool { return s.answersAlone(t, "vip") })
	if a := s.redis.audit(t, "vip"); a.Confirmed != 3 || a.Pending != 1 {
		t.Errorf("%+v", a)
	}
}

// Units on an idle edge can be had only if buyers reach the edges, so no flag may hide them.
func TestGateNeverHidesIdleUnits(t *testing.T) {
	t.Parallel()
	s := newGateStage(t, "zh")
	s.redis.hmset(t, "ticket", "7")
	idle := ledger.Party{Instance: "idle", Node: "idle"}
	for request := uint64(1); ; request++ {
		r, err := s.redis.Lease(t.Context(), "ticket", ledger.LeaseRequest{Party: idle, Request: request, Want: 9, Term: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		if r.Free == 0 {
			break
		}
	}
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if s.flagged("ticket", "*") {
			t.Fatal("a flag over units that an edge holds")
		}
	}
	if _, err := s.redis.Renew(t.Context(), "ticket", ledger.RenewRequest{Party: idle, Awaited: 99, Term: time.Minute}); err != nil {
		t.Fatal(err) // the call names no lease, so all leases are given back
	}
	if n := s.winsWithin(t, "ticket", 7, noticed); n != 7 {
		t.Errorf("%d won", n)
	}
}

// When an operator pauses or closes a sale, the edges must answer again.
func TestGateAndDoors(t *testing.T) {
	t.Parallel()
	s := newGateStage(t, "zh")
	s.redis.hmset(t, "ticket", "2")
	s.sellOut(t, 2)
	for _, c := range []struct{ do, says string }{{"pause", "暂停"}, {"resume", "已售罄"}, {"close", `"code":-3`}} {
		mustSpike(t, "sale", c.do, "ticket", "--redis", s.redis.addr)
		eventually(t, noticed, c.do+" is heard", func() bool {
			_, _, body := get(t, "GET", s.url+"/buy/ticket")
			return strings.Contains(body, c.says)
		})
	}
}

// The gate ends or stands still, or Redis does. nginx soon asks the edges again.
// It proves G53.
func TestGateFailsOpen(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		does   func(t *testing.T, s *gateStage)
		within time.Duration
	}{
		"told to end": {func(t *testing.T, s *gateStage) {
			if err := s.gate.Stop(); err != nil {
				t.Error(err)
			}
			if s.flagged("*", "*") {
				t.Error("flags are left")
			}
		}, noticed},
		"killed":  {func(t *testing.T, s *gateStage) { s.dies(t, syscall.SIGKILL) }, 2 * 20 * time.Second},
		"stopped": {func(t *testing.T, s *gateStage) { s.dies(t, syscall.SIGSTOP) }, 2 * 20 * time.Second},
		"Redis killed": {func(t *testing.T, s *gateStage) { _ = syscall.Kill(s.redis.pid(t), syscall.SIGKILL) },
			2 * 20 * time.Second},
		"Redis is stuck": {func(t *testing.T, s *gateStage) { s.redis.stick(t) }, 2 * 20 * time.Second},
	} {
		s := newGateStage(t, "zh")
		s.redis.hmset(t, "ticket", "2")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s.sellOut(t, 2)
			before := s.buys(t, "ticket")
			c.does(t, s)
			begun := time.Now()
			eventually(t, c.within, "edges are asked", func() bool {
				_, _, _ = get(t, "GET", s.url+"/buy/ticket")
				return s.buys(t, "ticket") > before
			})
			t.Logf("open after %v", time.Since(begun).Round(time.Millisecond))
		})
	}
}

// dies ends or stops the gate. A flag is valid until the end of the next slot: for 20 s at most.
func (s *gateStage) dies(t testing.TB, how syscall.Signal) {
	t.Helper()
	s.gate.Signal(how)
	names, _ := filepath.Glob(filepath.Join(s.flags, "*.*.[0-9]*"))
	if len(names) == 0 {
		t.Error("there is no flag")
	}
	for _, name := range names {
		if _, _, slot, ok := nginx.ParseFlagName(filepath.Base(name)); !ok || slot > nginx.Slot(time.Now())+1 {
			t.Errorf("%s stands for too long", name)
		}
	}
}

// stick stops Redis without ending a connection.
func (r redisServer) stick(t testing.TB) {
	t.Helper()
	pid := r.pid(t)
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGCONT) })
}

func TestGateUsage(t *testing.T) {
	t.Parallel()
	s := newGateStage(t, "zh")
	bare := filepath.Join(t.TempDir(), "bare.yaml")
	if err := os.WriteFile(bare, []byte("listen: :1\nedges: [{addr: 'a:1', weight: 1}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file.yaml")
	if err := os.WriteFile(file, []byte("listen: :1\ngate_dir: "+bare+"\nedges: [{addr: 'a:1', weight: 1}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--topology", s.topology}, exitUsage, "--redis"},
		{[]string{"--topology", bare, "--redis", s.redis.addr}, exitUsage, "gate_dir is missing"},
		{[]string{"--topology", file, "--redis", s.redis.addr}, exitUsage, "gate_dir"},
		{[]string{"--topology", s.topology, "--redis", s.redis.addr}, exitUsage, "another gate"},
		{[]string{"--topology", s.topology, "--redis", rigtest.FreeAddr(t)}, exitDependency, "no answer"},
		{[]string{"--redis", s.redis.addr}, exitUsage, "topology"},
		{[]string{"--topology", s.topology, "--redis", s.redis.addr, "--admin", "0.0.0.0:0"}, exitUsage, "needs a token"},
		{[]string{"--topology", s.topology, "--redis", s.redis.addr, "--admin", s.gate.admin}, exitUsage, s.gate.admin},
	} {
		if _, errs, code := spike(t, append([]string{"gate"}, c.args...)...); code != c.code || !strings.Contains(errs, c.says) {
			t.Errorf("%v: exit %d, want %d: %s", c.args, code, c.code, errs)
		}
	}
}
