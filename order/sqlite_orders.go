package order

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"spike/luascripts/ledger"
)

// SQLite's part of parked orders, and of the database's identity and settings.

func (s *sqlite) saveOrders(ctx context.Context, tx *sql.Tx, e Entry) error {
	if err := execEach(ctx, tx, `DELETE FROM parked_orders WHERE sale = ? AND birth = ? AND serial = ? AND fence = ? AND number = ?`,
		e.Again, func(o *Order) []any { return o.key() }); err != nil {
		return err
	}
	waits := false
	for _, m := range e.marks() {
		_, err := tx.ExecContext(ctx, `INSERT INTO spike_marks (sale, birth, slot, number) VALUES (?, ?, 0, ?)
			ON CONFLICT (sale, birth, slot) DO UPDATE SET number = max(number, excluded.number)`, m.sale, m.birth, m.number)
		if err != nil {
			return err
		}
		var parked bool
		if err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM parked_orders WHERE sale = ? AND birth = ?)`, m.sale,
			m.birth).Scan(&parked); err != nil {
			return err
		}
		waits = waits || parked
	}
	if waits {
		if err := s.behind(ctx, tx, e.Orders); err != nil {
			return err
		}
	}
	return execEach(ctx, tx, `INSERT INTO parked_orders (sale, birth, serial, fence, number, units, kind, why, event, held)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`, e.Refused,
		func(r *Refused) []any { return append(r.key(), r.rest()...) })
}

func (s *sqlite) behind(ctx context.Context, tx *sql.Tx, orders []Order) error {
	for _, o := range orders {
		var waits bool
		if err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM parked_orders WHERE sale = $1 AND birth = $2
			AND serial < $3 + $6 AND $3 < serial + units AND fence = $4 AND number < $5)`,
			append(o.key(), int64(o.claim().Count))...).Scan(&waits); err != nil {
			return err
		}
		if waits {
			return errBehind
		}
	}
	return nil
}

// Again implements Repository.
func (s *sqlite) Again(ctx context.Context, most int) (list []Order, err error) {
	rows, err := s.db.QueryContext(ctx, againQuery, most)
	if err != nil {
		return nil, s.failed("look at parked orders", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var sale, event string
		var held bool
		if err = rows.Scan(&sale, &held, &event); err != nil {
			return nil, s.failed("look at parked orders", err)
		}
		o, err := readOrder(sale, held, event)
		if err != nil {
			return nil, s.failed("look at parked orders", err)
		}
		list = append(list, o)
	}
	return list, s.failed("look at parked orders", rows.Err())
}

// Refuse implements Repository.
func (s *sqlite) Refuse(ctx context.Context, r Refused) error {
	_, err := s.db.ExecContext(ctx, refuseQuery, append(r.key(), r.Why)...)
	return s.failed("park", err)
}

// Retry implements Repository.
func (s *sqlite) Retry(ctx context.Context) error {
	_, err := s.db.ExecContext(ctx, "UPDATE parked_orders SET retry = true WHERE NOT retry")
	return s.failed("retry parked orders", err)
}

// Parked implements Repository.
func (s *sqlite) Parked(ctx context.Context, most int) (list []ParkedOrder, err error) {
	rows, err := s.db.QueryContext(ctx, parkedQuery, most)
	if err != nil {
		return nil, s.failed("look at parked orders", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var o ParkedOrder
		var at string
		if err = rows.Scan(&o.Sale, &o.Reservation, &o.Serial, &o.Units, &o.Kind, &o.Why, &at, &o.Retry); err != nil {
			return nil, s.failed("look at parked orders", err)
		}
		o.ParkedAt = untext(at)
		list = append(list, o)
	}
	return list, s.failed("look at parked orders", rows.Err())
}

// ParkedOrders implements Repository.
func (s *sqlite) ParkedOrders(ctx context.Context) (n int64, err error) {
	err = s.db.QueryRowContext(ctx, "SELECT count(*) FROM parked_orders").Scan(&n)
	return n, s.failed("count parked orders", err)
}

// Stored implements Repository.
func (s *sqlite) Stored(ctx context.Context, sale string, birth uint64) (number uint64, known bool, err error) {
	var newest *int64
	var rows bool
	err = s.db.QueryRowContext(ctx, storedQuery, sale, int64(birth)).Scan(&newest, &rows)
	number, known = stored(newest, rows)
	return number, known, s.failed("look how far it is", err)
}

// Binding implements Repository. A copy of a file is another file.
func (s *sqlite) Binding(ctx context.Context) (b ledger.Binding, err error) {
	b.Name = "sqlite " + s.file
	if whole, err := filepath.Abs(s.file); err == nil {
		b.Name = "sqlite " + whole
	}
	info, err := os.Stat(s.file)
	if err != nil {
		return b, s.failed("identity", err)
	}
	if on, ok := info.Sys().(*syscall.Stat_t); ok {
		b.Place = fmt.Sprintf("%d/%d", on.Dev, on.Ino)
	}
	return b, s.failed("identity", s.db.QueryRowContext(ctx, "SELECT id FROM spike_book").Scan(&b.ID))
}

// Risks implements Repository: every commit is on the disk.
func (s *sqlite) Risks(context.Context) ([]string, error) { return nil, nil }
