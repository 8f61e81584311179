package edge

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/valyala/fasthttp"

	"spike/edge/identity"
	"spike/edge/internal/oracle"
	"spike/luascripts"
)

// A seed is so many worlds, one after the other, of so many buys each: 10,000.
const (
	seedWorlds = 40
	worldBuys  = 250
	worldTries = 12
)

// TestSameAsBefore sends the same buys to the edge as it is and as it was. Answers, store calls and counters must be the same.
// Which goroutine runs first is the machine's to say, so a seed may have more than one course: one of them must be common.
func TestSameAsBefore(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	(&fasthttp.ResponseHeader{}).Header()
	first, seeds := uint64(1), uint64(6)
	if n, err := strconv.ParseUint(os.Getenv("DIFFER_SEED"), 10, 64); err == nil {
		first, seeds = n, 1
	}
	for seed := first; seed < first+seeds; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			heard, calls, tries, alike := map[string]int{}, 0, 0, 0
			for world := range uint64(seedWorlds) {
				is, tried := sameCourse(t, seed*seedWorlds+world)
				for what, n := range is.heard {
					heard[what] += n
				}
				calls, tries = calls+len(is.calls), tries+tried
				if len(is.answers) > 0 {
					alike++
				}
			}
			t.Logf("%d of %d worlds have a common course, %d tried: %d store calls, %v", alike, seedWorlds, tries, calls, heard)
			if alike < seedWorlds*9/10 {
				t.Error("too few worlds repeat themselves: nothing is proved")
			}
		})
	}
}

// sameCourse is a course that the edge took as it was and as it is; none: it never was the same twice.
func sameCourse(t *testing.T, world uint64) (is course, tries int) {
	var was, now []course
	for tries < worldTries {
		tries++
		was, now = append(was, runCourse(t, world, oldEdge)), append(now, runCourse(t, world, newEdgeUnder))
		if i := common(was, now); i >= 0 {
			return now[i], tries
		}
	}
	for i, a := range was {
		if common(was[:i], []course{a}) >= 0 { // it repeats itself, so what it is now should be among that
			t.Errorf("world %d: no course in common.\nas it was, twice: %s\nas it was and is: %s\nas it is, twice: %s", world,
				was[0].differs(was[1]), was[0].differs(now[0]), now[0].differs(now[1]))
			return now[0], tries
		}
	}
	return course{}, tries
}

// course is what became of all buys of a seed.
type course struct {
	answers, calls, counters []string
	heard                    map[string]int
}

// common is which of the courses was taken before, too; -1: none.
func common(was, is []course) int {
	return slices.IndexFunc(is, func(b course) bool {
		return slices.ContainsFunc(was, func(a course) bool { return a.differs(b) == "" })
	})
}

// differs is where two courses differ first.
func (a course) differs(b course) string {
	for what, both := range map[string][2][]string{"answer": {a.answers, b.answers}, "call": {a.calls, b.calls}, "counter": {a.counters, b.counters}} {
		for i := range min(len(both[0]), len(both[1])) {
			if both[0][i] != both[1][i] {
				return fmt.Sprintf("%s %d of %d:\n\t%s\n\t%s", what, i, len(both[0]), both[0][i], both[1][i])
			}
		}
		if len(both[0]) != len(both[1]) {
			return fmt.Sprintf("%ss: %d, %d", what, len(both[0]), len(both[1]))
		}
	}
	return ""
}

// compared is an edge of either kind.
type compared struct {
	handle    func(*fasthttp.RequestCtx)
	collector prometheus.Collector
	end       func()
}

func oldEdge(store luascripts.Store, ack string) compared {
	cfg := oracle.Config{Node: "test", Ack: oracle.Ack(ack), Lang: "zh", Lease: 5 * time.Second, Grace: time.Second,
		Bounds: luascripts.DefaultBounds(), Trusted: oracle.TrustedByDefault()}
	s, end := oracle.New(cfg, store, zerolog.Nop(), make([]byte, 32))
	return compared{s.Handle, s.Collector(), end}
}

func newEdgeUnder(store luascripts.Store, ack string) compared {
	cfg := testConfig()
	cfg.Ack, cfg.Trusted = Ack(ack), identity.TrustedByDefault()
	life, die := context.WithCancel(context.Background())
	s := newServer(life, cfg, store, nil, zerolog.Nop(), make([]byte, 32))
	s.sales.Running.Start(s.sales.Listen)
	return compared{s.handle, collector{s}, func() { die(); s.sales.Running.End() }}
}

