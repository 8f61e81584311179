// Package profile takes CPU, mutex, block and heap profiles of a running edge over its admin listener. It saves them and
// shows each as text.
//
// All are taken over the same seconds. Mutex and block profiles are empty unless the edge was started with their rates.
// docs/benchmarks.md says how.
package profile

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/pprof/profile"
	"golang.org/x/sync/errgroup"

	"spike/bench"
	"spike/bench/crowd"
	"spike/bench/rig"
)

// Session takes profiles of an edge once.
type Session struct {
	Admin   string // host:port of the admin listener, with or without http://
	Token   string // bearer token; empty: none
	Seconds int    // 1..300
	Out     string // folder for the profiles
}

const maxSeconds = 300

// views are the texts made of the profiles. The heap has two: memory in use, and memory ever allocated. If a path ends in =, the
// seconds follow it.
var views = []struct{ kind, path, file, title, sample string }{
	{"cpu", "/debug/pprof/profile?seconds=", "cpu.txt", "CPU", "cpu"},
	{"mutex", "/debug/pprof/mutex?seconds=", "mutex.txt", "Mutex: time others waited for a lock", "delay"},
	{"block", "/debug/pprof/block?seconds=", "block.txt", "Block: time spent waiting", "delay"},
	{"heap", "/debug/pprof/heap", "heap.txt", "Heap in use", "inuse_space"},
	{"heap", "", "alloc.txt", "Allocated since start", "alloc_space"}, // of the profile above
}

