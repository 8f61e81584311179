// Package nginx writes the configuration of the nginx in front of the edges.
//
// A Topology says where nginx listens, and which edges it has with which weights. Render turns it into a complete nginx.conf. The
// configuration has two guarantees:
//
//   - If nginx may have sent a single byte of a request to an edge, it never sends the request again, because a buy sent twice
//     may be sold twice. A refused connection costs no buyer anything: nginx asks another edge.
//   - The gate fails open. nginx itself says "sold out", in an edge's words, only while a flag with the name of the present ten
//     seconds exists (see FlagName). If the flag or the directory is gone, or no new flags are written, nginx asks an edge.
//
// nginx.conf.tmpl says how, with a reason for each line.
package nginx

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"spike/nginx/strictyaml"
)

// ErrTopology is wrapped by every error in a topology: the caller must change the topology.
var ErrTopology = errors.New("topology")

// Topology is the file that `spike nginx`, `spike gate`, the demo and the lab share.
type Topology struct {
	// Listen is HOST:PORT or :PORT (every IPv4 address).
	Listen string `yaml:"listen"`
	// TLS encrypts buyers' connections; left out, they are not encrypted.
	TLS *TLS `yaml:"tls"`
	// HTTP2 offers buyers HTTP/2 beside HTTP/1.1; only with TLS.
	HTTP2 bool `yaml:"http2"`
	// GateDir has a flag for each sold-out sale (see FlagName). `spike gate` writes the flags, and nginx answers by them. It must
	// be an absolute path, because the two may start in different directories, and is best on tmpfs. Left out, there is no gate:
	// every request goes to an edge.
	GateDir string `yaml:"gate_dir"`
	// Lang is the language of nginx's own answers at /buy: "zh", the default, or "en". The edges should have the same.
	Lang string `yaml:"lang"`
	// Workers is the number of nginx worker processes, 0 to 256; 0 is one for each CPU.
	Workers int `yaml:"workers"`
	// AccessLog is a path, relative to nginx's -p, or "off", the default, because a line for each buy costs more than a buy.
	AccessLog string `yaml:"access_log"`
	// TrustedProxies are the networks whose X-Buyer-Id is passed on. The header of all other clients is removed, because an edge
	// on this machine believes nginx. Left out, it is the edges' own default, loopback only. A trusted proxy must replace its
	// client's header, and must not add a second, because nginx does not tell two from one (before 1.23 it passes the first).
	TrustedProxies []netip.Prefix `yaml:"trusted_proxies"`
	// RealIP are the networks of the proxies in front of nginx. The client's address is the last one in X-Forwarded-For that is
	// not in these networks. Limits, ip-hash, the access log and the edges use it. Left out, it is the address that connects.
	// TrustedProxies always judges the address that connects.
	RealIP []netip.Prefix `yaml:"real_ip"`
	// CORSOrigins are the sites whose pages may buy, as browsers name them: https://shop.example. Left out, no answer has a
	// header about other sites, so browsers keep their pages out. Edges behind nginx need no such setting.
	CORSOrigins []string `yaml:"cors_origins"`
	// RetryAfter is after how many seconds a buyer may come again who heard from nginx that there is nothing now: "1s", the
	// default, or a range such as 1s..10s. The edges should have the same.
	RetryAfter RetryAfter `yaml:"retry_after"`
	// BuyByPost refuses GET of /buy/SALE, because links, crawlers and previews send GET. Edges behind nginx need no such setting.
	BuyByPost bool `yaml:"buy_by_post"`
	// Limits are what one client may ask of the edges; left out, there is no limit.
	Limits Limits `yaml:"limits"`
	// Balance is how an edge is chosen for a buy: "round-robin", the default, "ip-hash" or "buyer-hash".
	Balance Balance `yaml:"balance"`
	// Keepalive is how many idle connections each worker keeps to all edges together: 0 to 16384, left out 256. With 0 each buy
	// makes a connection of its own, as in the article.
	Keepalive *int `yaml:"keepalive"`
	// Status is where `spike gate` reads nginx' own counts. "on", the default: at StatusPath where buyers connect, for clients on
	// this machine only, and only if there is a GateDir. HOST:PORT of loopback: there nginx listens, too. "off": nowhere, for an
	// nginx without stub_status.
	Status string `yaml:"status"`
	// Edges share the buys by weight. There are 1 to 256 of them.
	Edges []Edge `yaml:"edges"`
}

