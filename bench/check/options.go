package check

import (
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"spike/bench"
)

// Options of a check.
type Options struct {
	URL         string        // of a sale: http://HOST:PORT/buy/NAME
	Requests    int64         // buys; 0: none
	Connections int           //
	P99         time.Duration // the most the 99th percentile may be; 0: any
	Allow503    bool          // "undecided" is a warning, not a failure
}

const (
	maxRequests    = 100_000_000
	maxConnections = 1 << 16
)

// target is where the URL points.
type target struct{ host, sale string }

// check refuses wrong options. Its error wraps bench.ErrUsage.
func (o Options) check() (target, error) {
	wrong := func(format string, args ...any) (target, error) {
		return target{}, fmt.Errorf("%w: %s", bench.ErrUsage, fmt.Sprintf(format, args...))
	}
	u, err := url.Parse(o.URL)
	if err != nil || u.Scheme != "http" || u.Hostname() == "" {
		return wrong("--url %q is not http://HOST:PORT/buy/SALE", o.URL)
	}
	sale, ok := strings.CutPrefix(u.Path, "/buy/")
	switch {
	case !ok || sale == "" || strings.Contains(sale, "/"):
		return wrong("--url %q is not http://HOST:PORT/buy/SALE", o.URL)
	case o.Requests < 0 || o.Requests > maxRequests:
		return wrong("--requests %d is not within 0..%d", o.Requests, maxRequests)
	case o.Connections < 1 || o.Connections > maxConnections:
		return wrong("--connections %d is not within 1..%d", o.Connections, maxConnections)
	case o.P99 < 0:
		return wrong("--p99 %v is less than nothing", o.P99)
	}
	t := target{u.Host, sale}
	if u.Port() == "" {
		t.host = net.JoinHostPort(u.Hostname(), "80")
	}
	return t, nil
}
