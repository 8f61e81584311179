package edge

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/valyala/fasthttp"

	"spike/edge/identity"
	"spike/edge/token"
	"spike/luascripts"
)

var buyPrefix = []byte("/buy/")

// handle is the one handler. Each answer is for one buyer and one moment.
func (s *Server) handle(ctx *fasthttp.RequestCtx) {
	if s.cors == nil {
		s.answer(ctx)
		forbidStoring(ctx)
		return
	}
	if !s.cors.preflight(ctx) {
		s.answer(ctx)
	}
	forbidStoring(ctx)
	s.cors.mark(ctx)
}

// answer recognises a buy that says no more than "one, please" from the raw request line. Everything else may take its time.
func (s *Server) answer(ctx *fasthttp.RequestCtx) {
	if s.draining.Load() {
		ctx.SetConnectionClose()
	}
	uri := ctx.Request.Header.RequestURI()
	if bytes.HasPrefix(uri, buyPrefix) && (ctx.IsGet() || ctx.IsPost() && len(ctx.Request.Body()) == 0) {
		if sale := s.sales.get(uri[len(buyPrefix):]); sale != nil && identity.Anonymous(&ctx.Request.Header) {
			s.buy(ctx, sale, request{n: 1, voice: s.article})
			return
		}
	}
	s.route(ctx)
}

// routes are the buyers' paths: what stands before and after the one part that varies.
var routes = []struct {
	before, after string
	serve         func(s *Server, ctx *fasthttp.RequestCtx, part []byte)
}{
	{"/buy/", "", (*Server).routeBuy},
	{"/v1/sales/", "/reservations", (*Server).routeReserve},
	{"/v1/sales/", "", func(s *Server, ctx *fasthttp.RequestCtx, sale []byte) { s.snapshots.show(ctx, sale) }},
	{"/v1/reservations/", "/cancel", func(s *Server, ctx *fasthttp.RequestCtx, token []byte) { s.reservations.cancel(ctx, token) }},
	{"/v1/reservations/", "", (*Server).routeReservation},
}

// route does it properly: decoded path, query, methods, sales not opened yet.
func (s *Server) route(ctx *fasthttp.RequestCtx) {
	if isDoublyFramed(ctx) {
		return
	}
	path := ctx.Path()
	if string(path) == "/openapi.yaml" {
		s.document.show(ctx)
		return
	}
	for _, r := range routes {
		part, begins := bytes.CutPrefix(path, []byte(r.before))
		part, ends := bytes.CutSuffix(part, []byte(r.after))
		if begins && ends && bytes.IndexByte(part, '/') < 0 {
			r.serve(s, ctx, part)
			return
		}
	}
	problem(ctx, fasthttp.StatusNotFound, "not_found", "there is /buy/{sale}, and what /openapi.yaml says")
}

// routeBuy is the article's way to buy.
func (s *Server) routeBuy(ctx *fasthttp.RequestCtx, sale []byte) {
	if !ctx.IsGet() && !ctx.IsPost() {
		notAllowed(ctx, "GET, POST")
		return
	}
	n, ok := units(ctx.QueryArgs())
	if body := ctx.Request.Body(); ctx.IsPost() && len(body) > 0 {
		asked, says := unitsIn(body)
		if says && ctx.QueryArgs().Has("n") {
			problem(ctx, fasthttp.StatusBadRequest, "bad_n", "n is in the query or in the body, not in both")
			return
		}
		if says {
			n, ok = asked, asked > 0
		}
	}
	s.routeUnits(ctx, sale, n, ok, s.article)
}

// unitsIn reads n from the body of the article's way to buy, a form's or {"n":2}; 0 is an n that is none. A body that says nothing
// of n means nothing.
func unitsIn(body []byte) (n uint32, says bool) {
	if bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) {
		asked, err := wish(body)
		if err != nil || asked < 1 || asked > MaxUnits {
			return 0, true
		}
		return uint32(asked), true
	}
	var form fasthttp.Args
	form.ParseBytes(body)
	if !form.Has("n") {
		return 1, false
	}
	if n, ok := units(&form); ok {
		return n, true
	}
	return 0, true
}

