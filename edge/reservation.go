package edge

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/valyala/fasthttp"

	"spike/edge/token"
	"spike/luascripts"
)

// reservations answers whoever shows a token. Tokens are secrets: they are never logged, and no answer says why one is
// not good.
type reservations struct {
	life   context.Context
	store  luascripts.Store
	signer *token.Signer
	births *births
}

func newReservations(life context.Context, store luascripts.Store, signer *token.Signer, b *births) *reservations {
	return &reservations{life: life, store: store, signer: signer, births: b}
}

// Reservation is what a token's bearer may know of it.
type Reservation struct {
	Sale      string     `json:"sale"`
	Serial    uint32     `json:"serial,omitempty"`
	Count     uint32     `json:"count,omitempty"` // of consecutive serials, where there are several
	State     string     `json:"state"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"` // while pending, where the sale has a hold
	Order     *Order     `json:"order,omitempty"`

	// Of an entrant's claim.
	Token   string     `json:"token,omitempty"` // of the reservation its lot came to
	Claim   string     `json:"claim,omitempty"` // while waiting
	DrawsAt *time.Time `json:"draws_at,omitempty"`
	Detail  string     `json:"detail,omitempty"`
}

// Order says how far the order workers have come with a reservation.
type Order struct {
	State string `json:"state"` // queued or stored
}

// errand is one thing to do about a claim.
type errand func(ctx context.Context, sale string, birth uint64, c luascripts.Claim) (luascripts.ReservationReply, error)

// errNoReservation is all that is said of a token that is not good, or not good any more.
var errNoReservation = errors.New("no such reservation")

// run does an errand for whoever shows the token.
func (r *reservations) run(ctx context.Context, text []byte, do errand) (Reservation, luascripts.ReservationReply, error) {
	token, err := r.signer.Parse(text)
	if err != nil {
		return Reservation{}, luascripts.ReservationReply{}, errNoReservation
	}
	sale, err := r.births.find(token.Birth)
	var reply luascripts.ReservationReply
	if err == nil {
		reply, err = do(ctx, sale, token.Birth, token.Claim)
	}
	if errors.Is(err, luascripts.ErrNoSale) || errors.Is(err, luascripts.ErrBirth) {
		doubtful := r.births.doubtful(token.Birth, err)
		err = errNoReservation
		if doubtful {
			err = luascripts.ErrDown
		}
	}
	told := Reservation{Sale: sale, Serial: token.Serial, State: reply.Life.String()}
	if token.Count > 1 {
		told.Count = token.Count
	}
	return told, reply, err
}

// word is an answer about a token, for either listener.
type word struct {
	status int
	body   []byte
	retry  []byte // Retry-After in seconds, nil for none
}

// look tells what has become of a reservation.
func (r *reservations) look(ctx context.Context, token []byte) word {
	told, err := r.find(ctx, token)
	if err != nil {
		return sorry(err)
	}
	return said(told)
}

// lookAt is look at what a lot came to: the token is told, too.
func (r *reservations) lookAt(ctx context.Context, sale *Sale, c luascripts.Claim) word {
	token := r.signer.Append(nil, sale.birth, &c)
	told, err := r.find(ctx, token)
	if err != nil {
		return sorry(err)
	}
	told.Token = string(token)
	return said(told)
}

// find is a reservation as it is.
func (r *reservations) find(ctx context.Context, token []byte) (Reservation, error) {
	told, reply, err := r.run(ctx, token, r.store.Reservation)
	if err != nil {
		return told, err
	}
	if reply.Life == luascripts.IsPending && reply.Until > 0 {
		until := time.UnixMicro(reply.Until).UTC().Truncate(time.Second) // as the win said it
		told.ExpiresAt = &until
	}
	told.Order = &Order{State: "queued"}
	if reply.Stored {
		told.Order.State = "stored"
	}
	return told, nil
}

// bring makes the reservation's life the one wanted, or tells what it is instead. Done twice it is answered as once.
func (r *reservations) bring(ctx context.Context, token []byte, do errand, wanted luascripts.Life) word {
	told, reply, err := r.run(ctx, token, do)
	switch {
	case err != nil:
		return sorry(err)
	case reply.Life == wanted:
		return said(told)
	case reply.Life == luascripts.IsPending: // it must have gone one way or the other
		return sorry(luascripts.ErrDown)
	}
	return word{status: fasthttp.StatusConflict, body: problemBody(fasthttp.StatusConflict, "already_"+told.State,
		"the reservation is "+told.State+" already")}
}

func said(told Reservation) word {
	body, _ := json.Marshal(told) // strings, numbers and a time of this century: cannot fail
	return word{status: fasthttp.StatusOK, body: body}
}

func sorry(err error) word {
	if errors.Is(err, errNoReservation) {
		return word{status: fasthttp.StatusNotFound,
			body: problemBody(fasthttp.StatusNotFound, "no_such_reservation", "there is no such reservation")}
	}
	d := detailsOf(fasthttp.StatusServiceUnavailable, "undecided", "the store does not answer: ask again")
	d.RetryAfterMS = time.Second.Milliseconds()
	return word{d.Status, d.body(), oneSecond}
}

// send is the word to a buyer.
func (w word) send(ctx *fasthttp.RequestCtx) {
	ctx.Response.SetStatusCode(w.status)
	ctx.Response.Header.SetContentTypeBytes(w.contentType())
	if w.retry != nil {
		ctx.Response.Header.SetCanonical(retryAfter, w.retry)
	}
	ctx.Response.SetBodyRaw(w.body)
}

// write is the word to an operator.
func (w word) write(to http.ResponseWriter) {
	to.Header().Set("Content-Type", string(w.contentType()))
	if w.retry != nil {
		to.Header().Set("Retry-After", string(w.retry))
	}
	to.WriteHeader(w.status)
	_, _ = to.Write(w.body)
}

func (w word) contentType() []byte {
	if w.status < fasthttp.StatusBadRequest {
		return jsonType
	}
	return problemType
}

// show is GET /v1/reservations/{token}.
func (r *reservations) show(ctx *fasthttp.RequestCtx, token []byte) {
	if !ctx.IsGet() && !ctx.IsHead() {
		notAllowed(ctx, "GET, HEAD")
		return
	}
	r.look(r.life, token).send(ctx)
}

// cancel is POST /v1/reservations/{token}/cancel.
func (r *reservations) cancel(ctx *fasthttp.RequestCtx, token []byte) {
	if !ctx.IsPost() {
		notAllowed(ctx, "POST")
		return
	}
	r.bring(r.life, token, r.store.Cancel, luascripts.IsCancelled).send(ctx)
}

// confirm is POST /api/v1/reservations/{token}/confirm, on the operators' side: paying is not the buyers' to declare.
func (r *reservations) confirm(w http.ResponseWriter, q *http.Request) {
	r.bring(q.Context(), []byte(q.PathValue("token")), r.store.Confirm, luascripts.IsConfirmed).write(w)
}

// notAllowed names the methods there are.
func notAllowed(ctx *fasthttp.RequestCtx, allow string) {
	problem(ctx, fasthttp.StatusMethodNotAllowed, "method_not_allowed", "this is "+allow)
	ctx.Response.Header.Set(fasthttp.HeaderAllow, allow)
}
