package luascripts

import (
	"context"
	"errors"
	mapkit "maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"spike/luascripts/ledger"
)

// walks over all keys, one at a time. Whoever asked before one began is answered by it.
type walks struct {
	mu      sync.Mutex
	next    *walk // that has not begun yet
	begun   time.Time
	ended   time.Time
	spent   time.Duration // of Redis' time, by the newest
	turn    sync.Mutex
	running sync.WaitGroup
	over    bool // none begins any more
}

// walk is one look at all keys. Its error may be read once done is closed.
type walk struct {
	done  chan struct{}
	hurry chan struct{} // closed: a token waits
	err   error
	rush  bool // hurry is closed
}

// How much of Redis' time walks may take: a step is about a third of a millisecond.
const (
	stepKeys   = 1000                   // of one step
	stepsFree  = 64                     // without a pause: a small store is seen at once
	stepEvery  = 10 * time.Millisecond  // and then
	stepTries  = 5                      // in a row
	walkShare  = 20                     // of the time since the last, at most 1 / walkShare is walked, where no token waits
	walkSeldom = 10 * time.Minute       // but that is enough
	walkEvery  = 500 * time.Millisecond // where one waits
	listWait   = 300 * time.Millisecond // of a list for a walk
)

// walk is the next one to begin. What came of it is in the index; soon: it will not be long.
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

// end waits for the walk under way; life has ended.
func (s *walks) end() {
	s.mu.Lock()
	s.over = true
	s.mu.Unlock()
	s.running.Wait()
}

// walkInTurn is one walk, when it may.
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

// survey finds every sale by its hash, and mends the index by what it finds.
func (r *Redis) survey(ctx context.Context, pause time.Duration) (found map[string]bool, spent time.Duration, err error) {
	have, indexErr := r.names(ctx) // before: a sale that is in it, and is not found, is not there
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

// surveyNode walks over one server's keys. A step that fails is tried again from where it was: from the beginning, if it is
// another process by then, for a cursor is nothing to that.
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

// scan is one step of a walk, in its own time.
func scan(ctx context.Context, node rueidis.Client, cursor uint64) (rueidis.ScanEntry, error) {
	ctx, cancel := context.WithTimeout(ctx, ledger.Timeout)
	defer cancel()
	return node.Do(ctx, node.B().Scan().Cursor(cursor).Match("*"+ledger.HashSuffix).Count(stepKeys).Type("hash").Build()).AsScanEntry()
}

// processOf is which process a server is; "": it does not say.
func processOf(ctx context.Context, node rueidis.Client) string {
	info, err := ask(ctx, node, node.B().Info().Section("server").Build())
	if err != nil {
		return ""
	}
	_, id, _ := strings.Cut(info, "run_id:")
	id, _, _ = strings.Cut(id, "\r\n")
	return id
}

// rest waits; false: ctx ended first.
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

// List names the sales there are, in order: those that were ever opened, and those made by hand that a walk has found. A
// small store is walked over first; a large one in the background.
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

// Survey walks over all keys, however long that takes: for people, not for programs in a hurry.
func (r *Redis) Survey(ctx context.Context) ([]string, error) {
	found, _, err := r.survey(ctx, 0)
	if err != nil {
		return nil, r.down(err)
	}
	return sorted(found), nil
}

// sorted are the names a sale may have.
func sorted[V any](names map[string]V) []string {
	list := slices.DeleteFunc(slices.Collect(mapkit.Keys(names)), func(name string) bool { return ledger.CheckName(name) != nil })
	slices.Sort(list)
	return list
}

// refusesKey says that Redis answered, and will not let us have the index: an ACL, or a hand's key of that name.
func refusesKey(err error) bool {
	e, answered := rueidis.IsRedisErr(err)
	return answered && (strings.HasPrefix(e.Error(), "NOPERM") || strings.HasPrefix(e.Error(), "WRONGTYPE"))
}
