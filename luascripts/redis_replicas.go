package luascripts

import (
	"context"
	"regexp"
	"strconv"
	"strings"

	"github.com/redis/rueidis"
)

// Which followers of a server count as replicas, and what has reached them. WAIT counts every follower that acknowledges,
// even a reader of the replication stream.

// followers is what INFO says of a server's followers.
type followers struct {
	lineup  string   // lineup() of server.lua
	names   []string // HOST:PORT of those that can be promoted and are online
	late    int      // can be promoted, and are not online yet
	readers uint64   // can not be promoted, and have acknowledged something
}

var (
	followerLine = regexp.MustCompile(`(?m)^slave\d+:ip=([^,]*),port=(\d+),state=([a-z_]+)(?:,offset=(\d+))?`)
	syncLine     = regexp.MustCompile(`(?m)^sync_(?:full|partial_ok):(\d+)`)
)

func followersIn(info string) (f followers) {
	var list []string
	for _, m := range followerLine.FindAllStringSubmatch(info, -1) {
		ip, port, state, offset := m[1], m[2], m[3], m[4]
		switch {
		case port == "0" && offset != "0" && state == "online":
			f.readers++
		case port == "0":
		case state == "online":
			f.names = append(f.names, ip+":"+port)
			list = append(list, ip+":"+port)
		default:
			f.late++
			list = append(list, ip+":"+port+"~")
		}
	}
	syncs := uint64(0)
	for _, m := range syncLine.FindAllStringSubmatch(info, -1) {
		n, _ := strconv.ParseUint(m[1], 10, 64)
		syncs += n
	}
	f.lineup = strings.Join(list, ",") + "#" + num(syncs)
	return f
}

// CountReplicas is the operator's word: at most n followers of a server can be promoted. It must be called before any other
// call.
func (r *Redis) CountReplicas(n uint64) { r.mostReplicas = &n }

// counted is how many of the followers that are online count as replicas.
func (r *Redis) counted(online uint64) uint64 {
	if r.mostReplicas != nil {
		return min(online, *r.mostReplicas)
	}
	return online
}

// acked is how many replicas surely have the last write of this connection, after WAIT for n said that `have` followers do.
// If strangers follow, it waits for as many more and takes the strangers off the count. It counts the strangers again after
// WAIT, because one that never acknowledged anything may begin at any moment.
func (r *Redis) acked(ctx context.Context, c rueidis.DedicatedClient, n, have uint64) uint64 {
	before, err := r.strangers(c.Do(ctx, c.B().Info().Section("replication").Build()))
	if err != nil {
		return 0
	}
	if before == 0 {
		return have
	}
	results := c.DoMulti(ctx, c.B().Wait().Numreplicas(int64(n+before)).Timeout(waitFor.Milliseconds()).Build(),
		c.B().Info().Section("replication").Build())
	all, err1 := results[0].AsUint64()
	after, err2 := r.strangers(results[1])
	if others := max(before, after); err1 == nil && err2 == nil && all >= others {
		return all - others
	}
	return 0
}

// strangers is how many followers may acknowledge writes without being replicas.
func (r *Redis) strangers(info rueidis.RedisResult) (uint64, error) {
	text, err := info.ToString()
	f := followersIn(text)
	online := uint64(len(f.names))
	return f.readers + online - r.counted(online), err
}
