//go:build integration

package luascripts

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"spike/bench/rig/rigtest"
	"spike/luascripts/ledger"
)

// Rows P4 and P13: which followers of a server are its replicas, and who may say that one need not be waited for.

// reader follows a server as a reader of its changes does: port is what it announces (0: none), and it acknowledges whatever
// there is and more, if acks.
type reader struct{ conn net.Conn }

func startReader(t *testing.T, addr string, port int, acks bool) *reader {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{c}
	t.Cleanup(func() { _ = c.Close() })
	in := bufio.NewReader(c)
	if port > 0 {
		fmt.Fprintf(c, "REPLCONF listening-port %d\r\n", port)
		if _, err := in.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	fmt.Fprint(c, "REPLCONF capa psync2\r\n")
	if _, err := in.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(c, "PSYNC ? -1\r\n")
	go func() { _, _ = io.Copy(io.Discard, in) }()
	if acks {
		go func() {
			for {
				if _, err := fmt.Fprint(c, "REPLCONF ACK 1000000000000\r\n"); err != nil {
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
		}()
	}
	return r
}

func (r *reader) leave(t *testing.T, s *Redis) {
	t.Helper()
	_ = r.conn.Close()
	followed(t, s, func(info string) bool { return strings.Contains(info, "connected_slaves:0") })
}

// followed waits for what INFO says of followers.
func followed(t *testing.T, s *Redis, ok func(info string) bool) {
	t.Helper()
	info := ""
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		info = must[string](t)(s.client.Do(bg, s.client.B().Info().Section("replication").Build()).ToString())
		if ok(info) {
			return
		}
	}
	t.Fatal(info)
}

func onlineInInfo(n int) func(string) bool {
	return func(info string) bool { return strings.Count(info, "state=online") == n }
}

func (w *busySale) another(request uint64) (ledger.LeaseReply, error) {
	return w.s.Lease(bg, w.sale, ledger.LeaseRequest{Party: w.party, Request: request, Want: 3, Term: time.Minute})
}

// granted is another, asked for until its replicas have it: on a busy machine they take their time, and a repeat changes nothing.
func (w *busySale) granted(request uint64) (r ledger.LeaseReply, err error) {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		if r, err = w.another(request); !errors.Is(err, ledger.ErrReplicas) && !errors.Is(err, ledger.ErrDown) {
			return r, err
		}
	}
	return r, err
}

// redis-cli --replica on a lone Redis is no replica: units are granted while it is there, and after it.
func TestP13ReaderIsNoReplica(t *testing.T) {
	addr := rigtest.StartRedis(t, "--repl-diskless-sync-delay", "0").Addr
	s := dial(t, addr, ledger.DefaultBounds())
	w := newBusySale(t, s)
	_, port, _ := net.SplitHostPort(addr)
	cli := exec.Command("redis-cli", "-p", port, "--replica")
	if err := cli.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = cli.Process.Kill(), cli.Wait() }()
	followed(t, s, onlineInInfo(1))
	for request := uint64(2); request < 6; request++ {
		r, err := w.another(request)
		if err != nil || r.Replicas != 0 || r.Strangers != 1 {
			t.Errorf("while it is there: %+v %v", r.Head, err)
		}
	}
	_, _ = cli.Process.Kill(), cli.Wait()
	followed(t, s, onlineInInfo(0))
	if r, err := w.granted(9); err != nil || r.Replicas != 0 || r.Grant.Fence == 0 {
		t.Errorf("when it has left: %+v %v", r, err)
	}
	if r := must[ledger.ShowReply](t)(s.Show(bg, w.sale)); r.Trouble != "" {
		t.Error(r.Trouble)
	}
}

