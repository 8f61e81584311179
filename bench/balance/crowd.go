package balance

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"spike/bench/front"
)

// crowd sends requests from many addresses, which bench/load cannot do.
type crowd struct {
	addr        string
	from        func(connection int) netip.Addr
	requests    int64
	connections int

	next, answered atomic.Int64
}

const (
	requestTimeout = 5 * time.Second // also how long a run may go on after its ctx has ended
	maxBodyBytes   = 1 << 16         // of an answer
)

// run sends every request once, each with a buyer of its own. It returns how many were answered with 200.
func (c *crowd) run(ctx context.Context) (answered int64, err error) {
	var wg sync.WaitGroup
	for i := range c.connections {
		wg.Go(func() { c.connection(ctx, i) })
	}
	wg.Wait()
	return c.answered.Load(), ctx.Err()
}

// connection is one client, which keeps its connection to nginx.
func (c *crowd) connection(ctx context.Context, i int) {
	client := client{addr: c.addr, from: c.from(i)}
	defer client.close()
	client.request.SetRequestURI("http://" + c.addr + "/buy/" + front.Sale)
	for ctx.Err() == nil {
		n := c.next.Add(1)
		if n > c.requests {
			return
		}
		client.request.Header.Set("X-Buyer-Id", "b"+strconv.FormatInt(n, 10))
		if client.ask() == nil && client.answer.StatusCode() == fasthttp.StatusOK {
			c.answered.Add(1)
		}
	}
}

// client has one connection. It opens it again after it breaks, and sends nothing twice.
type client struct {
	addr    string
	from    netip.Addr
	request fasthttp.Request
	answer  fasthttp.Response

	net net.Conn // nil: none is open
	in  *bufio.Reader
	out *bufio.Writer
}

func (c *client) ask() error {
	if err := c.open(); err != nil {
		return err
	}
	err := errors.Join(c.net.SetDeadline(time.Now().Add(requestTimeout)), c.request.Write(c.out), c.out.Flush())
	if err == nil {
		err = c.answer.ReadLimitBody(c.in, maxBodyBytes)
	}
	if err != nil || c.answer.ConnectionClose() {
		c.close()
	}
	return err
}

func (c *client) open() (err error) {
	if c.net != nil {
		return nil
	}
	d := net.Dialer{Timeout: requestTimeout, LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(c.from, 0))}
	opened, err := d.Dial("tcp", c.addr)
	if err != nil {
		return err
	}
	c.net, c.in, c.out = opened, bufio.NewReader(opened), bufio.NewWriter(opened)
	return nil
}

func (c *client) close() {
	if c.net != nil {
		_ = c.net.Close()
		c.net = nil
	}
}
