package order

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	postgresWriters = 8
	connectTimeout  = 5 * time.Second
)

// postgres is the database that several workers share. Every transaction sets what it needs of a session, and no statement has a
// name. So sessions may be a pooler's, and the next transaction may get another one.
type postgres struct {
	pool   *pgxpool.Pool
	begin  pgx.TxOptions
	path   string // search_path of the address; empty: the server's
	name   string // name of the database, for people
	slot   int16  // row of this worker's marks
	upsert string
}

// Kind is Repository's.
func (*postgres) Kind() string { return "PostgreSQL" }

func openPostgres(url string) (Repository, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("%w: the database is not postgres://USER:PASS@HOST:PORT/DB", ErrConfig)
	}
	p := &postgres{name: databaseName(cfg.ConnConfig), slot: rand.N[int16](markSlots)}
	p.settle(cfg, url)
	if p.pool, err = pgxpool.NewWithConfig(context.Background(), cfg); err != nil {
		return nil, fmt.Errorf("%w: database: %w", ErrConfig, err)
	}
	p.upsert = `
		INSERT INTO orders (sale, birth, serial, fence, nonce, first_serial, units, buyer, state,
			expires_at, reserved_at, confirmed_at, released_at)
		SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
			$8::text[], $9::text[], $10::timestamptz[], $11::timestamptz[], $12::timestamptz[],
			$13::timestamptz[]) ` + onConflict()
	return p, nil
}

// settle adds this worker's needs to an address, except where the address says otherwise.
func (p *postgres) settle(cfg *pgxpool.Config, url string) {
	c := cfg.ConnConfig
	if !strings.Contains(url, "pool_max_conns") {
		cfg.MaxConns = postgresWriters + 2 // for the sender, and for the probe
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = connectTimeout
	}
	if !strings.Contains(url, "default_query_exec_mode") { // a pooler's sessions take no prepared statements
		c.DefaultQueryExecMode = pgx.QueryExecModeExec
	}
	if c.ValidateConnect == nil && !strings.Contains(url, "target_session_attrs") {
		c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	p.path = c.RuntimeParams["search_path"]
	p.begin.BeginQuery = beginQuery(p.path, c.RuntimeParams["synchronous_commit"])
	for _, name := range []string{"search_path", "synchronous_commit"} { // a pooler would refuse or forget these
		delete(c.RuntimeParams, name)
	}
}

// beginQuery begins a transaction whose commit is on the disk when it returns. The default of the server, the database or the
// role does not matter, because the stream forgets the events. Only the address may ask for less than "on", and never for "off".
func beginQuery(path, commit string) string {
	level := `CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END`
	if slices.Contains([]string{"local", "remote_write", "on", "remote_apply"}, commit) {
		level = "'" + commit + "'"
	}
	query := "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT set_config('synchronous_commit', " + level + ", true)"
	if path != "" {
		query += ", set_config('search_path', " + quoted(path) + ", true)"
	}
	return query
}

// quoted is a text in SQL. It is right under any standard_conforming_strings.
func quoted(text string) string {
	text = strings.ReplaceAll(strings.ReplaceAll(text, `\`, `\\`), "'", "''")
	return " E'" + text + "'"
}

// databaseName is an address without its user and its secrets.
func databaseName(c *pgx.ConnConfig) string {
	hosts := []string{net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port)))}
	for _, f := range c.Fallbacks {
		if host := net.JoinHostPort(f.Host, strconv.Itoa(int(f.Port))); !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	name := "postgres " + strings.Join(hosts, ",") + "/" + c.Database
	if path := c.RuntimeParams["search_path"]; path != "" {
		name += " (search_path " + path + ")"
	}
	return name
}

// Close ends all connections.
func (p *postgres) Close() { p.pool.Close() }

// Writers implements Repository.
func (p *postgres) Writers() int { return postgresWriters }

// Ping implements Repository.
func (p *postgres) Ping(ctx context.Context) error {
	var readOnly bool
	err := p.pool.QueryRow(ctx, "SELECT current_setting('transaction_read_only') = 'on'").Scan(&readOnly)
	if err == nil && readOnly {
		err = errReadOnly
	}
	return p.failed("ping", err)
}

var errReadOnly = errors.New("it is read-only: a standby, or its administrator or a full disk made it so")

// inTx runs f in a transaction, in a session that has all it needs.
func (p *postgres) inTx(ctx context.Context, what string, f func(pgx.Tx) error) error {
	return p.failed(what, pgx.BeginTxFunc(ctx, p.pool, p.begin, f))
}

// failed wraps an error and says what kind it is. If the error blames neither the row nor another transaction, the session or its
// server may be at fault. Then all sessions end, and the next are opened anew, at any host of the address.
func (p *postgres) failed(what string, err error) error {
	if err == nil {
		return nil
	}
	switch blame(err) {
	case theRow:
		return fmt.Errorf("postgres: %s: %w: %w", what, ErrRefused, err)
	case theSession:
		p.pool.Reset()
	case nobody:
	}
	return fmt.Errorf("postgres: %s: %w", what, err)
}

// Save implements Repository with one statement for each table, whatever the number of rows.
func (p *postgres) Save(ctx context.Context, e Entry) error {
	return p.inTx(ctx, "save", func(tx pgx.Tx) error {
		if err := p.saveOrders(ctx, tx, e); err != nil {
			return err
		}
		if err := p.saveRows(ctx, tx, e.Rows); err != nil {
			return err
		}
		if err := p.saveDeliveries(ctx, tx, e.Deliveries); err != nil {
			return err
		}
		for _, ev := range e.Parked {
			if _, err := tx.Exec(ctx, `INSERT INTO parked_events (sale, id, why, event) VALUES ($1, $2, $3, $4)
				ON CONFLICT DO NOTHING`, ev.Sale, ev.ID, ev.Why, ev.Event); err != nil {
				return err
			}
		}
		return nil
	})
}

// column picks one field of each element.
func column[T, V any](list []T, of func(*T) V) []V {
	out := make([]V, len(list))
	for i := range list {
		out[i] = of(&list[i])
	}
	return out
}

func (p *postgres) saveRows(ctx context.Context, tx pgx.Tx, rows []Row) error {
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

func (p *postgres) saveDeliveries(ctx context.Context, tx pgx.Tx, ds []Delivery) error {
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

// exec runs one statement in a transaction of its own, and returns how many rows it touched.
func (p *postgres) exec(ctx context.Context, what, query string, args ...any) (n int64, err error) {
	err = p.inTx(ctx, what, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, query, args...)
		n = tag.RowsAffected()
		return err
	})
	return n, err
}

// Take implements Repository. Calls at the same time take different deliveries.
func (p *postgres) Take(ctx context.Context, now time.Time, lease time.Duration, most int) ([]Delivery, error) {
	var ds []Delivery
	err := p.inTx(ctx, "take deliveries", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
		WITH taken AS MATERIALIZED (
			SELECT id FROM deliveries WHERE state = 'due' AND next_at <= $1 ORDER BY next_at, number LIMIT $3
			FOR UPDATE SKIP LOCKED)
		UPDATE deliveries d SET next_at = $2 FROM taken WHERE d.id = taken.id
		RETURNING d.id, d.sale, d.type, d.number, d.body, d.at, d.state, d.attempts, d.next_at, d.last_error`,
			now, now.Add(lease), most)
		if err != nil {
			return err
		}
		ds, err = pgx.CollectRows(rows, readDelivery)
		return err
	})
	if err != nil {
		return nil, err
	}
	return ds, nil
}

