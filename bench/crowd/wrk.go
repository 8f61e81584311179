package crowd

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Wrk is one run of wrk, as fast as the connections allow.
type Wrk struct {
	URL         string
	Script      string // a file in Lua that makes the requests; empty: all are for the URL
	Threads     int
	Connections int
	Duration    time.Duration // whole seconds; wrk has no smaller unit
	Headers     []string      // of each request, each "Name: value"
}

// Run runs wrk and reads what it printed.
func (w Wrk) Run(ctx context.Context) (Measurement, error) {
	seconds := max(1, int(w.Duration.Round(time.Second)/time.Second))
	limit := time.Duration(seconds)*time.Second + grace
	args := []string{"--latency", fmt.Sprintf("-t%d", w.Threads), fmt.Sprintf("-c%d", w.Connections), fmt.Sprintf("-d%ds", seconds)}
	if w.Script != "" {
		args = append(args, "-s", w.Script)
	}
	out, err := launch(ctx, limit, "wrk", append(args, with(w.Headers, w.URL)...)...)
	if err != nil {
		return Measurement{}, err
	}
	return parseWrk(out)
}

var (
	wrkTotal      = regexp.MustCompile(`(?m)^\s+(\d+) requests in ([\d.]+(?:us|ms|s|m|h)), [\d.]+\w+ read$`)
	wrkRate       = regexp.MustCompile(`(?m)^Requests/sec:\s+([\d.]+)$`)
	wrkPercentile = regexp.MustCompile(`(?m)^\s+(50|75|90|99)%\s+([\d.]+(?:us|ms|s|m|h))$`)
	wrkNon2xx     = regexp.MustCompile(`(?m)^\s+Non-2xx or 3xx responses: (\d+)$`)
	wrkSocket     = regexp.MustCompile(`(?m)^\s+Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)$`)
)

// parseWrk reads the output of `wrk --latency`, version 4.
func parseWrk(out string) (Measurement, error) {
	m := Measurement{Tool: "wrk"}
	total, rate := wrkTotal.FindStringSubmatch(out), wrkRate.FindStringSubmatch(out)
	if total == nil || rate == nil {
		return m, misread(m.Tool, "no totals", out)
	}
	var err error
	if m.Requests, err = strconv.ParseInt(total[1], 10, 64); err != nil {
		return m, misread(m.Tool, "requests", out)
	}
	if m.Elapsed, err = time.ParseDuration(total[2]); err != nil {
		return m, misread(m.Tool, "elapsed time", out)
	}
	if m.PerSec, err = strconv.ParseFloat(rate[1], 64); err != nil {
		return m, misread(m.Tool, "rate", out)
	}
	if err = m.percentiles(out, wrkPercentile, ""); err != nil {
		return m, err
	}
	return m, m.wrkFaults(out)
}

// wrkFaults reads the two lines that wrk prints only if there were faults. A line that is there and does not parse is an
// error.
func (m *Measurement) wrkFaults(out string) error {
	socket, non2xx := wrkSocket.FindStringSubmatch(out), wrkNon2xx.FindStringSubmatch(out)
	if (socket == nil) == strings.Contains(out, "Socket errors") || (non2xx == nil) == strings.Contains(out, "Non-2xx") {
		return misread(m.Tool, "faults", out)
	}
	if non2xx != nil {
		m.Non2xx = atoi(non2xx[1])
	}
	if socket != nil {
		for _, n := range socket[1:] {
			m.SocketErrors += atoi(n)
		}
	}
	return nil
}

// atoi reads digits that a regexp has found.
func atoi(digits string) int64 {
	n, _ := strconv.ParseInt(digits, 10, 64)
	return n
}
