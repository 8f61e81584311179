package admin

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"spike/edge/answer"
	"spike/luascripts/ledger"
)

// Limits of the wait after a sale's doors were shut.
const (
	// ShutWait is enough for any lease to run out: a minute at the most, and margins.
	ShutWait  = time.Minute + 3*time.Second
	shutEvery = 50 * time.Millisecond // the sale is looked at so often
	sweepEach = 8                     // looks for a sweep, which ledger time needs (J) if no edge is alive
	sweepMost = 64                    // items of a sweep
)

// Outcome is a sale after its doors were shut.
type Outcome struct {
	ledger.ShowReply
	Settled bool // no edge sells any more, and units outside of leases and limbo are counted for good
}

// shut is a wait after doors were shut.
type shut struct {
	store Store
	sale  string
	door  ledger.ChangeRequest
	era   uint64 // the era in which the doors were shut
}

// Shut moves a sale's doors to paused or closed, and waits until every lease was given back or has run out. It waits for leases,
// too, that the store has lost, and that only edges know. It waits for at most wait, and no longer than ctx. If the store does
// not answer, the next look tries again.
func Shut(ctx context.Context, store Store, sale, to string, wait time.Duration) (out Outcome, err error) {
	w := shut{store: store, sale: sale, door: ledger.ChangeRequest{To: to}}
	if out.Head, err = store.Change(ctx, sale, w.door); err != nil {
		return Outcome{}, err
	}
	w.era = out.Era
	late, cancel := context.WithTimeout(ctx, min(wait, ShutWait))
	defer cancel()
	clock := time.Tick(shutEvery)
	for looks := 1; ; looks++ {
		err = w.look(ctx, &out)
		if _, refused := errors.AsType[*ledger.Refusal](err); refused || out.Settled {
			return out, err
		}
		ctx = late // the first look takes its time
		select {
		case <-clock:
		case <-ctx.Done():
			return out, nil
		}
		if looks%sweepEach == 0 {
			_, _ = store.Expire(ctx, sale, sweepMost)
		}
	}
}

// look brings the outcome up to date. If the store has lost that the doors were shut, look shuts them again.
func (w *shut) look(ctx context.Context, out *Outcome) error {
	shown, err := w.store.Show(ctx, w.sale)
	if err != nil {
		return err
	}
	out.ShowReply, out.Settled = shown, false
	switch {
	case shown.State.String() == w.door.To:
		out.Settled = shown.Quiet()
	case shown.Era == w.era:
		return &ledger.Refusal{Code: "CHANGED",
			Why: "somebody has moved the doors meanwhile: the sale is " + shown.State.String()}
	default:
		head, err := w.store.Change(ctx, w.sale, w.door)
		w.era = head.Era
		return err
	}
	return nil
}

// badRequest names the field that is wrong.
func badRequest(field, why string) error {
	return answer.NewProblem(http.StatusBadRequest, "bad_request", field+": "+why)
}

// newSale is the body of POST /api/v1/sales.
type newSale struct {
	Sale    string `json:"sale"`
	Total   uint64 `json:"total"`
	Hold    string `json:"hold"`
	Limit   uint32 `json:"limit_per_buyer"`
	Opens   string `json:"opens"`
	Closes  string `json:"closes"`
	Shuffle string `json:"shuffle"`
	Seed    string `json:"shuffle_seed"`
}

// DefaultHold is the hold of a sale for which the operator names none.
const DefaultHold = 5 * time.Minute

// request is the body's request. Its error names the field that is wrong.
func (n newSale) request() (ledger.CreateRequest, error) {
	q := ledger.CreateRequest{Total: n.Total, Limit: n.Limit, Seed: n.Seed}
	var wrong error // the first one
	check := func(err error, field, why string) {
		if err != nil && wrong == nil {
			wrong = badRequest(field, why)
		}
	}
	check(ledger.CheckName(n.Sale), "sale", "1 to 64 of a-z A-Z 0-9 _ - and, not first, a dot")
	var err error
	q.Hold, err = time.ParseDuration(n.Hold)
	check(err, "hold", `a duration as "5m", or "0s"`)
	check(optional(&q.Opens, n.Opens, rfc3339), "opens", "a time as 2026-11-22T20:00:00Z")
	check(optional(&q.Closes, n.Closes, rfc3339), "closes", "a time as 2026-11-22T20:00:00Z")
	check(optional(&q.Shuffle, n.Shuffle, time.ParseDuration), "shuffle", `a duration as "5s"`)
	if wrong != nil {
		return q, wrong
	}
	if invalid, is := errors.AsType[*ledger.Invalid](q.Validate(time.Now())); is {
		return q, badRequest(invalid.Field, invalid.Why)
	}
	if q.Shuffle > 0 && q.Seed == "" {
		q.Seed = ledger.NewSeed()
	}
	return q, nil
}

func rfc3339(text string) (time.Time, error) { return time.Parse(time.RFC3339, text) }

// optional reads a value, unless the text is "".
func optional[T any](to *T, text string, parse func(string) (T, error)) (err error) {
	if text != "" {
		*to, err = parse(text)
	}
	return err
}

