package allotment

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"spike/luascripts/ledger"
)

// Row D13: trouble is over when something has shown it, and not when buyers are few.

// unwell is a store that may refuse lease calls, as for a hash changed by hand.
type unwell struct {
	flaky
	refuses atomic.Bool
}

func (u *unwell) Lease(ctx context.Context, sale string, q ledger.LeaseRequest) (r ledger.LeaseReply, err error) {
	if u.refuses.Load() {
		return r, &ledger.Refusal{Code: "FOREIGN", Why: "a hand"}
	}
	return u.flaky.Lease(ctx, sale, q)
}

// narrow makes no rings while it is full.
type narrow struct {
	MemoryRings
	full atomic.Bool
}

func (n *narrow) Make(lanes, slots int, from uint64) (*Ring, error) {
	if n.full.Load() {
		return nil, errors.New("no room")
	}
	return n.MemoryRings.Make(lanes, slots, from)
}

func TestD13TroubleIsOverWhenItIs(t *testing.T) {
	for ailment, ill := range map[Ailment]func(u *unwell, n *narrow, on bool){
		StoreAway: func(u *unwell, _ *narrow, on bool) { u.down.Store(on) },
		ByHand:    func(u *unwell, _ *narrow, on bool) { u.refuses.Store(on) },
		NoRing:    func(_ *unwell, n *narrow, on bool) { n.full.Store(on) },
	} {
		for _, every := range []time.Duration{50 * time.Millisecond, 2 * time.Second, 7 * time.Second} { // between two buyers
			t.Run(fmt.Sprint(ailment, " ", every), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s, rings := newShop(t, 1_000_000), &narrow{}
					u := &unwell{flaky: flaky{Store: s.ledger}}
					ill(u, rings, true)
					var said []string
					d := &seller{shop: s, ended: make(chan error, 1)}
					head, _ := s.ledger.Show(t.Context(), benchSale)
					d.Runner = New(Config{Sale: benchSale, Instance: "one", Node: "one", Term: 5 * time.Second,
						Bounds: ledger.DefaultBounds(), Demand: d.asked.Load,
						Notice: func(_, is *Trouble) {
							if is == nil {
								is = &Trouble{}
							}
							said = append(said, is.Why)
						}}, u, SystemClock(), head.Head, rings)
					ctx, cancel := context.WithCancel(t.Context())
					go func() { d.ended <- d.Run(ctx, 5*time.Second) }()
					for range 5 {
						patient, end := context.WithTimeout(t.Context(), 3*time.Second)
						d.buy(patient)
						end()
						time.Sleep(every)
					}
					synctest.Wait()
					if is := d.Trouble(); len(said) != 1 || said[0] == "" || is == nil || is.Ailment != ailment {
						t.Errorf("five buyers: %q, %v stands", said, is)
					}
					ill(u, rings, false)
					// a buyer that comes at once may hear an old answer
					for sold := (Sold{}); sold.Count == 0; time.Sleep(every) {
						sold, _ = d.buy(t.Context())
					}
					synctest.Wait()
					if len(said) != 2 || said[1] != "" || d.Trouble() != nil {
						t.Errorf("it is over: %q, %v stands", said, d.Trouble())
					}
					cancel()
					if err := <-d.ended; err != nil {
						t.Error(err)
					}
				})
			})
		}
	}
}

// Without buyers Cure ends trouble, and only the trouble that it names.
func TestD13TroubleIsCured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, 10)
		s.store.down.Store(true)
		d := s.open("one")
		for d.Trouble() == nil {
			patient, end := context.WithTimeout(t.Context(), time.Second)
			d.buy(patient)
			end()
		}
		was := d.Trouble()
		time.Sleep(time.Minute)
		if d.Trouble() != was || !d.Ails() {
			t.Errorf("nobody looked: %v", d.Trouble())
		}
		another := *was
		d.Cure(&another)
		synctest.Wait()
		if d.Trouble() != was {
			t.Error("another trouble's cure has cured it")
		}
		s.store.down.Store(false)
		d.Cure(was)
		synctest.Wait()
		if d.Trouble() != nil || d.Ails() {
			t.Errorf("it is cured: %v", d.Trouble())
		}
		if err := d.close(); err != nil {
			t.Error(err)
		}
	})
}

// A store without its replica still takes units back. That does not end the trouble.
func TestGiveBackEndsNoTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, 100_000)
		d := s.open("one")
		for range 2000 {
			if sold, _ := d.buy(t.Context()); sold.Count == 0 {
				t.Fatal("there are units, and none is sold")
			}
		}
		s.store.takes.Store(true)
		s.store.down.Store(true)
		taken := s.store.taken.Load()
		for end := time.Now().Add(time.Minute); d.Trouble() == nil && time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		}
		was := d.Trouble()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if s.store.taken.Load() == taken {
			t.Fatal("nothing was given back: the test says nothing")
		}
		if was == nil || d.Trouble() != was {
			t.Errorf("there was %v, and there is %v", was, d.Trouble())
		}
		s.store.down.Store(false)
		if err := d.close(); err != nil {
			t.Error(err)
		}
	})
}
