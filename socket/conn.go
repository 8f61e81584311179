//go:build unix

package socket

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
)

// Conn is a TCP connection with raw reads and writes. Like any net.Conn it may be used by several goroutines.
type Conn struct {
	*net.TCPConn
	raw     syscall.RawConn
	in, out transfer
}

// transfer is the read or the write under way.
type transfer struct {
	mu   sync.Mutex // held by who transfers
	b    []byte     // of a read: its room; of a write: what is left
	n    int        // bytes transferred
	err  error
	step func(fd uintptr) (done bool) // made once, so that no transfer allocates
}

// Of is the connection with raw reads and writes if it is a TCP connection. Any other is returned as it is.
func Of(c net.Conn) net.Conn {
	tcp, is := c.(*net.TCPConn)
	if !is {
		return c
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return c
	}
	own := &Conn{TCPConn: tcp, raw: raw}
	own.in.step, own.out.step = own.in.receive, own.out.transmit
	return own
}

// Read reads what has come, or waits until something does. Its errors are those of net.Conn.
func (c *Conn) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	return c.in.do(b, c.raw.Read)
}

// Write writes all of b. Its errors are those of net.Conn.
func (c *Conn) Write(b []byte) (int, error) { return c.out.do(b, c.raw.Write) }

func (t *transfer) do(b []byte, by func(func(uintptr) bool) error) (n int, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b, t.n, t.err = b, 0, nil
	err = by(t.step)
	if err == nil {
		err = t.err
	}
	t.b = nil
	return t.n, err
}

func (t *transfer) receive(fd uintptr) (done bool) {
	n, errno := Receive(fd, t.b)
	switch {
	case errno == syscall.EINTR:
		return t.receive(fd)
	case errno == syscall.EAGAIN:
		return false
	case errno != 0:
		t.err = os.NewSyscallError("recvfrom", errno)
	case n == 0:
		t.err = io.EOF
	}
	t.n = n
	return true
}

func (t *transfer) transmit(fd uintptr) (done bool) {
	for len(t.b) > 0 {
		n, errno := Transmit(fd, t.b)
		switch {
		case errno == syscall.EINTR:
		case errno == syscall.EAGAIN:
			return false
		case errno != 0:
			t.err = os.NewSyscallError("sendto", errno)
			return true
		}
		t.b, t.n = t.b[n:], t.n+n
	}
	return true
}
