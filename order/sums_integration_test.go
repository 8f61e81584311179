//go:build integration

package order

import (
	"testing"

	"spike/bench/rig/rigtest"
)

func TestD20UnitsAddUpInPostgres(t *testing.T) {
	s := openTestRepository(t, rigtest.StartPostgres(t).URL("postgres"))
	unitsAddUp(t, s)
	s.do(t, "ALTER TABLE orders ADD COLUMN mine text") // an operator may add a column
}
