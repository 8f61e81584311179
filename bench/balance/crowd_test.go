package balance

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
)

// guests remembers its clients.
type guests struct {
	mu        sync.Mutex
	addresses map[string]int
	buyers    map[string]int
}

func (g *guests) listen(t *testing.T, status int) (addr string) {
	t.Helper()
	g.addresses, g.buyers = map[string]int{}, map[string]int{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		defer g.mu.Unlock()
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		g.addresses[host]++
		g.buyers[r.Header.Get("X-Buyer-Id")]++
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func TestEveryRequestHasItsBuyerAndEveryConnectionItsAddress(t *testing.T) {
	const requests, connections = 500, 7
	var g guests
	c := crowd{addr: g.listen(t, 200), from: manyNetworks, requests: requests, connections: connections}
	if answered, err := c.run(context.Background()); answered != requests || err != nil {
		t.Fatalf("%d answered, %v", answered, err)
	}
	if len(g.buyers) != requests || g.buyers["b1"] != 1 || g.buyers["b500"] != 1 {
		t.Errorf("%d buyers", len(g.buyers))
	}
	for addr := range g.addresses {
		if ip, err := netip.ParseAddr(addr); err != nil || !ip.IsLoopback() || addr == "127.0.0.1" {
			t.Errorf("from %s", addr)
		}
	}
	if len(g.addresses) == 0 || len(g.addresses) > connections {
		t.Errorf("%v", g.addresses)
	}
}

func TestWhatIsNot200IsNotAnswered(t *testing.T) {
	var g guests
	c := crowd{addr: g.listen(t, 503), from: oneNetwork, requests: 20, connections: 2}
	if answered, err := c.run(context.Background()); answered != 0 || err != nil || len(g.buyers) != 20 {
		t.Fatalf("%d answered, %v; %d buyers", answered, err, len(g.buyers))
	}
}

func TestNobodyThere(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	c := crowd{addr: l.Addr().String(), from: oneNetwork, requests: 20, connections: 2}
	if answered, err := c.run(context.Background()); answered != 0 || err != nil {
		t.Fatalf("%d answered, %v", answered, err)
	}
}

func TestACancelledCrowdGoesHome(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	c := crowd{addr: "127.0.0.1:1", from: oneNetwork, requests: 1 << 40, connections: 4}
	if answered, err := c.run(ctx); answered != 0 || err == nil {
		t.Fatalf("%d answered, %v", answered, err)
	}
}

// If a server keeps no connection, new ones are opened, and no request is sent twice.
func TestAConnectionThatEndsIsOpenedAgain(t *testing.T) {
	const requests = 50
	var mu sync.Mutex
	buyers := map[string]int{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		buyers[r.Header.Get("X-Buyer-Id")]++
		w.Header().Set("Connection", "close")
	}))
	defer s.Close()
	c := crowd{addr: s.Listener.Addr().String(), from: manyNetworks, requests: requests, connections: 3}
	if answered, err := c.run(context.Background()); answered != requests || err != nil {
		t.Fatalf("%d answered, %v", answered, err)
	}
	if len(buyers) != requests || buyers["b1"] != 1 {
		t.Errorf("%v", buyers)
	}
}
