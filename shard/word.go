package shard

// word is a lane's whole state, so that one CAS moves it:
//
//	63            32 31             0
//	+---------------+---------------+
//	|     next      |      end      |   serials next <= s < end
//	+---------------+---------------+
//
// next == end is empty, whatever the number. next grows only up to end, and end <= 2^32-1, so neither half can carry into the
// other.
type word uint64

const nextShift = 32

func pack(r Range) word { return word(r.Start)<<nextShift | word(r.End) }

func (w word) unpack() Range { return Range{Start: w.next(), End: w.end()} }
func (w word) next() uint32  { return uint32(w >> nextShift) }
func (w word) end() uint32   { return uint32(w) }
func (w word) len() uint32   { return w.end() - w.next() }

// after is w without its first n serials. The caller saw n <= w.len().
func (w word) after(n uint32) word { return w + word(n)<<nextShift }

// middle splits w for a thief. The thief gets the larger half: [middle, end).
func (w word) middle() uint32 { return w.next() + w.len()/2 }