// A reader's acknowledgement is not the replica's: while the replica hangs, nothing is acted on.
func TestP13ReadersAcknowledgeForNobody(t *testing.T) {
	addr := rigtest.StartRedis(t, "--repl-diskless-sync-delay", "0").Addr
	s := dial(t, addr, ledger.DefaultBounds())
	host, port, _ := net.SplitHostPort(addr)
	replica := rigtest.StartRedis(t, "--replicaof", host+" "+port).Addr
	online(t, s, 1)
	w := newBusySale(t, s)
	startReader(t, addr, 0, true)
	followed(t, s, onlineInInfo(2))
	followed(t, s, func(info string) bool { return !strings.Contains(info, ",port=0,state=online,offset=0,") })
	if r, err := w.granted(2); err != nil || r.Replicas != 1 || r.Strangers != 1 {
		t.Fatalf("beside a replica that is well: %+v %v", r.Head, err)
	}
	stop := pidOf(t, dial(t, replica, ledger.DefaultBounds()))
	if err := syscall.Kill(stop, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	_, err := w.another(3)
	_, err2 := s.ReadEvents(bg, w.sale, ledger.Group{Name: ledger.OrdersGroup, Consumer: "a"}, 10)
	if err := syscall.Kill(stop, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(err, ledger.ErrReplicas) || !errors.Is(err2, ledger.ErrReplicas) {
		t.Errorf("lease %v, events %v", err, err2)
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if _, err = w.another(3); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

func pidOf(t *testing.T, s *Redis) (pid int) {
	t.Helper()
	info := must[string](t)(s.client.Do(bg, s.client.B().Info().Section("server").Build()).ToString())
	if _, err := fmt.Sscan(infoField(info, "process_id"), &pid); err != nil {
		t.Fatal(err)
	}
	return pid
}

// A reader that announces a port counts as a replica, unless the operator says how many replicas there are. Then the first
// script corrects the ledger's count.
func TestP13TheOperatorSaysHowMany(t *testing.T) {
	addr := rigtest.StartRedis(t, "--repl-diskless-sync-delay", "0").Addr
	s := dial(t, addr, ledger.DefaultBounds())
	w := newBusySale(t, s)
	r := startReader(t, addr, 7777, false)
	followed(t, s, onlineInInfo(1))
	if _, err := w.another(2); !errors.Is(err, ledger.ErrReplicas) {
		t.Error("a follower with a port, and nobody has said anything:", err)
	}
	told := dial(t, addr, ledger.DefaultBounds())
	told.CountReplicas(0)
	w.s = told
	if r, err := w.granted(3); err != nil || r.Replicas != 0 || r.Strangers != 1 {
		t.Errorf("%+v %v", r.Head, err)
	}
	r.leave(t, s)
	if r, err := w.granted(4); err != nil || r.Grant.Fence == 0 {
		t.Errorf("%+v %v", r, err)
	}
	if r := must[ledger.ShowReply](t)(told.Show(bg, w.sale)); r.Trouble != "" {
		t.Error(r.Trouble)
	}
}

// Two servers follow, and one of them can be promoted. Both must have an answer, because nobody knows which one. If either
// leaves, it is not waited for.
func TestP13OneReplicaOfTwoFollowers(t *testing.T) {
	addr := rigtest.StartRedis(t, "--repl-diskless-sync-delay", "0").Addr
	s := dial(t, addr, ledger.DefaultBounds())
	s.CountReplicas(1)
	w := newBusySale(t, s)
	host, port, _ := net.SplitHostPort(addr)
	replica := rigtest.StartRedis(t, "--replicaof", host+" "+port).Addr
	r := startReader(t, addr, 7777, true)
	followed(t, s, onlineInInfo(2))
	lease := func(request uint64) (ledger.LeaseReply, error) {
		for end := time.Now().Add(10 * time.Second); ; {
			if r, err := w.another(request); err == nil || time.Now().After(end) {
				return r, err
			}
		}
	}
	if r, err := lease(2); err != nil || r.Replicas != 1 || r.Strangers != 1 {
		t.Fatalf("%+v %v", r.Head, err)
	}
	pid := pidOf(t, dial(t, replica, ledger.DefaultBounds()))
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	_, err := w.another(3)
	if e := syscall.Kill(pid, syscall.SIGCONT); e != nil || !errors.Is(err, ledger.ErrReplicas) {
		t.Error("the replica hangs, the reader acknowledges:", err, e)
	}
	_ = r.conn.Close()
	followed(t, s, onlineInInfo(1))
	if r, err := lease(4); err != nil || r.Replicas != 1 || r.Strangers != 0 {
		t.Errorf("%+v %v", r.Head, err)
	}
}

// Row P4: the agreed number of replicas is set, or nothing is done. Nothing is done if a replica has gone since, or another
// has come in its place, or it has come back.
func TestP4ReopenSetsWhatWasAgreedUpon(t *testing.T) {
	addr := rigtest.StartRedis(t, "--repl-diskless-sync-delay", "0").Addr
	s := dial(t, addr, ledger.DefaultBounds())
	host, port, _ := net.SplitHostPort(addr)
	var replicas []*Redis
	for range 2 {
		replicas = append(replicas, dial(t, rigtest.StartRedis(t, "--replicaof", host+" "+port).Addr, ledger.DefaultBounds()))
	}
	online(t, s, 2)
	w := newBusySale(t, s)
	follow := func(k int, of ...string) { command(append([]string{"REPLICAOF"}, of...)...)(t, replicas[k]) }
	leaves := func(k, left int) { t.Helper(); follow(k, "NO", "ONE"); followed(t, s, onlineInInfo(left)) }
	comes := func(k, here int) { t.Helper(); follow(k, host, port); followed(t, s, onlineInInfo(here)) }
	leaves(1, 1)
	agreed := must[ledger.ShowReply](t)(s.Show(bg, w.sale))
	if agreed.Replicas != 2 || !strings.HasPrefix(agreed.Lineup, "127.0.0.1:") {
		t.Fatalf("%+v", agreed)
	}
	if p := must[primary](t)(s.primary()); p.lineup != agreed.Lineup || p.era != agreed.Era {
		t.Errorf("the client reads %q, the script %q", p.lineup, agreed.Lineup)
	}
	q := ledger.ReopenRequest{Era: agreed.Era, Lineup: agreed.Lineup}
	refused := func(what string, q ledger.ReopenRequest) { t.Helper(); w.voteFails(t, what, q) }
	leaves(0, 0)
	refused("one has gone", q)
	comes(1, 1)
	refused("the other one has come", q)
	leaves(1, 0)
	comes(0, 1)
	refused("it is back, and may have been anywhere", q)
	now := must[ledger.ShowReply](t)(s.Show(bg, w.sale))
	refused("another era", ledger.ReopenRequest{Era: now.Era + 1, Lineup: now.Lineup})
	refused("fewer than there must be", ledger.ReopenRequest{Lineup: now.Lineup, Least: 2})
	if h, err := s.Reopen(bg, w.sale, ledger.ReopenRequest{Era: now.Era, Lineup: now.Lineup,
		Least: 1}); err != nil || h.Replicas != 1 {
		t.Errorf("%+v %v", h, err)
	}
	if r := must[ledger.LeaseReply](t)(w.granted(2)); r.Replicas != 1 {
		t.Errorf("%+v", r.Head)
	}
	comes(1, 2) // no script runs while it is here, but it may be promoted again
	leaves(1, 1)
	if _, err := w.another(3); !errors.Is(err, ledger.ErrReplicas) {
		t.Errorf("one has come and gone, and the vote still stands: %v", err)
	}
	if h := must[ledger.ShowReply](t)(s.Show(bg, w.sale)); h.Replicas != 2 {
		t.Errorf("%+v", h.Head)
	}
}

// voteFails: nothing is done, and two replicas are waited for as before.
func (w *busySale) voteFails(t *testing.T, what string, q ledger.ReopenRequest) {
	t.Helper()
	if _, err := w.s.Reopen(bg, w.sale, q); !errors.Is(err, ledger.ErrChanged) {
		t.Errorf("%s: %v", what, err)
	}
	if h := must[ledger.ShowReply](t)(w.s.Show(bg, w.sale)); h.Replicas != 2 {
		t.Errorf("%s: %d are waited for", what, h.Replicas)
	}
}

// Sentinels that hang delay nobody's vote: all are asked at once.
func TestP4SentinelsAreAskedSideBySide(t *testing.T) {
	const n = 5
	var mu sync.Mutex
	open, most := 0, 0
	g := sentinels{master: "m"}
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		g.known = append(g.known, l.Addr().String())
		go func() {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open++
			most = max(most, open)
			mu.Unlock()
			_, _ = io.Copy(io.Discard, c) // it hangs, until who asks gives up
			mu.Lock()
			open--
			mu.Unlock()
			_ = c.Close()
		}()
	}
	g.option = newSentinels(g.option).option
	if g.vouch(bg, primary{}) {
		t.Error("nobody has voted")
	}
	g.asking.Wait()
	mu.Lock()
	defer mu.Unlock()
	if most != n {
		t.Errorf("at most %d were asked at a time", most)
	}
}

// A buyer whose buy no replica has yet is not told of it by another edge either: a promoted replica would sell its unit again.
func TestMineTellsOnlyWhatReplicasHave(t *testing.T) {
	addr := rigtest.StartRedis(t, "--repl-diskless-sync-delay", "0").Addr
	host, port, _ := net.SplitHostPort(addr)
	replica := dial(t, rigtest.StartRedis(t, "--enable-debug-command", "local", "--replicaof", host+" "+port).Addr,
		ledger.DefaultBounds())
	here, there := dial(t, addr, ledger.DefaultBounds()), dial(t, addr, ledger.DefaultBounds())
	online(t, here, 1)
	sale := newSale(t, here, ledger.CreateRequest{Total: 9, Hold: time.Hour, Limit: 1})
	ann := ledger.Buyer{1}
	mine := func() (r ledger.MineReply, err error) { // until its replica has it: at first this edge does not know that there is one
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
			if r, err = there.Mine(bg, sale, 0, ann); !errors.Is(err, ledger.ErrReplicas) {
				break
			}
		}
		return r, err
	}
	if r := must[ledger.MineReply](t)(mine()); len(r.Claims) != 0 || r.Replicas != 1 {
		t.Fatalf("%+v", r)
	}
	awake := make(chan error, 1)
	go func() {
		awake <- replica.client.Do(bg, replica.client.B().Arbitrary("DEBUG", "SLEEP", "5").Build()).Error()
	}()
	for nonce, err := uint64(1), error(nil); !errors.Is(err, ledger.ErrReplicas); nonce++ { // until the replica sleeps
		b := ledger.Buyer{2, byte(nonce)}
		if nonce == 9 {
			t.Fatal("the replica does not sleep")
		}
		_, err = here.Deduct(bg, sale, ledger.DeductRequest{N: 1, Nonce: nonce, Buyer: b})
	}
	if _, err := here.Deduct(bg, sale, ledger.DeductRequest{N: 1, Nonce: 100, Buyer: ann}); !errors.Is(err, ledger.ErrReplicas) {
		t.Fatal(err)
	}
	if r, err := there.Mine(bg, sale, 0, ann); !errors.Is(err, ledger.ErrReplicas) {
		t.Errorf("no replica has it: %+v %v", r.Claims, err)
	}
	select {
	case err := <-awake:
		t.Fatal("it was awake again too soon", err)
	default:
	}
	if err := <-awake; err != nil {
		t.Fatal(err)
	}
	r, err := mine()
	if err != nil || len(r.Claims) != 1 || r.Claims[0].Nonce != 100 || r.HoldEnds(r.Claims[0].Expiry) <= r.Raw {
		t.Errorf("the replica has it: %+v %v", r, err)
	}
}
