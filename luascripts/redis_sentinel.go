package luascripts

import (
	"context"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// A replica that is gone must be waited for as long as it might be promoted. Only who promotes can say that it will not be:
// a majority of the Sentinels, while they name this primary.

const (
	sentinelEvery = 2 * time.Second // asking them who is primary, and, in need, whether it is still
	runIDLine     = "run_id:"
)

type sentinels struct {
	option rueidis.ClientOption // of any one of them, but for its address
	master string               // "": there are none
	known  []string
	busy   atomic.Bool
	asking sync.WaitGroup
}

func newSentinels(o rueidis.ClientOption) sentinels {
	return sentinels{master: o.Sentinel.MasterSet, known: o.InitAddress, option: rueidis.ClientOption{
		Username: o.Sentinel.Username, Password: o.Sentinel.Password, TLSConfig: o.Sentinel.TLSConfig, Dialer: o.Sentinel.Dialer,
		DisableCache: true, ForceSingleClient: true, DisableRetry: true, ConnWriteTimeout: Timeout}}
}

// recount finds out whether the replicas that are missing can be promoted, a while after; if not, they count no more.
func (r *Redis) recount(sale string, era uint64) {
	if r.guards.master == "" || !r.guards.busy.CompareAndSwap(false, true) {
		return
	}
	r.guards.asking.Go(func() {
		defer r.guards.busy.Store(false)
		select {
		case <-r.life.Done():
			return
		case <-time.After(sentinelEvery):
		}
		if id := r.runID(era); id != "" && r.guards.vouch(r.life, id) {
			_, _ = r.Reopen(r.life, sale, era, false) // else the next failure asks again
		}
	})
}

// runID is the primary's, if it is still the one of that era.
func (r *Redis) runID(era uint64) string {
	ctx, cancel := context.WithTimeout(r.life, Timeout)
	defer cancel()
	info, err := r.client.Do(ctx, r.client.B().Info().Section("server", "replication").Build()).ToString()
	if _, id, _ := strings.Cut(info, "master_replid:"); err != nil || len(id) < 12 || eraOf(id) != era {
		return ""
	}
	_, id, _ := strings.Cut(info, runIDLine)
	id, _, _ = strings.Cut(id, "\r")
	return id
}

// eraOf is the era a replication id stands for.
func eraOf(id string) uint64 {
	n, _ := strconv.ParseUint(id[:12], 16, 64)
	return n
}

// vouch says whether a majority of the Sentinels names this very process as a primary that is well.
func (s *sentinels) vouch(ctx context.Context, runID string) bool {
	votes, all := 0, 0
	asked := map[string]bool{}
	for todo := s.known; len(todo) > 0; todo = todo[1:] {
		if asked[todo[0]] {
			continue
		}
		asked[todo[0]] = true
		vote, others := s.ask(ctx, todo[0], runID)
		all = max(all, len(others)+1)
		todo = append(todo, others...)
		if vote {
			votes++
		}
	}
	return votes > all/2
}

// ask is one Sentinel's vote, and where the others are.
func (s *sentinels) ask(ctx context.Context, addr, runID string) (vote bool, others []string) {
	option := s.option
	option.InitAddress = []string{addr}
	client, err := rueidis.NewClient(option)
	if err != nil {
		return false, nil
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	master, err := client.Do(ctx, client.B().Arbitrary("SENTINEL", "MASTER", s.master).Build()).AsStrMap()
	if err != nil {
		return false, nil
	}
	list, _ := client.Do(ctx, client.B().SentinelSentinels().Master(s.master).Build()).ToArray()
	for _, one := range list {
		if at, err := one.AsStrMap(); err == nil {
			others = append(others, net.JoinHostPort(at["ip"], at["port"]))
		}
	}
	return master["flags"] == "master" && master["runid"] == runID, others
}
