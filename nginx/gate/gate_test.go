package gate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"spike/bench/rig/rigtest"
	"spike/luascripts/ledger"
	"spike/nginx"
)

// fakeStore is a store with answers of the test's choice, at times of the test's choice.
type fakeStore struct {
	mu        sync.Mutex
	hears     ledger.Listener
	answers   map[string]ledger.ShowReply
	err       error
	post      chan struct{} // each answer waits for one of these; nil: answers come at once
	shows     int
	revisions int
	silent    bool
	odd       string // the store does not answer for this sale
	expires   int
	sweep     func() (ledger.ExpireReply, error)
}

var errNone = &ledger.Refusal{Code: "NOSALE"}

func (l *fakeStore) Listen(ctx context.Context, hears ledger.Listener) {
	l.hears = hears
	hears.Begin()
	<-ctx.Done()
	hears.End()
}

func (l *fakeStore) List(context.Context) (names []string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for name := range l.answers {
		names = append(names, name)
	}
	return names, nil
}

// Show's answer is the state when it was asked, delivered later.
func (l *fakeStore) Show(ctx context.Context, sale string) (ledger.ShowReply, error) {
	l.mu.Lock()
	l.shows++
	post := l.post
	reply, there := l.answers[sale]
	err := l.err
	l.mu.Unlock()
	if err == nil && !there {
		err = errNone
	}
	if post != nil {
		select {
		case <-post:
		case <-ctx.Done():
			return reply, ctx.Err()
		}
	}
	return reply, err
}

// Revision changes with anything.
func (l *fakeStore) Revision(ctx context.Context, sale string) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.silent {
		l.mu.Unlock()
		<-ctx.Done()
		l.mu.Lock()
		return "", ctx.Err()
	}
	l.revisions++
	if errors.Is(l.err, ledger.ErrDown) {
		return "", l.err
	}
	if sale == l.odd {
		return "", ledger.ErrDown
	}
	reply, there := l.answers[sale]
	return fmt.Sprintf("%+v %v %v", reply, there, l.err), nil
}

func (l *fakeStore) Expire(context.Context, string, int) (ledger.ExpireReply, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expires++
	return l.sweep()
}

func (l *fakeStore) Willing(context.Context) (err error) {
	l.set(func() {
		if errors.Is(l.err, ledger.ErrDown) {
			err = l.err
		}
	})
	return err
}

func (l *fakeStore) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

func (l *fakeStore) swept() (n int) {
	l.set(func() { n = l.expires })
	return n
}

func (l *fakeStore) revisionsAsked() (n int) {
	l.set(func() { n = l.revisions })
	return n
}

// is sets the answers for sale s from now on, without news.
func (l *fakeStore) is(h ledger.Head) {
	l.set(func() { l.answers["s"] = ledger.ShowReply{Head: h} })
}

func (l *fakeStore) asked() (n int) {
	l.set(func() { n = l.shows })
	return n
}

var (
	sold    = ledger.Head{Total: 9, Confirmed: 9, Hold: 1}
	held    = ledger.Head{Total: 9, Confirmed: 8, Pending: 1, Hold: 1}
	selling = ledger.Head{Total: 9, Confirmed: 8, Free: 1, Hold: 1}
)

// world is a gate in virtual time.
type world struct {
	*fakeStore
	t    *testing.T
	dir  string
	gate *Gate
	log  rigtest.Log
	stop func()
}

// inWorld runs a test on a gate that has asked about all sales.
func inWorld(t *testing.T, h ledger.Head, test func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, dir: t.TempDir(), fakeStore: &fakeStore{answers: map[string]ledger.ShowReply{"s": {Head: h}},
			sweep: func() (ledger.ExpireReply, error) { return ledger.ExpireReply{Head: h}, nil }}}
		w.start(w.fakeStore)
		defer func() { w.stop() }()
		synctest.Wait()
		test(w)
	})
}

func (w *world) start(store Store) {
	g, err := Open(w.dir, store, zerolog.New(&w.log))
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- g.Run(ctx) }()
	w.gate = g
	w.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Error(err)
		}
	}
}

// pass lets time pass, and everything come to rest.
func (w *world) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// flag is the flag of sale s that nginx would find now.
func (w *world) flag() (found nginx.What) { return w.flagOf("s") }

