package dashboard

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"spike/edge/admin"
	reply "spike/edge/answer"
	"spike/luascripts/ledger"
)

const (
	eventTimeout = 30 * time.Second // a reader that does not take a look for so long is cut off
	journalUsual = 100              // entries in one answer
)

// Routes are the paths that need a role.
func (l *Looker) Routes() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"GET /events":                   l.events,
		"GET /api/v1/look":              l.oneLook,
		"GET /api/v1/journal":           l.journal,
		"GET /sales/{sale}/report.html": l.report,
	}
}

var full = reply.NewProblem(http.StatusServiceUnavailable, "too_many_readers",
	fmt.Sprintf("%d read already", ReadersMost)).Reply().With("Retry-After", "5")

// saleOf is the sale that the request names; "": none. If the name makes no sense, it answers.
func saleOf(w http.ResponseWriter, r *http.Request) (sale string, ok bool) {
	if sale = r.URL.Query().Get("sale"); sale != "" && ledger.CheckName(sale) != nil {
		reply.NewProblem(http.StatusBadRequest, "bad_request", "sale: is no name of a sale").Reply().Write(w)
		return "", false
	}
	return sale, true
}

// events is the stream of looks. Each event is the newest look at the moment when it is written.
func (l *Looker) events(w http.ResponseWriter, r *http.Request) {
	sale, ok := saleOf(w, r)
	if !ok {
		return
	}
	after, ok := l.join(sale)
	if !ok {
		full.Write(w)
		return
	}
	defer l.leave(sale)
	line := http.NewResponseController(w)
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // nginx must not keep events back
	send := func(format string, args ...any) bool {
		_ = line.SetWriteDeadline(time.Now().Add(eventTimeout))
		_, err := fmt.Fprintf(w, format, args...)
		return err == nil && line.Flush() == nil
	}
	if !send("retry: 1000\n\n") {
		return
	}
	for is := l.first(r.Context(), after); is != nil && admin.MayStay(r.Context()); is = l.after(r.Context(), is) {
		if !send("event: look\ndata: %s\n\n", is.text(sale)) {
			return
		}
	}
}

// oneLook is one look.
func (l *Looker) oneLook(w http.ResponseWriter, r *http.Request) {
	sale, ok := saleOf(w, r)
	if !ok {
		return
	}
	text, err := l.Look(r.Context(), sale)
	switch {
	case errors.Is(err, ErrReaders):
		full.Write(w)
	case err != nil:
		reply.NewProblem(http.StatusServiceUnavailable, "store", err.Error()).Soon().Reply().Write(w)
	default:
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(text)
	}
}

// journal is a part of the journal, newest first.
func (l *Looker) journal(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	n := journalUsual
	if text := q.Get("n"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 1 || n > ledger.EntriesMost {
			reply.NewProblem(http.StatusBadRequest, "bad_request", fmt.Sprintf("n: 1 to %d", ledger.EntriesMost)).Reply().Write(w)
			return
		}
	}
	entries, err := l.cfg.Store.Entries(r.Context(), q.Get("before"), n)
	if errors.Is(err, ledger.ErrEntry) {
		reply.NewProblem(http.StatusBadRequest, "bad_request", "before: "+err.Error()).Reply().Write(w)
		return
	}
	if err != nil {
		reply.NewProblem(http.StatusServiceUnavailable, "store", err.Error()).Soon().Reply().Write(w)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"entries": append([]ledger.Entry{}, entries...)})
}
