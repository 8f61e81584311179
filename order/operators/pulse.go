package operators

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"spike/luascripts"
)

const (
	beat    = 250 * time.Millisecond // between two looks
	beatOld = 2 * luascripts.Timeout // older than this, a look says nothing
	warming = time.Second            // so long a program that starts may be not ready, and the log says nothing
)

// Pulse looks at what a program needs, for all who want to know whether it is there.
type Pulse struct {
	asks   func(context.Context) error
	asking sync.Mutex
	newest atomic.Pointer[look]
}

type look struct {
	at  time.Time
	err error
}

// NewPulse looks by asking. What takes longer than a call may is to be an error.
func NewPulse(asks func(context.Context) error) *Pulse { return &Pulse{asks: asks} }

// Feel looks, unless somebody has since the caller began to wait. What the end of ctx cut short was no look.
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

// Err is what the newest look has found. If nobody has looked lately, it looks.
func (p *Pulse) Err(ctx context.Context) error {
	if l := p.newest.Load(); l != nil && time.Since(l.at) <= beatOld {
		return l.err
	}
	return p.Feel(ctx)
}

// Watch looks steadily until ctx ends, and logs when the program is not ready (why says what is missing, "" that nothing is;
// means says what follows) and when it is again.
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

// Gauge is spike_ready.
func Gauge(why func(context.Context) string) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "spike_ready", Help: "1 while this program does its work, as /readyz says."},
		func() float64 {
			if why(context.Background()) == "" {
				return 1
			}
			return 0
		})
}
