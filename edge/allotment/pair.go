package allotment

import (
	"fmt"

	"spike/luascripts/ledger"
)

// What a simulator needs, which is itself clock, network and buyers to an edge: a Runner's parts without its goroutines.

// NewPair is an allotment of a sale whose newest view is head, and its Keeper, for steps by hand. Both have one lane, so that the
// CPU decides nothing.
func NewPair(cfg Config, clock Clock, head ledger.Head, most int) (*Allotment, *Keeper) {
	cfg.Lanes = 1
	return begin(cfg, clock, head, most)
}

// Left is the claims and offers that a file of these Rings would have if its process were dead.
func (k *Keeper) Left() (claims []ledger.Claim, offers []Offer) {
	f := k.a.ring.left()
	return f.Claims, f.Offers
}

// Nudged says whether the Keeper was called since the last Nudged.
func (a *Allotment) Nudged() (yes bool) {
	for {
		select {
		case <-a.nudge:
		case <-a.stock.Low():
		default:
			return yes
		}
		yes = true
	}
}

// Gone is the refusal that ended the sale here, or nil.
func (k *Keeper) Gone() error { return k.gone }

// Sane checks that living leases cover the units on sale. Its error says what is wrong.
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
