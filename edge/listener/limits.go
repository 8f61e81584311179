// Package listener has listeners that stand between the kernel and a server. It knows nothing of the requests.
//
//   - Coarse: connections with cheap deadlines, and answers to plain requests before the HTTP server reads them
//   - Limits: limits on connections, in all and by source
//   - Visitors: connections with the operators' token are never kept out by connections without it
//   - LastCall: an end that resets no connection
package listener

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Limits of one connection and one request. A buy is a line and a few headers.
const (
	MaxHeader   = 8 << 10
	MaxBody     = 16 << 10
	ReadTimeout = 10 * time.Second // a whole request
	SendTimeout = 10 * time.Second
	IdleTimeout = 60 * time.Second // between requests; nginx gives a connection up at 30 s
)

// Limits on connections. Each connection is a file, and a process may open only so many.
const (
	maxPerSource = 4096                   // connections of one source, or a quarter of all if that is less
	otherFiles   = 256                    // files kept for the store, the rings, the operators
	Few          = 4096                   // with fewer connections an edge warns at its start
	FilesMost    = 1 << 20                // files, even if the system allows more
	turnedAway   = 100 * time.Millisecond // how long writing a refusal may take
	acceptPause  = 10 * time.Millisecond  // after Accept has failed for a moment
)

// Limits counts connections in all and by source. A source is an IPv4 address, or an IPv6 network of 64 bits, because one
// customer has all addresses of such a network. Limits is safe for concurrent use.
type Limits struct {
	most, each int
	exempt     func(net.Addr) bool // proxies, because many buyers come through one
	no         Refusals

	mu     sync.Mutex
	all    int
	from   map[netip.Addr]int
	turned uint64 // away
}

// Refusals is the raw answers to a connection too many: of its source (Here), or in all.
type Refusals struct{ Here, All []byte }

// Most is how many connections there may be at a time.
func (s *Limits) Most() int { return s.most }

// Count is how many connections are open, and how many were ever turned away.
func (s *Limits) Count() (open, refused uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return uint64(s.all), s.turned
}

// NewLimits computes the limits from the number of files that this process may open.
func NewLimits(exempt func(net.Addr) bool, no Refusals) *Limits {
	var files syscall.Rlimit
	_ = syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files) // cannot fail: the resource is known, and the memory is ours
	most := max(int(min(files.Cur, FilesMost))-otherFiles, 4)
	return &Limits{most: most, each: min(maxPerSource, most/4), exempt: exempt, no: no, from: map[netip.Addr]int{}}
}

// sourceOf is the source of a connection.
func sourceOf(peer net.Addr) netip.Addr {
	tcp, ok := peer.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	addr := tcp.AddrPort().Addr().Unmap().WithZone("")
	if addr.Is6() {
		p, _ := addr.Prefix(64) // has 64 bits: cannot fail
		return p.Addr()
	}
	return addr
}

// enter counts a connection until leave is called. If a limit is reached, no is the answer.
func (s *Limits) enter(peer net.Addr) (leave func(), no []byte) {
	source, free := sourceOf(peer), s.exempt(peer)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !free && s.from[source] >= s.each:
		s.turned++
		return nil, s.no.Here
	case s.all >= s.most:
		s.turned++
		return nil, s.no.All
	}
	s.all++
	if !free {
		s.from[source]++
	}
	return func() { s.leave(source, free) }, nil
}

func (s *Limits) leave(source netip.Addr, free bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	if free {
		return
	}
	if s.from[source]--; s.from[source] == 0 {
		delete(s.from, source)
	}
}

// Listener is l within the limits. fasthttp's MaxConnsPerIP counts only IPv4. fasthttp's server ends when the process is out of
// files, and without limits one client with enough connections could cause that.
func (s *Limits) Listener(l net.Listener) net.Listener { return admitting{l, s.admit} }

// admitting is a listener that may turn connections away.
type admitting struct {
	net.Listener
	admit func(net.Conn) net.Conn // nil: the connection was turned away
}

// Accept returns the next connection that was not turned away. It fails only if the listener is closed or broken.
func (l admitting) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		switch {
		case err == nil:
			if c = l.admit(c); c != nil {
				return c, nil
			}
		case passing(err):
			time.Sleep(acceptPause)
		default:
			return nil, err
		}
	}
}

// passing says that accepting failed only for a moment, or only for one connection.
func passing(err error) bool {
	errno, is := errors.AsType[syscall.Errno](err)
	return is && slices.Contains([]syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM,
		syscall.ECONNABORTED, syscall.EPROTO, syscall.EPERM}, errno)
}

// admit counts the connection. If a limit is reached, it writes the refusal, closes the connection, and returns nil. A refusal
// fits into the kernel's buffer, so the write does not wait.
func (s *Limits) admit(c net.Conn) net.Conn {
	leave, no := s.enter(c.RemoteAddr())
	if no == nil {
		return &countedConn{Conn: c, leave: leave}
	}
	_ = c.SetWriteDeadline(time.Now().Add(turnedAway))
	_, _ = c.Write(no)
	_ = c.Close()
	return nil
}

// countedConn counts until it is closed.
type countedConn struct {
	net.Conn
	leave func()
	left  sync.Once
}

// SyscallConn is the connection's own. It fails with ErrUnsupported if the connection has none.
func (c *countedConn) SyscallConn() (syscall.RawConn, error) {
	if s, ok := c.Conn.(syscall.Conn); ok {
		return s.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

func (c *countedConn) Close() error {
	err := c.Conn.Close()
	c.left.Do(c.leave)
	return err
}
