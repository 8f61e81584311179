package oracle

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Who knocks at the operators' side is a stranger until a request of his has shown the token. Strangers have so many places, and
// whoever comes when all are taken gets that of another one: who has the token is never kept out by who has not.

const (
	strangersMost = otherFiles / 4 // places for them
	strangersEach = otherFiles / 8 // for those of one source
	knownMost     = otherFiles / 4 // connections on which the token was shown; more than that stay strangers
)

// visitors are the connections of the operators' side. Safe for concurrent use.
type visitors struct {
	exempt func(net.Addr) bool // from strangersEach

	mu        sync.Mutex
	strangers []*visitor // as they came
	known     int
}

func newVisitors() *visitors { return &visitors{exempt: NewWho(TrustedByDefault(), nil).trusts} }

// visitor is one of them.
type visitor struct {
	net.Conn
	all    *visitors
	source netip.Addr
	free   bool
	once   sync.Once

	known bool // under the lock of all
}

// enter gives a connection a place, perhaps another one's.
func (v *visitors) enter(c net.Conn) *visitor {
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
	case len(v.strangers) >= strangersMost:
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
func (v *visitors) largest() netip.Addr {
	from := map[netip.Addr]int{}
	for _, s := range v.strangers {
		from[s.source]++
	}
	return slices.MaxFunc(v.strangers, func(a, b *visitor) int { return cmp.Compare(from[a.source], from[b.source]) }).source
}

// oldest is the stranger of a source who came first.
func (v *visitors) oldest(source netip.Addr) *visitor {
	return v.strangers[slices.IndexFunc(v.strangers, func(s *visitor) bool { return s.source == source })]
}

func (v *visitors) remove(one *visitor) {
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
	all *visitors
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

// back is the operators' side as a server.
func (s *Server) back() *http.Server {
	return &http.Server{Handler: s.recognising(s.adminHandler()), ReadHeaderTimeout: readTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeader, ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, visitorKey{}, c)
		}}
}

// recognising looks at the token as soon as the headers have come: who shows it and sends a body is not kept waiting for a place.
func (s *Server) recognising(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(visitorKey{}).(*visitor); ok && s.mayEnter(r) == nil {
			c.recognise()
		}
		next.ServeHTTP(w, r)
	})
}
