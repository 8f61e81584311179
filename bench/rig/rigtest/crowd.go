package rigtest

import (
	"context"
	"sync"
	"testing"
	"time"

	"spike/bench/crowd"
)

type (
	// Answer is [crowd.Answer]. It and the others are the types of crowd that tests outside bench name.
	Answer = crowd.Answer
	// Reservation is [crowd.Reservation].
	Reservation = crowd.Reservation
	// Conn is [crowd.Conn].
	Conn = crowd.Conn
	// CrowdOptions is [crowd.Options].
	CrowdOptions = crowd.Options
	// CrowdResult is [crowd.Result].
	CrowdResult = crowd.Result
	// Word is [crowd.Word].
	Word = crowd.Word
	// Wins is [crowd.Wins].
	Wins = crowd.Wins
)

// Won and the others are words that tests look for: see [crowd.Word].
const (
	Won       = crowd.Won
	SoldOut   = crowd.SoldOut
	NoneNow   = crowd.NoneNow
	Undecided = crowd.Undecided
	Pending   = crowd.Pending
	Confirmed = crowd.Confirmed
	Cancelled = crowd.Cancelled
	Lost      = crowd.Lost
	OverLimit = crowd.OverLimit
	Entered   = crowd.Entered
)

// Crowd sends requests. The test fails unless each has an answer of status 200, and no serial is won twice.
func Crowd(t testing.TB, requests int64, connections int, urls ...string) (*Wins, CrowdResult) {
	t.Helper()
	w, r := CrowdAnyway(t, requests, connections, urls...)
	if r.Statuses[200] != requests || w.Wrong() != nil {
		t.Fatalf("%+v\nwrong: %q\nodd answers: %s", r, w.Wrong(), w.Odd())
	}
	return w, r
}

// CrowdAnyway sends requests, and accepts any answer.
func CrowdAnyway(t testing.TB, requests int64, connections int, urls ...string) (*Wins, CrowdResult) {
	t.Helper()
	w := &Wins{Keep: true}
	r, err := crowd.Run(context.Background(), CrowdOptions{URLs: urls, Connections: connections, Requests: requests,
		Timeout: 10 * time.Second, Heard: w.Hear})
	must(t, err)
	return w, r
}

// StartCrowd starts a crowd that buys until stop is called, for some minutes at most.
func StartCrowd(t testing.TB, o CrowdOptions) (w *Wins, stop func() CrowdResult) {
	t.Helper()
	w = &Wins{Keep: true}
	if o.Requests == 0 {
		o.Requests = 1 << 40
	}
	if o.Heard == nil {
		o.Heard = w.Hear
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	ended := make(chan CrowdResult, 1)
	go func() {
		r, _ := crowd.Run(ctx, o)
		ended <- r
	}()
	stop = sync.OnceValue(func() CrowdResult { cancel(); return <-ended })
	t.Cleanup(func() { stop() })
	return w, stop
}

// Ask sends one request. The header is names and values by turns.
func Ask(t testing.TB, method, url string, header ...string) Answer {
	t.Helper()
	host, path, err := crowd.Split(url)
	must(t, err)
	a, err := NewConn(t, host).Ask(method, path, header...)
	must(t, err)
	return a
}

// NewConn is a buyer's connection, which ends with the test.
func NewConn(t testing.TB, addr string) *Conn {
	t.Helper()
	c := crowd.NewConn(context.Background(), addr, 30*time.Second, nil)
	t.Cleanup(c.Close)
	return c
}

// Bought is what an answer says of a reservation: see [crowd.Answer.Reservation]. Empty: nothing.
func Bought(a Answer) Reservation {
	r, _ := a.Reservation()
	return r
}
