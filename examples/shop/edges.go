package main

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"time"
)

// toEdges passes the buyers' paths on, and says who buys. The buyer is the login's, never what the browser says. Before a crowd
// nginx does this (README.md): the shop's own process is then on no buy's way.
func (s *shop) toEdges() http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(s.edge)
			for _, name := range []string{"X-Buyer-Id", "Authorization", "Cookie"} {
				p.Out.Header.Del(name)
			}
			if buyer, err := s.logins.buyer(p.In); err == nil {
				p.Out.Header.Set("X-Buyer-Id", buyer)
			}
		},
		ModifyResponse: func(r *http.Response) error {
			r.Header.Del("Cache-Control") // strict has said it
			return nil
		},
		Transport: &http.Transport{MaxIdleConnsPerHost: 256, ResponseHeaderTimeout: 15 * time.Second,
			IdleConnTimeout: 30 * time.Second},
		ErrorHandler: unheard,
	}
}

// unheard answers where no edge did. Nobody knows what became of the buy, so it must be sent again under the same key.
func unheard(w http.ResponseWriter, r *http.Request, err error) {
	slog.Warn("no answer of an edge", "error", err)
	w.Header().Set("Retry-After", "1")
	refuse(w, http.StatusServiceUnavailable, errors.New("undecided"))
}
