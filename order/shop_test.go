package order

import (
	"sync/atomic"
	"testing"
	"time"

	"spike/luascripts/ledger"
	"spike/luascripts/memory"
)

// brisk is the pace for tests.
var brisk = pace{look: 20 * time.Millisecond, sweep: 5 * time.Millisecond, tend: 10 * time.Millisecond, rest: time.Minute,
	quiet:     10 * time.Millisecond,
	checkIdle: 20 * time.Millisecond, idle: 100 * time.Millisecond, retry: time.Millisecond, retryMost: 20 * time.Millisecond,
	statement: 10 * time.Second, lastTry: 2 * time.Second, bind: 500 * time.Millisecond, again: 20 * time.Millisecond,
	check: time.Millisecond, send: 5 * time.Millisecond, webhook: time.Millisecond}

// clock is the store's clock: real, and moved on by hand.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

func (c *clock) skip(d time.Duration) { c.ahead.Add(int64(d)) }

// shop is a store of sales, and its buyers.
type shop struct {
	ledger.Store
	*clock
	nonce uint64
}

func newShop() *shop {
	c := &clock{}
	e := memory.New(ledger.DefaultBounds(), c.now)
	e.KeepEvents()
	return &shop{Store: e, clock: c}
}

func (b *shop) sale(t testing.TB, name string, total uint64, hold time.Duration) {
	t.Helper()
	if _, err := b.Create(t.Context(), name, ledger.CreateRequest{Total: total, Hold: hold}); err != nil {
		t.Fatal(err)
	}
}

// buy reserves n units.
func (b *shop) buy(t testing.TB, sale string, n uint32) (ledger.Claim, uint64) {
	t.Helper()
	b.nonce++
	r, err := b.Deduct(t.Context(), sale, ledger.DeductRequest{N: n, Nonce: b.nonce,
		Buyer: ledger.Buyer{1, byte(b.nonce)}})
	if err != nil || r.Claim.Count != n {
		t.Fatalf("nothing bought: %+v %v", r, err)
	}
	return r.Claim, r.Birth
}

func (b *shop) confirm(t testing.TB, sale string, birth uint64, c ledger.Claim) {
	t.Helper()
	if r, err := b.Confirm(t.Context(), sale, birth, c); err != nil || r.Life != ledger.IsConfirmed {
		t.Fatalf("%+v %v", r, err)
	}
}

func (b *shop) cancel(t testing.TB, sale string, birth uint64, c ledger.Claim) {
	t.Helper()
	if r, err := b.Cancel(t.Context(), sale, birth, c); err != nil || r.Life != ledger.IsCancelled {
		t.Fatalf("%+v %v", r, err)
	}
}

// expire moves ledger time on, one step at a time, as scripts do.
func (b *shop) expire(t testing.TB, sale string, d time.Duration) {
	t.Helper()
	for ; d > 0; d -= 400 * time.Millisecond {
		b.skip(400 * time.Millisecond)
		if _, err := b.Expire(t.Context(), sale, 100); err != nil {
			t.Fatal(err)
		}
	}
}
