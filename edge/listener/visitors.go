package listener

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
)

// A connection to the operators' side is a stranger until one of its requests has shown the token. If there are too many
// strangers, a new one takes the room of another one, which is closed. So connections without the token never keep out one with
// it.

// Limits on connections to the operators' side.
const (
	StrangersMost = otherFiles / 4 // strangers
	strangersEach = otherFiles / 8 // strangers of one source
	knownMost     = otherFiles / 4 // connections that have shown the token; more of them stay strangers
)

// Visitors are the connections of the operators' side. Safe for concurrent use.
type Visitors struct {
	exempt func(net.Addr) bool // from strangersEach

	mu        sync.Mutex
	strangers []*visitor // oldest first
	known     int
}

// NewVisitors exempts peers from the limit of one source.
func NewVisitors(exempt func(net.Addr) bool) *Visitors { return &Visitors{exempt: exempt} }

// Listener is l with its connections as visitors.
func (v *Visitors) Listener(l net.Listener) net.Listener {
	return admitting{l, func(c net.Conn) net.Conn { return v.enter(c) }}
}

// visitor is one connection.
type visitor struct {
	net.Conn
	all    *Visitors
	source netip.Addr
	once   sync.Once

	known bool // its lock is all.mu
}

// Count is how many connections there are.
func (v *Visitors) Count() (strangers, known int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.strangers), v.known
}

// enter adds a connection as a stranger. If there are too many, it closes the oldest one of the same source, or of the source
// with the most strangers.
func (v *Visitors) enter(c net.Conn) *visitor {
	peer := c.RemoteAddr()
	fresh := &visitor{Conn: c, all: v, source: sourceOf(peer)}
	v.mu.Lock()
	from := map[netip.Addr]int{}
	for _, s := range v.strangers {
		from[s.source]++
	}
	var out *visitor
	switch {
	case !v.exempt(peer) && from[fresh.source] >= strangersEach:
		out = v.strangers[slices.IndexFunc(v.strangers, func(s *visitor) bool { return s.source == fresh.source })]
	case len(v.strangers) >= StrangersMost:
		out = slices.MaxFunc(v.strangers, func(a, b *visitor) int { return cmp.Compare(from[a.source], from[b.source]) })
	}
	v.remove(out)
	v.strangers = append(v.strangers, fresh)
	v.mu.Unlock()
	if out != nil {
		_ = out.Close()
	}
	return fresh
}

func (v *Visitors) remove(one *visitor) {
	v.strangers = slices.DeleteFunc(v.strangers, func(s *visitor) bool { return s == one })
}

// recognise makes a stranger that has shown the token a known connection.
func (c *visitor) recognise() {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	if c.known || c.all.known >= knownMost || !slices.Contains(c.all.strangers, c) {
		return
	}
	c.known = true
	c.all.known++
	c.all.remove(c)
}

// Close closes the connection. The first Close removes it from the visitors.
func (c *visitor) Close() error {
	c.once.Do(func() {
		c.all.mu.Lock()
		defer c.all.mu.Unlock()
		if c.known {
			c.all.known--
			return
		}
		c.all.remove(c)
	})
	return c.Conn.Close()
}

type visitorKey struct{}

// Keep is a server's ConnContext. It keeps the connection in the context for Recognise.
func Keep(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, visitorKey{}, c)
}

// Recognise notes that the connection in ctx has shown the token.
func Recognise(ctx context.Context) {
	if c, ok := ctx.Value(visitorKey{}).(*visitor); ok {
		c.recognise()
	}
}
