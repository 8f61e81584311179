//go:build unix

package listener

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// plainReads answers plain requests where their bytes are read, while the HTTP server waits for the next request. All reads and
// writes happen within one call of RawConn.Read, which saves a system call and a round through the scheduler. The poller tells
// each arrival once, because epoll is edge-triggered, and RawConn.Read forgets earlier arrivals only when it begins. A read that
// does not fill the buffer has emptied the socket, and the poller will tell the next arrival. So no read is in vain.
//
// The buffer comes from a pool when there is something to read, and goes back before the next wait. So a connection without
// requests has none. The HTTP server (fasthttp with ReduceMemoryUsage) has none either: it waits for a request by a read of
// one byte.
//
// A client may close in the same arrival as its last request, or urgent data may end a read early. Then the poller tells nothing
// more. So the socket is read again a second after an answer (probeAfter).
type plainReads struct {
	conn   *coarseConn
	raw    syscall.RawConn
	answer Plain
	peer   net.Addr
	look   func(fd uintptr) bool // step as a func value, made once

	room *[MaxHeader]byte // where left lies; nil if there is none
	left []byte           // bytes that were read, and are for the HTTP server

	// Of one call of readPlain.
	begins bool  // the next bytes begin a request
	err    error // of the socket
	probes bool  // something was answered, so the deadline is that of a probe
}

var rooms = sync.Pool{New: func() any { return new([MaxHeader]byte) }}

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
	p := &plainReads{conn: c, raw: raw, answer: answer, peer: c.RemoteAddr()}
	p.look = p.step
	return p
}

// mayBegin says that the next bytes begin a request, if the HTTP server reads a single byte. Only the HTTP server knows that,
// and its deadlines tell it. The server sets the deadline of an answer, then that of an idle connection, and when a first byte
// is there, that of the request. Its writes do not tell it: answers leave early if their buffer is full, and before the rest of
// a head is read. A single byte alone does not tell it: the server's buffer may have room for no more.
func (p *plainReads) mayBegin() bool { return p.conn.readsSet == 1 }

// readPlain is Read. ok is false if the read is an ordinary one.
func (c *coarseConn) readPlain(b []byte) (n int, ok bool, err error) {
	p := c.plain
	if len(p.left) == 0 {
		if len(b) != 1 {
			return 0, false, nil
		}
		if n, err = c.readFirst(b); n > 0 || err != nil {
			return n, true, err
		}
	}
	n = copy(b, p.left)
	if p.left = p.left[n:]; len(p.left) == 0 {
		rooms.Put(p.room)
		p.room, p.left = nil, nil
	}
	return n, true, nil
}

// readFirst waits for the bytes of which the HTTP server wants the first, and answers plain requests meanwhile. Bytes that are
// not plain requests are left. If the connection is being closed, readFirst reads into b itself.
func (c *coarseConn) readFirst(b []byte) (int, error) {
	p := c.plain
	p.begins, p.err, p.probes = p.mayBegin(), nil, false
	c.reading.Store(true)
	err := p.wait()
	c.reading.Store(false)
	if err != nil && c.ending.Load() {
		return c.lastLook(b, 0, err)
	}
	return 0, err
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
func (p *plainReads) step(fd uintptr) (done bool) {
	room := rooms.Get().(*[MaxHeader]byte)
	if done = p.readInto(room[:], fd); len(p.left) > 0 {
		p.room = room
	} else {
		rooms.Put(room)
	}
	return done
}

// readInto is step with a buffer, which also has room for answers.
func (p *plainReads) readInto(in []byte, fd uintptr) (done bool) {
	for {
		n, err := receive(fd, in)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			return false
		case err != 0:
			p.err = os.NewSyscallError("read", err)
			return true
		case n == 0:
			p.err = io.EOF
			return true
		case !p.begins:
			p.left = in[:n]
			return true
		}
		used, answers := p.answer(p.peer, in[:n], in[n:n])
		if used > 0 {
			if p.err = p.send(fd, answers); p.err != nil {
				return true
			}
		}
		if used < n {
			p.left = in[used:n]
			return true
		}
		if n < len(in) {
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
	n := transmit(fd, answers)
	if n == len(answers) {
		return nil
	}
	p.conn.write.want = time.Now().Add(SendTimeout)
	_, err := p.conn.Write(answers[n:])
	return err
}
