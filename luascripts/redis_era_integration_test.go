//go:build integration

package luascripts

import (
	"errors"
	"maps"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"spike/bench/rig/rigtest"
	"spike/luascripts/ledger"
)

// ends kills a server and waits until nobody listens there.
func ends(t *testing.T, s *Redis, addr string) {
	t.Helper()
	info := must[string](t)(s.client.Do(bg, s.client.B().Info().Section("server").Build()).ToString())
	_, pid, _ := strings.Cut(info, "process_id:")
	pid, _, _ = strings.Cut(pid, "\r")
	if err := exec.Command("kill", "-9", pid).Run(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return
		}
		_ = c.Close()
	}
	t.Fatal("it lives")
}

// held is all that an instance would re-assert of its lease.
func (w *busySale) held() []ledger.Held {
	return []ledger.Held{{Fence: w.lease.Fence, Request: 1, Deadline: w.lease.Deadline, Ranges: w.lease.Ranges}}
}

func (w *busySale) reassert(t *testing.T, era uint64) ledger.ReassertReply {
	t.Helper()
	return must[ledger.ReassertReply](t)(w.s.Reassert(bg, w.sale, ledger.ReassertRequest{Party: w.party, Era: era,
		Term: time.Minute, Leases: w.held()}))
}

// again waits until the server answers scripts, and returns the sale as it is then.
func (w *busySale) again(t *testing.T) ledger.Head {
	t.Helper()
	h, answered := ledger.Head{}, 0
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		r, err := w.s.Expire(bg, w.sale, 1)
		if err != nil {
			continue
		}
		if answered++; answered == 1 {
			h = r.Head
		}
		if answered == 20 { // by every connection
			return h
		}
	}
	t.Fatal("it does not come back")
	return h
}

// reopens waits until units are granted again, with the lease renewed all the while.
func (w *busySale) reopens(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		r := must[ledger.RenewReply](t)(w.s.Renew(bg, w.sale, ledger.RenewRequest{Party: w.party, Awaited: 9, Term: time.Minute,
			Fences: []uint64{w.lease.Fence}}))
		if r.Reopens == 0 {
			return
		}
	}
	t.Error("it never grants again")
}

func wait(h ledger.Head) time.Duration { return time.Duration(h.Reopens-h.Now) * time.Microsecond }

// A server that had everything on its disk lost nothing: once the one lease from before is re-asserted, it grants.
// It proves G23.
func TestRestartFromFullDisk(t *testing.T) {
	t.Parallel()
	addr, dir := rigtest.FreeAddr(t), t.TempDir()
	args := []string{"--dir", dir, "--appendonly", "yes", "--appendfsync", "always"}
	s := dial(t, rigtest.StartRedisAt(t, addr, args...).Addr, ledger.DefaultBounds())
	w := newBusySale(t, s)
	before := must[ledger.ShowReply](t)(s.Show(bg, w.sale))
	ends(t, s, addr)
	rigtest.StartRedisAt(t, addr, args...)
	h := w.again(t)
	if b := ledger.DefaultBounds(); h.Era == before.Era || wait(h) <= 0 || wait(h) > time.Minute+b.Margin {
		t.Errorf("before %+v, after %+v", before.Head, h)
	}
	if r := w.reassert(t, h.Era); len(r.Grants) != 1 || normal(r.Grants[0].Ranges) != normal(w.lease.Ranges) {
		t.Errorf("%+v", r)
	}
	w.reopens(t)
	if a := must[ledger.Audit](t)(s.Audit(bg, w.sale)); normal(a) != normal(w.audit) {
		t.Errorf("before %+v, after %+v", w.audit, a)
	}
}

