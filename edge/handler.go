package edge

import (
	"bytes"
	"net"
	"slices"

	"github.com/valyala/fasthttp"

	"spike/edge/answer"
	"spike/edge/buy"
	"spike/edge/fastpath"
	"spike/edge/identity"
	"spike/edge/sales"
	"spike/shard/latency"
)

// This file has the steps of a buy: parse, identify, decide, answer. Nearly all buys of a spike need one goroutine, no channel,
// no lock, no allocation and no I/O. A win reads the clock once. TestBuyAllocatesNothing checks that over the whole handler.

// handle handles every request that fasthttp reads.
func (s *Server) handle(ctx *fasthttp.RequestCtx) {
	if len(s.cors) == 0 || !s.cors.preflight(&ctx.Request, &ctx.Response) {
		s.serve(ctx)
	}
	s.finish(&ctx.Request, &ctx.Response)
}

// finish adds the headers that all answers have.
func (s *Server) finish(q *fasthttp.Request, to *fasthttp.Response) {
	answer.ForbidStoring(to)
	if len(s.cors) > 0 {
		s.cors.mark(q, to)
	}
}

// answerPlain is a listener.Plain. It answers the plain buys at the beginning of in. Only the first of them may wait, so no
// answer that is ready waits for another one. Its answers are handle's.
func (s *Server) answerPlain(peer net.Addr, in, to []byte) (used int, answers []byte) {
	for used < len(in) && !s.draining.Load() {
		var q fastpath.Request
		if !q.Scan(in[used:]) || s.cfg.BuyByPost && !q.Post {
			break
		}
		sale := s.sales.Get(q.Sale)
		if sale == nil {
			break
		}
		since := watch(sale)
		var d buy.Decision
		decided := q.Key == nil && s.seller.DecideAtOnce(sale, q.Buyer != nil, &d)
		if !decided && !s.decideNamed(sale, &q, peer, used == 0, &d) {
			break
		}
		s.count(sale, d.Outcome, since)
		to = s.wire.Append(to, sale, &d)
		used += q.Size
	}
	return used, to
}

// decideNamed decides a plain buy for which it matters who buys, or that must wait. If decided is false, nothing has been done.
// It is no part of its caller, because its stack would be: that of a connection without keys is small.
//
//go:noinline
func (s *Server) decideNamed(sale *sales.Sale, q *fastpath.Request, peer net.Addr, mayWait bool, d *buy.Decision) (decided bool) {
	who, err := s.who.IdentifyPlain(q.Buyer, q.Key, peer)
	if err != nil { // the HTTP server's way tells it
		return false
	}
	one := buy.Request{N: 1, Buyer: who.Buyer, Key: who.Key}
	if !mayWait {
		var way buy.Way
		*d, way = buy.Admit(sale.Verdict(), sale, &one)
		return way == buy.Decided
	}
	stale := false
	*d, stale = s.seller.Decide(sale, &one)
	return !stale
}

var buyPrefix = []byte("/buy/")

// serve recognises an anonymous buy of one unit by the raw request line. All other requests take route, which is slower.
func (s *Server) serve(ctx *fasthttp.RequestCtx) {
	if s.draining.Load() {
		ctx.SetConnectionClose()
	}
	uri := ctx.Request.Header.RequestURI()
	if bytes.HasPrefix(uri, buyPrefix) && (ctx.IsGet() && !s.cfg.BuyByPost || ctx.IsPost() && len(ctx.Request.Body()) == 0) {
		if sale := s.sales.Get(uri[len(buyPrefix):]); sale != nil && identity.Anonymous(&ctx.Request.Header) {
			s.buy(&ctx.Response, s.article, sale, &buy.Request{N: 1})
			return
		}
	}
	s.route(ctx)
}

// buy decides a buy and answers it. If the sale has ended here meanwhile, it looks the sale up and decides again.
func (s *Server) buy(to *fasthttp.Response, in *answer.Format, sale *sales.Sale, q *buy.Request) {
	since := watch(sale)
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
	s.respond(to, in, sale, &d, since)
}

// watch measures a buy that may win or wait, and one of 32 of those that a verdict answers. So "sold out" reads no clock. It is
// no part of its callers, because a connection's stack is small.
//
//go:noinline
func watch(sale *sales.Sale) latency.Stopwatch {
	if sale.Verdict() == nil {
		return latency.Start()
	}
	return latency.Sample()
}

const maxAgain = 8

// respond counts, logs and writes the answer to a buy. sale is nil if there is none.
func (s *Server) respond(to *fasthttp.Response, in *answer.Format, sale *sales.Sale, d *buy.Decision, since latency.Stopwatch) {
	if sale != nil {
		s.count(sale, d.Outcome, since)
	} else if d.Outcome == buy.Undecided {
		s.unknownUndecided.Add(1)
	}
	in.Write(to, sale, d)
}

