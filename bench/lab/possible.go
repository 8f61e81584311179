package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"spike/bench"
	"spike/bench/rig"
)

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
	return balancerHere(ctx, probe), nil
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
	c := nft{p.service()}.Begin()
	_, err := probe.Run(ctx, c.Input, c.Program, c.Args...)
	return err
}

// programs names all missing programs.
func programs() error {
	var missing []string
	for _, name := range []string{"ip", "nft", "redis-server"} {
		if _, err := exec.LookPath(name); err != nil {
			missing = append(missing, name)
		}
	}
	_, err := bench.Tool("nginx")
	if err != nil {
		missing = append(missing, "nginx")
	}
	for _, d := range frr {
		if _, err = d.path(); err != nil {
			missing = append(missing, d.name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%w: not installed: %s (`make deps` installs what the lab needs)", bench.ErrDependency,
			strings.Join(missing, ", "))
	}
	return nil
}

// Print is the configuration of a director or router, for a machine of its own.
func Print(t Topology, what string) (string, error) {
	p := newPlan(t)
	switch what {
	case "keepalived":
		return p.service().keepalived()
	case NFT, LVS:
		b, err := newBalancer(what, p.service())
		if err != nil {
			return "", err
		}
		return b.Begin().Input + b.Live(nil, p.reals()).Input, nil
	case "topology":
		return t.String(), nil
	case "ospf":
		return files(p.routerSpeaks(), p.directorSpeaks(p.directors[0]))
	}
	return "", fmt.Errorf("%w: --print %q", ErrUsage, what)
}

func files(speakers ...speaker) (string, error) {
	var b strings.Builder
	for _, s := range speakers {
		for _, d := range frr {
			text, err := s.config(d)
			if err != nil {
				return "", err
			}
			b.WriteString(text)
		}
	}
	return b.String(), nil
}
