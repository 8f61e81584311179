package edge

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/valyala/fasthttp"

	"spike/edge/ringdir"
	"spike/luascripts/ledger"
	"spike/shard"
)

// shelf is a store that grants and settles everything, so that only the edge is under test.
type shelf struct {
	ledger.Store
	mu      sync.Mutex
	next    uint32
	left    uint64
	opens   int64
	settles chan struct{} // nothing is settled before it is closed; nil: everything is settled at once
}

func (s *shelf) head() ledger.Head {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now().UnixMicro()
	h := ledger.Head{Raw: now, Now: now, Birth: 7, Total: 1 << 31, Free: s.left, Leased: 1, Hold: 300e6, Opens: s.opens}
	if s.opens > now {
		h.State = ledger.Unopened
	}
	return h
}

func (s *shelf) Renew(_ context.Context, _ string, q ledger.RenewRequest) (ledger.RenewReply, error) {
	out := ledger.RenewReply{Head: s.head(), Deadlines: make([]int64, len(q.Fences))}
	for i := range out.Deadlines {
		out.Deadlines[i] = out.Now + 5e6
	}
	return out, nil
}

func (s *shelf) Lease(_ context.Context, _ string, q ledger.LeaseRequest) (ledger.LeaseReply, error) {
	s.mu.Lock()
	n := min(s.left, 1<<22)
	s.left -= n
	s.mu.Unlock()
	out := ledger.LeaseReply{Head: s.head()}
	if n > 0 {
		out.Grant = ledger.Grant{Fence: q.Request, Deadline: out.Now + 5e6, Hold: out.Hold,
			Ranges: ledger.Ranges{shard.Range{Start: s.next + 1, End: s.next + 1 + uint32(n)}}}
		s.next += uint32(n)
	}
	return out, nil
}

func (s *shelf) Settle(ctx context.Context, _ string, q ledger.SettleRequest) (ledger.SettleReply, error) {
	if s.settles != nil {
		select {
		case <-s.settles:
		case <-ctx.Done():
			return ledger.SettleReply{}, ledger.ErrDown
		}
	}
	return ledger.SettleReply{Head: s.head(), Verdicts: make([]ledger.Verdict, len(q.Claims))}, nil
}

func (s *shelf) GiveBack(context.Context, string, ledger.GiveBackRequest) (ledger.GiveBackReply, error) {
	return ledger.GiveBackReply{Head: s.head()}, nil
}

func testConfig() Config {
	return Config{Node: "test", Ack: AckEdge, Lang: "zh", Lease: 5 * time.Second, Grace: time.Second, Bounds: ledger.DefaultBounds()}
}

// testServer is an edge without listeners. It ends with the test.
func testServer(t testing.TB, cfg Config, store ledger.Store) *Server {
	t.Helper()
	return loggingServer(t, cfg, store, zerolog.Nop())
}

func loggingServer(t testing.TB, cfg Config, store ledger.Store, log zerolog.Logger) *Server {
	t.Helper()
	life, die := context.WithCancel(context.Background())
	s := newServer(life, cfg, store, &ringdir.Dir{}, log, make([]byte, 32))
	t.Cleanup(func() { die(); s.sales.Running.End() })
	return s
}

// buyer is a connection's context, used again and again as fasthttp does.
func buyer(uri string) *fasthttp.RequestCtx {
	ctx := &fasthttp.RequestCtx{}
	ctx.Request.SetRequestURI(uri)
	ctx.Request.Header.SetRequestURI(uri)
	return ctx
}

func (s *Server) serveOne(ctx *fasthttp.RequestCtx) {
	ctx.Response.Reset()
	s.handle(ctx)
}

func BenchmarkBuy(b *testing.B) {
	for name, stock := range map[string]uint64{"won": 1 << 30, "soldout": 1} {
		b.Run(name, func(b *testing.B) {
			s := testServer(b, testConfig(), &shelf{left: stock})
			ctx := buyer("/buy/ticket")
			for range 200 {
				s.serveOne(ctx)
			}
			b.ReportAllocs()
			for b.Loop() {
				s.serveOne(ctx)
			}
		})
	}
}
