package luascripts

import (
	"context"
	"fmt"
	mapkit "maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"spike/luascripts/ledger"
)

// The index of sales, by name and by birth, whatever else is in that Redis. It is a hint that is kept true. The caller of a
// script on a sale puts the sale into the index before anybody hears the answer, so it is there before there can be a token
// of the sale. A walk over all keys finds the sales that none of our scripts has touched: a hash made by hand, a sale of an
// older version, all sales if the index was lost. No answer waits for a walk. A name in the index counts only for the birth
// that its ledger has.

const (
	noteAgain   = time.Second // after an entry could not be written
	maxRemoved  = 10_000      // births of removed sales in RemovedKey
	maxFound    = 1 << 16     // births from walks that a process remembers, in case it may not write the index
	indexAtOnce = 200         // sales looked at together
	putTries    = 3           // looks at what was written, because a sale may be made or removed meanwhile
	bornWait    = time.Second // for a walk, if the index does not know a birth
)

// index is what this process knows of the index.
type index struct {
	noted  sync.Map     // sale -> entry, as written
	failed atomic.Int64 // when an entry could not be written, Unix nanoseconds

	mu    sync.Mutex
	found map[uint64]string // by walks
	walks walks
}

// entry is a sale's birth, and the era in which it was written: in another era the entry may be lost.
type entry struct{ birth, era uint64 }

// note puts a sale into the index, once. If that fails, no call fails: the next answer tries again, and a walk finds the
// sale.
func (r *Redis) note(ctx context.Context, sale string, h ledger.Head) {
	e := entry{h.Birth, h.Era}
	if was, known := r.index.noted.Load(sale); known && was == any(e) {
		return
	}
	if time.Since(time.Unix(0, r.index.failed.Load())) < noteAgain {
		return
	}
	if r.write(ctx, map[string]uint64{sale: h.Birth}) != nil {
		r.index.failed.Store(time.Now().UnixNano())
		return
	}
	r.index.noted.Store(sale, e)
}

// write sets entries.
func (r *Redis) write(ctx context.Context, births map[string]uint64) error {
	if len(births) == 0 {
		return nil
	}
	result, err := r.handOut(ctx, "", func(b rueidis.Builder) rueidis.Completed {
		add := b.Zadd().Key(SalesKey).ScoreMember()
		for _, name := range slices.Sorted(mapkit.Keys(births)) {
			add = add.ScoreMember(float64(births[name]), name)
		}
		return add.Build()
	})
	if err == nil {
		err = result.Error()
	}
	return r.down(err)
}

// Born is ledger.Store's.
func (r *Redis) Born(ctx context.Context, birth uint64) (ledger.Found, error) {
	ctx, cancel := context.WithTimeout(ctx, ledger.Timeout+bornWait)
	defer cancel()
	if f, err := r.indexed(ctx, birth); err != nil || f.Sale != "" {
		return f, err
	}
	w, _ := r.walk(true)
	late := time.NewTimer(bornWait)
	defer late.Stop()
	select {
	case <-w.done:
		if f, err := r.indexed(ctx, birth); err != nil || f.Sale != "" {
			return f, err
		}
		if w.err != nil {
			return ledger.Found{}, r.down(w.err)
		}
		return ledger.Found{}, ledger.Unborn(birth)
	case <-late.C:
	case <-ctx.Done():
	}
	return ledger.Found{}, fmt.Errorf("%w: redis %s: the sales are still being looked for", ledger.ErrDown, r.name)
}

// indexed looks a birth up in the index, and in the ledger that the index names. No sale and no error: the index does not
// know the birth.
func (r *Redis) indexed(ctx context.Context, birth uint64) (ledger.Found, error) {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	at := num(birth)
	got := r.client.DoMulti(ctx, r.client.B().Zrangebyscore().Key(SalesKey).Min(at).Max(at).Build(),
		r.client.B().Zrangebyscore().Key(RemovedKey).Min(at).Max(at).Build())
	names, err := got[0].AsStrSlice()
	if r.unreadable(err) != nil {
		return ledger.Found{}, r.unreadable(err)
	}
	if name := r.index.foundBy(birth); name != "" && !slices.Contains(names, name) {
		names = append(names, name)
	}
	best := ledger.Found{}
	for _, name := range names {
		born, f, err := r.ledgerOf(ctx, name)
		if err != nil {
			return ledger.Found{}, err
		}
		if best.Sale == "" || born == birth {
			best = f
		}
	}
	if gone, err := got[1].AsStrSlice(); best.Sale == "" && err == nil && len(gone) > 0 {
		return ledger.Found{}, ledger.Unborn(birth)
	}
	return best, nil
}

