package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The trials: calm, without a death, and one for each layer.
const (
	calmTrial     = "calm"
	linkTrial     = "link"
	directorTrial = "director"
	nginxTrial    = "nginx"
	edgeTrial     = "edge"
	replicaTrial  = "replica"
)

var trials = []string{calmTrial, linkTrial, directorTrial, nginxTrial, edgeTrial, replicaTrial}

// death is the fault of a trial.
type death struct {
	layer  string
	what   string
	strike func(context.Context) error
	// moved says that the traffic goes around the dead part; nil: the buyers' answers tell.
	moved func(context.Context) bool
	heal  func(context.Context) error
}

// death is the fault of a trial; nil for calm.
func (l *lab) death(trial string) *death {
	switch trial {
	case linkTrial:
		return l.linkDeath(l.directors[0])
	case directorTrial:
		return l.directorDeath(l.directors[len(l.directors)-1])
	case nginxTrial:
		return l.frontDeath(l.fronts[0])
	case edgeTrial:
		return l.edgeDeath(l.edges[len(l.edges)-1])
	case replicaTrial:
		return l.replicaDeath(l.stores[1])
	}
	return nil
}

// linkDeath cuts a link. Both ends see it.
func (l *lab) linkDeath(d host) *death {
	set := func(state string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := l.router.Run(ctx, "", "ip", "link", "set", d.name, state)
			return err
		}
	}
	return &death{layer: "router", what: "link r-" + d.name + " is cut", strike: set("down"), heal: set("up"),
		moved: func(ctx context.Context) bool { return l.avoids(ctx, d) }}
}

// directorDeath cuts a director off with its links up, and kills it. No machine is told: each must notice.
func (l *lab) directorDeath(d host) *death {
	const deaf = `table netdev dead {
	chain up  { type filter hook ingress device "up" priority -500; policy drop; }
	chain lan { type filter hook ingress device "lan" priority -500; policy drop; }
}`
	return &death{layer: "directors", what: d.name + " dies silently, its links up",
		strike: func(ctx context.Context) error {
			if _, err := d.Run(ctx, deaf, "nft", "-f", "-"); err != nil {
				return err
			}
			d.Kill(ctx)
			return nil
		},
		heal: func(ctx context.Context) error {
			if _, err := d.Run(ctx, "", "nft", "delete", "table", "netdev", "dead"); err != nil {
				return err
			}
			return l.startDirector(ctx, d)
		},
		moved: func(ctx context.Context) bool { return l.avoids(ctx, d) }}
}

// avoids says that the router has next hops, and the director is not one of them.
func (l *lab) avoids(ctx context.Context, d host) bool {
	hops := l.hops(ctx)
	return len(hops) > 0 && !slices.Contains(hops, d.name)
}

// frontDeath kills every process of an nginx' machine.
func (l *lab) frontDeath(f host) *death {
	return &death{layer: "nginx", what: f.name + " is killed, workers and gate too",
		strike: func(ctx context.Context) error { f.Kill(ctx); return nil },
		heal:   func(ctx context.Context) error { return l.startFront(ctx, f) },
		moved: func(context.Context) bool {
			return !slices.ContainsFunc(l.directors, func(d host) bool { return slices.Contains(l.lives(d), f.name) })
		}}
}

// lives is the living nginx by a director's newest line.
func (l *lab) lives(d host) []string {
	text, _ := os.ReadFile(filepath.Join(l.dir, d.name, "director.log"))
	said := string(text)
	at := strings.LastIndex(said, livesWord)
	if at < 0 {
		return nil
	}
	line, _, whole := strings.Cut(said[at+len(livesWord):], "\n")
	if !whole {
		return nil
	}
	return strings.Fields(line)
}

// edgeDeath kills the edge with the largest weight in the default topology. It comes back with its ring.
func (l *lab) edgeDeath(e host) *death {
	return &death{layer: "edges", what: e.name + " is killed (-9)",
		strike: func(ctx context.Context) error { e.Kill(ctx); return nil },
		heal:   func(ctx context.Context) error { return l.startEdge(ctx, e) }}
}

// replicaDeath kills a replica of Redis. Then nothing may be promised that is on one machine only, so selling stops until the
// operator reopens it.
func (l *lab) replicaDeath(s host) *death {
	return &death{layer: "redis", what: "replica " + s.name + " is killed (-9)",
		strike: func(ctx context.Context) error { s.Kill(ctx); return nil },
		heal: func(ctx context.Context) error {
			if err := l.startStore(ctx, s); err != nil {
				return err
			}
			return l.replicated(ctx)
		}}
}

// stand waits until every part runs, and knows every other part that it should.
func (l *lab) stand(ctx context.Context) error {
	return eventually(ctx, upLimit, "every part stands", func() bool {
		for _, d := range l.directors {
			if len(l.lives(d)) != len(l.fronts) {
				return false
			}
		}
		return len(l.hops(ctx)) == len(l.directors)
	})
}

// eventually polls.
func eventually(ctx context.Context, limit time.Duration, what string, ok func() bool) error {
	for end := time.Now().Add(limit); ; {
		if ok() {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("%w: not within %v: %s", errLate, limit, what)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(10 * time.Millisecond):
		}
	}
}
