package main

import (
	"embed"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
)

//go:embed page
var page embed.FS

// shop is all that the handlers share.
type shop struct {
	logins   logins
	payments *payments
	records  *records
	webhooks receiver
	edge     *url.URL
	sales    []string
}

// handler has every path of the shop. A browser on a page of another site cannot post to it.
func (s *shop) handler() http.Handler {
	files, err := fs.Sub(page, "page")
	if err != nil {
		panic(err) // the directory is in the binary
	}
	own := http.NewServeMux()
	own.Handle("/", http.FileServerFS(files))
	own.Handle("/v1/", s.toEdges())
	own.HandleFunc("GET /shop/session", s.session)
	own.HandleFunc("POST /shop/login", s.login)
	own.HandleFunc("POST /shop/logout", s.logout)
	own.HandleFunc("POST /shop/payments", s.startPayment)
	own.HandleFunc("GET /shop/payments/{id}", s.showPayment)
	own.HandleFunc("POST /provider/{id}", s.provider)

	all := http.NewServeMux()
	all.HandleFunc("POST /shop/webhook", s.webhooks.receive) // no browser sends it: its signature proves it
	all.Handle("/", http.NewCrossOriginProtection().Handler(own))
	return strict(all)
}

// strict lets a page load and call this shop alone.
func strict(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "+
			"connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

func (s *shop) session(w http.ResponseWriter, r *http.Request) {
	buyer, _ := s.logins.buyer(r)
	reply(w, http.StatusOK, map[string]any{"buyer": buyer, "sales": s.sales, "webhooks": len(s.webhooks.secret) > 0})
}

// maxBody bounds what a request to the shop may bring, in bytes.
const maxBody = 16 << 10

// read takes the JSON body of a request, or answers 400.
func read(w http.ResponseWriter, r *http.Request, into any) bool {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(into); err != nil {
		refuse(w, http.StatusBadRequest, errors.New("bad_request"))
		return false
	}
	return true
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // who does not read it has gone
}

// refuse answers with a code, in the shape of the edges' problems.
func refuse(w http.ResponseWriter, status int, code error) {
	reply(w, status, map[string]any{"status": status, "code": code.Error()})
}
