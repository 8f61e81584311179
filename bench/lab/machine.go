package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"spike/bench"
	"spike/bench/rig"
)

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
		_, err := bench.Tool(name)
		if slices.Contains(frr, name) {
			_, err = frrPath(name)
		}
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
