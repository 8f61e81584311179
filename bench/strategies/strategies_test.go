package strategies

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"spike/bench"
	"spike/bench/crowd"
	"spike/bench/measure"
	"spike/bench/peers"
	"spike/bench/report"
)

func example() Options {
	return Options{Rounds: 2, Units: 50, Buyers: 300, Late: 40, Connections: 16, Pool: 8, NeverPay: 30, Hold: time.Second, Seed: 1}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	if err := measure.Check(example()); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Options){
		"pool":      func(o *Options) { o.Pool = peers.MaxPool + 1 },
		"never pay": func(o *Options) { o.NeverPay = 101 },
		"hold":      func(o *Options) { o.Hold = time.Millisecond },
		"settle":    func(o *Options) { o.Settle = -time.Second },
		"only":      func(o *Options) { o.Only = []string{"pray"} },
	} {
		o := example()
		spoil(&o)
		if _, err := o.Run(t.Context(), measure.Host{}); !errors.Is(err, bench.ErrUsage) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// payers counts those of the first n winners who pay.
func payers(n int64) (paying int64) {
	for k := range n {
		if pays, _ := example().winner(k); pays {
			paying++
		}
	}
	return paying
}

func TestTheSeedDecidesWhoPaysAndWhen(t *testing.T) {
	other, differs := example(), false
	other.Seed++
	for k := range int64(1000) {
		pays, after := example().winner(k)
		if again, againAfter := example().winner(k); again != pays || againAfter != after {
			t.Fatalf("winner %d: %v %v, then %v %v", k, pays, after, again, againAfter)
		}
		otherPays, otherAfter := other.winner(k)
		differs = differs || otherPays != pays || otherAfter != after
	}
	if !differs {
		t.Error("another seed, the same crowd")
	}
	if a, b := payers(100), payers(101); a < 50 || a > 90 || b-a < 0 || b-a > 1 {
		t.Errorf("%d of 100, %d of 101", a, b)
	}
}

func TestWinnersPayAsOftenAndAsSoonAsTheyShould(t *testing.T) {
	const winners = 20_000
	for _, percent := range []int{0, 30, 100} {
		o, never, sum := Options{Seed: 1, NeverPay: percent}, 0, time.Duration(0)
		for k := range int64(winners) {
			pays, after := o.winner(k)
			if !pays {
				never++
			}
			if after < payAtLeast || after > payAtMost {
				t.Fatalf("winner %d pays after %v", k, after)
			}
			sum += after
		}
		if want := winners * percent / 100; never < want-winners/50 || never > want+winners/50 {
			t.Errorf("%d of %d never pay, not %d", never, winners, want)
		}
		if mean := sum / winners; mean < 265*time.Millisecond || mean > 285*time.Millisecond {
			t.Errorf("they pay after %v on average", mean)
		}
	}
}

// said is an answer.
func said(status int, body string) crowd.Answer {
	return crowd.Answer{Status: status, Body: []byte(body)}
}

// The service refuses token 3, does not answer token 4, and is busy at first for all.
func TestTillTakesEachPaymentOnce(t *testing.T) {
	var mu sync.Mutex
	tries := map[string]int{}
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		tries[r.URL.Path]++
		first := tries[r.URL.Path] == 1
		mu.Unlock()
		switch {
		case first || r.URL.Path == "/4":
			w.WriteHeader(http.StatusServiceUnavailable)
		case r.URL.Path == "/3":
			w.WriteHeader(http.StatusConflict)
		}
	}))
	defer service.Close()
	till := newTill(t.Context(), Options{NeverPay: 0}, func(token string) string { return service.URL + "/" + token })
	for _, token := range []string{"1", "2", "3", "4"} {
		till.note(said(200, `{"code":1,"msg":"抢票成功","data":{"serial":1,"token":"`+token+`"}}`))
	}
	till.note(said(200, `{"code":-1,"msg":"已售罄"}`))
	till.note(said(503, `{"code":1,"data":{"token":"9"}}`))
	till.note(said(200, `{"code":1,"data":{"token":9}}`))
	till.close()
	won, paid, refused, failed := till.won.Load(), till.paid.Load(), till.refused.Load(), till.failed.Load()
	if won != 5 || paid != 2 || refused != 1 || failed != 2 {
		t.Errorf("%d won, %d paid, %d refused, %d failed", won, paid, refused, failed)
	}
	if len(tries) != 4 || tries["/1"] != 2 || tries["/4"] != payTries {
		t.Errorf("tries %v", tries)
	}
}

