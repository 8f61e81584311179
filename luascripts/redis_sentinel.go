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

// A replica that is gone must be waited for as long as it may be promoted. Only the Sentinels, which promote, can say that it
// will not be: a majority of them, if each names this primary and has missed that replica for longer than it would forgive.

const (
	sentinelEvery = 2 * time.Second // between two questions for the primary's address; and the delay of a recount
	votesIn       = ledger.Timeout  // for the answers of all Sentinels, which are asked at once
	forgiven      = 10              // times down-after-milliseconds: a replica that was missed for longer is not promoted
)

type sentinels struct {
	option rueidis.ClientOption // of any Sentinel, without its address
	master string               // "": there are no Sentinels
	known  []string
	short  sync.Map // sale -> era: sales whose answers too few replicas had
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

// recount finds out, after a while, whether the missing replicas can be promoted. If they cannot, they no longer count. The
// Sentinels are asked about the replicas that are here at that moment, and as many as these are waited for from then on. If a
// replica comes or goes before that is written, nothing is done, and the next failure asks again.
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

// primary is the server process that takes our writes.
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

// infoField is the value of a line of INFO.
func infoField(info, name string) string {
	_, after, _ := strings.Cut(info, "\n"+name+":")
	value, _, _ := strings.Cut(after, "\r")
	return value
}

// eraOf is the era of a replication id.
func eraOf(id string) uint64 {
	n, _ := strconv.ParseUint(id[:min(12, len(id))], 16, 64)
	return n
}

// ballot is the answer of one Sentinel.
type ballot struct {
	id     string // "": it has not answered
	vouch  bool
	others []string // addresses of the other Sentinels
}

// vouch says whether a majority of the Sentinels would promote no replica that this primary misses. A Sentinel that does not
// answer in time has no vote, but counts for the majority.
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
				votes[b.id] = true // a Sentinel with two addresses has one vote
			}
		case <-ctx.Done():
			return len(votes) > all/2
		}
	}
	return len(votes) > all/2
}

// ask is the ballot of one Sentinel.
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

// unpromotable says that this Sentinel would promote none but the primary's present replicas. Every other replica has been
// missed for too long, by the Sentinel or by its primary, or is never promoted: it has priority 0, or announces no port.
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

// sameHost compares a replica's name at its primary with its address at a Sentinel. If one of the two is no IP address, only
// the ports are compared.
func sameHost(name, ip, port string) bool {
	at := strings.LastIndex(name, ":")
	if at < 0 || name[at+1:] != port {
		return false
	}
	a, b := net.ParseIP(name[:at]), net.ParseIP(ip)
	return a == nil || b == nil || a.Equal(b)
}
