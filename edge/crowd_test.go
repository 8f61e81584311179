package edge

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"spike/edge/identity"
	"spike/luascripts/ledger"
	"spike/luascripts/memory"
)

// crowdWorld is a crowd, an operator and a store with faults. A seed decides everything.
type crowdWorld struct {
	*Server
	rnd   *rand.Rand
	store *memory.Store
	rec   *recorder
	ahead atomic.Int64 // of the store's clock
	heard map[string]uint64
	told  map[string]string // token -> the buyer that has heard it
}

const crowdNames = 25 // of buyers

const (
	crowdSales = 6
	crowdBuys  = 1500
)

// Whatever a crowd asks and however the store fails, each answer is a documented one, and is counted once under its own outcome.
// No buy is left waiting, and the ledger is in order.
func TestEveryAnswerIsCountedOnce(t *testing.T) {
	all := map[string]uint64{}
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			cryptotest.SetGlobalRandom(t, seed)
			synctest.Test(t, func(t *testing.T) { liveInCrowd(t, seed, all) })
		})
	}
	for _, rare := range []string{"deducts", "won", "undecided", "entered", "over_limit", "key_used", "n_over_limit", "found"} {
		if all[rare] == 0 {
			t.Errorf("too calm a world: %v", all)
		}
	}
}

// liveInCrowd is the life of one crowd. all counts the answers of all crowds.
func liveInCrowd(t *testing.T, seed uint64, all map[string]uint64) {
	w := &crowdWorld{rnd: rand.New(rand.NewPCG(seed, seed)), heard: map[string]uint64{},
		told: map[string]string{}}
	w.store = memory.New(ledger.DefaultBounds(), func() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) })
	w.rec = newRecorder(w.store, seed)
	cfg := testConfig()
	cfg.Trusted, cfg.Ack = identity.TrustedByDefault(), []Ack{AckEdge, AckEdge, AckRedis}[seed%3]
	w.Server = testServer(t, cfg, w.rec)
	w.sales.Running.Start(w.sales.Listen)
	for i := range crowdSales {
		w.create(fmt.Sprint("s", i))
	}
	for done := 0; done < crowdBuys; {
		w.meddle()
		done += w.buy(t)
		time.Sleep([]time.Duration{0, time.Microsecond, time.Millisecond, 30 * time.Millisecond, time.Second / 2}[w.rnd.IntN(5)])
	}
	w.rec.goWrong(0)
	time.Sleep(20 * time.Second)
	if counted := w.counted(t); !maps.Equal(counted, w.heard) {
		t.Errorf("counted %v\nheard   %v", counted, w.heard)
	}
	for name, sale := range w.sales.All() {
		if n := sale.Waiting(); n != 0 {
			t.Errorf("%s: %d still wait", name, n)
		}
		if a, err := w.store.Audit(t.Context(), name); err != nil || !a.OK {
			t.Errorf("%+v %v", a, err)
		}
	}
	all["found"] += w.findTheirOwn(t)
	for label, n := range w.heard {
		all[label] += n
	}
	all["deducts"] += uint64(w.rec.counted("deducteach"))
}

// create makes a sale of some kind.
func (w *crowdWorld) create(name string) {
	pick := func(of ...int) int { return of[w.rnd.IntN(len(of))] }
	q := ledger.CreateRequest{Total: uint64(pick(1, 3, 20, 300, 3000)), Hold: time.Duration(pick(0, 2, 60, 60)) * time.Second,
		Limit: uint32(pick(0, 0, 0, 1, 3))}
	if w.rnd.IntN(3) == 0 {
		q.Shuffle, q.Seed = time.Duration(pick(200, 1000, 5000))*time.Millisecond, lotsSeed
	}
	if w.rnd.IntN(4) == 0 {
		q.Opens = time.Now().Add(time.Duration(pick(50, 1000, 8000)) * time.Millisecond)
	}
	_, _ = w.store.Create(context.Background(), name, q)
}

// meddle does what an operator and the store do beside the buys.
func (w *crowdWorld) meddle() {
	name := fmt.Sprint("s", w.rnd.IntN(crowdSales))
	switch w.rnd.IntN(60) {
	case 0, 1, 2, 3:
		_, _ = w.store.Change(context.Background(), name,
			ledger.ChangeRequest{To: []string{"paused", "open", "open", "closed"}[w.rnd.IntN(4)]})
	case 4:
		w.ahead.Store(int64(time.Duration(w.rnd.IntN(4000)) * time.Millisecond))
	case 5, 6, 7:
		w.rec.goWrong([]uint64{1000, 200, 50, 50, 10}[w.rnd.IntN(5)])
	case 8, 9, 10, 11:
		w.rec.goWrong(0)
	}
}

// buy makes one buy, or many at once. It returns how many.
func (w *crowdWorld) buy(t *testing.T) int {
	n := []int{1, 1, 1, 5, 60}[w.rnd.IntN(5)]
	answers, requests := make([]*fasthttp.Response, n), make([]string, n)
	var all sync.WaitGroup
	for i := range answers {
		requests[i] = w.request()
		all.Go(func() { answers[i] = w.answer(requests[i]) })
	}
	all.Wait()
	for i, a := range answers {
		if who, token := nameIn.FindStringSubmatch(requests[i]), tokenIn.FindSubmatch(a.Body()); who != nil && token != nil {
			w.told[string(token[1])] = who[1]
		}
		if label, counts := labelOf(t, a); counts {
			w.heard[label]++
		}
	}
	return n
}

