package shard

import "fmt"

// Supply is the keeper's side: units that come in, units that go back, and the sign to bring more.

// Fill adds serials that are nowhere in the Stock: fresh from a grant, or returned by Drain or Withdraw. They must never be
// serials that Take handed out (I3). After Fill has returned they can be taken, and Empty is false until they are gone. A taker
// of the serials sees everything that was written before Fill. Fill panics on serial 0 and on Start > End, having added nothing.
func (s *Stock) Fill(ranges ...Range) {
	for _, r := range ranges {
		if !r.valid() {
			panic(fmt.Sprintf("shard: Fill of serials %d to before %d", r.Start, r.End))
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range ranges {
		s.fillOne(r)
	}
}

func (s *Stock) fillOne(r Range) {
	if r.Len() == 0 {
		return
	}
	if invariants {
		s.mustBeAbsent(r)
	}
	s.reserve.add(r)
	s.empty.Store(false) // publishes the fill to losers, before mu is free, so that no scan can miss it
}

// Drain removes up to max serials: the reserve first, then the lanes' tails. It returns fewer only if nothing was left. No caller
// can take them any more.
func (s *Stock) Drain(max uint64) []Range {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.reserve.drain(max)
	max -= count(out)
	for i := range s.lanes {
		got := s.lanes[i].drain(max)
		out = appendSome(out, got)
		max -= uint64(got.Len())
	}
	return out
}

// Withdraw removes every serial of r that is still here, and returns them. Each other serial of r was taken before Withdraw
// returned, or never was here.
func (s *Stock) Withdraw(r Range) []Range {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.reserve.withdraw(r)
	for i := range s.lanes {
		got, rest := s.lanes[i].withdraw(r)
		out = appendSome(out, got)
		s.reserve.add(rest)
	}
	return out
}

// SetLow sets the low-water mark in units; 0, the default, means empty.
func (s *Stock) SetLow(n uint64) { s.lowMark.Store(n) }

// Low gets one token (and keeps at most one) when a taker's visit to the cold path leaves Len() <= the mark. A loser that sees
// Empty sends nothing more.
func (s *Stock) Low() <-chan struct{} { return s.low }

// mustBeAbsent panics if a serial of r is here already, because the caller filled it twice.
func (s *Stock) mustBeAbsent(r Range) {
	for _, have := range s.reserve.ranges {
		mustBeApart(r, have)
	}
	for i := range s.lanes {
		mustBeApart(r, s.lanes[i].load().unpack())
	}
}

func mustBeApart(r, have Range) {
	if both := r.meet(have); both.Len() > 0 {
		panic(fmt.Sprintf("shard: filled twice: serials %d to before %d", both.Start, both.End))
	}
}

func count(ranges []Range) (n uint64) {
	for _, r := range ranges {
		n += uint64(r.Len())
	}
	return n
}
