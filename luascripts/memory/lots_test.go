package memory

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"spike/luascripts/ledger"
)

const (
	testSeed = "000102030405060708090a0b0c0d0e0f"
)

// hall is a sale whose first units go by lot, on the twin. The oracle shows that the scripts do the same.
type hall struct {
	t   *testing.T
	tw  *Twin
	now int64
}

func newHall(t *testing.T, q ledger.CreateRequest) *hall {
	q.Shuffle, q.Seed = window, testSeed
	h := &hall{t: t, now: 1_800_000_000_000_000}
	h.tw = NewTwinOn(Node{Era: 1, Run: 1}, h.now, q, ledger.DefaultBounds())
	return h
}

// pass lets time pass in steps that ledger time follows.
func (h *hall) pass(d time.Duration) ledger.Head {
	for end := h.now + d.Microseconds(); h.now < end; {
		h.now = min(end, h.now+ledger.DefaultBounds().Step.Microseconds())
		must[ledger.ExpireReply](h.t)(h.tw.Expire(h.now, 1))
	}
	return h.tw.Last()
}

func (h *hall) enter(from, to int) ledger.EnterReply {
	q := ledger.EnterRequest{}
	for i := from; i <= to; i++ {
		q.Buyers = append(q.Buyers, named(i))
	}
	return must[ledger.EnterReply](h.t)(h.tw.EnterDraw(h.now, q))
}

func (h *hall) deduct(q ledger.DeductRequest) ledger.DeductReply {
	q.N, q.Nonce = max(q.N, 1), uint64(h.now)
	return must[ledger.DeductReply](h.t)(h.tw.Deduct(h.now, q))
}

func (h *hall) collect(i int) ledger.DeductReply {
	return h.deduct(ledger.DeductRequest{Buyer: named(i), ByLot: true})
}

func (h *hall) lease(want uint64) uint64 {
	r := must[ledger.LeaseReply](h.t)(h.tw.Lease(h.now, ledger.LeaseRequest{Party: ledger.Party{Instance: "i"},
		Request: uint64(h.now), Want: want, Term: time.Hour}))
	return r.Grant.Ranges.Len()
}

// order is the buyers from 1 on in the order of their lots, by the published rule.
func (h *hall) order(to int) (list []int) {
	for i := 1; i <= to; i++ {
		list = append(list, i)
	}
	lot := func(i int) string {
		b := named(i)
		sum := sha1.Sum(fmt.Appendf(nil, "%s:%d:%s", testSeed, h.tw.head.Birth, b[:]))
		return hex.EncodeToString(sum[:])[:13]
	}
	slices.SortFunc(list, func(a, b int) int { return strings.Compare(lot(a), lot(b)) })
	return list
}

func (h *hall) audit() {
	h.t.Helper()
	if a := h.tw.Audit("s"); !a.OK {
		h.t.Errorf("%+v", a)
	}
}

func TestNothingIsSoldBeforeTheDraw(t *testing.T) {
	h := newHall(t, ledger.CreateRequest{Total: 10, Hold: time.Minute})
	if r := h.enter(1, 30); !r.Entered || r.State != ledger.Drawing {
		t.Fatalf("%+v", r)
	}
	h.pass(window - time.Microsecond)
	if got := h.lease(5); got != 0 {
		t.Errorf("%d leased", got)
	}
	a, b := h.deduct(ledger.DeductRequest{Buyer: named(1)}), h.collect(1)
	if a.Answer != ledger.Unavailable || b.Answer != ledger.Unavailable {
		t.Errorf("%+v %+v", a, b)
	}
	if r := h.enter(1, 40); !r.Entered { // thirty repeat their entry, and ten are new
		t.Errorf("%+v", r)
	}
	gen := h.tw.head.Gen
	h.pass(time.Microsecond)
	if l := h.tw.Last(); l.State != ledger.Open || l.Lots.Entrants != 40 || l.Lots.Winners != 10 || l.Lots.Kept != 10 ||
		l.Gen == gen || l.Final() {
		t.Errorf("%+v", l)
	}
	if r := h.enter(41, 41); r.Entered || r.State != ledger.Open {
		t.Errorf("late: %+v", r)
	}
	h.audit()
}

