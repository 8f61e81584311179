package order

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// sqlite is the database in a file, for one machine. It has one writer at a time, and readers never wait for it. A commit is on
// the disk when it returns, because the stream forgets the events. That needs FULL; under NORMAL a write-ahead log is on the disk
// only at the next checkpoint.
type sqlite struct {
	db     *sql.DB
	file   string
	upsert string
}

// Kind is Repository's.
func (*sqlite) Kind() string { return "SQLite" }

// folderOf demands the folder of a database file. A misspelt path is not a database that is away.
func folderOf(file string) error {
	if info, err := os.Stat(filepath.Dir(file)); err != nil || !info.IsDir() {
		return fmt.Errorf("%w: there is no folder %s", ErrConfig, filepath.Dir(file))
	}
	return nil
}

// private makes the file if it does not exist, readable by nobody else. SQLite gives the files beside it the same mode. An
// existing file stays as it is.
func private(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return fmt.Errorf("%w: database: %w", ErrConfig, err)
	}
	return nil
}

func openSQLite(path string) (Repository, error) {
	if path == "" {
		return nil, fmt.Errorf("%w: sqlite:FILE names no file", ErrConfig)
	}
	if err := folderOf(path); err != nil {
		return nil, err
	}
	source := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: url.Values{"_txlock": {"immediate"},
		"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)"}}.Encode()}
	db, err := sql.Open("sqlite", source.String())
	if err != nil {
		return nil, fmt.Errorf("%w: database: %w", ErrConfig, err)
	}
	if err := private(path); err != nil {
		_ = db.Close()
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return &sqlite{db: db, file: path, upsert: `
		INSERT INTO orders (sale, birth, serial, fence, nonce, first_serial, units, buyer, state,
			expires_at, reserved_at, confirmed_at, released_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ` + onConflict()}, nil
}

// Close ends the connection.
func (s *sqlite) Close() { _ = s.db.Close() }

// Writers implements Repository.
func (s *sqlite) Writers() int { return 1 }

// Ping implements Repository.
func (s *sqlite) Ping(ctx context.Context) error { return s.failed("ping", s.db.PingContext(ctx)) }

func (s *sqlite) failed(what string, err error) error {
	if err == nil {
		return nil
	}
	if blameSQLite(err) == theRow {
		return fmt.Errorf("sqlite: %s: %w: %w", what, ErrRefused, err)
	}
	return fmt.Errorf("sqlite: %s: %w", what, err)
}

// Migrate implements Repository.
func (s *sqlite) Migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations/sqlite")
	if err != nil {
		return s.failed("migrations", err)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, s.db, files, goose.WithTableName(migrationsTable))
	if err != nil {
		return s.failed("migrations", err)
	}
	_, err = provider.Up(ctx)
	return s.failed("migrations", err)
}

