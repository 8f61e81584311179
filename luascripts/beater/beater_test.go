package beater

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"spike/bench/rig/rigtest"
	"spike/luascripts/ledger"
)

// fickle is a store whose calls may take long and fail.
type fickle struct {
	mu    sync.Mutex
	takes time.Duration
	fails error
	beats []ledger.Beat
	notes []string
	left  int
	under int // calls under way
}

func (s *fickle) call(ctx context.Context, done func()) error {
	s.mu.Lock()
	takes, fails := s.takes, s.fails
	if s.under++; s.under > 1 {
		panic("two calls at once")
	}
	s.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		fails = ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.under--
	if fails == nil {
		done()
	}
	return fails
}

func (s *fickle) Beat(ctx context.Context, b ledger.Beat) error {
	return s.call(ctx, func() { s.beats = append(s.beats, b) })
}

func (s *fickle) Leave(ctx context.Context, _ ledger.Beat) error {
	return s.call(ctx, func() { s.left++ })
}

func (s *fickle) Note(ctx context.Context, e ledger.Entry) error {
	return s.call(ctx, func() { s.notes = append(s.notes, e.Did+" "+e.Who+" "+e.From+" "+e.What) })
}

func (s *fickle) set(takes time.Duration, fails error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.takes, s.fails = takes, fails
}

func (s *fickle) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.beats)
}

// begin runs a Beater, and returns how to end it.
func begin(s *fickle, log zerolog.Logger, look func(context.Context, *ledger.Beat) []ledger.Entry) (end func()) {
	b := &Beater{Store: s, Log: log, Look: look,
		Who: ledger.Beat{Kind: ledger.EdgeKind, Instance: "I", Node: "n", Version: "7"}}
	return b.Begin()
}

// A process beats each second, and the journal has its start, what it noticed, and its end, each once.
func TestBeatsAndJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, n := &fickle{takes: 3 * time.Millisecond}, uint64(0)
		end := begin(s, zerolog.Nop(), func(_ context.Context, b *ledger.Beat) []ledger.Entry {
			n++
			b.Connections = n
			if n == 2 {
				return []ledger.Entry{{Did: "trouble", Sale: "s", What: "w"}}
			}
			return nil
		})
		time.Sleep(time.Minute)
		end()
		if got := len(s.beats); got < 58 || got > 62 {
			t.Errorf("%d beats in a minute", got)
		}
		last := s.beats[len(s.beats)-1]
		if last.Connections != n || last.RoundTrip != 3000 || last.Started == 0 || last.At <= last.Started || last.FilesMost == 0 {
			t.Errorf("%+v", last)
		}
		want := []string{"started n edge spike 7", "trouble n edge w", "stopped n edge "}
		if !slices.Equal(s.notes, want) || s.left != 1 {
			t.Errorf("%q, left %d times", s.notes, s.left)
		}
	})
}

// A slow store skips beats. After it was away it gets what was noticed meanwhile, of too much the newest.
func TestSlowStoreSkipsBeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, tries := &fickle{takes: 2500 * time.Millisecond}, atomic.Int64{}
		end := begin(s, zerolog.Nop(), func(context.Context, *ledger.Beat) []ledger.Entry {
			return []ledger.Entry{{Did: "trouble", What: fmt.Sprint(tries.Add(1))}}
		})
		s.set(2500*time.Millisecond, ledger.ErrDown)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if n := tries.Load(); n < 95 || n > 105 {
			t.Errorf("%d beats were tried in five minutes, each of 2.5 s", n)
		}
		s.set(0, nil)
		time.Sleep(10 * time.Second)
		end()
		if len(s.notes) < pendingMost || len(s.notes) > pendingMost+15 || s.notes[0] == "started n edge spike 7" {
			t.Errorf("%d entries, the first is %s", len(s.notes), s.notes[0])
		}
	})
}

// A store that refuses beats is asked seldom, and the log says so once.
func TestRefusalIsLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, log := &fickle{fails: fmt.Errorf("%w: %w", ledger.ErrDown, &ledger.ServerError{Text: "NOPERM no"})}, &rigtest.Log{}
		var tries atomic.Int64
		end := begin(s, zerolog.New(log), func(context.Context, *ledger.Beat) []ledger.Entry { tries.Add(1); return nil })
		time.Sleep(10 * time.Minute)
		if n := tries.Load(); n > 11 || strings.Count(log.String(), "no beats") != 1 {
			t.Errorf("%d beats in ten minutes; the log: %s", n, log)
		}
		s.set(0, nil)
		time.Sleep(2 * time.Minute)
		end()
		if s.count() < 60 {
			t.Errorf("%d beats after the refusal is over", s.count())
		}
	})
}

// A process whose store is away ends within a call's time.
func TestEndDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fickle{}
		end := begin(s, zerolog.Nop(), nil)
		time.Sleep(3 * time.Second)
		s.set(time.Hour, nil)
		began := time.Now()
		end()
		if took := time.Since(began); took > ledger.Timeout {
			t.Errorf("%v", took)
		}
	})
}
