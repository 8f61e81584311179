package edge

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"spike/luascripts/ledger"
)

// recorder is a store that notes every call and its result. By its seed some calls are late, refused, or lost before or after
// they are done. The fault of a call follows from its name, its sale, and the number of such calls before.
type recorder struct {
	ledger.Store
	seed uint64

	mu    sync.Mutex
	rate  uint64 // so many of a thousand calls go wrong
	nth   map[string]uint64
	calls []string
}

func newRecorder(store ledger.Store, seed uint64) *recorder {
	return &recorder{Store: store, seed: seed, nth: map[string]uint64{}}
}

// goWrong makes so many of a thousand calls go wrong from now on.
func (r *recorder) goWrong(rate uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rate = rate
}

// The faults of a call.
const (
	goesWell  = iota
	isLate    //
	isLost    // the call is lost before it is done
	isSilent  // the answer is lost
	isRefused //
	faults
)

// fault is the fault of the next such call.
func (r *recorder) fault(name, sale string) (kind int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := name + " " + sale
	r.nth[key]++
	z := r.seed ^ r.nth[key]<<20
	for _, c := range []byte(key) {
		z = (z ^ uint64(c)) * 0xff51afd7ed558ccd
		z ^= z >> 33
	}
	if z%1000 >= r.rate {
		return goesWell
	}
	return 1 + int(z/1000%(faults-1))
}

func (r *recorder) note(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, fmt.Sprintf("%d %s", time.Now().UnixMicro(), line))
}

// counted is how often each call was made, by its first word.
func (r *recorder) counted(call string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, line := range r.calls {
		if strings.Contains(line, " "+call+" ") {
			n++
		}
	}
	return n
}

// through makes a call, unless it goes wrong.
func through[R any](r *recorder, name, sale string, q any, call func() (R, error)) (reply R, err error) {
	kind := r.fault(name, sale)
	switch kind {
	case isLost:
		err = ledger.ErrDown
	case isRefused:
		err = &ledger.Refusal{Code: "FOREIGN", Why: "changed by a hand, says the seed"}
	case isLate:
		time.Sleep(time.Duration(r.seed%300) * time.Millisecond)
		fallthrough
	default:
		reply, err = call()
	}
	if kind == isSilent {
		var none R
		reply, err = none, ledger.ErrDown
	}
	r.note(fmt.Sprintf("%s %s %+v: %d %+v %v", name, sale, q, kind, reply, err))
	return reply, err
}

func (r *recorder) Lease(ctx context.Context, sale string, q ledger.LeaseRequest) (ledger.LeaseReply, error) {
	return through(r, "lease", sale, q, func() (ledger.LeaseReply, error) { return r.Store.Lease(ctx, sale, q) })
}

func (r *recorder) Renew(ctx context.Context, sale string, q ledger.RenewRequest) (ledger.RenewReply, error) {
	return through(r, "renew", sale, q, func() (ledger.RenewReply, error) { return r.Store.Renew(ctx, sale, q) })
}

func (r *recorder) GiveBack(ctx context.Context, sale string, q ledger.GiveBackRequest) (ledger.GiveBackReply, error) {
	return through(r, "giveback", sale, q, func() (ledger.GiveBackReply, error) { return r.Store.GiveBack(ctx, sale, q) })
}

func (r *recorder) Settle(ctx context.Context, sale string, q ledger.SettleRequest) (ledger.SettleReply, error) {
	return through(r, "settle", sale, q, func() (ledger.SettleReply, error) { return r.Store.Settle(ctx, sale, q) })
}

func (r *recorder) Deduct(ctx context.Context, sale string, q ledger.DeductRequest) (ledger.DeductReply, error) {
	return through(r, "deduct", sale, q, func() (ledger.DeductReply, error) { return r.Store.Deduct(ctx, sale, q) })
}

func (r *recorder) DeductEach(ctx context.Context, sale string, qs []ledger.DeductRequest) ([]ledger.Deducted, error) {
	return through(r, "deducteach", sale, qs, func() ([]ledger.Deducted, error) { return r.Store.DeductEach(ctx, sale, qs) })
}

func (r *recorder) Tend(ctx context.Context, sale string, q ledger.TendRequest) (ledger.TendReply, error) {
	return through(r, "tend", sale, q, func() (ledger.TendReply, error) { return r.Store.Tend(ctx, sale, q) })
}

func (r *recorder) EnterDraw(ctx context.Context, sale string, q ledger.EnterRequest) (ledger.EnterReply, error) {
	return through(r, "enter", sale, q, func() (ledger.EnterReply, error) { return r.Store.EnterDraw(ctx, sale, q) })
}

func (r *recorder) Reservation(ctx context.Context, sale string, birth uint64, c ledger.Claim) (ledger.ReservationReply, error) {
	return through(r, "reservation", sale, c, func() (ledger.ReservationReply, error) {
		return r.Store.Reservation(ctx, sale, birth, c)
	})
}

func (r *recorder) Cancel(ctx context.Context, sale string, birth uint64, c ledger.Claim) (ledger.ReservationReply, error) {
	return through(r, "cancel", sale, c, func() (ledger.ReservationReply, error) { return r.Store.Cancel(ctx, sale, birth, c) })
}

func (r *recorder) Show(ctx context.Context, sale string) (ledger.ShowReply, error) {
	return through(r, "show", sale, "", func() (ledger.ShowReply, error) { return r.Store.Show(ctx, sale) })
}

func (r *recorder) Revision(ctx context.Context, sale string) (string, error) {
	return through(r, "revision", sale, "", func() (string, error) { return r.Store.Revision(ctx, sale) })
}

func (r *recorder) Born(ctx context.Context, birth uint64) (ledger.Found, error) {
	return through(r, "born", "", birth, func() (ledger.Found, error) { return r.Store.Born(ctx, birth) })
}
