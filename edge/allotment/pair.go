package allotment

import (
	"fmt"
	"math/bits"

	"spike/luascripts"
	"spike/shard"
)

// What a simulator needs, which is clock, network and buyers to an edge: everything a Runner has, and no goroutine.

// NewPair is an allotment of a sale whose newest view is head, and the Keeper that somebody steps by hand. Both have one
// lane: which CPU runs them decides nothing.
func NewPair(cfg Config, clock Clock, head luascripts.Head, ring *Ring) (*Allotment, *Keeper) {
	a := newAllotment(shard.New(1), ring, clock, int64(cfg.Bounds.Margin))
	k := newKeeper(cfg, a)
	k.now = clock()
	k.look(head, k.now)
	k.lastBuy = k.now
	return a, k
}

// NewLane is a Ring in memory with one lane of `size` slots, rounded up to a power of two.
func NewLane(size int) *Ring {
	return ringOver(make([]slot, 1<<bits.Len(uint(size-1))), 1)
}

// Left is what ReadRing would find, were this Ring a file and its process dead: the claims that were published, and that
// the ledger has not answered for.
func (r *Ring) Left() (claims []luascripts.Claim) {
	for i := range r.lanes {
		l := &r.lanes[i]
		head := l.head.Load()
		for k := range l.slot {
			if s := &l.slot[k]; s.turn.Load() > head && s.kind == claim {
				claims = append(claims, s.Claim)
			}
		}
	}
	return claims
}

// Nudged says whether somebody has called the Keeper since it was asked last.
func (a *Allotment) Nudged() (yes bool) {
	select {
	case <-a.nudge:
		yes = true
	default:
	}
	select {
	case <-a.stock.Low():
		yes = true
	default:
	}
	return yes
}

// Gone is the refusal that ended the sale here, or nil.
func (k *Keeper) Gone() error { return k.gone }

// Sane says what is wrong with what the Keeper holds: units on sale are covered by leases that are not over.
func (k *Keeper) Sane() error {
	covered := uint64(0)
	for _, h := range k.leases {
		if h.parked.Len() > h.rest.Len() {
			return fmt.Errorf("%v parked of %d units under %d", h.parked, h.rest.Len(), h.fence)
		}
		if !h.lapsed {
			covered += h.rest.Len()
		}
	}
	if n := k.a.Stock(); n > covered {
		return fmt.Errorf("%d units on sale, and leases for %d", n, covered)
	}
	return nil
}
