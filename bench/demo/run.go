package demo

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"spike/bench/crowd"
	"spike/bench/measure"
	"spike/bench/report"
)

// Run plays the article and returns what happened. Its errors wrap bench.ErrUsage, bench.ErrDependency, edge.ErrListen or
// ledger.ErrDown. A wrong result is no error, but a finding of the account. When Run returns, all servers have ended.
func Run(ctx context.Context, o Options) (*Account, error) {
	if err := measure.Check(o); err != nil {
		return nil, err
	}
	if err := tools(); err != nil {
		return nil, err
	}
	front, err := o.front()
	if err != nil {
		return nil, err
	}
	dir, err := o.room()
	if err != nil {
		return nil, err
	}
	s := &stage{front: front, dir: dir}
	a, err := s.play(ctx, o)
	if err == nil && (o.Out != "" || !a.Passed()) {
		err = a.save()
	}
	if o.Out == "" && (err != nil || a.Passed()) {
		_ = os.RemoveAll(s.dir) // an error carries the end of the log that explains it
		if a != nil {
			a.Dir = ""
		}
	}
	return a, err
}

// room returns the folder for logs.
func (o Options) room() (string, error) {
	var dir string
	var err error
	if o.Out == "" {
		dir, err = os.MkdirTemp("", "spike-demo-")
	} else if dir, err = filepath.Abs(o.Out); err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err != nil {
		return "", fmt.Errorf("folder for the logs: %w", err)
	}
	return dir, nil
}

func (s *stage) play(ctx context.Context, o Options) (*Account, error) {
	defer s.close()
	if err := s.open(ctx, o); err != nil {
		return nil, interrupted(ctx, err)
	}
	o.step("%s", o.crowdWords())
	c := newRush(o, s)
	r, err := c.run(ctx)
	if err != nil {
		return nil, interrupted(ctx, err)
	}
	o.step("reading metrics and logs, auditing")
	a := &Account{Machine: report.ThisMachine(ctx), Requests: o.Requests, Units: o.Units, Connections: o.Connections,
		Front: s.front, Dir: s.dir, Load: r, Wins: int64(c.wins.Count(crowd.Won))}
	a.count(c)
	return a, interrupted(ctx, a.closing(ctx, c))
}

// interrupted says so plainly if a signal caused the failure.
func interrupted(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("demo interrupted: %w", ctx.Err())
	}
	return err
}

// count divides the scripts by what they were run for.
func (a *Account) count(c *rush) {
	if a.Wins >= c.want {
		a.LastAt = c.lastAt
	}
	a.SellingN, a.SellingFor = c.all.n, a.Wins
	if c.selling.n > 0 {
		a.SellingN = c.selling.n
		a.SoldOutN, a.SoldOutFor = c.all.n-c.selling.n, c.all.answers-c.selling.answers
	}
}

// save writes the report beside the logs.
func (a *Account) save() error {
	f, err := os.Create(filepath.Join(a.Dir, "report.txt"))
	if err != nil {
		return fmt.Errorf("save the report: %w", err)
	}
	defer f.Close()
	return a.Text(f)
}
