package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"spike/bench"
	"spike/bench/rig"
	"spike/luascripts"
)

// The errors of a lab.
var (
	// ErrSkipped says why a lab cannot run here: the kernel or the rights are missing. It is no failure.
	ErrSkipped = errors.New("skipped")
	// ErrFailed says that a guarantee did not hold. The output says which.
	ErrFailed = errors.New("lab: a promise was not kept")
	// ErrUsage is an option that makes no sense.
	ErrUsage = fmt.Errorf("%w: lab", bench.ErrUsage)
)

// Options of a lab.
type Options struct {
	Binary   string // the spike program, which runs edges and directors
	Topology Topology
	Units    uint64    // of each sale, 100 to 1,000,000
	Rounds   int       // whole labs, from up to down, 1 to 1000
	Keep     bool      // the lab stays after the last round, until ctx ends
	Logs     string    // folder for a copy of every configuration and log; empty: they are removed with the lab
	Out      io.Writer // events and the verdict
}

func (o Options) check() error {
	switch {
	case o.Units < 100 || o.Units > 1_000_000:
		return fmt.Errorf("%w: --units %d is not within 100..1000000", ErrUsage, o.Units)
	case o.Rounds < 1 || o.Rounds > 1000:
		return fmt.Errorf("%w: --rounds %d is not within 1..1000", ErrUsage, o.Rounds)
	}
	return o.Topology.check()
}

// Run builds the lab, plays its trials, and takes it down, once for each round. Errors wrap ErrSkipped, ErrFailed, ErrUsage,
// ErrTopology or bench.ErrDependency. It always leaves nothing behind. It first removes what a killed lab left.
func Run(ctx context.Context, o Options) error {
	if err := o.check(); err != nil {
		return err
	}
	release, err := only()
	if err != nil {
		return err
	}
	defer release()
	p := newPlan(o.Topology)
	kind, err := possible(ctx, p)
	if err != nil {
		return err
	}
	good := true
	for round := range o.Rounds {
		fmt.Fprintf(o.Out, "round %d of %d, layer 4 by %s\n", round+1, o.Rounds, kind)
		l := &lab{plan: p, o: o, kind: kind, board: &board{out: o.Out, begun: time.Now()}}
		l.o.Keep = o.Keep && round == o.Rounds-1
		all, err := l.round(ctx)
		if err != nil && ctx.Err() != nil {
			return fmt.Errorf("lab: interrupted: %w", context.Cause(ctx))
		}
		if err != nil {
			return err
		}
		good = good && passed(all)
	}
	if !good {
		return ErrFailed
	}
	return nil
}

// lab is one standing lab.
type lab struct {
	plan
	o       Options
	kind    string // of the balancers
	primary *rig.Redis
	store   *luascripts.Redis
	board   *board
	sampler *sampler
}

// round is a whole lab: up, trials, verdict, down.
func (l *lab) round(ctx context.Context) (all []*trial, err error) {
	defer func() { err = errors.Join(err, l.down()) }()
	if err = l.up(ctx); err != nil {
		return nil, err
	}
	if all, err = l.trials(ctx); err != nil {
		return nil, err
	}
	if err = verdict(l.o.Out, all); err != nil {
		return nil, err
	}
	if l.o.Keep {
		l.board.say("it stands until you end it: ip netns exec %s curl http://%s/buy/calm", l.buyers.Place, l.Address)
		<-ctx.Done()
	}
	return all, nil
}

// trials plays the trials one after another, and prints a table.
func (l *lab) trials(ctx context.Context) (all []*trial, err error) {
	l.board.heads()
	showing, stop := context.WithCancel(ctx)
	var table sync.WaitGroup
	table.Go(func() {
		_ = together(showing, func(ctx context.Context) error { return l.board.run(ctx, l.newSampler()) })
	})
	defer table.Wait()
	defer stop()
	for _, name := range l.Trials {
		t, err := l.play(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("trial %s: %w", name, err)
		}
		all = append(all, t)
	}
	return all, nil
}

// up builds everything, from the wires to the buyers' address.
func (l *lab) up(ctx context.Context) error {
	if err := os.Mkdir(dir, 0o755); err != nil { // FRR and nginx' workers read it, and are not root
		return fmt.Errorf("lab: %w", err)
	}
	l.sampler = l.newSampler()
	if err := l.wire(ctx); err != nil {
		return err
	}
	l.board.say("%d namespaces", len(l.all()))
	if err := together(ctx, l.speaks(l.router).speak, l.serve); err != nil { // OSPF takes its own time
		return err
	}
	if err := l.stand(ctx); err != nil {
		return err
	}
	l.board.say("all stands: %d ways to %s, nginx %d times, each with its gate, %d edges, Redis and its replicas (%d)",
		len(l.directors), l.Address, len(l.fronts), len(l.edges), l.Replicas)
	return nil
}

// wire makes the namespaces and the network.
func (l *lab) wire(ctx context.Context) error {
	err := each(ctx, l.all(), func(ctx context.Context, h host) error {
		return errors.Join(h.Add(ctx), h.Set(h.settings()))
	})
	if err != nil {
		return err
	}
	for _, b := range l.wires() {
		if _, err := rig.Run(ctx, b.String(), "ip", "-n", string(b.in), "-batch", "-"); err != nil {
			return fmt.Errorf("wires: %w", err)
		}
	}
	return nil
}

// serve starts the servers, from the back to the front.
func (l *lab) serve(ctx context.Context) error {
	for _, step := range []struct {
		hosts []host
		start func(context.Context, host) error
	}{
		{l.stores[:1], l.startStore},
		{l.stores[1:], l.startStore},
		{l.stores[:1], l.openStore},
		{l.edges, l.startEdge},
		{l.fronts, l.startFront},
		{l.directors, l.startDirector},
	} {
		if err := each(ctx, step.hosts, step.start); err != nil {
			return err
		}
	}
	return nil
}

// down ends everything that stands.
func (l *lab) down() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if l.store != nil {
		l.store.Close()
	}
	err := errors.Join(keepLogs(dir, l.o.Logs), sweep(ctx))
	if err == nil {
		l.board.say("down: nothing is left")
	}
	return err
}

// each calls f with all at once, and returns when all calls are done. A panic is an error. It must not end the program, because
// then the lab would stay.
func each[T any](ctx context.Context, all []T, f func(context.Context, T) error) error {
	failed := make([]error, len(all))
	var wait sync.WaitGroup
	for i, one := range all {
		wait.Go(func() {
			defer func() {
				if r := recover(); r != nil {
					failed[i] = fmt.Errorf("lab: panic: %v", r)
				}
			}()
			failed[i] = f(ctx, one)
		})
	}
	wait.Wait()
	return errors.Join(failed...)
}

// together runs all at once, as each does.
func together(ctx context.Context, all ...func(context.Context) error) error {
	return each(ctx, all, func(ctx context.Context, f func(context.Context) error) error { return f(ctx) })
}

// eventually polls.
func eventually(ctx context.Context, limit time.Duration, what string, ok func() bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("lab: not within %v: %s", limit, what))
	defer cancel()
	for !ok() {
		if !bench.Sleep(ctx, 10*time.Millisecond) {
			return context.Cause(ctx)
		}
	}
	return nil
}
