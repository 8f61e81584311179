package order

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrConfig is a setting that cannot be used.
var ErrConfig = errors.New("orders: configuration")

// Book is where orders are kept: PostgreSQL or SQLite. All calls are safe for concurrent use, and may be repeated when
// their answer was lost.
type Book interface {
	// Migrate makes the tables, or brings them up to date.
	Migrate(ctx context.Context) error
	// Enter writes all of an entry or nothing. Rows are joined with what is there (Row.Merge); deliveries and parked events
	// that are there already stay as they are. The rows have each key once, in order.
	Enter(ctx context.Context, e Entry) error

	// Take gives up to most deliveries that are due, oldest first, and to nobody else until now + lease.
	Take(ctx context.Context, now time.Time, lease time.Duration, most int) ([]Delivery, error)
	// Mark writes down how far deliveries have come: state, attempts, next time, error.
	Mark(ctx context.Context, ds []Delivery) error
	// Prune forgets up to most deliveries that were delivered before then.
	Prune(ctx context.Context, before time.Time, most int) (int64, error)
	// Backlog counts the deliveries that are due and parked.
	Backlog(ctx context.Context) (due, parked int64, err error)

	Ping(ctx context.Context) error
	// Writers is how many transactions are worth having at once.
	Writers() int
	Close()
}

// Open opens the book at postgres://… or sqlite:FILE. It does not connect: a book may be away for now. What it cannot read
// wraps ErrConfig and does not repeat the address, which may hold a password.
func Open(url string) (Book, error) {
	scheme, rest, _ := strings.Cut(url, ":")
	switch scheme {
	case "postgres", "postgresql":
		return openPostgres(url)
	case "sqlite":
		return openSQLite(strings.TrimPrefix(rest, "//"))
	}
	return nil, fmt.Errorf("%w: a database is postgres://USER:PASS@HOST/DB or sqlite:FILE", ErrConfig)
}

//go:embed migrations
var migrations embed.FS

// migrationsTable is ours alone: the database may be somebody else's too.
const migrationsTable = "spike_migrations"

// onConflict is Row.Merge in SQL, the same for both books.
func onConflict() string {
	var set []string
	for _, column := range []string{"nonce", "first_serial", "units", "buyer", "expires_at"} {
		set = append(set, fmt.Sprintf("%[1]s = CASE WHEN excluded.reserved_at IS NULL THEN orders.%[1]s ELSE excluded.%[1]s END", column))
	}
	for _, column := range []string{"reserved_at", "confirmed_at", "released_at"} {
		set = append(set, fmt.Sprintf("%[1]s = CASE WHEN excluded.%[1]s < orders.%[1]s THEN excluded.%[1]s ELSE COALESCE(orders.%[1]s, excluded.%[1]s) END", column))
	}
	set = append(set, fmt.Sprintf("state = CASE WHEN %s > %s THEN excluded.state ELSE orders.state END",
		rank("excluded.state"), rank("orders.state")))
	return "ON CONFLICT (sale, birth, serial, fence) DO UPDATE SET " + strings.Join(set, ", ")
}

// rank is a state's place in Merge's order.
func rank(column string) string {
	var b strings.Builder
	b.WriteString("CASE " + column)
	for s := Pending; s <= Confirmed; s++ {
		fmt.Fprintf(&b, " WHEN '%s' THEN %d", s, s)
	}
	return b.String() + " END"
}