// buyWorld is a crowd, an operator and a store that has its bad days.
type buyWorld struct {
	compared
	rnd    *rand.Rand
	store  *luascripts.Embedded
	rec    *recorder
	ahead  atomic.Int64 // of the store's clock
	sales  []string
	tokens []string
	out    course
}

const worldSales = 6

func runCourse(t *testing.T, seed uint64, begin func(store luascripts.Store, ack string) compared) (out course) {
	runtime.GC()
	t.Run("", func(t *testing.T) {
		cryptotest.SetGlobalRandom(t, seed)
		synctest.Test(t, func(t *testing.T) {
			w := &buyWorld{rnd: rand.New(rand.NewPCG(seed, seed))}
			w.out.heard = map[string]int{}
			w.store = luascripts.NewEmbedded(luascripts.DefaultBounds(), func() time.Time {
				return time.Now().Add(time.Duration(w.ahead.Load()))
			})
			w.rec = newRecorder(w.store, seed)
			w.compared = begin(w.rec, []string{"edge", "edge", "redis"}[seed%3])
			for i := range worldSales {
				w.sales = append(w.sales, fmt.Sprint("s", i))
				w.create(w.sales[i])
			}
			w.sales = append(w.sales, "none")
			w.live(worldBuys)
			w.rec.goWrong(0)
			time.Sleep(20 * time.Second)
			w.out.counters = countersOf(t, w.collector)
			w.end()
			w.out.calls = w.rec.noted()
			for i := range worldSales {
				if a, err := w.store.Audit(t.Context(), w.sales[i]); err == nil && !a.OK {
					t.Errorf("%+v", a)
				}
			}
			out = w.out
		})
	})
	return out
}

// create makes a sale of some kind.
func (w *buyWorld) create(name string) {
	pick := func(of ...int) int { return of[w.rnd.IntN(len(of))] }
	q := luascripts.CreateRequest{Total: uint64(pick(1, 3, 20, 300, 3000)), Hold: time.Duration(pick(0, 2, 60, 60)) * time.Second,
		Limit: uint32(pick(0, 0, 0, 1, 3))}
	if w.rnd.IntN(3) == 0 {
		q.Shuffle, q.Seed = time.Duration(pick(200, 1000, 5000))*time.Millisecond, lotsSeed
	}
	if w.rnd.IntN(4) == 0 {
		q.Opens = time.Now().Add(time.Duration(pick(50, 1000, 8000)) * time.Millisecond)
	}
	if w.rnd.IntN(6) == 0 {
		q.Closes = time.Now().Add(time.Duration(pick(20, 60)) * time.Second)
	}
	_, _ = w.store.Create(context.Background(), name, q)
}

// live is the crowd's life, for so many buys.
func (w *buyWorld) live(buys int) {
	for done := 0; done < buys; {
		w.meddle()
		n := 1
		switch w.rnd.IntN(20) {
		case 0:
			n = 20 + w.rnd.IntN(80)
		case 1, 2, 3, 4:
			n = 2 + w.rnd.IntN(6)
		}
		requests, answers := make([]string, n), make([]string, n)
		var all sync.WaitGroup
		for i := range requests {
			requests[i] = w.request()
			all.Go(func() { answers[i] = w.answer(requests[i]) })
			synctest.Wait() // it is answered, or waits
		}
		all.Wait()
		synctest.Wait()
		for i, a := range answers {
			w.hear(requests[i], a)
		}
		done += n
		switch w.rnd.IntN(30) {
		case 0:
			time.Sleep(time.Duration(w.rnd.IntN(4000)) * time.Millisecond)
		case 1, 2, 3, 4, 5:
			time.Sleep(time.Duration(w.rnd.IntN(50)) * time.Millisecond)
		default:
			time.Sleep(time.Duration(w.rnd.IntN(1000)) * time.Microsecond)
		}
	}
}

