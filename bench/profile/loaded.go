package profile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"spike/bench"
	"spike/bench/crowd"
	"spike/bench/rig"
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

// Rates of the two profiles that are otherwise off: one of mutexFraction contentions, one wait per blockRateNs.
const (
	mutexFraction = 5
	blockRateNs   = 10_000
)

const (
	manyUnits   = 100_000_000
	maxRequests = 1 << 40 // the profiles end the load, not the count
)

// Run starts a Redis and an edge, loads the edge, takes the profiles meanwhile and ends everything.
func (l Loaded) Run(ctx context.Context) ([]Profile, crowd.Result, error) {
	dir, err := rig.Room("pprof")
	if err != nil {
		return nil, crowd.Result{}, err
	}
	defer os.RemoveAll(dir)
	o := rig.SiteOptions{Binary: l.Binary, Dir: dir, Units: manyUnits, Servers: []rig.Options{{Args: append([]string{
		"--mutex-profile-fraction", fmt.Sprint(mutexFraction), "--block-profile-rate", fmt.Sprint(blockRateNs)}, l.EdgeArgs...)}}}
	if l.SoldOut {
		o.Units, o.Sold = 1, 1
	}
	site, err := rig.Open(ctx, o)
	if err != nil {
		return nil, crowd.Result{}, err
	}
	defer site.Close()
	return l.profileUnderLoad(ctx, site.Servers[0])
}

// profileUnderLoad loads the edge until the profiles are taken.
func (l Loaded) profileUnderLoad(ctx context.Context, edge *rig.Server) ([]Profile, crowd.Result, error) {
	stay, sendHome := context.WithCancel(ctx)
	defer sendHome()
	var seen crowd.Result
	loaded := make(chan error, 1)
	go func() {
		var err error
		seen, err = crowd.Run(stay, crowd.Options{URLs: []string{edge.BuyURL(rig.Sale)}, Connections: l.Connections,
			Requests: maxRequests})
		loaded <- err
	}()
	const warm = 500 * time.Millisecond
	bench.Sleep(ctx, warm)
	profiles, err := Session{Admin: edge.Admin, Seconds: l.Seconds, Out: l.Out}.Take(ctx)
	sendHome()
	if ended := <-loaded; !errors.Is(ended, context.Canceled) || ctx.Err() != nil { // else it was cancelled on purpose
		err = errors.Join(err, ended)
	}
	return profiles, seen, err
}
