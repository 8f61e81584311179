package listener

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// coarse is how far a deadline may lag behind: it ends up to this much early, and costs a timer only once in that time.
const coarse = time.Second

// Coarse makes connections whose deadlines are cheap. fasthttp moves three of them with every request; each
// would set a runtime timer, together a twentieth of what a sold-out answer costs.
type Coarse struct {
	net.Listener
	Plain Plain // nil: every request goes to the HTTP server
}

// Accept gives a connection whose deadlines are cheap.
func (l Coarse) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	p := &patientConn{Conn: c}
	if l.Plain != nil {
		p.plain = newPlainReads(p, l.Plain)
	}
	return p, nil
}

// Plain answers the plain requests at the beginning of in: it appends their answers to `to`, and says how many bytes of in they
// were. The HTTP server gets what is left. It must not wait.
type Plain func(in, to []byte) (used int, answers []byte)

// patientConn notes deadlines and sets them only before a call to the kernel that could wait for them. It is used by one
// goroutine, but for Close.
type patientConn struct {
	net.Conn
	read, write deadline
	reading     atomic.Bool // perhaps for a request that never comes
	ending      atomic.Bool // somebody else wants it closed
	plain       *plainReads // nil: it answers nothing by itself
}

// deadline is when an operation is to fail, as wanted and as set. The zero time is none.
type deadline struct{ want, set time.Time }

// due says whether what is set has to be moved.
func (d *deadline) due() bool {
	if d.want.IsZero() || d.set.IsZero() {
		return d.want != d.set
	}
	lag := d.want.Sub(d.set)
	return lag >= coarse || lag < 0
}

func (c *patientConn) SetReadDeadline(t time.Time) error {
	c.read.want = t
	return nil
}

func (c *patientConn) SetWriteDeadline(t time.Time) error {
	c.write.want = t
	return nil
}

func (c *patientConn) SetDeadline(t time.Time) error {
	c.read.want, c.write.want = t, t
	return nil
}

func (c *patientConn) Read(b []byte) (int, error) {
	if c.plain != nil && c.plain.mayBegin(b) {
		return c.readPlain(b)
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

// lastLook reads what has come while the connection was being closed.
func (c *patientConn) lastLook(b []byte, n int, err error) (int, error) {
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

// Close ends the connection. While its goroutine waits for a request, it is that goroutine who closes it, once it has seen that
// none has come: the kernel resets a connection that is closed with a request unread.
func (c *patientConn) Close() error {
	if c.reading.Load() && !c.ending.Swap(true) {
		return c.Conn.SetReadDeadline(past)
	}
	return c.Conn.Close()
}

func (c *patientConn) Write(b []byte) (int, error) {
	if c.plain != nil {
		c.plain.wrote(b)
	}
	return c.writeInTime(b)
}

func (c *patientConn) writeInTime(b []byte) (int, error) {
	if c.write.due() {
		if err := c.Conn.SetWriteDeadline(c.write.want); err != nil {
			return 0, err
		}
		c.write.set = c.write.want
	}
	return c.Conn.Write(b)
}
