// Package listener has what stands between the kernel and a server: connections whose deadlines cost nothing, limits by source, a
// place for who has shown the operators' token, and an end that resets nobody. It knows nothing of what is served.
package listener

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
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

// How many connections there may be at a time. Each is a file, and a process has only so many of them.
const (
	maxPerSource = 4096    // or a quarter of all, where that is less
	otherFiles   = 256     // kept for the store, the rings, the operators
	Few          = 4096    // connections or less are said at the start
	FilesMost    = 1 << 20 // however many the system allows
	fewFiles     = 1024    // taken for the limit where the system does not tell
	turnedAway   = 100 * time.Millisecond
	acceptPause  = 10 * time.Millisecond
)

// Limits counts connections, by where they come from: an IPv4 address, or an IPv6 network of 64 bits, of which one
// customer has all addresses. Safe for concurrent use.
type Limits struct {
	most, each int
	exempt     func(net.Addr) bool // proxies: many buyers come through one
	no         Refusals

	mu   sync.Mutex
	all  int
	from map[netip.Addr]int
}

// Refusals are the raw answers to who is one too many: of its source, or of all.
type Refusals struct{ Here, All []byte }

// Most is how many connections there may be at a time.
func (s *Limits) Most() int { return s.most }

// NewLimits shares out what the system lets this process open.
func NewLimits(exempt func(net.Addr) bool, no Refusals) *Limits {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		files.Cur = fewFiles
	}
	most := max(int(min(files.Cur, FilesMost))-otherFiles, 4)
	return &Limits{most: most, each: min(maxPerSource, most/4), exempt: exempt, no: no, from: map[netip.Addr]int{}}
}

// sourceOf is whom a connection counts for.
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

// enter counts a connection until leave is called, or says why not.
func (s *Limits) enter(peer net.Addr) (leave func(), no []byte) {
	source, free := sourceOf(peer), s.exempt(peer)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !free && s.from[source] >= s.each:
		return nil, s.no.Here
	case s.all >= s.most:
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

// Limited lets no source take all connections. fasthttp's MaxConnsPerIP counts IPv4 only, and its server ends when
// the process is out of files, which whoever holds enough connections could bring about.
type Limited struct {
	net.Listener
	limits *Limits
}

// NewLimited lets in what limits lets in.
func NewLimited(l net.Listener, limits *Limits) Limited { return Limited{l, limits} }

// Accept gives the next connection that may be. It fails only when the listener is closed, or broken.
func (l Limited) Accept() (net.Conn, error) {
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

// passing says that accepting failed for want of something that comes back, or for that one connection.
func passing(err error) bool {
	for _, e := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED,
		syscall.EPROTO, syscall.EPERM} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// admit counts the connection, or answers it and hangs up: nil. An answer fits the kernel's buffer, so nobody waits.
func (l Limited) admit(c net.Conn) net.Conn {
	leave, no := l.limits.enter(c.RemoteAddr())
	if no == nil {
		return &countedConn{Conn: c, leave: leave}
	}
	_ = c.SetWriteDeadline(time.Now().Add(turnedAway))
	_, _ = c.Write(no)
	_ = c.Close()
	return nil
}

// countedConn counts until it is closed, the first time.
type countedConn struct {
	net.Conn
	leave  func()
	closed atomic.Bool
}

// SyscallConn is that of the connection; nil, ErrUnsupported: it has none.
func (c *countedConn) SyscallConn() (syscall.RawConn, error) {
	if s, ok := c.Conn.(syscall.Conn); ok {
		return s.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

func (c *countedConn) Close() error {
	err := c.Conn.Close()
	if c.closed.CompareAndSwap(false, true) {
		c.leave()
	}
	return err
}
