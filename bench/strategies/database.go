package strategies

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"spike/bench"
	"spike/bench/peers"
	"spike/bench/rig"
)

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
func OpenDatabase(ctx context.Context, pg *rig.Postgres, name string) (*Database, error) {
	if err := pg.Create(ctx, name); err != nil {
		return nil, err
	}
	d := &Database{url: pg.URL(name)}
	var err error
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

const (
	writesEvery = 200 * time.Millisecond
	writesLimit = 5 * time.Second
)

// writes returns the database's counters once they stand still: its servers report them now and then, and when a connection
// ends.
func (d *Database) writes(ctx context.Context) (now Writes, err error) {
	deadline := time.Now().Add(writesLimit)
	for last := int64(-1); ; last = now.Rows() {
		if now, err = d.readWrites(ctx); err != nil || now.Rows() == last || time.Now().After(deadline) {
			return now, err
		}
		if !bench.Sleep(ctx, writesEvery) {
			return now, ctx.Err()
		}
	}
}

func (d *Database) readWrites(ctx context.Context) (w Writes, err error) {
	err = d.db.QueryRow(ctx, `SELECT coalesce(sum(n_tup_ins), 0)::bigint, coalesce(sum(n_tup_upd), 0)::bigint,
		coalesce(sum(n_tup_del), 0)::bigint, (SELECT xact_commit + xact_rollback FROM pg_stat_database
		WHERE datname = current_database()) FROM pg_stat_user_tables WHERE relname NOT LIKE '%migrations'`).
		Scan(&w.Inserted, &w.Updated, &w.Deleted, &w.Transactions)
	if err != nil {
		return w, fmt.Errorf("statistics of the database: %w", err)
	}
	return w, nil
}
