package sales

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"spike/luascripts/ledger"
)

// called is a gather whose calls take 10 ms, and the asks of each call.
type called struct {
	gather[int, []int]
	mu    sync.Mutex
	calls [][]int
	at    []time.Time
}

func newCalled(life context.Context, most, slots int) *called {
	c := &called{}
	c.life, c.most, c.weight, c.linger, c.wait = life, most, 50, time.Millisecond, time.Second
	c.gather.calls = make(semaphore, slots)
	c.weigh = func(n int) int { return n }
	c.call = func(asks []int) ([]int, error) {
		c.mu.Lock()
		c.calls, c.at = append(c.calls, slices.Clone(asks)), append(c.at, time.Now())
		c.mu.Unlock()
		time.Sleep(10 * time.Millisecond)
		if slices.Contains(asks, 13) {
			return nil, ledger.ErrDown
		}
		return asks, nil
	}
	return c
}

// all asks for each, one after the other, without waiting for answers.
func (c *called) all(t *testing.T, asks ...int) (wait func()) {
	var all sync.WaitGroup
	for _, n := range asks {
		all.Go(func() {
			out, at, err := c.ask(n)
			if err != nil || out[at] != n {
				t.Errorf("%d: %v %d %v", n, out, at, err)
			}
		})
		synctest.Wait()
	}
	return all.Wait
}

// A lone ask waits for nobody. Those that come during a call go together after a millisecond, in their order.
func TestGather(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, begin := newCalled(t.Context(), 8, 2), time.Now()
		c.all(t, 1, 2, 3, 4)()
		c.all(t, 5)()
		if len(c.calls) != 3 || !slices.Equal(c.calls[1], []int{2, 3, 4}) || c.at[0] != begin ||
			c.at[1].Sub(begin) != time.Millisecond || c.at[2].Sub(c.at[1]) != 10*time.Millisecond {
			t.Errorf("%v %v", c.calls, c.at)
		}
	})
}

// Asks that wait for company go when the calls under way have ended.
func TestGatherGoesOnWhenTheStoreIsFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, begin := newCalled(t.Context(), 8, 2), time.Now()
		c.linger = time.Minute
		c.all(t, 1, 2, 3)()
		if len(c.calls) != 2 || !slices.Equal(c.calls[1], []int{2, 3}) || c.at[1].Sub(begin) != 10*time.Millisecond {
			t.Errorf("%v %v", c.calls, c.at)
		}
	})
}

// A call has so many asks, of so much weight. So many calls are under way at a time; the others wait, and fill up.
func TestGatherIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCalled(t.Context(), 3, 1)
		c.all(t, 1, 2, 3, 4, 5, 6, 40, 11, 60)()
		if want := [][]int{{1}, {2, 3, 4}, {5, 6}, {40}, {11}, {60}}; !slices.EqualFunc(c.calls, want, slices.Equal) {
			t.Errorf("%v", c.calls)
		}
		for k := 1; k < len(c.at); k++ {
			if c.at[k].Sub(c.at[k-1]) < 10*time.Millisecond {
				t.Errorf("two calls at a time: %v", c.at)
			}
		}
	})
}

// A failed call fails for its asks only. When the edge stops, or calls do not end, an ask that has not gone fails.
func TestGatherFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		life, end := context.WithCancel(t.Context())
		c := newCalled(life, 8, 1)
		if _, _, err := c.ask(13); !errors.Is(err, ledger.ErrDown) {
			t.Error(err)
		}
		wait := c.all(t, 1)
		failed := make(chan error)
		go func() {
			_, _, err := c.ask(2)
			failed <- err
		}()
		synctest.Wait()
		end()
		if err := <-failed; !errors.Is(err, ledger.ErrDown) {
			t.Error(err)
		}
		wait()
		c = newCalled(t.Context(), 8, 1)
		c.wait = time.Millisecond
		wait = c.all(t, 1)
		if _, _, err := c.ask(2); !errors.Is(err, ledger.ErrDown) || len(c.calls) != 1 {
			t.Error(err, c.calls)
		}
		wait()
	})
}

// crowdOf is a store whose calls take a millisecond.
type crowdOf struct {
	ledger.Store
	mu    sync.Mutex
	calls int
	most  int
}

func (c *crowdOf) DeductEach(_ context.Context, _ string, qs []ledger.DeductRequest) ([]ledger.Deducted, error) {
	time.Sleep(time.Millisecond)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !qs[0].ByLot {
		c.calls, c.most = c.calls+1, max(c.most, len(qs))
	}
	out := make([]ledger.Deducted, len(qs))
	for k, q := range qs {
		out[k].Claim.Nonce = q.Nonce
		if q.ByLot != qs[0].ByLot || q.Ever != qs[0].Ever || qs[0].Latest == 0 || qs[0].Birth != 7 {
			out[k].Err = errors.New("calls have buys of one kind")
		}
	}
	return out, nil
}

func (c *crowdOf) Renew(context.Context, string, ledger.RenewRequest) (ledger.RenewReply, error) {
	return ledger.RenewReply{Head: ledger.Head{Birth: 7, Total: 1, Limit: 1}}, nil
}

// Buys of 64 buyers who ask again and again need fewer than one call for 20 buys. Each hears its own answer, beside two buyers
// who collect by lot.
func TestBuysShareCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &crowdOf{}
		s := testRegistry(t, store)
		sale, err := s.Find("ticket")
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		const buyers, each = 64, 300
		for b := range buyers + 2 {
			all.Go(func() {
				for k := range each {
					q := ledger.DeductRequest{N: 1, Nonce: uint64(b*each + k), ByLot: b >= buyers}
					if r, err := sale.Deduct(q); err != nil || r.Claim.Nonce != q.Nonce {
						t.Errorf("%+v %v", r, err)
					}
				}
			})
		}
		all.Wait()
		if store.calls*20 > buyers*each || store.most > ledger.MaxDeducts {
			t.Errorf("%d calls for %d buys, of %d at the most", store.calls, buyers*each, store.most)
		}
	})
}
