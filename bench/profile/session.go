package profile

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"spike/bench"
)

// Session takes profiles of an edge once.
type Session struct {
	Admin   string // host:port of the admin listener, with or without http://
	Token   string // bearer token; empty: none
	Seconds int    // 1..300
	Out     string // folder for the profiles
}

// Profile is one saved profile.
type Profile struct {
	Kind string
	File string // in the format of `go tool pprof`, gzipped
}

// ErrSession means that the options of a session are wrong.
var ErrSession = fmt.Errorf("%w: profile", bench.ErrUsage)

const maxSeconds = 300

// kinds in the order of the report. If a path ends in =, the seconds follow it.
var kinds = []struct{ name, path string }{
	{"cpu", "/debug/pprof/profile?seconds="},
	{"mutex", "/debug/pprof/mutex?seconds="},
	{"block", "/debug/pprof/block?seconds="},
	{"heap", "/debug/pprof/heap"},
}

// Take takes all profiles: the first three over the same seconds, the heap after them.
func (s Session) Take(ctx context.Context) ([]Profile, error) {
	if s.Seconds < 1 || s.Seconds > maxSeconds {
		return nil, fmt.Errorf("%w: %d seconds, not 1..%d", ErrSession, s.Seconds, maxSeconds)
	}
	if err := os.MkdirAll(s.Out, 0o755); err != nil {
		return nil, fmt.Errorf("profiles: %w", err)
	}
	var profiles []Profile
	g, ctx := errgroup.WithContext(ctx)
	for _, k := range kinds {
		file := filepath.Join(s.Out, k.name+".pb.gz")
		profiles = append(profiles, Profile{Kind: k.name, File: file})
		g.Go(func() error { return s.save(ctx, k.path, file) })
	}
	return profiles, g.Wait()
}

func (s Session) save(ctx context.Context, path, file string) error {
	if over, found := strings.CutSuffix(path, "="); found {
		path = over + "=" + strconv.Itoa(s.Seconds)
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

// get asks the admin listener.
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
		return nil, fmt.Errorf("%w: %w", ErrSession, err)
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