func (w *world) flagOf(sale string) (found nginx.What) {
	for _, what := range []nginx.What{nginx.NoneNow, nginx.SoldOut} {
		if _, err := os.Stat(filepath.Join(w.dir, nginx.FlagName(sale, what, nginx.Slot(time.Now())))); err == nil {
			found = what
		}
	}
	return found
}

func (w *world) want(what nginx.What) {
	w.t.Helper()
	if got := w.flag(); got != what {
		w.t.Fatalf("flag %q, want %q; there are %v", got, what, w.files())
	}
}

func (w *world) files() (names []string) {
	entries, err := os.ReadDir(w.dir)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != lockName {
			names = append(names, e.Name())
		}
	}
	return names
}

func (w *world) push() { w.hears.News("s", ledger.Open) }

func TestJudge(t *testing.T) {
	sayable := func(change func(*ledger.ShowReply)) ledger.ShowReply {
		r := ledger.ShowReply{Head: sold}
		change(&r)
		return r
	}
	for name, c := range map[string]struct {
		change func(*ledger.ShowReply)
		want   nginx.What
		stands nginx.What
	}{
		"all confirmed":       {func(*ledger.ShowReply) {}, nginx.SoldOut, ""},
		"sold is sold":        {func(r *ledger.ShowReply) { r.Pending, r.Hold = 9, 0 }, nginx.SoldOut, ""},
		"unpaid":              {func(r *ledger.ShowReply) { r.Pending = 1 }, nginx.NoneNow, ""},
		"limbo":               {func(r *ledger.ShowReply) { r.Limbo = 1 }, nginx.NoneNow, ""},
		"free":                {func(r *ledger.ShowReply) { r.Free = 1 }, "", ""},
		"an edge holds it":    {func(r *ledger.ShowReply) { r.Leased = 1 }, "", ""},
		"paused":              {func(r *ledger.ShowReply) { r.State = ledger.Paused }, "", ""},
		"closed":              {func(r *ledger.ShowReply) { r.State = ledger.Closed }, "", ""},
		"not open":            {func(r *ledger.ShowReply) { r.State = ledger.Unopened }, "", ""},
		"a new era":           {func(r *ledger.ShowReply) { r.Reopens = 1 }, "", ""},
		"trouble":             {func(r *ledger.ShowReply) { r.Trouble = "FOREIGN" }, "", nginx.SoldOut},
		"a limit per buyer":   {func(r *ledger.ShowReply) { r.Limit = 1 }, nginx.SoldOut, ""},
		"a limit, unpaid":     {func(r *ledger.ShowReply) { r.Limit, r.Pending = 1, 1 }, nginx.NoneNow, ""},
		"no replica, no flag": {func(r *ledger.ShowReply) { r.Trouble = "MISSING 0 of 1 replicas" }, "", ""},
		"no replica, a flag": {func(r *ledger.ShowReply) { r.Trouble = "MISSING 0 of 1 replicas" }, nginx.SoldOut,
			nginx.SoldOut},
		"no replica, unpaid": {func(r *ledger.ShowReply) { r.Pending, r.Trouble = 1, "MISSING 0 of 1 replicas" },
			nginx.NoneNow, nginx.SoldOut},
		"no replica, a unit": {func(r *ledger.ShowReply) { r.Free, r.Trouble = 1, "MISSING 0 of 1 replicas" }, "",
			nginx.SoldOut},
		"more, raised by hand":  {func(r *ledger.ShowReply) { r.Raised = 1 }, "", ""},
		"nothing was ever sold": {func(r *ledger.ShowReply) { r.Total, r.Confirmed = 0, 0 }, nginx.SoldOut, ""},
	} {
		if got := judge(sayable(c.change), c.stands); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestFlagStandsSlotBySlot(t *testing.T) {
	inWorld(t, sold, func(w *world) {
		w.want(nginx.SoldOut)
		before, revisions := w.asked(), w.revisionsAsked()
		for range 1400 {
			w.pass(100 * time.Millisecond)
			w.want(nginx.SoldOut)
			if n := len(w.files()); n > 3 { // this slot's, the next's, and for a while the last one's
				t.Fatal(w.files())
			}
		}
		if n := w.revisionsAsked() - revisions; n < 13 || n > 15 {
			t.Errorf("looked %d times in 140 s", n)
		}
		if n := w.asked() - before; n < 2 || n > 4 {
			t.Errorf("asked %d times in 140 s in which nothing was written", n)
		}
		if w.swept() > 0 {
			t.Error("nothing ends by itself, and it was swept")
		}
	})
}

// An answer and news of the same sale may come in two orders (I13).
func TestNewsThatOvertakesTheAnswer(t *testing.T) {
	inWorld(t, selling, func(w *world) {
		w.set(func() { w.post = make(chan struct{}) })
		w.is(sold)
		w.push() // the last unit is sold, and the gate asks
		w.pass(spacing)
		w.is(selling)
		w.push() // a unit comes back before the answer arrives
		w.post <- struct{}{}
		w.pass(0)
		w.want("")
		w.pass(spacing)
		w.post <- struct{}{} // the next answer has the unit
		w.pass(spacing)
		w.want("")
	})
}

func TestNewsAfterTheAnswer(t *testing.T) {
	inWorld(t, sold, func(w *world) {
		w.want(nginx.SoldOut)
		w.set(func() { w.post = make(chan struct{}) }) // no more answers come
		w.is(selling)
		w.push()
		if files := w.files(); len(files) > 0 { // at once, without a question
			t.Fatal(files)
		}
		w.pass(20 * time.Second)
		w.want("")
	})
}

// An answer to an old question says nothing about this slot.
func TestAnswerThatComesTooLate(t *testing.T) {
	inWorld(t, selling, func(w *world) {
		w.set(func() { w.post = make(chan struct{}) })
		w.is(sold)
		w.push()
		w.pass(25 * time.Second) // as if the process was stopped
		w.post <- struct{}{}
		w.pass(0)
		w.want("")
	})
}

// Answers renew a flag; a clock never does.
// It proves G53.
func TestSilenceEndsAFlag(t *testing.T) {
	inWorld(t, sold, func(w *world) {
		w.set(func() { w.silent = true })
		w.pass(20 * time.Second)
		w.want("")
	})
}

func TestWhatEndsAFlagAtOnce(t *testing.T) {
	for name, change := range map[string]func(w *world){
		"the subscription is lost": func(w *world) { w.hears.End() },
		"it begins anew":           func(w *world) { w.set(func() { w.post = make(chan struct{}) }); w.hears.Begin() },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, sold, func(w *world) {
				w.want(nginx.SoldOut)
				change(w)
				if files := w.files(); len(files) > 0 {
					t.Error(files)
				}
			})
		})
	}
}

