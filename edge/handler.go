package edge

import (
	"bytes"
	"strings"

	"github.com/valyala/fasthttp"

	"spike/edge/answer"
	"spike/edge/buy"
	"spike/edge/fastpath"
	"spike/edge/identity"
	"spike/edge/sales"
)

// The way of a buy, from a request's first byte to its answer: parse, identify, decide, answer. For nearly all buys of a spike
// that is one goroutine, no channel, no lock, no allocation, no I/O; one clock reading when it wins. TestBuyAllocatesNothing
// holds it to that, over the whole handler.

// handle is the one handler. Each answer is for one buyer and one moment.
func (s *Server) handle(ctx *fasthttp.RequestCtx) {
	if s.cors == nil || !s.cors.preflight(&ctx.Request, &ctx.Response) {
		s.serve(ctx)
	}
	s.finish(&ctx.Request, &ctx.Response)
}

// finish adds what all answers have.
func (s *Server) finish(q *fasthttp.Request, to *fasthttp.Response) {
	answer.ForbidStoring(to)
	if s.cors != nil {
		s.cors.mark(q, to)
	}
}

// answerPlain answers the plain buys at the beginning of in, where that takes no wait: listener.Plain. It says what handle would
// say.
func (s *Server) answerPlain(in, to []byte) (used int, answers []byte) {
	for used < len(in) && !s.draining.Load() {
		q, plain := fastpath.Scan(in[used:])
		if !plain {
			break
		}
		sale := s.sales.Get(q.Sale)
		if sale == nil {
			break
		}
		d, decided := s.seller.DecideAtOnce(sale, q.Known)
		if !decided || !s.wire.Has(d.Outcome) {
			break
		}
		s.count(sale, d.Outcome)
		to = s.wire.Append(to, sale, &d)
		used += q.Size
	}
	return used, to
}

var buyPrefix = []byte("/buy/")

// serve recognises a buy that says no more than "one, please" from the raw request line. Everything else may take its time.
func (s *Server) serve(ctx *fasthttp.RequestCtx) {
	if s.draining.Load() {
		ctx.SetConnectionClose()
	}
	uri := ctx.Request.Header.RequestURI()
	if bytes.HasPrefix(uri, buyPrefix) && (ctx.IsGet() || ctx.IsPost() && len(ctx.Request.Body()) == 0) {
		if sale := s.sales.Get(uri[len(buyPrefix):]); sale != nil && identity.Anonymous(&ctx.Request.Header) {
			s.buy(&ctx.Response, s.article, sale, &buy.Request{N: 1})
			return
		}
	}
	s.route(ctx)
}

// buy decides a buy, and does so again while its sale was removed, or made again, under this edge.
func (s *Server) buy(to *fasthttp.Response, in *answer.Format, sale *sales.Sale, q *buy.Request) {
	d, stale := s.seller.Decide(sale, q)
	for again := 0; stale && again < maxAgain; again++ {
		s.sales.Drop(sale)
		var err error
		if sale, err = s.sales.Find(sale.Name); err != nil {
			d = buy.Unknown(err)
			break
		}
		d, stale = s.seller.Decide(sale, q)
	}
	s.tell(to, in, sale, &d)
}

const maxAgain = 8

// tell counts, logs and writes what a buy came to: the answer to every buy leaves here. sale is nil where there is none.
func (s *Server) tell(to *fasthttp.Response, in *answer.Format, sale *sales.Sale, d *buy.Decision) {
	if sale != nil {
		s.count(sale, d.Outcome)
	} else if d.Outcome == buy.Undecided {
		s.unknownUndecided.Add(1)
	}
	in.Write(to, sale, d)
}

// count counts what a buyer of the sale hears, and logs it where a log is kept.
func (s *Server) count(sale *sales.Sale, o buy.Outcome) {
	if !o.Counts() {
		return
	}
	sale.Tally.Add(uint8(o))
	if s.decisions != nil {
		s.decisions.note(sale, o == buy.Won)
	}
}

