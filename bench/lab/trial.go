package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"spike/bench/crowd"
	"spike/luascripts/ledger"
)

// trial is a sale from its first unit to its last, perhaps with a death in it.
type trial struct {
	name   string
	death  *death
	units  uint64
	buyers *throng

	begin time.Time // of the death
	at    int64     // units sold then
	moved string    // how long it took until the traffic went around the dead part
	since int64     // answers until then

	heard   heard
	wins    *crowd.Wins
	carried sample
	audit   ledger.Audit
}

// The bounds on which a user may rely, with room for a stalling machine.
const (
	upLimit     = 20 * time.Second // of a part that starts
	strikeLimit = 30 * time.Second // until a tenth is sold
	moveLimit   = 10 * time.Second
	stopLimit   = 20 * time.Second // until edges have sold what they hold
	soldLimit   = 60 * time.Second
	logLimit    = 1500 * time.Millisecond // of nginx' log, with its `flush=1s`
	quiet       = 300 * time.Millisecond  // every buyer must have heard yes or no so long, until the trouble counts as over
)

// play makes the sale, starts the crowd, strikes, heals, and counts the result.
func (l *lab) play(ctx context.Context, name string) (*trial, error) {
	t := &trial{name: name, death: l.death(name), units: l.o.Units}
	if err := l.stand(ctx); err != nil {
		return nil, err
	}
	if _, err := l.store.Create(ctx, name, ledger.CreateRequest{Total: t.units}); err != nil {
		return nil, fmt.Errorf("sale %s: %w", name, err)
	}
	before := l.sampler.take(ctx)
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	t.buyers = l.gather(ctx, name, fail)
	l.board.watch(t)
	err := l.unfold(ctx, t)
	t.buyers.leave()
	if err != nil {
		return nil, err
	}
	t.heard, t.wins, t.carried = t.buyers.now(), &t.buyers.wins, l.carriedSince(ctx, before, t.buyers)
	if t.audit, err = l.store.Audit(ctx, name); err != nil {
		return nil, fmt.Errorf("audit of %s: %w", name, err)
	}
	return t, nil
}

// carriedSince is what each part carried of the sale. nginx writes its log a second late.
func (l *lab) carriedSince(ctx context.Context, before sample, buyers *throng) (s sample) {
	_ = eventually(ctx, logLimit, "nginx has written its log", func() bool {
		s = l.sampler.take(ctx).less(before)
		return s.of("nginx") >= buyers.now().Answered
	})
	return s // if lines are missing, the figures are smaller
}

// unfold lasts from the first buyer until the last unit is sold.
func (l *lab) unfold(ctx context.Context, t *trial) error {
	if t.death != nil {
		if err := l.die(ctx, t); err != nil {
			return err
		}
	}
	var owned uint64
	err := eventually(ctx, soldLimit, "all is sold, and every gate shut", func() bool {
		sale, err := l.store.Show(ctx, t.name)
		owned = sale.Owned()
		return err == nil && owned == t.units && l.answersAlone(t.name)
	})
	if err != nil {
		return fmt.Errorf("%w (%d of %d have an owner)", err, owned, t.units)
	}
	return nil
}

// die strikes in full sale, waits until the traffic has moved, and heals.
func (l *lab) die(ctx context.Context, t *trial) error {
	err := eventually(ctx, strikeLimit, "a tenth is sold", func() bool { return t.buyers.now().Won*10 >= int64(t.units) })
	if err != nil {
		return err
	}
	t.begin, t.at = time.Now(), t.buyers.now().Won
	l.board.say("%s", t.death.what)
	if err = t.death.strike(ctx, t.death.host); err != nil {
		return err
	}
	if err = t.death.moves(ctx, t); err != nil {
		return err
	}
	t.since = t.buyers.now().Answered
	if err = t.death.heal(ctx, t.death.host); err != nil {
		return fmt.Errorf("heal %s: %w", t.name, err)
	}
	return nil
}

// away waits until the layer before the dead part says that the traffic goes around it.
func (l *lab) away(moved func(context.Context, host) bool) func(context.Context, *trial) error {
	return func(ctx context.Context, t *trial) error {
		err := eventually(ctx, moveLimit, "the traffic moves", func() bool { return moved(ctx, t.death.host) })
		return l.around(t, time.Now(), err)
	}
}

// calmed waits until every buyer hears yes or no.
func (l *lab) calmed(ctx context.Context, t *trial) error {
	var last time.Time
	err := eventually(ctx, moveLimit, "the traffic moves", func() bool {
		last = later(t.begin, t.buyers.now().LastBad)
		return time.Since(last) > quiet
	})
	return l.around(t, last, err)
}

// around says when the traffic had moved, unless it did not.
func (l *lab) around(t *trial, when time.Time, err error) error {
	if t.moved = short(when.Sub(t.begin)); err == nil {
		l.board.say("around it after %s", t.moved)
	}
	return err
}

