//go:build integration

package luascripts

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"spike/bench/rig/rigtest"
	"spike/luascripts/ledger"
	"spike/luascripts/memory"
)

// The scripts' draws, 200 of them as in the twin's test. One buyer comes over 50 connections at once.
func TestScriptsDrawFairly(t *testing.T) {
	b := suiteBounds() // nobody looks while the windows are open
	b.Margin = time.Millisecond
	s := dial(t, rigtest.StartRedis(t).Addr, b)
	const open = 5 * time.Second // long enough for one sale's crowd, on a machine with other work too
	var p places
	sales := make([]string, draws)
	for d := range draws {
		sales[d] = newSale(t, s, ledger.CreateRequest{Total: units, Shuffle: open, Seed: seedOf(d)})
		hset(t, s, "HSET", Keys(sales[d])[0], "birth", num(birthOf(d)))
		setFields(t, s, sales[d], "birth", num(birthOf(d)))
		crowds(t, s, sales[d])
	}
	time.Sleep(open + b.Margin)
	for d := range draws {
		r := must[ledger.ExpireReply](t)(s.Expire(bg, sales[d], 1))
		if r.Lots.Entrants != entrants || r.Lots.Winners != units {
			t.Fatalf("draw %d: %+v", d, r.Lots)
		}
		order := must[ledger.DrawReply](t)(s.Draw(bg, sales[d], 0, 100)).Buyers
		for i, buyer := range order {
			if i > 0 && ledger.Lot(seedOf(d), r.Birth, order[i-1]) > ledger.Lot(seedOf(d), r.Birth,
				buyer) || r.MayHaveLot(buyer) != (i < units) {
				t.Fatalf("draw %d: %x at rank %d", d, buyer, i)
			}
		}
		p.add(t, order)
	}
	p.check(t)
}

// crowds enters every buyer, the greedy one over many connections at the same time.
func crowds(t *testing.T, s ledger.Store, sale string) {
	t.Helper()
	var all sync.WaitGroup
	enter := func(buyers ...ledger.Buyer) {
		all.Go(func() {
			q := ledger.EnterRequest{Buyers: buyers}
			r, err := s.EnterDraw(bg, sale, q)
			for tries := 5; tries > 0 && errors.Is(err, ledger.ErrDown); tries-- { // the machine is busy; a repeated entry changes nothing
				r, err = s.EnterDraw(bg, sale, q)
			}
			if err != nil || !r.Entered {
				t.Errorf("%+v %v", r, err)
			}
		})
	}
	for range greedyFor {
		enter(named(greedy))
	}
	for i := 2; i <= entrants; i += 3 {
		enter(named(i), named(min(i+1, entrants)), named(min(i+2, entrants)))
	}
	all.Wait()
}

// A crowd collects, each buyer several times at once, while others lease and buy. Each winner gets one unit, the same each
// time. Others never get a winner's unit.
func TestCrowdCollects(t *testing.T) {
	t.Run("redis", func(t *testing.T) { crowdCollects(t, dial(t, rigtest.StartRedis(t).Addr, suiteBounds())) })
	t.Run("embedded", func(t *testing.T) { crowdCollects(t, memory.New(suiteBounds(), time.Now)) })
}

