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

	"spike/luascripts/ledger"
)

// A replica that is gone must be waited for as long as it might be promoted. Only who promotes can say that it will not be:
// a majority of the Sentinels, which name this primary and have missed that replica for longer than they would forgive it.

const (
	sentinelEvery = 2 * time.Second // asking them who is primary, and, in need, whether it is still
	votesIn       = ledger.Timeout  // all Sentinels' answers: they are asked side by side
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
	if o.Sentinel.Dialer.Timeout == 0 {
		o.Sentinel.Dialer.Timeout = ledger.Timeout
	}
	return sentinels{master: o.Sentinel.MasterSet, known: o.InitAddress, option: rueidis.ClientOption{
		Username: o.Sentinel.Username, Password: o.Sentinel.Password, TLSConfig: o.Sentinel.TLSConfig, Dialer: o.Sentinel.Dialer,
		DisableCache: true, ForceSingleClient: true, DisableRetry: true, ConnWriteTimeout: ledger.Timeout}}
}

// recount finds out whether the replicas that are missing can be promoted, a while after; if not, they count no more. The
// Sentinels are asked about the replicas that are here at that moment, and as many as these are waited for from then on. If any
// comes or goes before that is written, nothing is done: the next failure asks again.
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
		vouched := err == nil && p.late == 0 && r.guards.vouch(r.life, p)
		r.guards.short.Range(func(sale, era any) bool {
			if vouched && era == p.era {
				_, _ = r.Reopen(r.life, sale.(string), ledger.ReopenRequest{Era: p.era, Lineup: p.lineup})
			}
			r.guards.short.Delete(sale)
			return true
		})
	})
}

// primary is the process we write to.
type primary struct {
	followers
	runID string
	era   uint64
}

func (r *Redis) primary() (p primary, err error) {
	ctx, cancel := context.WithTimeout(r.life, ledger.Timeout)
	defer cancel()
	info, err := r.client.Do(ctx, r.client.B().Info().Section("server", "replication", "stats").Build()).ToString()
	if err != nil {
		return p, r.down(err)
	}
	return primary{followers: followersIn(info), runID: infoField(info, "run_id"), era: eraOf(infoField(info, "master_replid"))}, nil
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

// ballot is what one Sentinel says.
type ballot struct {
	id     string // "": it has not answered
	vouch  bool
	others []string // where the other Sentinels are
}

// vouch says whether a majority of the Sentinels would not promote a replica this primary misses. Who does not answer in time
// has no vote, and is one of them all the same.
func (s *sentinels) vouch(ctx context.Context, p primary) bool {
	ctx, cancel := context.WithTimeout(ctx, votesIn)
	defer cancel()
	came := make(chan ballot)
	asked, open := map[string]bool{}, 0
	invite := func(addrs []string) {
		for _, addr := range addrs {
			if asked[addr] {
				continue
			}
			asked[addr] = true
			open++
			s.asking.Go(func() {
				select {
				case came <- s.ask(ctx, addr, p):
				case <-ctx.Done():
				}
			})
		}
	}
	invite(s.known)
	votes, all := map[string]bool{}, 0
	for ; open > 0; open-- {
		select {
		case b := <-came:
			all = max(all, len(b.others)+1)
			invite(b.others)
			if b.vouch {
				votes[b.id] = true // one that has two names has one vote
			}
		case <-ctx.Done():
			return len(votes) > all/2
		}
	}
	return len(votes) > all/2
}

// ask is one Sentinel's ballot.
func (s *sentinels) ask(ctx context.Context, addr string, p primary) (b ballot) {
	option := s.option
	option.InitAddress = []string{addr}
	client, err := rueidis.NewClient(option)
	if err != nil {
		return b
	}
	defer client.Close()
	sentinel := func(words ...string) rueidis.RedisResult {
		return client.Do(ctx, client.B().Arbitrary("SENTINEL").Args(words...).Build())
	}
	id, err := sentinel("MYID").ToString()
	master, err1 := sentinel("MASTER", s.master).AsStrMap()
	peers, err2 := tables(sentinel("SENTINELS", s.master))
	replicas, err3 := tables(sentinel("REPLICAS", s.master))
	if errors.Join(err, err1, err2, err3) != nil {
		return b
	}
	for _, at := range peers {
		b.others = append(b.others, net.JoinHostPort(at["ip"], at["port"]))
	}
	b.id, b.vouch = id, master["flags"] == "master" && master["runid"] == p.runID && unpromotable(replicas, p.names)
	return b
}

func tables(r rueidis.RedisResult) (out []map[string]string, err error) {
	list, err := r.ToArray()
	for _, one := range list {
		m, e := one.AsStrMap()
		err = errors.Join(err, e)
		out = append(out, m)
	}
	return out, err
}

// unpromotable says that no replica is well but those the primary has, and that each other one has been missed for too long,
// dead to this Sentinel or without its primary, or is never to be promoted: it has priority 0, or announces no port.
func unpromotable(replicas []map[string]string, here []string) bool {
	for _, m := range replicas {
		number := func(name string) int64 {
			n, _ := strconv.ParseInt(m[name], 10, 64)
			return n
		}
		missed := max(number("s-down-time"), number("master-link-down-time"))
		switch {
		case m["slave-priority"] == "0", m["port"] == "0":
		case m["flags"] == "slave" && m["master-link-status"] == "ok":
			if !slices.ContainsFunc(here, func(name string) bool { return sameHost(name, m["ip"], m["port"]) }) {
				return false
			}
		case missed <= forgiven*number("down-after-milliseconds"):
			return false
		}
	}
	return true
}

// sameHost compares the name a replica has at its primary with the address a Sentinel has of it: of a name that is none of an
// address only the port is known.
func sameHost(name, ip, port string) bool {
	at := strings.LastIndex(name, ":")
	if at < 0 || name[at+1:] != port {
		return false
	}
	a, b := net.ParseIP(name[:at]), net.ParseIP(ip)
	return a == nil || b == nil || a.Equal(b)
}
