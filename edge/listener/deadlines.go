package listener

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// coarse is how much too early a deadline may come. A deadline sets a timer at most once in that time.
const coarse = time.Second

// Coarse makes connections with cheap deadlines. fasthttp moves three deadlines with every request. Each would set a runtime
// timer. Together they would be a twentieth of the cost of a sold-out answer.
type Coarse struct {
	net.Listener
	Plain Plain // nil: every request goes to the HTTP server
}

// Accept returns a connection with cheap deadlines.
func (l Coarse) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	p := &coarseConn{Conn: c, readsSet: 1} // a connection's first request is the HTTP server's
	if l.Plain != nil {
		p.plain = newPlainReads(p, l.Plain)
	}
	return p, nil
}

// Plain answers the plain requests at the beginning of in, which came from peer. It appends their answers to `to`, and says how
// many bytes of in the requests were. The HTTP server gets the rest. Plain may wait for the store, but for no client: meanwhile
// the connection is neither read nor closed.
type Plain func(peer net.Addr, in, to []byte) (used int, answers []byte)

// coarseConn notes deadlines, and sets them only before a call to the kernel that could wait for them. Only one goroutine may use
// it, but any goroutine may call Close.
type coarseConn struct {
	net.Conn
	read, write deadline
	reading     atomic.Bool // a Read waits, perhaps for a request that never comes
	ending      atomic.Bool // Close was called while a Read waited
	plain       *plainReads // nil: every request goes to the HTTP server
	readsSet    int         // calls of SetReadDeadline since the last of SetWriteDeadline: see plainReads.mayBegin
}

// deadline is the time at which an operation must fail, as wanted and as set. The zero time is none.
type deadline struct{ want, set time.Time }

// due says whether the deadline must be set anew.
func (d *deadline) due() bool {
	if d.want.IsZero() || d.set.IsZero() {
		return d.want != d.set
	}
	lag := d.want.Sub(d.set)
	return lag >= coarse || lag < 0
}

func (c *coarseConn) SetReadDeadline(t time.Time) error {
	c.read.want = t
	c.readsSet++
	return nil
}

func (c *coarseConn) SetWriteDeadline(t time.Time) error {
	c.write.want = t
	c.readsSet = 0
	return nil
}

func (c *coarseConn) SetDeadline(t time.Time) error {
	c.read.want, c.write.want = t, t
	return nil
}

func (c *coarseConn) Read(b []byte) (int, error) {
	if c.plain != nil {
		if n, ok, err := c.readPlain(b); ok {
			return n, err
		}
	}
	if c.read.due() {
		if err := c.Conn.SetReadDeadline(c.read.want); err != nil {
			return 0, err
		}
		c.read.set = c.read.want
	}
	c.reading.Store(true)
	n, err := c.Conn.Read(b)
	c.reading.Store(false)
	if err != nil && c.ending.Load() {
		return c.lastLook(b, n, err)
	}
	return n, err
}

// lastLook reads a request that has come while the connection was being closed.
func (c *coarseConn) lastLook(b []byte, n int, err error) (int, error) {
	if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		return n, err
	}
	c.read.set = time.Now().Add(time.Millisecond)
	if e := c.Conn.SetReadDeadline(c.read.set); e != nil {
		return n, err
	}
	return c.Conn.Read(b)
}

var past = time.Unix(1, 0)

// Close ends the connection. The kernel resets a connection that is closed with a request unread. So if a Read waits for a
// request, Close only ends that Read, and its goroutine closes the connection after it has seen that no request has come.
func (c *coarseConn) Close() error {
	if c.reading.Load() && !c.ending.Swap(true) {
		return c.Conn.SetReadDeadline(past)
	}
	return c.Conn.Close()
}

func (c *coarseConn) Write(b []byte) (int, error) {
	if c.write.due() {
		if err := c.Conn.SetWriteDeadline(c.write.want); err != nil {
			return 0, err
		}
		c.write.set = c.write.want
	}
	return c.Conn.Write(b)
}
