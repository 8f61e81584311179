package luascripts

import (
	"context"
	"errors"
	mapkit "maps"
	"slices"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"spike/luascripts/ledger"
)

// walks are looks at all keys, one after another. A walk answers everybody who asked before it began.
type walks struct {
	mu      sync.Mutex
	next    *walk // it has not begun yet
	begun   time.Time
	ended   time.Time
	spent   time.Duration // Redis' time for the newest walk
	turn    sync.Mutex
	running sync.WaitGroup
	over    bool // no walk begins any more
}

// walk is one look at all keys. Its error may be read when done is closed.
type walk struct {
	done  chan struct{}
	hurry chan struct{} // closed: a token waits for this walk
	err   error
	rush  bool // hurry is closed
}

// How much of Redis' time walks may take. A step is about a third of a millisecond.
const (
	stepKeys   = 1000                   // of one step
	stepsFree  = 64                     // steps without a pause, so that a small store is read at once
	stepEvery  = 10 * time.Millisecond  // between the steps after that
	stepTries  = 5                      // in a row
	walkShare  = 20                     // times the last walk's time: the pause before a walk that no token waits for
	walkSeldom = 10 * time.Minute       // but after this at the latest
	walkEvery  = 500 * time.Millisecond // between walks, if a token waits
	listWait   = 300 * time.Millisecond // how long List waits for a walk
)

// walk is the next walk to begin. Its results are in the index. soon: it will end soon.
func (r *Redis) walk(rush bool) (w *walk, soon bool) {
	s := &r.index.walks
	s.mu.Lock()
	defer s.mu.Unlock()
	w = s.next
	if w == nil {
		w = &walk{done: make(chan struct{}), hurry: make(chan struct{})}
		if s.over {
			w.err = context.Canceled
			close(w.done)
			return w, true
		}
		s.next = w
		s.running.Go(func() { r.walkInTurn(w) })
	}
	if rush && !w.rush {
		w.rush = true
		close(w.hurry)
	}
	return w, s.spent < listWait/2 && time.Until(s.due(false)) < listWait/2
}

// due is when the next walk may begin.
func (s *walks) due(rush bool) time.Time {
	if rush {
		return s.begun.Add(walkEvery)
	}
	return s.ended.Add(min(walkShare*s.spent, walkSeldom))
}

// end waits for the running walk. The store's life must have ended.
func (s *walks) end() {
	s.mu.Lock()
	s.over = true
	s.mu.Unlock()
	s.running.Wait()
}

// walkInTurn does one walk when its turn has come.
func (r *Redis) walkInTurn(w *walk) {
	s := &r.index.walks
	s.turn.Lock()
	defer s.turn.Unlock()
	defer close(w.done)
	hurry := w.hurry
	for rush := false; ; {
		wait := time.NewTimer(time.Until(s.due(rush)))
		select {
		case <-wait.C:
		case <-hurry:
			wait.Stop()
			rush, hurry = true, nil
			continue
		case <-r.life.Done():
			wait.Stop()
		}
		break
	}
	s.mu.Lock()
	s.next, s.begun = nil, time.Now()
	s.mu.Unlock()
	_, spent, err := r.survey(r.life, stepEvery)
	w.err = err
	s.mu.Lock()
	s.ended, s.spent = time.Now(), spent
	s.mu.Unlock()
}

// survey finds every sale by its hash, and corrects the index.
func (r *Redis) survey(ctx context.Context, pause time.Duration) (found map[string]bool, spent time.Duration, err error) {
	have, indexErr := r.names(ctx) // read first: a sale in it that is not found is not there
	found = map[string]bool{}
	steps := 0
	for _, node := range r.client.Nodes() {
		err = errors.Join(err, r.surveyNode(ctx, node, &steps, pause, &spent, func(names []string) {
			for _, name := range names {
				found[name] = true
			}
			for part := range slices.Chunk(names, indexAtOnce) {
				_ = r.put(ctx, part, have) // what could not be written is in memory
			}
		}))
	}
	if err != nil || indexErr != nil {
		return found, spent, err
	}
	lost := slices.DeleteFunc(sorted(have), func(name string) bool { return found[name] })
	for part := range slices.Chunk(lost, indexAtOnce) {
		if err := r.put(ctx, part, have); err != nil {
			return found, spent, err
		}
	}
	return found, spent, nil
}