// routes are the buyers' paths: what stands before and after the one part that varies, and the methods there are.
var routes = []struct {
	before, after, allow string
	serve                func(s *Server, ctx *fasthttp.RequestCtx, part []byte)
}{
	{"/buy/", "", "GET, POST", func(s *Server, ctx *fasthttp.RequestCtx, sale []byte) { s.routeBuy(ctx, s.article, sale, articleUnits) }},
	{"/v1/sales/", "/reservations", "POST", func(s *Server, ctx *fasthttp.RequestCtx, sale []byte) { s.routeBuy(ctx, s.v1, sale, v1Units) }},
	{"/v1/sales/", "", "GET, HEAD", func(s *Server, ctx *fasthttp.RequestCtx, sale []byte) { s.showStock(&ctx.Response, sale) }},
	{"/v1/reservations/", "/cancel", "POST", func(s *Server, ctx *fasthttp.RequestCtx, token []byte) {
		send(&ctx.Response, s.reservations.cancel(token))
	}},
	{"/v1/reservations/", "", "GET, HEAD", func(s *Server, ctx *fasthttp.RequestCtx, token []byte) {
		send(&ctx.Response, s.reservations.show(token))
	}},
}

func send(to *fasthttp.Response, r answer.Reply) { r.Send(to) }

// route does it properly: decoded path, query, methods, sales not opened yet.
func (s *Server) route(ctx *fasthttp.RequestCtx) {
	if isDoublyFramed(&ctx.Request.Header) {
		ctx.SetConnectionClose()
		send(&ctx.Response, malformed("Content-Length and Transfer-Encoding do not go together"))
		return
	}
	path := ctx.Path()
	if string(path) == "/openapi.yaml" {
		s.document.show(&ctx.Request, &ctx.Response)
		return
	}
	for _, r := range routes {
		part, begins := bytes.CutPrefix(path, []byte(r.before))
		part, ends := bytes.CutSuffix(part, []byte(r.after))
		switch {
		case !begins || !ends || bytes.IndexByte(part, '/') >= 0:
		case !allows(r.allow, ctx.Method()):
			send(&ctx.Response, answer.NotAllowed(r.allow))
			return
		default:
			r.serve(s, ctx, part)
			return
		}
	}
	send(&ctx.Response, answer.NewProblem(fasthttp.StatusNotFound, "not_found", "there is /buy/{sale}, and what /openapi.yaml says").Reply())
}

func allows(methods string, method []byte) bool {
	for m := range strings.SplitSeq(methods, ", ") {
		if m == string(method) {
			return true
		}
	}
	return false
}

// routeBuy finds out how many units a buy is for, who buys, and the sale.
func (s *Server) routeBuy(ctx *fasthttp.RequestCtx, in *answer.Format, name []byte, units func(*fasthttp.Request) (uint32, error)) {
	n, err := units(&ctx.Request)
	var who identity.Identity
	if err == nil {
		who, err = s.who.Identify(&ctx.Request.Header, ctx.RemoteAddr())
	}
	if err != nil {
		s.refusals.Note(err)
		send(&ctx.Response, answer.Of(err))
		return
	}
	sale := s.sales.Get(name)
	if sale == nil {
		if sale, err = s.sales.Find(string(name)); err != nil {
			d := buy.Unknown(err)
			s.tell(&ctx.Response, in, nil, &d)
			return
		}
	}
	s.buy(&ctx.Response, in, sale, &buy.Request{N: n, Buyer: who.Buyer, Key: who.Key})
}

// showStock is GET /v1/sales/{sale}.
func (s *Server) showStock(to *fasthttp.Response, sale []byte) {
	head, age, err := s.snapshots.Show(sale)
	if err != nil {
		send(to, answer.Of(err))
		return
	}
	answer.Stock(to, head, age)
}
