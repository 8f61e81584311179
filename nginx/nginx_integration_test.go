//go:build integration

// These tests drive the real nginx, which `make deps` installs.

package nginx

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"spike/bench/rig/rigtest"
)

// TestNginxAcceptsEveryVariant checks the golden files, and that no variant needs root.
func TestNginxAcceptsEveryVariant(t *testing.T) {
	files, err := filepath.Glob("testdata/*.conf")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			conf, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			accepted(t, string(conf))
		})
	}
}

// TestNginxAcceptsEveryCombination: nginx accepts every combination of a topology's settings.
func TestNginxAcceptsEveryCombination(t *testing.T) {
	t.Parallel()
	for _, balance := range balances {
		for with := range 1 << 7 {
			topology := Topology{Listen: rigtest.FreeAddr(t), Balance: balance, Edges: []Edge{{"127.0.0.1:3001", 1}, {"[::1]:3002", 3}}}
			has := func(bit int) bool { return with&(1<<bit) != 0 }
			if has(0) {
				topology.GateDir, topology.Lang = "/run/spike/gate/", "en"
			}
			if has(1) {
				topology.Limits.PerIP, topology.RealIP = &Limit{20, 40}, networks("10.0.0.0/8", "fd00::/8")
			}
			if has(2) {
				topology.Limits.PerBuyer = &Limit{Rate: 2}
			}
			if has(3) {
				topology.TLS = &TLS{"cert.pem", "key.pem"}
				topology.HTTP2 = has(5)
			}
			if has(4) {
				topology.Keepalive, topology.AccessLog = new(int), "access.log"
				topology.CORSOrigins = []string{"https://shop.example", "https://" + strings.Repeat("a", 200) + ".example:8443",
					"http://[::1]:8080"}
			}
			if has(6) {
				topology.RetryAfter, topology.BuyByPost = RetryAfter{1, 60}, true
			}
			if has(5) && !has(3) {
				continue // HTTP/2 only with TLS
			}
			var conf bytes.Buffer
			if err := Render(&conf, topology); err != nil {
				t.Fatal(err)
			}
			accepted(t, conf.String())
		}
	}
}

// accepted checks that nginx accepts a configuration.
func accepted(t *testing.T, conf string) {
	t.Helper()
	dir := workDir(t, conf)
	certify(t, dir)
	out, err := nginxCommand(t, dir, "-t").CombinedOutput()
	if err != nil || strings.Contains(string(out), "[warn]") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestWeightsAreExact is the article's experiment: 1000 requests over weights 1:2:3:4.
func TestWeightsAreExact(t *testing.T) {
	for _, workers := range []int{1, 2} {
		t.Run(fmt.Sprintf("workers=%d", workers), func(t *testing.T) {
			var seen visits
			topology := Topology{Workers: workers}
			for i := range 4 {
				e := newEdge(t, &seen, sells)
				topology.Edges = append(topology.Edges, Edge{e.addr, i + 1})
			}
			answers := crowd(t, start(t, topology, asRendered), http.MethodGet, "/buy/ticket", 1000, 100)
			answers.want(t, http.StatusOK, 1000)
			for i, e := range topology.Edges {
				if got := seen.at(e.Addr); got != 100*(i+1) {
					t.Errorf("edge of weight %d answered %d of 1000, want %d", e.Weight, got, 100*(i+1))
				}
			}
		})
	}
}

func TestHeadersTowardsTheEdge(t *testing.T) {
	for _, c := range []struct {
		name, trusted, wantBuyer string
	}{
		{"loopback is trusted", "", "ann"},
		{"a stranger is not", "trusted_proxies: [10.0.0.0/8]", ""},
		{"nobody is", "trusted_proxies: []", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := make(chan http.Header, 1)
			edge := newHTTPServer(t, func(w http.ResponseWriter, r *http.Request) { got <- r.Header })
			topology, err := Parse([]byte("listen: :1\nedges: [{addr: '" + edge + "', weight: 1}]\n" + c.trusted))
			if err != nil {
				t.Fatal(err)
			}
			req, _ := http.NewRequest(http.MethodGet, start(t, topology, asRendered)+"/buy/ticket", nil)
			for _, name := range []string{"X-Request-ID", "X-Real-IP", "X-Forwarded-For"} {
				req.Header.Set(name, "forged")
			}
			req.Header.Set("X-Buyer-Id", "ann")
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			h := <-got
			if len(h.Get("X-Request-ID")) != 32 || h.Get("X-Real-IP") != "127.0.0.1" || h.Get("X-Forwarded-For") != "127.0.0.1" {
				t.Errorf("the edge heard %v", h)
			}
			if h.Get("X-Buyer-Id") != c.wantBuyer || h.Get("Connection") != "" {
				t.Errorf("buyer %q, connection %q; want buyer %q", h.Get("X-Buyer-Id"), h.Get("Connection"), c.wantBuyer)
			}
		})
	}
}