// A look at a server that has lost history writes nothing: the window stays as it was known.
func TestP17ALookEndsNoWindow(t *testing.T) {
	h := newHall(t, ledger.CreateRequest{Total: 10, Hold: time.Minute})
	h.enter(1, 3)
	h.tw.On(Node{Era: 2, Run: 2, Fed: NeverFed})
	if r := h.tw.Show(h.now); r.Reopens == 0 {
		t.Fatalf("nothing was lost: %+v", r)
	}
	h.tw.On(Node{Era: 1, Run: 1})
	h.now += time.Hour.Microseconds()
	if r := must[ledger.ExpireReply](t)(h.tw.Expire(h.now, 1)); r.Lots.Drawn != 0 {
		t.Errorf("drawn by the clock alone: %+v", r)
	}
}

// TestP17JumpsDrawNoSooner: a jump of the clock does not end the window, whether the jump is for a while, for good, or before
// the window opens.
func TestP17JumpsDrawNoSooner(t *testing.T) {
	hour := time.Hour.Microseconds()
	for _, c := range []struct {
		name        string
		opens       time.Duration // from now
		from, until time.Duration // the clock is an hour ahead in between
	}{
		{"for a while", 0, time.Second, 2500 * time.Millisecond}, {"for good", 0, time.Second, time.Hour},
		{"from the first look on", 0, 0, time.Hour}, {"before it opens", 2 * time.Second, time.Second, 1500 * time.Millisecond},
		{"as it opens", 2 * time.Second, time.Second, 3 * time.Second},
	} {
		q := ledger.CreateRequest{Total: 10, Hold: time.Minute}
		if c.opens > 0 {
			q.Opens = time.UnixMicro(1_800_000_000_000_000 + c.opens.Microseconds())
		}
		h := newHall(t, q)
		step := 100 * time.Millisecond
		for past := step; past < c.opens+window-2*ledger.DefaultBounds().Step; past += step {
			h.now += step.Microseconds()
			ahead := past >= c.from && past < c.until
			raw := h.now
			if ahead {
				raw += hour
			}
			r := must[ledger.EnterReply](t)(h.tw.EnterDraw(raw, ledger.EnterRequest{Buyers: []ledger.Buyer{named(int(past / step))}}))
			if r.Lots.Drawn != 0 || r.Entered != (r.State == ledger.Drawing) || r.Entered != (past >= c.opens || ahead) {
				t.Fatalf("%s: after %v: %+v", c.name, past, r)
			}
		}
		if c.until > window { // the clock stays an hour ahead
			h.now += hour
		}
		if l := h.pass(2*ledger.DefaultBounds().Step + time.Second); l.Lots.Drawn == 0 {
			t.Errorf("%s: no draw: %+v", c.name, l)
		}
		h.audit()
	}
}

func TestWinnersCollect(t *testing.T) {
	h := newHall(t, ledger.CreateRequest{Total: 10, Hold: time.Minute})
	h.enter(1, 40)
	h.pass(window)
	serials := map[uint32]bool{}
	for rank, i := range slices.Backward(h.order(40)) { // losers first: they may not have what is kept
		first := h.collect(i)
		if won := rank < 10; won != (first.Answer == ledger.Granted) || first.MayHaveLot(named(i)) != won {
			t.Fatalf("rank %d: %+v", rank, first)
		}
		h.pass(time.Second / 10)
		if again := h.collect(i); again.Claim != first.Claim || again.Answer != first.Answer {
			t.Errorf("rank %d: %+v, then %+v", rank, first.Claim, again.Claim)
		}
		if first.Answer == ledger.Granted {
			serials[first.Claim.Serial] = true
		}
	}
	if l := h.tw.Last(); len(serials) != 10 || l.Pending != 10 || l.Free != 0 || l.Lots.Kept != 0 {
		t.Errorf("%v %+v", serials, l)
	}
	if r := h.collect(99); r.Answer != ledger.Unavailable { // 99 has not entered
		t.Errorf("%+v", r)
	}
	h.audit()
}