// count counts an answer to a buyer of the sale, and logs it if there is a decision log.
func (s *Server) count(sale *sales.Sale, o buy.Outcome, since latency.Stopwatch) {
	if !o.Counts() {
		return
	}
	sale.Tally.Add(uint8(o))
	if since.Runs() {
		sale.Times.Note(o == buy.Won, since)
	}
	if s.decisions.file != "" {
		s.decisions.note(sale, o == buy.Won)
	}
}

// routes is the buyers' paths: the text before and after the one part that varies, and the methods.
var routes = []struct {
	before, after string
	allow         []string
	serve         func(s *Server, ctx *fasthttp.RequestCtx, part []byte)
}{
	{"/buy/", "", []string{"GET", "POST"}, (*Server).routeArticle},
	{"/v1/sales/", "/reservations", []string{"POST"}, (*Server).routeV1},
	{"/v1/sales/", "/reservations/mine", []string{"GET", "HEAD"}, replying((*Server).showMine)},
	{"/v1/sales/", "", []string{"GET", "HEAD"}, (*Server).showStock},
	{"/v1/reservations/", "/cancel", []string{"POST"}, replying((*Server).cancel)},
	{"/v1/reservations/", "", []string{"GET", "HEAD"}, replying((*Server).showReservation)},
}

// allowed is the methods that a path allows here. If buys go by POST alone, GET /buy/{sale} is none of them: links, crawlers and
// previews send GET, and nobody means to buy by that.
func (s *Server) allowed(before string, methods []string) []string {
	if s.cfg.BuyByPost && before == string(buyPrefix) {
		return []string{"POST"}
	}
	return methods
}

// replying sends the reply of f.
func replying(f func(*Server, *fasthttp.RequestCtx, []byte) answer.Reply) func(*Server, *fasthttp.RequestCtx, []byte) {
	return func(s *Server, ctx *fasthttp.RequestCtx, part []byte) { send(&ctx.Response, f(s, ctx, part)) }
}

func send(to *fasthttp.Response, r answer.Reply) { r.Send(to) }

// route handles any request: it decodes the path, reads query and method, and opens sales.
func (s *Server) route(ctx *fasthttp.RequestCtx) {
	if isDoublyFramed(&ctx.Request.Header) {
		ctx.SetConnectionClose()
		send(&ctx.Response, answer.NewProblem(fasthttp.StatusBadRequest, "malformed",
			"Content-Length and Transfer-Encoding do not go together").Reply())
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
		case !slices.Contains(s.allowed(r.before, r.allow), string(ctx.Method())):
			send(&ctx.Response, answer.NotAllowed(s.allowed(r.before, r.allow)...))
			return
		default:
			r.serve(s, ctx, part)
			return
		}
	}
	send(&ctx.Response, answer.NewProblem(fasthttp.StatusNotFound, "not_found",
		"there is /buy/{sale}, and what /openapi.yaml says").Reply())
}

func (s *Server) routeArticle(ctx *fasthttp.RequestCtx, sale []byte) {
	s.routeBuy(ctx, s.article, sale, articleUnits)
}

func (s *Server) routeV1(ctx *fasthttp.RequestCtx, sale []byte) { s.routeBuy(ctx, s.v1, sale, v1Units) }

// routeBuy reads the number of units and the buyer, and finds the sale.
func (s *Server) routeBuy(ctx *fasthttp.RequestCtx, in *answer.Format, name []byte,
	units func(*fasthttp.Request) (uint32, error)) {
	n, err := units(&ctx.Request)
	var who identity.Identity
	if err == nil {
		who, err = s.identify(ctx)
	}
	if err != nil {
		send(&ctx.Response, answer.Of(err))
		return
	}
	sale, err := s.find(name)
	if err != nil {
		d := buy.Unknown(err)
		s.respond(&ctx.Response, in, nil, &d, 0)
		return
	}
	s.buy(&ctx.Response, in, sale, &buy.Request{N: n, Buyer: who.Buyer, Key: who.Key})
}

func (s *Server) identify(ctx *fasthttp.RequestCtx) (identity.Identity, error) {
	who, err := s.who.Identify(&ctx.Request.Header, ctx.RemoteAddr())
	if err != nil {
		s.refusals.Note(err)
	}
	return who, err
}

// find finds a sale, and opens it if it is not open here. The name may be a buffer that is used again.
func (s *Server) find(name []byte) (*sales.Sale, error) {
	if sale := s.sales.Get(name); sale != nil {
		return sale, nil
	}
	return s.sales.Find(string(name))
}

// showStock is GET /v1/sales/{sale}.
func (s *Server) showStock(ctx *fasthttp.RequestCtx, sale []byte) {
	shown, err := s.snapshots.Show(sale)
	if err != nil {
		send(&ctx.Response, answer.Of(err))
		return
	}
	answer.Stock(&ctx.Response, shown)
}