// TestStrangersNameNobody: an edge on this machine believes nginx. However a stranger writes X-Buyer-Id, the edge does not get
// it. The first request is the control.
func TestStrangersNameNobody(t *testing.T) {
	const buy, end = "POST /buy/ticket HTTP/1.1\r\nHost: a\r\nConnection: close\r\n", "Content-Length: 0\r\n\r\n"
	for _, c := range []struct{ name, trusted, request, want string }{
		{"a friend", "127.0.0.0/8", buy + "x-buyer-ID: ann\r\n" + end, "ann"},
		{"in small letters", "10.0.0.0/8", buy + "x-buyer-id: ann\r\n" + end, ""},
		{"twice", "10.0.0.0/8", buy + "X-Buyer-Id: ann\r\nX-BUYER-ID: bob\r\n" + end, ""},
		{"with underlines", "10.0.0.0/8", buy + "X_Buyer_Id: ann\r\nX-Buyer_Id: ann\r\n" + end, ""},
		{"hop by hop", "10.0.0.0/8", buy + "X-Buyer-Id: ann\r\nConnection: X-Buyer-Id\r\n" + end, ""},
		{"in a trailer", "127.0.0.0/8", buy +
			"Transfer-Encoding: chunked\r\nTrailer: X-Buyer-Id\r\n\r\n1\r\na\r\n0\r\nX-Buyer-Id: ann\r\n\r\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := make(chan http.Header, 1)
			edge := newHTTPServer(t, func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				for name, values := range r.Trailer {
					r.Header[name] = append(r.Header[name], values...)
				}
				got <- r.Header
			})
			base := start(t, Topology{Edges: []Edge{{edge, 1}},
				TrustedProxies: []netip.Prefix{netip.MustParsePrefix(c.trusted)}}, asRendered)
			conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, c.request); err != nil {
				t.Fatal(err)
			}
			if answer, err := io.ReadAll(conn); err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 200")) {
				t.Fatalf("%v %q", err, answer)
			}
			heard := ""
			for name, values := range <-got {
				if strings.EqualFold(strings.ReplaceAll(name, "_", "-"), "X-Buyer-Id") {
					heard += strings.Join(values, ", ")
				}
			}
			if heard != c.want {
				t.Errorf("the edge heard %q, want %q", heard, c.want)
			}
		})
	}
}

// TestEveryInterfacePassesThrough: each interface of an edge works through nginx, with all headers by which a client identifies
// itself.
func TestEveryInterfacePassesThrough(t *testing.T) {
	got := make(chan *http.Request, 1)
	edge := newHTTPServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusConflict)
		got <- r
	})
	base := start(t, Topology{Edges: []Edge{{edge, 1}}}, asRendered)
	for _, want := range []struct{ method, uri string }{
		{http.MethodGet, "/buy/ticket?n=2"}, {http.MethodPost, "/buy/ticket"}, {http.MethodGet, "/openapi.yaml"},
		{http.MethodPost, "/v1/sales/ticket/reservations"}, {http.MethodGet, "/v1/sales/ticket"},
		{http.MethodGet, "/v1/reservations/AbC-_9"}, {http.MethodPost, "/v1/reservations/AbC-_9/cancel?x=%2F"},
	} {
		req := request(want.method, base+want.uri, "")
		for _, name := range []string{"Idempotency-Key", "Authorization"} {
			req.Header.Set(name, `Bearer "x.y.z"`)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		r := <-got
		if r.Method != want.method || r.RequestURI != want.uri || resp.StatusCode != http.StatusConflict ||
			resp.Header.Get("Retry-After") != "7" {
			t.Errorf("%v became %s %s, answered %d %v", want, r.Method, r.RequestURI, resp.StatusCode, resp.Header)
		}
		for _, name := range []string{"Idempotency-Key", "Authorization"} {
			if values := r.Header.Values(name); len(values) != 1 || values[0] != `Bearer "x.y.z"` {
				t.Errorf("%v: %s is %q", want, name, values)
			}
		}
	}
}

func TestUndecided(t *testing.T) {
	gone := refusedAddrs(2)
	base := start(t, Topology{Edges: []Edge{{gone[0], 1}, {gone[1], 1}}}, asRendered)
	for path, want := range map[string]struct{ contentType, code string }{
		"/buy/ticket":                        {"application/json", "-5"},
		"/v1/sales/ticket/reservations":      {"application/problem+json", `"undecided"`},
		"/v1/reservations/x/cancel?again=/a": {"application/problem+json", `"undecided"`},
	} {
		for range 3 { // the third finds both edges out: "no live upstreams"
			resp, err := http.Post(base+path, "application/json", strings.NewReader(`{"n":1}`))
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			var fields map[string]json.RawMessage
			err = json.Unmarshal(body, &fields)
			if err != nil || string(fields["code"]) != want.code || resp.StatusCode != http.StatusServiceUnavailable ||
				resp.Header.Get("Retry-After") != "1" || len(resp.Header.Values("Content-Type")) != 1 ||
				resp.Header.Get("Content-Type") != want.contentType {
				t.Errorf("%s: %v %d %v\n%s", path, err, resp.StatusCode, resp.Header, body)
			}
		}
	}
}

