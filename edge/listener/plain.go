//go:build unix

package listener

import (
	"errors"
	"io"
	"os"
	"syscall"
	"time"
)

// plainReads answers plain requests where their bytes are read, while the HTTP server waits for the next request. All reads and
// writes happen within one call of RawConn.Read, which saves a system call and a round through the scheduler. The poller tells
// each arrival once, because epoll is edge-triggered, and RawConn.Read forgets earlier arrivals only when it begins. A read that
// does not fill the buffer has emptied the socket, and the poller will tell the next arrival. So no read is in vain.
//
// A client may close in the same arrival as its last request, or urgent data may end a read early. Then the poller tells nothing
// more. So the socket is read again a second after an answer (probeAfter).
type plainReads struct {
	conn   *coarseConn
	raw    syscall.RawConn
	answer Plain
	look   func(fd uintptr) bool // step as a func value, made once

	// Of one call of readPlain.
	in     []byte // the HTTP server's buffer
	n      int    // bytes in the buffer that are for the HTTP server
	err    error  // of the socket
	probes bool   // something was answered, so the deadline is that of a probe
}

const probeAfter = time.Second

// newPlainReads is nil if c has no file descriptor.
func newPlainReads(c *coarseConn, answer Plain) *plainReads {
	s, ok := c.Conn.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return nil
	}
	p := &plainReads{conn: c, raw: raw, answer: answer}
	p.look = p.step
	return p
}

// mayBegin says that the next bytes read into b begin a request. Only the HTTP server knows that, and its deadlines tell it. The
// server sets the deadline of an answer, then that of an idle connection, and when a first byte is there, that of the request.
// Its writes do not tell it: answers leave early if their buffer is full, and before the rest of a head is read.
func (p *plainReads) mayBegin(b []byte) bool { return p.conn.readsSet == 1 && len(b) == MaxHeader }

// readPlain is Read while the HTTP server waits for a request. It answers plain requests, and returns with the first other bytes.
func (c *coarseConn) readPlain(b []byte) (int, error) {
	p := c.plain
	p.in, p.n, p.err, p.probes = b, 0, nil, false
	c.reading.Store(true)
	err := p.wait()
	c.reading.Store(false)
	p.in = nil
	if err != nil && c.ending.Load() {
		return c.lastLook(b, p.n, err)
	}
	return p.n, err
}

// wait returns when bytes came that are not plain requests, or when nothing came in time.
func (p *plainReads) wait() error {
	idle := p.conn.read.want
	for {
		if d := &p.conn.read; p.probes || d.due() {
			if err := p.setDeadline(idle); err != nil {
				return err
			}
		}
		p.probes = false
		err := p.raw.Read(p.look)
		switch {
		case err == nil:
			return p.err
		case !p.probes || p.conn.ending.Load() || !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		}
		idle = time.Now().Add(IdleTimeout)
	}
}

// setDeadline sets the deadline of reads. If Close was called meanwhile, the deadline is in the past.
func (p *plainReads) setDeadline(t time.Time) error {
	err := p.conn.Conn.SetReadDeadline(t)
	p.conn.read.set = t
	if p.conn.ending.Load() {
		return p.conn.Conn.SetReadDeadline(past)
	}
	return err
}

// step reads and answers. It is false if the socket is empty, and then the next arrival calls it again. It is true if it has
// bytes or an error for the HTTP server.
func (p *plainReads) step(fd uintptr) bool {
	for {
		n, err := syscall.Read(int(fd), p.in)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			return false
		case err != nil:
			p.err = os.NewSyscallError("read", err)
			return true
		case n == 0:
			p.err = io.EOF
			return true
		}
		used, answers := p.answer(p.in[:n], p.in[n:n])
		if used > 0 {
			if p.err = p.send(fd, answers); p.err != nil {
				return true
			}
		}
		if used < n {
			p.n = copy(p.in, p.in[used:n])
			return true
		}
		if n < len(p.in) {
			return false
		}
	}
}

// send writes answers. It waits only if the client does not read.
func (p *plainReads) send(fd uintptr, answers []byte) error {
	if !p.probes {
		p.probes = true
		if err := p.setDeadline(time.Now().Add(probeAfter)); err != nil {
			return err
		}
	}
	n, _ := syscall.Write(int(fd), answers) // after an error the next write fails, too
	if n == len(answers) {
		return nil
	}
	p.conn.write.want = time.Now().Add(SendTimeout)
	_, err := p.conn.Write(answers[max(n, 0):])
	return err
}
