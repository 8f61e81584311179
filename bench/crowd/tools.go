package crowd

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"spike/bench"
	"spike/bench/rig"
)

// ErrOutput means that a tool's output is not that of its known version.
var ErrOutput = errors.New("output of the load generator not understood")

// Measurement is what a tool saw. A percentile that the tool does not report is 0.
type Measurement struct {
	Tool     string        `json:"tool"`
	Requests int64         `json:"requests"`
	Elapsed  time.Duration `json:"elapsed_ns"`
	PerSec   float64       `json:"requests_per_second"`
	P50      time.Duration `json:"p50_ns"`
	P75      time.Duration `json:"p75_ns"`
	P90      time.Duration `json:"p90_ns"`
	P99      time.Duration `json:"p99_ns"`

	Non2xx       int64 `json:"non_2xx"`
	SocketErrors int64 `json:"socket_errors"` // connect, read, write and timeout together
	Failed       int64 `json:"failed"`        // ab only: of any kind
}

// Faults is the number of requests that did not get a proper answer.
func (m Measurement) Faults() int64 { return m.Non2xx + m.SocketErrors + m.Failed }

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
	args := []string{"--latency", fmt.Sprintf("-t%d", w.Threads), fmt.Sprintf("-c%d", w.Connections), fmt.Sprintf("-d%ds", seconds)}
	if w.Script != "" {
		args = append(args, "-s", w.Script)
	}
	return launch(ctx, time.Duration(seconds)*time.Second, parseWrk, "wrk", append(args, with(w.Headers, w.URL)...)...)
}

// AB is one run of ApacheBench: a number of requests over kept-alive connections. Lengths may vary (`-l`), because serials
// differ in their number of digits.
type AB struct {
	URL         string
	Requests    int
	Connections int
	Limit       time.Duration // ab is ended after this
	Headers     []string      // of each request, each "Name: value"
}

// Run runs ab and reads what it printed.
func (a AB) Run(ctx context.Context) (Measurement, error) {
	args := []string{"-l", "-k", "-q", "-n", strconv.Itoa(a.Requests), "-c", strconv.Itoa(a.Connections)}
	return launch(ctx, a.Limit, parseAB, "ab", append(args, with(a.Headers, a.URL)...)...)
}

// with returns the arguments for headers, which wrk and ab take alike, and the URL.
func with(headers []string, url string) (args []string) {
	for _, h := range headers {
		args = append(args, "-H", h)
	}
	return append(args, url)
}

// launch runs a tool and reads what it printed. The tool may take longer than asked: for connecting, and for the last answers.
func launch(ctx context.Context, limit time.Duration, parse func(string) (Measurement, error), tool string, args ...string) (
	m Measurement, err error) {
	const grace = 15 * time.Second
	path, err := bench.Tool(tool)
	if err != nil {
		return m, err
	}
	ctx, cancel := context.WithTimeout(ctx, limit+grace)
	defer cancel()
	out, err := rig.Run(ctx, "", path, args...)
	if err != nil {
		return m, err
	}
	return parse(out)
}

// parseWrk reads the output of `wrk --latency`, version 4.
func parseWrk(out string) (m Measurement, err error) {
	const span = `([\d.]+(?:us|ms|s|m|h))`
	var socket [4]int64
	m.Tool = "wrk"
	err = m.read(out, append(m.latencies(span, ""),
		line{pattern: `\s+(\d+) requests in ` + span + `, [\d.]+\w+ read`, into: []any{&m.Requests, &m.Elapsed}},
		line{pattern: `Requests/sec:\s+([\d.]+)`, into: []any{&m.PerSec}},
		line{rare: "Non-2xx", pattern: `\s+Non-2xx or 3xx responses: (\d+)`, into: []any{&m.Non2xx}},
		line{rare: "Socket errors", pattern: `\s+Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)`,
			into: []any{&socket[0], &socket[1], &socket[2], &socket[3]}})...)
	m.SocketErrors = socket[0] + socket[1] + socket[2] + socket[3]
	return m, err
}

// parseAB reads the output of ab 2.3. Its percentiles are whole milliseconds.
func parseAB(out string) (m Measurement, err error) {
	const reasons = `\n\s+\(Connect: \d+, Receive: \d+, Length: \d+, Exceptions: \d+\)` // of failures
	m.Tool = "ab"
	err = m.read(out, append(m.latencies(`(\d+)`, "ms"),
		line{pattern: `Complete requests:\s+(\d+)`, into: []any{&m.Requests}},
		line{pattern: `Failed requests:\s+(0|\d+` + reasons + `)`, into: []any{&m.Failed}},
		line{pattern: `Requests per second:\s+([\d.]+) .*`, into: []any{&m.PerSec}},
		line{pattern: `Time taken for tests:\s+([\d.]+) seconds`, unit: "s", into: []any{&m.Elapsed}},
		line{rare: "Non-2xx responses", pattern: `Non-2xx responses:\s+(\d+)`, into: []any{&m.Non2xx}})...)
	return m, err
}

// line is a line of a tool's output.
type line struct {
	pattern string // of the whole line, with a group for each of into
	into    []any  // numbers and times
	unit    string // of times, if the tool prints none
	rare    string // words of a line that is printed only if there is something to say; empty: the line is always there
}

// latencies are the lines of the percentiles, whose times have this pattern.
func (m *Measurement) latencies(span, unit string) (all []line) {
	for name, into := range map[string]*time.Duration{"50%": &m.P50, "75%": &m.P75, "90%": &m.P90, "99%": &m.P99} {
		all = append(all, line{pattern: `\s+` + name + `\s+` + span, unit: unit, into: []any{into}})
	}
	return all
}

// read reads lines of the output. A line that is there and does not parse is an error.
func (m *Measurement) read(out string, lines ...line) error {
	const most = 400
	for _, l := range lines {
		found := regexp.MustCompile("(?m)^" + l.pattern + "$").FindStringSubmatch(out)
		if found == nil && l.rare != "" && !strings.Contains(out, l.rare) {
			continue
		}
		if found == nil || !l.fill(found[1:]) {
			return fmt.Errorf("%w: %s: no %q in %q", ErrOutput, m.Tool, l.pattern, out[:min(most, len(out))])
		}
	}
	return nil
}

// fill reads what the groups have found.
func (l line) fill(found []string) bool {
	for i, into := range l.into {
		var err error
		if span, is := into.(*time.Duration); is {
			*span, err = time.ParseDuration(found[i] + l.unit)
		} else {
			_, err = fmt.Sscan(found[i], into)
		}
		if err != nil {
			return false
		}
	}
	return true
}
