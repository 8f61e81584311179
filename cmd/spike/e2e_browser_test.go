//go:build e2e

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"spike/bench/rig/rigtest"
)

// The operators' page is tested in chromium, by node: edge/dashboard/web/test/browser. Each file has servers of its own. What
// only this side can do, node asks of the stage's control: kill a process, stop Redis, send a crowd.

const (
	pageDir     = "../../edge/dashboard/web"
	pageLasts   = 15 * time.Minute // a file of tests, on a busy machine
	crowdMost   = 2_000_000        // requests of one crowd
	adminToken  = "boss"
	viewerToken = "eyes"
)

// pageStage is everything that a page may show, and a dashboard.
type pageStage struct {
	*gateStage
	server int         // Redis' process
	side   *testServer // spike dashboard
	args   []string    // it was started with them
}

func newPageStage(t testing.TB) *pageStage {
	t.Helper()
	s := &pageStage{gateStage: newGateStage(t, "en")}
	s.server = s.redis.pid(t)
	t.Cleanup(func() { _ = syscall.Kill(s.server, syscall.SIGCONT) })
	startOrders(t, "--redis", s.redis.addr, "--db", "sqlite:"+filepath.Join(t.TempDir(), "orders.db"))
	s.args = []string{"--redis", s.redis.addr, "--admin-token", adminToken, "--viewer-token", viewerToken}
	s.side = startDashboard(t, s.args...)
	return s
}

// controls are what node may ask for.
func (s *pageStage) controls(t testing.TB) map[string]func(url.Values) any {
	return map[string]func(url.Values) any{
		"kill": func(q url.Values) any {
			i, _ := strconv.Atoi(q.Get("edge"))
			s.edges[i].die()
			return nil
		},
		"redis": func(q url.Values) any {
			return syscall.Kill(s.server, map[string]syscall.Signal{"stop": syscall.SIGSTOP, "continue": syscall.SIGCONT}[q.Get("do")])
		},
		"end side": func(url.Values) any {
			s.side.die()
			return nil
		},
		"begin side": func(url.Values) any {
			rigtest.Restart(t, s.side.Process)
			return nil
		},
		"more sides": func(q url.Values) any { return s.moreSides(t, q.Get("n")) },
		"crowd":      func(q url.Values) any { return s.sendCrowd(q) },
	}
}

// moreSides starts n dashboards, and returns their addresses.
func (s *pageStage) moreSides(t testing.TB, n string) (addrs []string) {
	want, _ := strconv.Atoi(n)
	for range want {
		addrs = append(addrs, startDashboard(t, s.args...).addr)
	}
	return addrs
}

// sendCrowd sends buys of a sale through nginx, whatever happens to the edges. It returns what came of it.
func (s *pageStage) sendCrowd(q url.Values) any {
	requests, _ := strconv.ParseInt(q.Get("requests"), 10, 64)
	connections, _ := strconv.Atoi(q.Get("connections"))
	rate, _ := strconv.ParseFloat(q.Get("rate"), 64)
	ctx, end := context.WithTimeout(context.Background(), pageLasts)
	defer end()
	r, err := rigtest.RunCrowd(ctx, rigtest.CrowdOptions{URLs: []string{s.url + "/buy/" + q.Get("sale")}, Connections: connections,
		Requests: min(requests, crowdMost), Rate: rate, Timeout: 20 * time.Second})
	if err != nil {
		return err
	}
	return r
}

// control serves what node asks for, on loopback.
func (s *pageStage) control(t testing.TB) string {
	t.Helper()
	all := s.controls(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		do, there := all[strings.Trim(r.URL.Path, "/")]
		if !there {
			http.NotFound(w, r)
			return
		}
		is := do(r.URL.Query())
		if err, failed := is.(error); failed {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(is)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// told is what node must know of the stage.
func (s *pageStage) told(t testing.TB) string {
	t.Helper()
	var edges []map[string]string
	for _, e := range s.edges {
		edges = append(edges, map[string]string{"addr": e.addr, "admin": e.admin})
	}
	text, err := json.Marshal(map[string]any{"page": "http://" + s.side.addr, "edges": edges, "front": s.url,
		"control": s.control(t), "redis": s.redis.addr, "admin": adminToken, "viewer": viewerToken, "long": long()})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// playPage runs a file of node's tests. chromium is in node's process group, and ends with it.
func playPage(t *testing.T, file, stage string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(pageDir, "node_modules")); err != nil {
		t.Fatalf("%v: make e2e installs it", err)
	}
	out := &rigtest.Log{}
	cmd := exec.Command("node", "--test", "--test-reporter=spec", filepath.Join("test", "browser", file))
	cmd.Dir, cmd.Stdout, cmd.Stderr = pageDir, out, out
	cmd.Env = append(os.Environ(), "SPIKE_STAGE="+stage)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	group := -cmd.Process.Pid
	late := time.AfterFunc(pageLasts, func() { _ = syscall.Kill(group, syscall.SIGKILL) })
	defer late.Stop()
	err := cmd.Wait()
	_ = syscall.Kill(group, syscall.SIGKILL) // a chromium that is left
	if err != nil {
		t.Errorf("%v\n%s", err, out)
		return
	}
	for line := range strings.Lines(out.String()) {
		if _, figure, measured := strings.Cut(line, "measured: "); measured {
			t.Log(strings.TrimSpace(figure))
		}
	}
}

// TestPage plays every file of the browser's tests, one after the other, because each of them wants a whole CPU.
func TestPage(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(pageDir, "test", "browser", "*.test.mjs"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%v %v", files, err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(strings.TrimSuffix(name, ".test.mjs"), func(t *testing.T) {
			playPage(t, name, newPageStage(t).told(t))
		})
	}
}

// The edge of `make run` shows its page with no other server and no token.
func TestPageOfALoneEdge(t *testing.T) {
	t.Parallel()
	edge := startEdge(t)
	stage := fmt.Sprintf(`{"page":"http://%s","edges":[{"addr":%q}]}`, edge.admin, edge.addr)
	playPage(t, filepath.Join("alone", "alone.mjs"), stage)
}
