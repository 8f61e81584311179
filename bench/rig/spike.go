package rig

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Kind is a command of the spike program that serves.
type Kind struct {
	command []string
	buyers  string // its flag of the buyers' address; empty: it has none
	admin   string // its flag of the operators' address; empty: it has none
	idle    string // a path that costs nothing, at the operators' address if there is one
	status  int    // which is then answered with this status
	data    bool   // it keeps a ring
}

// Kinds of servers.
var (
	Edge = Kind{command: []string{"serve"}, buyers: "--listen", admin: "--admin", idle: "/readyz", status: http.StatusOK,
		data: true}
	Gate      = Kind{command: []string{"gate"}, admin: "--admin", idle: "/readyz", status: http.StatusOK}
	Orders    = Kind{command: []string{"orders"}, admin: "--admin", idle: "/readyz", status: http.StatusOK}
	Dashboard = Kind{command: []string{"dashboard"}, admin: "--listen", idle: "/readyz", status: http.StatusOK}
)

// Peer is a server that an edge is compared with. No peer sells at the path /.
func Peer(name string) Kind {
	return Kind{command: []string{"bench", "peer", name}, buyers: "--listen", idle: "/", status: http.StatusNotFound}
}

// Server is a server of the spike program.
type Server struct {
	*Process
	Addr  string // the buyers'
	Admin string // the operators'
}

// Options say which server to make.
type Options struct {
	Name   string // empty: the command's
	Binary string // the spike program
	Dir    string // its folder is made below
	Place  Place
	Addr   string   // the buyers'; empty: a free loopback address
	Admin  string   // the operators'; empty: a free loopback address
	Redis  string   // of --redis; empty: none
	Memory bool     // an edge's ring is in memory only
	Args   []string // further ones; they win
	Env    []string // a database belongs here: its password is not for everybody's eyes
	Under  []string // a command line that becomes the server, such as nohup
}

// NewServer makes a server.
func NewServer(k Kind, o Options) (*Server, error) {
	o.Name = cmp.Or(o.Name, k.command[len(k.command)-1])
	s := &Server{Process: &Process{Spec: Spec{Name: o.Name, Dir: filepath.Join(o.Dir, o.Name), Env: o.Env, Place: o.Place}}}
	line := append(append(append([]string{}, o.Under...), o.Binary), k.command...)
	for _, a := range []struct {
		flag, given string
		addr        *string
	}{{k.buyers, o.Addr, &s.Addr}, {k.admin, o.Admin, &s.Admin}} {
		if a.flag == "" {
			continue
		}
		if *a.addr = a.given; a.given == "" {
			var err error
			if *a.addr, err = FreeAddr(); err != nil {
				return nil, err
			}
		}
		line = append(line, a.flag, *a.addr)
		s.Addrs = append(s.Addrs, *a.addr)
	}
	if o.Redis != "" {
		line = append(line, "--redis", o.Redis)
	}
	if k.data && !o.Memory {
		line = append(line, "--data", filepath.Join(s.Dir, "data"))
	}
	line = append(line, o.Args...)
	s.Path, s.Args = line[0], line[1:]
	s.Probe = o.Place.Answers("http://"+cmp.Or(s.Admin, s.Addr)+k.idle, k.status)
	return s, nil
}

// StartServer makes a server and starts it.
func StartServer(ctx context.Context, k Kind, o Options) (*Server, error) {
	s, err := NewServer(k, o)
	if err != nil {
		return nil, err
	}
	return s, s.Start(ctx)
}

// BuyURL is where a sale is sold.
func (s *Server) BuyURL(sale string) string { return "http://" + s.Addr + "/buy/" + sale }

// AdminURL is a path of the operators' side.
func (s *Server) AdminURL(path string) string { return "http://" + s.Admin + path }

// Metrics are the server's metrics now.
func (s *Server) Metrics(ctx context.Context) (Metrics, error) { return Scrape(ctx, s.Place, s.Admin) }

// Buys is how many buys of the sale the edge has answered, by outcome.
func (s *Server) Buys(ctx context.Context, sale string) (map[string]int64, error) {
	m, err := s.Metrics(ctx)
	return m.By("outcome", BuysTotal, "sale", sale), err
}

// Metrics are one reading of a server's metrics, by name.
type Metrics map[string]*dto.MetricFamily

// BuysTotal counts every buy that an edge has answered, by sale and outcome.
const BuysTotal = "spike_buys_total"

// Scrape reads /metrics of an operators' address from a place.
func Scrape(ctx context.Context, from Place, admin string) (m Metrics, err error) {
	text, err := from.get(ctx, "http://"+admin+"/metrics", http.StatusOK)
	if err == nil {
		m, err = readMetrics(bytes.NewReader(text))
	}
	if err != nil {
		return nil, fmt.Errorf("metrics of %s: %w", admin, err)
	}
	return m, nil
}

// readMetrics reads metrics in the Prometheus text format.
func readMetrics(r io.Reader) (Metrics, error) {
	parser := expfmt.NewTextParser(model.LegacyValidation)
	return parser.TextToMetricFamilies(r)
}

// Sum adds up the series of a counter or gauge that have these labels: a name, its value, a name, …
func (m Metrics) Sum(name string, labels ...string) (sum float64) {
	for _, n := range m.series(name, labels) {
		sum += value(n)
	}
	return sum
}

// Has says whether there is a series with these labels.
func (m Metrics) Has(name string, labels ...string) bool { return len(m.series(name, labels)) > 0 }

// By adds up the series that have these labels, by the value of one more label.
func (m Metrics) By(label, name string, labels ...string) map[string]int64 {
	sums := map[string]int64{}
	for _, n := range m.series(name, labels) {
		sums[labelOf(n, label)] += int64(value(n))
	}
	return sums
}

func (m Metrics) series(name string, labels []string) (all []*dto.Metric) {
	for _, n := range m[name].GetMetric() {
		if !slices.ContainsFunc(slices.Collect(slices.Chunk(labels, 2)), func(l []string) bool { return labelOf(n, l[0]) != l[1] }) {
			all = append(all, n)
		}
	}
	return all
}

func labelOf(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

// value is the value of a counter, a gauge or a series without a type.
func value(m *dto.Metric) float64 {
	return m.GetCounter().GetValue() + m.GetGauge().GetValue() + m.GetUntyped().GetValue()
}
