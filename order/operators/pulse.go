package operators

import (
	"context"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/rs/zerolog"

	"spike/luascripts/ledger"
)

const (
	beat    = 250 * time.Millisecond // between two looks
	beatOld = 2 * ledger.Timeout     // an older look does not count
	warming = time.Second            // a starting program may be not ready for so long, and the log is silent
)

// Pulse looks whether a program has what it needs. All callers share its looks.
type Pulse struct {
	asks   func(context.Context) error
	asking sync.Mutex
	newest atomic.Pointer[look]
}

type look struct {
	at  time.Time
	err error
}

// NewPulse looks by calling asks. A look that takes longer than ledger.Timeout must return an error.
func NewPulse(asks func(context.Context) error) *Pulse { return &Pulse{asks: asks} }

// Feel looks, unless another caller has looked since this one began to wait. A look that the end of ctx cut short does not count.
func (p *Pulse) Feel(ctx context.Context) error {
	began := time.Now()
	p.asking.Lock()
	defer p.asking.Unlock()
	if l := p.newest.Load(); l != nil && l.at.After(began) {
		return l.err
	}
	err := p.asks(ctx)
	if ctx.Err() == nil {
		p.newest.Store(&look{time.Now(), err})
	}
	return err
}

// Err is the result of the newest look. If that is too old, Err looks.
func (p *Pulse) Err(ctx context.Context) error {
	if l := p.newest.Load(); l != nil && time.Since(l.at) <= beatOld {
		return l.err
	}
	return p.Feel(ctx)
}

// Watch looks steadily until ctx ends. It logs when the program becomes not ready, and when it is ready again. why names what is
// missing ("": nothing), and means says what follows.
func (p *Pulse) Watch(ctx context.Context, log zerolog.Logger, means string, why func(context.Context) string) {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	said, begun := "", time.Now()
	for was := false; ; {
		_ = p.Feel(ctx)
		is := why(ctx)
		if ctx.Err() != nil {
			return
		}
		was = was || is == "" || time.Since(begun) > warming
		switch {
		case is != "" && said == "" && was:
			log.Error().Str("why", is).Msg("trouble: not ready, " + means)
			said = is
		case is == "" && said != "":
			log.Info().Str("was", said).Msg("trouble is over: ready")
			said = ""
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// Common is the metrics of every program: spike_ready, spike_build_info, Go's and the process'.
func Common(version string, why func(context.Context) string) []prometheus.Collector {
	return []prometheus.Collector{ready(why), buildInfo(version), collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})}
}

// buildInfo is spike_build_info.
func buildInfo(version string) prometheus.Collector {
	revision := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = s.Value
			}
		}
	}
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "spike_build_info", Help: "1, with what this program was made from.",
		ConstLabels: prometheus.Labels{"version": version, "revision": revision, "goversion": runtime.Version()}})
	g.Set(1)
	return g
}

// ready is spike_ready.
func ready(why func(context.Context) string) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "spike_ready",
		Help: "1 while this program does its work, as /readyz says."},
		func() float64 {
			if why(context.Background()) == "" {
				return 1
			}
			return 0
		})
}