func TestTillOfThoseWhoNeverPay(t *testing.T) {
	till := newTill(t.Context(), Options{NeverPay: 100}, func(string) string { t.Error("somebody paid"); return "" })
	till.note(said(200, `{"code":1,"data":{"serial":1,"token":"x"}}`))
	till.close()
	if till.won.Load() != 1 || till.paid.Load()+till.refused.Load()+till.failed.Load() != 0 {
		t.Errorf("%d won, %d paid", till.won.Load(), till.paid.Load())
	}
}

func TestStock(t *testing.T) {
	for _, c := range []struct {
		name     string
		s        Stock
		ok       bool
		oversold int64
	}{
		{"untouched", Stock{Units: 10, OnSale: 10}, true, 0},
		{"some stuck", Stock{Units: 10, Paid: 7, Stuck: 3}, true, 0},
		{"oversold", Stock{Units: 10, Paid: 14}, true, 4},
		{"a unit is missing", Stock{Units: 10, Paid: 7, Stuck: 2}, false, 0},
		{"a unit is there twice", Stock{Units: 10, Paid: 7, Stuck: 3, OnSale: 1}, false, 0},
		{"oversold and yet on sale", Stock{Units: 10, Paid: 14, OnSale: 1}, false, 4},
		{"less than none", Stock{Units: 10, Paid: 11, Stuck: -1, OnSale: 1}, false, 1},
		{"no units", Stock{}, true, 0},
	} {
		if got := c.s.check() == nil; got != c.ok || c.s.Oversold() != c.oversold {
			t.Errorf("%s: %v, oversold %d", c.name, c.s.check(), c.s.Oversold())
		}
	}
}

// ran is a run of 100 units, 1,000 buyers and 100 late ones.
func ran(s Stock) run {
	answers := func(n int64) crowd.Result {
		return crowd.Result{Requests: n, Answered: n, Elapsed: time.Second, Statuses: map[int]int64{200: n}}
	}
	return run{Rush: answers(1000), Late: answers(100), Won: 100, Paid: s.Paid, AfterRush: s, End: s,
		Writes: Writes{Inserted: 100, Updated: 170, Deleted: 5, Transactions: 1100}}
}

func TestRunThatDoesNotAddUp(t *testing.T) {
	good := ran(Stock{Units: 100, Paid: 70, Stuck: 30})
	if err := good.check(); err != nil {
		t.Fatal(err)
	}
	lost, forged, silent := good, good, good
	lost.End.Stuck, forged.Paid, silent.Paid, silent.PayFailures = 29, 71, 69, 1
	if lost.check() == nil || forged.check() == nil {
		t.Error("accepted a unit lost, or a payment that is in no book")
	}
	if err := silent.check(); err != nil { // a payment whose answer was lost may be in the database
		t.Error(err)
	}
	if good.faulty() != 0 {
		t.Errorf("%d", good.faulty())
	}
	good.Rush.Statuses = map[int]int64{200: 990, 503: 10}
	good.Late.Errors, good.PayRefused, good.PayFailures = 1, 2, 4
	if good.faulty() != 17 {
		t.Errorf("%d", good.faulty())
	}
}

func TestReport(t *testing.T) {
	var s measure.Samples
	for i, name := range []string{peers.OrderFirst, peers.PayFirst, peers.PayFirst, peers.OrderFirst} {
		stock := Stock{Units: 100, Paid: 70, Stuck: 30}
		if name == peers.PayFirst {
			stock = Stock{Units: 100, Paid: 130 - 10*int64(i)}
		}
		m := ran(stock).sample()
		m.Turn = measure.Turn{Subject: name, Round: 1 + i/2}
		s = append(s, m)
	}
	d := example().doc(report.Machine{}, s)
	var b, svg strings.Builder
	if err := errors.Join(d.Text(&b), d.SVG(&svg)); err != nil {
		t.Fatal(err)
	}
	plain := strings.Join(strings.Fields(b.String()), " ")
	for _, want := range []string{"order-then-deduct 1000 1000..1000 0.00", "0.250 0.250..0.250 1.000 1.000..1.000 0",
		"order-then-deduct 100 100..100 0 0..0 30 30..30 0 0..0 70.0 % 70.0 % 70.0..70.0", "pay-then-deduct 100 100..100 15 10..20",
		"hold 1s", "2 rounds"} {
		if !strings.Contains(plain, want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	if n := strings.Count(svg.String(), `class="bar`); n != 8 {
		t.Errorf("%d bars", n)
	}
}
