//go:build integration

package order

import (
	"testing"

	"spike/order/pgtest"
)

func TestD20UnitsAddUpInPostgres(t *testing.T) {
	s := openTestRepository(t, pgtest.Start(t).URL)
	unitsAddUp(t, s)
	s.do(t, "ALTER TABLE orders ADD COLUMN mine text") // an operator may add a column
}
