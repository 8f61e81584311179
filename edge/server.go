package edge

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"github.com/valyala/fasthttp"

	"spike/edge/identity"
	"spike/edge/listener"
	"spike/edge/token"
	"spike/luascripts"
)

// Limits of one connection and one request. A buy is a line and a few headers.
const (
	maxHeader   = 8 << 10
	maxBody     = 16 << 10
	readTimeout = 10 * time.Second // a whole request
	sendTimeout = 10 * time.Second
	lingerFor   = 200 * time.Millisecond // answering who is connected, after that
	idleTimeout = 60 * time.Second       // between requests; nginx gives a connection up at 30 s
)

// Server is one edge.
type Server struct {
	cfg       Config
	store     luascripts.Store
	log       zerolog.Logger
	sales     *Sales
	signer    *token.Signer
	article   *voice
	v1        *voice
	who       *identity.Who
	refusals  *identity.Refusals
	cors      *cors // nil: pages of other sites are not let in
	inFlight  inFlight
	decisions *decisions

	reservations *reservations
	snapshots    *snapshots
	document     *document
	pulse        pulse

	life             context.Context // ends when the edge stops selling
	ready            atomic.Bool
	draining         atomic.Bool
	unknownUndecided atomic.Uint64
}

// ErrConfig is a setting that cannot be used.
var ErrConfig = errors.New("configuration")

// ErrListen says that an address cannot be listened on.
var ErrListen = listener.ErrListen

// Run serves until ctx ends, then stops gracefully: not ready, no new connections, answer what was asked, settle, give
// back. Errors wrap ErrListen or luascripts.ErrDown.
func Run(ctx context.Context, cfg Config, store luascripts.Store, log zerolog.Logger) error {
	cfg.begin()
	keys, err := cfg.tokenKeys(ctx, store)
	if err != nil {
		return err
	}
	life, die := context.WithCancel(context.WithoutCancel(ctx))
	defer die()
	data, err := openData(cfg.Data)
	if err != nil {
		return err
	}
	defer data.close()
	if err = data.belongs(ctx, store); err != nil {
		return err
	}
	s := newServer(life, cfg, store, data, log, keys...)
	if s.decisions, err = openDecisions(cfg.Decisions); err != nil {
		return err
	}
	defer s.decisions.close()
	buyers, err := listener.Listen(cfg.Listen)
	if err != nil {
		return err
	}
	admin, err := s.listenAdmin()
	if err != nil {
		_ = buyers.Close()
		return err
	}
	return s.serve(ctx, die, buyers, admin)
}

func newServer(life context.Context, cfg Config, store luascripts.Store, data *dataDir, log zerolog.Logger, keys ...[]byte) *Server {
	s := &Server{cfg: cfg, store: store, log: log, sales: newSales(life, cfg, store, data, log), signer: token.NewSigner(keys...),
		article: newArticle(cfg.Lang), v1: newV1(), who: identity.NewWho(cfg.Trusted, cfg.JWT), refusals: identity.NewRefusals(log),
		cors: newCORS(cfg.Origins), document: newDocument(cfg.Version), life: life}
	s.reservations = newReservations(life, store, s.signer, newBirths(life, store, s.sales))
	s.snapshots = newSnapshots(life, store, s.sales)
	return s
}

// tokenKeys are the configured ones, or the one key in the store.
func (c *Config) tokenKeys(ctx context.Context, store luascripts.Store) ([][]byte, error) {
	if len(c.TokenKeys) > 0 {
		return c.TokenKeys, nil
	}
	key, err := store.TokenKey(ctx)
	if err != nil {
		return nil, fmt.Errorf("token key: %w", err)
	}
	return [][]byte{key}, nil
}