func TestWhatEndsAFlagWithinASlot(t *testing.T) {
	for name, change := range map[string]func(w *world){
		"Redis does not answer": func(w *world) { w.set(func() { w.err = ledger.ErrDown }) },
		"a refusal":             func(w *world) { w.set(func() { w.err = &ledger.Refusal{Code: "FOREIGN"} }) },
		"the sale is gone":      func(w *world) { w.set(func() { clear(w.answers) }) },
		"another one by now":    func(w *world) { w.is(selling) },
		"closed by the clock":   func(w *world) { w.is(ledger.Head{Total: 9, Confirmed: 9, State: ledger.Closed}) },
		"an era has begun":      func(w *world) { w.is(ledger.Head{Total: 9, Confirmed: 9, Reopens: 7}) },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, sold, func(w *world) {
				change(w) // without news
				w.pass(nginx.SlotSeconds * time.Second)
				if files := w.files(); len(files) > 0 {
					t.Error(files)
				}
			})
		})
	}
}

// While the gate does not listen there is no flag, whatever the answers. Afterwards it asks about everything anew.
func TestDeafGateIsOpen(t *testing.T) {
	inWorld(t, selling, func(w *world) {
		w.set(func() { w.post = make(chan struct{}) })
		w.is(sold)
		w.push()
		w.pass(spacing)
		w.hears.End()
		w.post <- struct{}{}
		w.pass(2 * nginx.SlotSeconds * time.Second)
		w.want("")
		w.set(func() { w.post = nil })
		w.hears.Begin()
		w.pass(spacing)
		w.want(nginx.SoldOut)
	})
}

// A question is dispatched while the gate listens, and asked when it does not listen any more.
func TestQuestionHandedOutBefore(t *testing.T) {
	inWorld(t, selling, func(w *world) {
		w.set(func() {
			w.post = make(chan struct{})
			for c := range callers + 4 {
				w.answers[string(rune('a'+c))] = ledger.ShowReply{Head: sold}
			}
		})
		for name := range w.answers {
			w.hears.News(name, ledger.Open)
		}
		w.pass(spacing)
		w.hears.End()
		close(w.post)
		w.pass(0)
		if files := w.files(); len(files) > 0 {
			t.Error(files)
		}
	})
}