// A server that was a replica when its primary's answers were waited for has all that anybody acted on.
// It proves G25.
func TestPromotedReplica(t *testing.T) {
	t.Parallel()
	primary := rigtest.StartRedis(t, "--repl-diskless-sync-delay", "0").Addr
	host, port, _ := net.SplitHostPort(primary)
	replica := rigtest.StartRedis(t, "--replicaof", host+" "+port).Addr
	s := dial(t, primary, ledger.DefaultBounds())
	online(t, s, 1)
	w := newBusySale(t, s)
	ends(t, s, primary)
	w.s = dial(t, replica, ledger.DefaultBounds())
	command("REPLICAOF", "NO", "ONE")(t, w.s)
	h := w.again(t)
	if b := ledger.DefaultBounds(); wait(h) <= 0 || wait(h) > time.Minute+b.Margin || h.Replicas != 0 {
		t.Errorf("%+v", h)
	}
	w.reassert(t, h.Era)
	w.reopens(t)
	if a := must[ledger.Audit](t)(w.s.Audit(bg, w.sale)); normal(a) != normal(w.audit) {
		t.Errorf("before %+v, after %+v", w.audit, a)
	}
}

// A server that forgot its newest history gets it back from the instances that re-assert. The others are waited for.
// It proves G26.
func TestRestartThatForgot(t *testing.T) {
	t.Parallel()
	addr, dir := rigtest.FreeAddr(t), t.TempDir()
	s := dial(t, rigtest.StartRedisAt(t, addr, "--dir", dir).Addr, ledger.DefaultBounds())
	sale := newSale(t, s, ledger.CreateRequest{Total: 100, Hold: time.Minute})
	deducted := buyOne(t, s, sale, 9).Claim
	command("SAVE")(t, s)
	w := &busySale{s: s, sale: sale, party: ledger.Party{Instance: "i", Node: "n"}}
	w.lease = must[ledger.LeaseReply](t)(s.Lease(bg, sale, ledger.LeaseRequest{Party: w.party, Request: 1, Want: 20,
		Term: time.Minute})).Grant
	c := w.claim()
	settle := func() (ledger.SettleReply, error) {
		return s.Settle(bg, sale, ledger.SettleRequest{Party: w.party, Batch: 1, Claims: []ledger.Claim{c}})
	}
	must[ledger.SettleReply](t)(settle())
	lost := buyOne(t, s, sale, 10).Claim
	ends(t, s, addr)
	rigtest.StartRedisAt(t, addr, "--dir", dir)

	h := w.again(t)
	if b := ledger.DefaultBounds(); wait(h) < b.Lease+time.Minute || h.Leased != 0 || h.Pending != 1 {
		t.Errorf("it grants again in %v: %+v", wait(h), h)
	}
	w.mustReassert(t, settle, lost)
	if r := w.reassert(t, h.Era); r.Leased != w.lease.Ranges.Len() || r.Reopens == 0 {
		t.Errorf("%+v", r)
	}
	if r := must[ledger.SettleReply](t)(settle()); r.Verdicts[0] != ledger.Kept || r.Pending != 2 {
		t.Errorf("%+v", r)
	}
	if _, err := s.Confirm(bg, sale, 0, deducted); !errors.Is(err, ledger.ErrRecovering) {
		t.Error("confirmed before anybody had the time to say how late it is:", err)
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		r, err := s.Confirm(bg, sale, 0, deducted)
		if err == nil && r.Life == ledger.IsConfirmed {
			break
		}
		if !errors.Is(err, ledger.ErrRecovering) || time.Now().After(end) {
			t.Fatalf("%+v %v", r, err)
		}
	}
	if a := must[ledger.Audit](t)(s.Audit(bg, sale)); !a.OK {
		t.Errorf("%+v", a)
	}
}

// mustReassert: before the re-assertion, calls about what may be lost are refused, and nothing is granted.
func (w *busySale) mustReassert(t *testing.T, settle func() (ledger.SettleReply, error), lost ledger.Claim) {
	t.Helper()
	s, sale := w.s, w.sale
	for what, err := range map[string]error{
		"settle":      second(settle()),
		"confirm":     second(s.Confirm(bg, sale, 0, lost)),
		"cancel":      second(s.Cancel(bg, sale, 0, lost)),
		"reservation": second(s.Reservation(bg, sale, 0, lost)),
		"offer":       second(s.Deduct(bg, sale, ledger.DeductRequest{N: 1, Nonce: 8, Key: ledger.IdempotencyKey{1}, Offer: lost})),
	} {
		if !errors.Is(err, ledger.ErrReassert) {
			t.Errorf("%s of what may be lost: %v", what, err)
		}
	}
	if _, err := s.Deduct(bg, sale, ledger.DeductRequest{N: 1, Nonce: 11}); !errors.Is(err, ledger.ErrRecovering) {
		t.Error("deduct:", err)
	}
	if r := must[ledger.LeaseReply](t)(s.Lease(bg, sale, ledger.LeaseRequest{Party: ledger.Party{Instance: "other"}, Request: 1,
		Want: 5, Term: time.Second})); r.Grant.Fence != 0 {
		t.Errorf("%+v", r)
	}
}

