package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
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
		_ = together(showing, func(ctx context.Context) error {
			for s := l.newSampler(); bench.Sleep(ctx, time.Second); {
				l.board.tick(s.take(ctx))
			}
			return nil
		})
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
	l.board.say("%d namespaces", len(l.All()))
	if err := together(ctx, station{l.plan, l.router}.speak, l.serve); err != nil { // OSPF takes its own time
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
	err := each(ctx, l.All(), func(ctx context.Context, h host) error {
		return errors.Join(h.Add(ctx), h.Set(h.settings()))
	})
	if err != nil {
		return err
	}
	for _, b := range l.wires() {
		if _, err := rig.Run(ctx, b.text, "ip", "-n", string(b.in), "-batch", "-"); err != nil {
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

// dir has a lab's files. It is on tmpfs, as gates like it, and only root can make it.
const dir = "/run/spikelab"

// only makes sure that there is one lab at a time, because all labs use the same names. The kernel releases the lock of a killed
// lab.
func only() (release func(), err error) {
	l, err := net.Listen("unix", "@"+prefix+"lab")
	if err != nil {
		return nil, fmt.Errorf("%w: another lab stands on this machine", ErrUsage)
	}
	return func() { _ = l.Close() }, nil
}

// possible says which balancer a lab can use here, and removes what an earlier lab left. Errors wrap ErrSkipped with the reason,
// or bench.ErrDependency with the missing programs.
func possible(ctx context.Context, p plan) (kind string, err error) {
	switch {
	case runtime.GOOS != "linux":
		return "", fmt.Errorf("%w: network namespaces are Linux'", ErrSkipped)
	case os.Geteuid() != 0:
		return "", fmt.Errorf("%w: only root may make network namespaces", ErrSkipped)
	}
	if err = programs(); err != nil {
		return "", err
	}
	if err = sweep(ctx); err != nil {
		return "", fmt.Errorf("%w: network namespaces: %w", ErrSkipped, err)
	}
	probe := rig.Place(prefix + "probe")
	defer func() { _ = probe.Remove(context.WithoutCancel(ctx)) }()
	if err = try(ctx, p, probe); err != nil {
		return "", fmt.Errorf("%w: the kernel or the rights lack something: %w", ErrSkipped, err)
	}
	if _, err = probe.Run(ctx, "", "ipvsadm", "-Ln"); err == nil {
		return LVS, nil
	}
	return NFT, nil
}

// programs names all missing programs.
func programs() error {
	all := slices.Concat([]string{"ip", "nft", "redis-server", "nginx"}, frr)
	missing := slices.DeleteFunc(all, func(name string) bool {
		if slices.Contains(frr, name) {
			return frrPath(name) != ""
		}
		_, err := bench.Tool(name)
		return err == nil
	})
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("%w: not installed: %s (`make deps` installs what the lab needs)", bench.ErrDependency,
		strings.Join(missing, ", "))
}

// try does once, in a namespace of its own, all that the lab needs of the kernel.
func try(ctx context.Context, p plan, probe rig.Place) error {
	if err := probe.Add(ctx); err != nil {
		return err
	}
	if err := probe.Set(p.router.settings()); err != nil {
		return err
	}
	links := "link add up type veth peer name far\nlink add lan type bridge\n"
	if _, err := rig.Run(ctx, links, "ip", "-n", string(probe), "-batch", "-"); err != nil {
		return err
	}
	b := balancers[NFT]
	_, err := probe.Run(ctx, conf(NFT+".begin", p), b.program, b.load...)
	return err
}

// graceful is a file that ospfd leaves when it starts, under any name.
const graceful = "ospfd-gr.json"

// sweep removes everything with our names: processes, namespaces with all their links, FRR's sockets, files. So a lab removes
// what a killed one left.
func sweep(ctx context.Context) error {
	all, err := rig.Places(ctx, prefix)
	if err != nil {
		return err
	}
	err = each(ctx, all, func(ctx context.Context, p rig.Place) error { return p.Remove(ctx) })
	found, _ := filepath.Glob(filepath.Join(frrState, prefix+"*")) // the pattern is right
	for _, f := range append(found, dir) {
		err = errors.Join(err, os.RemoveAll(f))
	}
	if _, err := os.Stat(filepath.Join(frrState, "ospfd.vty")); err != nil { // else the file is of the machine's own FRR
		_ = os.Remove(filepath.Join(frrState, graceful))
	}
	return err
}

// keepLogs copies the files that a person may read, and neither rings nor sockets.
func keepLogs(from, to string) error {
	if to == "" {
		return nil
	}
	return filepath.WalkDir(from, func(file string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !slices.Contains([]string{".conf", ".log", ".yaml"}, filepath.Ext(file)) {
			return err
		}
		text, err := os.ReadFile(file)
		copied := filepath.Join(to, strings.TrimPrefix(file, from))
		return errors.Join(err, mkdir(filepath.Dir(copied)), write(copied, string(text)))
	})
}
