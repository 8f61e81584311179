package load

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"

	"spike/bench"
)

// connectPause keeps a connection from using up the run's requests while no server listens.
const connectPause = 10 * time.Millisecond

// conn is one buyer: one goroutine and one kept-alive connection, opened again after it breaks.
type conn struct {
	run   *run
	url   string
	host  string
	tally *tally

	request fasthttp.Request
	answer  fasthttp.Response
	in      *bufio.Reader
	out     *bufio.Writer

	mu      sync.Mutex // guards the two below against interrupt
	net     net.Conn
	stopped bool
}

func newConn(r *run, u string, t *tally) *conn {
	c := &conn{run: r, url: u, tally: t, in: bufio.NewReaderSize(nil, 4096), out: bufio.NewWriterSize(nil, 4096)}
	parsed, _ := url.Parse(u) // checked by filled
	c.host = parsed.Host
	if parsed.Port() == "" {
		c.host = net.JoinHostPort(parsed.Hostname(), "80")
	}
	c.request.Header.SetMethod(r.Method)
	c.request.SetRequestURI(u)
	c.request.SetBody(r.Body)
	return c
}

// loop sends requests until there are none left.
func (c *conn) loop(ctx context.Context) {
	for ctx.Err() == nil {
		n, due, more := c.run.take()
		if !more || !c.wait(ctx, due) {
			return
		}
		c.one(ctx, n, due)
	}
}

// wait sleeps until a request of an open loop is due.
func (c *conn) wait(ctx context.Context, due time.Time) bool {
	if c.run.interval == 0 {
		return true
	}
	pause := time.Until(due)
	return pause <= 0 || bench.Sleep(ctx, pause)
}

// one sends request number n and counts its result.
func (c *conn) one(ctx context.Context, n int64, due time.Time) {
	begin := time.Now()
	if c.run.interval == 0 {
		due = begin
	}
	if c.net == nil && !c.dial(ctx) {
		kind := "connect"
		if ctx.Err() != nil {
			kind = cancelled
		}
		c.tally.failure(kind)
		bench.Sleep(ctx, connectPause)
		return
	}
	if err := c.exchange(n, begin.Add(c.run.Timeout)); err != nil {
		c.tally.failure(kindOf(ctx, err))
		c.close()
		return
	}
	c.count(time.Since(due))
	if c.answer.ConnectionClose() {
		c.close()
	}
}

// exchange writes the request and reads the whole answer.
func (c *conn) exchange(n int64, deadline time.Time) error {
	if c.run.Header != nil {
		c.run.Header(n, &c.request.Header)
	}
	if err := c.net.SetDeadline(deadline); err != nil {
		return err
	}
	if err := c.request.Write(c.out); err != nil {
		return err
	}
	if err := c.out.Flush(); err != nil {
		return err
	}
	return c.answer.ReadLimitBody(c.in, maxBodyBytes)
}

func (c *conn) count(took time.Duration) {
	body := c.answer.Body()
	code, found := codeOf(body)
	c.tally.answer(c.answer.StatusCode(), code, found, took)
	if c.run.OnAnswer != nil {
		c.run.OnAnswer(c.url, c.answer.StatusCode(), body)
	}
}

func (c *conn) dial(ctx context.Context) bool {
	d := net.Dialer{Timeout: c.run.Timeout}
	opened, err := d.DialContext(ctx, "tcp", c.host)
	if err != nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		_ = opened.Close()
		return false
	}
	c.net = opened
	c.in.Reset(opened)
	c.out.Reset(opened)
	c.tally.connect()
	return true
}

func (c *conn) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.net != nil {
		_ = c.net.Close()
		c.net = nil
	}
}

// interrupt cuts off the present request, from another goroutine, when the run is cancelled.
func (c *conn) interrupt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	if c.net != nil {
		_ = c.net.Close() // the loop sees the error and clears the field
	}
}

const cancelled = "cancelled" // cut off by the end of ctx

// kindOf names a transport error for people.
func kindOf(ctx context.Context, err error) string {
	var netErr net.Error
	switch {
	case ctx.Err() != nil:
		return cancelled
	case errors.Is(err, fasthttp.ErrTimeout), errors.As(err, &netErr) && netErr.Timeout():
		return "timeout"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "closed"
	default:
		return "protocol"
	}
}
