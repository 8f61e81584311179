package operators

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"spike/bench/rig/rigtest"
	"spike/order/loopback"
)

var errGone = errors.New("gone")

// part is a part that may fail.
type part struct {
	gone  atomic.Bool
	asked atomic.Int64
}

func (p *part) ask(context.Context) error {
	p.asked.Add(1)
	if p.gone.Load() {
		return errGone
	}
	return nil
}

// watched is a program that needs a part, with its log and its operators' side.
type watched struct {
	part
	log  rigtest.Log
	side http.Handler
}

func (w *watched) start(t *testing.T) {
	p := NewPulse(w.ask)
	why := func(ctx context.Context) string {
		if err := p.Err(ctx); err != nil {
			return err.Error()
		}
		return ""
	}
	w.side = Side{Metrics: prometheus.NewRegistry(),
		Ready: func(ctx context.Context) (string, string) { return why(ctx), "" }}.Handler()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); p.Watch(ctx, zerolog.New(&w.log), "nothing works", why) }()
	t.Cleanup(func() { cancel(); <-done })
}

// say is the answer of the probe and of the metric, and how many lines the log has.
func (w *watched) say() (probe, metric bool, lines int) {
	synctest.Wait()
	one, all := httptest.NewRecorder(), httptest.NewRecorder()
	w.side.ServeHTTP(one, httptest.NewRequest(http.MethodGet, "http://localhost/readyz", nil))
	w.side.ServeHTTP(all, httptest.NewRequest(http.MethodGet, "http://localhost/metrics", nil))
	return one.Code == http.StatusOK, strings.Contains(all.Body.String(),
		"\nspike_ready 1\n"), strings.Count(w.log.String(), "\n")
}

// Probe and metric agree at every moment, and the log has each change once.
func TestPulseIsOneTruth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &watched{}
		w.start(t)
		for i, gone := range []bool{false, true, false, true} {
			w.gone.Store(gone)
			for range 40 {
				probe, metric, lines := w.say()
				if told := i - 1; probe != metric || lines > max(i, 0) || lines < told {
					t.Fatalf("change %d: probe %v, metric %v, %d lines:\n%s", i, probe, metric, lines, w.log.String())
				}
				time.Sleep(50 * time.Millisecond)
			}
			if probe, metric, lines := w.say(); probe == gone || metric == gone || lines != i {
				t.Errorf("change %d: probe %v, metric %v, %d lines", i, probe, metric, lines)
			}
		}
		if !strings.Contains(w.log.String(), "not ready, nothing works") ||
			!strings.Contains(w.log.String(), "trouble is over: ready") {
			t.Error(w.log.String())
		}
		before := w.asked.Load()
		w.say()
		if w.asked.Load() != before {
			t.Error("who asks for the metrics has the part asked")
		}
	})
}

// A starting program may take a moment. If it takes longer, the log says so.
func TestPulseAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &watched{}
		w.gone.Store(true)
		w.start(t)
		time.Sleep(warming - beat/2)
		if _, _, lines := w.say(); lines != 0 {
			t.Error(w.log.String())
		}
		time.Sleep(2 * beat)
		if _, _, lines := w.say(); lines != 1 {
			t.Error(w.log.String())
		}
	})
}

// A look that its caller's end has cut short says nothing about the part.
func TestPulseForgetsWhoGaveUp(t *testing.T) {
	p := NewPulse(func(ctx context.Context) error { return ctx.Err() })
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if p.Feel(over) == nil {
		t.Error("it was cut short")
	}
	if err := p.Err(t.Context()); err != nil {
		t.Error(err)
	}
}

// Off loopback there is no way in without a token.
func TestListenIsForLoopback(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "[::]:0", "256.0.0.1:1", "nonsense"} {
		if l, err := Listen(addr, loopback.NewTokens()); l != nil || !errors.Is(err, ErrAdmin) {
			t.Errorf("%s: %v %v", addr, l, err)
		}
	}
	if l, err := Listen("", nil); l != nil || err != nil {
		t.Errorf("%v %v", l, err)
	}
}
