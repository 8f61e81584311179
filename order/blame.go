package order

import (
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// culprit is whose fault an error of a database is.
type culprit int

const (
	theSession culprit = iota // this session's, its server's, or the way's to it: another session may fare better
	theRow                    // it will never pass, whoever tries
	nobody                    // others were in the way, or time was over: again, as it is
)

// The classes of PostgreSQL's errors that say nothing against a row: the connection (08), what the server cannot do (0A, 0B,
// 0L, 0P), a session's or a transaction's state (24, 25, 26, 2D, 34, 3B, 40, 55), who asks and for what (28, 3D, 3F, 42), the
// server's resources, operators and disks (53, 57, 58, 72, F0, XX), a foreign server (HV). All others do, those too that only
// the author of a trigger knows.
var (
	blameless = []string{"08", "0A", "0B", "0L", "0P", "24", "25", "26", "28", "2D", "34", "3B", "3D", "3F", "40", "42", "53", "55",
		"57", "58", "72", "F0", "HV", "XX"}
	inFunctions = []string{"0A", "24", "2D", "34", "3F", "42"} // where such an error is from a function, a row has called it
	races       = []string{"40001", "40P01", "55P03", "57014"}
)

// blame says whose fault an error of PostgreSQL is.
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

// blameSQLite says whose fault an error of SQLite is.
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
