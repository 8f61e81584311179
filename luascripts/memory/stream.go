package memory

import (
	"context"
	"math"
	"slices"
	"strconv"
	"time"

	"spike/luascripts/ledger"
)

// stream is what a stream of Redis does for order workers, over a twin's events.
type stream struct {
	t      *Twin
	groups map[string]*group
}

type group struct {
	last uint64 // number of the newest event given to a consumer
	held map[uint64]*delivery
}

type delivery struct {
	event    ledger.Event
	consumer string
	at       time.Time
}

func (e *Store) stream(sale string, t *Twin) *stream {
	s := e.streams[sale]
	if s == nil || s.t != t {
		s = &stream{t: t, groups: map[string]*group{}}
		e.streams[sale] = s
	}
	return s
}

func (s *stream) group(name string) *group {
	if s.groups[name] == nil {
		s.groups[name] = &group{held: map[uint64]*delivery{}}
	}
	return s.groups[name]
}

// needed is the number of the first event that a group has not acknowledged; 0: there is no such group.
func (s *stream) needed(name string) uint64 {
	g := s.groups[name]
	if g == nil {
		return 0
	}
	return g.needed()
}

func (g *group) needed() uint64 {
	first := g.last + 1
	for n := range g.held {
		first = min(first, n)
	}
	return first
}

// ReadEvents is ledger.Store's.
func (e *Store) ReadEvents(_ context.Context, sale string, q ledger.Group, count int) ([]ledger.Event, error) {
	return with(e, sale, func(t *Twin, _ int64) ([]ledger.Event, error) {
		g := e.stream(sale, t).group(q.Name)
		i, _ := slices.BinarySearchFunc(t.events, g.last+1, func(ev ledger.Event,
			n uint64) int {
			return int(int64(ev.Number) - int64(n))
		})
		got := slices.Clone(t.events[i:min(i+count, len(t.events))])
		for _, ev := range got {
			g.last = ev.Number
			g.held[ev.Number] = &delivery{ev, q.Consumer, e.clock()}
		}
		return got, nil
	})
}

// TakeOver is ledger.Store's.
func (e *Store) TakeOver(_ context.Context, sale string, q ledger.Group, idle time.Duration, count int) ([]ledger.Event, error) {
	return with(e, sale, func(t *Twin, _ int64) ([]ledger.Event, error) {
		g := e.stream(sale, t).group(q.Name)
		var got []ledger.Event
		for _, n := range sortedKeys(g.held) {
			d := g.held[n]
			if len(got) < count && e.clock().Sub(d.at) >= idle {
				d.consumer, d.at = q.Consumer, e.clock()
				got = append(got, d.event)
			}
		}
		return got, nil
	})
}

// AckEvents is ledger.Store's.
func (e *Store) AckEvents(_ context.Context, sale string, q ledger.Group, ids []string) error {
	_, err := with(e, sale, func(t *Twin, _ int64) (struct{}, error) {
		g := e.stream(sale, t).group(q.Name)
		for _, id := range ids {
			n, _ := strconv.ParseUint(id, 10, 64)
			delete(g.held, n)
		}
		return struct{}{}, nil
	})
	return err
}

// TrimEvents is ledger.Store's.
func (e *Store) TrimEvents(_ context.Context, sale string) error {
	_, err := with(e, sale, func(t *Twin, _ int64) (struct{}, error) {
		needed := uint64(math.MaxUint64)
		for _, g := range e.stream(sale, t).groups {
			needed = min(needed, g.needed())
		}
		if needed != math.MaxUint64 {
			t.events = slices.DeleteFunc(t.events, func(ev ledger.Event) bool { return ev.Number < needed })
		}
		return struct{}{}, nil
	})
	return err
}

// EventLag is ledger.Store's.
func (e *Store) EventLag(_ context.Context, sale string, q ledger.Group) (ledger.Lag, error) {
	return with(e, sale, func(t *Twin, raw int64) (ledger.Lag, error) {
		g := e.stream(sale, t).group(q.Name)
		lag, needed := ledger.Lag{Unread: t.numbered - g.last, Pending: uint64(len(g.held))}, g.needed()
		for _, ev := range t.events {
			if ev.Number >= needed {
				lag.Oldest = time.Duration(max(raw-ev.Raw, 0)) * time.Microsecond
				break
			}
		}
		return lag, nil
	})
}
