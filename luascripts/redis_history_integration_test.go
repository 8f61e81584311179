//go:build integration

package luascripts

import (
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"spike/bench/rig/rigtest"
	"spike/luascripts/ledger"
	"spike/shard"
)

// The ledger with which a server comes back decides how long a recovery takes. Its clock decides nothing. In these tests a
// clock that is behind or ahead is a ledger that was written later or earlier.

// clockMoves makes the server's clock look as if it had been set by d since the ledger was written.
func clockMoves(t *testing.T, s *Redis, sale string, d time.Duration) {
	t.Helper()
	key, c := Keys(sale)[1], s.client
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		raw, err := c.Do(bg, c.B().Hget().Key(key).Field("raw").Build()).AsInt64()
		set := c.B().Hset().Key(key).FieldValue().FieldValue("raw", num(raw-d.Microseconds())).FieldValue("packed", "").Build()
		if err == nil && c.Do(bg, set).Error() == nil {
			return
		}
	}
	t.Fatal("it does not come back")
}

// keepsAll is a server that writes everything to its disk before it answers.
func keepsAll(dir string) []string {
	return []string{"--dir", dir, "--appendonly", "yes", "--appendfsync", "always"}
}

// shortest is how long a recovery may last in which nothing was lost, with leases of a minute.
func shortest() time.Duration {
	return max(time.Minute+ledger.DefaultBounds().Margin, ledger.DefaultBounds().Proof)
}

// TestP2ClockBehindHidesNoLoss: primary and replica die, and the primary comes back alone, from an old dump, with a clock
// that is an hour behind: what came after the dump may have been acted on.
func TestP2ClockBehindHidesNoLoss(t *testing.T) {
	t.Parallel()
	for _, d := range []time.Duration{-time.Hour, -20 * time.Second, 0, time.Hour} {
		addr, dir := rigtest.FreeAddr(t), t.TempDir()
		args := []string{"--dir", dir, "--repl-diskless-sync-delay", "0"}
		s := dial(t, rigtest.StartRedisAt(t, addr, args...).Addr, ledger.DefaultBounds())
		host, port, _ := net.SplitHostPort(addr)
		replica := rigtest.StartRedis(t, "--replicaof", host+" "+port).Addr
		online(t, s, 1)
		w := newBusySale(t, s)
		command("SAVE")(t, s)
		buyOne(t, s, w.sale, 5)
		ends(t, s, addr)
		ends(t, dial(t, replica, ledger.DefaultBounds()), replica)
		rigtest.StartRedisAt(t, addr, args...)
		clockMoves(t, s, w.sale, d)
		if h := w.again(t); wait(h) < shortest()+time.Minute {
			t.Errorf("its clock is set by %v: it grants again in %v: %+v", d, wait(h), h)
		}
	}
}

// TestP6ClockCostsNoHold: a server that wrote all down lost nothing, whatever its clock says.
func TestP6ClockCostsNoHold(t *testing.T) {
	t.Parallel()
	for _, d := range []time.Duration{-time.Hour, -10 * time.Second, time.Hour} {
		addr, args := rigtest.FreeAddr(t), keepsAll(t.TempDir())
		s := dial(t, rigtest.StartRedisAt(t, addr, args...).Addr, ledger.DefaultBounds())
		w := newBusySale(t, s)
		ends(t, s, addr)
		rigtest.StartRedisAt(t, addr, args...)
		clockMoves(t, s, w.sale, d)
		if h := w.again(t); wait(h) <= 0 || wait(h) > shortest() {
			t.Errorf("its clock is set by %v: it grants again in %v: %+v", d, wait(h), h)
		}
	}
}

// TestP5ClockAheadEndsNoHold: a lone server comes back from its newest dump, and its clock is an hour ahead. A buyer who pays
// afterwards hears at most "ask again", and then that the units are paid.
func TestP5ClockAheadEndsNoHold(t *testing.T) {
	t.Parallel()
	addr, args := rigtest.FreeAddr(t), []string{"--dir", t.TempDir()}
	s := dial(t, rigtest.StartRedisAt(t, addr, args...).Addr, ledger.DefaultBounds())
	w := newBusySale(t, s)
	won := buyOne(t, s, w.sale, 5)
	command("SAVE")(t, s)
	ends(t, s, addr)
	rigtest.StartRedisAt(t, addr, args...)
	clockMoves(t, s, w.sale, time.Hour)
	if h := w.again(t); h.Pending != 2 || h.Now-won.Now > 5*time.Second.Microseconds() {
		t.Errorf("holds have ended: %+v", h)
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		r, err := s.Confirm(bg, w.sale, 0, won.Claim)
		if err == nil && r.Life == ledger.IsConfirmed {
			return
		}
		if !errors.Is(err, ledger.ErrRecovering) || time.Now().After(end) {
			t.Fatalf("%+v %v", r, err)
		}
	}
}

