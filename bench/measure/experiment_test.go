package measure

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// diary is what an experiment did.
type diary struct {
	mu      sync.Mutex
	entries []string
}

func (d *diary) note(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.entries = append(d.entries, fmt.Sprintf(format, args...))
}

// kept is an experiment with two parts that keeps a diary.
func kept(d *diary) Experiment[string] {
	return Experiment[string]{Parts: []Part{{"one", []string{"a", "b"}}, {"two", []string{"c"}}}, Rounds: 2, Turns: Alternate,
		Open: func(_ context.Context, part, subject string) (string, error) {
			d.note("open %s %s", part, subject)
			return subject, nil
		},
		Load: func(_ context.Context, s string, t Turn) (Sample, error) {
			d.note("load %s %d", s, t.Round)
			return Sample{Figures: Figures{"n": 1}}, nil
		},
		Close: func(s string) { d.note("close %s", s) }}
}

func TestPartsRunOneAfterTheOther(t *testing.T) {
	var d diary
	samples, err := kept(&d).Run(t.Context(), Host{OnStep: func(done, all int, what string) { d.note("%d/%d %s", done, all, what) }})
	if err != nil || len(samples) != 6 || samples[2].Turn != (Turn{"one", "b", 2}) || samples[2].Figures["n"] != 1 {
		t.Fatalf("%v, %+v", err, samples)
	}
	slices.Sort(d.entries[10:12]) // both are closed at once
	want := []string{"open one a", "open one b", "0/6 one a, round 1", "load a 1", "1/6 one b, round 1", "load b 1",
		"2/6 one b, round 2", "load b 2", "3/6 one a, round 2", "load a 2", "close a", "close b", "open two c",
		"4/6 two c, round 1", "load c 1", "5/6 two c, round 2", "load c 2", "close c"}
	if !slices.Equal(d.entries, want) {
		t.Errorf("%q", d.entries)
	}
}

func TestWhatWasOpenedIsClosed(t *testing.T) {
	boom := errors.New("boom")
	for name, c := range map[string]struct {
		spoil func(e *Experiment[string], cancel func())
		err   error
		said  string
		loads int
	}{
		"an open fails": {func(e *Experiment[string], _ func()) {
			open := e.Open
			e.Open = func(ctx context.Context, part, subject string) (string, error) {
				if subject == "b" {
					return "", boom
				}
				return open(ctx, part, subject)
			}
		}, boom, "one b: boom", 0},
		"a load fails": {func(e *Experiment[string], _ func()) {
			e.Load = func(context.Context, string, Turn) (Sample, error) { return Sample{}, boom }
		}, boom, "one a, round 1: boom", 0},
		"the context ends": {func(e *Experiment[string], cancel func()) {
			load := e.Load
			e.Load = func(ctx context.Context, s string, turn Turn) (Sample, error) {
				cancel()
				return load(ctx, s, turn)
			}
		}, context.Canceled, "one a, round 1", 1},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		var d diary
		e := kept(&d)
		c.spoil(&e, cancel)
		samples, err := e.Run(ctx, Host{})
		cancel()
		count := func(word string) (n int) {
			for _, entry := range d.entries {
				if strings.HasPrefix(entry, word) {
					n++
				}
			}
			return n
		}
		if !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.said) || len(samples) != 0 || count("load") != c.loads ||
			count("open") == 0 || count("close") != count("open") {
			t.Errorf("%s: %v, %d samples, %q", name, err, len(samples), d.entries)
		}
	}
}
