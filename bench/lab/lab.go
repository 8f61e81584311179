package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/redis/rueidis"

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

	errLate = errors.New("lab: too late")
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
	return o.Topology.Validate()
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
	kind, err := possible(ctx, newPlan(o.Topology))
	if err != nil {
		return err
	}
	good := true
	for round := range o.Rounds {
		fmt.Fprintf(o.Out, "round %d of %d, layer 4 by %s\n", round+1, o.Rounds, kind)
		l := &lab{plan: newPlan(o.Topology), o: o, kind: kind, dir: dir, board: newBoard(o.Out)}
		l.o.Keep = o.Keep && round == o.Rounds-1
		all, err := l.round(ctx)
		if err != nil {
			return interrupted(ctx, err)
		}
		good = good && passed(all)
	}
	if !good {
		return ErrFailed
	}
	return nil
}

func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("lab: interrupted: %w", context.Cause(ctx))
	}
	return err
}

// lab is one standing lab.
type lab struct {
	plan
	o        Options
	kind     string
	balancer Balancer
	dir      string
	store    *luascripts.Redis
	client   rueidis.Client
	board    *board
	sampler  *sampler
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
	table.Go(func() { _ = together(func() error { return l.board.run(showing, l.newSampler()) }) })
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
func (l *lab) up(ctx context.Context) (err error) {
	if err = os.Mkdir(l.dir, 0o755); err != nil { // FRR and nginx' workers read it, and are not root
		return fmt.Errorf("lab: %w", err)
	}
	if l.balancer, err = newBalancer(l.kind, l.service()); err != nil {
		return err
	}
	l.sampler = l.newSampler()
	if err = l.wire(ctx); err != nil {
		return err
	}
	l.board.say("%d namespaces", len(l.all()))
	// OSPF takes its own time.
	if err = together(func() error { return l.startRouter(ctx) }, func() error { return l.serve(ctx) }); err != nil {
		return err
	}
	if err = l.stand(ctx); err == nil {
		l.board.say("all stands: %s", l.standing())
	}
	return err
}

// serve starts the servers, from the back to the front.
func (l *lab) serve(ctx context.Context) error {
	for _, step := range []func() error{
		func() error { return each(ctx, l.stores, l.startStore) },
		func() error { return l.openStore(ctx) },
		func() error { return each(ctx, l.edges, l.startEdge) },
		func() error { return each(ctx, l.fronts, l.startFront) },
		func() error { return each(ctx, l.directors, l.startDirector) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// each starts all hosts of a kind at once.
func each(ctx context.Context, hosts []host, start func(context.Context, host) error) error {
	var all []func() error
	for _, h := range hosts {
		all = append(all, func() error { return start(ctx, h) })
	}
	return together(all...)
}

// wire makes the namespaces and the network.
func (l *lab) wire(ctx context.Context) error {
	err := each(ctx, l.all(), func(ctx context.Context, h host) error {
		if err := h.Add(ctx); err != nil {
			return err
		}
		return h.Set(h.settings())
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

func (l *lab) startRouter(ctx context.Context) error {
	return l.routerSpeaks().speak(ctx, l.router.Place, filepath.Join(l.dir, l.router.name))
}

// startDirector starts the machine's OSPF and its director.
func (l *lab) startDirector(ctx context.Context, d host) error {
	dir := filepath.Join(l.dir, d.name)
	if err := l.directorSpeaks(d).speak(ctx, d.Place, dir); err != nil {
		return err
	}
	file := filepath.Join(dir, "lab.yaml")
	if err := write(file, l.String()); err != nil {
		return fmt.Errorf("%s: %w", d.name, err)
	}
	p := rig.Process{Spec: rig.Spec{Name: "director", Path: l.o.Binary, Dir: dir, Place: d.Place,
		Args: []string{"lab-director", "--topology", file, "--balancer", l.kind}}}
	return p.Launch()
}

// standing describes the lab.
func (l *lab) standing() string {
	return fmt.Sprintf("%d ways to %s, nginx %d times, each with its gate, %d edges, Redis and its replicas (%d)",
		len(l.directors), l.Address, len(l.fronts), len(l.edges), l.Replicas)
}

// down ends everything that stands.
func (l *lab) down() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if l.store != nil {
		l.store.Close()
	}
	if l.client != nil {
		l.client.Close()
	}
	err := errors.Join(keepLogs(l.dir, l.o.Logs), sweep(ctx))
	if err == nil {
		l.board.say("down: nothing is left")
	}
	return err
}
