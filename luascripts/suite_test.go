package luascripts

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"spike/luascripts/ledger"
	"spike/luascripts/memory"
)

// Keys, streams and news are alike in both stores. The oracle compares all else.

func TestEmbeddedStore(t *testing.T) {
	e := memory.New(suiteBounds(), time.Now)
	e.KeepEvents()
	testStore(t, e)
}

// suiteBounds let ledger time pass as the clock does.
func suiteBounds() ledger.Bounds {
	b := ledger.DefaultBounds()
	b.Step = time.Minute
	return b
}

func testStore(t *testing.T, s ledger.Store) {
	for name, test := range map[string]func(*testing.T, ledger.Store){
		"keys": testKeys, "deduct each": testDeductEach, "stream": testStream, "take over": testTakeOver,
		"two groups": testTwoGroups, "news": testNews,
		"revival": testRevival, "revision": testRevision,
		"stored": testStored, "late": testLate, "offers": testOffers, "limit": testLimit, "overtaken": testOvertaken,
		"whole": testWhole, "groups": testGroups, "events stored": testEventsStored, "refused (A7)": testRefused,
		"beats": testBeats, "journal": testJournal,
	} {
		t.Run(name, func(t *testing.T) { test(t, s) })
	}
}

var bg = context.Background()

func must[R any](t testing.TB) func(R, error) R {
	return func(r R, err error) R {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
}

// newSale is an open sale of its own.
func newSale(t *testing.T, s ledger.Store, q ledger.CreateRequest) string {
	t.Helper()
	name := "s" + time.Now().Format("150405.000000000")
	must[ledger.Head](t)(s.Create(bg, name, q))
	t.Cleanup(func() { _ = s.Remove(bg, name) })
	return name
}

func buyOne(t *testing.T, s ledger.Store, sale string, nonce uint64) ledger.DeductReply {
	t.Helper()
	r := must[ledger.DeductReply](t)(s.Deduct(bg, sale, ledger.DeductRequest{N: 1, Nonce: nonce}))
	if r.Answer != ledger.Granted {
		t.Fatalf("%+v", r)
	}
	return r
}

func testKeys(t *testing.T, s ledger.Store) {
	sale := newSale(t, s, ledger.CreateRequest{Total: 3, Hold: time.Minute})
	other := newSale(t, s, ledger.CreateRequest{Total: 3, Hold: time.Minute})
	key := ledger.IdempotencyKey{1}
	buy := func(sale string, n uint32, nonce uint64) ledger.DeductReply {
		return must[ledger.DeductReply](t)(s.Deduct(bg, sale, ledger.DeductRequest{N: n, Nonce: nonce, Key: key}))
	}
	first, again := buy(sale, 1, 7), buy(sale, 1, 8)
	if first.Claim != again.Claim || first.Until != again.Until || again.Pending != 1 {
		t.Errorf("first %+v\nagain %+v", first, again)
	}
	if r := buy(sale, 2, 9); r.Answer != ledger.KeyUsed || r.Pending != 1 {
		t.Errorf("another number: %+v", r)
	}
	if r := buy(other, 2, 10); r.Answer != ledger.Granted || r.Pending != 2 {
		t.Errorf("another sale: %+v", r)
	}
}

// Each buy of a call is decided by itself, and sees what the buys before it got.
func testDeductEach(t *testing.T, s ledger.Store) {
	sale := newSale(t, s, ledger.CreateRequest{Total: 7, Hold: time.Minute, Limit: 2})
	qs := []ledger.DeductRequest{
		{N: 1, Buyer: ledger.Buyer{1}, Key: ledger.IdempotencyKey{1}},
		{N: 1, Buyer: ledger.Buyer{1}, Key: ledger.IdempotencyKey{1}}, // again
		{N: 2, Buyer: ledger.Buyer{1}, Key: ledger.IdempotencyKey{1}}, // for another number
		{N: 1, Buyer: ledger.Buyer{}},                                 // nobody
		{N: 1, Buyer: ledger.Buyer{1}},
		{N: 1, Buyer: ledger.Buyer{1}}, // too many
		{N: ledger.MaxUnits + 1, Buyer: ledger.Buyer{2}},
		{N: 2, Buyer: ledger.Buyer{2}},
		{N: 2, Buyer: ledger.Buyer{3}},
		{N: 2, Buyer: ledger.Buyer{4}}, // one is left
		{N: 1, Buyer: ledger.Buyer{4}},
		{N: 1, Buyer: ledger.Buyer{5}},
	}
	for k := range qs {
		qs[k].Nonce = uint64(k + 1)
	}
	out := must[[]ledger.Deducted](t)(s.DeductEach(bg, sale, qs))
	text := ""
	for _, d := range out {
		switch {
		case errors.Is(d.Err, ledger.ErrNoBuyer):
			text += "nobody, "
		case errors.Is(d.Err, ledger.ErrTooMany):
			text += "units, "
		case d.Err != nil:
			t.Error(d.Err)
		default:
			text += fmt.Sprintf("%s %d+%d, ", [...]string{"none", "had", "over", "used"}[d.Answer], d.Claim.Serial, d.Claim.Count)
		}
	}
	want := "had 1+1, had 1+1, used 0+0, nobody, had 2+1, over 1+1, units, had 3+2, had 5+2, none 0+0, had 7+1, none 0+0, "
	if text != want {
		t.Errorf("%s\nwant %s", text, want)
	}
	if h := out[0].Head; h.Pending != 7 || h.Free != 0 || out[0].Claim != out[1].Claim || out[4].Claim.Fence <= out[0].Claim.Fence {
		t.Errorf("%+v", out)
	}
	if a := must[ledger.Audit](t)(s.Audit(bg, sale)); !a.OK {
		t.Errorf("%+v", a)
	}
}

func testStream(t *testing.T, s ledger.Store) {
	sale := newSale(t, s, ledger.CreateRequest{Total: 9, Hold: time.Minute})
	a, b := ledger.Group{Name: ledger.OrdersGroup, Consumer: "a"}, ledger.Group{Name: ledger.OrdersGroup, Consumer: "b"}
	if got := must[[]ledger.Event](t)(s.ReadEvents(bg, sale, a, 10)); len(got) != 0 {
		t.Fatalf("%+v", got)
	}
	first := buyOne(t, s, sale, 1)
	buyOne(t, s, sale, 2)
	must[ledger.ReservationReply](t)(s.Confirm(bg, sale, first.Birth, first.Claim))
	must[ledger.ReservationReply](t)(s.Confirm(bg, sale, first.Birth, first.Claim)) // no change, no event
	one := must[[]ledger.Event](t)(s.ReadEvents(bg, sale, a, 1))
	if len(one) != 1 || one[0].Kind != ledger.Reserved || one[0].Number != 1 || len(one[0].Claims) != 1 ||
		one[0].Claims[0] != first.Claim ||
		one[0].Birth != first.Birth {
		t.Fatalf("%+v", one)
	}
	if l := must[ledger.Lag](t)(s.EventLag(bg, sale, a)); l.Unread != 2 || l.Pending != 1 || l.Oldest <= 0 {
		t.Errorf("%+v", l)
	}
	rest := must[[]ledger.Event](t)(s.ReadEvents(bg, sale, b, 10))
	if len(rest) != 2 || rest[1].Kind != ledger.Confirmed || rest[1].Claims[0] != first.Claim {
		t.Fatalf("%+v", rest)
	}
	for _, events := range [][]ledger.Event{one, rest} {
		for _, e := range events {
			if err := s.AckEvents(bg, sale, a, []string{e.ID}); err != nil { // by whichever consumer
				t.Fatal(err)
			}
		}
	}
	if l := must[ledger.Lag](t)(s.EventLag(bg, sale, a)); l != (ledger.Lag{}) {
		t.Errorf("%+v", l)
	}
	if err := s.TrimEvents(bg, sale); err != nil {
		t.Error(err)
	}
	if _, err := s.ReadEvents(bg, "nothere", a, 1); err != nil && !errors.Is(err, ledger.ErrNoSale) {
		t.Error(err)
	}
}

func testTakeOver(t *testing.T, s ledger.Store) {
	sale := newSale(t, s, ledger.CreateRequest{Total: 9, Hold: time.Minute})
	dead, heir := ledger.Group{Name: ledger.OrdersGroup, Consumer: "dead"}, ledger.Group{Name: ledger.OrdersGroup, Consumer: "heir"}
	if got := must[[]ledger.Event](t)(s.TakeOver(bg, sale, heir, 0, 10)); len(got) != 0 {
		t.Fatalf("%+v", got)
	}
	buyOne(t, s, sale, 1)
	buyOne(t, s, sale, 2)
	held := must[[]ledger.Event](t)(s.ReadEvents(bg, sale, dead, 10))
	if got := must[[]ledger.Event](t)(s.TakeOver(bg, sale, heir, time.Hour, 10)); len(got) != 0 {
		t.Errorf("too soon: %+v", got)
	}
	time.Sleep(5 * time.Millisecond)
	got := must[[]ledger.Event](t)(s.TakeOver(bg, sale, heir, time.Millisecond, 1))
	if len(held) != 2 || len(got) != 1 || got[0].ID != held[0].ID {
		t.Errorf("%+v of %+v", got, held)
	}
}

// The stream is trimmed only up to what every group has stored.
func testTwoGroups(t *testing.T, s ledger.Store) {
	sale := newSale(t, s, ledger.CreateRequest{Total: 1000, Hold: time.Minute})
	fast, slow := ledger.Group{Name: ledger.OrdersGroup, Consumer: "a"}, ledger.Group{Name: "auditors", Consumer: "b"}
	buyOne(t, s, sale, 1)
	held := must[[]ledger.Event](t)(s.ReadEvents(bg, sale, slow, 1))
	for n := range uint64(500) {
		buyOne(t, s, sale, n+2)
	}
	for _, e := range must[[]ledger.Event](t)(s.ReadEvents(bg, sale, fast, 1000)) {
		if err := s.AckEvents(bg, sale, fast, []string{e.ID}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.TrimEvents(bg, sale); err != nil {
		t.Fatal(err)
	}
	if got := must[[]ledger.Event](t)(s.TakeOver(bg, sale, slow, 0, 10)); len(got) != 1 || got[0].Number != held[0].Number {
		t.Errorf("%+v, of %+v", got, held)
	}
	if got := must[[]ledger.Event](t)(s.ReadEvents(bg, sale, slow, 1000)); len(got) != 500 || got[0].Number != 2 {
		t.Errorf("%d events", len(got))
	}
}

func testNews(t *testing.T, s ledger.Store) {
	sale := newSale(t, s, ledger.CreateRequest{Total: 1, Hold: time.Minute})
	ctx, stop := context.WithCancel(bg)
	heard := make(chan ledger.State, 100)
	listening := make(chan struct{}, 100)
	var done sync.WaitGroup
	done.Go(func() {
		s.News(ctx, func(name string, door ledger.State) {
			if name == sale {
				heard <- door
			}
		}, func() { listening <- struct{}{} })
	})
	defer done.Wait()
	defer stop()
	<-listening
	next := func(want ledger.State) {
		t.Helper()
		select {
		case door := <-heard:
			if door != want {
				t.Errorf("%v, want %v", door, want)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("no news")
		}
	}
	won := buyOne(t, s, sale, 1)
	next(ledger.Open) // it was the last one
	must[ledger.ReservationReply](t)(s.Cancel(bg, sale, won.Birth, won.Claim))
	next(ledger.Open)
	must[ledger.Head](t)(s.Change(bg, sale, ledger.ChangeRequest{To: "paused"}))
	next(ledger.Paused)
	must[ledger.Head](t)(s.Change(bg, sale, ledger.ChangeRequest{To: "open"}))
	next(ledger.Open)
	leaseAll(t, s, sale) // neither the last unit nor the first: who leases can sell
	must[ledger.Head](t)(s.Change(bg, sale, ledger.ChangeRequest{Request: "a", Add: 1}))
	next(ledger.Open)
	if err := s.Remove(bg, sale); err != nil {
		t.Fatal(err)
	}
	next(ledger.Closed)
	must[ledger.Head](t)(s.Create(bg, sale, ledger.CreateRequest{Total: 1}))
	next(ledger.Open)
	if len(heard) > 0 {
		t.Errorf("%d more", len(heard))
	}
}

// A revision changes with every write, and with nothing else.
func testRevision(t *testing.T, s ledger.Store) {
	sale := newSale(t, s, ledger.CreateRequest{Total: 3, Hold: time.Minute})
	mark := must[string](t)(s.Revision(bg, sale))
	same := func(want bool) {
		t.Helper()
		was := mark
		if mark = must[string](t)(s.Revision(bg, sale)); (mark == was) != want {
			t.Errorf("%s, then %s", was, mark)
		}
	}
	must[ledger.ShowReply](t)(s.Show(bg, sale))
	must[ledger.Audit](t)(s.Audit(bg, sale))
	same(true)
	got := buyOne(t, s, sale, 1)
	same(false)
	must[ledger.ReservationReply](t)(s.Reservation(bg, sale, got.Birth, got.Claim))
	same(true)
	must[ledger.ReservationReply](t)(s.Cancel(bg, sale, got.Birth, got.Claim))
	same(false)
	leaseAll(t, s, sale)
	same(false)
	must[ledger.Head](t)(s.Change(bg, sale, ledger.ChangeRequest{To: "paused"}))
	same(false)
	must[ledger.ExpireReply](t)(s.Expire(bg, sale, 1))
	same(false)
	if err := s.Remove(bg, sale); err != nil {
		t.Fatal(err)
	}
	must[ledger.Head](t)(s.Create(bg, sale, ledger.CreateRequest{Total: 3, Hold: time.Minute}))
	same(false)
}

// A listener hears when the first unit comes that somebody may sell, even if no unit went free: a lease was revived.
func testRevival(t *testing.T, s ledger.Store) {
	sale := newSale(t, s, ledger.CreateRequest{Total: 1, Hold: time.Minute})
	got := must[ledger.LeaseReply](t)(s.Lease(bg, sale, ledger.LeaseRequest{Party: ledger.Party{Instance: "i"}, Request: 1,
		Want: 1, Term: 10 * time.Millisecond}))
	time.Sleep(suiteBounds().Margin + 20*time.Millisecond)
	ctx, stop := context.WithCancel(bg)
	listening, heard, ended := make(chan struct{}), make(chan ledger.State, 9), make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		s.Listen(ctx, ledger.Listener{Begin: func() { close(listening) }, News: func(name string, d ledger.State) {
			if name == sale {
				heard <- d
			}
		}, End: func() { close(ended) }, Fails: func(error) {}})
	})
	<-listening
	if r := must[ledger.ExpireReply](t)(s.Expire(bg, sale, 9)); r.Limbo != 1 {
		t.Fatalf("%+v", r)
	}
	<-heard // nobody may sell it
	q := ledger.RenewRequest{Party: ledger.Party{Instance: "i"}, Awaited: 2, Term: time.Second, Fences: []uint64{got.Grant.Fence}}
	if r := must[ledger.RenewReply](t)(s.Renew(bg, sale, q)); r.Leased != 1 {
		t.Fatalf("%+v", r)
	}
	select {
	case <-heard:
	case <-time.After(5 * time.Second):
		t.Error("no news of a lease revived")
	}
	stop()
	<-ended
	done.Wait()
}

func testStored(t *testing.T, s ledger.Store) {
	sale := newSale(t, s, ledger.CreateRequest{Total: 9, Hold: time.Minute})
	g := ledger.Group{Name: ledger.OrdersGroup, Consumer: "a"}
	first, second := buyOne(t, s, sale, 1), buyOne(t, s, sale, 2)
	stored := func(r ledger.DeductReply) bool {
		t.Helper()
		return must[ledger.ReservationReply](t)(s.Reservation(bg, sale, r.Birth, r.Claim)).Stored
	}
	if stored(first) {
		t.Error("nobody has stored anything")
	}
	events := must[[]ledger.Event](t)(s.ReadEvents(bg, sale, g, 1))
	if stored(first) {
		t.Error("read is not stored")
	}
	if err := s.AckEvents(bg, sale, g, []string{events[0].ID}); err != nil {
		t.Fatal(err)
	}
	if !stored(first) || stored(second) {
		t.Error("the first is stored, the second is not")
	}
	must[ledger.ReservationReply](t)(s.Confirm(bg, sale, first.Birth, first.Claim))
	if stored(first) {
		t.Error("its confirmation is not")
	}
}

// A call after its latest time does nothing.
func testLate(t *testing.T, s ledger.Store) {
	sale := newSale(t, s, ledger.CreateRequest{Total: 9, Hold: time.Minute})
	_, err := s.Deduct(bg, sale, ledger.DeductRequest{N: 1, Nonce: 1, Latest: time.Now().Add(-time.Minute).UnixMicro()})
	if !errors.Is(err, ledger.ErrLate) {
		t.Error(err)
	}
}

// leaseAll leases what there is.
func leaseAll(t *testing.T, s ledger.Store, sale string) (got ledger.LeaseReply) {
	t.Helper()
	got = must[ledger.LeaseReply](t)(s.Lease(bg, sale, ledger.LeaseRequest{Party: ledger.Party{Instance: "i", Node: "n"},
		Request: 1, Want: 100,
		Term: time.Minute}))
	if got.Grant.Fence == 0 {
		t.Fatalf("%+v", got)
	}
	return got
}

// claimOn is a claim on the nth unit of a grant.
func claimOn(got ledger.LeaseReply, nth uint32) ledger.Claim {
	return ledger.Claim{Serial: got.Grant.Ranges[0].Start + nth, Count: 1, Fence: got.Grant.Fence, Nonce: uint64(nth) + 1,
		Expiry: got.Now + time.Minute.Microseconds()}
}

// An offer that is sent twice is bought once, and stays bought. An offer that its key does not need goes free.
func testOffers(t *testing.T, s ledger.Store) {
	sale := newSale(t, s, ledger.CreateRequest{Total: 10, Hold: time.Minute})
	got := leaseAll(t, s, sale)
	q := ledger.DeductRequest{N: 1, Nonce: 1, Key: ledger.IdempotencyKey{9}, Offer: claimOn(got, 0)}
	for range 2 {
		r := must[ledger.DeductReply](t)(s.Deduct(bg, sale, q))
		if r.Answer != ledger.Granted || r.Claim != q.Offer || r.Pending != 1 {
			t.Fatalf("%+v", r)
		}
	}
	if r := must[ledger.ReservationReply](t)(s.Reservation(bg, sale, got.Birth, q.Offer)); r.Life != ledger.IsPending {
		t.Errorf("%+v", r)
	}
	first := q.Offer
	q.Offer = claimOn(got, 1)
	r := must[ledger.DeductReply](t)(s.Deduct(bg, sale, q))
	if r.Answer != ledger.Granted || r.Claim != first || r.Pending != 1 {
		t.Errorf("%+v", r)
	}
	settled := must[ledger.SettleReply](t)(s.Settle(bg, sale, ledger.SettleRequest{Party: ledger.Party{Instance: "i"}, Batch: 1,
		Claims: []ledger.Claim{first, q.Offer}}))
	// The second claim was the buyer's, and its unit went back.
	if settled.Pending != 1 || settled.Verdicts[0] != ledger.Kept || settled.Verdicts[1] != ledger.Kept {
		t.Errorf("%+v", settled)
	}
}

// A hold that is over no longer counts for the limit, swept or not.
func testLimit(t *testing.T, s ledger.Store) {
	sale := newSale(t, s, ledger.CreateRequest{Total: 2000, Hold: 2 * time.Second, Limit: 1})
	buy := func(buyer byte, key ledger.IdempotencyKey) ledger.DeductReply {
		t.Helper()
		return must[ledger.DeductReply](t)(s.Deduct(bg, sale, ledger.DeductRequest{N: 1, Nonce: uint64(buyer),
			Buyer: ledger.Buyer{buyer}, Key: key}))
	}
	for buyer := range byte(200) { // more than a sweep looks at
		if r := buy(buyer+1, ledger.IdempotencyKey{}); r.Answer != ledger.Granted {
			t.Fatalf("%+v", r)
		}
	}
	mine := buy(1, ledger.IdempotencyKey{})
	if mine.Answer != ledger.OverLimit || mine.Claim.Serial == 0 || mine.Claim.Buyer != (ledger.Buyer{1}) {
		t.Errorf("%+v", mine)
	}
	time.Sleep(2100 * time.Millisecond)
	if r := buy(200, ledger.IdempotencyKey{7}); r.Answer != ledger.Granted {
		t.Errorf("%+v", r)
	}
	if a := must[ledger.Audit](t)(s.Audit(bg, sale)); !a.OK {
		t.Errorf("%+v", a)
	}
}

// A claim that was cancelled before its settle was the buyer's, even if its unit has another owner by now.
func testOvertaken(t *testing.T, s ledger.Store) {
	sale := newSale(t, s, ledger.CreateRequest{Total: 2, Hold: time.Minute})
	got := leaseAll(t, s, sale)
	c := claimOn(got, 0)
	if r := must[ledger.ReservationReply](t)(s.Cancel(bg, sale, got.Birth, c)); r.Life != ledger.IsCancelled {
		t.Fatalf("%+v", r)
	}
	buyOne(t, s, sale, 7)
	buyOne(t, s, sale, 8)
	r := must[ledger.SettleReply](t)(s.Settle(bg, sale, ledger.SettleRequest{Party: ledger.Party{Instance: "i"}, Batch: 1,
		Claims: []ledger.Claim{c}}))
	if r.Verdicts[0] != ledger.Kept || r.Pending != 2 {
		t.Errorf("%+v", r)
	}
}

// A reservation of several units is over as a whole, in one event, even if its units are in groups of their own since they
// were looked at before their time.
func testWhole(t *testing.T, s ledger.Store) {
	sale := newSale(t, s, ledger.CreateRequest{Total: 8, Hold: 200 * time.Millisecond})
	var first []ledger.DeductReply
	for nonce := range uint64(3) {
		first = append(first, buyOne(t, s, sale, nonce+1)) // serials 1, 2, 3: a group each
	}
	for _, r := range first {
		must[ledger.ReservationReply](t)(s.Cancel(bg, sale, r.Birth, r.Claim))
	}
	got := leaseAll(t, s, sale)
	three, one := claimOn(got, 0), claimOn(got, 3)
	three.Count, three.Expiry, one.Expiry = 3, got.Now+700_000, got.Now+760_000
	must[ledger.SettleReply](t)(s.Settle(bg, sale, ledger.SettleRequest{Party: ledger.Party{Instance: "i"}, Batch: 1,
		Claims: []ledger.Claim{three, one}}))
	time.Sleep(300 * time.Millisecond)
	r := must[ledger.ExpireReply](t)(s.Expire(bg, sale, 100)) // each of the three goes back into HOLDS
	if r.Freed != 0 && r.Now < three.Expiry {
		t.Fatalf("%+v", r)
	}
	for ; r.Freed == 0; r = must[ledger.ExpireReply](t)(s.Expire(bg, sale, 1)) {
		time.Sleep(20 * time.Millisecond)
	}
	if r.Freed < 3 || r.Freed > 3 && r.Now < one.Expiry {
		t.Errorf("%d of 3 units", r.Freed)
	}
	events := must[[]ledger.Event](t)(s.ReadEvents(bg, sale, ledger.Group{Name: ledger.OrdersGroup, Consumer: "a"}, 100))
	if last := events[len(events)-1]; last.Kind != ledger.Expired || len(last.Claims) != 1 || last.Claims[0] != three {
		t.Errorf("%+v", last)
	}
}
