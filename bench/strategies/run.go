package strategies

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"spike/bench"
	"spike/bench/crowd"
)

// Run measures the strategies. It returns every sample, from which [Summarise] makes the table.
func Run(ctx context.Context, o Options) ([]Sample, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if _, err := bench.Tool("redis-server"); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "spike-strategies-")
	if err != nil {
		return nil, fmt.Errorf("strategies: %w", err)
	}
	defer os.RemoveAll(dir)
	if err = os.Chmod(dir, 0o711); err != nil { // PostgreSQL may run as another user: see servant
		return nil, fmt.Errorf("strategies: %w", err)
	}
	// The servers go on when ctx ends: they are stopped in an order in which none waits for another.
	pg, err := StartPostgres(context.WithoutCancel(ctx), dir)
	if err != nil {
		return nil, err
	}
	defer pg.Stop()
	return runTurns(ctx, o, pg, dir)
}

func runTurns(ctx context.Context, o Options, pg *Postgres, dir string) ([]Sample, error) {
	var samples []Sample
	turns := o.turns()
	steps := &steps{onStep: o.OnStep, all: len(turns) * o.stepsPerTurn()}
	for i, t := range turns {
		steps.what = fmt.Sprintf("round %d, %s", t.round, t.strategy)
		s, err := runTurn(ctx, o, t, pg, dir, i, steps)
		if err != nil {
			return samples, fmt.Errorf("%s: %w", steps.what, err)
		}
		samples = append(samples, s)
	}
	return samples, nil
}

// runTurn opens a shop on a database of its own, sends the crowd, and counts.
func runTurn(ctx context.Context, o Options, t turn, pg *Postgres, dir string, n int, st *steps) (s Sample, err error) {
	st.next("opening")
	p := place{url: pg.URL(database(t.strategy, n))}
	if p.dir, err = os.MkdirTemp(dir, t.strategy+"-"); err != nil {
		return s, err
	}
	if err = pg.Create(ctx, database(t.strategy, n)); err != nil {
		return s, err
	}
	if p.book, err = openBook(ctx, p.url); err != nil {
		return s, err
	}
	defer p.book.close()
	shop, err := openShop(context.WithoutCancel(ctx), o, t.strategy, p)
	if err != nil {
		return s, err
	}
	before, err := p.book.writes(ctx)
	if err == nil {
		s, err = visit(ctx, o, shop, st)
	}
	shop.stop() // a database counts a connection's work when the connection ends
	if err != nil {
		return s, err
	}
	after, err := p.book.writes(ctx)
	s.Strategy, s.Round, s.Writes = t.strategy, t.round, after.since(before)
	return s, errors.Join(err, s.check())
}

// visit is the two waves and the state of their orders.
func visit(ctx context.Context, o Options, shop shop, st *steps) (s Sample, err error) {
	till := newTill(ctx, o, shop.payURL)
	defer till.close()
	st.next("the rush")
	if s.Rush, s.AfterRush, err = wave(ctx, o, o.Buyers, shop, till, st); err != nil {
		return s, err
	}
	s.End = s.AfterRush
	rushWon := till.won.Load()
	if o.Late > 0 {
		st.next("the latecomers")
		if s.Late, s.End, err = wave(ctx, o, o.Late, shop, till, st); err != nil {
			return s, err
		}
	}
	s.Won, s.LateWon = till.won.Load(), till.won.Load()-rushWon
	s.Paid, s.PayRefused, s.PayFailures = till.paid.Load(), till.refused.Load(), till.failed.Load()
	return s, shop.settle(ctx)
}

// wave is buyers, their payments, and the time after which no unpaid order may keep a unit.
func wave(ctx context.Context, o Options, buyers int64, shop shop, t *till, st *steps) (r crowd.Result, l Ledger, err error) {
	r, err = crowd.Run(ctx, crowd.Options{URLs: []string{shop.buyURL()},
		Connections: int(min(int64(o.Connections), buyers)), Requests: buyers,
		Timeout: 10 * time.Second, Dress: crowd.Named, Heard: t.note})
	if err != nil {
		return r, l, err
	}
	st.next("payments, and the hold")
	t.due.Wait()
	if !bench.Sleep(ctx, o.Hold+o.Settle) {
		return r, l, ctx.Err()
	}
	l, err = shop.count(ctx)
	return r, l, err
}

// database returns the name of the n-th turn's database.
func database(strategy string, n int) string {
	return strings.ReplaceAll(strategy, "-", "_") + "_" + strconv.Itoa(n)
}

// steps reports how far a run is.
type steps struct {
	onStep    func(done, all int, what string)
	what      string
	done, all int
}

func (s *steps) next(phase string) {
	if s.onStep != nil {
		s.onStep(s.done, s.all, s.what+": "+phase)
	}
	s.done++
}

func (o Options) stepsPerTurn() int {
	if o.Late > 0 {
		return 5
	}
	return 3
}
