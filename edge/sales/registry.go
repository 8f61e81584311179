package sales

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"spike/edge/allotment"
	"spike/edge/ringdir"
	"spike/luascripts/ledger"
	"spike/shard/latency"
)

// Store is the part of a store that sales need.
type Store interface {
	ringdir.Store
	ledger.Draws
}

// Config is the settings of a Registry.
type Config struct {
	Store    Store
	Rings    *ringdir.Dir
	Log      zerolog.Logger
	Sells    func(sale string) bool
	Instance string // this process
	Node     string // for people
	Lease    time.Duration
	Grace    time.Duration // for settling and giving back at the end
	Bounds   ledger.Bounds
	EarlyAck bool // a buyer hears of its win before the ledger does, if the sale allows it
}

// Registry has the sales that are open on this edge, and the goroutines that run them.
type Registry struct {
	Running Group // ends with life

	cfg       Config
	life      context.Context
	clock     allotment.Clock
	open      atomic.Pointer[map[string]*Sale]
	looks     *lookup[string, *Sale]
	mines     semaphore     // of Mine
	opened    atomic.Uint64 // number of sales opened so far
	mu        sync.Mutex    // held to change open
	unsettled atomic.Pointer[error]
	lost      atomic.Uint64 // claims of sales that have ended
	unasked   unasked
	endedMu   sync.Mutex
	won, rest latency.Counts // of sales that have ended
}

// NewRegistry is a Registry without open sales. Its sales end when life does.
func NewRegistry(life context.Context, cfg Config) *Registry {
	s := &Registry{cfg: cfg, life: life, clock: allotment.SystemClock(), mines: make(semaphore, maxLookups)}
	s.open.Store(&map[string]*Sale{})
	s.looks = newLookup(&lookup[string, *Sale]{Life: life, Ask: s.look, Lasts: refusedLasts,
		Known: func(name string) (*Sale, bool) { sale := s.All()[name]; return sale, sale != nil },
		Keep:  func(string, *Sale) {}}) // look has published it
	return s
}

// Get finds an open sale, or nil. It takes no lock and does no I/O. The name may be a buffer that is used again.
func (s *Registry) Get(name []byte) *Sale { return (*s.open.Load())[string(name)] }

// All is the sales open now.
func (s *Registry) All() map[string]*Sale { return *s.open.Load() }

// Lost is how many claims of sales that have ended here the store refused.
func (s *Registry) Lost() uint64 { return s.lost.Load() }

// Times is how long answers took in sales that have ended here.
func (s *Registry) Times() (won, rest latency.Counts) {
	s.endedMu.Lock()
	defer s.endedMu.Unlock()
	return s.won, s.rest
}

func (s *Registry) keepTimes(of *Times) {
	s.endedMu.Lock()
	defer s.endedMu.Unlock()
	s.won.Add(of.Won())
	s.rest.Add(of.Rest())
}

// Unsettled says which sale could not settle everything before the end, or is nil.
func (s *Registry) Unsettled() error {
	if left := s.unsettled.Load(); left != nil {
		return *left
	}
	return nil
}

// Find finds a sale, and opens it if it is not open here.
func (s *Registry) Find(name string) (*Sale, error) {
	if err := s.Allows(name); err != nil {
		return nil, err
	}
	return s.looks.Find(name)
}

// Allows says whether this edge may sell a sale of that name.
func (s *Registry) Allows(name string) error {
	if err := ledger.CheckName(name); err != nil {
		return err
	}
	if !s.cfg.Sells(name) {
		return ledger.ErrNoSale
	}
	return nil
}

