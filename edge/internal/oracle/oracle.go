package oracle

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/valyala/fasthttp"

	"spike/luascripts"
)

// New is the edge as it was, without listeners; end waits until it has stopped.
func New(cfg Config, store luascripts.Store, log zerolog.Logger, key []byte) (s *Server, end func()) {
	cfg.begin()
	life, die := context.WithCancel(context.Background())
	s = newServer(life, cfg, store, nil, log, key)
	s.sales.running.start(s.sales.listen)
	return s, func() { die(); s.sales.running.end() }
}

// Handle answers a buyer.
func (s *Server) Handle(ctx *fasthttp.RequestCtx) { s.handle(ctx) }

// Collector has its counters.
func (s *Server) Collector() prometheus.Collector { return collector{s} }
