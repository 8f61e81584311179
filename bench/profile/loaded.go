package profile

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"spike/bench/crowd"
	"spike/bench/process"
)

// Loaded starts an edge and profiles it while a crowd buys from it.
type Loaded struct {
	Binary      string // the spike program
	Out         string
	Seconds     int
	Connections int
	SoldOut     bool     // every answer is "sold out", not a win
	EdgeArgs    []string // in addition
}

// Rates of the two profiles that are otherwise off: one of MutexFraction contentions, one wait per BlockRateNs.
const (
	MutexFraction = 5
	BlockRateNs   = 10_000
)

const (
	sale        = "ticket"
	manyUnits   = 100_000_000
	readyLimit  = 20 * time.Second
	maxRequests = 1 << 40 // the time ends the load, not the count
)

// Run starts a Redis and an edge, loads the edge, takes the profiles meanwhile and ends everything.
func (l Loaded) Run(ctx context.Context) ([]Profile, crowd.Result, error) {
	dir, err := os.MkdirTemp("", "spike-pprof-")
	if err != nil {
		return nil, crowd.Result{}, fmt.Errorf("pprof: %w", err)
	}
	defer os.RemoveAll(dir)
	redis, err := process.StartRedis(ctx, dir, "redis")
	if err != nil {
		return nil, crowd.Result{}, err
	}
	defer redis.Stop()
	total, sold := int64(manyUnits), int64(0)
	if l.SoldOut {
		total, sold = 1, 1
	}
	if err = redis.CreateSale(ctx, sale, total, sold); err != nil {
		return nil, crowd.Result{}, err
	}
	edge, addr, admin, err := l.startEdge(ctx, dir, redis.Addr)
	if err != nil {
		return nil, crowd.Result{}, err
	}
	defer edge.Stop()
	return l.profileUnderLoad(ctx, "http://"+addr+"/buy/"+sale, admin)
}

func (l Loaded) startEdge(ctx context.Context, dir, redis string) (edge *process.Process, addr, admin string, err error) {
	if addr, err = process.FreeAddr(); err != nil {
		return nil, "", "", err
	}
	if admin, err = process.FreeAddr(); err != nil {
		return nil, "", "", err
	}
	args := []string{"serve", "--listen", addr, "--admin", admin, "--redis", redis,
		"--mutex-profile-fraction", fmt.Sprint(MutexFraction), "--block-profile-rate", fmt.Sprint(BlockRateNs)}
	edge, err = process.Start(ctx, process.Spec{Name: "edge", Path: l.Binary, Args: append(args, l.EdgeArgs...), Dir: dir,
		Env: []string{"SPIKE_DATA=" + filepath.Join(dir, "edge-data")}})
	if err != nil {
		return nil, "", "", err
	}
	if err = edge.ReadyAt(ctx, readyLimit, addr+","+admin, process.Answers("http://"+addr+"/buy/"+sale, http.StatusOK)); err != nil {
		edge.Stop()
		return nil, "", "", err
	}
	return edge, addr, admin, nil
}

// profileUnderLoad loads the edge until the profiles are taken.
func (l Loaded) profileUnderLoad(ctx context.Context, url, admin string) ([]Profile, crowd.Result, error) {
	stay, sendHome := context.WithCancel(ctx)
	defer sendHome()
	type outcome struct {
		result crowd.Result
		err    error
	}
	loaded := make(chan outcome, 1)
	go func() {
		r, err := crowd.Run(stay, crowd.Options{URLs: []string{url}, Connections: l.Connections, Requests: maxRequests})
		loaded <- outcome{r, err}
	}()
	const warm = 500 * time.Millisecond
	pause(ctx, warm)
	profiles, err := Session{Admin: admin, Seconds: l.Seconds, Out: l.Out}.Take(ctx)
	sendHome()
	o := <-loaded
	if errors.Is(o.err, context.Canceled) && ctx.Err() == nil {
		o.err = nil // cancelled on purpose
	}
	return profiles, o.result, errors.Join(err, o.err)
}
