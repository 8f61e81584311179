package order

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

const (
	postgresWriters = 8
	connectTimeout  = 5 * time.Second
)

// postgres is the book that several workers share.
type postgres struct {
	pool   *pgxpool.Pool
	upsert string
}

func openPostgres(url string) (Book, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("%w: the database is not postgres://USER:PASS@HOST:PORT/DB", ErrConfig)
	}
	if !strings.Contains(url, "pool_max_conns") {
		cfg.MaxConns = postgresWriters + 2 // the sender, and who asks whether it is there
	}
	if cfg.ConnConfig.ConnectTimeout == 0 {
		cfg.ConnConfig.ConnectTimeout = connectTimeout
	}
	pool, err := pgxpool.NewWithConfig(context.Background(), cfg)
	if err != nil {
		return nil, fmt.Errorf("%w: database: %w", ErrConfig, err)
	}
	return &postgres{pool: pool, upsert: `
		INSERT INTO orders (sale, birth, serial, fence, nonce, first_serial, units, buyer, state,
			expires_at, reserved_at, confirmed_at, released_at)
		SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
			$8::text[], $9::text[], $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::timestamptz[]) ` + onConflict()}, nil
}

// Close ends all connections.
func (p *postgres) Close() { p.pool.Close() }

// Writers is Book's.
func (p *postgres) Writers() int { return postgresWriters }

// Ping is Book's.
func (p *postgres) Ping(ctx context.Context) error { return p.failed("ping", p.pool.Ping(ctx)) }

func (p *postgres) failed(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("postgres: %s: %w", what, err)
}

// Migrate is Book's; workers that start together take turns.
func (p *postgres) Migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations/postgres")
	if err != nil {
		return p.failed("migrations", err)
	}
	turns, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 60))
	if err != nil {
		return p.failed("migrations", err)
	}
	db := stdlib.OpenDBFromPool(p.pool)
	defer func() { _ = db.Close() }() // not the pool
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithSessionLocker(turns),
		goose.WithTableName(migrationsTable))
	if err != nil {
		return p.failed("migrations", err)
	}
	_, err = provider.Up(ctx)
	return p.failed("migrations", err)
}

// Enter is Book's: a statement a table, whatever the number of rows.
func (p *postgres) Enter(ctx context.Context, e Entry) error {
	return p.failed("enter", pgx.BeginFunc(ctx, p.pool, func(tx pgx.Tx) error {
		if err := p.enterRows(ctx, tx, e.Rows); err != nil {
			return err
		}
		if err := p.enterDeliveries(ctx, tx, e.Deliveries); err != nil {
			return err
		}
		for _, ev := range e.Parked {
			if _, err := tx.Exec(ctx, `INSERT INTO parked_events (sale, id, why, event) VALUES ($1, $2, $3, $4)
				ON CONFLICT DO NOTHING`, ev.Sale, ev.ID, ev.Why, ev.Event); err != nil {
				return err
			}
		}
		return nil
	}))
}

// column picks a field of all.
func column[T, V any](list []T, of func(*T) V) []V {
	out := make([]V, len(list))
	for i := range list {
		out[i] = of(&list[i])
	}
	return out
}

func (p *postgres) enterRows(ctx context.Context, tx pgx.Tx, rows []Row) error {
	if len(rows) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, p.upsert,
		column(rows, func(r *Row) string { return r.Sale }),
		column(rows, func(r *Row) int64 { return r.Birth }),
		column(rows, func(r *Row) int64 { return r.Serial }),
		column(rows, func(r *Row) int64 { return r.Fence }),
		column(rows, func(r *Row) int64 { return r.Nonce }),
		column(rows, func(r *Row) int64 { return r.FirstSerial }),
		column(rows, func(r *Row) int64 { return r.Units }),
		column(rows, func(r *Row) *string { return r.Buyer }),
		column(rows, func(r *Row) string { return r.State.String() }),
		column(rows, func(r *Row) *time.Time { return r.ExpiresAt }),
		column(rows, func(r *Row) *time.Time { return r.ReservedAt }),
		column(rows, func(r *Row) *time.Time { return r.ConfirmedAt }),
		column(rows, func(r *Row) *time.Time { return r.ReleasedAt }))
	return err
}

