package order

import (
	"context"

	"github.com/jackc/pgx/v5"

	"spike/luascripts/ledger"
)

// PostgreSQL's part of parked orders, and of the database's identity and settings.

// saveOrders stores how far a sale's events have come, and the parked orders. No order may overtake a parked one.
func (p *postgres) saveOrders(ctx context.Context, tx pgx.Tx, e Entry) error {
	for _, o := range e.Again {
		if _, err := tx.Exec(ctx, `DELETE FROM parked_orders WHERE sale = $1 AND birth = $2 AND serial = $3 AND fence = $4
			AND number = $5`, o.key()...); err != nil {
			return err
		}
	}
	waits := false
	for _, m := range e.marks() {
		var parked bool
		if err := tx.QueryRow(ctx, `
			WITH mark AS (INSERT INTO spike_marks (sale, birth, slot, number) VALUES ($1, $2, $3, $4)
				ON CONFLICT (sale, birth, slot) DO UPDATE SET number = greatest(spike_marks.number, excluded.number))
			SELECT EXISTS (SELECT FROM parked_orders WHERE sale = $1 AND birth = $2)`,
			m.sale, m.birth, p.slot, m.number).Scan(&parked); err != nil {
			return err
		}
		waits = waits || parked
	}
	if waits {
		if err := p.behind(ctx, tx, e.Orders); err != nil {
			return err
		}
	}
	for _, r := range e.Refused {
		_, err := tx.Exec(ctx, `INSERT INTO parked_orders (sale, birth, serial, fence, number, units, kind, why, event, held)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING`, append(r.key(), r.rest()...)...)
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *postgres) behind(ctx context.Context, tx pgx.Tx, orders []Order) (err error) {
	var waits bool
	number := func(of func(*Order) uint64) []int64 {
		return column(orders, func(o *Order) int64 { return int64(of(o)) })
	}
	err = tx.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM parked_orders p
			JOIN unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
				AS o (sale, birth, serial, units, fence, number)
			ON p.sale = o.sale AND p.birth = o.birth AND p.fence = o.fence AND p.number < o.number
				AND p.serial < o.serial + o.units AND o.serial < p.serial + p.units)`,
		column(orders, func(o *Order) string { return o.Sale }),
		number(func(o *Order) uint64 { return o.Event.Birth }),
		number(func(o *Order) uint64 { return uint64(o.claim().Serial) }),
		number(func(o *Order) uint64 { return uint64(o.claim().Count) }),
		number(func(o *Order) uint64 { return o.claim().Fence }),
		number(func(o *Order) uint64 { return o.Event.Number })).Scan(&waits)
	if err == nil && waits {
		err = errBehind
	}
	return err
}

// Again implements Repository.
func (p *postgres) Again(ctx context.Context, most int) (list []Order, err error) {
	err = p.inTx(ctx, "look at parked orders", func(tx pgx.Tx) error {
		list = nil
		rows, err := tx.Query(ctx, againQuery, most)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (o Order, err error) {
			var sale, event string
			var held bool
			if err = row.Scan(&sale, &held, &event); err != nil {
				return o, err
			}
			return readOrder(sale, held, event)
		})
		return err
	})
	return list, err
}

// Refuse implements Repository.
func (p *postgres) Refuse(ctx context.Context, r Refused) error {
	_, err := p.exec(ctx, "park", refuseQuery, append(r.key(), r.Why)...)
	return err
}

// Retry implements Repository.
func (p *postgres) Retry(ctx context.Context) error {
	_, err := p.exec(ctx, "retry parked orders", "UPDATE parked_orders SET retry = true WHERE NOT retry")
	return err
}

// Parked implements Repository.
func (p *postgres) Parked(ctx context.Context, most int) (list []ParkedOrder, err error) {
	err = p.inTx(ctx, "look at parked orders", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, parkedQuery, most)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (o ParkedOrder, err error) {
			err = row.Scan(&o.Sale, &o.Reservation, &o.Serial, &o.Units, &o.Kind, &o.Why, &o.ParkedAt, &o.Retry)
			return o, err
		})
		return err
	})
	return list, err
}

// ParkedOrders implements Repository.
func (p *postgres) ParkedOrders(ctx context.Context) (n int64, err error) {
	err = p.inTx(ctx, "count parked orders", func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, "SELECT count(*) FROM parked_orders").Scan(&n)
	})
	return n, err
}

// Stored implements Repository.
func (p *postgres) Stored(ctx context.Context, sale string, birth uint64) (number uint64, known bool, err error) {
	var newest *int64
	var rows bool
	err = p.inTx(ctx, "look how far it is", func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, storedQuery, sale, int64(birth)).Scan(&newest, &rows)
	})
	number, known = stored(newest, rows)
	return number, known, err
}

// Binding implements Repository. A copy of a database has another place: the cluster, the database in it, the schema.
func (p *postgres) Binding(ctx context.Context) (b ledger.Binding, err error) {
	b.Name = p.name
	err = p.inTx(ctx, "identity", func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, "SELECT id FROM spike_book").Scan(&b.ID); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT CASE WHEN has_function_privilege('pg_control_system()', 'execute')
				THEN (SELECT system_identifier::text FROM pg_control_system()) ELSE '' END
			|| '/' || (SELECT oid FROM pg_database WHERE datname = current_database()) || '/' || current_schema()`).Scan(&b.Place)
	})
	return b, err
}

// Risks implements Repository.
func (p *postgres) Risks(ctx context.Context) (risks []string, err error) {
	err = p.inTx(ctx, "look at its settings", func(tx pgx.Tx) error {
		for setting, means := range map[string]string{
			"fsync":            "what it says is stored is not on its disk: a crash of its machine loses orders, or the database",
			"full_page_writes": "a crash of its machine may leave torn pages, and lose orders",
		} {
			var value string
			if err := tx.QueryRow(ctx, "SELECT current_setting($1)", setting).Scan(&value); err != nil {
				return err
			}
			if value == "off" {
				risks = append(risks, setting+" is off: "+means)
			}
		}
		return nil
	})
	return risks, err
}