// Edge is one server process.
type Edge struct {
	// Addr is HOST:PORT. nginx looks a name up once, when it starts. Each address of the name is an edge of this weight:
	// localhost may be two.
	Addr string `yaml:"addr"`
	// Weight is 1 to 1000; an edge gets its weight's share of the buys.
	Weight int `yaml:"weight"`
}

const (
	maxWorkers       = 256
	maxEdges         = 256
	maxWeight        = 1000
	maxKeepalive     = 16384
	defaultKeepalive = 256
)

// Load reads and checks the topology in a file.
func Load(file string) (Topology, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return Topology{}, fmt.Errorf("%w: %w", ErrTopology, err)
	}
	t, err := Parse(data)
	if err != nil {
		return Topology{}, fmt.Errorf("%s: %w", file, err)
	}
	return t, nil
}

// Parse reads a topology from YAML, fills in the defaults and checks it.
func Parse(data []byte) (Topology, error) {
	var t Topology
	if err := strictyaml.Decode(data, &t); err != nil {
		return Topology{}, fmt.Errorf("%w: %w", ErrTopology, err)
	}
	t = t.withDefaults()
	return t, t.Validate()
}

func (t Topology) withDefaults() Topology {
	if t.AccessLog == "" {
		t.AccessLog = "off"
	}
	if t.TrustedProxies == nil {
		t.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	}
	t.TrustedProxies, t.RealIP = unmapped(t.TrustedProxies), unmapped(t.RealIP)
	if t.Lang == "" {
		t.Lang = "zh"
	}
	if t.Balance == "" {
		t.Balance = RoundRobin
	}
	if t.Status == "" {
		t.Status = statusOn
	}
	if t.RetryAfter == (RetryAfter{}) {
		t.RetryAfter = RetryAfter{Least: 1, Most: 1}
	}
	t.Limits = t.Limits.withDefaults()
	return t
}

// Validate reports the first field that cannot be used, by its name in the file.
func (t Topology) Validate() error {
	if err := checkListen(t.Listen); err != nil {
		return wrong("listen", err)
	}
	if err := t.TLS.check(t.HTTP2); err != nil {
		return err
	}
	if err := checkGateDir(t.GateDir); err != nil {
		return wrong("gate_dir", err)
	}
	if _, known := articles[t.Lang]; !known {
		return wrong("lang", fmt.Errorf("%q is neither zh nor en", t.Lang))
	}
	if t.Workers < 0 || t.Workers > maxWorkers {
		return wrong("workers", fmt.Errorf("%d is not within 0..%d", t.Workers, maxWorkers))
	}
	if err := checkAccessLog(t.AccessLog); err != nil {
		return wrong("access_log", err)
	}
	if err := checkNetworks("trusted_proxies", t.TrustedProxies); err != nil {
		return err
	}
	if err := checkNetworks("real_ip", t.RealIP); err != nil {
		return err
	}
	if err := checkOrigins(t.CORSOrigins); err != nil {
		return err
	}
	if err := t.Limits.check(); err != nil {
		return err
	}
	if err := t.checkStatus(); err != nil {
		return wrong("status", err)
	}
	return t.checkUpstream()
}

// checkUpstream checks the settings of the edges.
func (t Topology) checkUpstream() error {
	if n := t.Keepalive; n != nil && (*n < 0 || *n > maxKeepalive) {
		return wrong("keepalive", fmt.Errorf("%d is not within 0..%d", *n, maxKeepalive))
	}
	if err := checkEdges(t.Edges); err != nil {
		return err
	}
	for i, e := range t.Edges {
		if e.Addr == t.Listen {
			return wrong(fmt.Sprintf("edges[%d].addr", i), fmt.Errorf("%s is where nginx listens", e.Addr))
		}
	}
	return t.Balance.check(t.Edges)
}

// checkAccessLog refuses words such as "on", which nginx would take for the name of a file.
func checkAccessLog(path string) error {
	switch strings.ToLower(path) {
	case "on", "true", "false", "yes", "no", "off":
		if path != "off" {
			return fmt.Errorf("%q is neither a path nor off", path)
		}
	}
	return checkPath(path)
}

