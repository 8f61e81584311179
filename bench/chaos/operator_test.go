//go:build chaos

package chaos

import (
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"spike/bench/crowd"
)

// longLease is for edges that keep their units for long, so that a lost lease can be seen for a while.
const longLease = 10 * time.Second

// P8: Redis comes back from an older file, a dump or an append-only file. An edge that has units on lease does not reach it
// at once. Meanwhile an operator pauses or closes the sale, by the command or by another edge's API. If the answer says that
// no edge sells, no edge may sell.
func TestP8PauseInARecoveryKnowsOrSaysSo(t *testing.T) {
	try(t, ofCrowdless, func(s *shop) {
		s.units, s.hold = 1000, 2*short
		files, old := [][]string{durable, {"--save", "3600 1"}}[s.rnd.IntN(2)], filepath.Join(s.dir, "old")
		redis := NewNode(s.t, s.dir, "redis", files...)
		wire := NewWire(s.t, redis.Addr)
		s.create(redis.Addr)
		other := NewEdge(s.t, s.dir, "edge2", redis.Addr, "--lease", longLease.String())
		s.buyer(other).prime(1) // the file has the length of leases
		redis.Do("SAVE")
		s.copied(redis.Dir, old)
		edge := NewEdge(s.t, s.dir, "edge1", wire.Addr, "--lease", longLease.String())
		buyer := s.buyer(edge)
		s.evidence(buyer.prime(50) > 0, "the edge holds nothing")
		wire.Cut()
		redis.End()
		s.restored(old, redis.Dir)
		redis.Start()
		said, sure := s.shut(other, []string{"pause", "close"}[s.rnd.IntN(2)], s.rnd.IntN(2) == 0)
		when := time.Now()
		buying := s.during(50*time.Millisecond, func() { buyer.buy() })
		s.pause(0, time.Second)
		wire.Join()
		time.Sleep(time.Until(when.Add(longLease + margin)))
		buying()
		if n := buyer.after(when); sure && n > 0 {
			s.t.Errorf("%d units were sold after this: %s", n, said)
		}
		s.valid = true
	})
}

// during does something again and again, until its end is called.
func (s *shop) during(every time.Duration, do func()) (end func()) {
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(every):
				do()
			}
		}
	}()
	return func() {
		close(stop)
		<-done
	}
}

// shut pauses or closes the sale as an operator does. It returns the answer, and whether the answer said that no edge sells.
func (s *shop) shut(other *Edge, how string, api bool) (said string, sure bool) {
	s.t.Helper()
	if !api {
		said, err := s.operator("sale", how, sale, "--wait", "30s")
		return said, err == nil
	}
	client := &http.Client{Timeout: 30 * time.Second}
	defer client.CloseIdleConnections()
	r, err := client.Post("http://"+other.Operators+"/api/v1/sales/"+sale+"/"+how+"?wait=30s", "", nil)
	if err != nil {
		return err.Error(), false
	}
	defer r.Body.Close()
	body := make([]byte, 4096)
	n, _ := r.Body.Read(body)
	said = string(body[:n])
	return said, r.StatusCode == http.StatusOK && strings.Contains(said, `"settled":true`)
}

// P9: Redis stands still when a sale closes. An edge with units on lease knows the time of the close, and sells nothing after
// it.
func TestP9NothingIsSoldAfterItCloses(t *testing.T) {
	try(t, ofCrowdless, func(s *shop) {
		s.units, s.hold = 5000, time.Minute
		redis := s.lone()
		edge := NewEdge(s.t, s.dir, "edge1", redis.Addr, "--lease", longLease.String())
		closes := time.Now().Add(15 * time.Second).Truncate(time.Second)
		s.create(redis.Addr, "--closes", closes.Format(time.RFC3339))
		buyer := s.buyer(edge)
		buyer.prime(50)
		buying := s.during(5*time.Millisecond, func() { buyer.buy() }) // an edge without buyers gives back its units
		time.Sleep(time.Until(closes.Add(-s.span(500*time.Millisecond, time.Second))))
		buying()
		held := redis.Do("HGET", ledgerKey, "leased")
		redis.Pause()
		stopped := time.Now()
		buying = s.during(50*time.Millisecond, func() { buyer.buy() })
		time.Sleep(time.Until(closes.Add(longLease)))
		buying()
		redis.Resume()
		s.evidence(held != "0" && stopped.Before(closes), "the edge held %s units %v before the close", held, closes.Sub(stopped))
		if n := buyer.after(closes.Add(slack)); n > 0 {
			s.t.Errorf("%d units were sold after the close", n)
		}
		s.valid = true
	})
}

