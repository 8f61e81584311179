package oracle

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/bits"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"spike/edge/allotment"
	"spike/luascripts"
)

// Sale is one sale as this edge sells it.
type Sale struct {
	name   string
	birth  uint64
	hold   int64  // microseconds; 0: sold is sold
	limit  uint64 // units per buyer; 0: none
	atOnce bool   // buyers are told before the ledger is
	*allotment.Runner
	tally tally

	rings      allotment.RingMaker // to be ended when the sale has ended here
	end        func()              // sells no more; what was sold is settled, if there is still a ledger for it
	localSales atomic.Uint64       // wins here: the article's counter, kept for the decision log
	shortage   atomic.Pointer[short]
	opening    atomic.Pointer[opening]
	entries    entries       // of the draw, where lots are drawn
	deducting  chan struct{} // buys that wait in Deduct
	asking     chan struct{} // and those under a key
	waiting    atomic.Int64  // buys that wait for a lease
}

// Limits of looking for sales: a crowd that asks for names that do not exist must not become a crowd at Redis.
const (
	maxLookups = 64                     // at once
	lookWait   = time.Second            // for one's turn
	maxMissing = 4096                   // names remembered as missing
	missFor    = 250 * time.Millisecond // and for how long
)

// Sales are the sales this edge knows. A sale is opened by its first buyer.
type Sales struct {
	cfg   Config
	store luascripts.Store
	data  *dataDir
	clock allotment.Clock
	log   zerolog.Logger
	open  atomic.Pointer[map[string]*Sale]

	places    chan struct{} // for those who ask the store
	opened    atomic.Uint64 // so many sales
	mu        sync.Mutex
	looking   map[string]*lookup
	missing   map[string]miss
	running   crew
	life      context.Context
	unsettled atomic.Pointer[error] // what a sale could not settle before the end
	lost      atomic.Uint64         // claims of sales that have ended
}

type lookup struct {
	done chan struct{}
	sale *Sale
	err  error
}

type miss struct {
	err   error
	until time.Time
}

// errBusy: too many unknown names are being looked up already.
var errBusy = errors.New("too many look-ups")

func newSales(life context.Context, cfg Config, store luascripts.Store, data *dataDir, log zerolog.Logger) *Sales {
	s := &Sales{cfg: cfg, store: store, data: data, clock: allotment.SystemClock(), log: log, life: life,
		places: make(chan struct{}, maxLookups), looking: map[string]*lookup{}, missing: map[string]miss{}}
	s.open.Store(&map[string]*Sale{})
	return s
}

// get is the hot path's look: no lock, no I/O. The name may be a buffer that is used again.
func (s *Sales) get(name []byte) *Sale { return (*s.open.Load())[string(name)] }

// all is the sales open now.
func (s *Sales) all() map[string]*Sale { return *s.open.Load() }

// find opens a sale this edge has not sold yet. Callers who ask for the same name share one call to the store.
func (s *Sales) find(ctx context.Context, name string) (*Sale, error) {
	if err := luascripts.CheckName(name); err != nil {
		return nil, err
	}
	if !s.cfg.sells(name) {
		return nil, luascripts.ErrNoSale
	}
	l, mine, err := s.join(name)
	if err != nil || l.done == nil { // known already; else sale is the looker's to write, until done
		return l.sale, err
	}
	if mine {
		l.sale, l.err = s.lookInTurn(name)
		s.leave(name, l)
	}
	select {
	case <-l.done:
		return l.sale, l.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// join finds out what is known of a name, or who is looking; mine: nobody, so the caller must.
func (s *Sales) join(name string) (l *lookup, mine bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sale := s.all()[name]; sale != nil {
		return &lookup{sale: sale}, false, nil
	}
	if l = s.looking[name]; l != nil {
		return l, false, nil
	}
	if m, ok := s.missing[name]; ok && time.Now().Before(m.until) {
		return &lookup{}, false, m.err
	}
	l = &lookup{done: make(chan struct{})}
	s.looking[name] = l
	return l, true, nil
}

func (s *Sales) leave(name string, l *lookup) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.looking, name)
	var refusal *luascripts.Refusal
	if errors.As(l.err, &refusal) {
		if len(s.missing) >= maxMissing {
			clear(s.missing)
		}
		s.missing[name] = miss{l.err, time.Now().Add(missFor)}
	}
	close(l.done)
}

// lookInTurn waits for one of the few places from which the store is asked.
func (s *Sales) lookInTurn(name string) (*Sale, error) {
	select {
	case s.places <- struct{}{}:
		defer func() { <-s.places }()
		return s.look(name)
	case <-time.After(lookWait):
		return nil, errBusy
	case <-s.life.Done():
		return nil, s.life.Err()
	}
}

