package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// Wire is a line between edges and a server. It can be made bad and good again.
type Wire struct {
	t     testing.TB
	proxy *toxiproxy.Proxy
	Addr  string
}

// NewWire makes a wire to a server.
func NewWire(t testing.TB, to string) *Wire {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	w := &Wire{t: t, proxy: toxiproxy.NewProxy(server, "redis", "127.0.0.1:0", to)}
	if err := w.proxy.Start(); err != nil {
		t.Fatal(err)
	}
	w.Addr = w.proxy.Listen
	t.Cleanup(w.proxy.Stop)
	return w
}

// Toxic is a way for a wire to be bad. Stream is upstream (to the server) or downstream (from it).
type Toxic struct {
	Type       string         `json:"type"`
	Stream     string         `json:"stream"`
	Attributes map[string]int `json:"attributes"`
}

// Poison makes the wire bad.
func (w *Wire) Poison(toxics ...Toxic) {
	w.t.Helper()
	for _, toxic := range toxics {
		spec, err := json.Marshal(toxic)
		if err == nil {
			_, err = w.proxy.Toxics.AddToxicJson(bytes.NewReader(spec))
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// Cure makes the wire good again. Connections that lost bytes are closed.
func (w *Wire) Cure() { w.proxy.Toxics.ResetToxics(context.Background()) }

// Cut ends all connections and accepts no new ones.
func (w *Wire) Cut() { w.proxy.Stop() }

// Join accepts connections again, at the same address.
func (w *Wire) Join() {
	w.t.Helper()
	if err := w.proxy.Start(); err != nil {
		w.t.Fatal(err)
	}
}

// Lead leads the wire to another server.
func (w *Wire) Lead(to string) {
	w.t.Helper()
	w.proxy.Stop()
	w.proxy.Upstream = to
	w.Join()
}