func second[R any](_ R, err error) error { return err }

// A first replica gives the history a new name, and takes nothing from it.
// It proves G32.
func TestFirstReplicaIsNoLoss(t *testing.T) {
	t.Parallel()
	addr := rigtest.StartRedis(t, "--repl-diskless-sync-delay", "0").Addr
	s := dial(t, addr, ledger.DefaultBounds())
	w := newBusySale(t, s)
	before := must[ledger.ShowReply](t)(s.Show(bg, w.sale))
	host, port, _ := net.SplitHostPort(addr)
	rigtest.StartRedis(t, "--replicaof", host+" "+port)
	online(t, s, 1)
	h := w.again(t)
	if h.Era == before.Era || h.Reopens != 0 || h.Replicas != 1 {
		t.Errorf("before %+v, after %+v", before.Head, h)
	}
	r := must[ledger.LeaseReply](t)(s.Lease(bg, w.sale,
		ledger.LeaseRequest{Party: w.party, Request: 2, Want: 20, Term: time.Minute}))
	if r.Grant.Fence == 0 {
		t.Errorf("%+v", r)
	}
}

// A primary that comes back alone does nothing that its replica might not know: the replica may be promoted at any time.
// It proves G29.
func TestRestartedPrimaryWaitsForItsReplica(t *testing.T) {
	t.Parallel()
	addr, dir := rigtest.FreeAddr(t), t.TempDir()
	args := []string{"--dir", dir, "--appendonly", "yes", "--appendfsync", "always", "--repl-diskless-sync-delay", "0"}
	s := dial(t, rigtest.StartRedisAt(t, addr, args...).Addr, ledger.DefaultBounds())
	host, port, _ := net.SplitHostPort(addr)
	replica := rigtest.StartRedis(t, "--replicaof", host+" "+port).Addr
	online(t, s, 1)
	w := newBusySale(t, s)
	ends(t, s, addr)
	ends(t, dial(t, replica, ledger.DefaultBounds()), replica)
	rigtest.StartRedisAt(t, addr, args...)
	h := w.again(t)
	if h.Replicas != 1 {
		t.Errorf("%+v", h)
	}
	settle := func() error {
		return second(s.Settle(bg, w.sale, ledger.SettleRequest{Party: w.party, Batch: 1, Claims: []ledger.Claim{w.claim()}}))
	}
	err := settle()
	for range 5 { // a connection from before may break first
		if !errors.Is(err, ledger.ErrReplicas) {
			err = settle()
		}
	}
	if !errors.Is(err, ledger.ErrReplicas) || !errors.Is(err, ledger.ErrDown) {
		t.Error(err)
	}
	shown := must[ledger.ShowReply](t)(s.Show(bg, w.sale))
	must[ledger.Head](t)(s.Reopen(bg, w.sale, ledger.ReopenRequest{Era: shown.Era, Lineup: shown.Lineup}))
	if err := settle(); err != nil {
		t.Error(err)
	}
}

