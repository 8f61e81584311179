//go:build e2e

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"spike/bench/rig/rigtest"
)

// idleMost is how many bytes of an edge's memory an idle connection may cost.
const idleMost = 7000

// An idle connection costs the edge little memory, whether it has sent plain requests or others. The memory is what the kernel
// counts of the edge's process (RSS), after the collector has run.
func TestIdleConnectionsCostLittle(t *testing.T) {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		t.Fatal(err)
	}
	many := min(10_000, int(files.Cur)/2)
	for name, request := range map[string]string{
		"plain": "GET /buy/ticket HTTP/1.1\r\nHost: a\r\n\r\n",
		"other": "GET /buy/ticket HTTP/1.1\r\nHost: a\r\nUnheard-Of: ann\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			edge := startEdge(t)
			rigtest.Crowd(t, 20_000, 64, edge.buyURL("ticket")) // the edge has its own memory after this
			before := edge.resident(t)
			for range many {
				c := edge.visit(t, request)
				defer func() { _ = c.Close() }()
			}
			each := (edge.resident(t) - before) / many
			t.Logf("%d bytes for each of %d idle connections", each, many)
			if each > idleMost {
				t.Errorf("%d bytes for an idle connection, not %d", each, idleMost)
			}
		})
	}
}

// visit sends a request three times on a connection, which stays open.
func (e *testServer) visit(t *testing.T, request string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", e.addr)
	if err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReaderSize(c, 512)
	for range 3 {
		if _, err = c.Write([]byte(request)); err != nil {
			t.Fatal(err)
		}
		r, err := http.ReadResponse(in, nil)
		if err != nil || r.StatusCode != http.StatusOK {
			t.Fatal(r, err)
		}
		if _, err = io.Copy(io.Discard, r.Body); err != nil {
			t.Fatal(err)
		}
		_ = r.Body.Close()
	}
	return c
}

// resident returns how many bytes of memory the edge has.
func (e *testServer) resident(t *testing.T) (bytes int) {
	t.Helper()
	for range 4 { // a stack shrinks by half each time
		get(t, "GET", "http://"+e.admin+"/debug/pprof/heap?gc=1")
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", e.PID()))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		_, _ = fmt.Sscanf(line, "VmRSS: %d kB", &bytes)
	}
	return bytes << 10
}
