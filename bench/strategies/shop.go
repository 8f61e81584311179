package strategies

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"spike/bench"
	"spike/bench/check"
	"spike/bench/crowd"
	"spike/bench/peers"
	"spike/bench/rig"
	"spike/luascripts/ledger"
)

// Stock says where the units are, by the strategy's own data. If Paid exceeds Units, the rest was oversold.
type Stock struct {
	Units  int64 `json:"units"`
	Paid   int64 `json:"paid"`    // orders paid for
	Stuck  int64 `json:"stuck"`   // units that are neither paid for nor on sale
	OnSale int64 `json:"on_sale"` // units the next buyer can have
}

// Oversold is how many buyers have paid and get nothing: they are owed a refund.
func (s Stock) Oversold() int64 { return max(0, s.Paid-s.Units) }

// check checks that every unit is in one place.
func (s Stock) check() error {
	if s.Paid < 0 || s.Stuck < 0 || s.OnSale < 0 || min(s.Paid, s.Units)+s.Stuck+s.OnSale != s.Units {
		return fmt.Errorf("the units do not add up: %+v", s)
	}
	return nil
}

// shop is a running strategy: an edge with its order worker, or a server of orders.
type shop struct {
	*rig.Site
	Options
	program, strategy string
	d                 *Database
}

func (o Options) open(ctx context.Context, program, strategy, dir string, d *Database) (s *shop, err error) {
	s = &shop{Options: o, program: program, strategy: strategy, d: d}
	if strategy == PreDeduct {
		s.Site, err = rig.Open(ctx, rig.SiteOptions{Binary: program, Dir: dir, Units: o.Units, Database: d.url,
			Make: []string{"--hold", o.Hold.String()}, Servers: []rig.Options{{Args: []string{"--ack", "edge"}}}})
		return s, err
	}
	server, err := d.Serve(ctx, strategy, o.Units, o.Pool, rig.Options{Binary: program, Dir: dir})
	s.Site = &rig.Site{Servers: []*rig.Server{server}}
	return s, err
}

// pay is where the owner of a token pays.
func (s *shop) pay(token string) (url string) {
	if s.strategy == PreDeduct {
		return s.Servers[0].AdminURL("/api/v1/reservations/" + token + "/confirm")
	}
	return "http://" + s.Servers[0].Addr + "/pay/" + token
}

// count asks the ledger, or reads the rows of the database.
func (s *shop) count(ctx context.Context) (at Stock, err error) {
	at.Units = s.Units
	if s.strategy == PreDeduct { // an edge sells its leased units; units that are pending or in limbo cannot be bought now
		a, err := s.audit(ctx)
		at.Paid, at.Stuck, at.OnSale = int64(a.Confirmed), int64(a.Pending+a.Limbo), int64(a.Free+a.Leased)
		return at, err
	}
	var pending int64
	err = s.d.db.QueryRow(ctx, `SELECT count(*) FILTER (WHERE state = 'paid'), count(*) FILTER (WHERE state = 'pending'),
		(SELECT remaining FROM stock) FROM orders`).Scan(&at.Paid, &pending, &at.OnSale)
	at.OnSale = max(0, at.OnSale)
	if s.strategy == peers.OrderFirst { // an unpaid order keeps a unit, which the order has deducted
		at.Stuck = pending
	}
	return at, err
}

func (s *shop) audit(ctx context.Context) (a ledger.Audit, err error) {
	if a, err = check.Audit(ctx, s.program, s.Redis.Addr); err == nil && !a.OK {
		err = fmt.Errorf("audit: %+v: not every unit is there once", a)
	}
	return a, err
}

// settle waits until the database has every order as the ledger has it, each paid one with a serial of its own. Where there is
// no ledger, a buyer has heard its answer after the commit.
func (s *shop) settle(ctx context.Context) error {
	if s.strategy != PreDeduct {
		return nil
	}
	a, err := s.audit(ctx)
	if err != nil {
		return err
	}
	const every, limit = 250 * time.Millisecond, 20 * time.Second
	for deadline := time.Now().Add(limit); ; {
		var confirmed, pending uint64
		err := s.d.db.QueryRow(ctx, `SELECT count(DISTINCT serial) FILTER (WHERE state = 'confirmed'),
			count(*) FILTER (WHERE state = 'pending') FROM orders`).Scan(&confirmed, &pending)
		if err != nil || confirmed == a.Confirmed && pending == a.Pending {
			return err
		}
		if time.Now().After(deadline) || !bench.Sleep(ctx, every) {
			return fmt.Errorf("orders: the database has %d paid and %d pending, the ledger %d and %d",
				confirmed, pending, a.Confirmed, a.Pending)
		}
	}
}

// Database is a database of a turn's own, and our view of it.
type Database struct {
	url string
	db  *pgx.Conn
}

// OpenPostgres starts a PostgreSQL at its default durability, below a folder that its user may enter: see [rig.Room].
func OpenPostgres(ctx context.Context, dir string) (*rig.Postgres, error) {
	pg, err := rig.NewPostgres(ctx, rig.PostgresOptions{Dir: dir,
		Settings: []string{"shared_buffers=128MB", fmt.Sprintf("max_connections=%d", 2*peers.MaxPool+20)}})
	if err != nil {
		return nil, err
	}
	return pg, pg.Start(ctx)
}

// OpenDatabase makes a database.
func OpenDatabase(ctx context.Context, pg *rig.Postgres, name string) (d *Database, err error) {
	if err = pg.Create(ctx, name); err != nil {
		return nil, err
	}
	d = &Database{url: pg.URL(name)}
	if d.db, err = pgx.Connect(ctx, d.url); err != nil {
		return nil, fmt.Errorf("look into the database: %w", err)
	}
	return d, nil
}

