package shard

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// Recorded concurrent histories against a set of at most 64 serials, serial s being bit s. The model allows what doc.go promises,
// and no more.

type call struct {
	kind opKind
	n    uint32 // TakeN, Drain: how many
	set  uint64 // Fill, Withdraw: which
}

const opEmpty = opKinds // only here: the flag

type reply struct {
	ok  bool
	set uint64 // what came out
}

var setModel = porcupine.Model{
	Init: func() any { return uint64(0) },
	Step: func(state, input, output any) (bool, any) {
		return setStep(state.(uint64), input.(call), output.(reply))
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprint(input, output) },
}

func setStep(have uint64, in call, out reply) (bool, any) {
	left := have &^ out.set
	mine := out.set&^have == 0 // the serials that came out were here
	got := bits.OnesCount64(out.set)
	switch in.kind {
	case opTake, opTakeN:
		if !out.ok {
			return in.n > 1 || have == 0, have // few may be scattered: n > 1 may lose
		}
		return mine && got == int(in.n), left
	case opFill:
		return have&in.set == 0, have | in.set
	case opDrain:
		return mine && got == min(int(in.n), bits.OnesCount64(have)), left
	case opWithdraw:
		return out.set == have&in.set, left
	case opEmpty:
		return !out.ok || have == 0, have
	default:
		return false, have
	}
}

func toSet(ranges ...Range) (set uint64) {
	for _, r := range ranges {
		for s := r.Start; s < r.End; s++ {
			set |= 1 << s
		}
	}
	return set
}

// recorder stamps calls with a counter. Stamps are unique, and in an order on which all agree.
type recorder struct {
	a     allotment
	clock atomic.Int64
	mu    sync.Mutex
	ops   []porcupine.Operation
}

func (r *recorder) do(client int, in call, run func() reply) {
	start := r.clock.Add(1)
	out := run()
	end := r.clock.Add(1)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ops = append(r.ops, porcupine.Operation{ClientId: client, Input: in, Call: start, Output: out, Return: end})
}

func (r *recorder) take(client int, n uint32) {
	r.do(client, call{kind: opTakeN, n: n}, func() reply {
		first, ok := r.a.TakeN(n)
		if !ok {
			return reply{}
		}
		return reply{true, toSet(Range{first, first + n})}
	})
}

func (r *recorder) fill(client int, ranges ...Range) {
	r.do(client, call{kind: opFill, set: toSet(ranges...)}, func() reply {
		r.a.Fill(ranges...)
		return reply{}
	})
}

func (r *recorder) pour(client, lane int, what Range) {
	r.do(client, call{kind: opFill, set: toSet(what)}, func() reply {
		pour(r.a, lane, what)
		return reply{}
	})
}

func (r *recorder) drain(client int, max uint32) (got []Range) {
	r.do(client, call{kind: opDrain, n: max}, func() reply {
		got = r.a.Drain(uint64(max))
		return reply{set: toSet(got...)}
	})
	return got
}

func (r *recorder) withdraw(client int, want Range) (got []Range) {
	r.do(client, call{kind: opWithdraw, set: toSet(want)}, func() reply {
		got = r.a.Withdraw(want)
		return reply{set: toSet(got...)}
	})
	return got
}

func (r *recorder) empty(client int) {
	r.do(client, call{kind: opEmpty}, func() reply { return reply{ok: r.a.Empty()} })
}

// record runs three buyers and a keeper over some thirty units. So within one history lanes run dry, rob each other and are
// refilled.
func record(a allotment, seed uint64) []porcupine.Operation {
	r := &recorder{a: a}
	r.pour(0, int(seed), Range{1, 13})
	if seed%2 == 0 {
		r.fill(0, Range{13, 25})
	}
	var all sync.WaitGroup
	for client := range 3 {
		all.Go(func() {
			rnd := rand.New(rand.NewPCG(seed, uint64(client)))
			for range 8 {
				r.take(client, 1+rnd.Uint32N(8)/6)
				if rnd.IntN(4) == 0 {
					r.empty(client)
				}
			}
		})
	}
	all.Go(func() { supplyHistory(r, 3, rand.New(rand.NewPCG(seed, 99))) })
	all.Wait()
	r.take(0, 1)
	return r.ops
}

func supplyHistory(r *recorder, client int, rnd *rand.Rand) {
	for next := uint32(30); next < 60; next += 10 {
		r.fill(client, Range{next, next + 1 + rnd.Uint32N(4)})
		var got []Range
		if rnd.IntN(2) == 0 {
			got = r.drain(client, 1+rnd.Uint32N(2)*30)
		} else {
			got = r.withdraw(client, Range{2, next + 2})
		}
		r.fill(client, got...)
	}
}

func TestHistoriesAreLinearizable(t *testing.T) {
	overAll(t, func(t *testing.T, make func() allotment) {
		for seed := range uint64(short(4000)) {
			h := record(make(), seed)
			if got := porcupine.CheckOperationsTimeout(setModel, h, 10*time.Second); got != porcupine.Ok {
				t.Fatalf("seed %d: %s\n%v", seed, got, h)
			}
		}
	})
}

// The checker must be able to say no. Each of these is what a plausible bug would have recorded.
func TestCheckerRejectsBrokenHistories(t *testing.T) {
	take := func(n uint32, set uint64) porcupine.Operation {
		return porcupine.Operation{Input: call{opTakeN, n, 0}, Output: reply{set != 0, set}}
	}
	fill := func(set uint64) porcupine.Operation {
		return porcupine.Operation{Input: call{kind: opFill, set: set}, Output: reply{}}
	}
	other := func(kind opKind, n uint32, set uint64, out reply) porcupine.Operation {
		return porcupine.Operation{Input: call{kind, n, set}, Output: out}
	}
	broken := map[string][]porcupine.Operation{
		"oversold":             {fill(0b10), take(1, 0b10), take(1, 0b10)},
		"sold before filled":   {take(1, 0b10), fill(0b10)},
		"lost with stock":      {fill(0b10), take(1, 0)},
		"half of a pair":       {fill(0b110), take(2, 0b10)},
		"empty with stock":     {fill(0b10), other(opEmpty, 0, 0, reply{ok: true})},
		"drained too little":   {fill(0b110), other(opDrain, 2, 0, reply{set: 0b10})},
		"drained, still taken": {fill(0b10), other(opDrain, 9, 0, reply{set: 0b10}), take(1, 0b10)},
		"withdraw left one":    {fill(0b110), other(opWithdraw, 0, 0b110, reply{set: 0b100})},
		"one unit lost":        {fill(0b110), take(1, 0b10), take(1, 0)},
	}
	for name, h := range broken {
		for i := range h {
			h[i].Call, h[i].Return = int64(2*i), int64(2*i+1)
		}
		if porcupine.CheckOperations(setModel, h) {
			t.Errorf("%s: accepted", name)
		}
	}
}
