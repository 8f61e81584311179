// Package peers has the servers that the edge is measured against. Each runs as a process of its own: `spike bench peer
// NAME`.
//
//	bare       fasthttp with a fixed answer: the cost of HTTP itself, and nothing else
//	article    the article's design: one lock held across a Redis round trip, a log file opened per request
//	onescript  fasthttp and one Lua call per request over auto-pipelined connections: no stock at the edge
//
// Three keep stock and orders in PostgreSQL alone. They are as good as their sequence allows: one statement, one round trip and
// one commit a call, prepared, over a pool. A buyer who hears "sold out" costs the database a read.
//
//	order-then-deduct  a buy is one transaction: a conditional decrement of the stock's row, and the order's row
//	pay-then-deduct    a buy is an order, while the stock, as read, is above 0; its payment takes one from the stock
//	grouped            the first of the two, with one commit for all who wait
//
// The article's design is written anew, with two faults corrected that stopped it from selling: its script sold one unit too
// many, and it never gave its connections back, so that it stopped after 12,000 sales. Its cost is unchanged.
package peers

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/redis/rueidis"
	"github.com/valyala/fasthttp"

	"spike/bench"
	"spike/bench/crowd"
)

// Names of the peers.
const (
	Bare       = "bare"
	OneScript  = "onescript"
	Article    = "article"
	OrderFirst = "order-then-deduct"
	PayFirst   = "pay-then-deduct"
	Grouped    = "grouped"
)

var peers = map[string]func(context.Context, Options) error{
	Bare:       func(ctx context.Context, o Options) error { return serve(ctx, o.Listen, o.Answer.server()) },
	OneScript:  runOneScript,
	Article:    runArticle,
	OrderFirst: orderFirst.run,
	PayFirst:   payFirst.run,
	Grouped:    grouped.run,
}

// Options of a peer. A peer ignores options that it does not use.
type Options struct {
	Listen     string
	Redis      string // onescript, article: host:port
	Answer     Answer // bare
	Log        string // article: file that gets a line per request; empty: none
	LocalStock int64  // article: units its local counter lets through to Redis
	DB         string // servers of orders: postgres://…, with [Schema] and the stock in it
	Pool       int    // servers of orders: connections to it
}

// Run serves until ctx ends.
func Run(ctx context.Context, name string, o Options) error {
	run, known := peers[name]
	if !known {
		return fmt.Errorf("%w: no such peer: %q", bench.ErrUsage, name)
	}
	return run(ctx, o)
}

// sale is the article's, and the only one. won is the begin of a winner's answer, up to the serial.
const (
	sale     = "ticket"
	buyPath  = "/buy/" + sale
	jsonType = "application/json; charset=utf-8"
	soldOut  = `{"code":-1,"msg":"已售罄"}`
	won      = `{"code":1,"msg":"抢票成功","data":{"sale":"` + sale + `","serial":`
)

// serve runs a fasthttp server until ctx ends and no handler is at work. Like the edge it has timeouts. Each costs a deadline
// per request, and the floor must pay for it, too.
func serve(ctx context.Context, addr string, s *fasthttp.Server) error {
	l, err := net.Listen("tcp4", addr)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	s.ReadTimeout, s.WriteTimeout, s.IdleTimeout = 30*time.Second, 10*time.Second, time.Minute
	gone := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { defer close(gone); _ = s.Shutdown() })
	err = s.Serve(l)
	if !stop() {
		<-gone
	}
	return err
}

func connect(o Options) (rueidis.Client, error) {
	c, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{o.Redis}, DisableCache: true, ConnWriteTimeout: callTimeout})
	if err != nil {
		return nil, fmt.Errorf("%w: redis %s: %w", bench.ErrDependency, o.Redis, err)
	}
	return c, nil
}

// Answer is the bare server's answer to every buy. To be a fair floor it is the edge's own answer, with the same status,
// headers and body.
type Answer struct {
	Status      int
	ContentType string
	Header      []string // name, value, name, value ..., without those that the server writes itself
	Body        []byte
	Name        string // of the Server header; empty: none is sent
	Date        bool   // whether the answer had one
}

// SoldOut replaces the edge's answer if none was captured.
func SoldOut() Answer {
	return Answer{Status: 200, ContentType: jsonType, Date: true, Body: []byte(soldOut)}
}

// Won does the same. It is as long as a win with a token of 128 characters.
func Won() Answer {
	return Answer{Status: 200, ContentType: jsonType, Date: true,
		Body: []byte(won + `1234567,"token":"` + strings.Repeat("x", 128) + `"}}`)}
}

// Like is the answer that a server gives to a buy now.
func Like(ctx context.Context, addr string) (Answer, error) {
	conn := crowd.NewConn(ctx, addr, callTimeout, nil)
	defer conn.Close()
	said, err := conn.Ask(http.MethodGet, buyPath)
	if err != nil {
		return Answer{}, fmt.Errorf("%w: an answer of %s: %w", bench.ErrDependency, addr, err)
	}
	a := Answer{Status: said.Status, ContentType: string(said.Header.ContentType()), Name: string(said.Header.Server()),
		Body: bytes.Clone(said.Body)}
	for name, value := range said.Header.All() {
		switch string(name) {
		case fasthttp.HeaderDate:
			a.Date = true
		case fasthttp.HeaderServer, fasthttp.HeaderContentType, fasthttp.HeaderContentLength, fasthttp.HeaderConnection:
		default:
			a.Header = append(a.Header, string(name), string(value))
		}
	}
	return a, nil
}

// server returns a fasthttp server with only this answer.
func (a Answer) server() *fasthttp.Server {
	return &fasthttp.Server{Name: a.Name, NoDefaultServerHeader: a.Name == "", NoDefaultDate: !a.Date, NoDefaultContentType: true,
		Handler: func(c *fasthttp.RequestCtx) {
			if string(c.Path()) != buyPath {
				c.SetStatusCode(fasthttp.StatusNotFound)
				return
			}
			c.SetStatusCode(a.Status)
			c.SetContentType(a.ContentType)
			for i := 0; i < len(a.Header); i += 2 {
				c.Response.Header.Set(a.Header[i], a.Header[i+1])
			}
			c.SetBody(a.Body)
		},
	}
}
