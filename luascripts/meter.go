package luascripts

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"spike/luascripts/ledger"
	"spike/shard/latency"
)

// meter counts how long scripts took, as their callers saw it, and why calls failed.
type meter struct {
	took   sync.Map // a script's name -> latency.Lanes
	failed sync.Map // cause -> *atomic.Uint64
}

// The causes of failed calls that have no code of the server.
const (
	causeReplicas   = "replicas"   // the call was executed, and too few replicas have it
	causeTimeout    = "timeout"    // nobody knows whether the call was executed
	causeConnection = "connection" // nobody knows, either
)

// count counts a call that was run since w. A refusal is an answer.
func (m *meter) count(of *script, w latency.Stopwatch, err error) {
	lanes, known := m.took.Load(of.name)
	if !known {
		lanes, _ = m.took.LoadOrStore(of.name, latency.New())
	}
	lanes.(latency.Lanes).Add(w.Took())
	if why := cause(err); why != "" {
		n, _ := m.failed.LoadOrStore(why, &atomic.Uint64{})
		n.(*atomic.Uint64).Add(1)
	}
}

// cause is why a call failed, in one word: the server's code (READONLY, OOM …), or one of ours; "": it did not fail.
func cause(err error) string {
	server, said := errors.AsType[*ledger.ServerError](err)
	switch {
	case !errors.Is(err, ledger.ErrDown):
		return ""
	case errors.Is(err, ledger.ErrReplicas):
		return causeReplicas
	case said:
		return server.Code()
	case errors.Is(err, context.DeadlineExceeded):
		return causeTimeout
	}
	return causeConnection
}

// CallTimes is how long calls took, by script.
func (r *Redis) CallTimes() map[string]latency.Counts {
	all := map[string]latency.Counts{}
	r.meter.took.Range(func(name, lanes any) bool {
		all[name.(string)] = lanes.(latency.Lanes).Read()
		return true
	})
	return all
}

// Followers is how many replicas follow the server, as of the newest look; of several servers, the most.
func (r *Redis) Followers() uint64 { return r.durability.replicas.Load() }

// CallErrors is how many calls failed, by cause.
func (r *Redis) CallErrors() map[string]uint64 {
	all := map[string]uint64{}
	r.meter.failed.Range(func(why, n any) bool {
		all[why.(string)] = n.(*atomic.Uint64).Load()
		return true
	})
	return all
}
