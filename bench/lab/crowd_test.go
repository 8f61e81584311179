package lab

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"spike/bench/crowd"
)

// at is a buyer of a server.
func at(t *testing.T, s *httptest.Server) *buyer {
	t.Helper()
	b := &buyer{throng: &throng{path: "/buy/calm", pause: time.Hour, home: make(chan struct{})},
		conn: crowd.NewConn(t.Context(), s.Listener.Addr().String(), time.Second, nil)}
	t.Cleanup(b.conn.Close)
	return b
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
		"sold out": {say(200, "", `{"code":-1,"msg":""}`), true, func(h heard) bool { return !h.Final.IsZero() }},
		"none now": {say(200, "1", `{"code":-1,"msg":""}`), true, func(h heard) bool { return h.Answered == 1 && h.Final.IsZero() }},
		"undecided": {say(503, "1", `{"code":-5,"msg":""}`), false,
			func(h heard) bool { return h.Undecided == 1 && !h.LastBad.IsZero() }},
		"odd": {say(404, "", `nothing`), true, func(h heard) bool { return h.Answered == 1 && h.Won == 0 }},
		"hung up": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, false,
			func(h heard) bool { return h.Unanswered == 1 && h.Refused == 0 && h.Answered == 0 }},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(c.answer)
			defer s.Close()
			b := at(t, s)
			if b.buy(t.Context()); b.since.IsZero() != c.ok || !c.right(b.now()) {
				t.Errorf("since %v, heard %+v", b.since, b.now())
			}
		})
	}
}

// A request that was never sent did not buy a unit.
func TestARefusedConnectionIsNotUnanswered(t *testing.T) {
	s := httptest.NewServer(nil)
	s.Close()
	b := at(t, s)
	if b.buy(t.Context()); b.now().Refused != 1 || b.now().Unanswered != 0 {
		t.Fatalf("heard %+v", b.now())
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
	b := at(t, s)
	b.all.Go(func() { _ = b.stay(t.Context()) })
	<-asked
	b.leave()
	if b.now().Won != 1 || b.wins.Highest() != 7 {
		t.Fatalf("heard %+v", b.now())
	}
}
