package sim

import (
	"fmt"
	"time"

	"spike/luascripts/ledger"
	"spike/luascripts/memory"
)

// server is a Redis: a ledger, and the log of scripts that made it what it is. Who has the log, or the beginning of it,
// has the ledger as it was then.
type server struct {
	w        *world
	id       uint64
	twin     *memory.Twin
	log      []*entry
	up       bool // takes calls
	synced   bool // appendfsync always
	run      uint64
	fed      memory.Fed // whether data has come to this process from a master
	followed uint64     // the era it followed when it was promoted; 0: none
	era      uint64
	skew     int64 // its clock, ahead of true time
	fences   map[uint64]bool
	highest  uint64 // fence
	most     uint64 // replicas seen in this era

	followers []*follower
	came      int // followers, ever: each has begun with all there was
}

// entry is a script that ran.
type entry struct {
	at   int64 // where it is in the log
	when int64 // true time
	call any
	raw  int64
	node memory.Node

	heard  bool // an edge's Keeper has acted on its answer
	undone bool // it was lost though its answer was durable: by a backup, or with every copy
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
	s.starts()
	w.servers = append(w.servers, s)
	return s
}

// starts makes it another process, which has what it has from its own file.
func (s *server) starts() {
	s.w.runs++
	s.run, s.fed, s.followed = s.w.runs, memory.NeverFed, 0
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
func (w *world) newTwin() *memory.Twin {
	n := memory.Node{Era: 1, Run: firstRun, Fsynced: w.fates.store == fsynced, Replicas: uint64(max(0, int(w.fates.store-lossy)))}
	q := ledger.CreateRequest{Total: w.fates.total, Hold: w.fates.hold, Closes: w.closes()}
	if w.fates.window > 0 {
		q.Shuffle, q.Opens, q.Seed = w.fates.window, time.UnixMicro(start/1000), fmt.Sprintf("%064x", w.seed)
	}
	return memory.NewTwinOn(n, start/1000, q, w.ledger)
}

// execute runs a script, and lets the followers have it.
func (s *server) execute(call any) (reply any, e *entry, err error) {
	e = &entry{at: int64(len(s.log)), when: s.w.now, call: call, raw: s.raw(),
		node: s.node()}
	if s.w.fates.votes {
		e.node.Lineup = s.lineup()
	}
	s.log = append(s.log, e)
	s.most = max(s.most, e.node.Replicas)
	for _, f := range s.followers {
		f.seen = f.seen || f.cut <= s.w.now
		f.hear()
	}
	reply, head, err := e.run(s.twin)
	s.w.scripts++
	s.w.calls.note(call)
	s.w.trace(ran, s.id<<32|e.kind(), uint64(head.Now),
		head.Rev<<32|head.Free<<16|head.Leased, head.Pending<<32|head.Confirmed<<16|head.Limbo)
	s.w.check.ran(s, e, reply, err)
	return reply, e, err
}

// node is what scripts see of it.
func (s *server) node() memory.Node {
	return memory.Node{Era: s.era, Run: s.run, Followed: s.followed, Fed: s.fed, Replicas: s.online(), File: s.synced,
		Fsynced: s.synced}
}

// has says whether an entry is in this history.
func (s *server) has(e *entry) bool { return e.at < int64(len(s.log)) && s.log[e.at] == e }

// keepFence notes the fence of a grant, and says whether it is one, and new here.
func (s *server) keepFence(reply any) (fence uint64, fresh bool) {
	switch r := reply.(type) {
	case ledger.LeaseReply:
		fence = r.Grant.Fence
	case ledger.DeductReply:
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

// history is looked at when a server begins with what it has of another one's.
func (w *world) history(s *server) {
	w.histories++
	w.moved, w.fresh = w.now, w.now
	if w.silent != nil && !s.has(w.silent) {
		w.silent = nil // with what the operator did
	}
	w.tell("Redis %d goes on as era %d: %v", s.id, s.era, s.twin.Last())
	w.check.history(s)
	w.tidings()
}

// tidings is what every edge that lives finds out within a while after it can: the store's history may be another one.
func (w *world) tidings() {
	for _, e := range w.edges {
		late := max(max(w.outage, e.host.cut)-w.now, 0)
		w.after(time.Duration(late)+w.upTo(1200*time.Millisecond), func() { e.hear(ledger.Open, true) })
	}
}
