package luascripts

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"spike/luascripts/ledger"
)

// Beats are plain commands: no script, no WAIT. A beat's own key ends it, by the server's clock. BeatsKey says where beats may
// be, and which of them have ended.

const (
	clockEvery  = 10          // beats between two looks at the server's clock
	silentAfter = time.Second // how much longer than its beat a process must be silent: beats may be late
	silentMost  = 8           // processes that one beat finds silent
)

// beating is what this client knows for its beats.
type beating struct {
	mu     sync.Mutex
	streak ledger.Streak
	ahead  time.Duration // how far the server's clock is ahead of this one's
	until  int           // beats until the next look at the server's clock
}

// member is a beat in BeatsKey.
func member(kind ledger.Kind, instance, node string) string {
	return string(kind) + ":" + instance + " " + node
}

func memberOf(text string) (kind ledger.Kind, instance, node string) {
	who, node, _ := strings.Cut(text, " ")
	k, instance, _ := strings.Cut(who, ":")
	return ledger.Kind(k), instance, node
}

// Beat is ledger.Store's: SET, ZADD, and a look for those that are silent.
func (r *Redis) Beat(ctx context.Context, b ledger.Beat) error {
	text, err := json.Marshal(b)
	if err != nil {
		return err
	}
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	now, err := r.serverNow(ctx)
	if err != nil {
		return err
	}
	ends, over := now.Add(ledger.BeatLasts).UnixMilli(), now.Add(-silentAfter).UnixMilli()
	got := r.client.DoMulti(ctx,
		r.client.B().Set().Key(beatKey(b.Kind, b.Instance)).Value(rueidis.BinaryString(text)).Px(ledger.BeatLasts).Build(),
		r.client.B().Zadd().Key(BeatsKey).ScoreMember().ScoreMember(float64(ends), member(b.Kind, b.Instance, b.Node)).Build(),
		r.client.B().Zrangebyscore().Key(BeatsKey).Min("-inf").Max(num(over)).Limit(0, silentMost).Build())
	for _, one := range got[:2] {
		if err := one.Error(); err != nil {
			return r.down(err)
		}
	}
	silent, err := got[2].AsStrSlice()
	if err != nil || !r.beating.awake() {
		return r.down(err)
	}
	return r.noteSilent(ctx, silent)
}

func (w *beating) awake() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.streak.Beat(time.Now())
}

// serverNow is the server's clock, as far as is known: some beats ago it was asked. In a Cluster any server's will do.
func (r *Redis) serverNow(ctx context.Context) (time.Time, error) {
	w := &r.beating
	w.mu.Lock()
	ask := w.until == 0
	if ask {
		w.until = clockEvery
	}
	w.until--
	ahead := w.ahead
	w.mu.Unlock()
	if !ask {
		return time.Now().Add(ahead), nil
	}
	now, err := r.serverClock(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.until = 0
		return now, err
	}
	w.ahead = time.Until(now)
	return now, nil
}

func (r *Redis) serverClock(ctx context.Context) (time.Time, error) {
	parts, err := r.client.Do(ctx, r.client.B().Time().Build()).AsIntSlice()
	if err != nil {
		return time.Time{}, r.down(err)
	}
	if len(parts) != 2 {
		return time.Time{}, r.down(errReply)
	}
	return time.Unix(parts[0], parts[1]*1000), nil
}

// noteSilent takes members whose beat is over out of BeatsKey, and notes them. A member is noted by the process that takes it
// out, so it is noted once. The beat's own key decides, because a clock may be wrong.
func (r *Redis) noteSilent(ctx context.Context, members []string) error {
	for _, m := range members {
		kind, instance, node := memberOf(m)
		there, err := r.client.Do(ctx, r.client.B().Exists().Key(beatKey(kind, instance)).Build()).AsInt64()
		if err != nil {
			return r.down(err)
		}
		if there > 0 {
			continue
		}
		taken, err := r.client.Do(ctx, r.client.B().Zrem().Key(BeatsKey).Member(m).Build()).AsInt64()
		if err == nil && taken == 1 {
			err = r.Note(ctx, ledger.Silence(kind, instance, node))
		}
		if err != nil {
			return r.down(err)
		}
	}
	return nil
}

// Leave is ledger.Store's.
func (r *Redis) Leave(ctx context.Context, b ledger.Beat) error {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	for _, one := range r.client.DoMulti(ctx, r.client.B().Zrem().Key(BeatsKey).Member(member(b.Kind, b.Instance, b.Node)).Build(),
		r.client.B().Del().Key(beatKey(b.Kind, b.Instance)).Build()) {
		if err := one.Error(); err != nil {
			return r.down(err)
		}
	}
	return nil
}

// Beats is ledger.Store's.
func (r *Redis) Beats(ctx context.Context) ([]ledger.Beat, error) {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	now, err := r.serverClock(ctx)
	if err != nil {
		return nil, err
	}
	listed, err := r.client.Do(ctx, r.client.B().Zrevrange().Key(BeatsKey).Start(0).Stop(ledger.BeatsMost-1).Withscores().Build()).
		AsZScores()
	if err != nil || len(listed) == 0 {
		return nil, r.down(err)
	}
	gets := make(rueidis.Commands, len(listed))
	for i, one := range listed {
		kind, instance, _ := memberOf(one.Member)
		gets[i] = r.client.B().Get().Key(beatKey(kind, instance)).Build()
	}
	all := make([]ledger.Beat, 0, len(listed))
	for i, result := range r.client.DoMulti(ctx, gets...) {
		text, err := result.AsBytes()
		if rueidis.IsRedisNil(err) {
			continue
		}
		var b ledger.Beat
		if err != nil {
			return nil, r.down(err)
		}
		if json.Unmarshal(text, &b) != nil { // a hand wrote it
			continue
		}
		since := time.UnixMilli(int64(listed[i].Score)).Add(-ledger.BeatLasts)
		b.Age = max(now.Sub(since), 0).Microseconds()
		all = append(all, b)
	}
	ledger.OrderBeats(all)
	return all, nil
}

// Holders runs holders.lua.
func (r *Redis) Holders(ctx context.Context, sale string) (ledger.Holders, error) {
	h, rd, err := r.run(ctx, &r.scripts.holders, sale, []string{r.caller(0)})
	if err != nil {
		return ledger.Holders{}, err
	}
	out := ledger.Holders{Head: h, Left: uint64(rd.int(0))}
	for i := 2; i < len(rd.parts); i++ {
		out.Instances = append(out.Instances, rd.holder(i))
	}
	return out, r.down(rd.err)
}

// holder reads an instance and its leases.
func (r *reply) holder(i int) (h ledger.Holder) {
	part := r.part(i)
	if len(part) < 3 || len(part)%4 != 3 {
		r.fail("holder", errReply)
		return h
	}
	who := &reply{parts: []rueidis.RedisMessage{{}, r.parts[i]}}
	h.Instance, h.Node = who.text(0), who.text(1)
	h.Seen = r.numbers(part[2:3])[0]
	for part = part[3:]; len(part) > 0; part = part[4:] {
		n := r.numbers(part[:4])
		h.Leases = append(h.Leases, ledger.HolderLease{Fence: uint64(n[0]), Units: uint64(n[1]), Deadline: n[2], Limbo: n[3] == 1})
	}
	return h
}