// Take takes all profiles: the first three over the same seconds, the heap after them.
func (s Session) Take(ctx context.Context) error {
	if s.Seconds < 1 || s.Seconds > maxSeconds {
		return fmt.Errorf("%w: profile: %d seconds, not 1..%d", bench.ErrUsage, s.Seconds, maxSeconds)
	}
	if err := os.MkdirAll(s.Out, 0o755); err != nil {
		return fmt.Errorf("profiles: %w", err)
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, v := range views {
		if v.path != "" {
			g.Go(func() error { return s.save(ctx, v.path, fileOf(s.Out, v.kind)) })
		}
	}
	return g.Wait()
}

// fileOf is where a profile is saved, in the format of `go tool pprof`, gzipped.
func fileOf(dir, kind string) string { return filepath.Join(dir, kind+".pb.gz") }

func (s Session) save(ctx context.Context, path, file string) error {
	if strings.HasSuffix(path, "=") {
		path += strconv.Itoa(s.Seconds)
	} else if !bench.Sleep(ctx, time.Duration(s.Seconds)*time.Second) {
		return ctx.Err()
	}
	body, err := s.get(ctx, path)
	if err != nil {
		return err
	}
	if err = os.WriteFile(file, body, 0o644); err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	return nil
}

func (s Session) get(ctx context.Context, path string) ([]byte, error) {
	const limitBytes = 64 << 20
	ctx, cancel := context.WithTimeout(ctx, time.Duration(s.Seconds)*time.Second+30*time.Second)
	defer cancel()
	base := s.Admin
	if !strings.Contains(base, "://") {
		base = "http://" + base
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(base, "/")+path, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: profile: %w", bench.ErrUsage, err)
	}
	if s.Token != "" {
		req.Header.Set("Authorization", "Bearer "+s.Token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: the admin listener: %w", bench.ErrDependency, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, limitBytes))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, strings.TrimSpace(string(body[:min(len(body), 200)])))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s of the admin listener: %w", bench.ErrDependency, path, err)
	}
	return body, nil
}

// Loaded starts an edge and profiles it while a crowd buys from it.
type Loaded struct {
	Binary      string // the spike program
	Out         string
	Seconds     int
	Connections int
	SoldOut     bool     // every answer is "sold out", not a win
	EdgeArgs    []string // in addition
}

// Run starts a Redis and an edge, loads the edge, takes the profiles meanwhile and ends everything.
func (l Loaded) Run(ctx context.Context) (seen crowd.Result, err error) {
	dir, err := rig.Room("pprof")
	if err != nil {
		return seen, err
	}
	defer os.RemoveAll(dir)
	// Of the two profiles that are otherwise off: every fifth contention, and a wait for each 10 µs.
	rates := []string{"--mutex-profile-fraction", "5", "--block-profile-rate", "10000"}
	edge := rig.Options{Args: append(rates, l.EdgeArgs...)}
	o := rig.SiteOptions{Binary: l.Binary, Dir: dir, Units: 100_000_000, Servers: []rig.Options{edge}}
	if l.SoldOut {
		o.Units, o.Sold = 1, 1
	}
	site, err := rig.Open(ctx, o)
	if err != nil {
		return seen, err
	}
	defer site.Close()
	stay, sendHome := context.WithCancel(ctx)
	defer sendHome()
	var ended error
	var load sync.WaitGroup
	load.Go(func() {
		seen, ended = crowd.Run(stay, crowd.Options{URLs: []string{site.Servers[0].BuyURL(rig.Sale)}, Connections: l.Connections,
			Requests: 1 << 40}) // the profiles end the load, not the count
	})
	const warm = 500 * time.Millisecond
	bench.Sleep(ctx, warm)
	err = Session{Admin: site.Servers[0].Admin, Seconds: l.Seconds, Out: l.Out}.Take(ctx)
	sendHome()
	load.Wait()
	if errors.Is(ended, context.Canceled) && ctx.Err() == nil {
		ended = nil // it was cancelled on purpose
	}
	return seen, errors.Join(err, ended)
}

// Print writes the top 20 of each profile in a folder to w and beside the profile.
func Print(w io.Writer, dir string) error {
	for _, v := range views {
		file := fileOf(dir, v.kind)
		text, err := top(file, v.sample)
		if err == nil {
			fmt.Fprintf(w, "\n== %s (%s)\n%s", v.title, file, text)
			err = os.WriteFile(filepath.Join(dir, v.file), text, 0o644)
		}
		if err != nil {
			return fmt.Errorf("top of %s: %w", v.kind, err)
		}
	}
	return nil
}

// function is what was measured in one function, alone and with the functions that it called.
type function struct {
	name      string
	flat, cum int64
}

// top is one profile as text, as `go tool pprof -top` writes it.
func top(file, sample string) ([]byte, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	p, err := profile.ParseData(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	at, err := p.SampleIndexByName(sample)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	all, total := functions(p, at)
	shown := all[:min(20, len(all))]
	var out bytes.Buffer
	unit := p.SampleType[at].Unit
	fmt.Fprintf(&out, "%s of %s in all; the first %d of %d functions\n%12s %6s %12s %6s\n", amount(total, unit), sample,
		len(shown), len(all), "flat", "flat%", "cum", "cum%")
	for _, one := range shown {
		fmt.Fprintf(&out, "%12s %5.1f%% %12s %5.1f%%  %s\n", amount(one.flat, unit), percent(one.flat, total), amount(one.cum, unit),
			percent(one.cum, total), one.name)
	}
	return out.Bytes(), nil
}

// functions returns all functions, the largest of their own first.
func functions(p *profile.Profile, at int) (_ []*function, total int64) {
	by := map[string]*function{}
	for _, s := range p.Sample {
		total += s.Value[at]
		seen := map[string]bool{} // a sample of a recursive function is counted once
		for depth, location := range s.Location {
			for inlined, line := range location.Line {
				name := line.Function.Name
				one := cmp.Or(by[name], &function{name: name})
				by[name] = one
				if depth == 0 && inlined == 0 {
					one.flat += s.Value[at]
				}
				if !seen[name] {
					seen[name] = true
					one.cum += s.Value[at]
				}
			}
		}
	}
	return slices.SortedFunc(maps.Values(by), func(a, b *function) int {
		return cmp.Or(cmp.Compare(b.flat, a.flat), cmp.Compare(b.cum, a.cum), cmp.Compare(a.name, b.name))
	}), total
}

// percent of nothing is 0.
func percent(n, total int64) float64 { return 100 * float64(n) / float64(max(1, total)) }

// amount formats a number with its unit.
func amount(n int64, unit string) string {
	switch unit {
	case "nanoseconds":
		return time.Duration(n).Round(time.Microsecond).String()
	case "bytes":
		return fmt.Sprintf("%.2fMB", float64(n)/(1<<20))
	}
	return fmt.Sprint(n)
}