// TestP3WhoLivesHasTheTimeToProve: the file is a backup. An edge that has acted on more comes 2.5 s later than a new edge.
// The new edge gets nothing before that, and for long afterwards.
func TestP3WhoLivesHasTheTimeToProve(t *testing.T) {
	t.Parallel()
	addr, dir, copied := rigtest.FreeAddr(t), t.TempDir(), t.TempDir()
	s := dial(t, rigtest.StartRedisAt(t, addr, keepsAll(dir)...).Addr, ledger.DefaultBounds())
	sale := newSale(t, s, ledger.CreateRequest{Total: 100, Hold: time.Minute})
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	w := &busySale{s: s, sale: sale, party: ledger.Party{Instance: "b", Node: "b"}}
	sold := must[ledger.LeaseReply](t)(s.Lease(bg, sale, ledger.LeaseRequest{Party: w.party, Request: 1, Want: 20,
		Term: 5 * time.Second}))
	w.lease = sold.Grant
	must[ledger.SettleReply](t)(s.Settle(bg, sale,
		ledger.SettleRequest{Party: w.party, Batch: 1, Claims: []ledger.Claim{w.claim()}}))
	acted := must[ledger.RenewReply](t)(s.Renew(bg, sale, ledger.RenewRequest{Party: w.party, Awaited: 2, Term: 5 * time.Second,
		Fences: []uint64{w.lease.Fence}}))
	ends(t, s, addr)
	rigtest.StartRedisAt(t, addr, keepsAll(copied)...)
	h := w.again(t)
	if wait(h) < 4*time.Second || wait(h) > 10*time.Second {
		t.Fatalf("it grants again in %v: %+v", wait(h), h)
	}
	lease := func(request uint64) uint64 {
		must[ledger.RenewReply](t)(s.Renew(bg, sale, ledger.RenewRequest{Party: ledger.Party{Instance: "c"}, Awaited: request,
			Term: 5 * time.Second}))
		return must[ledger.LeaseReply](t)(s.Lease(bg, sale, ledger.LeaseRequest{Party: ledger.Party{Instance: "c"},
			Request: request, Want: 10, Term: 5 * time.Second})).Grant.Fence
	}
	for n, late := uint64(1), time.Now().Add(2500*time.Millisecond); time.Now().Before(late); n++ {
		if lease(n) != 0 {
			t.Fatal("granted before who lives could come")
		}
		time.Sleep(100 * time.Millisecond)
	}
	q := ledger.ReassertRequest{Party: w.party, Era: h.Era, Term: 5 * time.Second, Was: acted.Era,
		LastApplied: acted.Rev, Told: acted.Now}
	if r := must[ledger.ReassertReply](t)(s.Reassert(bg, sale, q)); wait(r.Head) < time.Minute || lease(1000) != 0 {
		t.Errorf("what it has acted on is lost, and it grants again in %v", wait(r.Head))
	}
}

