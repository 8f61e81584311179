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

// buyTimeout is how long a buyer waits for an answer. By then TCP has sent a lost packet again several times.
const buyTimeout = 5 * time.Second

// heard is the answers of a crowd so far.
type heard struct {
	Answered   int64 // complete answers of any kind
	Won        int64
	SoldOut    int64         // both kinds of it
	Undecided  int64         // 503
	Odd        int64         // answers that the contract does not have
	Refused    int64         // no connection: nothing was sent
	Unanswered int64         // sent, and not answered: a unit may have been sold
	Wait       time.Duration // the longest time that one buyer waited for an answer, over all its attempts

	OddSample string
	LastBad   time.Time // the last time that a buyer heard neither yes nor no
	LastWin   time.Time
	Final     time.Time // when a buyer first heard "sold out" for good
	LateWin   time.Time // when the last winning request was sent
}

// failed counts requests without an answer.
func (h heard) failed() int64 { return h.Refused + h.Unanswered }

// throng is buyers in the clients' namespace. They buy until leave is called.
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

// gather starts a crowd. If a buyer panics, it calls fail.
func (l *lab) gather(ctx context.Context, sale string, fail func(error)) *throng {
	t := &throng{url: "http://" + l.Address.String() + "/buy/" + sale, pause: ms(l.Crowd.PauseMS),
		home: make(chan struct{}), fail: fail}
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

// leave stops all buyers, each after its answer, because a request on its way may be a sale.
func (t *throng) leave() {
	close(t.home)
	t.all.Wait()
}

// now is the answers so far.
func (t *throng) now() heard {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.heard
}

// stay buys again and again.
func (t *throng) stay(ctx context.Context, web *http.Client) {
	var since time.Time // the first of the attempts that have no answer yet
	for {
		begin := time.Now()
		if since.IsZero() {
			since = begin
		}
		if t.buy(ctx, web, begin, since) {
			since = time.Time{}
		}
		pause := t.pause/2 + rand.N(t.pause) // uneven, so that buyers do not keep step
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

// buy is one attempt. It returns whether the buyer heard yes or no.
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

// note counts an answer. It returns whether the answer was yes or no.
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
	_ = json.Unmarshal(body, &a) // another body has no code
	return a.Code
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
