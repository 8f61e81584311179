package edge

import (
	"net"
	"time"
)

// coarse is how far a deadline may lag behind: it ends up to this much early, and costs a timer only once in that time.
const coarse = time.Second

// patientListener makes connections whose deadlines are cheap. fasthttp moves three of them with every request; each
// would set a runtime timer, together a twentieth of what a sold-out answer costs.
type patientListener struct{ net.Listener }

func (l patientListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &patientConn{Conn: c}, nil
}

// patientConn notes deadlines and sets them only before a call to the kernel that could wait for them. It is used by one
// goroutine, but for Close.
type patientConn struct {
	net.Conn
	read, write deadline
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
	if c.read.due() {
		if err := c.Conn.SetReadDeadline(c.read.want); err != nil {
			return 0, err
		}
		c.read.set = c.read.want
	}
	return c.Conn.Read(b)
}

func (c *patientConn) Write(b []byte) (int, error) {
	if c.write.due() {
		if err := c.Conn.SetWriteDeadline(c.write.want); err != nil {
			return 0, err
		}
		c.write.set = c.write.want
	}
	return c.Conn.Write(b)
}
