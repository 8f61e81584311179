// Package nginx writes the configuration of what stands in front of the edges.
//
// A Topology says where nginx listens and which edges stand behind it with what weight; Render turns it into
// a complete nginx.conf. The configuration has two guarantees worth the name:
//
//   - A request of which nginx may have sent a single byte to an edge is never sent again, because a buy sent twice may
//     be sold twice. A connection that is refused costs nobody anything: another edge is asked.
//   - The gate fails open. nginx answers "sold out" itself only while a flag says so whose name holds the present ten
//     seconds (see FlagName), in an edge's words; flag gone, flags no longer written, no directory: an edge is asked.
//
// nginx.conf.tmpl says how, and why each line is there.
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

// ErrTopology is wrapped by every error that lies in what the topology says: the caller must change it.
var ErrTopology = errors.New("topology")

// Topology is the file that `spike nginx`, `spike gate`, the demo and the lab share.
type Topology struct {
	// Listen is HOST:PORT or :PORT (every IPv4 address).
	Listen string `yaml:"listen"`
	// TLS encrypts what buyers send and hear; left out, nothing does.
	TLS *TLS `yaml:"tls"`
	// HTTP2 offers buyers HTTP/2 beside HTTP/1.1; only with TLS.
	HTTP2 bool `yaml:"http2"`
	// GateDir holds a flag for each sold-out sale (see FlagName): `spike gate` writes them, nginx answers by them.
	// It is an absolute path, for the two may start in different directories, and best on tmpfs. Left out, there is no
	// gate: every request goes to an edge.
	GateDir string `yaml:"gate_dir"`
	// Lang is the language of what nginx itself says at /buy: "zh", the default, or "en"; give the edges the same.
	Lang string `yaml:"lang"`
	// Workers is the number of nginx worker processes, 0 to 256; 0 is one for each CPU.
	Workers int `yaml:"workers"`
	// AccessLog is a path, relative to nginx's -p, or "off", the default: a line per buy costs more than a buy.
	AccessLog string `yaml:"access_log"`
	// TrustedProxies are the networks whose X-Buyer-Id is passed on; everybody else's is removed, for an edge
	// on this machine believes whatever nginx says. Left out it is the edges' own default, loopback only. A
	// proxy among them must replace the header its client sent, not add a second: nginx does not tell two from
	// one (before 1.23 it passes the first).
	TrustedProxies []netip.Prefix `yaml:"trusted_proxies"`
	// RealIP are the networks of the proxies before nginx: the client's address is then the last one in their
	// X-Forwarded-For that is not one of theirs. It is what limits, ip-hash and the access log go by, and what edges
	// hear. Left out: the address that connects. Whom TrustedProxies means is always who connects.
	RealIP []netip.Prefix `yaml:"real_ip"`
	// CORSOrigins are the sites whose pages may buy, as browsers name them: https://shop.example. Left out, no answer speaks of
	// other sites, and browsers keep their pages out. Edges behind nginx need not know of it.
	CORSOrigins []string `yaml:"cors_origins"`
	// Limits are what one client may ask of the edges; left out, there is none.
	Limits Limits `yaml:"limits"`
	// Balance says which edge a buy goes to: "round-robin", the default, "ip-hash" or "buyer-hash".
	Balance Balance `yaml:"balance"`
	// Keepalive is how many idle connections each worker keeps to all edges together, 0 to 16384; left out 256. With 0
	// each buy makes a connection of its own, as in the article.
	Keepalive *int `yaml:"keepalive"`
	// Edges share the buys by weight; 1 to 256 of them.
	Edges []Edge `yaml:"edges"`
}

// Edge is one server process.
type Edge struct {
	// Addr is HOST:PORT. nginx looks a name up once, when it starts, and takes each address it finds for an
	// edge of this weight: localhost may be two.
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
	return t.checkUpstream()
}

// checkUpstream checks what lies behind nginx.
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

// checkAccessLog refuses what somebody means otherwise: it would be the name of a file.
func checkAccessLog(path string) error {
	switch strings.ToLower(path) {
	case "on", "true", "false", "yes", "no", "off":
		if path != "off" {
			return fmt.Errorf("%q is neither a path nor off", path)
		}
	}
	return checkPath(path)
}

// unmapped are the same networks as nginx knows them: to it an IPv4 address is never an IPv6 one.
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

// checkEdgeAddr returns the address in the one form in which equal addresses are equal.
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

// isHost accepts what nginx takes for a host and nothing that could end a directive.
func isHost(s string) bool {
	if ip, err := netip.ParseAddr(s); err == nil {
		return ip.Zone() == ""
	}
	return hostName.MatchString(s) && !dotsOnly.MatchString(s)
}

// checkGateDir wants a path that means the same to nginx and to the gate, and names one directory in one way.
func checkGateDir(dir string) error {
	if dir == "" {
		return nil
	}
	if !path.IsAbs(dir) || path.Clean(dir) == "/" {
		return fmt.Errorf("%q is not an absolute path", dir)
	}
	return checkPath(dir)
}

// checkPath refuses what nginx would read as anything but a path: blanks, quotes, $, ; and braces.
func checkPath(p string) error {
	if p != "" && !safePath.MatchString(p) {
		return fmt.Errorf("%q may hold only letters, digits and . _ / + @ -", p)
	}
	return nil
}