func crowdCollects(t *testing.T, s ledger.Store) {
	const total, came = 60, 100
	sale := newSale(t, s, ledger.CreateRequest{Total: total, Hold: time.Minute, Shuffle: 2 * time.Second})
	q := ledger.EnterRequest{}
	for i := range 40 {
		q.Buyers = append(q.Buyers, named(i))
	}
	must[ledger.EnterReply](t)(s.EnterDraw(bg, sale, q))
	time.Sleep(2 * time.Second)
	var mu sync.Mutex
	lots, serials, others := map[ledger.Buyer]ledger.Claim{}, map[uint32]bool{}, uint64(0)
	var all sync.WaitGroup
	for i := range came {
		for k := range 3 {
			all.Go(func() {
				r, err := s.Deduct(bg, sale, ledger.DeductRequest{N: 1, Nonce: uint64(3*i + k + 1), Buyer: named(i), ByLot: true})
				mu.Lock()
				defer mu.Unlock()
				old, again := lots[named(i)]
				switch {
				case err != nil || (r.Answer == ledger.Granted) != (i < 40) ||
					again && old != r.Claim || !again && serials[r.Claim.Serial]:
					t.Errorf("buyer %d: %+v %v, had %+v", i, r, err, old)
				case r.Answer == ledger.Granted:
					lots[named(i)], serials[r.Claim.Serial] = r.Claim, true
				}
			})
		}
		all.Go(func() {
			r, err := s.Lease(bg, sale, ledger.LeaseRequest{Party: ledger.Party{Instance: "i"}, Request: uint64(i + 1), Want: 3,
				Term: time.Minute})
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			others += r.Grant.Ranges.Len()
		})
	}
	all.Wait()
	h := must[ledger.ShowReply](t)(s.Show(bg, sale)).Head
	if len(lots) != 40 || others != total-40 || h.Pending != 40 || h.Free != 0 || h.Lots.Kept != 0 {
		t.Errorf("%d collected, %d leased, %+v", len(lots), others, h)
	}
	if a := must[ledger.Audit](t)(s.Audit(bg, sale)); !a.OK {
		t.Errorf("%+v", a)
	}
}

// A buyer that was told so has entered, on the replica that is promoted in the window, too.
func TestEntriesSurviveAFailOver(t *testing.T) {
	t.Parallel()
	primary := rigtest.StartRedis(t, "--repl-diskless-sync-delay", "0").Addr
	host, port, _ := net.SplitHostPort(primary)
	replica := rigtest.StartRedis(t, "--replicaof", host+" "+port).Addr
	b := ledger.DefaultBounds()
	b.Lease, b.Proof = 100*time.Millisecond, 100*time.Millisecond
	s := dial(t, primary, b)
	online(t, s, 1)
	const open = 4 * time.Second
	sale, begun := newSale(t, s, ledger.CreateRequest{Total: 3, Hold: time.Minute, Shuffle: open}), time.Now()
	for i := range 20 {
		if r := must[ledger.EnterReply](t)(s.EnterDraw(bg, sale,
			ledger.EnterRequest{Buyers: []ledger.Buyer{named(i)}})); !r.Entered || r.Replicas != 1 {
			t.Fatalf("%+v", r)
		}
	}
	ends(t, s, primary)
	s = dial(t, replica, b)
	command("REPLICAOF", "NO", "ONE")(t, s)
	if r := must[ledger.EnterReply](t)(s.EnterDraw(bg, sale,
		ledger.EnterRequest{Buyers: []ledger.Buyer{named(20)}})); !r.Entered || r.Reopens == 0 {
		t.Errorf("%+v", r)
	}
	time.Sleep(time.Until(begun.Add(open)))
	var l ledger.Lots
	for end := time.Now().Add(10 * time.Second); l.Drawn == 0 && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		l = must[ledger.ExpireReply](t)(s.Expire(bg, sale, 1)).Lots
	}
	if l.Entrants != 21 || l.Winners != 3 {
		t.Errorf("%+v", l)
	}
}

// An entry is not acted on before every replica has it.
func TestEntriesWaitForReplicas(t *testing.T) {
	t.Parallel()
	primary := rigtest.StartRedis(t, "--repl-diskless-sync-delay", "0").Addr
	host, port, _ := net.SplitHostPort(primary)
	replica := dial(t, rigtest.StartRedis(t, "--replicaof", host+" "+port, "--enable-debug-command", "local").Addr,
		ledger.DefaultBounds())
	s := dial(t, primary, ledger.DefaultBounds())
	online(t, s, 1)
	sale := newSale(t, s, ledger.CreateRequest{Total: 3, Shuffle: time.Minute})
	q := ledger.EnterRequest{Buyers: []ledger.Buyer{named(1)}}
	must[ledger.EnterReply](t)(s.EnterDraw(bg, sale, q))
	held := make(chan struct{})
	go func() { // it answers nobody meanwhile
		defer close(held)
		replica.client.Do(bg, replica.client.B().Arbitrary("DEBUG", "SLEEP", "1").Build())
	}()
	time.Sleep(100 * time.Millisecond)
	if r, err := s.EnterDraw(bg, sale, q); !errors.Is(err, ledger.ErrReplicas) {
		t.Errorf("%+v %v", r, err)
	}
	<-held
}

