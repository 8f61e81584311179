package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"

	"spike/bench"
	"spike/bench/check"
)

// buyTimeout is how long a buyer waits for an answer: TCP has sent a lost packet again several times by then.
const buyTimeout = 5 * time.Second

// heard is what a crowd has heard so far.
type heard struct {
	Answered   int64 // a complete answer, of whatever kind
	Won        int64
	SoldOut    int64         // of both kinds
	Undecided  int64         // 503
	Odd        int64         // nothing that the contract knows
	Refused    int64         // could not connect: nothing was sent
	Unanswered int64         // sent, and never answered: may have been sold
	Wait       time.Duration // the longest that one buyer went without an answer, all its attempts together

	OddSample string
	LastBad   time.Time // the last time that a buyer did not hear yes or no
	LastWin   time.Time
	Final     time.Time // when the first heard that it is sold out for good
	LateWin   time.Time // when the last request that won was sent
}

// failed are requests that heard neither yes nor no.
func (h heard) failed() int64 { return h.Refused + h.Unanswered }

// throng is buyers in the clients' namespace who go on until they are sent home.
type throng struct {
	url   string
	pause time.Duration
	wins  check.Wins
	all   sync.WaitGroup
	home  chan struct{}
	fail  func(error)

	mu    sync.Mutex
	heard heard
}

// gather lets a crowd in. Who panics among them tells fail.
func (l *lab) gather(ctx context.Context, sale string, fail func(error)) *throng {
	t := &throng{url: "http://" + l.Address.String() + "/buy/" + sale, pause: ms(l.Crowd.PauseMS), home: make(chan struct{}), fail: fail}
	for i := range l.Crowd.Kept + l.Crowd.Fresh {
		web := l.buyers.web(i < l.Crowd.Kept, buyTimeout)
		t.all.Go(func() {
			defer web.CloseIdleConnections()
			if err := together(func() error { t.stay(ctx, web); return nil }); err != nil {
				fail(err)
			}
		})
	}
	return t
}

// leave sends everybody home, each after its answer: what is under way may be a sale.
func (t *throng) leave() {
	close(t.home)
	t.all.Wait()
}

// now is what was heard so far.
func (t *throng) now() heard {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.heard
}

// stay buys again and again.
func (t *throng) stay(ctx context.Context, web *http.Client) {
	var since time.Time // the first attempt that has no answer yet
	for {
		begin := time.Now()
		if since.IsZero() {
			since = begin
		}
		if t.buy(ctx, web, begin, since) {
			since = time.Time{}
		}
		pause := t.pause/2 + rand.N(t.pause) // uneven: they must not march in step
		select {
		case <-t.home:
			return
		default:
		}
		if !bench.Sleep(ctx, pause) {
			return
		}
	}
}

// buy is one attempt; it says whether the buyer heard yes or no.
func (t *throng) buy(ctx context.Context, web *http.Client, begin, since time.Time) bool {
	sent := false
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { sent = true }})
	q, err := http.NewRequestWithContext(traced, http.MethodPost, t.url, http.NoBody)
	if err != nil {
		t.fail(err)
		return false
	}
	r, err := web.Do(q)
	if err != nil {
		if ctx.Err() == nil {
			t.silent(sent)
		}
		return false
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<16))
	_ = r.Body.Close()
	if err != nil {
		t.silent(true)
		return false
	}
	return t.note(r, body, begin, since)
}

// silent counts an attempt without an answer.
func (t *throng) silent(sent bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if sent {
		t.heard.Unanswered++
	} else {
		t.heard.Refused++
	}
	t.heard.LastBad = time.Now()
}

// note counts an answer; it says whether it was yes or no.
func (t *throng) note(r *http.Response, body []byte, begin, since time.Time) bool {
	code := codeOf(body)
	won := t.wins.Note(r.StatusCode, body) > 0
	t.mu.Lock()
	defer t.mu.Unlock()
	now, h := time.Now(), &t.heard
	h.Answered++
	switch {
	case won:
		h.Won, h.LastWin = h.Won+1, now
		h.LateWin = later(h.LateWin, begin)
	case r.StatusCode == http.StatusOK && code == -1:
		h.SoldOut++
		if r.Header.Get("Retry-After") == "" && h.Final.IsZero() {
			h.Final = now
		}
	case r.StatusCode == http.StatusServiceUnavailable:
		h.Undecided, h.LastBad = h.Undecided+1, now
		return false
	default:
		h.Odd++
		h.OddSample = string(bytes.ToValidUTF8(body[:min(len(body), 80)], nil))
	}
	h.Wait = max(h.Wait, now.Sub(since))
	return true
}

func codeOf(body []byte) int {
	var a struct {
		Code int `json:"code"`
	}
	_ = json.Unmarshal(body, &a) // what is none has no code
	return a.Code
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
