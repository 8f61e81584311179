package listener

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Who knocks at the operators' side is a stranger until a request of his has shown the token. Strangers have so many places, and
// whoever comes when all are taken gets that of another one: who has the token is never kept out by who has not.

// How many of them there may be.
const (
	StrangersMost = otherFiles / 4 // places for them
	strangersEach = otherFiles / 8 // for those of one source
	knownMost     = otherFiles / 4 // connections on which the token was shown; more than that stay strangers
)

// Visitors are the connections of the operators' side. Safe for concurrent use.
type Visitors struct {
	exempt func(net.Addr) bool // from strangersEach

	mu        sync.Mutex
	strangers []*visitor // as they came
	known     int
}

// NewVisitors has one source's limit not hold for who is exempt.
func NewVisitors(exempt func(net.Addr) bool) *Visitors { return &Visitors{exempt: exempt} }

// Listener lets in everybody, into a place of theirs.
func (v *Visitors) Listener(l net.Listener) net.Listener { return visitorsListener{l, v} }

// visitor is one of them.
type visitor struct {
	net.Conn
	all    *Visitors
	source netip.Addr
	free   bool
	once   sync.Once

	known bool // under the lock of all
}

// Count is how many connections there are.
func (v *Visitors) Count() (strangers, known int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.strangers), v.known
}

// enter gives a connection a place, perhaps another one's.
func (v *Visitors) enter(c net.Conn) *visitor {
	peer := c.RemoteAddr()
	fresh := &visitor{Conn: c, all: v, source: sourceOf(peer), free: v.exempt(peer)}
	v.mu.Lock()
	from := 0
	for _, other := range v.strangers {
		if other.source == fresh.source {
			from++
		}
	}
	var out *visitor
	switch {
	case !fresh.free && from >= strangersEach:
		out = v.oldest(fresh.source)
	case len(v.strangers) >= StrangersMost:
		out = v.oldest(v.largest())
	}
	if out != nil {
		v.remove(out)
	}
	v.strangers = append(v.strangers, fresh)
	v.mu.Unlock()
	if out != nil {
		_ = out.Close()
	}
	return fresh
}

// largest is the source with the most strangers.
func (v *Visitors) largest() netip.Addr {
	from := map[netip.Addr]int{}
	for _, s := range v.strangers {
		from[s.source]++
	}
	return slices.MaxFunc(v.strangers, func(a, b *visitor) int { return cmp.Compare(from[a.source], from[b.source]) }).source
}

// oldest is the stranger of a source who came first.
func (v *Visitors) oldest(source netip.Addr) *visitor {
	return v.strangers[slices.IndexFunc(v.strangers, func(s *visitor) bool { return s.source == source })]
}

func (v *Visitors) remove(one *visitor) {
	v.strangers = slices.DeleteFunc(v.strangers, func(s *visitor) bool { return s == one })
}

// recognise keeps a place of its own for who has shown the token.
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

// Close gives the place back, the first time.
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

// visitorsListener lets in everybody.
type visitorsListener struct {
	net.Listener
	all *Visitors
}

func (l visitorsListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		switch {
		case err == nil:
			return l.all.enter(c), nil
		case passing(err):
			time.Sleep(acceptPause)
		default:
			return nil, err
		}
	}
}

type visitorKey struct{}

// Keep is a server's ConnContext: Recognise finds the connection in it.
func Keep(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, visitorKey{}, c)
}

// Recognise is told that the token was shown on the connection that ctx keeps.
func Recognise(ctx context.Context) {
	if c, ok := ctx.Value(visitorKey{}).(*visitor); ok {
		c.recognise()
	}
}
