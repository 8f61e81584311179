package edge

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"github.com/valyala/fasthttp"

	"spike/edge/admin"
	"spike/edge/answer"
	"spike/edge/buy"
	"spike/edge/dashboard"
	"spike/edge/identity"
	"spike/edge/listener"
	"spike/edge/ringdir"
	"spike/edge/sales"
	"spike/edge/token"
	"spike/luascripts/beater"
	"spike/order/operators"
)

const lingerFor = 200 * time.Millisecond // how long connections are still served after the listener was closed

// Store is the part of a store that an edge uses.
type Store interface {
	sales.Store
	admin.Store
	dashboard.Store
	TokenKey(ctx context.Context) ([]byte, error)
	Willing(ctx context.Context) error
	beater.Store
}

// Server is one edge.
type Server struct {
	cfg       Config
	instance  string // random
	store     Store
	log       zerolog.Logger
	sales     *sales.Registry
	seller    *buy.Seller
	article   *answer.Format
	wire      *answer.Wire // of article
	v1        *answer.Format
	signer    *token.Signer
	who       *identity.Who
	refusals  identity.Refusals
	cors      cors // none: pages of other sites may not buy
	decisions *decisions

	generations *sales.Generations
	snapshots   *sales.Snapshots
	document    *document
	pulse       *operators.Pulse // checks the store
	looker      *dashboard.Looker
	limits      *listener.Limits // of buyers' connections

	life             context.Context // ends when the edge stops selling
	ready            atomic.Bool
	draining         atomic.Bool
	unknownUndecided atomic.Uint64
	eras             atomic.Uint64 // cuts of the store's history that were seen
	ended            tallies       // reservations, by what became of them
}

// ErrConfig is a setting that cannot be used.
var ErrConfig = errors.New("configuration")

// ErrListen says that an address cannot be listened on.
var ErrListen = listener.ErrListen

// Run serves until ctx ends. Then it stops gracefully: it is not ready, takes no new connections, answers open requests, settles,
// and gives back. Its errors wrap ErrListen, operators.ErrAdmin or ledger.ErrDown.
func Run(ctx context.Context, cfg Config, store Store, log zerolog.Logger) error {
	keys, err := cfg.tokenKeys(ctx, store)
	if err != nil {
		return err
	}
	life, die := context.WithCancel(context.WithoutCancel(ctx))
	defer die()
	rings, err := ringdir.Open(cfg.Data)
	if err == nil {
		defer rings.Close()
		err = rings.Belongs(ctx, store)
	}
	if errors.Is(err, ringdir.ErrData) {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if err != nil {
		return err
	}
	s := newServer(life, cfg, store, rings, log, keys...)
	if s.decisions, err = openDecisions(cfg.Decisions); err != nil {
		return err
	}
	defer s.decisions.finish()
	buyers := cfg.Socket
	if buyers == nil {
		if buyers, err = listener.Listen(cfg.Listen); err != nil {
			return err
		}
	}
	side, err := admin.Listen(cfg.Admin, cfg.AdminTokens)
	if err != nil {
		_ = buyers.Close()
		return err
	}
	return s.serveUntil(ctx, die, buyers, side)
}

func newServer(life context.Context, cfg Config, store Store, rings *ringdir.Dir, log zerolog.Logger, keys ...[]byte) *Server {
	s := &Server{cfg: cfg, instance: rand.Text(), store: store, log: log, signer: token.NewSigner(keys...),
		who:      identity.NewWho(cfg.Trusted, cfg.JWT),
		refusals: identity.NewRefusals(log), cors: cfg.Origins, document: newDocument(cfg.Version), life: life, decisions: &decisions{}}
	s.sales = sales.NewRegistry(life, sales.Config{Store: store, Rings: rings, Log: log, Sells: cfg.sells, Instance: s.instance,
		Node: cfg.Node, Lease: cfg.Lease, Grace: cfg.Grace, Bounds: cfg.Bounds, EarlyAck: cfg.Ack == AckEdge})
	s.pulse, s.limits = operators.NewPulse(store.Willing), listener.NewLimits(s.who.Trusts, tooMany)
	s.looker = dashboard.NewLooker(dashboard.Config{Store: store, Kind: cfg.StoreKind, Address: cfg.StoreAddress,
		Version: cfg.Version, Bounds: cfg.Bounds, Log: log})
	s.seller = buy.NewSeller(life)
	s.article, s.v1 = answer.Article(cfg.Lang, s.signer, cfg.Again), answer.V1(s.signer, cfg.Again)
	s.wire = answer.NewWire(s.article, serverName, func(r *fasthttp.Response) { s.finish(&fasthttp.Request{}, r) })
	s.snapshots, s.generations = sales.NewSnapshots(s.sales), sales.NewGenerations(s.sales)
	return s
}

// tokenKeys is the configured keys, or the one key in the store.
func (c *Config) tokenKeys(ctx context.Context, store Store) ([][]byte, error) {
	if len(c.TokenKeys) > 0 {
		return c.TokenKeys, nil
	}
	key, err := store.TokenKey(ctx)
	if err != nil {
		return nil, fmt.Errorf("token key: %w", err)
	}
	return [][]byte{key}, nil
}

// serveUntil owns every goroutine of the edge. fasthttp's goroutines end with Shutdown, the operators' with Close, the sales'
// with die, the beater's with silence.
func (s *Server) serveUntil(ctx context.Context, die func(), buyers *net.TCPListener, side net.Listener) error {
	front := s.front()
	ended := make(chan error, 2)
	entry, limits := listener.NewLastCall(buyers, s.cfg.Socket != nil), s.limits
	if limits.Most() < listener.Few {
		s.log.Warn().Int("connections", limits.Most()).
			Msg("this process may open few files (ulimit -n): so many connections at most, a quarter of them from one address")
	}
	go func() {
		ended <- front.Serve(listener.Coarse{Listener: limits.Listener(entry), Plain: s.answerPlain})
	}()
	back := s.operators().Server()
	if side != nil {
		go func() { ended <- back.Serve(side) }()
	}
	for _, work := range []func(){
		s.sales.Recover, s.sales.Listen, s.takeChanges, s.keepDate,
		func() { s.each(examineEvery, s.examineTrouble) },
		func() { s.looker.Run(s.life) },
		func() { s.pulse.Watch(s.life, s.log, "buyers hear 503", s.unwell) },
		func() { s.sales.FindNames(s.life) }, // finds sales that no index has, too, before a token asks for them
	} {
		s.sales.Running.Start(work)
	}
	s.ready.Store(true)
	silence := s.beater().Begin() // until the very end: an edge that gives back is there
	s.log.Info().Str("listen", buyers.Addr().String()).Str("admin", s.cfg.Admin).Str("node", s.cfg.Node).
		Str("ack", string(s.cfg.Ack)).Bool("handed_over", s.cfg.Socket != nil).Msg("edge is up")
	if s.cfg.Up != nil {
		s.cfg.Up(buyers.Addr(), operators.Addr(side))
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-ended:
	}
	s.drain(context.WithoutCancel(ctx), front, entry)
	die()
	s.sales.Running.End()
	_ = back.Close()
	silence()
	if left := s.sales.Unsettled(); left != nil {
		return errors.Join(err, left)
	}
	s.log.Info().Msg("edge has stopped: settled and given back")
	return err
}

// drain answers the buyers who have come, and lets nobody else in.
func (s *Server) drain(ctx context.Context, front *fasthttp.Server, entry *listener.LastCall) {
	s.ready.Store(false)
	s.draining.Store(true)
	s.log.Info().Msg("edge stops: draining")
	time.Sleep(s.cfg.Drain) // requests are answered, with Connection: close
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Grace)
	defer cancel()
	if err := entry.Finish(ctx); err != nil {
		s.log.Warn().Err(err).Msg("connections that come as the listener closes may be reset")
	}
	time.Sleep(min(lingerFor, s.cfg.Grace)) // nginx must see a refused connection before its kept connections close
	if err := front.ShutdownWithContext(ctx); err != nil {
		s.log.Warn().Err(err).Msg("some connections did not end")
	}
}