// TestLimits: a request that is too big stops at nginx.
func TestLimits(t *testing.T) {
	var seen visits
	e := newEdge(t, &seen, sells)
	base := start(t, Topology{Edges: []Edge{{e.addr, 1}}}, asRendered)
	for name, req := range map[string]*http.Request{
		"413": request(http.MethodPost, base+"/buy/ticket", strings.Repeat("x", 17<<10)),
		"414": request(http.MethodGet, base+"/buy/"+strings.Repeat("x", 17<<10), ""),
		"400": func() *http.Request {
			r := request(http.MethodGet, base+"/buy/ticket", "")
			r.Header.Set("X-Long", strings.Repeat("x", 1<<20))
			return r
		}(),
	} {
		resp, err := (&http.Client{Transport: &http.Transport{}}).Do(req)
		if err != nil {
			if name == "400" && strings.Contains(err.Error(), "reset") || strings.Contains(err.Error(), "broken pipe") {
				continue // nginx hung up while the megabyte was still on its way
			}
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if fmt.Sprint(resp.StatusCode) != name {
			t.Errorf("got %d, want %s", resp.StatusCode, name)
		}
	}
	if n := seen.at(e.addr); n != 0 {
		t.Errorf("%d requests reached the edge", n)
	}
}

func request(method, url, body string) *http.Request {
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	return r
}

// change edits a rendered configuration, where a test needs another one than users do.
type change func(conf string) string

func asRendered(conf string) string { return conf }

// start runs nginx for the topology on a free port until the test ends, and returns its URL.
func start(t *testing.T, topology Topology, edit change) string {
	t.Helper()
	topology.Listen = rigtest.FreeAddr(t)
	var conf bytes.Buffer
	if err := Render(&conf, topology); err != nil {
		t.Fatal(err)
	}
	rigtest.StartNginx(t, rigtest.NginxOptions{Addr: topology.Listen, Conf: edit(conf.String()), User: asNobody()})
	return "http://" + topology.Listen
}

// nginxCommand prepares nginx in dir. If the test is root, nginx runs as nobody.
func nginxCommand(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := rigtest.Tool("nginx")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, append([]string{"-p", dir, "-c", filepath.Join(dir, "nginx.conf"), "-e", "stderr"}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: asNobody()}
	return cmd
}

// asNobody takes root away from nginx. nil: the test is not root.
func asNobody() *syscall.Credential {
	if os.Getuid() != 0 {
		return nil
	}
	return &syscall.Credential{Uid: nobody, Gid: nobody}
}

const nobody = 65534

// workDir is a directory with the configuration, which no other user may write to.
func workDir(t *testing.T, conf string) string {
	t.Helper()
	dir := t.TempDir()
	err := os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(conf), 0o644)
	if err == nil && os.Getuid() == 0 {
		err = os.Chmod(filepath.Dir(dir), 0o755)
		if err == nil {
			err = os.Chown(dir, nobody, nobody)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// refusedAddrs are addresses that never have a listener: ports that no kernel hands out.
func refusedAddrs(n int) (addrs []string) {
	for port := 1; port <= n; port++ {
		addrs = append(addrs, fmt.Sprintf("127.0.0.1:%d", port))
	}
	return addrs
}

func newHTTPServer(t *testing.T, handle http.HandlerFunc) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: handle, ReadHeaderTimeout: time.Minute}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return l.Addr().String()
}

// answers is what a crowd heard.
type answers rigtest.CrowdResult

func (a answers) want(t *testing.T, status, n int) {
	t.Helper()
	if a.Statuses[status] != int64(n) {
		t.Errorf("got %v, want %d times %d", a.Statuses, n, status)
	}
	if a.Errors > 0 {
		t.Error(a.ErrorKinds)
	}
}

// crowd sends n requests, abreast of them at a time. Each has its own connection.
func crowd(t *testing.T, base, method, path string, n, abreast int) answers {
	t.Helper()
	o := rigtest.CrowdOptions{URLs: []string{base + path}, Method: method, Connections: abreast, Requests: int64(n),
		Timeout: 30 * time.Second,
		Dress:   func(_ int64, h *fasthttp.RequestHeader) { h.SetConnectionClose() },
		Heard: func(a rigtest.Answer) {
			if a.Status == http.StatusServiceUnavailable && !a.Again() {
				t.Error("503 without Retry-After")
			}
		}}
	if method == http.MethodPost {
		o.Body = []byte(`{"n":1}`)
	}
	r, err := rigtest.RunCrowd(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return answers(r)
}