// routeReserve is POST /v1/sales/{sale}/reservations: how many is in the query, or in a body {"n":2}.
func (s *Server) routeReserve(ctx *fasthttp.RequestCtx, sale []byte) {
	if !ctx.IsPost() {
		notAllowed(ctx, "POST")
		return
	}
	n, ok := units(ctx.QueryArgs())
	if body := ctx.Request.Body(); len(body) > 0 {
		asked, err := wish(body)
		if err != nil || ctx.QueryArgs().Has("n") {
			problem(ctx, fasthttp.StatusBadRequest, "bad_request", `the body is empty, or {"n":2} and then there is no n in the query`)
			return
		}
		n, ok = uint32(asked), asked >= 1 && asked <= MaxUnits
	}
	s.routeUnits(ctx, sale, n, ok, s.v1)
}

// routeReservation is GET /v1/reservations/{token}, where the token may be an entrant's claim.
func (s *Server) routeReservation(ctx *fasthttp.RequestCtx, text []byte) {
	if len(text) == token.StubLen {
		s.showLot(ctx, text)
		return
	}
	s.reservations.show(ctx, text)
}

// wish reads a body {"n":2}.
func wish(body []byte) (n int64, err error) {
	q := struct {
		N *int64 `json:"n"`
	}{}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err = d.Decode(&q); err != nil {
		return 0, err
	}
	if _, err = d.Token(); err != io.EOF {
		return 0, errors.New("more than one value")
	}
	if q.N == nil {
		return 1, nil
	}
	return *q.N, nil
}

// routeUnits finds out who buys, and the sale.
func (s *Server) routeUnits(ctx *fasthttp.RequestCtx, name []byte, n uint32, ok bool, v *voice) {
	if !ok {
		problem(ctx, fasthttp.StatusBadRequest, "bad_n", "n is a whole number from 1 to 100")
		return
	}
	r, err := s.caller(ctx)
	if err != nil {
		s.stranger(ctx, err)
		return
	}
	r.n, r.voice = n, v
	sale := s.sales.get(name)
	if sale == nil {
		if sale, err = s.sales.find(s.life, string(name)); err != nil {
			s.unknown(ctx, err, v)
			return
		}
	}
	s.buy(ctx, sale, r)
}

// caller reads who buys, and under which key.
func (s *Server) caller(ctx *fasthttp.RequestCtx) (request, error) {
	if identity.Anonymous(&ctx.Request.Header) {
		return request{}, nil
	}
	who, err := s.who.Identify(&ctx.Request.Header, ctx.RemoteAddr())
	return request{buyer: who.Buyer, key: who.Key}, err
}

// stranger answers who cannot be told apart from others.
func (s *Server) stranger(ctx *fasthttp.RequestCtx, err error) {
	switch {
	case errors.Is(err, identity.ErrJWT):
		s.refusals.Note(err)
		problem(ctx, fasthttp.StatusUnauthorized, "bad_token", "the bearer token is not valid")
		ctx.Response.Header.Set(fasthttp.HeaderWWWAuthenticate, "Bearer")
	case errors.Is(err, identity.ErrIdempotencyKey):
		problem(ctx, fasthttp.StatusBadRequest, "bad_key", err.Error())
	default:
		problem(ctx, fasthttp.StatusBadRequest, "bad_buyer", err.Error())
	}
}

// units reads n: 1 where there is none.
func units(args *fasthttp.Args) (n uint32, ok bool) {
	if !args.Has("n") {
		return 1, true
	}
	text := args.Peek("n")
	if len(text) == 0 || len(text) > 3 {
		return 0, false
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + uint32(c-'0')
	}
	return n, n >= 1 && n <= MaxUnits
}

// unknown answers for a sale that cannot be opened.
func (s *Server) unknown(ctx *fasthttp.RequestCtx, err error, v *voice) {
	var r *luascripts.Refusal
	switch {
	case errors.Is(err, luascripts.ErrNoSale), errors.Is(err, luascripts.ErrName):
		problem(ctx, fasthttp.StatusNotFound, "no_such_sale", "there is no such sale")
	case errors.As(err, &r):
		problem(ctx, fasthttp.StatusConflict, "sale_refused", r.Why)
	default:
		s.unknownUndecided.Add(1)
		v.prepared[undecided].send(ctx)
	}
}
