package admin

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"spike/luascripts/ledger"
	"spike/luascripts/memory"
)

// Row P8: in a recovery an edge may sell from a lease that the ledger does not know. Until that is over, no operator is told that
// no edge sells.

// begun is a sale without leases, on a server with a history of its own.
func begun(t *testing.T) *memory.Store {
	store := memory.New(ledger.DefaultBounds(), time.Now)
	store.On(memory.Node{Era: 1, Run: 1})
	if _, err := store.Create(t.Context(), "ticket", ledger.CreateRequest{Total: 10, Hold: time.Minute}); err != nil {
		t.Fatal(err)
	}
	return store
}

// cutHistory restarts the server with a history that may have lost its end.
func cutHistory(store *memory.Store, era uint64) {
	store.On(memory.Node{Era: era, Run: era})
}

func TestP8ShutWaitsForLeasesOfLostHistory(t *testing.T) {
	b := ledger.DefaultBounds()
	for name, c := range map[string]struct {
		cut func(t *testing.T, store *memory.Store) // before the doors are shut
	}{
		"nobody has noticed it": {func(_ *testing.T, store *memory.Store) { cutHistory(store, 2) }},
		"it recovers": {func(t *testing.T, store *memory.Store) {
			cutHistory(store, 2)
			if _, err := store.Expire(t.Context(), "ticket", 1); err != nil {
				t.Error(err)
			}
		}},
		"it begins as the operator waits": {func(t *testing.T, store *memory.Store) {
			_, err := store.Lease(t.Context(), "ticket", ledger.LeaseRequest{Party: ledger.Party{Instance: "dead"}, Request: 1, Want: 1,
				Term: b.Lease})
			if err != nil {
				t.Error(err)
			}
			time.AfterFunc(5*time.Second, func() { cutHistory(store, 2) })
		}},
		"the operator grants again": {func(t *testing.T, store *memory.Store) {
			cutHistory(store, 2)
			if h, err := store.Reopen(t.Context(), "ticket", ledger.ReopenRequest{Grants: true}); err != nil || h.Reopens != 0 {
				t.Error(h, err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := begun(t)
				c.cut(t, store)
				start := time.Now()
				out, err := Shut(t.Context(), store, "ticket", "paused", ShutWait)
				if err != nil || !out.Settled || out.Leased != 0 {
					t.Errorf("%+v %v", out, err)
				}
				if took := time.Since(start); took < b.Lease+b.Margin {
					t.Errorf("a lease may be alive after %v", took)
				}
				if d := Describe("ticket", out.ShowReply); (out.Reopens > 0) != (d.Uncounted != nil) {
					t.Errorf("%+v", d)
				}
			})
		})
	}
}

func TestP8ShutSaysThatItDoesNotKnow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := begun(t)
		cutHistory(store, 2)
		out, err := Shut(t.Context(), store, "ticket", "closed", time.Second)
		if d := Describe("ticket", out.ShowReply); err != nil || out.Settled || d.Uncounted == nil ||
			time.Until(*d.Uncounted) < time.Minute {
			t.Errorf("%+v %v", d, err)
		}
	})
}

// If the history in which the doors were shut is lost, they are shut again. If somebody opens them, that is an error.
func TestP8TheDoorsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for lost, want := range map[bool]error{true: nil, false: ledger.ErrChanged} {
			store := begun(t)
			cutHistory(store, 2)
			time.AfterFunc(time.Second, func() {
				if lost {
					cutHistory(store, 3)
				}
				_, _ = store.Change(context.Background(), "ticket", ledger.ChangeRequest{To: "open"})
			})
			out, err := Shut(t.Context(), store, "ticket", "paused", ShutWait)
			if !errors.Is(err, want) || (err == nil) != out.Settled || lost && out.State != ledger.Paused {
				t.Errorf("lost %v: %+v %v", lost, out, err)
			}
		}
	})
}