// TestReassertIsBounded: one call does bounded work, and in the end everything is re-asserted, even a lease in many ranges.
func TestReassertIsBounded(t *testing.T) {
	s := dial(t, rigtest.StartRedis(t, "--enable-debug-command", "local").Addr, ledger.DefaultBounds())
	sale := newSale(t, s, ledger.CreateRequest{Total: 20_000, Hold: time.Minute})
	old := must[ledger.LeaseReply](t)(s.Lease(bg, sale, ledger.LeaseRequest{Party: ledger.Party{Instance: "old"}, Request: 1,
		Want: 6000, Term: time.Minute})).Grant
	setFields(t, s, sale, "run", "1")
	command("DEBUG", "CHANGE-REPL-ID")(t, s)
	h := must[ledger.ExpireReply](t)(s.Expire(bg, sale, 1)).Head
	held := []ledger.Held{{Fence: old.Fence + 1, Request: 1, Ranges: ledger.Ranges{{Start: 1, End: 5001}}}, {Fence: old.Fence + 2,
		Request: 2}}
	for at := uint32(5001); at < 8001; at += 3 {
		held[1].Ranges = append(held[1].Ranges, shard.Range{Start: at, End: at + 2})
	}
	held = append(held, ledger.Held{Fence: old.Fence + 3, Request: 3, Ranges: ledger.Ranges{{Start: 9000, End: 20_001}}}) // all free
	before := evals(t, s)
	r := must[ledger.ReassertReply](t)(s.Reassert(bg, sale, ledger.ReassertRequest{Party: ledger.Party{Instance: "new"},
		Era: h.Era, Term: time.Minute, Leases: held}))
	if calls := evals(t, s) - before; calls < 5000/256+1 || calls > 60 {
		t.Errorf("%d calls", calls)
	}
	for i, g := range r.Grants {
		if g.Fence != held[i].Fence || normal(g.Ranges) != normal(held[i].Ranges) || g.Deadline == 0 {
			t.Errorf("%d of %d units in %d of %d ranges", g.Ranges.Len(), held[i].Ranges.Len(), len(g.Ranges), len(held[i].Ranges))
		}
	}
	if a := must[ledger.Audit](t)(s.Audit(bg, sale)); !a.OK {
		t.Errorf("%+v", a)
	}
}

// lostLease is a sale in a recovery of lost history, and a lease that is not lost.
func lostLease(t *testing.T, total, want uint64) (s *Redis, sale string, old ledger.Grant, h ledger.Head) {
	t.Helper()
	s = dial(t, rigtest.StartRedis(t, "--enable-debug-command", "local").Addr, ledger.DefaultBounds())
	sale = newSale(t, s, ledger.CreateRequest{Total: total, Hold: time.Minute})
	old = must[ledger.LeaseReply](t)(s.Lease(bg, sale, ledger.LeaseRequest{Party: ledger.Party{Instance: "old"}, Request: 1,
		Want: want, Term: time.Minute})).Grant
	setFields(t, s, sale, "run", "1")
	command("DEBUG", "CHANGE-REPL-ID")(t, s)
	return s, sale, old, must[ledger.ExpireReply](t)(s.Expire(bg, sale, 1)).Head
}

// Between two calls of one re-assertion a lease is back in part. A claim on the missing part is not resolved, and its token
// is not over.
func TestClaimBetweenTwoCallsOfAReassertion(t *testing.T) {
	s, sale, old, h := lostLease(t, 20_000, 6000)
	me := ledger.Party{Instance: "new", Node: "n"}
	held := []ledger.Held{{Fence: old.Fence + 1, Request: 1, Ranges: ledger.Ranges{{Start: 1, End: 1001}}}}
	q := ledger.ReassertRequest{Party: me, Era: h.Era, Term: time.Minute, Leases: held}
	claim := func(serial uint32) ledger.Claim {
		return ledger.Claim{Serial: serial, Count: 1, Fence: held[0].Fence, Nonce: uint64(serial), Expiry: h.Now + 30_000_000}
	}
	settle := func(c ledger.Claim) (ledger.SettleReply, error) {
		return s.Settle(bg, sale, ledger.SettleRequest{Party: me, Batch: uint64(c.Serial), Claims: []ledger.Claim{c}})
	}
	args := []string{s.caller(0), q.Instance, q.Node, num(q.Era), num(q.Term.Microseconds()), "0", "0", "0", "1", "0", "0"}
	args = append(args, pieces(held)[0][0].args(held[0])...)
	if _, rd, err := s.run(bg, &s.scripts.reassert, sale, args); err != nil || rd.part(1) == nil {
		t.Fatal("all is said in one call:", err)
	}
	late := claim(900)
	if r, err := settle(late); !errors.Is(err, ledger.ErrReassert) {
		t.Errorf("settle: %v %v", r.Verdicts, err)
	}
	if r, err := s.Reservation(bg, sale, 0, late); !errors.Is(err, ledger.ErrReassert) {
		t.Errorf("look: %v %v", r.Life, err)
	}
	if r, err := s.Confirm(bg, sale, 0, late); !errors.Is(err, ledger.ErrReassert) && !errors.Is(err, ledger.ErrRecovering) {
		t.Errorf("confirm: %v %v", r.Life, err)
	}
	if r := must[ledger.SettleReply](t)(settle(claim(2))); r.Verdicts[0] != ledger.Kept {
		t.Errorf("what is back already: %v", r.Verdicts)
	}
	must[ledger.ReassertReply](t)(s.Reassert(bg, sale, q))
	if r := must[ledger.SettleReply](t)(settle(late)); r.Verdicts[0] != ledger.Kept {
		t.Errorf("when all is said: %v", r.Verdicts)
	}
	mustAudit(t, s, sale)
}