// inTx runs f in a transaction.
func (s *sqlite) inTx(ctx context.Context, what string, f func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return s.failed(what, err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	if err = f(tx); err == nil {
		err = tx.Commit()
	}
	return s.failed(what, err)
}

// execEach executes one prepared statement for every element of list.
func execEach[T any](ctx context.Context, tx *sql.Tx, query string, list []T, args func(*T) []any) error {
	if len(list) == 0 {
		return nil
	}
	stmt, err := tx.PrepareContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { _ = stmt.Close() }()
	for i := range list {
		if _, err = stmt.ExecContext(ctx, args(&list[i])...); err != nil {
			return err
		}
	}
	return nil
}

// Save implements Repository.
func (s *sqlite) Save(ctx context.Context, e Entry) error {
	return s.inTx(ctx, "save", func(tx *sql.Tx) error {
		if err := s.saveOrders(ctx, tx, e); err != nil {
			return err
		}
		if err := execEach(ctx, tx, s.upsert, e.Rows, func(r *Row) []any {
			return []any{r.Sale, r.Birth, r.Serial, r.Fence, r.Nonce, r.FirstSerial, r.Units, r.Buyer, r.State.String(),
				text(r.ExpiresAt), text(r.ReservedAt), text(r.ConfirmedAt), text(r.ReleasedAt)}
		}); err != nil {
			return err
		}
		if err := execEach(ctx, tx, `INSERT INTO deliveries (id, sale, type, number, body, at, state, next_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`, e.Deliveries, func(d *Delivery) []any {
			return []any{d.ID, d.Sale, d.Type, d.Number, d.Body, text(&d.At), d.State, text(&d.NextAt)}
		}); err != nil {
			return err
		}
		return execEach(ctx, tx, `INSERT INTO parked_events (sale, id, why, event) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			e.Parked, func(p *ParkedEvent) []any { return []any{p.Sale, p.ID, p.Why, p.Event} })
	})
}

// text is a time in a form that sorts.
func text(t *time.Time) any {
	if t == nil {
		return nil
	}
	return stamp(t.UTC())
}

func untext(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}
	}
	return t
}

// Take implements Repository.
func (s *sqlite) Take(ctx context.Context, now time.Time, lease time.Duration, most int) (ds []Delivery, err error) {
	until := now.Add(lease)
	rows, err := s.db.QueryContext(ctx, `UPDATE deliveries SET next_at = ? WHERE id IN
		(SELECT id FROM deliveries WHERE state = 'due' AND next_at <= ? ORDER BY next_at, number LIMIT ?)
		RETURNING id, sale, type, number, body, at, state, attempts, next_at, last_error`, text(&until), text(&now), most)
	if err != nil {
		return nil, s.failed("take deliveries", err)
	}
	return s.deliveries("take deliveries", rows)
}

// Deliveries implements Repository.
func (s *sqlite) Deliveries(ctx context.Context, state string, most int) ([]Delivery, error) {
	rows, err := s.db.QueryContext(ctx, deliveriesQuery, state, most)
	if err != nil {
		return nil, s.failed("look at deliveries", err)
	}
	return s.deliveries("look at deliveries", rows)
}

// deliveries reads all rows.
func (s *sqlite) deliveries(what string, rows *sql.Rows) (ds []Delivery, err error) {
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var d Delivery
		var at, next string
		if err = rows.Scan(&d.ID, &d.Sale, &d.Type, &d.Number, &d.Body, &at, &d.State, &d.Attempts, &next, &d.Error); err != nil {
			return nil, s.failed(what, err)
		}
		d.At, d.NextAt = untext(at), untext(next)
		ds = append(ds, d)
	}
	return ds, s.failed(what, rows.Err())
}

// Resend implements Repository.
func (s *sqlite) Resend(ctx context.Context, id string, now time.Time) (n int64, err error) {
	done, err := s.db.ExecContext(ctx, resendQuery, text(&now), id)
	if err == nil {
		n, err = done.RowsAffected()
	}
	return n, s.failed("resend deliveries", err)
}

// Mark implements Repository.
func (s *sqlite) Mark(ctx context.Context, ds []Delivery) error {
	return s.inTx(ctx, "mark deliveries", func(tx *sql.Tx) error {
		return execEach(ctx, tx, `UPDATE deliveries SET state = ?, attempts = ?, next_at = ?, last_error = ?
			WHERE id = ? AND state = 'due'`, ds, func(d *Delivery) []any {
			return []any{d.State, d.Attempts, text(&d.NextAt), d.Error, d.ID}
		})
	})
}

// Prune implements Repository.
func (s *sqlite) Prune(ctx context.Context, before time.Time, most int) (n int64, err error) {
	done, err := s.db.ExecContext(ctx, `DELETE FROM deliveries WHERE id IN
		(SELECT id FROM deliveries WHERE state = 'delivered' AND next_at < ? LIMIT ?)`, text(&before), most)
	if err == nil {
		n, err = done.RowsAffected()
	}
	return n, s.failed("prune deliveries", err)
}

// Backlog implements Repository.
func (s *sqlite) Backlog(ctx context.Context) (due, parked int64, err error) {
	err = s.db.QueryRowContext(ctx, strings.TrimSpace(backlogQuery)).Scan(&due, &parked)
	return due, parked, s.failed("count deliveries", err)
}