func (s *Side) createSale(w http.ResponseWriter, r *http.Request) {
	body := newSale{Hold: DefaultHold.String()}
	err := readJSON(r, &body)
	var q ledger.CreateRequest
	if err == nil {
		q, err = body.request()
	}
	var head ledger.Head
	if err == nil {
		head, err = s.by(r).Create(r.Context(), body.Sale, q)
	}
	if err == nil {
		w.Header().Set("Location", "/api/v1/sales/"+body.Sale)
	}
	made := ledger.ShowReply{Head: head, Secret: ledger.Secret{Seal: ledger.Seal(q.Seed)}}
	s.written(w, http.StatusCreated, "created", body.Sale, Describe(body.Sale, made), err)
}

// moreUnits is the body of POST /api/v1/sales/{sale}/add.
type moreUnits struct {
	N         uint64 `json:"n"`
	RequestID string `json:"request_id"`
}

const maxRequestID = 64

func (s *Side) addUnits(w http.ResponseWriter, r *http.Request) {
	var body moreUnits
	err := readJSON(r, &body)
	switch {
	case err != nil:
	case body.N < 1 || body.N > ledger.MaxSerial:
		err = badRequest("n", fmt.Sprintf("1 to %d", uint64(ledger.MaxSerial)))
	case body.RequestID == "" || len(body.RequestID) > maxRequestID:
		err = badRequest("request_id", "1 to 64 characters: the same adds once, however often it is sent")
	}
	s.change(w, r, "units added", ledger.ChangeRequest{Request: body.RequestID, Add: body.N}, err)
}

func (s *Side) resumeSale(w http.ResponseWriter, r *http.Request) {
	s.change(w, r, "resumed", ledger.ChangeRequest{To: "open"}, nil)
}

func (s *Side) change(w http.ResponseWriter, r *http.Request, did string, q ledger.ChangeRequest, err error) {
	var head ledger.Head
	if err == nil {
		head, err = s.by(r).Change(r.Context(), r.PathValue("sale"), q)
	}
	s.written(w, http.StatusOK, did, r.PathValue("sale"), Describe(r.PathValue("sale"), ledger.ShowReply{Head: head}), err)
}

// shutSale shuts the doors, and says how many units are still on edges.
func (s *Side) shutSale(to string) http.HandlerFunc {
	type shutSale struct {
		Description
		Settled bool `json:"settled"`
	}
	return func(w http.ResponseWriter, r *http.Request) {
		wait, err := waitOf(r)
		var out Outcome
		if err == nil {
			out, err = Shut(r.Context(), s.by(r), r.PathValue("sale"), to, wait)
		}
		s.written(w, http.StatusOK, to, r.PathValue("sale"), shutSale{Describe(r.PathValue("sale"), out.ShowReply), out.Settled}, err)
	}
}

// waitOf reads how long the caller wants to wait.
func waitOf(r *http.Request) (time.Duration, error) {
	wait, err := time.ParseDuration(cmp.Or(r.URL.Query().Get("wait"), ShutWait.String()))
	if err != nil || wait < 0 {
		return 0, badRequest("wait", `a duration as "2s"`)
	}
	return wait, nil
}

// removeSale removes a sale, and describes it as it was.
func (s *Side) removeSale(w http.ResponseWriter, r *http.Request) {
	sale := r.PathValue("sale")
	var err error
	if r.URL.Query().Get("yes") != "true" {
		err = badRequest("yes", "this forgets who owns what: say ?yes=true")
	}
	var shown ledger.ShowReply
	if err == nil {
		shown, err = s.Store.Show(r.Context(), sale)
	}
	// a sale that makes no sense can be removed, too
	if refusal, is := errors.AsType[*ledger.Refusal](err); is && !errors.Is(err, ledger.ErrNoSale) {
		shown.Trouble, err = refusal.Why, nil
	}
	if err == nil {
		err = s.by(r).Remove(r.Context(), sale)
	}
	s.written(w, http.StatusOK, "removed", sale, Describe(sale, shown), err)
}

// by is the store for an operator's write.
func (s *Side) by(r *http.Request) Journaled {
	who, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		who = r.RemoteAddr
	}
	return Journaled{Store: s.Store, Who: who, From: "api"}
}

// written answers an operator's write, and logs it if it was done.
func (s *Side) written(w http.ResponseWriter, status int, did, sale string, v any, err error) {
	if err == nil {
		s.Log.Info().Str("sale", sale).Str("did", did).Msg("operator")
	}
	reply(w, status, v, err)
}

// readJSON reads a body that must be one JSON object with known fields.
// Its error says in our own words why the body cannot be read.
func readJSON(r *http.Request, v any) error {
	in := json.NewDecoder(r.Body)
	in.DisallowUnknownFields()
	err := in.Decode(v)
	if _, more := in.Token(); err == nil && errors.Is(more, io.EOF) {
		return nil
	}
	if kind, is := errors.AsType[*json.UnmarshalTypeError](err); is {
		return badRequest(cmp.Or(kind.Field, "body"), "cannot be "+kind.Value)
	}
	if field, ok := strings.CutPrefix(fmt.Sprint(err), "json: unknown field "); ok {
		return badRequest(strings.Trim(field, `"`), "there is no such field")
	}
	return badRequest("body", "must be one JSON object")
}