// Collecting does not end while the sale is paused. After the pause winners have their whole time again.
func TestPausedLotsOnRedis(t *testing.T) {
	t.Parallel()
	const window = 2 * time.Second // long enough to enter it, and cover to pause, on a busy machine
	b := suiteBounds()
	b.Cover = window
	s := dial(t, rigtest.StartRedis(t).Addr, b)
	sale := newSale(t, s, ledger.CreateRequest{Total: 3, Shuffle: window})
	must[ledger.EnterReply](t)(s.EnterDraw(bg, sale, ledger.EnterRequest{Buyers: []ledger.Buyer{named(1)}}))
	time.Sleep(window)
	must[ledger.Head](t)(s.Change(bg, sale, ledger.ChangeRequest{To: "paused"}))
	time.Sleep(b.Cover + 50*time.Millisecond)
	if r := must[ledger.ExpireReply](t)(s.Expire(bg, sale, 1)); r.Lots.Kept != 1 {
		t.Errorf("paused: %+v", r)
	}
	if h := must[ledger.Head](t)(s.Change(bg, sale, ledger.ChangeRequest{To: "open"})); h.Lots.Kept != 1 {
		t.Errorf("open again: %+v", h)
	}
	if r := must[ledger.DeductReply](t)(s.Deduct(bg, sale, ledger.DeductRequest{N: 1, Nonce: 1, Buyer: named(1),
		ByLot: true})); r.Answer != ledger.Granted {
		t.Errorf("%+v", r)
	}
}

func TestRemoveForgetsLots(t *testing.T) {
	t.Parallel()
	const window = 2 * time.Second
	b := suiteBounds()
	b.Cover = time.Minute
	s := dial(t, rigtest.StartRedis(t).Addr, b)
	sale := newSale(t, s, ledger.CreateRequest{Total: 3, Shuffle: window})
	must[ledger.EnterReply](t)(s.EnterDraw(bg, sale, ledger.EnterRequest{Buyers: []ledger.Buyer{named(1)}}))
	time.Sleep(window)
	if r := must[ledger.DeductReply](t)(s.Deduct(bg, sale, ledger.DeductRequest{N: 1, Nonce: 1, Buyer: named(1),
		ByLot: true})); r.Answer != ledger.Granted {
		t.Fatalf("%+v", r)
	}
	if err := s.Remove(bg, sale); err != nil {
		t.Fatal(err)
	}
	if left := must[[]string](t)(s.client.Do(bg, s.client.B().Keys().Pattern("*"+sale+"*").Build()).AsStrSlice()); len(left) != 0 {
		t.Errorf("left: %q", left)
	}
}

// BenchmarkEnter is the cost of an entry for Redis, by the number of entries in a call.
func BenchmarkEnter(b *testing.B) {
	s := dial(b, rigtest.StartRedis(b).Addr, ledger.DefaultBounds())
	for _, batch := range []int{1, 10, 100, ledger.MaxEntering} {
		b.Run(num(batch), func(b *testing.B) {
			sale := "b" + num(time.Now().UnixNano())
			if _, err := s.Create(bg, sale, ledger.CreateRequest{Total: 10_000, Shuffle: time.Hour}); err != nil {
				b.Fatal(err)
			}
			defer func() { _ = s.Remove(context.Background(), sale) }()
			q, n := ledger.EnterRequest{Buyers: make([]ledger.Buyer, batch)}, uint32(0)
			for b.Loop() {
				for i := range q.Buyers {
					n++
					q.Buyers[i] = ledger.Buyer{byte(n * 7), byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n), 1}
				}
				if _, err := s.EnterDraw(bg, sale, q); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/buyer")
		})
	}
}
