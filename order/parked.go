package order

import (
	"cmp"
	"slices"
)

// Both databases share this: parked orders, and how far a sale's events have come.

// markSlots is the number of rows of a sale's mark. Workers that write different rows do not wait for each other.
const markSlots = 32

// mark is the newest event of a sale in an entry.
type mark struct {
	sale          string
	birth, number int64
}

// marks has one mark for each sale and birth, in order.
func (e *Entry) marks() (list []mark) {
	note := func(o Order) {
		m := mark{o.Sale, int64(o.Event.Birth), int64(o.Event.Number)}
		for i := range list {
			if list[i].sale == m.sale && list[i].birth == m.birth {
				list[i].number = max(list[i].number, m.number)
				return
			}
		}
		list = append(list, m)
	}
	for _, o := range e.Orders {
		note(o)
	}
	for _, r := range e.Refused { // a parked order is stored as well
		note(r.Order)
	}
	slices.SortFunc(list, func(a, b mark) int { return cmp.Or(cmp.Compare(a.sale, b.sale), cmp.Compare(a.birth, b.birth)) })
	return list
}

// key identifies a parked order: sale, birth, serial, fence, number.
func (o Order) key() []any {
	c := o.claim()
	return []any{o.Sale, int64(o.Event.Birth), int64(c.Serial), int64(c.Fence), int64(o.Event.Number)}
}

// rest is the other columns of a parked order: units, kind, why, event, held.
func (r Refused) rest() []any {
	return []any{int64(r.claim().Count), string(r.Event.Kind), r.Why, r.text(), r.Held}
}

// againQuery finds all parked orders of a reservation if one of them is to be tried again. So its events keep their order.
const againQuery = `
	SELECT sale, held, event FROM parked_orders p WHERE EXISTS (
		SELECT 1 FROM parked_orders r WHERE r.retry AND r.sale = p.sale AND r.birth = p.birth AND r.fence = p.fence
			AND r.serial < p.serial + p.units AND p.serial < r.serial + r.units)
	ORDER BY sale, birth, number, serial LIMIT $1`

const refuseQuery = `UPDATE parked_orders SET retry = false, why = $6
	WHERE sale = $1 AND birth = $2 AND serial = $3 AND fence = $4 AND number = $5`

// storedQuery finds the newest stored event of a sale, and whether the sale has rows.
const storedQuery = `SELECT (SELECT max(number) FROM spike_marks WHERE sale = $1 AND birth = $2),
	EXISTS (SELECT 1 FROM orders WHERE sale = $1 AND birth = $2)`

// stored reads the answer of storedQuery. Rows without a mark are from a version that had no marks.
func stored(newest *int64, rows bool) (number uint64, known bool) {
	if newest != nil {
		return uint64(*newest), true
	}
	return 0, !rows
}