func readDelivery(row pgx.CollectableRow) (d Delivery, err error) {
	err = row.Scan(&d.ID, &d.Sale, &d.Type, &d.Number, &d.Body, &d.At, &d.State, &d.Attempts, &d.NextAt, &d.Error)
	return d, err
}

// Deliveries implements Repository.
func (p *postgres) Deliveries(ctx context.Context, state string, most int) (ds []Delivery, err error) {
	err = p.inTx(ctx, "look at deliveries", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, deliveriesQuery, state, most)
		if err != nil {
			return err
		}
		ds, err = pgx.CollectRows(rows, readDelivery)
		return err
	})
	return ds, err
}

// Resend implements Repository.
func (p *postgres) Resend(ctx context.Context, id string, now time.Time) (int64, error) {
	return p.exec(ctx, "resend deliveries", resendQuery, now, id)
}

// Mark implements Repository.
func (p *postgres) Mark(ctx context.Context, ds []Delivery) error {
	_, err := p.exec(ctx, "mark deliveries", `
		UPDATE deliveries d SET state = m.state, attempts = m.attempts, next_at = m.next_at, last_error = m.error
		FROM unnest($1::text[], $2::text[], $3::integer[], $4::timestamptz[], $5::text[])
			AS m (id, state, attempts, next_at, error)
		WHERE d.id = m.id AND d.state = 'due'`,
		column(ds, func(d *Delivery) string { return d.ID }),
		column(ds, func(d *Delivery) string { return d.State }),
		column(ds, func(d *Delivery) int32 { return int32(d.Attempts) }),
		column(ds, func(d *Delivery) time.Time { return d.NextAt }),
		column(ds, func(d *Delivery) string { return d.Error }))
	return err
}

// Prune implements Repository.
func (p *postgres) Prune(ctx context.Context, before time.Time, most int) (int64, error) {
	return p.exec(ctx, "prune deliveries", `DELETE FROM deliveries WHERE id IN
		(SELECT id FROM deliveries WHERE state = 'delivered' AND next_at < $1 LIMIT $2)`, before, most)
}

// Backlog implements Repository.
func (p *postgres) Backlog(ctx context.Context) (due, parked int64, err error) {
	err = p.inTx(ctx, "count deliveries", func(tx pgx.Tx) error { return tx.QueryRow(ctx, backlogQuery).Scan(&due, &parked) })
	return due, parked, err
}

// backlogQuery reads two partial indexes, and no delivered rows.
const backlogQuery = `SELECT (SELECT count(*) FROM deliveries WHERE state = 'due'),
	(SELECT count(*) FROM deliveries WHERE state = 'parked')`
