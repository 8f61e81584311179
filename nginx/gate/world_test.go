package gate

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"spike/luascripts/ledger"
	"spike/luascripts/memory"
	"spike/nginx"
	"spike/shard"
)

// market is one sale's edges, buyers and operators. They do anything in any order, on the ledger's twin.
type market struct {
	*world
	store  *memory.Store
	rand   *rand.Rand
	leases []lease
	claims []ledger.Claim
	birth  uint64
	calls  uint64
	said   []string
}

type lease struct {
	owner string
	ledger.Grant
}

var bg = context.Background()

// Anything happens to a sale, in any order. A flag never stands over a unit that could be sold. If no unit can be sold, a flag
// soon stands.
func TestNothingEscapesTheGate(t *testing.T) {
	worlds := 300
	if testing.Short() {
		worlds = 30
	}
	flags := 0
	for seed := range worlds {
		synctest.Test(t, func(t *testing.T) {
			bounds := ledger.DefaultBounds()
			if seed%2 == 0 {
				bounds.Step = time.Minute // ledger time passes as the clock does
			}
			m := &market{world: &world{t: t, dir: t.TempDir(), fakeStore: &fakeStore{}},
				store: memory.New(bounds, time.Now),
				rand:  rand.New(rand.NewPCG(uint64(seed), 5))}
			m.create()
			m.start(m.store)
			defer func() { m.stop() }()
			for range 60 {
				m.act()
				synctest.Wait()
				m.check(false)
				if m.rand.IntN(3) == 0 {
					m.pass(spacing + time.Millisecond)
					m.check(true)
				}
				if m.flag() != "" {
					flags++
				}
			}
		})
	}
	if flags < worlds {
		t.Errorf("only %d flags in %d worlds: it tests nothing", flags, worlds)
	}
}

// check compares the flag with the ledger. rested says that the gate has had its time.
func (m *market) check(rested bool) {
	m.t.Helper()
	shown, err := m.store.Show(bg, "s")
	should := judge(shown, "")
	if err != nil {
		should = ""
	}
	flag := m.flag()
	if flag == should || flag == "" && !rested || flag == nginx.NoneNow && should == nginx.SoldOut {
		return // paid is no news: the gate sees it within a slot
	}
	m.t.Fatalf("flag %q, should be %q: %+v\n%v", flag, should, shown, m.said)
}

func (m *market) create() {
	q := ledger.CreateRequest{Total: m.rand.Uint64N(4), Hold: time.Duration(m.rand.IntN(3)) * 2 * time.Second,
		Limit: uint32(m.rand.IntN(4) / 3)}
	h, err := m.store.Create(bg, "s", q)
	if err != nil {
		m.t.Fatal(err)
	}
	m.birth, m.leases, m.claims = h.Birth, nil, nil
}

