// Package shard is the lock-free allotment: the units that one edge may sell
// now. They are spread over the CPUs, so a buy costs one compare-and-swap on a
// cache line that no other CPU writes. This comment is the proof; the other
// files are short because it is here.
//
// # Layout
//
//	Stock
//	  lanes    []lane   one 64-bit word each, next:32 | end:32, alone on 128 bytes
//	  empty    bool     atomic: nothing is here
//	  mu                the cold mutex (I9)
//	  reserve  []Range  filled, in no lane yet, oldest first
//
// A word is the serials next <= s < end and the whole state of its lane. A lane
// belongs to no goroutine: the P's number, masked, only says where to look
// first. A wrong number costs a cache miss, never a unit.
//
// # Flow
//
//	Take:                                  visit(own), under mu:
//	  empty?             -> no               empty?            -> no
//	  CAS own next+1     -> serial           CAS own next+1    -> serial
//	  visit(own)                             front of reserve, or
//	                                         CAS half off the fullest lane
//	                                           -> its first serial; own = the rest
//	                                         every word and the reserve seen empty:
//	                                           empty = true    -> no
//
//	Fill,     under mu: reserve += ranges; empty = false
//	Drain,    under mu: reserve and lanes lose tails (CAS), up to max
//	Withdraw, under mu: reserve and lanes lose what they hold of r (CAS); what a
//	                    lane held behind r goes to the reserve
//
// Who may do what to a word:
//
//	shrink it (CAS)             anyone: take from the front, cut from the tail
//	store into it when empty    only a visit, under mu, after it saw it empty
//	anything else               no one
//
// # Invariants
//
//	W1. next <= end, and end <= 2^32-1. So next+n never carries, and an empty
//	    word stays empty under take and cut: neither tries a CAS on it.
//	W2. A serial is in at most one place: one word, one range of the reserve, or
//	    one hand (a taker's, a drainer's, or a visitor's between two places).
//	W3. A word, and a range of the reserve, is part of one filled range. Ranges
//	    are cut, never joined, so n serials from one place have one lease.
//	W4. While mu is held, no word goes from empty to not empty, except by the
//	    holder. Outside mu, no word does.
//	W5. If empty is true, every word and the reserve are empty, or a Fill is
//	    between its two steps and has not returned.
//
// W1: take adds n only if n <= end-next in the very value it swaps; cut stores
// next <= at <= end. W3, W4: read the table above. W2 and W5 follow.
//
// # Handed out at most once per Fill (W2)
//
// Every removal from a word is a CAS of the whole word, and what it removes is
// computed from the value that it compared. When the CAS succeeds, the word had
// that value at that moment. So the serials were in it, and after the swap they
// are not.
//
// So ABA is harmless here: the word is all the state there is. If it left value
// A and came back to A while a taker slept, then the same serials are in it
// again, and handing them out is right. They can only have come back by a Fill,
// after some Drain, Withdraw or new grant put them in the caller's hand. The
// caller must guarantee that (below).
//
// install is a plain store, not a CAS, and loses nothing. By W4 the word that
// the holder of mu saw empty is still empty when the holder stores.
//
// # Empty is said only when it is so (W5)
//
// Lemma. A pass under mu saw the reserve empty and each word empty, at whatever
// different moments. Then all were empty together at its end: by W4 a word seen
// empty stays so while mu is held, the reserve changes only under mu, and the
// visitor's own hand is empty.
//
// So `empty = true` stores a fact. It stays a fact: serials arrive by Fill
// alone, and a visit that moves them must first find some, and under a true
// flag there are none. Fill sets the flag false before it releases mu. So a
// call that starts after Fill returned cannot read the old true, and a later
// pass that sets it true again saw the new serials gone.
//
// Without mu the lemma fails: the pass reads word 1 (empty), a thief moves word
// 2's serials into word 1, the pass reads word 2 (empty). It says sold out,
// with stock.
//
// # Linearization points
//
//	Take, TakeN won      the CAS that took; from the reserve: the unlock
//	Take lost            the load of empty, or the end of the pass that set it
//	TakeN lost, n > 1    the same, or the end of its own pass: each place in turn
//	                     had fewer than n, and under mu places only shrink
//	Fill                 empty = false, or the unlock if it was false already
//	Drain, Withdraw      the last removal. Serials removed earlier count as here
//	                     until then, and no caller can tell: a caller that finds
//	                     nothing must hold mu, or read a flag that is not set
//
// Progress: a CAS fails only because another one took or moved serials. A Take
// that finds its word filled is lock-free. A visit waits for mu. The holder of
// mu looks at no more than all lanes and all ranges of the reserve, and a sale
// pays for each of its CAS retries.
//
// # What the atomics publish
//
// A visit's store of a word comes after the Fill that brought the serials (mu),
// and a take's CAS reads that store or a CAS that follows it. So a taker of the
// serials sees everything that the caller wrote before Fill (the lease's
// fence). empty publishes no data. The reserve's total is written under mu;
// outside mu only Len reads it, and Len is weak.
//
// # What is weak
//
//   - Len: no lock, no snapshot. It is exact only while no other call runs.
//   - Low: only visits notice it. A lane that sells from a full word visits
//     nothing, so the token may come late: with lanes holding most of the
//     stock, as late as the end. Set the mark at twice the lead you need, and
//     poll Len.
//   - Empty false proves nothing.
//   - Order: a lane sells its serials upwards; across lanes there is no order.
//
// # What the caller keeps
//
//   - Fill only serials that are in its hand: a fresh grant, or what Drain or
//     Withdraw returned. A serial that is filled while it is here is sold
//     twice. Under -race Fill panics on it.
//   - One lease, one range (or several): never two leases in one Range.
//   - What a Take may need to know about a serial must be written before Fill,
//     and kept until no Take can hand the serial out any more: Withdraw has
//     returned, and every earlier taker has finished looking.
//   - Withdraw does not stop a taker that has won already. The taker must read
//     the clock after Take (row 3 of ARCHITECTURE.md).
//
// # How it is tested
//
// One suite runs over Stock and over a dumb twin: sequences against a set, a
// crowd in which every serial is counted in and out, rounds in which selling
// out is impossible, and recorded histories that porcupine checks against the
// linearization points above. The windows between a load and its CAS are a few
// nanoseconds wide, so under -race every load may yield (interleave). Some of
// the mutations tried (a steal, a Drain or a Withdraw without the mutex) are
// seen reliably only there. Run the tests with -race.
//
// # Tried and dropped
//
//   - A chan of size 1, the article's lock: more than 20 times the price on 2
//     CPUs (BenchmarkTake), and it parks goroutines.
//   - A sync.Mutex: a seventh of the price of a chan, but all CPUs go through
//     one line.
//   - One shared fetch-add: nothing is cheaper on one CPU. But losers keep
//     adding, the counter cannot give a part of its stock back, and the line
//     travels.
//   - One shared CAS word: it gives back, but is dearer than the fetch-add when
//     two CPUs want it, because the loser of a race goes again.
//   - An empty-scan without the mutex, twice and compared: a move between the
//     words of the passes can hide in both. A version per word would cost bits
//     of the serials.
//   - sync.Pool-like owners, with CAS only for thieves: Go gives no way to stay
//     on a P across a plain load and store without pinning, and pinned code
//     must not be preempted. A CAS on a line of one's own is most of the price
//     of Take, and is worth it.
package shard