// look asks the store, which adopts a hash made by hand, and opens the sale.
func (s *Sales) look(name string) (*Sale, error) {
	reply, err := s.store.Renew(s.life, name, luascripts.RenewRequest{Term: s.cfg.Lease,
		Party: luascripts.Party{Instance: s.cfg.instance, Node: s.cfg.Node}})
	if err != nil {
		if !errors.Is(err, luascripts.ErrNoSale) {
			s.log.Error().Err(err).Str("sale", name).Msg("cannot sell")
		}
		return nil, err
	}
	sale := &Sale{name: name, birth: reply.Birth, hold: reply.Hold, limit: reply.Limit,
		atOnce: s.cfg.Ack == AckEdge && reply.Limit == 0, deducting: make(chan struct{}, maxDeducting), asking: make(chan struct{}, maxDeducting),
		tally: make(tally, 1<<bits.Len(uint(runtime.GOMAXPROCS(0)-1)))}
	instance := fmt.Sprintf("%s.%d", s.cfg.instance, s.opened.Add(1)) // a sale that comes back begins anew: requests, nonces
	sale.rings = s.data.rings(name, instance, s.cfg.Node, reply.Birth)
	life, end := context.WithCancel(s.life)
	sale.end = end
	sale.Runner = allotment.New(allotment.Config{Sale: name, Instance: instance, Node: s.cfg.Node,
		Term: s.cfg.Lease, Bounds: s.cfg.Bounds, Demand: sale.tally.total,
		Notice: s.noticer(name)}, s.store, s.clock, reply.Head, sale.rings)
	if !s.running.start(func() { s.run(life, sale) }) {
		end()
		return nil, s.life.Err()
	}
	s.publish(func(m map[string]*Sale) { m[name] = sale })
	s.log.Info().Str("sale", name).Uint64("total", reply.Total).Uint64("free", reply.Free).Msg("selling")
	return sale, nil
}

// noticer logs a sale's trouble as it comes and goes.
func (s *Sales) noticer(sale string) func(was, is string) {
	return func(was, is string) {
		if is == "" {
			s.log.Info().Str("sale", sale).Str("was", was).Msg("trouble is over")
		} else {
			s.log.Error().Str("sale", sale).Str("why", is).Msg("trouble: no new units")
		}
	}
}

// run keeps the sale until this edge stops or the sale is gone.
func (s *Sales) run(life context.Context, sale *Sale) {
	defer sale.end()
	err := sale.Run(life, s.cfg.Grace)
	if errors.Is(err, allotment.ErrUnsettled) {
		err = fmt.Errorf("sale %s: %w", sale.name, err)
		s.unsettled.Store(&err)
	} else {
		failed := errors.Is(err, allotment.ErrRing)
		if e := s.data.endRings(sale.rings, err != nil && sale.Lost() > 0, failed); e != nil && !failed {
			s.log.Error().Err(e).Str("sale", sale.name).Msg("its ring")
		}
	}
	s.drop(sale)
	s.lost.Add(sale.Lost())
	switch {
	case errors.Is(err, allotment.ErrRing):
		s.log.Error().Err(err).Str("sale", sale.name).Str("file", s.data.name(sale.rings)).
			Msg("sale ended here, and begins anew: its ring's file was cut short, or its disk is full")
	case err != nil:
		s.log.Warn().Err(err).Str("sale", sale.name).Uint64("claims_lost", sale.Lost()).Msg("sale ended here")
	case sale.Lost() > 0:
		s.log.Error().Str("sale", sale.name).Uint64("claims_lost", sale.Lost()).Msg("buyers hold dead tokens")
	}
}

// listen passes the store's news on to the sales open here, until the edge stops.
func (s *Sales) listen() {
	s.store.News(s.life, func(name string, door luascripts.State) {
		if sale := s.all()[name]; sale != nil {
			sale.Hear(allotment.News{Door: door})
		}
	}, func() {
		for _, sale := range s.all() {
			sale.Hear(allotment.News{Unsure: true})
		}
	})
}

// drop forgets a sale that has ended here or in the ledger, unless its name stands for another by now.
func (s *Sales) drop(sale *Sale) {
	sale.end()
	s.publish(func(m map[string]*Sale) {
		if m[sale.name] == sale {
			delete(m, sale.name)
		}
	})
}

func (s *Sales) publish(change func(map[string]*Sale)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := maps.Clone(s.all())
	change(next)
	s.open.Store(&next)
}