func TestNoneNowBecomesSoldOut(t *testing.T) {
	inWorld(t, held, func(w *world) {
		w.want(nginx.NoneNow)
		w.is(sold) // paid, which is no news
		w.pass(nginx.SlotSeconds * time.Second)
		w.want(nginx.SoldOut)
		for _, name := range w.files() {
			if strings.Contains(name, string(nginx.NoneNow)) {
				t.Error(name)
			}
		}
	})
}

// A sale that no list had is learnt by its news, and forgotten once it is gone.
func TestSalesComeAndGo(t *testing.T) {
	inWorld(t, sold, func(w *world) {
		if !strings.Contains(w.log.String(), "gate: 1 sales, 1 flags") {
			t.Error(w.log.String())
		}
		w.set(func() { w.answers["new"] = ledger.ShowReply{Head: sold} })
		w.hears.News("new", ledger.Open)
		w.pass(0)
		if w.flagOf("new") != nginx.SoldOut {
			t.Error(w.files())
		}
		w.set(func() { delete(w.answers, "new") })
		w.hears.News("new", ledger.Closed)
		w.pass(spacing)
		if len(w.gate.sales) != 1 || len(w.gate.queue) != 1 {
			t.Errorf("%d sales, %d in the queue", len(w.gate.sales), len(w.gate.queue))
		}
	})
}

// However much news comes, the gate asks at most four questions a second.
func TestQuestionsAreFew(t *testing.T) {
	inWorld(t, selling, func(w *world) {
		before := w.asked()
		for range 1000 {
			w.push()
			w.pass(time.Millisecond)
		}
		if asked := w.asked() - before; asked > 5 {
			t.Errorf("asked %d times in a second", asked)
		}
	})
}

// If no other process sweeps, the gate lets ledger time pass. If others do, it only watches.
func TestFlaggedSalesAreSwept(t *testing.T) {
	inWorld(t, held, func(w *world) {
		now := func() int64 { return time.Now().UnixMicro() }
		rev, at, others := uint64(1), now(), false
		last := at
		w.set(func() {
			w.sweep = func() (ledger.ExpireReply, error) {
				rev++
				h := held
				if passes := now() - last; others {
					rev += 3
					at += passes
				} else {
					at += min(passes, ledger.DefaultBounds().Step.Microseconds())
				}
				last = now()
				h.Rev, h.Raw, h.Now = rev, last, at
				return ledger.ExpireReply{Head: h}, nil
			}
		})
		clock := func() (raw, ledger int64) { w.set(func() { raw, ledger = now(), at }); return raw, ledger }
		keepsTime := func(when string) {
			raw, ledger := clock()
			w.pass(30 * time.Second)
			raw2, ledger2 := clock()
			if lost := (raw2 - raw) - (ledger2 - ledger); lost > 1_000_000 {
				t.Errorf("%s: ledger time lost %d us in 30 s", when, lost)
			}
		}
		w.pass(time.Second)
		keepsTime("alone")
		w.set(func() {
			for i := range 1500 {
				w.answers[fmt.Sprint("x", i)] = ledger.ShowReply{Head: sold}
			}
		})
		w.hears.Begin() // this many more flags, of sales that need no sweep
		w.pass(time.Second)
		keepsTime("beside others")
		w.set(func() { others = true; w.expires = 0 })
		w.pass(30 * time.Second)
		if n := w.swept(); n > 20 {
			t.Errorf("others sweep, and so did we, %d times in 30 s", n)
		}
		w.set(func() { others = false })
		w.pass(5 * time.Second)
		keepsTime("alone again")
	})
}

// A sweep that finds units, or no store, opens the gate although no news of it came.
func TestSweepThatFindsUnits(t *testing.T) {
	for name, sweep := range map[string]func() (ledger.ExpireReply, error){
		"units":    func() (ledger.ExpireReply, error) { return ledger.ExpireReply{Head: selling, Freed: 1}, nil },
		"no store": func() (ledger.ExpireReply, error) { return ledger.ExpireReply{}, ledger.ErrDown },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, held, func(w *world) {
				w.set(func() { w.sweep, w.post = sweep, make(chan struct{}) })
				w.pass(sweepEvery)
				w.want("")
			})
		})
	}
}