var (
	nameIn  = regexp.MustCompile(`X-Buyer-Id: (\w+)`)
	tokenIn = regexp.MustCompile(`"token":"([^"]+)"`)
)

// findTheirOwn asks for every buyer's own reservations in the sales that have a limit. A buyer finds each token that it has heard
// and may still pay, and none that it may not. It returns how many are found.
func (w *crowdWorld) findTheirOwn(t *testing.T) (found uint64) {
	pending := func(token string) bool {
		return strings.Contains(newBearer(w.Server).does("look", token).body, `"state":"pending"`)
	}
	for name, sale := range w.sales.All() {
		for i := range crowdNames {
			who := fmt.Sprint("b", i)
			status, body := w.says("GET", "/v1/sales/"+name+"/reservations/mine", who)
			if want := map[bool]int{true: 200, false: 409}[sale.Limit > 0]; status != want {
				t.Errorf("%s of %s, limit %d: %d %s", who, name, sale.Limit, status, body)
			}
			for _, m := range tokenIn.FindAllStringSubmatch(body, -1) {
				shown, err := w.signer.Parse([]byte(m[1]))
				if found++; err != nil || shown.Buyer != identity.BuyerOf([]byte(who)) || !pending(m[1]) {
					t.Errorf("not to be paid by %s: %+v %v", who, shown, err)
				}
			}
			for token, buyer := range w.told {
				shown, _ := w.signer.Parse([]byte(token))
				if buyer == who && shown.Birth == sale.Birth && sale.Limit > 0 && pending(token) && !strings.Contains(body, token) {
					t.Errorf("%s does not find %+v of %s", who, shown, name)
				}
			}
		}
	}
	return found
}

// request is a buyer's request.
func (w *crowdWorld) request() string {
	sale, header := fmt.Sprint("s", w.rnd.IntN(crowdSales)), ""
	line := "GET /buy/" + sale
	if w.rnd.IntN(3) == 0 {
		line, header = "POST /v1/sales/"+sale+"/reservations", "Content-Length: 0\r\n"
	}
	if w.rnd.IntN(5) == 0 {
		line += fmt.Sprint("?n=", []int{1, 2, 3, 10, 0}[w.rnd.IntN(5)])
	}
	known := w.rnd.IntN(2) == 0
	if known {
		header += fmt.Sprintf("X-Buyer-Id: b%d\r\n", w.rnd.IntN(crowdNames))
	}
	if w.rnd.IntN(4) == 0 {
		key := sale + fmt.Sprint("k", w.rnd.IntN(4))
		if !known {
			key += strings.Repeat("x", 22)
		}
		header += "Idempotency-Key: " + key + "\r\n"
	}
	return line + " HTTP/1.1\r\nHost: a\r\n" + header + "\r\n"
}

func (w *crowdWorld) answer(request string) *fasthttp.Response {
	ctx := &fasthttp.RequestCtx{}
	ctx.Init2(addrOnly{peer: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}}, nil, false)
	if err := ctx.Request.Read(bufio.NewReader(strings.NewReader(request))); err != nil {
		panic(err)
	}
	w.handle(ctx)
	return &ctx.Response
}

// soldOut stands for the two outcomes that /buy answers in the same way.
const soldOut = "sold_out or none_now"

// labelOf is the label under which an answer must be counted. A refusal of a sale that cannot be opened is not counted.
func labelOf(t *testing.T, a *fasthttp.Response) (label string, counts bool) {
	t.Helper()
	labels := map[string]string{"200 1": "won", "201 ": "won", "200 -1": soldOut, "410 sold_out": soldOut, "409 none_now": soldOut,
		"409 paused": "paused", "200 -9": "paused",
		"200 -2": "not_open", "425 not_open": "not_open", "200 -3": "closed", "410 closed": "closed", "200 -4": "over_limit",
		"429 over_limit": "over_limit",
		"401 no_buyer":   "no_buyer", "422 key_used": "key_used", "200 -6": "entered",
		"202 ":   "entered",
		"200 -8": "n_over_limit", "422 n_over_limit": "n_over_limit", "503 -5": "undecided", "503 undecided": "undecided"}
	what := fmt.Sprint(a.StatusCode(), " ", codeOf(a.Body()))
	if what == "400 bad_n" || what == "409 sale_refused" {
		return "", false
	}
	if labels[what] == "" {
		t.Errorf("nobody may hear this: %s", a)
	}
	return labels[what], true
}

// counted is spike_buys_total by outcome, without refusals.
func (w *crowdWorld) counted(t *testing.T) map[string]uint64 {
	t.Helper()
	r := prometheus.NewRegistry()
	r.MustRegister(collector{w.Server})
	families, err := r.Gather()
	if err != nil {
		t.Error(err)
	}
	counted := map[string]uint64{}
	for _, f := range families {
		if f.GetName() != "spike_buys_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			label := m.GetLabel()[0].GetValue() // outcome, sale
			if label == "sold_out" || label == "none_now" {
				label = soldOut
			}
			if n := uint64(m.GetCounter().GetValue()); n > 0 && label != "refused" {
				counted[label] += n
			}
		}
	}
	return counted
}
