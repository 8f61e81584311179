// Package demo plays the whole article on one machine. It runs a Redis, four edges, nginx in front of them with the weights
// 1:2:3:4, and a crowd of a hundred requests for each unit. Then it accounts for what happened. Four sources must agree: the
// answers, the edges' metrics, their decision logs, and the ledger's audit.
//
//	demo     from the options to the account
//	stage    the servers and the crowd: start, stop, what is read while they run
//	account  what happened, by the decision logs too, which are read as the article reads its stat.log; and whether it is right
//	text     the account for people
package demo

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"spike/bench/crowd"
	"spike/bench/measure"
	"spike/bench/report"
	"spike/bench/rig"
)

// Options of a demo.
type Options struct {
	Binary      string // the spike program; the edges are `spike serve`
	Requests    int64  `range:"1..1000000000"`
	Units       int64  `range:"1..100000000"`
	Connections int    `range:"1..8192"`  // nginx needs two of its own for each
	BasePort    int    `range:"1..65532"` // the edges listen on this port and the next three
	Listen      string // nginx' address; empty: 127.0.0.1:8080, or a free port if that is busy
	Out         string // folder for report and logs; empty: a temporary one, kept only after a failure

	OnStep        func(string)   // what is being done now
	OnProgress    func(Progress) // how far the crowd is, every ProgressEvery
	ProgressEvery time.Duration
}

// Progress is how far the crowd is.
type Progress struct {
	crowd.Progress
	Sold      int64
	PerSecond float64 // lately
}

const (
	sale          = rig.Sale
	host          = "127.0.0.1"
	defaultListen = host + ":8080"
)

// weights of the edges, as in the article: a tenth of the requests for the first, four for the last.
var weights = []int{1, 2, 3, 4}

func (o Options) step(format string, args ...any) { o.OnStep(fmt.Sprintf(format, args...)) }

// Run plays the article and returns what happened. Its errors wrap bench.ErrUsage, bench.ErrDependency or edge.ErrListen.
// A wrong result is no error, but a finding of the account. When Run returns, all servers have ended.
func Run(ctx context.Context, o Options) (*Account, error) {
	if err := cmp.Or(measure.Check(o), tools()); err != nil {
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
	s := &stage{Options: o, front: front, dir: dir, want: min(o.Units, o.Requests)}
	a, err := s.play(ctx)
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

func (o Options) room() (string, error) {
	dir, err := filepath.Abs(o.Out)
	if o.Out == "" {
		dir, err = os.MkdirTemp("", "spike-demo-")
	} else if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err != nil {
		return "", fmt.Errorf("folder for the logs: %w", err)
	}
	return dir, nil
}

func (s *stage) play(ctx context.Context) (*Account, error) {
	defer s.close()
	if err := s.open(ctx); err != nil {
		return nil, interrupted(ctx, err)
	}
	s.step("%s requests over %s keep-alive connections for %s units", num(s.Requests), num(s.Connections), num(s.Units))
	r, err := s.run(ctx)
	if err != nil {
		return nil, interrupted(ctx, err)
	}
	s.step("reading metrics and logs, auditing")
	a := &Account{Options: s.Options, Machine: report.ThisMachine(ctx), Front: s.front, Dir: s.dir, Load: r,
		Wins: int64(s.wins.Count(crowd.Won))}
	a.count(s)
	return a, interrupted(ctx, a.closing(ctx, s))
}

// interrupted says so plainly if a signal caused the failure.
func interrupted(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("demo interrupted: %w", ctx.Err())
	}
	return err
}

// count divides the scripts by what they were run for.
func (a *Account) count(s *stage) {
	a.LastAt, a.SellingN, a.SellingFor = s.lastAt, s.all.n, a.Wins
	if s.selling.n > 0 {
		a.SellingN = s.selling.n
		a.SoldOutN, a.SoldOutFor = s.all.n-s.selling.n, s.all.answers-s.selling.answers
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
