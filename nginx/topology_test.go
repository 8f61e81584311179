package nginx

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/*.conf anew")

func TestRenderGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			topology, err := Load(file)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			if err := Render(&got, topology); err != nil {
				t.Fatal(err)
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".conf"
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want) {
				t.Errorf("%s differs; look at it, then go test ./nginx -update\n%s", golden, got.Bytes())
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	edges := "\nedges: [{addr: 'a:1', weight: 1}]"
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "topology: listen: is missing"},
		{"no listen", edges, "listen: is missing"},
		{"listen without port", "listen: 127.0.0.1" + edges, `listen: "127.0.0.1" is not HOST:PORT`},
		{"listen with a bad host", "listen: 1.2.3:80" + edges, `listen: "1.2.3:80": "1.2.3" is neither`},
		{"listen with a directive", `listen: "a; b:80"` + edges, `listen: "a; b:80": "a; b" is neither`},
		{"port 0", "listen: :0" + edges, `the port "0" is not within 1..65535`},
		{"port too high", "listen: :65536" + edges, `the port "65536" is not within 1..65535`},
		{"port by name", "listen: :http" + edges, `the port "http"`},
		{"gate_dir", "listen: :80\ngate_dir: '/a b'" + edges, `gate_dir: "/a b" may hold only`},
		{"gate_dir, relative", "listen: :80\ngate_dir: gate" + edges, `gate_dir: "gate" is not an absolute path`},
		{"gate_dir, all", "listen: :80\ngate_dir: /.." + edges, `gate_dir: "/.." is not an absolute path`},
		{"lang", "listen: :80\nlang: de" + edges, `lang: "de" is neither zh nor en`},
		{"tls without key", "listen: :80\ntls: {certificate: a}" + edges, "tls.key: is missing"},
		{"tls without certificate", "listen: :80\ntls: {key: a}" + edges, "tls.certificate: is missing"},
		{"tls with a directive", "listen: :80\ntls: {certificate: a, key: 'b;c'}" + edges, `tls.key: "b;c" may hold only`},
		{"http2 alone", "listen: :80\nhttp2: true" + edges, "http2: needs tls"},
		{"balance", "listen: :80\nbalance: random" + edges, `balance: "random" is none of round-robin, ip-hash, buyer-hash`},
		{"a long ring", "listen: :80\nbalance: buyer-hash\nedges: [" + strings.Repeat("{addr: 'a:%d', weight: 1000},", 5) + "]",
			"balance: with buyer-hash the weights add up to at most 4096, not 5000"},
		{"keepalive", "listen: :80\nkeepalive: -1" + edges, "keepalive: -1 is not within 0..16384"},
		{"keepalive, many", "listen: :80\nkeepalive: 16385" + edges, "keepalive: 16385 is not within 0..16384"},
		{"real_ip", "listen: :80\nreal_ip: [10.0.0.0/33]" + edges, "line 2: real_ip[0]: "},
		{"real_ip, empty", "listen: :80\nreal_ip: ['']" + edges, "real_ip[0]: is not a network"},
		{"cors_origins, all", "listen: :80\ncors_origins: ['*']" + edges, `cors_origins[0]: "*" would let every site`},
		{"cors_origins, a path", "listen: :80\ncors_origins: ['https://a.example/']" + edges,
			`cors_origins[0]: "https://a.example/" is no origin`},
		{"cors_origins, a directive", "listen: :80\ncors_origins: [\"https://a\\\"; b\"]" + edges,
			`cors_origins[0]: "https://a\"; b" is no origin`},
		{"cors_origins, large letters", "listen: :80\ncors_origins: ['https://A.example']" + edges, "cors_origins[0]: "},
		{"cors_origins, its port", "listen: :80\ncors_origins: ['https://a.example:443']" + edges, "browsers leave out :443"},
		{"cors_origins, twice", "listen: :80\ncors_origins: ['https://a.example', 'https://a.example']" + edges,
			"cors_origins[1]: https://a.example is cors_origins[0] too"},
		{"limit without rate", "listen: :80\nlimits: {per_ip: {burst: 5}}" + edges,
			"limits.per_ip.rate: 0 is not within 1..100000"},
		{"limit's rate", "listen: :80\nlimits: {per_buyer: {rate: 100001}}" + edges,
			"limits.per_buyer.rate: 100001 is not within"},
		{"limit's burst", "listen: :80\nlimits: {per_buyer: {rate: 1, burst: -1}}" + edges,
			"limits.per_buyer.burst: -1 is not within"},
		{"limit by name", "listen: :80\nlimits: {per_user: {rate: 1}}" + edges,
			`limits.per_user: unknown key; did you mean "per_buyer"?`},
		{"access_log, a word", "listen: :80\naccess_log: on" + edges, `access_log: "on" is neither a path nor off`},
		{"an edge that is nginx", "listen: 'a:1'" + edges, "edges[0].addr: a:1 is where nginx listens"},
		{"access_log", "listen: :80\naccess_log: 'a;b'" + edges, `access_log: "a;b" may hold only`},
		{"status, a word", "listen: :80\nstatus: here" + edges, `status: "here" is not HOST:PORT`},
		{"status, for all", "listen: :80\nstatus: :81" + edges, `status: ":81" is neither on, off nor a loopback address`},
		{"status, outside", "listen: :80\nstatus: 10.0.0.1:81" + edges, `status: "10.0.0.1:81" is neither`},
		{"status, buyers'", "listen: 127.0.0.1:80\nstatus: 127.0.0.1:80" + edges, "status: 127.0.0.1:80 is where buyers connect"},
		{"workers", "listen: :80\nworkers: -1" + edges, "workers: -1 is not within 0..256"},
		{"workers, many", "listen: :80\nworkers: 257" + edges, "workers: 257 is not within 0..256"},
		{"proxy", "listen: :80\ntrusted_proxies: [10.0.0.0/33]" + edges, "line 2: trusted_proxies[0]: "},
		{"proxy, empty", "listen: :80\ntrusted_proxies: ['']" + edges, "trusted_proxies[0]: is not a network"},
		{"no edges", "listen: :80", "edges: needs 1..256 edges, has 0"},
		{"many edges", "listen: :80\nedges: [" + strings.Repeat("{addr: 'a:1', weight: 1},", 257) + "]",
			"edges: needs 1..256 edges, has 257"},
		{"no addr", "listen: :80\nedges: [{weight: 1}]", "edges[0].addr: is missing"},
		{"addr without host", "listen: :80\nedges: [{addr: ':1', weight: 1}]", `edges[0].addr: ":1": "" is neither`},
		{"addr of nobody", "listen: :80\nedges: [{addr: '0.0.0.0:1', weight: 1}]",
			"edges[0].addr: \"0.0.0.0:1\": nginx cannot connect"},
		{"addr with zone", "listen: :80\nedges: [{addr: '[fe80::1%eth0]:1', weight: 1}]", "edges[0].addr: "},
		{"no weight", "listen: :80\nedges: [{addr: 'a:1'}]", "edges[0].weight: 0 is not within 1..1000"},
		{"weight too high", "listen: :80\nedges: [{addr: 'a:1', weight: 1001}]", "edges[0].weight: 1001 is not within 1..1000"},
		{"addr twice", "listen: :80\nedges: [{addr: 'a:1', weight: 1}, {addr: 'A:1', weight: 1}]",
			"edges[1].addr: A:1 is the address of edges[0] too"},
		{"IPv6 twice", "listen: :80\nedges: [{addr: '[::1]:1', weight: 1}, {addr: '[0:0::1]:1', weight: 1}]",
			"edges[1].addr: [0:0::1]:1 is the address of edges[0] too"},
		{"unknown key", "listen: :80\nedges:\n- {addr: 'a:1', wieght: 1}",
			`line 3: edges[0].wieght: unknown key; did you mean "weight"?`},
	} {
		t.Run(c.name, func(t *testing.T) {
			for i := 1; strings.Contains(c.text, "%d"); i++ {
				c.text = strings.Replace(c.text, "%d", strconv.Itoa(i), 1)
			}
			_, err := Parse([]byte(c.text))
			if !errors.Is(err, ErrTopology) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestLoadNamesTheFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "site.yaml")
	if _, err := Load(file); !errors.Is(err, ErrTopology) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	if err := os.WriteFile(file, []byte("listen: nowhere"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(file); !errors.Is(err, ErrTopology) || !strings.Contains(err.Error(), file) {
		t.Errorf("wrong file: %v", err)
	}
}

func TestRenderWritesNothingWrong(t *testing.T) {
	var b bytes.Buffer
	if err := Render(&b, Topology{}); !errors.Is(err, ErrTopology) || b.Len() > 0 {
		t.Errorf("%v, wrote %q", err, b.String())
	}
}

// FuzzParse: every topology that Parse accepts renders, and no value can add a line or a directive.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		topology, err := Parse(data)
		if err != nil {
			if !errors.Is(err, ErrTopology) {
				t.Errorf("not an ErrTopology: %v", err)
			}
			return
		}
		if got, want := shape(t, topology), shape(t, likeness(topology)); got != want {
			t.Errorf("%q changes the shape of the configuration: %s, not %s", data, got, want)
		}
	})
}

// likeness has as many of everything as t, with harmless values.
func likeness(t Topology) Topology {
	l := Topology{Listen: ":8080", HTTP2: t.HTTP2, Lang: t.Lang, Workers: t.Workers, AccessLog: "off",
		TrustedProxies: t.TrustedProxies,
		RealIP:         t.RealIP, Limits: t.Limits, Balance: t.Balance, Keepalive: t.Keepalive}
	if t.AccessLog != "off" {
		l.AccessLog = "x"
	}
	if t.OwnAddress() != "" {
		l.Listen = "10.0.0.1:8080"
	}
	if l.Status = t.Status; t.StatusListen() != "" {
		l.Status = "127.0.0.1:1"
	}
	if t.GateDir != "" {
		l.GateDir = "/x"
	}
	for i := range t.CORSOrigins {
		l.CORSOrigins = append(l.CORSOrigins, fmt.Sprintf("http://x%d", i))
	}
	if t.TLS != nil {
		l.TLS = &TLS{"x", "x"}
	}
	for i := range t.Edges {
		l.Edges = append(l.Edges, Edge{fmt.Sprintf("127.0.0.1:%d", i+1), 1})
	}
	return l
}

func shape(t *testing.T, topology Topology) string {
	var b bytes.Buffer
	if err := Render(&b, topology); err != nil {
		t.Fatal(err)
	}
	var counts []int
	for _, mark := range []string{"\n", ";", "{", "}", "$", `"`, "'", "#", `\`} {
		counts = append(counts, strings.Count(b.String(), mark))
	}
	return fmt.Sprint(counts)
}

// Row D15: HTTP/2 is written in the form of the nginx at hand. If its version is not known, the form is the one that all take.
func TestD15HTTP2ByVersion(t *testing.T) {
	topology := Topology{Listen: ":443", HTTP2: true, TLS: &TLS{"/c", "/k"}, Edges: []Edge{{"127.0.0.1:1", 1}}}
	for version, own := range map[string]bool{"": false, "1.22.1": false, "1.25.0": false, "1.25.1": true, "1.26.0": true,
		"2.0.0": true, "x": false} {
		var b bytes.Buffer
		if err := RenderFor(&b, topology, version); err != nil {
			t.Fatal(err)
		}
		word, directive := strings.Contains(b.String(), "ssl http2 backlog"), strings.Contains(b.String(), "http2       on;")
		if directive != own || word == own {
			t.Errorf("%q: in listen %v, of its own %v", version, word, directive)
		}
	}
}
