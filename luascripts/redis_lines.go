package luascripts

import (
	"context"
	"crypto/tls"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"spike/luascripts/ledger"
)

// The address of a service may move to another server while the old server lives on as its replica. The old server answers,
// so its connections do not break, but it refuses to write. Then every connection is closed, and the next one looks the name
// up again.

// elsewhere are the refusals of a server that may no longer be the one that takes writes.
var elsewhere = []string{"READONLY", "MASTERDOWN", "NOREPLICAS", "LOADING", "UNBLOCKED"}

const (
	renewAfter = time.Second      // of refusals, and again after as many more: the address may not have moved yet
	refusedFor = 15 * time.Second // refusals further apart than this are not in a row
)

// lines are a client's connections. They are safe for concurrent use.
type lines struct {
	mu    sync.Mutex
	open  map[*line]struct{}
	since time.Time // of the first refusal in a row
	last  time.Time
}

type line struct {
	net.Conn
	of *lines
}

// through makes a client dial through these lines.
func (l *lines) through(o *rueidis.ClientOption) {
	dial := o.DialCtxFn
	if dial == nil {
		dial = dialTCP
	}
	o.DialCtxFn = func(ctx context.Context, addr string, d *net.Dialer, t *tls.Config) (net.Conn, error) {
		c, err := dial(ctx, addr, d, t)
		if err != nil {
			return nil, err
		}
		return l.keep(c), nil
	}
}

func dialTCP(ctx context.Context, addr string, d *net.Dialer, t *tls.Config) (net.Conn, error) {
	if t != nil {
		return (&tls.Dialer{NetDialer: d, Config: t}).DialContext(ctx, "tcp", addr)
	}
	return d.DialContext(ctx, "tcp", addr)
}

func (l *lines) keep(c net.Conn) *line {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		l.open = map[*line]struct{}{}
	}
	one := &line{c, l}
	l.open[one] = struct{}{}
	return one
}

// Close closes the connection and forgets it.
func (c *line) Close() error {
	c.of.mu.Lock()
	delete(c.of.open, c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}

// heard notes an error reply of a server.
func (l *lines) heard(u *ledger.ServerError) {
	if slices.Contains(elsewhere, u.Code()) {
		l.refused()
	}
}

// refused closes all connections if the server has refused for a while. A call that waits on one fails with ErrDown, as on
// any broken connection.
func (l *lines) refused() {
	now := time.Now()
	l.mu.Lock()
	if now.Sub(l.last) > refusedFor {
		l.since = now
	}
	l.last = now
	var all map[*line]struct{}
	if now.Sub(l.since) >= renewAfter {
		all, l.open, l.since = l.open, nil, now
	}
	l.mu.Unlock()
	for c := range all {
		_ = c.Conn.Close()
	}
}
