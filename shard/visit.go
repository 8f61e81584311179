package shard

// A visit is what a taker does under the cold mutex when its own word has too little. It always ends with serials in hand, or
// with proof that there are none.

// visit takes n serials for the owner of l.
func (s *Stock) visit(l *lane, n uint32) (first uint32, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.signalLow()
	if s.empty.Load() { // set while this caller waited for the mutex
		return 0, false
	}
	if first, ok = l.take(n); ok { // another caller filled this lane meanwhile
		return first, true
	}
	if n > 1 {
		return s.gather(n)
	}
	return s.refill(l)
}

// refill gets a chunk, hands its first serial to the caller, and installs the rest in l, which visit saw empty. It hands out
// before it installs, so no other caller can empty the word in between, and one visit is enough.
func (s *Stock) refill(l *lane) (serial uint32, ok bool) {
	r := s.reserve.front(s.chunk())
	if r.Len() == 0 {
		r = s.steal()
	}
	if r.Len() == 0 {
		s.empty.Store(true) // steal saw every word empty, front an empty reserve
		return 0, false
	}
	l.install(Range{Start: r.Start + 1, End: r.End})
	return r.Start, true
}

// chunk is guided self-scheduling (Polychronopoulos and Kuck, 1987). It is half of a fair part, so it shrinks to one, and no lane
// hoards the end of the sale.
func (s *Stock) chunk() uint32 {
	fair := s.reserve.total.Load() / uint64(2*len(s.lanes))
	return uint32(max(1, fair)) // fits, because serials are distinct uint32s
}

// steal halves the fullest lane. Len 0 means that one pass saw every word empty.
func (s *Stock) steal() Range {
	for {
		victim := s.fullest()
		if victim == nil {
			return Range{}
		}
		if r := victim.halve(); r.Len() > 0 {
			return r
		}
	}
}

// fullest is nil if it saw every word empty.
func (s *Stock) fullest() (best *lane) {
	var most uint32
	for i := range s.lanes {
		if n := s.lanes[i].load().len(); n > most {
			best, most = &s.lanes[i], n
		}
	}
	return best
}

// gather takes n > 1 serials from any one place that has them. If it finds too few together, it sets nothing. Only if its scan
// saw nothing at all, it sets Empty.
func (s *Stock) gather(n uint32) (first uint32, ok bool) {
	if first, ok = s.reserve.take(n); ok {
		return first, true
	}
	left := s.reserve.total.Load()
	for i := range s.lanes {
		l := &s.lanes[i]
		if first, ok = l.take(n); ok {
			return first, true
		}
		left += uint64(l.load().len())
	}
	if left == 0 {
		s.empty.Store(true)
	}
	return 0, false
}

// signalLow wakes the keeper if this visit left little. It never blocks.
func (s *Stock) signalLow() {
	mark := s.lowMark.Load()
	if s.reserve.total.Load() > mark || s.Len() > mark {
		return
	}
	select {
	case s.low <- struct{}{}:
	default:
	}
}
