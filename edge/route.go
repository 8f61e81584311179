package edge

import (
	"bytes"
	"errors"

	"github.com/valyala/fasthttp"

	"spike/luascripts"
)

var buyPrefix = []byte("/buy/")

// handle is the one handler: a buy is recognised from the raw request line, everything else may take its time.
func (s *Server) handle(ctx *fasthttp.RequestCtx) {
	if s.draining.Load() {
		ctx.SetConnectionClose()
	}
	uri := ctx.Request.Header.RequestURI()
	if bytes.HasPrefix(uri, buyPrefix) && (ctx.IsGet() || ctx.IsPost()) {
		if sale := s.sales.get(uri[len(buyPrefix):]); sale != nil {
			s.buy(ctx, sale, 1)
			return
		}
	}
	s.route(ctx)
}

// route does it properly: decoded path, query, methods, sales not opened yet.
func (s *Server) route(ctx *fasthttp.RequestCtx) {
	name, ok := bytes.CutPrefix(ctx.Path(), buyPrefix)
	if !ok || bytes.IndexByte(name, '/') >= 0 {
		problem(ctx, fasthttp.StatusNotFound, "not_found", "there is /buy/{sale}")
		return
	}
	if !ctx.IsGet() && !ctx.IsPost() {
		problem(ctx, fasthttp.StatusMethodNotAllowed, "method_not_allowed", "buys are GET or POST")
		ctx.Response.Header.Set(fasthttp.HeaderAllow, "GET, POST")
		return
	}
	n, ok := units(ctx.QueryArgs())
	if !ok {
		problem(ctx, fasthttp.StatusBadRequest, "bad_n", "n is a whole number from 1 to 100")
		return
	}
	sale := s.sales.get(name)
	if sale == nil {
		var err error
		if sale, err = s.sales.find(s.life, string(name)); err != nil {
			s.unknown(ctx, err)
			return
		}
	}
	s.buy(ctx, sale, n)
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
func (s *Server) unknown(ctx *fasthttp.RequestCtx, err error) {
	var r *luascripts.Refusal
	switch {
	case errors.Is(err, luascripts.ErrNoSale), errors.Is(err, luascripts.ErrName):
		problem(ctx, fasthttp.StatusNotFound, "no_such_sale", "there is no such sale")
	case errors.As(err, &r):
		problem(ctx, fasthttp.StatusConflict, "sale_refused", r.Why)
	default:
		s.unknownUndecided.Add(1)
		s.answers[undecided].send(ctx)
	}
}
