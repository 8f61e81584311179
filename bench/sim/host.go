package sim

import (
	"fmt"
	"time"

	"spike/luascripts/ledger"
)

// host is a machine. Its edges run under the same name, one after another.
type host struct {
	w     *world
	id    uint64
	name  string
	route *server // the Redis that its edge talks to
	cut   int64   // it cannot reach the store until then
	data  bool    // its rings are files
	boots int
	runs  int
	edge  *edge // the newest
	left  []*remains

	deserted bool // no buyer comes here
	mute     bool // only a look gets through

	drift float64 // its seconds per true second
	wall  int64   // its clock, ahead of true time
}

func newHost(w *world, id int) *host {
	return &host{w: w, id: uint64(id), name: fmt.Sprintf("n%d", id+1), route: w.primary, data: w.chance(w.fates.data),
		drift: 1 + (w.rng.Float64()-0.5)/500, wall: w.rng.Int64N(int64(time.Hour)) - int64(time.Hour/2)}
}

// begin starts an edge, a new instance. It settles the rings of earlier edges (recoverAll).
func (h *host) begin() {
	h.runs++
	h.edge = newEdge(h)
	h.w.edges = append(h.w.edges, h.edge)
	h.w.trace(began, h.id, uint64(h.runs), uint64(h.boots), 0)
	h.w.tell("%s begins", h.edge.name)
	h.edge.start()
	h.startOnOtherStore()
	h.edge.recoverAll()
}

// turn sends the host's calls to another Redis from now on.
func (h *host) turn(s *server) {
	if h.route != s {
		h.w.tell("%s talks to Redis %d", h.name, s.id)
	}
	h.route = s
	if h.edge != nil {
		h.edge.resumed = h.w.now
	}
}

// cutOff keeps the host from the store for a while. Some buyers come when its leases are about to end.
func (h *host) cutOff(d time.Duration) {
	if h.w.now < h.w.calmUntil {
		return
	}
	h.w.tell("%s is cut off from the store for %v", h.name, d)
	h.cut = h.w.now + int64(d)
	for range 2 {
		h.edge.later(h.w.fates.term-h.w.upTo(time.Second), h.edge.buyerComes)
	}
}

// kill ends the edge as kill -9 does.
func (h *host) kill() {
	e := h.edge
	if e.gone {
		return
	}
	h.w.tell("%s is killed; its ring survives: %v", e.name, h.data)
	e.die()
	if h.w.lacks(nodeRelease) && !h.data {
		h.left = append(h.left, &remains{party: e.party(), boot: h.boots, of: e})
	}
	if h.data {
		h.left = append(h.left, e.remains())
		return
	}
	h.w.check.lostWith(e, nil)
}

// burn ends the machine. Its disk may have kept some of the newest claims, or none.
func (h *host) burn() {
	if e := h.edge; !e.gone {
		h.w.tell("the machine of %s loses its power", e.name)
		e.die()
		h.left = append(h.left, e.remains())
	}
	h.boots++
	kept := h.data && h.w.chance(0.5)
	for _, r := range h.left {
		var claims []ledger.Claim
		for _, c := range r.claims {
			if kept && h.w.chance(0.5) {
				claims = append(claims, c)
			}
		}
		r.claims, r.offers = claims, nil
		h.w.check.lostWith(r.of, claims)
	}
	if !kept {
		h.left = nil
	}
}
