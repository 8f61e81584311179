package order

import (
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// culprit is what an error of a database is blamed on.
type culprit int

const (
	theSession culprit = iota // the session, its server, or the way to it: another session may succeed
	theRow                    // the row never passes, in any session
	nobody                    // other transactions were in the way, or time was over: try again unchanged
)

// The classes of PostgreSQL's errors that say nothing against a row: the connection (08), features that the server lacks (0A, 0B,
// 0L, 0P), the state of a session or a transaction (24, 25, 26, 2D, 34, 3B, 40, 55), rights and names (28, 3D, 3F, 42), the
// server's resources, operators and disks (53, 57, 58, 72, F0, XX), a foreign server (HV). All other classes blame the row, and
// so do classes that a trigger's author has made up.
var (
	blameless = []string{"08", "0A", "0B", "0L", "0P", "24", "25", "26", "28", "2D", "34", "3B", "3D", "3F", "40",
		"42", "53", "55",
		"57", "58", "72", "F0", "HV", "XX"}
	inFunctions = []string{"0A", "24", "2D", "34", "3F", "42"} // in a function, a row has caused it
	races       = []string{"40001", "40P01", "55P03", "57014"}
)

// blame says what an error of PostgreSQL is blamed on.
func blame(err error) culprit {
	var pg *pgconn.PgError
	switch {
	case errors.Is(err, errBehind):
		return theRow
	case errors.Is(err, context.Canceled):
		return nobody
	case !errors.As(err, &pg) || len(pg.Code) != 5:
		return theSession
	case slices.Contains(races, pg.Code):
		return nobody
	}
	class := pg.Code[:2]
	if !slices.Contains(blameless, class) || slices.Contains(inFunctions, class) && pg.Where != "" {
		return theRow
	}
	return theSession
}

// blameSQLite says what an error of SQLite is blamed on.
func blameSQLite(err error) culprit {
	var e *driver.Error
	switch {
	case errors.Is(err, errBehind):
		return theRow
	case !errors.As(err, &e):
		return nobody
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG:
		return theRow
	}
	return nobody
}
