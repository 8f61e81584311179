package sim

import (
	"slices"
	"time"

	"spike/luascripts"
)

// server is a Redis: a ledger, and the log of scripts that made it what it is. Who has the log, or the beginning of it,
// has the ledger as it was then.
type server struct {
	w       *world
	id      uint64
	twin    *luascripts.Twin
	log     []*entry
	up      bool // takes calls
	synced  bool // appendfsync always
	run     uint64
	behind  bool // it has been another's replica
	era     uint64
	began   int64 // by its own clock, microseconds
	skew    int64 // its clock, ahead of true time
	fences  map[uint64]bool
	highest uint64 // fence
	most    uint64 // replicas seen in this era

	followers []*follower
}

// entry is a script that ran.
type entry struct {
	at   int64 // where it is in the log
	when int64 // true time
	call any
	raw  int64
	node luascripts.Node
}

// openStore makes the sale, and the servers it lives on.
func (w *world) openStore() {
	s := w.newServer()
	s.synced, s.up, w.primary = w.fates.store == fsynced, true, s
	for range max(0, int(w.fates.store-lossy)) {
		s.follow(w.newServer())
	}
	s.begin(nil)
}

// maxSkew is how far apart servers' clocks may be. With a step of the clock it makes up the margin (I1).
const maxSkew = 400 * time.Millisecond

func (w *world) newServer() *server {
	s := &server{w: w, id: uint64(len(w.servers)), skew: int64(w.upTo(maxSkew))}
	s.began = s.raw() - int64(time.Hour/time.Microsecond)
	s.starts()
	w.servers = append(w.servers, s)
	return s
}

// starts makes it another process.
func (s *server) starts() {
	s.w.runs++
	s.run = s.w.runs
}

// firstRun is the primary's before all.
const firstRun = 1

// raw is its clock.
func (s *server) raw() int64 { return (s.w.now + s.skew) / 1000 }

// begin makes it the primary of a history that goes on after these entries.
func (s *server) begin(log []*entry) {
	s.w.eras++
	s.era, s.log, s.most = s.w.eras, log, 0
	s.fences, s.highest = map[uint64]bool{}, 0
	s.twin = s.w.newTwin()
	for _, e := range log {
		reply, _, _ := e.run(s.twin)
		s.keepFence(reply)
	}
	s.w.trace(reigns, s.id, s.era, uint64(len(log)), s.twin.Last().Rev)
}

// newTwin is the ledger before all.
func (w *world) newTwin() *luascripts.Twin {
	n := luascripts.Node{Era: 1, Run: firstRun, Fsynced: w.fates.store == fsynced, Replicas: uint64(max(0, int(w.fates.store-lossy)))}
	return luascripts.NewTwinOn(n, start/1000, luascripts.CreateRequest{Total: w.fates.total, Hold: w.fates.hold}, w.ledger)
}

// execute runs a script, and lets the followers have it.
func (s *server) execute(call any) (reply any, e *entry, err error) {
	e = &entry{at: int64(len(s.log)), when: s.w.now, call: call, raw: s.raw(),
		node: luascripts.Node{Era: s.era, Run: s.run, Followed: s.behind, Replicas: s.online(), Started: s.began,
			File: s.synced, Fsynced: s.synced}}
	s.log = append(s.log, e)
	s.most = max(s.most, e.node.Replicas)
	for _, f := range s.followers {
		f.hear()
	}
	reply, head, err := e.run(s.twin)
	s.w.scripts++
	s.w.trace(ran, s.id<<32|e.kind(), uint64(head.Now), head.Rev<<32|head.Free<<16|head.Leased, head.Pending<<32|head.Confirmed<<16|head.Limbo)
	s.w.check.ran(s, e, reply, err)
	return reply, e, err
}

// has says whether an entry is in this history.
func (s *server) has(e *entry) bool { return e.at < int64(len(s.log)) && s.log[e.at] == e }

// keepFence notes the fence of a grant, and says whether it is one, and new here.
func (s *server) keepFence(reply any) (fence uint64, fresh bool) {
	switch r := reply.(type) {
	case luascripts.LeaseReply:
		fence = r.Grant.Fence
	case luascripts.DeductReply:
		fence = r.Claim.Fence
	}
	fresh = fence > 0 && !s.fences[fence]
	if fresh {
		s.fences[fence] = true
	}
	return fence, fresh
}

// durable says whether what this server answers survives it: its disk has it, or every replica it has ever had.
func (s *server) durable() bool { return s.synced || s.most > 0 }

// crash loses the end of the log, unless the disk has it; the server is back after a while.
func (s *server) crash(tail, down time.Duration) {
	kept := len(s.log)
	for !s.synced && kept > 0 && s.log[kept-1].when > s.w.now-int64(tail) {
		kept--
	}
	s.w.check.ledgerNow()
	s.up = false
	s.w.tell("Redis %d dies for %v, and loses %d scripts", s.id, down, len(s.log)-kept)
	s.w.after(down, func() {
		s.begin(slices.Clone(s.log[:kept]))
		s.up, s.began = true, s.raw()
		s.starts()
		s.w.history(s)
	})
}

// history is looked at when a server begins with what it has of another one's.
func (w *world) history(s *server) {
	w.histories++
	w.moved, w.fresh = w.now, w.now
	w.tell("Redis %d goes on as era %d: %v", s.id, s.era, s.twin.Last())
	w.check.history(s)
	w.spread(true)
}
