package crowd

import "time"

// Result of a run. Requests = Answered + Errors + Unsent, always.
type Result struct {
	Requests int64         `json:"requests"` // asked for
	Answered int64         `json:"answered"` // got a complete HTTP answer, of whatever status
	Errors   int64         `json:"errors"`   // sent or not, without a complete answer
	Unsent   int64         `json:"unsent"`   // the run was cancelled first, or its time was over
	Elapsed  time.Duration `json:"elapsed_ns"`

	Statuses map[int]int64 `json:"statuses"` // answers by HTTP status
	Codes    map[int]int64 `json:"codes"`    // answers by the number under "code" in their JSON, where there is one
	// ErrorKinds counts errors by kind: "connect", "timeout", "closed", "protocol", and "cancelled" by the end of ctx.
	ErrorKinds map[string]int64 `json:"error_kinds"`
	Latency    Latency          `json:"latency"`  // of answers
	Connects   int64            `json:"connects"` // connections opened; more than Options.Connections if some broke
}

// Latency has percentiles. In an open loop they count from when a request was due, not from when it could be sent, so a
// server cannot hide a stall.
type Latency struct {
	P50  time.Duration `json:"p50_ns"`
	P90  time.Duration `json:"p90_ns"`
	P99  time.Duration `json:"p99_ns"`
	P999 time.Duration `json:"p999_ns"`
	Max  time.Duration `json:"max_ns"`
}

// PerSecond is answers per second.
func (r Result) PerSecond() float64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return float64(r.Answered) / r.Elapsed.Seconds()
}
