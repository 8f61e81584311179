package luascripts

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// A replica that is gone must be waited for as long as it might be promoted. Only who promotes can say that it will not be:
// a majority of the Sentinels, which name this primary and have missed that replica for longer than they would forgive it.

const (
	sentinelEvery = 2 * time.Second // asking them who is primary, and, in need, whether it is still
	forgiven      = 10              // times down-after-milliseconds: a replica without its primary for longer is not promoted
)

type sentinels struct {
	option rueidis.ClientOption // of any one of them, but for its address
	master string               // "": there are none
	known  []string
	short  sync.Map // sale -> era: that wait for replicas
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
	if r.guards.master == "" {
		return
	}
	r.guards.short.Store(sale, era)
	if !r.guards.busy.CompareAndSwap(false, true) {
		return
	}
	r.guards.asking.Go(func() {
		defer r.guards.busy.Store(false)
		select {
		case <-r.life.Done():
			return
		case <-time.After(sentinelEvery):
		}
		p, err := r.primary()
		vouched := err == nil && r.guards.vouch(r.life, p)
		r.guards.short.Range(func(sale, era any) bool {
			if vouched && era == p.era {
				_, _ = r.Reopen(r.life, sale.(string), p.era, false)
			}
			r.guards.short.Delete(sale) // the next failure asks again
			return true
		})
	})
}

// primary is the process we write to.
type primary struct {
	runID  string
	era    uint64
	online int // replicas
}

func (r *Redis) primary() (p primary, err error) {
	ctx, cancel := context.WithTimeout(r.life, Timeout)
	defer cancel()
	info, err := r.client.Do(ctx, r.client.B().Info().Section("server", "replication").Build()).ToString()
	if err != nil {
		return p, r.down(err)
	}
	p.runID = infoField(info, "run_id")
	p.era = eraOf(infoField(info, "master_replid"))
	p.online = strings.Count(info, "state=online")
	return p, nil
}

// infoField is a line of INFO.
func infoField(info, name string) string {
	_, after, _ := strings.Cut(info, "\n"+name+":")
	value, _, _ := strings.Cut(after, "\r")
	return value
}

// eraOf is the era a replication id stands for.
func eraOf(id string) uint64 {
	n, _ := strconv.ParseUint(id[:min(12, len(id))], 16, 64)
	return n
}

// vouch says whether a majority of the Sentinels would not promote a replica this primary misses.
func (s *sentinels) vouch(ctx context.Context, p primary) bool {
	votes, all := map[string]bool{}, 0
	asked := map[string]bool{}
	for todo := s.known; len(todo) > 0; todo = todo[1:] {
		if asked[todo[0]] {
			continue
		}
		asked[todo[0]] = true
		id, vote, others := s.ask(ctx, todo[0], p)
		all = max(all, len(others)+1)
		todo = append(slices.Clone(todo), others...)
		if vote {
			votes[id] = true // one that has two names has one vote
		}
	}
	return len(votes) > all/2
}

// ask is one Sentinel's vote, and where the others are.
func (s *sentinels) ask(ctx context.Context, addr string, p primary) (id string, vote bool, others []string) {
	option := s.option
	option.InitAddress = []string{addr}
	client, err := rueidis.NewClient(option)
	if err != nil {
		return "", false, nil
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	sentinel := func(words ...string) rueidis.RedisResult {
		return client.Do(ctx, client.B().Arbitrary("SENTINEL").Args(words...).Build())
	}
	id, err = sentinel("MYID").ToString()
	master, err1 := sentinel("MASTER", s.master).AsStrMap()
	peers, err2 := maps(sentinel("SENTINELS", s.master))
	replicas, err3 := maps(sentinel("REPLICAS", s.master))
	if errors.Join(err, err1, err2, err3) != nil {
		return "", false, nil
	}
	for _, at := range peers {
		others = append(others, net.JoinHostPort(at["ip"], at["port"]))
	}
	return id, master["flags"] == "master" && master["runid"] == p.runID && unpromotable(replicas, p.online), others
}

func maps(r rueidis.RedisResult) (out []map[string]string, err error) {
	list, err := r.ToArray()
	for _, one := range list {
		m, e := one.AsStrMap()
		err = errors.Join(err, e)
		out = append(out, m)
	}
	return out, err
}

// unpromotable says that no more replicas are well than the primary has, and that each other one has been missed for too
// long: dead to this Sentinel, or without its primary.
func unpromotable(replicas []map[string]string, online int) bool {
	well := 0
	for _, m := range replicas {
		number := func(name string) int64 {
			n, _ := strconv.ParseInt(m[name], 10, 64)
			return n
		}
		if m["flags"] == "slave" && m["master-link-status"] == "ok" {
			well++
		} else if max(number("s-down-time"), number("master-link-down-time")) <= forgiven*number("down-after-milliseconds") {
			return false
		}
	}
	return well <= online
}