// serve owns every goroutine of the edge: fasthttp's end with Shutdown, the admin's with Close, the sales' with die.
func (s *Server) serve(ctx context.Context, die func(), buyers *net.TCPListener, admin net.Listener) error {
	front := s.front()
	ended := make(chan error, 2)
	door, limits := listener.NewLastCall(buyers), listener.NewLimits(s.who.Trusts, tooMany)
	if limits.Most() < listener.Few {
		s.log.Warn().Int("connections", limits.Most()).Msg("this process may open few files (ulimit -n): so many connections at most, a quarter of them from one address")
	}
	go func() { ended <- front.Serve(listener.Coarse{Listener: listener.NewLimited(door, limits)}) }()
	back := s.back()
	if admin != nil {
		go func() { ended <- back.Serve(visitors().Listener(admin)) }()
	}
	s.sales.running.start(func() { s.sales.data.recoverAll(s.life, s.store, s.log) })
	s.sales.running.start(s.sales.listen)
	s.sales.running.start(s.heed)
	s.sales.running.start(func() { _, _ = s.store.List(s.life) }) // it looks for sales that no index has, before a token asks
	s.sales.running.start(s.watch)
	s.sales.running.start(s.nurse)
	s.ready.Store(true)
	s.log.Info().Str("listen", buyers.Addr().String()).Str("admin", s.cfg.Admin).Str("node", s.cfg.Node).
		Str("ack", string(s.cfg.Ack)).Msg("edge is up")
	var err error
	select {
	case <-ctx.Done():
	case err = <-ended:
	}
	s.ready.Store(false)
	s.draining.Store(true)
	s.log.Info().Msg("edge stops: draining")
	time.Sleep(s.cfg.Drain) // whoever asks is answered, and told to go elsewhere
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.Grace)
	defer cancel()
	if e := door.Finish(drain); e != nil {
		s.log.Warn().Err(e).Msg("who comes as the listener closes may be reset")
	}
	time.Sleep(min(lingerFor, s.cfg.Grace)) // nginx hears that it is refused, before connections that it keeps are closed
	if e := front.ShutdownWithContext(drain); e != nil {
		s.log.Warn().Err(e).Msg("some connections did not end")
	}
	die()
	s.sales.running.end()
	_ = back.Close()
	if left := s.sales.unsettled.Load(); left != nil {
		return errors.Join(err, *left)
	}
	s.log.Info().Msg("edge has stopped: settled and given back")
	return err
}

func (s *Server) front() *fasthttp.Server {
	return &fasthttp.Server{
		Handler: s.handle, HeaderReceived: framing, ErrorHandler: s.malformed, Name: "spike", ReadBufferSize: maxHeader,
		MaxRequestBodySize: maxBody, ReadTimeout: readTimeout, WriteTimeout: sendTimeout, IdleTimeout: idleTimeout,
		LazyRequestTime: true, CloseOnShutdown: true, NoDefaultContentType: true, Logger: quiet{}, Concurrency: listener.FilesMost,
	}
}

// quiet drops what fasthttp says of connections that strangers broke; malformed requests are answered, not logged.
type quiet struct{}

func (quiet) Printf(string, ...any) {}

// malformed answers what fasthttp could not read.
func (s *Server) malformed(ctx *fasthttp.RequestCtx, err error) {
	var small *fasthttp.ErrSmallBuffer
	var timeout net.Error
	switch {
	case errors.As(err, &small):
		problem(ctx, fasthttp.StatusRequestHeaderFieldsTooLarge, "header_too_large", "headers are at most 8 KiB")
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		problem(ctx, fasthttp.StatusRequestEntityTooLarge, "body_too_large", "bodies are at most 16 KiB")
	case errors.As(err, &timeout) && timeout.Timeout():
		problem(ctx, fasthttp.StatusRequestTimeout, "too_slow", "the request did not come whole in time")
	default:
		problem(ctx, fasthttp.StatusBadRequest, "malformed", "this is not an HTTP request")
	}
	forbidStoring(ctx)
}

// newNonce is 53 random bits, which Lua's numbers hold exactly.
func newNonce() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return binary.BigEndian.Uint64(b[:]) >> 11
}
