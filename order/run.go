package order

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"spike/luascripts/beater"
	"spike/luascripts/ledger"
	"spike/order/operators"
)

// Store is the part of a store that a worker uses.
type Store interface {
	ledger.Events
	List(ctx context.Context) ([]string, error)
	Show(ctx context.Context, sale string) (ledger.ShowReply, error)
	Marks(ctx context.Context, sales []string) (marks []ledger.Mark, history string, err error)
	Tend(ctx context.Context, sale string, r ledger.TendRequest) (ledger.TendReply, error)
	Willing(ctx context.Context) error
	beater.Store
}

// Worker is one process that stores orders and ends holds. Several workers may share one store and one database.
type Worker struct {
	cfg   Config
	pace  pace
	store Store
	repo  Repository // nil: it only ends holds, and reads no stream
	log   zerolog.Logger
	group ledger.Group

	storeHealth    *healthLog
	databaseHealth *healthLog
	meters         *meters
	supervisor     *supervisor
	sender         *sender // nil: no webhook
	pulse          *operators.Pulse

	storing  chan struct{}   // permits to have a batch in the making
	sweeping chan struct{}   // permits to sweep
	migrated chan struct{}   // closed once the tables exist and the group is this database's
	grace    context.Context // for events in hand: it ends a little after the worker is told to end
	binding  binding
	stumbled atomic.Uint64 // failures of the database
	parked   atomic.Int64  // parked orders in the database, at the newest count
	stopping atomic.Bool
	parkLog  zerolog.Logger
}

// maxSweeps is how many calls for holds and figures are under way at once.
const maxSweeps = 16

// Run works until ctx ends, then stores the batches in hand. Without a repository it only ends holds. The store and the database
// may be away, at the start too: Run logs it, tries again, and loses nothing. Errors wrap ErrConfig or operators.ErrAdmin.
func Run(ctx context.Context, cfg Config, store Store, repo Repository, log zerolog.Logger) error {
	if err := cfg.begin(); err != nil {
		return err
	}
	if repo == nil && cfg.Webhook != "" {
		return fmt.Errorf("%w: webhooks need a database", ErrConfig)
	}
	w, err := newWorker(cfg, store, repo, log)
	if err != nil {
		return err
	}
	if cfg.Registry != nil {
		if err := cfg.Registry.Register(w.meters); err != nil {
			return fmt.Errorf("orders: metrics: %w", err)
		}
		defer cfg.Registry.Unregister(w.meters)
	}
	admin, err := operators.Listen(cfg.Admin, cfg.AdminTokens)
	if err != nil {
		return err
	}
	return w.run(ctx, admin)
}

func newWorker(cfg Config, store Store, repo Repository, log zerolog.Logger) (*Worker, error) {
	w := &Worker{cfg: cfg, pace: *cfg.pace, store: store, repo: repo, log: log,
		group:       ledger.Group{Name: ledger.OrdersGroup, Consumer: rand.Text()},
		storeHealth: newHealthLog(log, "store"), databaseHealth: newHealthLog(log, "database"),
		sweeping: make(chan struct{}, maxSweeps), migrated: make(chan struct{}),
		parkLog: log.Sample(&zerolog.BurstSampler{Burst: 20, Period: time.Minute})}
	w.supervisor = newSupervisor(w)
	w.meters, w.pulse = newMeters(w), operators.NewPulse(w.probe)
	if repo == nil {
		return w, nil
	}
	w.storing = make(chan struct{}, repo.Writers())
	if cfg.Webhook == "" {
		return w, nil
	}
	var err error
	w.sender, err = newSender(w)
	return w, err
}

// run owns every goroutine of the worker. The listener's goroutine ends with Close, at the very end, and then the
// beater's. All others end with ctx: the
// pulse, the migration that then keeps the group, the sender, the one that tries parked orders again, the look at marks, and each
// sale's consumer and sweeper. They end as well, with an error, when the orders turn out to be another database's.
func (w *Worker) run(life context.Context, admin net.Listener) error {
	ctx, end := context.WithCancelCause(life)
	defer end(nil)
	grace, over := context.WithCancel(context.WithoutCancel(ctx))
	defer over()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(w.pace.lastTry, over) })()
	w.grace = grace
	defer context.AfterFunc(ctx, func() { w.stopping.Store(true) })()
	defer w.beater().Begin()()
	defer w.side().Serve(admin)()
	if w.cfg.Up != nil {
		w.cfg.Up(operators.Addr(admin))
	}
	var working sync.WaitGroup
	if w.repo != nil {
		working.Go(func() { w.pulse.Watch(ctx, w.log, "orders are not stored", w.unready) })
		working.Go(func() {
			if w.migrate(ctx) {
				end(w.keepGroup(ctx))
			}
		})
		working.Go(func() { w.tryAgain(ctx) })
	}
	if w.sender != nil {
		working.Go(func() { w.sender.run(ctx) })
	}
	w.logState("order worker is up")
	w.supervisor.run(ctx)
	working.Wait()
	w.logState("order worker has stopped")
	if cause := context.Cause(ctx); errors.Is(cause, ErrConfig) {
		return cause
	}
	return nil
}

// logState logs only where there are orders to store. An edge's operator did not ask for a worker that only ends holds.
func (w *Worker) logState(what string) {
	if w.repo != nil {
		w.log.Info().Str("admin", w.cfg.Admin).Bool("webhook", w.sender != nil).Msg(what)
	}
}

// migrate makes the tables, however long the database is away; false: the worker ends.
func (w *Worker) migrate(ctx context.Context) bool {
	for n := 1; ; n++ {
		err := w.repo.Migrate(ctx)
		if ctx.Err() != nil {
			return false
		}
		w.databaseHealth.note("migration", err)
		if err == nil {
			return true
		}
		if !sleep(ctx, backoff(w.pace.retry, w.pace.retryMost, n)) {
			return false
		}
	}
}
