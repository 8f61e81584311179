package dashboard

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"spike/luascripts/ledger"
	"spike/luascripts/memory"
)

// watched is an embedded store that counts the calls of a Looker, and hangs on demand.
type watched struct {
	*memory.Store
	calls atomic.Int64
	hangs atomic.Bool
}

func newWatched() *watched { return &watched{Store: memory.New(ledger.DefaultBounds(), time.Now)} }

// call counts a call. If the store hangs, the call fails after the time of a call.
func (w *watched) call(ctx context.Context) error {
	w.calls.Add(1)
	if !w.hangs.Load() {
		return nil
	}
	select {
	case <-time.After(ledger.Timeout):
	case <-ctx.Done():
	}
	return ledger.ErrDown
}

func (w *watched) Ping(ctx context.Context) error { return w.call(ctx) }

func (w *watched) List(ctx context.Context) ([]string, error) {
	if err := w.call(ctx); err != nil {
		return nil, err
	}
	return w.Store.List(ctx)
}

func (w *watched) Show(ctx context.Context, sale string) (ledger.ShowReply, error) {
	if err := w.call(ctx); err != nil {
		return ledger.ShowReply{}, err
	}
	return w.Store.Show(ctx, sale)
}

func (w *watched) Revision(ctx context.Context, sale string) (string, error) {
	if err := w.call(ctx); err != nil {
		return "", err
	}
	return w.Store.Revision(ctx, sale)
}

func (w *watched) Beats(ctx context.Context) ([]ledger.Beat, error) {
	if err := w.call(ctx); err != nil {
		return nil, err
	}
	return w.Store.Beats(ctx)
}

func (w *watched) Holders(ctx context.Context, sale string) (ledger.Holders, error) {
	if err := w.call(ctx); err != nil {
		return ledger.Holders{}, err
	}
	return w.Store.Holders(ctx, sale)
}

func (w *watched) Entries(ctx context.Context, before string, most int) ([]ledger.Entry, error) {
	if err := w.call(ctx); err != nil {
		return nil, err
	}
	return w.Store.Entries(ctx, before, most)
}

func (w *watched) News(ctx context.Context, f func(string, ledger.State), lost func()) {
	w.calls.Add(1)
	w.Store.News(ctx, f, lost)
}

// make makes a sale.
func (w *watched) make(t testing.TB, sale string, total uint64) {
	t.Helper()
	if _, err := w.Create(t.Context(), sale, ledger.CreateRequest{Total: total, Hold: time.Minute}); err != nil {
		t.Fatal(err)
	}
}

// runLooker runs a Looker until the test ends.
func runLooker(t testing.TB, store Store) *Looker {
	l := NewLooker(Config{Store: store, Kind: "embedded", Version: "1", Bounds: ledger.DefaultBounds(), Log: zerolog.Nop()})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { l.Run(ctx); close(ended) }()
	t.Cleanup(func() { stop(); <-ended })
	return l
}

// see is one look.
func see(t testing.TB, l *Looker) (seen Look) {
	t.Helper()
	text, err := l.Look(t.Context(), "")
	if err == nil {
		err = json.Unmarshal(text, &seen)
	}
	if err != nil {
		t.Fatal(err)
	}
	return seen
}

// adds says whether the places of each sale add up to its total.
func adds(l Look) bool {
	for _, s := range l.Sales {
		if s.Total == nil || *s.Free+*s.Leased+*s.Limbo+*s.Pending+*s.Confirmed != *s.Total {
			return false
		}
	}
	return true
}