// The word of a majority of the Sentinels decides which replicas are waited for.
// It proves G29.
func TestUnpromotable(t *testing.T) {
	well := map[string]string{"flags": "slave", "master-link-status": "ok", "down-after-milliseconds": "1000"}
	cut := func(ms string) map[string]string {
		return map[string]string{"flags": "slave", "master-link-status": "err", "master-link-down-time": ms,
			"down-after-milliseconds": "1000"}
	}
	dead := func(ms string) map[string]string {
		return map[string]string{"flags": "s_down,slave,disconnected", "master-link-status": "ok", "s-down-time": ms,
			"down-after-milliseconds": "1000"}
	}
	at := func(port string, m map[string]string) map[string]string {
		m = maps.Clone(m)
		m["ip"], m["port"] = "10.0.0.1", port
		return m
	}
	for _, c := range []struct {
		replicas []map[string]string
		here     []string
		want     bool
	}{
		{nil, nil, true},
		{[]map[string]string{at("1", well)}, []string{"10.0.0.1:1"}, true},
		{[]map[string]string{at("1", well)}, []string{"redis-b.example:1"}, true},
		{[]map[string]string{at("1", well)}, nil, false},
		{[]map[string]string{at("1", well)}, []string{"10.0.0.1:2"}, false}, // as many as are here, and another one
		{[]map[string]string{at("1", well)}, []string{"10.0.0.2:1"}, false},
		{[]map[string]string{at("1", cut("9000"))}, nil, false},
		{[]map[string]string{at("1", cut("10001"))}, nil, true},
		{[]map[string]string{at("1", well), at("2", dead("10000"))}, []string{"10.0.0.1:1"}, false},
		{[]map[string]string{at("1", well), at("2", dead("10001"))}, []string{"10.0.0.1:1"}, true},
		{[]map[string]string{at("1", well), at("3", well), at("2", dead("10001"))}, []string{"10.0.0.1:1"}, false},
		{[]map[string]string{at("0", dead("5"))}, nil, true}, // a reader that Sentinel takes for one
		{[]map[string]string{{"flags": "slave", "master-link-status": "ok", "slave-priority": "0"}}, nil, true},
	} {
		if got := unpromotable(c.replicas, c.here); got != c.want {
			t.Errorf("%v, here %v: %v", c.replicas, c.here, got)
		}
	}
}

// However many edges there are, a recovery waits for the last of them, and a call looks at some of them only.
func TestRecoveryOfManyEdges(t *testing.T) {
	t.Parallel()
	const edges = 400
	addr, dir, bounds := rigtest.FreeAddr(t), t.TempDir(), ledger.DefaultBounds()
	bounds.Proof = 100 * time.Millisecond
	args := []string{"--dir", dir, "--appendonly", "yes", "--appendfsync", "always"}
	s := dial(t, rigtest.StartRedisAt(t, addr, args...).Addr, bounds)
	sale := newSale(t, s, ledger.CreateRequest{Total: 100_000})
	party := func(k int) ledger.Party {
		return ledger.Party{Instance: "an-instance-with-a-long-name-" + num(k), Node: "n" + num(k)}
	}
	grants := make([]ledger.Grant, edges)
	for k := range edges {
		grants[k] = must[ledger.LeaseReply](t)(s.Lease(bg, sale, ledger.LeaseRequest{Party: party(k), Request: 1, Want: 2,
			Term: time.Hour})).Grant
	}
	ends(t, s, addr)
	rigtest.StartRedisAt(t, addr, args...)
	h := (&busySale{s: s, sale: sale}).again(t)
	said := func(k int) {
		must[ledger.ReassertReply](t)(s.Reassert(bg, sale, ledger.ReassertRequest{Party: party(k), Era: h.Era, Term: time.Hour,
			Leases: []ledger.Held{{Fence: grants[k].Fence, Request: 1, Deadline: grants[k].Deadline, Ranges: grants[k].Ranges}}}))
	}
	renewed := func() ledger.Head {
		return must[ledger.RenewReply](t)(s.Renew(bg, sale, ledger.RenewRequest{Party: party(0), Awaited: 2, Term: time.Hour,
			Fences: []uint64{grants[0].Fence}})).Head
	}
	silent := edges / 2
	for k := range edges {
		if k != silent {
			said(k)
		}
	}
	for range 2 * edges {
		if h := renewed(); h.Reopens == 0 {
			t.Fatalf("it grants, and edge %d has not spoken", silent)
		}
	}
	said(silent)
	for calls := 0; renewed().Reopens != 0; calls++ {
		if calls > edges/spoken+1 {
			t.Fatalf("%d calls after the last edge has spoken it does not grant", calls)
		}
	}
}
