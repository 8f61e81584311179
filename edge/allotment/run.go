package allotment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"spike/luascripts/ledger"
)

// ErrUnsettled says that an allotment ended before the ledger had everything.
var ErrUnsettled = errors.New("stopped too soon")

// Store is the part of a store that a Runner uses.
type Store interface {
	ledger.Ledger
	ledger.Reservations
}

// Runner drives a Keeper: it makes the calls, and brings the answers back.
type Runner struct {
	*Allotment
	keeper   *Keeper
	store    Store
	maker    RingMaker
	answers  chan Answer
	news     atomic.Pointer[News]
	trouble  atomic.Pointer[Trouble]
	cured    atomic.Pointer[Trouble] // trouble that the edge has called cured
	shown    proofs                  // proofs as of the newest trouble
	answered atomic.Int64            // when the ledger last answered, by the monotonic clock
	calls    [len(callKinds)]atomic.Uint64
}

var callKinds = [...]string{"lease", "renew", "tend", "settle", "give_back", "reassert", "deduct"}

// New opens the allotment of a sale whose newest view is head. Before the first buyer it leases nothing.
func New(cfg Config, store Store, clock Clock, head ledger.Head, maker RingMaker) *Runner {
	a, k := begin(cfg, clock, head, RingSize)
	return &Runner{Allotment: a, keeper: k, store: store, maker: maker, answers: make(chan Answer, 8)}
}

// Run works until ctx ends and then until everything sold is settled and all else is given back, or until grace is over. It
// returns nil, the refusal that ended the sale, or what was left undone.
func (r *Runner) Run(ctx context.Context, grace time.Duration) error {
	stop, late := ctx.Done(), (<-chan time.Time)(nil)
	calls, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var ev Event = Tick{}
		select {
		case <-timer.C:
		case <-r.nudge:
			if n := r.news.Swap(nil); n != nil {
				ev = *n
			}
		case <-r.stock.Low():
		case a := <-r.answers:
			ev = a
		case <-stop:
			stop, late = nil, time.After(grace)
			ev = Stop{}
		case <-late:
			return fmt.Errorf("%w: %d claims not settled, %d ranges not given back", ErrUnsettled,
				len(r.keeper.claims.batch)+int(r.ring.unread()), len(r.keeper.returns.parts))
		}
		now := r.clock() // a call must not be sent earlier than the Step that planned it
		for _, call := range r.keeper.Step(now, ev) {
			go r.call(calls, call, now)
		}
		r.notice()
		if r.keeper.Finished() {
			r.vanish()
			return r.end()
		}
		timer.Reset(max(r.keeper.Next().Sub(r.clock()), 0))
	}
}

// Hear passes news of the sale to the Keeper. It replaces news that the Keeper has not taken yet. Either makes the Keeper look,
// if it matters.
func (r *Runner) Hear(n News) {
	if old := r.news.Load(); old != nil && old.Unsure {
		n.Unsure = true
	}
	r.news.Store(&n)
	r.wake()
}

// call makes one call. Run takes its answer, or the channel has room for it.
func (r *Runner) call(ctx context.Context, call any, sent Instant) {
	a := Answer{Call: call, Sent: sent}
	switch q := call.(type) {
	case ledger.LeaseRequest:
		a.Reply, a.Err = ask(ctx, r, "lease", r.store.Lease, q)
	case ledger.RenewRequest:
		a.Reply, a.Err = ask(ctx, r, "renew", r.store.Renew, q)
	case ledger.TendRequest:
		a.Reply, a.Err = ask(ctx, r, "tend", r.store.Tend, q)
	case ledger.ReassertRequest:
		a.Reply, a.Err = ask(ctx, r, "reassert", r.store.Reassert, q)
	case ledger.SettleRequest:
		a.Reply, a.Err = ask(ctx, r, "settle", r.store.Settle, q)
	case ledger.GiveBackRequest:
		a.Reply, a.Err = ask(ctx, r, "give_back", r.store.GiveBack, q)
	case OfferRequest:
		a.Reply, a.Err = ask(ctx, r, "deduct", r.askFor, q)
	case RingRequest:
		a.Reply, a.Err = r.maker.Make(q.Lanes, q.Slots, q.From)
	case RingDrop:
		a.Err = r.maker.Drop()
	}
	r.answers <- a
}

// ask makes one call to the ledger, and counts it.
func ask[Q, R any](ctx context.Context, r *Runner, kind string, do func(context.Context, string, Q) (R, error),
	q Q) (any, error) {
	r.calls[slices.Index(callKinds[:], kind)].Add(1)
	return do(ctx, r.keeper.cfg.Sale, q)
}

// askFor asks about an offer, or takes it back.
func (r *Runner) askFor(ctx context.Context, sale string, q OfferRequest) (any, error) {
	if q.Return {
		return r.store.Cancel(ctx, sale, q.Deduct.Birth, q.Deduct.Offer)
	}
	return r.store.Deduct(ctx, sale, q.Deduct)
}

// end is the result of Run. It waits until no buyer touches the Rings, so that they may go.
func (r *Runner) end() error {
	if r.keeper.room.broken {
		return ErrRing
	}
	for late := time.Now().Add(sealFor); !r.keeper.sealRings(); time.Sleep(time.Millisecond) {
		if time.Now().After(late) {
			return fmt.Errorf("%w: a buyer is in its ring", ErrUnsettled)
		}
	}
	return r.keeper.gone
}

// sealFor is how long a buyer's goroutine may stand still between two steps of a Take when its sale ends here.
const sealFor = 10 * time.Second

// Calls counts the calls made to the ledger, by kind.
func (r *Runner) Calls() map[string]uint64 {
	all := map[string]uint64{}
	for i, kind := range callKinds {
		all[kind] = r.calls[i].Load()
	}
	return all
}