// unmapped are the same networks in nginx's form: to nginx an IPv4 address is never an IPv6 one.
func unmapped(networks []netip.Prefix) []netip.Prefix {
	networks = slices.Clone(networks)
	for i, p := range networks {
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			networks[i] = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
	}
	return networks
}

func checkNetworks(field string, networks []netip.Prefix) error {
	for i, p := range networks {
		if !p.IsValid() {
			return wrong(fmt.Sprintf("%s[%d]", field, i), errors.New("is not a network such as 10.0.0.0/8"))
		}
	}
	return nil
}

func checkEdges(edges []Edge) error {
	if len(edges) == 0 || len(edges) > maxEdges {
		return wrong("edges", fmt.Errorf("needs 1..%d edges, has %d", maxEdges, len(edges)))
	}
	first := map[string]int{}
	for i, e := range edges {
		field := fmt.Sprintf("edges[%d]", i)
		canonical, err := checkEdgeAddr(e.Addr)
		if err != nil {
			return wrong(field+".addr", err)
		}
		if j, again := first[canonical]; again {
			return wrong(field+".addr", fmt.Errorf("%s is the address of edges[%d] too", e.Addr, j))
		}
		first[canonical] = i
		if e.Weight < 1 || e.Weight > maxWeight {
			return wrong(field+".weight", fmt.Errorf("%d is not within 1..%d", e.Weight, maxWeight))
		}
	}
	return nil
}

func wrong(field string, err error) error { return fmt.Errorf("%w: %s: %w", ErrTopology, field, err) }

func checkListen(addr string) error {
	host, _, err := splitAddr(addr)
	if err != nil {
		return err
	}
	if host != "" && !isHost(host) {
		return fmt.Errorf("%q: %q is neither an IP address nor a host name", addr, host)
	}
	return nil
}

// checkEdgeAddr returns the address in a form in which equal addresses are equal.
func checkEdgeAddr(addr string) (string, error) {
	host, port, err := splitAddr(addr)
	if err != nil {
		return "", err
	}
	if !isHost(host) {
		return "", fmt.Errorf("%q: %q is neither an IP address nor a host name", addr, host)
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		if ip.IsUnspecified() {
			return "", fmt.Errorf("%q: nginx cannot connect to %s", addr, host)
		}
		return netip.AddrPortFrom(ip.Unmap(), port).String(), nil
	}
	return fmt.Sprintf("%s:%d", strings.ToLower(host), port), nil
}

func splitAddr(addr string) (host string, port uint16, err error) {
	if addr == "" {
		return "", 0, errors.New("is missing; give HOST:PORT")
	}
	host, digits, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, fmt.Errorf("%q is not HOST:PORT", addr)
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || n == 0 || digits[0] == '0' || digits[0] == '+' {
		return "", 0, fmt.Errorf("%q: the port %q is not within 1..65535", addr, digits)
	}
	return host, uint16(n), nil
}

var (
	hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$`)
	dotsOnly = regexp.MustCompile(`^[0-9.]+$`)
	safePath = regexp.MustCompile(`^[A-Za-z0-9._/+@-]{1,512}$`)
)

// isHost accepts what nginx takes for a host, and nothing that could end a directive.
func isHost(s string) bool {
	if ip, err := netip.ParseAddr(s); err == nil {
		return ip.Zone() == ""
	}
	return hostName.MatchString(s) && !dotsOnly.MatchString(s)
}

// checkGateDir demands a path that means the same to nginx and to the gate, and has one spelling.
func checkGateDir(dir string) error {
	if dir == "" {
		return nil
	}
	if !path.IsAbs(dir) || path.Clean(dir) == "/" {
		return fmt.Errorf("%q is not an absolute path", dir)
	}
	return checkPath(dir)
}

// checkPath refuses characters that nginx would not read as part of a path: blanks, quotes, $, ; and braces.
func checkPath(p string) error {
	if p != "" && !safePath.MatchString(p) {
		return fmt.Errorf("%q may hold only letters, digits and . _ / + @ -", p)
	}
	return nil
}