// unreadable is an error of the index, unless Redis answered that we may not read it: then walks must do.
func (r *Redis) unreadable(err error) error {
	if refusesKey(err) {
		return nil
	}
	return r.down(err)
}

// ledgerOf reads a sale's birth and era. A sale that is not there has neither; the refusal of its scripts says in which era.
func (r *Redis) ledgerOf(ctx context.Context, name string) (birth uint64, f ledger.Found, err error) {
	if ledger.CheckName(name) != nil { // a hand wrote it
		return 0, ledger.Found{}, nil
	}
	fields, err := r.client.Do(ctx, r.client.B().Hmget().Key(Keys(name)[1]).Field("birth", "era").Build()).ToArray()
	if err != nil {
		return 0, ledger.Found{}, r.down(err)
	}
	if len(fields) != 2 {
		return 0, ledger.Found{}, r.down(errReply)
	}
	birth, _ = fields[0].AsUint64()
	era, _ := fields[1].AsUint64()
	return birth, ledger.Found{Sale: name, Era: era}, nil
}

func (x *index) foundBy(birth uint64) string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.found[birth]
}

func (x *index) remember(births map[string]uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.found == nil || len(x.found) > maxFound {
		x.found = map[uint64]string{}
	}
	for name, birth := range births {
		if birth != 0 {
			x.found[birth] = name
		}
	}
}

// names is the whole index.
func (r *Redis) names(ctx context.Context) (map[string]uint64, error) {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	pairs, err := r.client.Do(ctx, r.client.B().Zrange().Key(SalesKey).Min("0").Max("-1").Withscores().Build()).AsZScores()
	if err != nil {
		return nil, err
	}
	births := make(map[string]uint64, len(pairs))
	for _, p := range pairs {
		births[p.Member] = uint64(max(p.Score, 0))
	}
	return births, nil
}

// put corrects the index by the ledgers of these sales; have is the index now. Between the look at a ledger and the write the
// sale may be made anew or removed. So put looks again, until the index and the ledgers agree.
func (r *Redis) put(ctx context.Context, names []string, have map[string]uint64) error {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	for range putTries {
		is, err := r.births(ctx, names)
		if err != nil {
			return err
		}
		r.index.remember(is)
		wrong := map[string]uint64{}
		var dead []string
		for _, name := range names {
			birth, there := is[name]
			was, known := have[name]
			switch {
			case there && (!known || was != birth):
				wrong[name] = birth
			case !there && known:
				dead = append(dead, name)
			}
		}
		if len(wrong)+len(dead) == 0 {
			return nil
		}
		if err := r.write(ctx, wrong); err != nil {
			return err
		}
		if len(dead) > 0 {
			if err := r.client.Do(ctx, r.client.B().Zrem().Key(SalesKey).Member(dead...).Build()).Error(); err != nil {
				return r.down(err)
			}
		}
		names, have = slices.Concat(dead, slices.Collect(mapkit.Keys(wrong))), wrong
	}
	return nil
}

// births are the births of the sales that are there; 0: nobody has bought from the sale yet.
func (r *Redis) births(ctx context.Context, names []string) (map[string]uint64, error) {
	cmds := make(rueidis.Commands, 0, 2*len(names))
	for _, name := range names {
		keys := Keys(name)
		cmds = append(cmds, r.client.B().Hget().Key(keys[1]).Field("birth").Build(),
			r.client.B().Exists().Key(keys[0], keys[1]).Build())
	}
	is := make(map[string]uint64, len(names))
	got := r.client.DoMulti(ctx, cmds...)
	for i, name := range names {
		text, err := got[2*i].ToString()
		if err != nil && !rueidis.IsRedisNil(err) {
			return nil, r.down(err)
		}
		n, err := got[2*i+1].AsInt64()
		if err != nil {
			return nil, r.down(err)
		}
		if n > 0 {
			is[name], _ = strconv.ParseUint(text, 10, 64)
		}
	}
	return is, nil
}

// bury takes a removed sale out of the index, and remembers its birth, so that a token of it can be refused without a walk.
// If another sale has the name by now, its entry stays.
func (r *Redis) bury(ctx context.Context, sale string, birth uint64) {
	r.index.noted.Delete(sale)
	_ = r.put(ctx, []string{sale}, map[string]uint64{sale: birth})
	if birth == 0 {
		return
	}
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	r.client.DoMulti(ctx, r.client.B().Zadd().Key(RemovedKey).ScoreMember().ScoreMember(float64(birth), sale).Build(),
		r.client.B().Zremrangebyrank().Key(RemovedKey).Start(0).Stop(-maxRemoved-1).Build())
}
