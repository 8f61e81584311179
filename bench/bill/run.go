package bill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"spike/bench"
	"spike/bench/crowd"
	"spike/bench/front"
	"spike/bench/process"
	"spike/luascripts/ledger"
)

// Run measures the designs. It returns every sample, from which [Summarise] makes the table. A double sale or a missing
// answer is no error, but a fault in its sample.
func Run(ctx context.Context, o Options) ([]Sample, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if _, err := bench.Tool("redis-server"); err != nil {
		return nil, err
	}
	if _, err := front.FindNginx(); err != nil {
		return nil, err
	}
	dir, err := front.Room("bill")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	return runTurns(ctx, o, dir)
}

func runTurns(ctx context.Context, o Options, dir string) (samples []Sample, err error) {
	turns := o.turns()
	for i, t := range turns {
		what := fmt.Sprintf("round %d, %s", t.round, t.design)
		if o.OnStep != nil {
			o.OnStep(i, len(turns), what)
		}
		s, err := runTurn(ctx, o, t, filepath.Join(dir, fmt.Sprintf("%d-%s", t.round, t.design)))
		if err != nil {
			return samples, fmt.Errorf("%s: %w", what, err)
		}
		samples = append(samples, s)
	}
	return samples, nil
}

// runTurn opens the servers, sends the crowd, and reads CPU times and counters.
func runTurn(ctx context.Context, o Options, t turn, dir string) (Sample, error) {
	s := Sample{Design: t.design, Round: t.round}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return s, fmt.Errorf("bill: %w", err)
	}
	site, err := openSite(ctx, o, t.design, dir)
	if err != nil {
		return s, err
	}
	defer site.Close()
	var wins crowd.Wins
	if err = s.visit(ctx, o, site, &wins); err != nil {
		return s, err
	}
	if t.design != Article {
		if err = s.readBooks(ctx, o, site); err != nil {
			return s, err
		}
	}
	s.judge(&wins, o.Units)
	return s, nil
}

// openSite starts the servers of a design.
func openSite(ctx context.Context, o Options, design, dir string) (*front.Site, error) {
	options := front.Options{Binary: o.Binary, Dir: dir, Article: design == Article, Units: o.Units}
	if design == Limited {
		options.Limit = limit
	}
	site, err := front.Open(ctx, options)
	if err != nil {
		return nil, err
	}
	if err = openFront(ctx, site, design); err != nil {
		site.Close()
		return nil, err
	}
	return site, nil
}

func openFront(ctx context.Context, site *front.Site, design string) (err error) {
	t := front.Topology{Edges: site.Addrs(), Weights: front.Weights()}
	if t.Listen, err = process.FreeAddr(); err != nil {
		return err
	}
	var conf []byte
	switch design {
	case Article:
		if conf, err = articleConf(t); err != nil {
			return err
		}
	case Gate, Limited:
		if t.GateDir, err = site.GateDir(); err != nil {
			return err
		}
		if err = site.OpenGate(ctx, t); err != nil {
			return err
		}
	}
	return site.OpenFront(ctx, t, conf)
}

// visit sends the crowd, and reads what it cost.
func (s *Sample) visit(ctx context.Context, o Options, site *front.Site, wins *crowd.Wins) error {
	before, err := cost(site)
	if err != nil {
		return err
	}
	if s.Load, err = buy(ctx, o, site.Nginx.Addr, wins); err != nil {
		return err
	}
	if s.Sold, err = settled(ctx, site, o.Units); err != nil {
		return err
	}
	after, err := cost(site)
	s.Cost, s.Won = after.Since(before), int64(wins.Count(crowd.Won))
	return err
}

// cost is 0 on a system that does not tell CPU time.
func cost(site *front.Site) (front.Cost, error) {
	c, err := site.Cost()
	if errors.Is(err, process.ErrNoCPU) {
		return front.Cost{}, nil
	}
	return c, err
}

// The servers' work after the last answer is on the bill. They get settlePause, and up to settleLimit while the hash does not
// show every unit.
const (
	settlePause = 300 * time.Millisecond
	settleLimit = 5 * time.Second
)

// settled waits for that work, and returns how many units the hash has as sold.
func settled(ctx context.Context, site *front.Site, units int64) (sold int64, err error) {
	for deadline := time.Now().Add(settleLimit); ; {
		if !bench.Sleep(ctx, settlePause) {
			return sold, ctx.Err()
		}
		sold, err = site.Redis.Sold(ctx, front.Sale)
		if err != nil || sold >= units || time.Now().After(deadline) {
			return sold, err
		}
	}
}

// readBooks asks the edges what they answered and, after their end, the ledger who owns what.
func (s *Sample) readBooks(ctx context.Context, o Options, site *front.Site) (err error) {
	for _, edge := range site.Servers {
		n, err := edge.Answered(ctx)
		if err != nil {
			return err
		}
		s.Reached += n
	}
	site.CloseSelling()
	s.Audit, err = audit(ctx, o.Binary, site.Redis.Addr)
	return err
}

// audit runs `spike audit`, as an operator does.
func audit(ctx context.Context, binary, redis string) (*ledger.Audit, error) {
	out, err := exec.CommandContext(ctx, binary, "audit", front.Sale, "--json", "--redis", redis).Output()
	var a ledger.Audit
	if json.Unmarshal(out, &a) != nil { // a failed audit is printed, too
		return nil, fmt.Errorf("spike audit: %w", err)
	}
	return &a, nil
}