// meddle is what happens beside the buys.
func (w *buyWorld) meddle() {
	name := w.sales[w.rnd.IntN(worldSales)]
	switch w.rnd.IntN(100) {
	case 0:
		_, _ = w.store.Change(context.Background(), name, luascripts.ChangeRequest{To: "paused"})
	case 1, 2:
		_, _ = w.store.Change(context.Background(), name, luascripts.ChangeRequest{To: "open"})
	case 3:
		_, _ = w.store.Change(context.Background(), name, luascripts.ChangeRequest{To: "closed"})
	case 4, 5, 6:
		_ = w.store.Remove(context.Background(), name)
		if w.rnd.IntN(2) == 0 {
			w.create(name)
		}
	case 7, 8:
		w.create(name)
	case 9:
		w.ahead.Store(int64(time.Duration(w.rnd.IntN(4000)) * time.Millisecond))
	case 10:
		w.rec.goWrong([]uint64{1000, 200, 50, 50, 10}[w.rnd.IntN(5)])
	case 11, 12, 13:
		w.rec.goWrong(0)
	}
}

// request is somebody's.
func (w *buyWorld) request() string {
	sale := w.sales[w.rnd.IntN(len(w.sales))]
	method, uri, header := "GET", "/buy/"+sale, ""
	switch w.rnd.IntN(20) {
	case 0, 1, 2, 3, 4, 5:
		method, uri = "POST", "/v1/sales/"+sale+"/reservations"
	case 6:
		return w.look(sale)
	}
	if w.rnd.IntN(5) == 0 {
		uri += fmt.Sprint("?n=", []int{1, 2, 3, 10, 0}[w.rnd.IntN(5)])
	}
	known := w.rnd.IntN(2) == 0
	if known {
		header += fmt.Sprintf("%s: b%d\r\n", "X-Buyer-Id", w.rnd.IntN(25))
	}
	if w.rnd.IntN(4) == 0 {
		key := fmt.Sprint("k", w.rnd.IntN(4))
		if w.rnd.IntN(6) > 0 {
			key += sale
		}
		if !known {
			key += strings.Repeat("x", 22)
		}
		header += fmt.Sprintf("%s: %s\r\n", "Idempotency-Key", key)
	}
	return w.wire(method, uri, header)
}

// look is a request that buys nothing.
func (w *buyWorld) look(sale string) string {
	if len(w.tokens) == 0 || w.rnd.IntN(4) == 0 {
		return w.wire("GET", "/v1/sales/"+sale, "")
	}
	token := w.tokens[w.rnd.IntN(len(w.tokens))]
	if w.rnd.IntN(3) == 0 {
		return w.wire("POST", "/v1/reservations/"+token+"/cancel", "")
	}
	return w.wire("GET", "/v1/reservations/"+token, "")
}

func (w *buyWorld) wire(method, uri, header string) string {
	if method == "POST" {
		header += "Content-Length: 0\r\n"
	}
	return method + " " + uri + " HTTP/1.1\r\nHost: a\r\n" + header + "\r\n"
}

var worldPeer = addrOnly{peer: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}}

// answer is all of an answer but its date.
func (w *buyWorld) answer(request string) string {
	ctx := &fasthttp.RequestCtx{}
	ctx.Init2(worldPeer, nil, false)
	if err := ctx.Request.Read(bufio.NewReader(strings.NewReader(request))); err != nil {
		panic(err)
	}
	w.handle(ctx)
	return dateLine.ReplaceAllString(string(ctx.Response.Header.Header()), "") + string(ctx.Response.Body())
}

var secretTold = regexp.MustCompile(`"(?:token|claim)":"([^"]+)"`)

// hear notes an answer, and the token it tells.
func (w *buyWorld) hear(request, answer string) {
	w.out.answers = append(w.out.answers, fmt.Sprintf("%q: %q", request, answer))
	if told := secretTold.FindStringSubmatch(answer); told != nil && len(w.tokens) < 2000 {
		w.tokens = append(w.tokens, told[1])
	}
	code := codeOf([]byte(answer[strings.Index(answer, "\r\n\r\n")+4:]))
	w.out.heard[strings.Fields(answer)[1]+" "+code]++
}

// countersOf is everything the collector counts.
func countersOf(t *testing.T, c prometheus.Collector) (lines []string) {
	r := prometheus.NewRegistry()
	r.MustRegister(c)
	families, err := r.Gather()
	if err != nil {
		t.Error(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			lines = append(lines, fmt.Sprint(f.GetName(), m.GetLabel(), m.GetCounter().GetValue(), m.GetGauge().GetValue()))
		}
	}
	slices.Sort(lines)
	return lines
}
