package allotment

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"spike/luascripts/ledger"
	"spike/luascripts/memory"
)

// flaky is a Store that may be out of reach, and that counts its calls.
type flaky struct {
	ledger.Store
	down  atomic.Bool
	takes atomic.Bool // it takes units back all the same, as a store without its replica does
	taken atomic.Int64
	calls atomic.Int64
}

func (f *flaky) try() error {
	f.calls.Add(1)
	if f.down.Load() {
		return fmt.Errorf("test: %w", ledger.ErrDown)
	}
	return nil
}

func (f *flaky) Lease(ctx context.Context, sale string, q ledger.LeaseRequest) (r ledger.LeaseReply, err error) {
	if err = f.try(); err != nil {
		return r, err
	}
	return f.Store.Lease(ctx, sale, q)
}

func (f *flaky) Renew(ctx context.Context, sale string, q ledger.RenewRequest) (r ledger.RenewReply, err error) {
	if err = f.try(); err != nil {
		return r, err
	}
	return f.Store.Renew(ctx, sale, q)
}

func (f *flaky) Settle(ctx context.Context, sale string, q ledger.SettleRequest) (r ledger.SettleReply, err error) {
	if err = f.try(); err != nil {
		return r, err
	}
	return f.Store.Settle(ctx, sale, q)
}

func (f *flaky) GiveBack(ctx context.Context, sale string, q ledger.GiveBackRequest) (r ledger.GiveBackReply, err error) {
	if err = f.try(); err != nil && !f.takes.Load() {
		return r, err
	}
	f.taken.Add(1)
	return f.Store.GiveBack(ctx, sale, q)
}

// shop is one ledger in this process, and the Runners that sell from it.
type shop struct {
	t      *testing.T
	ledger *memory.Store
	store  *flaky
	birth  uint64
}

func newShop(t *testing.T, total uint64) *shop {
	store := memory.New(ledger.DefaultBounds(), time.Now)
	head, err := store.Create(context.Background(), benchSale, ledger.CreateRequest{Total: total})
	if err != nil {
		t.Fatal(err)
	}
	return &shop{t: t, ledger: store, store: &flaky{Store: store}, birth: head.Birth}
}

// seller is a running Runner.
type seller struct {
	*Runner
	shop  *shop
	asked atomic.Uint64 // buys answered
	stop  context.CancelFunc
	ended chan error
}

func (s *shop) open(name string) *seller {
	head, err := s.ledger.Show(context.Background(), benchSale)
	if err != nil {
		s.t.Fatal(err)
	}
	d := &seller{shop: s, ended: make(chan error, 1)}
	d.Runner = New(Config{Sale: benchSale, Instance: name, Node: name, Term: 5 * time.Second,
		Bounds: ledger.DefaultBounds(), Demand: d.asked.Load}, s.store, SystemClock(), head.Head, MemoryRings{})
	ctx, cancel := context.WithCancel(context.Background())
	d.stop = cancel
	go func() { d.ended <- d.Run(ctx, 5*time.Second) }()
	s.t.Cleanup(cancel)
	return d
}

// close stops a Runner and waits for its end.
func (s *seller) close() error {
	s.shop.t.Helper()
	s.stop()
	select {
	case err := <-s.ended:
		return err
	case <-time.After(10 * time.Second):
		s.shop.t.Fatal("the Runner did not end")
		return nil
	}
}

