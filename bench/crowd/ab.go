package crowd

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

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
	out, err := launch(ctx, a.Limit+grace, "ab", append(args, with(a.Headers, a.URL)...)...)
	if err != nil {
		return Measurement{}, err
	}
	return parseAB(out)
}

var (
	abPercentile = regexp.MustCompile(`(?m)^\s+(50|75|90|99)%\s+(\d+)$`)
	abReasons    = regexp.MustCompile(`(?m)^\s+\(Connect: \d+, Receive: \d+, Length: \d+, Exceptions: \d+\)$`)
)

// parseAB reads the output of ab 2.3.
func parseAB(out string) (Measurement, error) {
	m := Measurement{Tool: "ab"}
	var seconds float64
	err := cmp.Or(
		abField(out, "Complete requests", &m.Requests),
		abField(out, "Failed requests", &m.Failed),
		abField(out, "Requests per second", &m.PerSec),
		abField(out, "Time taken for tests", &seconds),
		m.abNon2xx(out),
		m.percentiles(out, abPercentile, "ms"), // it has no finer ones
	)
	if err == nil && m.Failed > 0 && !abReasons.MatchString(out) {
		err = misread(m.Tool, "reasons of failure", out)
	}
	m.Elapsed = time.Duration(seconds * float64(time.Second))
	return m, err
}

// abField reads the first number on the line that begins with name.
func abField(out, name string, into any) error {
	_, rest, found := strings.Cut(out, "\n"+name+":")
	if !found {
		return misread("ab", "no "+strconv.Quote(name), out)
	}
	if _, err := fmt.Sscan(rest, into); err != nil {
		return misread("ab", name, rest)
	}
	return nil
}

// abNon2xx reads the line that ab prints only if there were such answers.
func (m *Measurement) abNon2xx(out string) error {
	if !strings.Contains(out, "Non-2xx responses") {
		return nil
	}
	return abField(out, "Non-2xx responses", &m.Non2xx)
}
