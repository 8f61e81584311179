package sim

import (
	"fmt"
	"time"

	"spike/luascripts/ledger"
	"spike/luascripts/memory"
)

// server is a Redis: a ledger, and the log of scripts that made it. The beginning of the log gives the ledger as it was then.
type server struct {
	w        *world
	id       uint64
	twin     *memory.Twin
	log      []*entry
	up       bool // it takes calls
	synced   bool // appendfsync always
	run      uint64
	fed      memory.Fed // whether data has come to this process from a master
	followed uint64     // the era that it followed when it was promoted; 0: none
	era      uint64
	skew     int64 // its clock, ahead of true time
	fences   map[uint64]bool
	highest  uint64 // fence
	answers  map[ledger.IdempotencyKey]keptAnswer
	refused  map[ledger.Buyer]int
	most     uint64 // replicas seen in this era

	followers []*follower
	came      int // how many have ever begun to follow; each began with all there was
}

// entry is a script that ran.
type entry struct {
	at   int64 // its position in the log
	when int64 // true time
	call any
	raw  int64
	node memory.Node
	came int // followers of the server until then

	heard  bool // an edge's Keeper has acted on its answer
	undone bool // it was lost although its answer was durable: by a backup, or with every copy
}

// openStore makes the sale and its servers.
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

// starts makes the server a new process, with the data of its own file.
func (s *server) starts() {
	s.w.runs++
	s.run, s.fed, s.followed = s.w.runs, memory.NeverFed, 0
}

// firstRun is the primary's first process.
const firstRun = 1

// raw returns the server's clock.
func (s *server) raw() int64 { return (s.w.now + s.skew) / 1000 }

// begin makes it the primary of a history that goes on after these entries.
func (s *server) begin(log []*entry) {
	s.w.eras++
	s.era, s.log, s.most = s.w.eras, log, 0
	s.fences, s.highest = map[uint64]bool{}, 0
	s.answers, s.refused = map[ledger.IdempotencyKey]keptAnswer{}, map[ledger.Buyer]int{}
	s.twin = s.w.newTwin()
	for _, e := range log {
		reply, err := e.run(s.twin)
		s.learn(e.call, reply, err)
	}
	s.w.trace(reigns, s.id, s.era, uint64(len(log)), s.twin.Last().Rev)
}

// newTwin returns the ledger before the first script.
func (w *world) newTwin() *memory.Twin {
	n := memory.Node{Era: 1, Run: firstRun, Fsynced: w.fates.store == fsynced, Replicas: uint64(max(0, int(w.fates.store-lossy)))}
	n.Names = []string{"", "1", "1 2"}[n.Replicas]
	q := ledger.CreateRequest{Total: w.fates.total, Hold: w.fates.hold, Closes: w.closes(), Limit: w.fates.together.limit}
	if w.fates.window > 0 {
		q.Shuffle, q.Opens, q.Seed = w.fates.window, time.UnixMicro(start/1000), fmt.Sprintf("%064x", w.Seed)
	}
	return memory.NewTwinOn(n, start/1000, q, w.ledger)
}

// execute runs a script, and sends it to the followers.
func (s *server) execute(call any) (reply any, e *entry, err error) {
	e = &entry{at: int64(len(s.log)), when: s.w.now, call: call, raw: s.raw(), node: s.node(), came: s.came}
	if s.w.fates.votes {
		e.node.Lineup = s.lineup()
	}
	s.log = append(s.log, e)
	s.most = max(s.most, e.node.Replicas)
	for _, f := range s.followers {
		f.seen = f.seen || f.cut <= s.w.now
		f.hear()
	}
	was := s.twin.Last()
	reply, err = e.run(s.twin)
	is := s.twin.Last()
	if err != nil {
		s.w.check.refuses(call, was, is)
	}
	s.w.Scripts++
	s.w.calls.note(call)
	if q, ok := call.(deducts); ok && len(q) > 1 {
		s.w.Beside += len(q)
	}
	is = s.headOf(reply, err)
	s.w.trace(ran, s.id<<32|traitOf(call).traced, uint64(is.Now),
		is.Rev<<32|is.Free<<16|is.Leased, is.Pending<<32|is.Confirmed<<16|is.Limbo)
	s.w.check.ran(s, e, reply, err)
	return reply, e, err
}

// headOf is the head of an answer. A refusal has none, and a look leaves the ledger as it was.
func (s *server) headOf(reply any, err error) ledger.Head {
	switch r := reply.(type) {
	case ledger.ReservationReply:
		return r.Head
	case []ledger.Deducted:
		return s.twin.Last()
	}
	if err != nil {
		return ledger.Head{}
	}
	return s.twin.Last()
}

// node is what scripts see of the server.
func (s *server) node() memory.Node {
	here := s.online()
	return memory.Node{Era: s.era, Run: s.run, Followed: s.followed, Fed: s.fed, Replicas: uint64(len(here)),
		Names: namesOf(here, " "), File: s.synced, Fsynced: s.synced}
}

// has says whether this history has an entry.
func (s *server) has(e *entry) bool { return e.at < int64(len(s.log)) && s.log[e.at] == e }

// learn notes the answers of a script that has run before.
func (s *server) learn(call, reply any, err error) {
	if err != nil {
		return
	}
	s.keepFence(reply)
	for _, b := range boughtBy(call, reply) {
		s.keepFence(b.r)
		s.keepAnswer(b)
	}
}

// keepFence notes the fence of a grant. It returns whether the grant is new on this server.
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

// durable says whether this server's answers survive it: its disk has them, or every replica that it ever had.
func (s *server) durable() bool { return s.synced || s.most > 0 }

// history is called when a server begins with another server's history.
func (w *world) history(s *server) {
	w.Histories++
	w.moved, w.fresh = w.now, w.now
	if w.silent != nil && !s.has(w.silent) {
		w.silent = nil // the operator's pause is lost with it
	}
	w.tell("Redis %d goes on as era %d: %v", s.id, s.era, s.twin.Last())
	w.check.history(s)
	w.learnHistory()
}

// learnHistory makes every living edge learn within a while that the store's history may be another.
func (w *world) learnHistory() {
	for _, e := range w.edges {
		late := max(max(w.outage, e.host.cut)-w.now, 0)
		w.after(time.Duration(late)+w.upTo(1200*time.Millisecond), func() { e.hear(ledger.Open, true) })
	}
}
