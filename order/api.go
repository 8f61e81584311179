package order

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"spike/order/operators"
)

// The operator's way with parked webhooks and orders: look at them, and have them tried again.

// Limits of a list.
const (
	listUsual = 100
	listMost  = 500
)

// Webhook is a delivery as an operator sees it.
type Webhook struct {
	ID       string          `json:"id"`
	Sale     string          `json:"sale"`
	Type     string          `json:"type"`
	At       time.Time       `json:"at"`
	State    string          `json:"state"`
	Attempts int             `json:"attempts"`
	NextAt   time.Time       `json:"next_at"` // due: the next attempt; parked: the last one
	Error    string          `json:"error"`
	Message  json.RawMessage `json:"message"`
}

// retried answers "try again".
type retried struct {
	Retried int64 `json:"retried"`
}

// api is the part of the operators' side that is about parked things.
func (w *Worker) api() http.Handler {
	mux := http.NewServeMux()
	for pattern, serve := range map[string]func(ctx context.Context, r *http.Request) (any, error){
		"GET /api/v1/webhooks":                 w.listWebhooks,
		"POST /api/v1/webhooks/{id}/retry":     w.retryWebhook,
		"POST /api/v1/webhooks/retry-all":      w.retryWebhooks,
		"GET /api/v1/parked-orders":            w.listParked,
		"POST /api/v1/parked-orders/retry-all": w.retryParked,
	} {
		mux.HandleFunc(pattern, func(to http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), w.pace.statement)
			defer cancel()
			value, err := serve(ctx, r)
			operators.Reply(to, value, err)
		})
	}
	return mux
}

func (w *Worker) listWebhooks(ctx context.Context, r *http.Request) (any, error) {
	state := r.URL.Query().Get("state")
	if state != Parked && state != Due {
		return nil, operators.BadRequest("state", "parked or due")
	}
	most, err := limitOf(r)
	if err != nil {
		return nil, err
	}
	ds, err := w.repo.Deliveries(ctx, state, most)
	list := make([]Webhook, len(ds))
	for i, d := range ds {
		list[i] = Webhook{d.ID, d.Sale, d.Type, d.At.UTC(), d.State, d.Attempts, d.NextAt.UTC(), d.Error, json.RawMessage(d.Body)}
	}
	return map[string]any{"webhooks": list}, err
}

func (w *Worker) retryWebhook(ctx context.Context, r *http.Request) (any, error) {
	n, err := w.resend(ctx, r.PathValue("id"))
	if err == nil && n.Retried == 0 {
		err = &operators.Problem{Status: http.StatusNotFound, Code: "no_such_webhook",
			Detail: "there is no parked webhook with this id"}
	}
	return n, err
}

func (w *Worker) retryWebhooks(ctx context.Context, _ *http.Request) (any, error) {
	return w.resend(ctx, "")
}

func (w *Worker) resend(ctx context.Context, id string) (retried, error) {
	n, err := w.repo.Resend(ctx, id, time.Now())
	if err == nil && w.sender != nil {
		w.sender.nudge()
	}
	return retried{n}, err
}

func (w *Worker) listParked(ctx context.Context, r *http.Request) (any, error) {
	most, err := limitOf(r)
	if err != nil {
		return nil, err
	}
	list, err := w.repo.Parked(ctx, most)
	for i := range list {
		list[i].ParkedAt = list[i].ParkedAt.UTC()
	}
	return map[string]any{"orders": append([]ParkedOrder{}, list...)}, err
}

// retryParked has all parked orders tried again within seconds, because an order must not overtake another of its reservation.
func (w *Worker) retryParked(ctx context.Context, _ *http.Request) (any, error) {
	n, err := w.repo.ParkedOrders(ctx)
	if err == nil {
		err = w.repo.Retry(ctx)
	}
	return retried{n}, err
}

func limitOf(r *http.Request) (int, error) {
	text := r.URL.Query().Get("limit")
	if text == "" {
		return listUsual, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > listMost {
		return 0, operators.BadRequest("limit", fmt.Sprintf("1 to %d", listMost))
	}
	return n, nil
}
