package strategies

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"spike/bench"
)

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

// book is our own view of a run's database.
type book struct{ db *pgx.Conn }

func openBook(ctx context.Context, url string) (*book, error) {
	db, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("look into the database: %w", err)
	}
	return &book{db}, nil
}

func (b *book) close() {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	_ = b.db.Close(ctx)
}

// stock makes the tables of the strategies that use only the database, and the units.
func (b *book) stock(ctx context.Context, units int64) error {
	_, err := b.db.Exec(ctx, schema)
	if err == nil {
		_, err = b.db.Exec(ctx, `INSERT INTO stock (sale, remaining) VALUES ($1, $2)`, sale, units)
	}
	if err != nil {
		return fmt.Errorf("stock the database: %w", err)
	}
	return nil
}

// number reads one number.
func (b *book) number(ctx context.Context, sql string, args ...any) (n int64, err error) {
	if err = b.db.QueryRow(ctx, sql, args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("look into the database: %w", err)
	}
	return n, nil
}

const (
	writesEvery = 200 * time.Millisecond
	writesLimit = 5 * time.Second
)

// writes returns the database's counters once they stand still: its servers report them now and then, and when a connection
// ends.
func (b *book) writes(ctx context.Context) (Writes, error) {
	deadline := time.Now().Add(writesLimit)
	var last Writes
	for first := true; ; first = false {
		now, err := b.readWrites(ctx)
		quiet := !first && now.Rows() == last.Rows()
		if err != nil || quiet || time.Now().After(deadline) {
			return now, err
		}
		last = now
		if !bench.Sleep(ctx, writesEvery) {
			return now, ctx.Err()
		}
	}
}

func (b *book) readWrites(ctx context.Context) (w Writes, err error) {
	err = b.db.QueryRow(ctx, `SELECT coalesce(sum(n_tup_ins), 0)::bigint, coalesce(sum(n_tup_upd), 0)::bigint,
		coalesce(sum(n_tup_del), 0)::bigint FROM pg_stat_user_tables WHERE relname NOT LIKE '%migrations'`).
		Scan(&w.Inserted, &w.Updated, &w.Deleted)
	if err == nil {
		w.Transactions, err = b.number(ctx,
			`SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()`)
	}
	if err != nil {
		return w, fmt.Errorf("statistics of the database: %w", err)
	}
	return w, nil
}