// look looks at a sale in the store, which adopts a hash made by hand, and opens it.
func (s *Registry) look(name string) (*Sale, error) {
	reply, err := s.renew(name, ledger.Party{Instance: s.cfg.Instance, Node: s.cfg.Node})
	if err != nil {
		if !errors.Is(err, ledger.ErrNoSale) {
			s.cfg.Log.Error().Err(err).Str("sale", name).Msg("cannot sell")
		}
		return nil, err
	}
	// Each opening is a new instance, because its requests and nonces begin anew.
	instance := fmt.Sprintf("%s.%d", s.cfg.Instance, s.opened.Add(1))
	sale := &Sale{Name: name, Birth: reply.Birth, Hold: reply.Hold, Limit: reply.Limit, Tally: newTally(),
		AcksBeforeLedger: s.cfg.EarlyAck && reply.Limit == 0, rings: s.cfg.Rings.Rings(name, instance, s.cfg.Node, reply.Birth)}
	sale.gathers = sync.OnceValue(func() *gathers {
		return &gathers{s.newDeducts(sale), s.newDeducts(sale), s.newDeducts(sale), s.newLooks(sale), s.newEntries(sale)}
	})
	life, end := context.WithCancel(s.life)
	sale.end = end
	sale.Runner = allotment.New(allotment.Config{Sale: name, Instance: instance, Node: s.cfg.Node,
		Term: s.cfg.Lease, Bounds: s.cfg.Bounds, Demand: sale.Tally.Total,
		Notice: s.noticer(name)}, s.cfg.Store, s.clock, reply.Head, sale.rings)
	if !s.Running.Start(func() { s.run(life, sale) }) {
		end()
		return nil, s.life.Err()
	}
	s.publish(func(m map[string]*Sale) { m[name] = sale })
	s.cfg.Log.Info().Str("sale", name).Uint64("total", reply.Total).Uint64("free", reply.Free).Msg("selling")
	return sale, nil
}

func (s *Registry) renew(name string, as ledger.Party) (ledger.RenewReply, error) {
	return s.cfg.Store.Renew(s.life, name, ledger.RenewRequest{Term: s.cfg.Lease, Party: as})
}

// noticer logs when a sale's trouble comes and when it is over.
func (s *Registry) noticer(sale string) func(was, is *allotment.Trouble) {
	return func(was, is *allotment.Trouble) {
		if is == nil {
			s.cfg.Log.Info().Str("sale", sale).Str("was", was.Why).Msg("trouble is over")
		} else {
			s.cfg.Log.Error().Str("sale", sale).Str("why", is.Why).Msg("trouble: no new units")
		}
	}
}

// run runs the sale until this edge stops or the sale is gone.
func (s *Registry) run(life context.Context, sale *Sale) {
	defer sale.end()
	err := sale.Run(life, s.cfg.Grace)
	failed := errors.Is(err, allotment.ErrRing)
	if errors.Is(err, allotment.ErrUnsettled) {
		err = fmt.Errorf("sale %s: %w", sale.Name, err)
		s.unsettled.Store(&err)
	} else if e := s.cfg.Rings.End(sale.rings, err != nil && sale.Lost() > 0, failed); e != nil && !failed {
		s.cfg.Log.Error().Err(e).Str("sale", sale.Name).Msg("its ring")
	}
	s.Drop(sale)
	s.lost.Add(sale.Lost())
	s.keepTimes(&sale.Times)
	switch {
	case failed:
		s.cfg.Log.Error().Err(err).Str("sale", sale.Name).Str("file", sale.rings.Path()).
			Msg("sale ended here, and begins anew: its ring's file was cut short, or its disk is full")
	case err != nil:
		s.cfg.Log.Warn().Err(err).Str("sale", sale.Name).Uint64("claims_lost", sale.Lost()).Msg("sale ended here")
	case sale.Lost() > 0:
		s.cfg.Log.Error().Str("sale", sale.Name).Uint64("claims_lost", sale.Lost()).Msg("buyers hold dead tokens")
	}
}

// Recover settles the claims that earlier processes left behind.
func (s *Registry) Recover() { s.cfg.Rings.RecoverAll(s.life, s.cfg.Store, s.cfg.Log) }

// Listen passes the store's news to the open sales, until the edge stops.
func (s *Registry) Listen() {
	s.cfg.Store.News(s.life, func(name string, door ledger.State) {
		if sale := s.All()[name]; sale != nil {
			sale.Hear(allotment.News{Door: door})
		}
		s.unasked.hear(name, door)
	}, func() {
		for _, sale := range s.All() {
			sale.Hear(allotment.News{Unsure: true})
		}
	})
}

// Drop forgets a sale that has ended here or in the ledger. Another sale that is open under its name by now stays.
func (s *Registry) Drop(sale *Sale) {
	sale.end()
	s.publish(func(m map[string]*Sale) {
		if m[sale.Name] == sale {
			delete(m, sale.Name)
		}
	})
}

func (s *Registry) publish(change func(map[string]*Sale)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := maps.Clone(s.All())
	change(next)
	s.open.Store(&next)
}
