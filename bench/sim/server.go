package sim

import (
	"fmt"
	"slices"
	"time"

	"spike/edge/allotment"
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
	promoted int   // scripts that it had at its promotion
	forgot   bool  // its file is from before that, and has the server itself among the replicas
	skew     int64 // its clock, ahead of true time
	fences   map[uint64]bool
	highest  uint64 // fence
	answers  map[ledger.IdempotencyKey]bought
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
	for range w.fates.store.replicas() {
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

// raw returns the server's clock.
func (s *server) raw() int64 { return (s.w.now + s.skew) / 1000 }

// begin makes it the primary of a history that goes on after these entries.
func (s *server) begin(log []*entry) {
	s.w.eras++
	s.era, s.log, s.most = s.w.eras, log, 0
	s.fences, s.highest = map[uint64]bool{}, 0
	s.answers, s.refused = map[ledger.IdempotencyKey]bought{}, map[ledger.Buyer]int{}
	s.twin = s.w.newTwin()
	for _, e := range log {
		reply, err := e.run(s.twin)
		if err != nil {
			continue
		}
		for _, f := range fencesOf(e.call, reply) {
			s.fences[f] = true
		}
		for _, b := range boughtBy(e.call, reply) {
			s.keepAnswer(b)
		}
	}
	s.w.trace(reigns, s.id, s.era, uint64(len(log)), s.twin.Last().Rev)
}

// newTwin returns the ledger before the first script.
func (w *world) newTwin() *memory.Twin {
	n := memory.Node{Era: 1, Run: 1, Fsynced: w.fates.store == fsynced, Replicas: uint64(w.fates.store.replicas())}
	n.Names = []string{"", "1", "1 2"}[n.Replicas]
	q := ledger.CreateRequest{Total: w.fates.total, Hold: w.fates.hold, Limit: w.fates.limit}
	if w.fates.closes > 0 {
		q.Closes = time.UnixMicro(start/1000 + w.fates.closes.Microseconds())
	}
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
	if err != nil && is.Owned() > was.Owned() {
		s.w.fail("%v is refused, and %d units are sold by it", call, is.Owned()-was.Owned())
	}
	s.w.Scripts++
	number := scriptOf(call).traced
	s.w.ran[number]++
	if q, ok := call.([]ledger.DeductRequest); ok && len(q) > 1 {
		s.w.Beside += len(q)
	}
	if r, looks := reply.(ledger.ReservationReply); looks { // it leaves the ledger as it was
		is = r.Head
	} else if _, several := reply.([]ledger.Deducted); err != nil && !several { // a refusal has no head
		is = ledger.Head{}
	}
	s.w.trace(ran, s.id<<32|number, uint64(is.Now),
		is.Rev<<32|is.Free<<16|is.Leased, is.Pending<<32|is.Confirmed<<16|is.Limbo)
	s.w.check.ran(s, e, reply, err)
	return reply, e, err
}

// node is what scripts see of the server.
func (s *server) node() memory.Node {
	here := s.online()
	return memory.Node{Era: s.era, Run: s.run, Followed: s.followed, Fed: s.fed, Replicas: uint64(len(here)),
		Names: namesOf(here, " "), File: s.synced, Fsynced: s.synced}
}

// has says whether this history has an entry.
func (s *server) has(e *entry) bool { return e != nil && e.at < int64(len(s.log)) && s.log[e.at] == e }

// lost says whether there is an entry that this history has not.
func (s *server) lost(e *entry) bool { return e != nil && !s.has(e) }

// history is called when a server begins with another server's history.
func (w *world) history(s *server) {
	w.Histories++
	w.moved, w.fresh = w.now, w.now
	if w.silent != nil && !s.has(w.silent) {
		w.silent = nil // the operator's pause is lost with it
	}
	w.tell("Redis %d goes on as era %d: %v", s.id, s.era, s.twin.Last())
	w.check.history(s)
	for _, e := range w.edges { // each living one learns within a while that the store's history may be another
		late := max(max(w.outage, e.host.cut)-w.now, 0)
		w.after(time.Duration(late)+w.upTo(1200*time.Millisecond), func() { e.hear(allotment.News{Door: ledger.Open, Unsure: true}) })
	}
}

// crash kills a server, which comes back from its file. The end of its log is lost, unless the disk has it and is no backup.
func (s *server) crash(tail, down time.Duration, backup bool) {
	w, kept := s.w, len(s.log)
	w.moved = w.now
	if !s.synced || backup {
		kept -= len(s.since(tail))
	}
	if backup {
		w.backups++
		w.calmUntil = max(w.calmUntil, w.now+int64(down)) // an edge that can prove it must live on
	}
	w.check.ledgerNow()
	if backup || w.fates.store >= replica { // the last copy of the scripts that were waited for
		for _, e := range s.log[kept:] {
			e.undone = true
		}
	}
	s.up, s.followers = false, nil
	w.tell("Redis %d dies for %v, and loses %d scripts, backup %v", s.id, down, len(s.log)-kept, backup)
	w.after(down, func() {
		w.moves++
		if backup && !w.witnessed(s.log[kept:]) { // the edge that could have proved it has died meanwhile
			kept = len(s.log)
		}
		s.setClock()
		s.forgot = s.promoted > 0 && kept <= s.promoted
		s.begin(slices.Clone(s.log[:kept]))
		s.starts()
		s.up = true
		if backup {
			w.calm()
		}
		w.history(s)
		w.cutAgain(s)
	})
}

// since returns the entries of the last while.
func (s *server) since(tail time.Duration) []*entry {
	k := len(s.log)
	for k > 0 && s.log[k-1].when > s.w.now-int64(tail) {
		k--
	}
	return s.log[k:]
}

// setClock sets a machine's clock wrong at a start. In half of these cases it is corrected later.
func (s *server) setClock() {
	if !s.w.fates.jumps || s.w.healed || s.w.chance(0.5) {
		return
	}
	was := s.skew
	s.w.moves += 2
	s.skew += int64(s.w.upTo(2*time.Hour) - time.Hour)
	s.w.tell("its clock is set by %v", time.Duration(s.skew-was))
	if s.w.chance(0.5) {
		s.w.after(s.w.upTo(time.Second), func() {
			s.skew = was
			if s.w.healed { // from then on no clock may be behind
				s.skew = max(was, 0)
			}
			s.w.tell("the clock of Redis %d is right again", s.id)
		})
	}
}

// allDie kills a primary and its replicas together. The primary comes back alone, with its file.
func (w *world) allDie(tail, down time.Duration) {
	s := w.primary
	others := s.followers
	w.tell("Redis %d dies with its %d replicas", s.id, len(others))
	s.crash(tail, down, false)
	for _, f := range others {
		w.resync(f.s, down+w.upTo(3*time.Second))
	}
}

// cutAgain kills a lone Redis once more, mostly at the end of its recovery. The Redis loses all of the time since but
// its beginning, or only the end. It keeps its own clock, so the margin is needed only once.
func (w *world) cutAgain(s *server) {
	if !w.fates.cutsAgain || w.now < w.calmUntil || w.chance(0.3) {
		return
	}
	from, d := w.now, w.fates.recovery()
	if w.chance(0.5) { // an edge that comes late re-asserts after another one
		w.someHost().cutOff(w.upTo(2 * time.Second))
	}
	if w.chance(0.6) {
		w.after(time.Second, func() { w.cutAtTheEnd(s) })
		return
	}
	w.after(w.upTo(d), func() { w.cut(s, time.Duration(w.now-from)-w.oneOf(600*time.Millisecond, d/2)) })
}

// cutAtTheEnd cuts the history just after the recovery. In the history that is left, the recovery is not quite over. An edge
// that came late has re-asserted in the part that is lost.
func (w *world) cutAtTheEnd(s *server) {
	h := s.twin.Last()
	d := time.Duration(h.Reopens-h.Now) * time.Microsecond
	if h.Reopens == 0 || w.healed {
		return
	}
	late := d - w.upTo(w.bounds.Step)
	w.someHost().cutOff(late)
	w.after(max(d, late+w.upTo(w.bounds.Step)), func() { w.cut(s, w.upTo(w.bounds.Step)) })
}

// cut is a crash that loses so much.
func (w *world) cut(s *server, tail time.Duration) {
	if w.healed || w.now < w.calmUntil || !s.up || s != w.primary {
		return
	}
	s.crash(max(tail, 0), w.oneOf(300*time.Millisecond, 4*time.Second), false)
}

// calm is needed after a backup: each living edge wakes and soon reaches the store, to say in time that it acted on more.
func (w *world) calm() {
	w.outage = 0
	w.calmUntil = w.now + int64(w.bounds.Proof+time.Second)
	for _, h := range w.hosts {
		h.cut = 0
		if !w.chance(0.5) { // the others come at once; a look, and a call that fails before, take time besides
			h.cut = w.now + int64(w.upTo(2500*time.Millisecond))
		}
		h.edge.resume()
	}
}

// lasts says whether an answer survives its server, by I5.
func (a answer) lasts() bool { return a.durable && !a.entry.undone }

// witnessed says whether a living edge has acted on one of these scripts. Then it can prove that they are lost.
func (w *world) witnessed(lost []*entry) bool {
	return slices.ContainsFunc(lost, func(lost *entry) bool {
		actor := scriptOf(lost.call).actor
		alive := func(e *edge) bool { return e.name == actor && !e.gone && !e.ending }
		return lost.heard && slices.ContainsFunc(w.edges, alive)
	})
}