// buy is edge's acquire without Deduct: it waits for units or a verdict.
func (s *seller) buy(ctx context.Context) (Sold, *Verdict) {
	defer s.asked.Add(1)
	for ctx.Err() == nil {
		changed := s.Changed()
		if v := s.Verdict(); v != nil {
			return Sold{}, v
		}
		sold, outcome := s.Take(1, ledger.Buyer{})
		switch outcome {
		case Won:
			return sold, nil
		case Full:
			return Sold{}, &Verdict{Reason: Undecided}
		case Again:
			continue
		case Empty:
		}
		s.ReportUnmet(1)
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
	return Sold{}, &Verdict{Reason: Undecided}
}

// rush sends buyers to the sellers until each has heard "sold out". It returns how often each serial was sold.
func rush(t *testing.T, buyers int, sellers ...*seller) map[uint32]int {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	var mu sync.Mutex
	got := map[uint32]int{}
	var crowd sync.WaitGroup
	for b := range buyers {
		crowd.Go(func() {
			for ctx.Err() == nil {
				sold, no := sellers[b%len(sellers)].buy(ctx)
				switch {
				case no == nil:
					mu.Lock()
					got[sold.Serial]++
					mu.Unlock()
				case no.Reason == SoldOut:
					return
				default:
					time.Sleep(time.Millisecond)
				}
			}
		})
	}
	crowd.Wait()
	if ctx.Err() != nil {
		t.Fatal("nobody ever said: sold out")
	}
	return got
}

func exactlyOnce(t *testing.T, got map[uint32]int, total uint64) {
	t.Helper()
	for s, n := range got {
		if n != 1 || s < 1 || uint64(s) > total {
			t.Errorf("serial %d sold %d times", s, n)
		}
	}
	if uint64(len(got)) != total {
		t.Errorf("%d of %d sold", len(got), total)
	}
}

func (s *shop) audit() ledger.Audit {
	s.t.Helper()
	a, err := s.ledger.Audit(context.Background(), benchSale)
	if err != nil || !a.OK {
		s.t.Fatalf("%+v %v", a, err)
	}
	return a
}

func TestRunnersSellEverythingOnce(t *testing.T) {
	for _, desks := range []int{1, 3} {
		t.Run(fmt.Sprint(desks), func(t *testing.T) {
			const total = 20_000
			s := newShop(t, total)
			var all []*seller
			for i := range desks {
				all = append(all, s.open(fmt.Sprint("e", i)))
			}
			exactlyOnce(t, rush(t, 24, all...), total)
			for _, d := range all {
				if err := d.close(); err != nil {
					t.Error(err)
				}
				if d.Lost() > 0 || d.Claims() > 0 {
					t.Errorf("%d lost, %d claims unsettled", d.Lost(), d.Claims())
				}
			}
			if a := s.audit(); a.Pending != total {
				t.Errorf("%+v", a)
			}
		})
	}
}

// The last units are at an edge without buyers. They are recalled and sold.
func TestIdleRunnerGivesUpItsUnits(t *testing.T) {
	s := newShop(t, 100)
	idle := s.open("idle")
	first, no := idle.buy(context.Background())
	if no != nil || idle.Stock() == 0 {
		t.Fatalf("%+v, %d units here", no, idle.Stock())
	}
	busy := s.open("busy")
	start := time.Now()
	got := rush(t, 4, busy)
	if took := time.Since(start); took > idleAfter/2 {
		t.Errorf("called back after %v: that is not a recall", took)
	}
	got[first.Serial]++
	exactlyOnce(t, got, 100)
	if err := errors.Join(idle.close(), busy.close()); err != nil {
		t.Error(err)
	}
}

func TestStopSettlesAndGivesBack(t *testing.T) {
	s := newShop(t, 1000)
	d := s.open("e")
	const wins = 37
	for range wins {
		if _, no := d.buy(context.Background()); no != nil {
			t.Fatalf("%+v", no)
		}
	}
	if err := d.close(); err != nil {
		t.Error(err)
	}
	if a := s.audit(); a.Pending != wins || a.Leased != 0 || a.Limbo != 0 || a.Free != 1000-wins {
		t.Errorf("%+v", a)
	}
}

// A stop while the store is away names what it leaves undone, once its grace is over.
func TestStopWithoutStoreNamesWhatIsLeft(t *testing.T) {
	s := newShop(t, 100)
	head, _ := s.ledger.Show(context.Background(), benchSale)
	r := New(Config{Sale: benchSale, Instance: "e", Node: "e", Term: 5 * time.Second, Bounds: ledger.DefaultBounds(),
		Demand: func() uint64 { return 0 }}, s.store, SystemClock(), head.Head, MemoryRings{})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx, 50*time.Millisecond) }()
	d := &seller{Runner: r, shop: s}
	if _, no := d.buy(ctx); no != nil {
		t.Fatalf("%+v", no)
	}
	s.store.down.Store(true)
	cancel()
	if err := <-ended; !errors.Is(err, ErrUnsettled) {
		t.Error(err)
	}
}

