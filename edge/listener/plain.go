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
// A client may close in the same arrival as its last request. Then the poller tells nothing more. So the socket is read again a
// second after an answer (probeAfter).
type plainReads struct {
	conn   *coarseConn
	raw    syscall.RawConn
	answer Plain
	look   func(fd uintptr) bool // step as a func value, made once

	written [len(goOn)]byte // the last bytes that the HTTP server wrote
	begins  bool            // the HTTP server has answered and read nothing since, so the next byte begins a request

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

// goOn asks for a request's body. Answers to earlier requests may stand before it, and one Write may end within it.
const goOn = "HTTP/1.1 100 Continue\r\n\r\n"

// wrote notes the bytes that the HTTP server writes. They are answers, unless they end with the question for a body.
func (p *plainReads) wrote(b []byte) {
	b = b[max(len(b)-len(goOn), 0):]
	n := copy(p.written[:], p.written[len(b):])
	copy(p.written[n:], b)
	p.begins = string(p.written[:]) != goOn
}

// mayBegin says that the next bytes read into b begin a request, because an answer was written last, and the HTTP server's buffer
// is empty.
func (p *plainReads) mayBegin(b []byte) bool { return p.begins && len(b) == MaxHeader }

// readPlain is Read while the HTTP server waits for a request. It answers plain requests, and returns with the first other bytes.
func (c *coarseConn) readPlain(b []byte) (int, error) {
	p := c.plain
	p.in, p.n, p.err, p.probes = b, 0, nil, false
	c.reading.Store(true)
	err := p.wait()
	c.reading.Store(false)
	p.in, p.begins = nil, false
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
	if err := p.conn.SetWriteDeadline(time.Now().Add(SendTimeout)); err != nil {
		return err
	}
	_, err := p.conn.writeInTime(answers[max(n, 0):])
	return err
}
