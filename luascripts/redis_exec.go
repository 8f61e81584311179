package luascripts

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"spike/luascripts/ledger"
	"spike/shard/latency"
)

// How a script is executed, and when its answer may be acted on.

const (
	waitFor    = 400 * time.Millisecond // for replicas; two such waits fit in Timeout
	watchEvery = 5 * time.Second        // between two looks at how durable the servers' answers are
)

// durability is how safe the store's answers are, as far as is known.
type durability struct {
	synced   atomic.Bool   // a disk has each answer first: appendonly yes, appendfsync always
	replicas atomic.Uint64 // the most seen at the last look: a first guess for sales that were not asked yet
	sales    sync.Map      // sale -> uint64: the replicas in the sale's newest answer
}

// look asks every node that takes writes. A node whose configuration cannot be read counts as one that forgets. If no node
// takes writes, the address may have moved.
func (r *Redis) look(ctx context.Context) {
	synced, most, writes := true, uint64(0), false
	for _, node := range r.client.Nodes() {
		info, err := ask(ctx, node, node.B().Info().Section("replication").Build())
		if err != nil {
			return // a node may be gone: what was known stands
		}
		if strings.Contains(info, "role:slave") {
			continue
		}
		writes = true
		most = max(most, uint64(len(followersIn(info).names)))
		synced = synced && onDisk(ctx, node)
	}
	if !writes {
		r.lines.refused()
	}
	r.durability.synced.Store(synced)
	r.durability.replicas.Store(most)
}

func ask(ctx context.Context, node rueidis.Client, cmd rueidis.Completed) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, ledger.Timeout)
	defer cancel()
	return node.Do(ctx, cmd).ToString()
}

func onDisk(ctx context.Context, node rueidis.Client) bool {
	ctx, cancel := context.WithTimeout(ctx, ledger.Timeout)
	defer cancel()
	set, err := node.Do(ctx, node.B().ConfigGet().Parameter("appendonly").Parameter("appendfsync").
		Parameter("no-appendfsync-on-rewrite").Build()).AsStrMap()
	return err == nil && set["appendonly"] == "yes" && set["appendfsync"] == "always" && set["no-appendfsync-on-rewrite"] != "yes"
}

// watch looks again and again until the store is closed.
func (r *Redis) watch(done chan<- struct{}) {
	defer close(done)
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-r.life.Done():
			return
		case <-tick.C:
			r.look(r.life)
		}
	}
}

// caller is the first argument of every script of a sale.
func (r *Redis) caller(birth uint64) string {
	text := ""
	if birth != 0 {
		text = num(birth)
	}
	if r.durability.synced.Load() {
		text += "+"
	}
	if r.mostReplicas != nil {
		text += "r" + num(*r.mostReplicas)
	}
	return text
}

// required is how many replicas must have an answer before it is acted on, as far as is known.
func (r *Redis) required(sale string) uint64 {
	if n, known := r.durability.sales.Load(sale); known {
		return n.(uint64)
	}
	return r.counted(r.durability.replicas.Load())
}

// run is decide, with its time taken.
func (r *Redis) run(ctx context.Context, s *script, sale string, args []string) (ledger.Head, *reply, error) {
	since := latency.Start()
	h, rd, err := r.decide(ctx, s, sale, args)
	r.meter.count(s, since, err)
	return h, rd, err
}

// decide executes a script and returns its head, and a reader of the rest. If the script widens a right, decide succeeds only
// when every replica that may be promoted has the answer.
func (r *Redis) decide(ctx context.Context, s *script, sale string, args []string) (ledger.Head, *reply, error) {
	if err := ledger.CheckName(sale); err != nil {
		return ledger.Head{}, nil, err
	}
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	wait := uint64(0)
	if s.widens {
		wait = r.required(sale)
	}
	result, have := r.exec(ctx, s, Keys(sale), args, wait)
	parts, err := result.ToArray()
	if err != nil {
		return ledger.Head{}, nil, r.failed(err)
	}
	rd := &reply{parts: parts}
	h := rd.head()
	if rd.err != nil {
		return ledger.Head{}, nil, r.down(rd.err)
	}
	if h.Replicas != r.required(sale) {
		r.durability.sales.Store(sale, h.Replicas)
	}
	if s.widens && have < h.Replicas {
		r.recount(sale, h.Era)
		return ledger.Head{}, nil, fmt.Errorf("%w: redis %s: %w: %d of %d", ledger.ErrDown, r.name, ledger.ErrReplicas, have,
			h.Replicas)
	}
	if !s.peeks {
		r.note(ctx, sale, h)
	}
	return h, rd, nil
}

// failed is a script's refusal, or an error that leaves open whether the call was executed.
func (r *Redis) failed(err error) error {
	if e, ok := rueidis.IsRedisErr(err); ok {
		if refusal := ledger.ParseRefusal(e.Error()); refusal != nil {
			return refusal
		}
	}
	return r.down(err)
}

// handOut runs a command whose reply others will act on. It succeeds only when the replicas have the command's write. A command
// is no script and counts no replicas: so show.lua goes before it. sale is "" for what belongs to no sale.
func (r *Redis) handOut(ctx context.Context, sale string,
	cmd func(rueidis.Builder) rueidis.Completed) (rueidis.RedisResult, error) {
	need := r.required(sale)
	if need == 0 {
		return r.client.Do(ctx, cmd(r.client.B())), nil
	}
	var result rueidis.RedisResult
	var have uint64
	_ = r.client.Dedicated(func(c rueidis.DedicatedClient) error {
		if sale == "" {
			var results []rueidis.RedisResult
			results, have = r.behind(ctx, c, need, cmd(c.B()))
			result = results[0]
			return nil
		}
		show := call{script: &r.scripts.show, keys: Keys(sale), args: []string{r.caller(0)}}
		results, n := r.behind(ctx, c, need, r.functions.first(show)(c.B()), cmd(c.B()))
		result, have = results[1], n
		if unknown(results[0]) {
			_, _ = r.Show(ctx, sale) // loads it, for the next time
			have = 0
		}
		need = max(need, r.shown(sale, results[0]))
		return nil
	})
	if result.Error() == nil && have < need {
		return result, fmt.Errorf("%w: redis %s: %w: %d of %d", ledger.ErrDown, r.name, ledger.ErrReplicas, have, need)
	}
	return result, nil
}

// shown is how many replicas the sale waits for, by an answer of show.lua; 0: the sale is gone.
func (r *Redis) shown(sale string, answer rueidis.RedisResult) uint64 {
	parts, err := answer.ToArray()
	rd := &reply{parts: parts}
	h := rd.head()
	if err != nil || rd.err != nil {
		return 0
	}
	r.durability.sales.Store(sale, h.Replicas)
	return h.Replicas
}

// exec runs a script. It waits for replicas on the same connection, because WAIT is only for the writes of its own connection.
func (r *Redis) exec(ctx context.Context, s *script, keys, args []string, wait uint64) (result rueidis.RedisResult, have uint64) {
	call := call{script: s, keys: keys, args: args, wait: wait}
	if wait == 0 {
		if result = r.client.Do(ctx, r.functions.first(call)(r.client.B())); !unknown(result) {
			return result, 0
		}
	}
	_ = r.client.Dedicated(func(c rueidis.DedicatedClient) error {
		result, have = r.execOn(ctx, c, call)
		return nil
	})
	return result, have
}

// isError says whether Redis answered with an error of this code.
func isError(err error, code string) bool {
	e, ok := rueidis.IsRedisErr(err)
	return ok && strings.HasPrefix(e.Error(), code)
}
