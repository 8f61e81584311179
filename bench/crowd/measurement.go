package crowd

import (
	"errors"
	"fmt"
	"regexp"
	"time"
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

// percentiles reads those that a pattern finds, with their unit if the tool prints none.
func (m *Measurement) percentiles(out string, pattern *regexp.Regexp, unit string) (err error) {
	into := map[string]*time.Duration{"50": &m.P50, "75": &m.P75, "90": &m.P90, "99": &m.P99}
	found := pattern.FindAllStringSubmatch(out, -1)
	if len(found) != len(into) {
		return misread(m.Tool, "latency percentiles", out)
	}
	for _, f := range found {
		if *into[f[1]], err = time.ParseDuration(f[2] + unit); err != nil {
			return misread(m.Tool, "percentile "+f[1], out)
		}
	}
	return nil
}

func misread(tool, what, output string) error {
	const limit = 400
	if len(output) > limit {
		output = output[:limit] + "..."
	}
	return fmt.Errorf("%w: %s: %s in %q", ErrOutput, tool, what, output)
}
