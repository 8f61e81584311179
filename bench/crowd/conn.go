package crowd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
)

// ErrUnsent means that there was no connection: the listener never saw the request.
var ErrUnsent = errors.New("nothing was sent")

// Dial opens a connection, as [net.Dialer.DialContext] does.
type Dial func(ctx context.Context, network, addr string) (net.Conn, error)

// From dials from one of this machine's addresses. The zero address is the one that the machine chooses.
func From(ip netip.Addr) Dial {
	var d net.Dialer
	if ip.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, 0))
	}
	return d.DialContext
}

// Conn is one buyer's kept-alive connection. The first request opens it. After it breaks, the next request opens it again. Only
// Close may be called beside another call.
type Conn struct {
	ctx     context.Context
	cancel  func()
	addr    string
	timeout time.Duration
	dial    Dial
	opened  int64 // how often it was opened

	request  fasthttp.Request
	response fasthttp.Response
	net      net.Conn    // nil: it is not open
	forget   func() bool // that the end of ctx closes it
	in       *bufio.Reader
	out      *bufio.Writer
}

// NewConn returns a connection to HOST:PORT that is not open yet. It ends with ctx, and an exchange on the way is cut off then.
// timeout is of one exchange, connecting included. dial may be nil. Close must be called.
func NewConn(ctx context.Context, addr string, timeout time.Duration, dial Dial) *Conn {
	if dial == nil {
		dial = From(netip.Addr{})
	}
	ctx, cancel := context.WithCancel(ctx)
	return &Conn{ctx: ctx, cancel: cancel, addr: addr, timeout: timeout, dial: dial,
		in: bufio.NewReaderSize(nil, 4096), out: bufio.NewWriterSize(nil, 4096)}
}

// Close ends the connection for good.
func (c *Conn) Close() { c.cancel() }

// Ask makes one exchange. The header is names and values by turns. Its error wraps [ErrUnsent] if nothing was sent.
func (c *Conn) Ask(method, path string, header ...string) (Answer, error) {
	c.request.Reset()
	c.request.Header.SetMethod(method)
	c.request.SetRequestURI("http://" + c.addr + path)
	for i := 0; i+1 < len(header); i += 2 {
		c.request.Header.Set(header[i], header[i+1])
	}
	return c.send()
}

// send sends the request that is prepared.
func (c *Conn) send() (a Answer, err error) {
	a.Sent = time.Now()
	if err = c.open(); err != nil {
		return a, fmt.Errorf("%w: %w", ErrUnsent, err)
	}
	err = c.exchange(a.Sent.Add(c.timeout))
	if err != nil || c.response.ConnectionClose() {
		c.forget()
		_ = c.net.Close()
		c.net = nil
	}
	a.Took = time.Since(a.Sent)
	a.Status, a.Header, a.Body = c.response.StatusCode(), &c.response.Header, c.response.Body()
	return a, err
}

// exchange writes the request and reads the whole answer.
func (c *Conn) exchange(deadline time.Time) error {
	const maxBodyBytes = 1 << 20
	if err := c.net.SetDeadline(deadline); err != nil {
		return err
	}
	if err := c.request.Write(c.out); err != nil {
		return err
	}
	if err := c.out.Flush(); err != nil {
		return err
	}
	return c.response.ReadLimitBody(c.in, maxBodyBytes)
}

func (c *Conn) open() error {
	if c.net != nil {
		return c.ctx.Err()
	}
	ctx, cancel := context.WithTimeout(c.ctx, c.timeout)
	defer cancel()
	opened, err := c.dial(ctx, "tcp", c.addr)
	if err != nil {
		return err
	}
	c.net, c.forget = opened, context.AfterFunc(c.ctx, func() { _ = opened.Close() })
	c.in.Reset(opened)
	c.out.Reset(opened)
	c.opened++
	return nil
}

// kindOf names a transport error for people.
func kindOf(ctx context.Context, err error) string {
	var netErr net.Error
	switch {
	case ctx.Err() != nil:
		return "cancelled"
	case errors.Is(err, ErrUnsent):
		return "connect"
	case errors.Is(err, fasthttp.ErrTimeout), errors.As(err, &netErr) && netErr.Timeout():
		return "timeout"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "closed"
	default:
		return "protocol"
	}
}