// Other buyers get the units that are not kept, from leases and from the ledger, and not one unit more.
func TestKeptUnitsAreKept(t *testing.T) {
	h := newHall(t, ledger.CreateRequest{Total: 20, Hold: time.Minute})
	h.enter(1, 8)
	h.pass(window)
	if r := h.deduct(ledger.DeductRequest{Buyer: named(99), N: 13}); r.Answer != ledger.Unavailable {
		t.Errorf("%+v", r)
	}
	if r := h.deduct(ledger.DeductRequest{Buyer: named(99), N: 2}); r.Answer != ledger.Granted {
		t.Errorf("%+v", r)
	}
	leased := uint64(0)
	for range 20 {
		leased += h.lease(100)
		h.now++
	}
	if r := h.deduct(ledger.DeductRequest{Buyer: named(99)}); leased != 10 ||
		r.Answer != ledger.Unavailable || r.Free != 8 || r.Unkept() != 0 || r.Final() {
		t.Errorf("%d leased, %+v", leased, r)
	}
	h.audit()
	for i := 1; i <= 8; i++ {
		if r := h.collect(i); r.Answer != ledger.Granted {
			t.Errorf("%d: %+v", i, r)
		}
	}
	h.audit()
}

func TestUncollectedUnitsGoToWhoeverComes(t *testing.T) {
	for _, hold := range []time.Duration{0, 20 * time.Second} {
		h := newHall(t, ledger.CreateRequest{Total: 3, Hold: hold})
		h.enter(1, 5)
		h.pass(window)
		before := h.pass(time.Duration(h.tw.covered()-1) * time.Microsecond)
		if r := h.deduct(ledger.DeductRequest{Buyer: named(99)}); r.Answer != ledger.Unavailable || r.Lots.Kept != 3 {
			t.Fatalf("hold %v: %+v", hold, r)
		}
		after := h.pass(time.Microsecond)
		if after.Lots.Kept != 0 || after.Gen == before.Gen {
			t.Errorf("hold %v: %+v", hold, after)
		}
		if r := h.collect(h.order(5)[0]); r.Answer != ledger.Unavailable {
			t.Errorf("hold %v: collected too late: %+v", hold, r)
		}
		if r := h.deduct(ledger.DeductRequest{Buyer: named(99)}); r.Answer != ledger.Granted {
			t.Errorf("hold %v: %+v", hold, r)
		}
		h.audit()
	}
}

// A collected unit whose hold ends, or that is cancelled, is free like any other. Its lot is used up.
func TestCollectedUnitsLiveAsOthers(t *testing.T) {
	h := newHall(t, ledger.CreateRequest{Total: 2, Hold: time.Minute})
	h.enter(1, 2)
	h.pass(window)
	a, b := h.collect(1), h.collect(2)
	must[ledger.ReservationReply](t)(h.tw.Cancel(h.now, 0, a.Claim))
	must[ledger.ReservationReply](t)(h.tw.Confirm(h.now, 0, b.Claim))
	if r := h.deduct(ledger.DeductRequest{Buyer: named(3)}); r.Answer != ledger.Granted || r.Claim.Serial != a.Claim.Serial {
		t.Errorf("%+v", r)
	}
	for i, was := range []ledger.Claim{a.Claim, b.Claim} {
		if r := h.collect(i + 1); r.Answer != ledger.Unavailable {
			t.Errorf("who buys again would hear of what is over: %+v", r)
		}
		if r := h.deduct(ledger.DeductRequest{Buyer: named(i + 1), ByLot: true, Ever: true}); r.Claim != was {
			t.Errorf("who asks what became of it: %+v", r)
		}
	}
	h.audit()
}

// A key is for one buy. Only a buy without a key is answered with the unit that its buyer has collected.
func TestKeysAreNotToldWhatWasCollected(t *testing.T) {
	h := newHall(t, ledger.CreateRequest{Total: 3, Hold: time.Minute})
	h.enter(1, 2)
	h.pass(window)
	first := h.deduct(ledger.DeductRequest{Buyer: named(1), ByLot: true, Key: ledger.IdempotencyKey{1}})
	if r := h.deduct(ledger.DeductRequest{Buyer: named(1), ByLot: true,
		Key: ledger.IdempotencyKey{1}}); first.Answer != ledger.Granted || r.Claim != first.Claim {
		t.Errorf("%+v", r)
	}
	if r := h.deduct(ledger.DeductRequest{Buyer: named(1), ByLot: true,
		Key: ledger.IdempotencyKey{2}}); r.Answer != ledger.Unavailable {
		t.Errorf("%+v", r)
	}
	if r := h.collect(1); r.Claim != first.Claim {
		t.Errorf("%+v", r)
	}
}

