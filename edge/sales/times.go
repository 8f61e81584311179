package sales

import (
	"sync/atomic"

	"spike/shard/latency"
)

// Times is how long the answers to a sale's buys took, from the request's last byte to the decision. Each winner is measured, and
// so is each buy that may wait; of the others, whom a verdict answers, one of 32 is. A sale without buys costs nothing.
type Times struct{ won, rest atomic.Pointer[latency.Lanes] }

// Note counts an answer that was measured since w. Few answers are, so it is no part of its callers.
//
//go:noinline
func (t *Times) Note(won bool, w latency.Stopwatch) {
	of := &t.rest
	if won {
		of = &t.won
	}
	lanes := of.Load()
	if lanes == nil {
		fresh := latency.New()
		of.CompareAndSwap(nil, &fresh)
		lanes = of.Load()
	}
	lanes.Add(w.Took())
}

// Won is the times of winners.
func (t *Times) Won() latency.Counts { return read(&t.won) }

// Rest is the times of all others that were measured.
func (t *Times) Rest() latency.Counts { return read(&t.rest) }

func read(of *atomic.Pointer[latency.Lanes]) latency.Counts {
	if lanes := of.Load(); lanes != nil {
		return lanes.Read()
	}
	return latency.Counts{}
}
