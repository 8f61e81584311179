//go:build integration

package nginx

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

func networks(texts ...string) (all []netip.Prefix) {
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// TestRealIP: only our own proxies tell the client's address. Whether a client may name a buyer depends on the address that
// connects, whatever address it names.
func TestRealIP(t *testing.T) {
	loopback, other := networks("127.0.0.0/8"), networks("10.0.0.0/8")
	both := networks("127.0.0.0/8", "10.0.0.0/8")
	for _, c := range []struct {
		name             string
		realIP, trusted  []netip.Prefix
		forwarded        string
		wantIP, wantWhom string
	}{
		{"no proxies of ours", nil, loopback, "192.0.2.7", "127.0.0.1", "ann"},
		{"another's proxies", other, loopback, "192.0.2.7", "127.0.0.1", "ann"},
		{"ours", loopback, loopback, "192.0.2.7", "192.0.2.7", "ann"},
		{"ours, two of them", both, loopback, "192.0.2.7, 10.1.1.1", "192.0.2.7", "ann"},
		{"a client that forges", loopback, loopback, "10.9.9.9, 192.0.2.7", "192.0.2.7", "ann"},
		{"a forger behind two", both, loopback, "203.0.113.5, 192.0.2.7, 10.1.1.1", "192.0.2.7", "ann"},
		{"IPv6", loopback, loopback, "2001:db8::7", "2001:db8::7", "ann"},
		{"nonsense", loopback, loopback, "nonsense", "127.0.0.1", "ann"},
		{"the client is in a trusted network, who connects is not", loopback, other, "10.1.1.1", "10.1.1.1", ""},
		{"who connects is trusted, the client is not", loopback, loopback, "10.1.1.1", "10.1.1.1", "ann"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := make(chan http.Header, 1)
			edge := newHTTPServer(t, func(_ http.ResponseWriter, r *http.Request) { got <- r.Header })
			topology := Topology{RealIP: c.realIP, TrustedProxies: c.trusted, Edges: []Edge{{edge, 1}}}
			front := strings.TrimPrefix(start(t, topology, asRendered), "http://")
			hear(t, front, http.MethodGet, "/buy/ticket", from(c.forwarded), buyer("ann"), "X-Real-IP: 203.0.113.9")
			h := <-got
			if h.Get("X-Real-IP") != c.wantIP || h.Get("X-Forwarded-For") != c.wantIP || h.Get("X-Buyer-Id") != c.wantWhom {
				t.Errorf("the edge heard %v", h)
			}
		})
	}
}