func TestWindowEnds(t *testing.T) {
	now := time.Unix(100, 0)
	for _, c := range []struct {
		opens  time.Time
		window time.Duration
		want   time.Time
	}{
		{time.Time{}, 0, time.Time{}}, {time.Time{}, time.Second, time.Unix(101, 0)},
		{time.Unix(7, 0), time.Second, time.Unix(8, 0)},
	} {
		if got := ledger.WindowEnds(c.opens, c.window, now); !got.Equal(c.want) {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestLimitHoldsForLots(t *testing.T) {
	h := newHall(t, ledger.CreateRequest{Total: 9, Hold: time.Minute, Limit: 2})
	h.enter(1, 3)
	h.pass(window)
	if r := h.deduct(ledger.DeductRequest{Buyer: named(1), N: 2}); r.Answer != ledger.Granted {
		t.Fatalf("%+v", r)
	}
	if r := h.collect(1); r.Answer != ledger.OverLimit || r.Lots.Kept != 3 {
		t.Errorf("%+v", r)
	}
	if r := h.collect(2); r.Answer != ledger.Granted || r.Lots.Kept != 2 {
		t.Errorf("%+v", r)
	}
	h.audit()
}

// A pause stops neither the window nor the draw. It takes no time from the winners.
func TestPauseAndLots(t *testing.T) {
	h := newHall(t, ledger.CreateRequest{Total: 3, Hold: 10 * time.Second})
	h.enter(1, 3)
	must[ledger.Head](t)(h.tw.Change(h.now, ledger.ChangeRequest{To: "paused"}))
	if r := h.enter(4, 4); r.Entered || r.State != ledger.Paused {
		t.Errorf("%+v", r)
	}
	h.pass(window + time.Minute)
	if r := h.collect(1); r.Answer != ledger.Unavailable || r.Lots.Winners != 3 || r.Lots.Kept != 3 {
		t.Errorf("%+v", r)
	}
	must[ledger.Head](t)(h.tw.Change(h.now, ledger.ChangeRequest{To: "open"}))
	h.pass(9 * time.Second)
	if r := h.collect(1); r.Answer != ledger.Granted {
		t.Errorf("%+v", r)
	}
	if l := h.pass(time.Second); l.Lots.Kept != 0 {
		t.Errorf("%+v", l)
	}
	h.audit()
}

func TestCloseAndLots(t *testing.T) {
	h := newHall(t, ledger.CreateRequest{Total: 3, Hold: 10 * time.Second})
	h.enter(1, 3)
	must[ledger.Head](t)(h.tw.Change(h.now, ledger.ChangeRequest{To: "closed"}))
	if r := h.enter(4, 4); r.Entered || r.State != ledger.Closed {
		t.Errorf("%+v", r)
	}
	h.pass(window)
	if r := h.collect(1); r.Answer != ledger.Unavailable || r.State != ledger.Closed {
		t.Errorf("%+v", r)
	}
	h.audit()
}

// Units added in the window are drawn, too. Anybody may buy units added later.
func TestAddedUnits(t *testing.T) {
	h := newHall(t, ledger.CreateRequest{Total: 2, Hold: time.Minute})
	h.enter(1, 9)
	must[ledger.Head](t)(h.tw.Change(h.now, ledger.ChangeRequest{Request: "a", Add: 3}))
	if l := h.pass(window); l.Lots.Winners != 5 {
		t.Errorf("%+v", l)
	}
	if l := must[ledger.Head](t)(h.tw.Change(h.now, ledger.ChangeRequest{Request: "b",
		Add: 4})); l.Unkept() != 4 || l.Lots.Kept != 5 {
		t.Errorf("%+v", l)
	}
	h.audit()
}

// The seed is shown only when no server takes entries any more, even if a server's clock is a margin behind.
func TestSeedIsSecret(t *testing.T) {
	h := newHall(t, ledger.CreateRequest{Total: 3, Hold: time.Minute})
	h.enter(1, 3)
	look := func() (ledger.ShowReply, ledger.DrawReply) { return h.tw.Show(h.now), h.tw.Draw(h.now, 0, 9) }
	for _, c := range []struct {
		pass  time.Duration
		shown bool
	}{{0, false}, {window, false}, {ledger.DefaultBounds().Margin - time.Microsecond, false}, {time.Microsecond, true}} {
		h.pass(c.pass)
		show, draw := look()
		want := ledger.Secret{Seal: ledger.Seal(testSeed)}
		if c.shown {
			want.Seed = testSeed
		}
		if show.Secret != want || draw.Secret != want || (len(draw.Buyers) == 3) != c.shown {
			t.Errorf("after %v: %+v %+v", c.pass, show, draw)
		}
	}
	if first := h.tw.Draw(h.now, 1, 1); len(first.Buyers) != 1 || first.Buyers[0] != named(h.order(3)[1]) {
		t.Errorf("%+v", first)
	}
}

// In a recovery nobody knows what is free: nothing is drawn, and no winner loses time.
func TestLotsWaitForARecovery(t *testing.T) {
	h := newHall(t, ledger.CreateRequest{Total: 5, Hold: 10 * time.Second})
	h.enter(1, 9)
	h.pass(time.Second)
	h.tw.On(Node{Era: 2, Run: 2, Followed: 1, Fed: WasFed}) // promoted, and nothing had waited for it
	if r := h.enter(10, 10); !r.Entered || r.Reopens == 0 {
		t.Fatalf("%+v", r)
	}
	recovery := time.Duration(h.tw.shut-h.tw.head.Now) * time.Microsecond
	h.pass(recovery - time.Microsecond)
	if r := h.enter(11, 11); r.Entered || r.State != ledger.Drawing || r.Lots.Drawn != 0 {
		t.Errorf("%+v", r)
	}
	if l := h.pass(time.Microsecond); l.Lots.Winners != 5 || l.Lots.Entrants != 10 {
		t.Errorf("%+v", l)
	}
	h.tw.On(Node{Era: 3, Run: 3, Followed: 2, Fed: WasFed})
	h.pass(time.Second)
	recovery = time.Duration(h.tw.shut-h.tw.head.Now) * time.Microsecond
	h.pass(recovery + 9*time.Second)
	if r := h.collect(h.order(10)[0]); r.Answer != ledger.Granted {
		t.Errorf("%+v", r)
	}
	h.audit()
}

// A unit sold in lost history stays sold: the kept units become fewer.
func TestSoldUnitsComeOffKeptOnes(t *testing.T) {
	h := newHall(t, ledger.CreateRequest{Total: 5, Hold: time.Minute})
	h.enter(1, 4)
	h.pass(window)
	h.tw.On(Node{Era: 2, Run: 2, Followed: 1, Fed: WasFed})
	h.pass(time.Second)
	lost := ledger.Held{Fence: h.tw.fence + uint64(h.now), Request: 1, Deadline: h.tw.head.Now + 5e6,
		Ranges: ledger.Ranges{{Start: 1, End: 4}}}
	r := must[ledger.ReassertReply](t)(h.tw.Reassert(h.now, ledger.ReassertRequest{Party: ledger.Party{Instance: "i"}, Era: 2,
		Term: 5 * time.Second, Leases: []ledger.Held{lost}}))
	if r.Leased != 3 || r.Free != 2 || r.Lots.Kept != 2 {
		t.Errorf("%+v", r)
	}
	h.audit()
}

// The draw has room for Bounds.Enter buyers, and not for one more.
func TestEntrantsAreBounded(t *testing.T) {
	h := newHall(t, ledger.CreateRequest{Total: 3})
	h.tw.bounds.Enter = 5
	for _, c := range []struct {
		from, to int
		entered  bool
	}{{1, 4, true}, {5, 6, false}, {5, 5, true}, {6, 6, false}} {
		if r := h.enter(c.from, c.to); r.Entered != c.entered || r.State != ledger.Drawing {
			t.Errorf("%+v: %+v", c, r)
		}
	}
	if l := h.pass(window); l.Lots.Entrants != 5 {
		t.Errorf("%+v", l)
	}
}

func TestLotIsWhatAnybodyCanCompute(t *testing.T) {
	// (printf 000102030405060708090a0b0c0d0e0f:1795431232184593:; printf 7dc96f776c8423e5 | xxd -r -p) | sha1sum | cut -c1-13
	const want = 0xe7ac8172b93fc
	if got := ledger.Lot(testSeed, 1795431232184593, ledger.Buyer{0x7d, 0xc9, 0x6f, 0x77, 0x6c, 0x84, 0x23, 0xe5}); got != want {
		t.Errorf("%013x", got)
	}
	// printf '%s' 000102030405060708090a0b0c0d0e0f | sha256sum
	if got := ledger.Seal(testSeed); got != "d65df89f702eec58ca3c7bf2001c9ffc7cd80553ae01d42a799ba26756142d96" {
		t.Error(got)
	}
}