const serverName = "spike"

func (s *Server) front() *fasthttp.Server {
	return &fasthttp.Server{
		Handler: s.handle, HeaderReceived: framing, ErrorHandler: unread, Name: serverName,
		ReadBufferSize: listener.MaxHeader, MaxRequestBodySize: listener.MaxBody, Concurrency: listener.FilesMost,
		ReadTimeout: listener.ReadTimeout, WriteTimeout: listener.SendTimeout, IdleTimeout: listener.IdleTimeout,
		LazyRequestTime: true, CloseOnShutdown: true, ReduceMemoryUsage: true, NoDefaultContentType: true, Logger: quiet{},
	}
}

// keepDate keeps the date of wire's answers.
func (s *Server) keepDate() { s.each(time.Second, s.wire.Tick) }

// each does something at every tick, until the edge stops selling.
func (s *Server) each(every time.Duration, do func(now time.Time)) {
	tick := time.Tick(every)
	for {
		select {
		case <-s.life.Done():
			return
		case now := <-tick:
			do(now)
		}
	}
}

// tooMany answers connections beyond a limit.
var tooMany = listener.Refusals{
	Here: answer.NewProblem(429, "too_many_connections", "there are too many connections from your address").Soon().Raw(),
	All:  answer.NewProblem(503, "too_many_connections", "there are too many connections").Soon().Raw(),
}

// operators is the operators' side.
func (s *Server) operators() *admin.Side {
	return &admin.Side{Store: s.store, Log: s.log, Tokens: s.cfg.AdminTokens, Ready: s.unready, Document: s.document,
		Confirm: s.confirm, Prolong: s.prolong, Release: s.release, Metrics: s.registry(), Pages: dashboard.Pages(),
		Looks: s.looker.Routes()}
}

// quiet drops fasthttp's log, which anybody could fill by broken connections. Malformed requests are answered, not logged.
type quiet struct{}

func (quiet) Printf(string, ...any) {}
