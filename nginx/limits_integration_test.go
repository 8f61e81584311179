//go:build integration

package nginx

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// limited runs nginx with limits, and also returns its directory.
func limited(t *testing.T, topology Topology) (front, dir string) {
	t.Helper()
	topology.Workers, topology.RealIP = 2, everywhere
	server := newHTTPServer(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	topology.Edges = []Edge{{server, 1}}
	dir = workDir(t, "")
	url := start(t, topology, func(conf string) string {
		return strings.Replace(conf, "error_log            error.log", "error_log            "+dir+"/error.log", 1)
	})
	return strings.TrimPrefix(url, "http://"), dir
}

// few requests flow out of a bucket during a test. So the number that passes is the bucket's size: the burst, and the one being
// served.
const few, burst = 1, 10

// passing sends 40 requests and counts those that reached an edge.
func passing(t *testing.T, front, method, uri, refusal string, client func(i int) []string) (n int) {
	t.Helper()
	for i := range 40 {
		switch got := hear(t, front, method, uri, client(i)...); {
		case strings.HasPrefix(got, "418 "):
			n++
		case got != refusal:
			t.Fatalf("refused with %s\nwant         %s", got, refusal)
		}
	}
	return n
}

const (
	refusedBuy = `429 ["application/json"] ["1"] {"code":-7,"msg":"too many requests, try again later"}`
	refusedV1  = `429 ["application/problem+json"] ["1"] {"type":"about:blank","title":"Too Many Requests","status":429,` +
		`"code":"too_many_requests","detail":"fewer requests a second, please","retry_after_ms":1000}`
)

func TestLimitsPerClient(t *testing.T) {
	alike := func(headers ...string) func(int) []string { return func(int) []string { return headers } }
	each := func(format string) func(int) []string {
		return func(i int) []string { return []string{fmt.Sprintf(format, i+1)} }
	}
	ip, per := Limits{PerIP: &Limit{few, burst}}, Limits{PerBuyer: &Limit{few, burst}}
	const buy, reserve = "/buy/ticket", "/v1/sales/ticket/reservations"
	for _, c := range []struct {
		name    string
		limits  Limits
		method  string
		uri     string
		client  func(int) []string
		refused bool
	}{
		{"none are set", Limits{}, "GET", buy, alike(), false},
		{"one address", ip, "GET", buy, alike(from("192.0.2.1")), true},
		{"one address at v1", ip, "POST", reserve, alike(from("192.0.2.1")), true},
		{"one address, many buyers", ip, "POST", buy, each("X-Buyer-Id: buyer-%d"), true},
		{"many addresses", ip, "GET", buy, each("X-Forwarded-For: 192.0.2.%d"), false},
		{"many IPv4 addresses, written as IPv6", ip, "GET", buy, each("X-Forwarded-For: ::ffff:10.9.0.%d"), false},
		{"one IPv6 network", ip, "GET", buy, each("X-Forwarded-For: 2001:db8::a:b:%x"), true},
		{"many IPv6 networks", ip, "GET", buy, each("X-Forwarded-For: 2001:db8:0:%x::1"), false},
		{"one buyer", per, "GET", buy, alike(buyer("ann")), true},
		{"one buyer at v1", per, "POST", reserve, alike(buyer("ann")), true},
		{"one buyer, many addresses", per, "POST", buy, func(i int) []string {
			return []string{buyer("ann"), from(fmt.Sprintf("192.0.2.%d", i))}
		}, true},
		{"many buyers", per, "GET", buy, each("X-Buyer-Id: buyer-%d"), false},
		{"nobody says who buys", per, "GET", buy, alike(from("192.0.2.1")), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			front, _ := limited(t, Topology{Lang: "en", Limits: c.limits})
			refusal := refusedBuy
			if c.uri == reserve {
				refusal = refusedV1
			}
			passed := passing(t, front, c.method, c.uri, refusal, c.client)
			if c.refused && (passed < burst || passed > burst+10) || !c.refused && passed != 40 {
				t.Errorf("%d of 40 passed", passed)
			}
		})
	}
}

// TestStrangersAreNoBuyers: a client that is not trusted cannot use up another buyer's share.
func TestStrangersAreNoBuyers(t *testing.T) {
	front, _ := limited(t, Topology{Lang: "en", Limits: Limits{PerBuyer: &Limit{few, burst}},
		TrustedProxies: networks("10.0.0.0/8")})
	if n := passing(t, front, "GET", "/buy/ticket", refusedBuy, func(int) []string { return []string{buyer("ann")} }); n != 40 {
		t.Errorf("%d of 40 passed", n)
	}
}

// TestTheGateIsNotLimited: the gate's answers have no limit, and refusals are not logged.
func TestTheGateIsNotLimited(t *testing.T) {
	flags := gateDir(t)
	front, dir := limited(t, Topology{Lang: "en", GateDir: flags, Limits: Limits{PerIP: &Limit{few, burst}}})
	setFlag(t, flags, "gone", SoldOut)
	for range 40 {
		if got := hear(t, front, "GET", "/buy/gone"); !strings.HasPrefix(got, "200 ") {
			t.Fatal(got)
		}
	}
	if n := passing(t, front, "GET", "/buy/ticket", refusedBuy, func(int) []string { return nil }); n < burst {
		t.Errorf("%d passed: the gate's answers were counted", n)
	}
	log, err := os.ReadFile(filepath.Join(dir, "error.log"))
	if err != nil || strings.Contains(string(log), "limiting") {
		t.Errorf("%v\n%s", err, log)
	}
}