// surveyNode walks over one server's keys. A failed step is repeated from its cursor. If the server is another process by
// then, the walk begins again, because a cursor means nothing to another process.
func (r *Redis) surveyNode(ctx context.Context, node rueidis.Client, steps *int, pause time.Duration, spent *time.Duration,
	found func(names []string)) error {
	failed, process := 0, processOf(ctx, node)
	for cursor := uint64(0); ; *steps++ {
		if *steps >= stepsFree && !rest(ctx, pause) {
			return ctx.Err()
		}
		began := time.Now()
		e, err := scan(ctx, node, cursor)
		*spent += time.Since(began)
		if err != nil {
			if failed++; failed == stepTries || !rest(ctx, time.Duration(failed)*noteAgain/stepTries) {
				return r.down(err)
			}
			if now := processOf(ctx, node); now != process {
				process, cursor = now, 0
			}
			continue
		}
		failed = 0
		var names []string
		for _, key := range e.Elements {
			if name, ok := ledger.SaleOf(key); ok {
				names = append(names, name)
			}
		}
		found(names)
		if cursor = e.Cursor; cursor == 0 {
			return nil
		}
	}
}

// scan is one step of a walk.
func scan(ctx context.Context, node rueidis.Client, cursor uint64) (rueidis.ScanEntry, error) {
	ctx, cancel := context.WithTimeout(ctx, ledger.Timeout)
	defer cancel()
	step := node.B().Scan().Cursor(cursor).Match("*" + ledger.HashSuffix).Count(stepKeys).Type("hash").Build()
	return node.Do(ctx, step).AsScanEntry()
}

// processOf is the run_id of a server; "": it does not say.
func processOf(ctx context.Context, node rueidis.Client) string {
	info, err := ask(ctx, node, node.B().Info().Section("server").Build())
	if err != nil {
		return ""
	}
	return infoField(info, "run_id")
}

// rest waits. false: ctx ended first.
func rest(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// List names the sales in order: those that were ever opened, and those made by hand that a walk has found. It waits for a
// walk of a small store. It does not wait for a walk of a large one.
func (r *Redis) List(ctx context.Context) ([]string, error) {
	w, soon := r.walk(false)
	if soon {
		late := time.NewTimer(listWait)
		defer late.Stop()
		select {
		case <-w.done:
		case <-late.C:
		case <-ctx.Done():
			return nil, r.down(ctx.Err())
		}
	}
	births, err := r.names(ctx)
	if refusesKey(err) {
		return r.Survey(ctx)
	}
	if err != nil {
		return nil, r.down(err)
	}
	return sorted(births), nil
}

// Survey walks over all keys, however long that takes: it is for people, not for programs in a hurry.
func (r *Redis) Survey(ctx context.Context) ([]string, error) {
	found, _, err := r.survey(ctx, 0)
	if err != nil {
		return nil, r.down(err)
	}
	return sorted(found), nil
}

// sorted are the names that a sale may have, in order.
func sorted[V any](names map[string]V) []string {
	list := slices.DeleteFunc(slices.Collect(mapkit.Keys(names)), func(name string) bool { return ledger.CheckName(name) != nil })
	slices.Sort(list)
	return list
}

// refusesKey says that Redis answered, and will not let us read the index: an ACL forbids it, or a hand has made another key
// of that name.
func refusesKey(err error) bool {
	return isError(err, "NOPERM") || isError(err, "WRONGTYPE")
}