// reopened waits until selling has stopped, waits a while, and reopens the sale as the operator.
func (l *lab) reopened(ctx context.Context, t *trial) error {
	err := eventually(ctx, stopLimit, "edges stop selling", func() bool {
		h := t.buyers.now()
		return h.Undecided > 0 && time.Since(h.LastWin) > 2*quiet
	})
	if err != nil {
		return err
	}
	stopped := short(t.buyers.now().LastWin.Sub(t.begin))
	l.board.say("sold on for %s, then 503; the operator: spike sale reopen %s --yes", stopped, t.name)
	word := time.Now()
	if _, err = l.stores[0].Run(ctx, "", l.o.Binary, "sale", "reopen", t.name, "--yes", "--redis", l.redis()); err != nil {
		return err
	}
	err = eventually(ctx, moveLimit, "edges sell again", func() bool { return t.buyers.now().LastWin.After(word) })
	if err != nil {
		return err
	}
	again := short(time.Since(word))
	l.board.say("selling again %s after the operator's word", again)
	t.moved = fmt.Sprintf("sold on %s, then by reopen in %s", stopped, again)
	return nil
}

// short prints a time for people.
func short(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

// trials are calm, without a death, and one for each layer.
var trials = []string{"calm", "link", "director", "nginx", "edge", "replica"}

// death is the fault of a trial.
type death struct {
	layer        string
	host         host
	what         string
	strike, heal func(context.Context, host) error
	moves        func(context.Context, *trial) error // waits until the traffic goes around the dead part
}

// death is the fault of a trial; nil for calm. The edge has the largest weight in the default topology, and comes back with its
// ring. Without the replica nothing may be promised that is on one machine only, so selling stops until the operator reopens it.
func (l *lab) death(trial string) *death {
	first, last := l.directors[0], l.directors[len(l.directors)-1]
	front, edge, replica := l.fronts[0], l.edges[len(l.edges)-1], l.stores[min(1, l.Replicas)]
	return map[string]*death{
		"link":     {"router", first, "link r-" + first.Name + " is cut", l.setLink("down"), l.setLink("up"), l.away(l.avoids)},
		"director": {"directors", last, last.Name + " dies silently, its links up", silence, l.rouse, l.away(l.avoids)},
		"nginx":    {"nginx", front, front.Name + " is killed, workers and gate too", kill, l.startFront, l.away(l.passesBy)},
		"edge":     {"edges", edge, edge.Name + " is killed (-9)", kill, l.startEdge, l.calmed},
		"replica":  {"redis", replica, "replica " + replica.Name + " is killed (-9)", kill, l.startStore, l.reopened},
	}[trial]
}

// kill ends every process of a machine.
func kill(ctx context.Context, h host) error {
	h.Kill(ctx)
	return nil
}

// setLink cuts the router's link to a director, or mends it. Both ends see it.
func (l *lab) setLink(state string) func(context.Context, host) error {
	return func(ctx context.Context, d host) error {
		_, err := l.router.Run(ctx, "", "ip", "link", "set", d.Name, state)
		return err
	}
}

// silence cuts a director off with its links up, and kills it. No machine is told: each must notice.
func silence(ctx context.Context, d host) error {
	const deaf = `table netdev dead {
	chain up  { type filter hook ingress device "up" priority -500; policy drop; }
	chain lan { type filter hook ingress device "lan" priority -500; policy drop; }
}`
	if _, err := d.Run(ctx, deaf, "nft", "-f", "-"); err != nil {
		return err
	}
	return kill(ctx, d)
}

// rouse undoes silence.
func (l *lab) rouse(ctx context.Context, d host) error {
	if _, err := d.Run(ctx, "", "nft", "delete", "table", "netdev", "dead"); err != nil {
		return err
	}
	return l.startDirector(ctx, d)
}

// avoids says that the router has next hops, and the director is not one of them.
func (l *lab) avoids(ctx context.Context, d host) bool {
	hops := l.hops(ctx)
	return len(hops) > 0 && !slices.Contains(hops, d.Name)
}

// passesBy says that no director takes the nginx for alive.
func (l *lab) passesBy(_ context.Context, f host) bool {
	return !slices.ContainsFunc(l.directors, func(d host) bool { return slices.Contains(l.lives(d), f.Name) })
}

var liveLine = regexp.MustCompile(`(?m)^` + livesWord + `(.*)\n`)

// lives is the living nginx by a director's newest line.
func (l *lab) lives(d host) []string {
	text, _ := os.ReadFile(filepath.Join(dir, d.Name, "director.log"))
	lines := liveLine.FindAllSubmatch(text, -1)
	if lines == nil {
		return nil
	}
	return strings.Fields(string(lines[len(lines)-1][1]))
}

// stand waits until every part runs, and knows every other part that it should.
func (l *lab) stand(ctx context.Context) error {
	return eventually(ctx, upLimit, "every part stands", func() bool {
		blind := func(d host) bool { return len(l.lives(d)) != len(l.fronts) }
		return !slices.ContainsFunc(l.directors, blind) && len(l.hops(ctx)) == len(l.directors)
	})
}
