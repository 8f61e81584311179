package load

import (
	"fmt"
	"net/url"
	"time"

	"github.com/valyala/fasthttp"

	"spike/bench"
)

// ErrOptions means that the options of a run are wrong.
var ErrOptions = fmt.Errorf("%w: load", bench.ErrUsage)

// Options of a run.
type Options struct {
	URLs        []string // connection i uses URLs[i % len(URLs)]
	Connections int      // 1..65536
	Requests    int64    // over all connections together
	Rate        float64  // requests per second, all together; 0: as fast as answers come (closed loop)

	// For, if set, is how long the run begins requests. Those that it does not begin are unsent.
	For time.Duration

	Method  string        // default GET
	Body    []byte        // sent with every request
	Timeout time.Duration // of one request, connecting included; default 5 s

	// Header, if set, may change the header of request number n (0..Requests-1) before it is sent, and its URI. Many connections
	// call it at once.
	Header func(n int64, header *fasthttp.RequestHeader)

	// OnAnswer, if set, gets every answer. Many connections call it at once. It must not keep body.
	OnAnswer func(url string, status int, body []byte)

	// OnProgress, if set, is called from one goroutine every ProgressEvery (default 200 ms) and once at the end.
	OnProgress    func(Progress)
	ProgressEvery time.Duration
}

// Progress is how far a run is.
type Progress struct {
	Done, Requests int64
	Elapsed        time.Duration
}

const (
	maxConnections = 1 << 16
	maxBodyBytes   = 1 << 20 // of an answer
)

// filled returns the options with defaults, or the error in them.
func (o Options) filled() (Options, error) {
	if o.Method == "" {
		o.Method = fasthttp.MethodGet
	}
	if o.Timeout <= 0 {
		o.Timeout = 5 * time.Second
	}
	if o.ProgressEvery <= 0 {
		o.ProgressEvery = 200 * time.Millisecond
	}
	switch {
	case len(o.URLs) == 0:
		return o, fmt.Errorf("%w: no URL", ErrOptions)
	case o.Connections < 1 || o.Connections > maxConnections:
		return o, fmt.Errorf("%w: %d connections, not 1..%d", ErrOptions, o.Connections, maxConnections)
	case o.Requests < 0 || o.Rate < 0:
		return o, fmt.Errorf("%w: fewer requests than none", ErrOptions)
	}
	for _, u := range o.URLs {
		if parsed, err := url.Parse(u); err != nil || parsed.Scheme != "http" || parsed.Host == "" {
			return o, fmt.Errorf("%w: %q is not an http:// URL", ErrOptions, u)
		}
	}
	return o, nil
}
