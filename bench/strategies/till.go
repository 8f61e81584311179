package strategies

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"spike/bench"
	"spike/bench/crowd"
)

// till finds the winners among the answers and sends their payments, each at its own time.
type till struct {
	ctx    context.Context
	o      Options
	url    func(token string) string
	client *http.Client

	won     atomic.Int64
	paid    atomic.Int64 // payments taken
	refused atomic.Int64 // payments answered, and not taken
	failed  atomic.Int64 // payments without an answer, or with one that cannot be read
	due     sync.WaitGroup
}

const (
	payConnections = 512 // enough that no payer waits for another's answer, which would change the result
	payTimeout     = 10 * time.Second
	payTries       = 3
	payPause       = 100 * time.Millisecond

	// How long after the answer a payer pays, at least and at most.
	payAtLeast = 50 * time.Millisecond
	payAtMost  = 500 * time.Millisecond
)

func newTill(ctx context.Context, o Options, url func(token string) string) *till {
	return &till{ctx: ctx, o: o, url: url, client: &http.Client{Timeout: payTimeout,
		Transport: &http.Transport{MaxConnsPerHost: payConnections, MaxIdleConnsPerHost: payConnections}}}
}

// close waits for the payments and closes the connections.
func (t *till) close() {
	t.due.Wait()
	t.client.CloseIdleConnections()
}

// winner says whether the k-th winner ever pays, and how long after the answer. The seed decides that.
func (o Options) winner(k int64) (pays bool, after time.Duration) {
	r := rand.New(rand.NewPCG(o.Seed, uint64(k)))
	pays = r.IntN(100) >= o.NeverPay
	return pays, payAtLeast + time.Duration(r.Int64N(int64(payAtMost-payAtLeast)+1))
}

// note hears an answer.
func (t *till) note(a crowd.Answer) {
	if code, _ := a.Code(); a.Status != http.StatusOK || code != 1 {
		return
	}
	k := t.won.Add(1) - 1
	won, err := a.Reservation()
	if err != nil {
		t.failed.Add(1)
		return
	}
	if pays, after := t.o.winner(k); pays {
		t.due.Go(func() { t.pay(won.Token, after) })
	}
}

// pay sends a payment when it is due. Like a payment service, it sends the payment again if it gets no answer, or "not now".
// In all three strategies a repeated payment counts once.
func (t *till) pay(token string, after time.Duration) {
	for range payTries {
		if !bench.Sleep(t.ctx, after) {
			break
		}
		status, err := t.post(t.url(token))
		switch {
		case err != nil || status == http.StatusServiceUnavailable:
			after = payPause
		case status == http.StatusOK:
			t.paid.Add(1)
			return
		default:
			t.refused.Add(1)
			return
		}
	}
	t.failed.Add(1)
}

func (t *till) post(url string) (status int, err error) {
	req, err := http.NewRequestWithContext(t.ctx, http.MethodPost, url, nil)
	if err != nil {
		return 0, err
	}
	resp, err := t.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}