func TestStopRemovesAllFlags(t *testing.T) {
	inWorld(t, sold, func(w *world) {
		w.stop()
		w.stop = func() {}
		if files := w.files(); len(files) > 0 {
			t.Error(files)
		}
	})
}

func TestDirectory(t *testing.T) {
	at := filepath.Join(t.TempDir(), "not", "there")
	store := &fakeStore{}
	g, err := Open(at, store, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(at); err != nil || info.Mode().Perm() != 0o755 {
		t.Error(info, err)
	}
	if _, err := Open(at, store, zerolog.Nop()); !errors.Is(err, ErrDir) || !strings.Contains(err.Error(), "another gate") {
		t.Error(err)
	}
	others := []string{"notes.txt", "s.sold-out.x", "s.sold-out.1.2", ".hidden", "full.sold-out.2/x"}
	ours := []string{nginx.FlagName("s", nginx.SoldOut, 1), nginx.FlagName("a.sold-out.3", nginx.NoneNow, 170_000_000)}
	if err := os.Mkdir(filepath.Join(at, "full.sold-out.2"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range append(ours, others...) {
		if err := os.WriteFile(filepath.Join(at, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	g.dir.close()
	if g, err = Open(at, store, zerolog.Nop()); err != nil {
		t.Fatal(err)
	}
	defer g.dir.close()
	for _, name := range others {
		if _, err := os.Stat(filepath.Join(at, name)); err != nil {
			t.Error("not ours to remove:", err)
		}
	}
	for _, name := range ours {
		if _, err := os.Stat(filepath.Join(at, name)); err == nil {
			t.Error("left by an earlier gate:", name)
		}
	}
	if _, err := Open(filepath.Join(at, "notes.txt"), store, zerolog.Nop()); !errors.Is(err, ErrDir) {
		t.Error("a file is no directory:", err)
	}
}

// nginx' workers may run as another user. The gate finds the folder that keeps them out.
func TestHiddenDirectory(t *testing.T) {
	root := t.TempDir()
	if err := os.Chmod(filepath.Dir(root), 0o755); err != nil {
		t.Fatal(err)
	}
	d := dir{path: filepath.Join(root, "a", "b")}
	if err := os.MkdirAll(d.path, 0o755); err != nil {
		t.Fatal(err)
	}
	if hidden := d.hidden(); hidden != "" && strings.HasPrefix(hidden, root) {
		t.Error(hidden)
	}
	if err := os.Chmod(filepath.Join(root, "a"), 0o700); err != nil {
		t.Fatal(err)
	}
	if hidden := d.hidden(); hidden != filepath.Join(root, "a") {
		t.Error(hidden)
	}
}

// If no file can be made there is no flag, and the gate goes on, also afterwards.
func TestDirectoryThatTakesNoFile(t *testing.T) {
	inWorld(t, sold, func(w *world) {
		if err := os.RemoveAll(w.dir); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(w.dir, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		w.push()
		w.pass(2 * nginx.SlotSeconds * time.Second)
		if !strings.Contains(w.log.String(), "no flag") || w.gate.flags != 0 {
			t.Error(w.log.String())
		}
		if err := os.Remove(w.dir); err != nil {
			t.Fatal(err)
		}
		w.push()
		w.pass(spacing)
		w.want(nginx.SoldOut)
	})
}

// The end of a recovery is no news. The gate looks again by itself, slot by slot, and sooner than at a sale at rest.
func TestRecoveryThatEnds(t *testing.T) {
	recovering := sold
	recovering.Reopens = 1
	inWorld(t, recovering, func(w *world) {
		w.pass(3 * nginx.SlotSeconds * time.Second)
		w.want("")
		w.is(sold)
		w.pass(nginx.SlotSeconds * time.Second)
		w.want(nginx.SoldOut)
	})
}

// Room that was missing for a flag may exist one slot later, without news.
func TestFlagThatCouldNotBeMade(t *testing.T) {
	inWorld(t, selling, func(w *world) {
		if err := errors.Join(os.RemoveAll(w.dir), os.WriteFile(w.dir, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		w.is(sold)
		w.push()
		w.pass(time.Second)
		if err := os.Remove(w.dir); err != nil {
			t.Fatal(err)
		}
		w.pass(nginx.SlotSeconds * time.Second)
		w.want(nginx.SoldOut)
	})
}