// An edge comes back with almost nothing of a lease in thousands of ranges. The rest goes free, a few ranges a call.
func TestReassertFreesInSteps(t *testing.T) {
	args := append(keepsAll(t.TempDir()), "--enable-debug-command", "local")
	s := dial(t, rigtest.StartRedisAt(t, rigtest.FreeAddr(t), args...).Addr, ledger.DefaultBounds())
	sale := newSale(t, s, ledger.CreateRequest{Total: 200_000, Hold: time.Minute})
	me := ledger.Party{Instance: "me", Node: "n"}
	g := must[ledger.LeaseReply](t)(s.Lease(bg, sale, ledger.LeaseRequest{Party: me, Request: 1, Want: 4000,
		Term: time.Minute})).Grant
	for k := uint32(0); k < 4000; k += 1000 {
		var claims []ledger.Claim
		for serial := g.Ranges[0].Start + k; serial < g.Ranges[0].Start+k+1000; serial += 2 {
			claims = append(claims, ledger.Claim{Serial: serial, Count: 1, Fence: g.Fence, Nonce: uint64(serial), Expiry: g.Deadline})
		}
		must[ledger.SettleReply](t)(s.Settle(bg, sale, ledger.SettleRequest{Party: me, Batch: uint64(k) + 1, Claims: claims}))
	}
	setFields(t, s, sale, "run", "1") // as if it had begun with its file, which has everything
	command("DEBUG", "CHANGE-REPL-ID")(t, s)
	h := must[ledger.ExpireReply](t)(s.Expire(bg, sale, 1)).Head
	before := evals(t, s)
	held := []ledger.Held{{Fence: g.Fence, Request: 1, Ranges: ledger.Ranges{{Start: g.Ranges[0].Start + 1,
		End: g.Ranges[0].Start + 2}}}}
	r := must[ledger.ReassertReply](t)(s.Reassert(bg, sale, ledger.ReassertRequest{Party: me, Era: h.Era, Term: time.Minute,
		Leases: held}))
	if calls, least := evals(t, s)-before, 2000/128; calls < least || r.Leased != 1 {
		t.Errorf("%d calls, at least %d are needed; %+v", calls, least, r.Head)
	}
	mustAudit(t, s, sale)
}

// An old primary that has not noticed its fail-over yet does not say that a reservation made elsewhere is over.
func TestLonePrimaryCallsNothingOver(t *testing.T) {
	primary := rigtest.StartRedis(t, "--repl-diskless-sync-delay", "0").Addr
	host, port, _ := net.SplitHostPort(primary)
	s := dial(t, primary, ledger.DefaultBounds())
	r := dial(t, rigtest.StartRedis(t, "--replicaof", host+" "+port).Addr, ledger.DefaultBounds())
	online(t, s, 1)
	sale := newSale(t, s, ledger.CreateRequest{Total: 100, Hold: time.Minute})
	must[ledger.ShowReply](t)(s.Show(bg, sale))
	must[ledger.ExpireReply](t)(s.Expire(bg, sale, 1))
	command("REPLICAOF", "NO", "ONE")(t, r)
	(&busySale{s: r, sale: sale}).again(t)
	must[ledger.Head](t)(r.Reopen(bg, sale, ledger.ReopenRequest{Grants: true}))
	won := buyOne(t, r, sale, 5)
	if got, err := s.Reservation(bg, sale, 0, won.Claim); !errors.Is(err, ledger.ErrRecovering) {
		t.Errorf("%v %v", got.Life, err)
	}
}

// evals counts the scripts a server has run by their names.
func evals(t *testing.T, s *Redis) int {
	t.Helper()
	info := must[string](t)(s.client.Do(bg, s.client.B().Info().Section("commandstats").Build()).ToString())
	_, after, _ := strings.Cut(info, "cmdstat_fcall:calls=")
	calls, _, _ := strings.Cut(after, ",")
	return must[int](t)(strconv.Atoi(calls))
}