func (p *postgres) enterDeliveries(ctx context.Context, tx pgx.Tx, ds []Delivery) error {
	if len(ds) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO deliveries (id, sale, type, number, body, at, state, next_at)
		SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::timestamptz[], $7::text[],
			$8::timestamptz[])
		ON CONFLICT (id) DO NOTHING`,
		column(ds, func(d *Delivery) string { return d.ID }),
		column(ds, func(d *Delivery) string { return d.Sale }),
		column(ds, func(d *Delivery) string { return d.Type }),
		column(ds, func(d *Delivery) int64 { return d.Number }),
		column(ds, func(d *Delivery) string { return d.Body }),
		column(ds, func(d *Delivery) time.Time { return d.At }),
		column(ds, func(d *Delivery) string { return d.State }),
		column(ds, func(d *Delivery) time.Time { return d.NextAt }))
	return err
}

// Take is Book's. Who takes at the same time takes others.
func (p *postgres) Take(ctx context.Context, now time.Time, lease time.Duration, most int) ([]Delivery, error) {
	rows, err := p.pool.Query(ctx, `
		WITH taken AS MATERIALIZED (
			SELECT id FROM deliveries WHERE state = 'due' AND next_at <= $1 ORDER BY next_at, number LIMIT $3
			FOR UPDATE SKIP LOCKED)
		UPDATE deliveries d SET next_at = $2 FROM taken WHERE d.id = taken.id
		RETURNING d.id, d.sale, d.type, d.number, d.body, d.at, d.state, d.attempts, d.next_at, d.last_error`,
		now, now.Add(lease), most)
	if err != nil {
		return nil, p.failed("take deliveries", err)
	}
	ds, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (d Delivery, err error) {
		err = row.Scan(&d.ID, &d.Sale, &d.Type, &d.Number, &d.Body, &d.At, &d.State, &d.Attempts, &d.NextAt, &d.Error)
		return d, err
	})
	return ds, p.failed("take deliveries", err)
}

// Mark is Book's.
func (p *postgres) Mark(ctx context.Context, ds []Delivery) error {
	_, err := p.pool.Exec(ctx, `
		UPDATE deliveries d SET state = m.state, attempts = m.attempts, next_at = m.next_at, last_error = m.error
		FROM unnest($1::text[], $2::text[], $3::integer[], $4::timestamptz[], $5::text[]) AS m (id, state, attempts, next_at, error)
		WHERE d.id = m.id AND d.state = 'due'`,
		column(ds, func(d *Delivery) string { return d.ID }),
		column(ds, func(d *Delivery) string { return d.State }),
		column(ds, func(d *Delivery) int32 { return int32(d.Attempts) }),
		column(ds, func(d *Delivery) time.Time { return d.NextAt }),
		column(ds, func(d *Delivery) string { return d.Error }))
	return p.failed("mark deliveries", err)
}

// Prune is Book's.
func (p *postgres) Prune(ctx context.Context, before time.Time, most int) (int64, error) {
	tag, err := p.pool.Exec(ctx, `DELETE FROM deliveries WHERE id IN
		(SELECT id FROM deliveries WHERE state = 'delivered' AND next_at < $1 LIMIT $2)`, before, most)
	return tag.RowsAffected(), p.failed("prune deliveries", err)
}

// Backlog is Book's.
func (p *postgres) Backlog(ctx context.Context) (due, parked int64, err error) {
	err = p.pool.QueryRow(ctx, backlogQuery).Scan(&due, &parked)
	return due, parked, p.failed("count deliveries", err)
}

// backlogQuery reads two partial indexes, not what was delivered.
const backlogQuery = `SELECT (SELECT count(*) FROM deliveries WHERE state = 'due'),
	(SELECT count(*) FROM deliveries WHERE state = 'parked')`