// P17: in the window of a draw, Redis' clock jumps an hour ahead, and back. The window goes on: a buyer in its later part
// gets a lot, too.
func TestP17AJumpOfTheClockEndsNoDraw(t *testing.T) {
	try(t, ofCrowdless, func(s *shop) {
		const window, each = 8 * time.Second, 20
		s.units = 10
		clock := NewClock(s.t, s.dir)
		redis := NewClockedNode(s.t, s.dir, "redis", clock, durable...)
		edge := NewEdge(s.t, s.dir, "edge1", redis.Addr)
		opened := time.Now()
		s.create(redis.Addr, "--shuffle", window.String())
		early := s.enter(edge, "early", each)
		clock.Set(wrong)
		s.evidence(redis.off() > wrong/2, "the clock did not jump")
		s.pause(1500*time.Millisecond, 2500*time.Millisecond)
		clock.Set(0)
		time.Sleep(time.Until(opened.Add(s.span(window*4/10, window*6/10))))
		late := s.enter(edge, "late", each)
		s.evidence(early == each, "only %d came before the jump", early)
		s.evidence(time.Since(opened) < window*9/10, "it took until %v after the opening", time.Since(opened))
		if late != each {
			s.t.Errorf("%d of %d who came within the window have no lot", each-late, each)
		}
		s.valid = true
	})
}

// span is a duration that the seed picks.
func (s *shop) span(from, to time.Duration) time.Duration {
	return time.Duration(s.between(float64(from), float64(to)))
}

// enter lets buyers enter a draw, and returns how many have a lot.
func (s *shop) enter(e *Edge, name string, buyers int) (lots int) {
	s.t.Helper()
	for i := range buyers {
		if word, _ := s.ask(e, "X-Buyer-Id", fmt.Sprint(name, i)); word == crowd.Entered {
			lots++
		}
	}
	return lots
}

// ask buys once over a connection of its own, and returns the meaning of the answer and its serial. Unknown: no answer.
func (s *shop) ask(e *Edge, header ...string) (Word, uint64) {
	s.t.Helper()
	conn := crowd.NewConn(s.t.Context(), e.Buyers, s.timeout, nil)
	defer conn.Close()
	a, err := conn.Ask("POST", "/buy/"+sale, header...)
	if err != nil {
		return Unknown, 0
	}
	r, err := a.Reservation()
	if err != nil {
		return Unknown, 0
	}
	return a.Word(), r.Serial
}

// P10: buyers send keys to a sale without hold. When Redis has no free unit, the edge offers them units of its own. Redis
// does not hear of some offers, and the edge is killed. It comes back, and so do the buyers, with the same keys. Each unit
// with an owner was told to somebody.
func TestP10AnOfferGoesWithItsKey(t *testing.T) {
	try(t, ofCrowdless, func(s *shop) {
		s.units, s.hold = 150, 0
		redis := s.lone()
		wire := NewWire(s.t, redis.Addr)
		s.create(redis.Addr)
		edge := NewEdge(s.t, s.dir, "edge1", wire.Addr)
		told := &serials{of: map[uint64]bool{}}
		within(s.t, patient, "the edge sells", func() bool { return told.note(s.ask(edge)) })
		for range 50 {
			told.note(s.ask(edge))
		}
		within(s.t, patient, "all that was told is settled", func() bool { return s.owned() == len(told.of) })
		left := keys(s, int(s.units)-len(told.of)) // one for each unit that is left
		wire.Poison(Toxic{"latency", "upstream", map[string]int{"latency": 150, "jitter": 50}})
		var all sync.WaitGroup
		for _, key := range left {
			all.Go(func() { told.note(s.ask(edge, key...)) })
		}
		offered := false
		for end := time.Now().Add(5 * time.Second); !offered && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			offered = edge.claims() > 0
		}
		wire.Poison(Toxic{"timeout", "upstream", map[string]int{"timeout": 0}})
		s.pause(200*time.Millisecond, 900*time.Millisecond)
		claims := edge.claims()
		edge.End()
		all.Wait()
		wire.Cure()
		s.evidence(claims > 0, "no offer was under way")
		edge.Start()
		for end := time.Now().Add(patient); len(left) > 0 && time.Now().Before(end); {
			left = slices.DeleteFunc(left, func(key []string) bool { return told.note(s.ask(edge, key...)) })
		}
		if owned := s.owned(); owned != len(told.of) {
			s.t.Errorf("%d units of %d are owned, buyers were told of %d", owned, s.units, len(told.of))
		}
		s.valid = true
	})
}

// ledgerKey has the sale's numbers.
const ledgerKey = "{" + sale + "_hash_key}:ledger"

// keys returns the headers of n buyers, each with a key of its own.
func keys(s *shop, n int) (all [][]string) {
	for i := range n {
		all = append(all, []string{"Idempotency-Key", fmt.Sprintf("%022d-%d", s.seed, i)})
	}
	return all
}

// owned is how many units have an owner in the ledger.
func (s *shop) owned() int {
	a, known := Audit(s.t, s.redis, sale)
	if !known {
		return -1
	}
	return int(a.Pending + a.Confirmed)
}

// serials are the units that buyers were told of. Safe for concurrent use.
type serials struct {
	mu sync.Mutex
	of map[uint64]bool
}

func (s *serials) note(word Word, serial uint64) (won bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if word == Won {
		s.of[serial] = true
	}
	return word == Won
}