// TestOutageIsUndecidedAndPasses proves G16.
func TestOutageIsUndecidedAndPasses(t *testing.T) {
	const total = 500
	s := newShop(t, total)
	d := s.open("e")
	got := map[uint32]int{}
	sold, _ := d.buy(context.Background())
	got[sold.Serial]++
	s.store.down.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for {
		sold, no := d.buy(ctx)
		if no != nil {
			if no.Reason != Undecided {
				t.Fatalf("during the outage: %+v", no)
			}
			break
		}
		got[sold.Serial]++
	}
	if len(got) < 2 {
		t.Error("an edge with units stops selling at once when the store goes away")
	}
	s.store.down.Store(false)
	for serial, n := range rush(t, 8, d) {
		got[serial] += n
	}
	exactlyOnce(t, got, total)
	if err := d.close(); err != nil || d.Lost() > 0 {
		t.Error(err, d.Lost(), "lost")
	}
}

func TestRunnerEndsWithItsSale(t *testing.T) {
	s := newShop(t, 100)
	d := s.open("e")
	if _, no := d.buy(context.Background()); no != nil {
		t.Fatalf("%+v", no)
	}
	if err := s.ledger.Remove(context.Background(), benchSale); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-d.ended:
		if !errors.Is(err, ledger.ErrNoSale) {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("sells a sale that is not there any more")
	}
	if v := d.Verdict(); v == nil || v.Reason != Gone || d.Lost() != 1 || d.Stock() != 0 {
		t.Errorf("%+v, %d lost, %d here", v, d.Lost(), d.Stock())
	}
}

// A sale made anew under the same name is another sale than the one whose units are here.
func TestRunnerEndsWithAnotherSale(t *testing.T) {
	s := newShop(t, 100)
	d := s.open("e")
	if _, no := d.buy(context.Background()); no != nil {
		t.Fatalf("%+v", no)
	}
	ctx := context.Background()
	if err := s.ledger.Remove(ctx, benchSale); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ledger.Create(ctx, benchSale, ledger.CreateRequest{Total: 5}); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-d.ended:
		if !errors.Is(err, ledger.ErrBirth) && !errors.Is(err, ledger.ErrNoSale) {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("sells another sale's units")
	}
	if a := s.audit(); a.Free != 5 {
		t.Errorf("%+v", a)
	}
}

func TestTakeSettledOnARunner(t *testing.T) {
	s := newShop(t, 300)
	d := s.open("e")
	if _, no := d.buy(context.Background()); no != nil {
		t.Fatalf("%+v", no)
	}
	var crowd sync.WaitGroup
	var kept atomic.Uint64
	for range 20 {
		crowd.Go(func() {
			for range 5 {
				_, told, o := d.TakeSettled(1, ledger.Buyer{})
				for ; o == Empty; _, told, o = d.TakeSettled(1, ledger.Buyer{}) {
					d.ReportUnmet(1)
					time.Sleep(time.Millisecond)
				}
				d.asked.Add(1)
				select {
				case v := <-told:
					if o == Won && v == ledger.Kept {
						kept.Add(1)
					}
				case <-time.After(5 * time.Second):
					t.Error("no verdict")
				}
			}
		})
	}
	crowd.Wait()
	if kept.Load() != 100 {
		t.Errorf("%d of 100 kept", kept.Load())
	}
	if a := s.audit(); a.Pending < 100 {
		t.Errorf("told before it was so: %+v", a)
	}
}

// Without buyers everything goes back after a while, and then no call is made.
func TestIdleSaleIsSilent(t *testing.T) {
	b := newBench(t, ledger.CreateRequest{Total: 100})
	b.fill()
	b.run(idleAfter + 2*time.Second)
	if a := b.audit(); a.Free != 100 {
		t.Errorf("%+v", a)
	}
	for range 1000 {
		b.now += time.Second
		b.tick()
	}
	if len(b.asked) > 0 {
		t.Errorf("%d calls for a sale nobody wants: %+v", len(b.asked), b.asked[0])
	}
	if next := b.k.Next().Sub(b.clock()); next < time.Minute {
		t.Error("the next step is due in", next)
	}
	b.knock(100 * time.Millisecond)
	if _, o := b.buy(); o != Won {
		t.Error("the first buyer after the silence:", o)
	}
}
