package lab

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// hear lets one buyer send one request to a server.
func hear(t *testing.T, answer http.HandlerFunc) (heard, bool) {
	t.Helper()
	s := httptest.NewServer(answer)
	defer s.Close()
	c := &throng{url: s.URL + "/buy/calm", fail: func(err error) { t.Error(err) }}
	begin := time.Now()
	ok := c.buy(t.Context(), s.Client(), begin, begin)
	return c.now(), ok
}

func TestWhatABuyerHears(t *testing.T) {
	say := func(status int, retry, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, q *http.Request) {
			if q.Method != http.MethodPost {
				t.Errorf("%s: a buy that may be sent again by whoever stands between", q.Method)
			}
			if retry != "" {
				w.Header().Set("Retry-After", retry)
			}
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		}
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		ok     bool
		right  func(heard) bool
	}{
		"won": {say(200, "", `{"code":1,"msg":"","data":{"sale":"calm","serial":7,"token":"t"}}`), true,
			func(h heard) bool { return h.Won == 1 && !h.LastWin.IsZero() && !h.LateWin.IsZero() }},
		"sold out": {say(200, "", `{"code":-1,"msg":""}`), true,
			func(h heard) bool { return h.SoldOut == 1 && !h.Final.IsZero() }},
		"none now": {say(200, "1", `{"code":-1,"msg":""}`), true,
			func(h heard) bool { return h.SoldOut == 1 && h.Final.IsZero() }},
		"undecided": {say(503, "1", `{"code":-5,"msg":""}`), false,
			func(h heard) bool { return h.Undecided == 1 && !h.LastBad.IsZero() }},
		"odd": {say(404, "", `nothing`), true, func(h heard) bool { return h.Odd == 1 && h.OddSample == "nothing" }},
		"hung up": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, false,
			func(h heard) bool { return h.Unanswered == 1 && h.Refused == 0 && h.Answered == 0 }},
	} {
		t.Run(name, func(t *testing.T) {
			if h, ok := hear(t, c.answer); ok != c.ok || !c.right(h) {
				t.Errorf("ok %v, heard %+v", ok, h)
			}
		})
	}
}

// A request that was never sent did not buy a unit.
func TestARefusedConnectionIsNotUnanswered(t *testing.T) {
	s := httptest.NewServer(nil)
	s.Close()
	c := &throng{url: s.URL}
	if c.buy(t.Context(), s.Client(), time.Now(), time.Now()); c.now().Refused != 1 || c.now().Unanswered != 0 {
		t.Fatalf("heard %+v", c.now())
	}
}

// A crowd that leaves waits for the answers on their way.
func TestLeavingCrowdWaitsForItsAnswers(t *testing.T) {
	asked := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(asked)
		time.Sleep(100 * time.Millisecond)
		fmt.Fprint(w, `{"code":1,"data":{"sale":"calm","serial":7,"token":"t"}}`)
	}))
	defer s.Close()
	c := &throng{url: s.URL, pause: time.Hour, home: make(chan struct{})}
	web := s.Client()
	c.all.Go(func() { c.stay(t.Context(), web) })
	<-asked
	c.leave()
	if c.now().Won != 1 || c.wins.Highest() != 7 {
		t.Fatalf("heard %+v", c.now())
	}
}