// act does one random thing. A refused thing has not happened.
func (m *market) act() {
	m.calls++
	owner := fmt.Sprintf("i%d", m.rand.IntN(2))
	party := ledger.Party{Birth: m.birth, Instance: owner, Node: owner}
	kind := m.rand.IntN(13)
	m.said = append(m.said, fmt.Sprintf("%d of %s at %v;", kind, owner, time.Now().Format("05.000")))
	switch kind {
	case 0, 1:
		q := ledger.LeaseRequest{Party: party, Request: m.calls, Want: m.rand.Uint64N(4), Term: 3 * time.Second}
		if r, err := m.store.Lease(bg, "s", q); err == nil && r.Grant.Fence > 0 {
			m.leases = append(m.leases, lease{owner, r.Grant})
		}
	case 2:
		q := ledger.RenewRequest{Party: party, Awaited: m.calls + 1, Term: 3 * time.Second}
		for _, l := range m.leases {
			if l.owner == owner {
				q.Fences = append(q.Fences, l.Fence)
			}
		}
		_, _ = m.store.Renew(bg, "s", q)
	case 3, 4, 5:
		m.settleOrGiveBack(party, kind)
	case 6, 7:
		q := ledger.DeductRequest{Party: party, N: 1, Nonce: m.calls, Buyer: ledger.Buyer{byte(m.calls)}}
		if r, err := m.store.Deduct(bg, "s", q); err == nil && r.Answer == ledger.Granted {
			m.claims = append(m.claims, r.Claim)
		}
	case 8, 9:
		if len(m.claims) > 0 {
			c := m.claims[m.rand.IntN(len(m.claims))]
			call := m.store.Confirm
			if kind == 8 {
				call = m.store.Cancel
			}
			_, _ = call(bg, "s", m.birth, c)
		}
	case 10:
		q := ledger.ChangeRequest{Request: fmt.Sprint(m.calls), Add: m.rand.Uint64N(2),
			To: []string{"", "", "open", "paused"}[m.rand.IntN(4)]}
		_, _ = m.store.Change(bg, "s", q)
	case 11:
		time.Sleep(time.Duration(m.rand.IntN(9000)) * time.Millisecond)
	case 12:
		if m.rand.IntN(4) == 0 {
			_ = m.store.Remove(bg, "s")
			if m.rand.IntN(2) == 0 {
				synctest.Wait()
				m.check(false)
			}
			m.create()
		}
	}
}

// settleOrGiveBack does one of them with the first unit of a lease, which may have ended.
func (m *market) settleOrGiveBack(p ledger.Party, kind int) {
	if len(m.leases) == 0 {
		return
	}
	l := m.leases[m.rand.IntN(len(m.leases))]
	p.Instance = l.owner
	first := l.Ranges[0].Start + m.rand.Uint32N(l.Ranges[0].Len())
	if kind == 3 {
		_, _ = m.store.GiveBack(bg, "s", ledger.GiveBackRequest{Party: p, Parts: []ledger.Part{{Fence: l.Fence,
			Range: shard.Range{Start: first, End: first + 1}}}})
		return
	}
	c := ledger.Claim{Serial: first, Count: 1, Fence: l.Fence, Nonce: m.calls, Expiry: l.Deadline + l.Hold}
	m.claims = append(m.claims, c)
	_, _ = m.store.Settle(bg, "s", ledger.SettleRequest{Party: p, Batch: m.calls, Claims: []ledger.Claim{c}})
}

// Only the gate calls, and no buyer pays. Every hold and every lease of a dead edge ends.
func TestGateAloneBringsUnitsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New(ledger.DefaultBounds(), time.Now)
		m := &market{world: &world{t: t, dir: t.TempDir(), fakeStore: &fakeStore{}}, store: store}
		if _, err := store.Create(bg, "s", ledger.CreateRequest{Total: 2, Hold: 4 * time.Second}); err != nil {
			t.Fatal(err)
		}
		m.start(store)
		defer func() { m.stop() }()
		r, err := store.Lease(bg, "s", ledger.LeaseRequest{Party: ledger.Party{Instance: "dead"}, Request: 1, Want: 1,
			Term: time.Second})
		if err != nil || r.Grant.Fence == 0 {
			t.Fatalf("%+v %v", r, err)
		}
		time.Sleep(1500 * time.Millisecond)
		if r, err := store.Deduct(bg, "s", ledger.DeductRequest{N: 1, Nonce: 1}); err != nil || r.Answer != ledger.Granted {
			t.Fatalf("%+v %v", r, err)
		}
		for range 4 { // ledger time passes half a second at a time
			time.Sleep(600 * time.Millisecond)
			if _, err := store.Expire(bg, "s", 1); err != nil {
				t.Fatal(err)
			}
		}
		m.pass(spacing)
		m.want(nginx.NoneNow) // one in limbo, one unpaid
		m.pass(12 * time.Second)
		m.want("")
		if h, err := store.Show(bg, "s"); err != nil || h.Free == 0 {
			t.Errorf("%+v %v", h, err)
		}
	})
}
