package check

import (
	"fmt"
	"strings"
	"time"

	"spike/bench"
	"spike/bench/crowd"
)

// Options of a check.
type Options struct {
	URL         string        // of a sale: http://HOST:PORT/buy/NAME
	Requests    int64         // buys; 0: none
	Connections int           //
	P99         time.Duration // the most the 99th percentile may be; 0: any
	Allow503    bool          // "undecided" is a warning, not a failure
	Buyers      bool          // each buy has a buyer of its own, whom a trusted proxy names
}

const (
	maxRequests    = 100_000_000
	maxConnections = 1 << 16
)

// check refuses wrong options, and returns where the URL points. Its error wraps bench.ErrUsage.
func (o Options) check() (host, sale string, err error) {
	host, path, err := crowd.Split(o.URL)
	path, _, _ = strings.Cut(path, "?")
	sale, ok := strings.CutPrefix(path, "/buy/")
	why := ""
	switch {
	case err != nil || !ok || sale == "" || strings.Contains(sale, "/"):
		why = fmt.Sprintf("--url %q is not http://HOST:PORT/buy/SALE", o.URL)
	case o.Requests < 0 || o.Requests > maxRequests:
		why = fmt.Sprintf("--requests %d is not within 0..%d", o.Requests, maxRequests)
	case o.Connections < 1 || o.Connections > maxConnections:
		why = fmt.Sprintf("--connections %d is not within 1..%d", o.Connections, maxConnections)
	case o.P99 < 0:
		why = fmt.Sprintf("--p99 %v is less than nothing", o.P99)
	default:
		return host, sale, nil
	}
	return "", "", fmt.Errorf("%w: %s", bench.ErrUsage, why)
}