// Close ends our view. The database stays.
func (d *Database) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = d.db.Close(ctx)
}

// Serve starts a server of orders, which keeps its stock of so many units here. o has its program, folder and arguments.
func (d *Database) Serve(ctx context.Context, strategy string, units int64, pool int, o rig.Options) (*rig.Server, error) {
	_, err := d.db.Exec(ctx, peers.Schema)
	if err == nil {
		_, err = d.db.Exec(ctx, `INSERT INTO stock (sale, remaining) VALUES ($1, $2)`, rig.Sale, units)
	}
	if err != nil {
		return nil, fmt.Errorf("stock the database: %w", err)
	}
	o.Env, o.Args = []string{"SPIKE_DB=" + d.url}, []string{"--pool", strconv.Itoa(pool)}
	return rig.StartServer(ctx, rig.Peer(strategy), o)
}

// Number reads one number.
func (d *Database) Number(ctx context.Context, sql string, args ...any) (n int64, err error) {
	if err = d.db.QueryRow(ctx, sql, args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("look into the database: %w", err)
	}
	return n, nil
}

// Writes is what a database did, by its own counters.
type Writes struct {
	Inserted     int64 `json:"inserted"` // rows, those of transactions that were rolled back too
	Updated      int64 `json:"updated"`
	Deleted      int64 `json:"deleted"`
	Transactions int64 `json:"transactions"` // of readers too
}

// Rows written.
func (w Writes) Rows() int64 { return w.Inserted + w.Updated + w.Deleted }

func (w Writes) since(before Writes) Writes {
	return Writes{w.Inserted - before.Inserted, w.Updated - before.Updated, w.Deleted - before.Deleted,
		w.Transactions - before.Transactions}
}

// writes returns the database's counters once they stand still: its servers report them now and then, and when a connection
// ends.
func (d *Database) writes(ctx context.Context) (now Writes, err error) {
	const every, limit = 200 * time.Millisecond, 5 * time.Second
	deadline := time.Now().Add(limit)
	for last := int64(-1); ; last = now.Rows() {
		err = d.db.QueryRow(ctx, `SELECT coalesce(sum(n_tup_ins), 0)::bigint, coalesce(sum(n_tup_upd), 0)::bigint,
			coalesce(sum(n_tup_del), 0)::bigint, (SELECT xact_commit + xact_rollback FROM pg_stat_database
			WHERE datname = current_database()) FROM pg_stat_user_tables WHERE relname NOT LIKE '%migrations'`).
			Scan(&now.Inserted, &now.Updated, &now.Deleted, &now.Transactions)
		if err != nil {
			return now, fmt.Errorf("statistics of the database: %w", err)
		}
		if now.Rows() == last || time.Now().After(deadline) {
			return now, nil
		}
		if !bench.Sleep(ctx, every) {
			return now, ctx.Err()
		}
	}
}

// till finds the winners among the answers and sends their payments, each at its own time.
type till struct {
	ctx    context.Context
	o      Options
	url    func(token string) string
	client *http.Client

	won     atomic.Int64
	paid    atomic.Int64 // payments taken
	refused atomic.Int64 // payments answered, and not taken
	failed  atomic.Int64 // payments without an answer, or with one that cannot be read
	due     sync.WaitGroup
}

const (
	payConnections = 512 // enough that no payer waits for another's answer, which would change the result
	payTimeout     = 10 * time.Second
	payTries       = 3
	payPause       = 100 * time.Millisecond

	// How long after the answer a payer pays, at least and at most.
	payAtLeast = 50 * time.Millisecond
	payAtMost  = 500 * time.Millisecond
)

func newTill(ctx context.Context, o Options, url func(token string) string) *till {
	return &till{ctx: ctx, o: o, url: url, client: &http.Client{Timeout: payTimeout,
		Transport: &http.Transport{MaxConnsPerHost: payConnections, MaxIdleConnsPerHost: payConnections}}}
}

// close waits for the payments and closes the connections.
func (t *till) close() {
	t.due.Wait()
	t.client.CloseIdleConnections()
}

// winner says whether the k-th winner ever pays, and how long after the answer. The seed decides that.
func (o Options) winner(k int64) (pays bool, after time.Duration) {
	r := rand.New(rand.NewPCG(o.Seed, uint64(k)))
	pays = r.IntN(100) >= o.NeverPay
	return pays, payAtLeast + time.Duration(r.Int64N(int64(payAtMost-payAtLeast)+1))
}

// note hears an answer.
func (t *till) note(a crowd.Answer) {
	if code, _ := a.Code(); a.Status != http.StatusOK || code != 1 {
		return
	}
	k := t.won.Add(1) - 1
	won, err := a.Reservation()
	if err != nil {
		t.failed.Add(1)
		return
	}
	if pays, after := t.o.winner(k); pays {
		t.due.Go(func() { t.pay(won.Token, after) })
	}
}

// pay sends a payment when it is due. Like a payment service, it sends the payment again if it gets no answer, or "not now".
// In all three strategies a repeated payment counts once.
func (t *till) pay(token string, after time.Duration) {
	for range payTries {
		if !bench.Sleep(t.ctx, after) {
			break
		}
		status, err := t.post(t.url(token))
		switch {
		case err != nil || status == http.StatusServiceUnavailable:
			after = payPause
		case status == http.StatusOK:
			t.paid.Add(1)
			return
		default:
			t.refused.Add(1)
			return
		}
	}
	t.failed.Add(1)
}

func (t *till) post(url string) (status int, err error) {
	req, err := http.NewRequestWithContext(t.ctx, http.MethodPost, url, nil)
	if err != nil {
		return 0, err
	}
	resp, err := t.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}
