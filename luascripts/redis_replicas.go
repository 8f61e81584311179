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

// behind sends commands and WAIT together, between two questions for the lineup. It returns their results, and how many replicas
// surely have the writes of the last one: 0 if the lineup has changed meanwhile, because WAIT may have counted a follower that no
// script has seen. If strangers follow, it waits for as many more and takes the strangers off the count. The caller must look at
// the last result first: after a failed command, WAIT means nothing.
func (r *Redis) behind(ctx context.Context, c rueidis.DedicatedClient, wait uint64,
	cmds ...rueidis.Completed) ([]rueidis.RedisResult, uint64) {
	n := len(cmds)
	cmds = append(append([]rueidis.Completed{lineup(c.B())}, cmds...), waitCommand(c.B(), wait), lineup(c.B()))
	answers := c.DoMulti(ctx, cmds...)
	results, before, after := answers[1:n+1], r.seen(answers[0]), r.seen(answers[n+2])
	have := sameFollowers(answers[n+1], before, after)
	if have < wait || after.strangers == 0 || results[n-1].Error() != nil {
		return results, have
	}
	answers = c.DoMulti(ctx, waitCommand(c.B(), wait+after.strangers), lineup(c.B()))
	last := r.seen(answers[1])
	have, others := sameFollowers(answers[0], before, last), max(after.strangers, last.strangers)
	return results, have - min(have, others)
}

func waitCommand(b rueidis.Builder, n uint64) rueidis.Completed {
	return b.Wait().Numreplicas(int64(n)).Timeout(waitFor.Milliseconds()).Build()
}

// lineup asks for what followersIn reads.
func lineup(b rueidis.Builder) rueidis.Completed {
	return b.Info().Section("replication", "stats").Build()
}

// sight is what an answer says of the followers.
type sight struct {
	lineup    string // "": there is no answer
	strangers uint64 // followers that may acknowledge writes without being replicas
}

func (r *Redis) seen(info rueidis.RedisResult) sight {
	text, err := info.ToString()
	if err != nil {
		return sight{}
	}
	f := followersIn(text)
	online := uint64(len(f.names))
	return sight{f.lineup, f.readers + online - r.counted(online)}
}

// sameFollowers is the answer of WAIT, if the same followers were there before and after it.
func sameFollowers(acknowledged rueidis.RedisResult, before, after sight) uint64 {
	n, err := acknowledged.AsUint64()
	if err != nil || before.lineup == "" || before.lineup != after.lineup {
		return 0
	}
	return n
}
