package luascripts

import (
	"context"
	"regexp"
	"strconv"
	"strings"

	"github.com/redis/rueidis"
)

// Which of those who follow a server count as replicas, and what has reached them. WAIT counts whoever acknowledges: a reader
// of the stream of changes, too.

// followers is what INFO says of who follows a server.
type followers struct {
	lineup  string   // lineup() of server.lua
	names   []string // HOST:PORT of those that can be promoted and have all that the server has
	late    int      // that can be promoted, and have not yet
	readers uint64   // that can not, and have acknowledged something
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

// CountReplicas is the operator's word: at most n of those who follow a server can be promoted. It is said before any call.
func (r *Redis) CountReplicas(n uint64) { r.told = &n }

// counted is how many of so many count.
func (r *Redis) counted(online uint64) uint64 {
	if r.told != nil {
		return min(online, *r.told)
	}
	return online
}

// acked is how many replicas have what was written last on this connection, when WAIT for n has said how many followers have:
// of these no more are taken for replicas than could not be strangers. Who never acknowledged anything may begin to at any
// moment, so it is asked after WAIT, too.
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

// strangers is how many followers may acknowledge what counts for nothing.
func (r *Redis) strangers(info rueidis.RedisResult) (uint64, error) {
	text, err := info.ToString()
	f := followersIn(text)
	online := uint64(len(f.names))
	return f.readers + online - r.counted(online), err
}
