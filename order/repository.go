package order

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"strings"
	"time"

	"spike/luascripts/ledger"
)

// ErrConfig is a setting that cannot be used.
var ErrConfig = errors.New("orders: configuration")

// ErrRefused says that the database refuses an entry, however often it is tried. A constraint or a trigger of its operator's
// refuses a row, or an earlier event of the same reservation is parked.
var ErrRefused = errors.New("the database refuses it")

// errBehind is an event that must not overtake a parked one.
var errBehind = fmt.Errorf("%w: an earlier event of this reservation is parked", ErrRefused)

// Repository stores orders, in PostgreSQL or SQLite. All calls are safe for concurrent use, and may be repeated when their answer
// was lost.
type Repository interface {
	// Kind is the kind of database, for people.
	Kind() string
	// Migrate makes the tables, or brings them up to date.
	Migrate(ctx context.Context) error
	// Save writes all of an entry or nothing. After it returns, a crash of the database loses nothing of it. Rows are merged with
	// stored rows (Row.Merge); stored deliveries and parked events stay as they are. The rows must have each key once, in order.
	// An error wraps ErrRefused if another try is in vain.
	Save(ctx context.Context, e Entry) error

	// Again returns up to most parked orders that an operator wants tried again. It adds all parked orders of the same
	// reservations, in the order of their events.
	Again(ctx context.Context, most int) ([]Order, error)
	// Refuse says that an order stays parked, and why.
	Refuse(ctx context.Context, r Refused) error
	// Retry wants all parked orders tried again.
	Retry(ctx context.Context) error
	// Parked returns up to most parked orders, the oldest first.
	Parked(ctx context.Context, most int) ([]ParkedOrder, error)
	// ParkedOrders counts the parked orders.
	ParkedOrders(ctx context.Context) (int64, error)

	// Binding identifies this database.
	Binding(ctx context.Context) (ledger.Binding, error)
	// Stored is the number of the newest stored event of a sale. known is false if the sale has rows of a version that did not
	// store that number.
	Stored(ctx context.Context, sale string, birth uint64) (number uint64, known bool, err error)
	// Risks names settings of the database with which a crash loses stored rows.
	Risks(ctx context.Context) ([]string, error)

	// Take returns up to most deliveries that are due, oldest first. No other call gets them until now + lease.
	Take(ctx context.Context, now time.Time, lease time.Duration, most int) ([]Delivery, error)
	// Mark stores the progress of deliveries: state, attempts, next time, error.
	Mark(ctx context.Context, ds []Delivery) error
	// Prune deletes up to most deliveries that were delivered before the given time.
	Prune(ctx context.Context, before time.Time, most int) (int64, error)
	// Deliveries returns up to most deliveries in a state, those first that were or are to be tried first.
	Deliveries(ctx context.Context, state string, most int) ([]Delivery, error)
	// Resend makes parked deliveries due, with all attempts before them: the one with that id, or all for "". It counts them.
	Resend(ctx context.Context, id string, now time.Time) (int64, error)
	// Backlog counts the deliveries that are due and parked.
	Backlog(ctx context.Context) (due, parked int64, err error)

	Ping(ctx context.Context) error
	// Writers is how many concurrent transactions are useful.
	Writers() int
	Close()
}

// Open opens the database at postgres://… or sqlite:FILE. It does not connect, because a database may be away for now. If it
// cannot read the address, the error wraps ErrConfig and does not repeat the address, which may hold a password.
func Open(url string) (Repository, error) {
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

// migrationsTable has a name of its own, because the database may have other users.
const migrationsTable = "spike_migrations"

// onConflict is Row.Merge in SQL, the same for both databases.
func onConflict() string {
	var set []string
	for _, column := range []string{"nonce", "first_serial", "units", "buyer"} {
		set = append(set, fmt.Sprintf("%[1]s = CASE WHEN excluded.reserved_at IS NULL THEN orders.%[1]s ELSE excluded.%[1]s END",
			column))
	}
	for _, one := range []struct{ column, wins string }{
		{"reserved_at", "<"}, {"confirmed_at", "<"}, {"released_at", "<"}, {"expires_at", ">"},
	} {
		set = append(set, fmt.Sprintf("%[1]s = CASE WHEN excluded.%[1]s %[2]s orders.%[1]s THEN excluded.%[1]s "+
			"ELSE COALESCE(orders.%[1]s, excluded.%[1]s) END", one.column, one.wins))
	}
	set = append(set, fmt.Sprintf("state = CASE WHEN %s > %s THEN excluded.state ELSE orders.state END",
		rank("excluded.state"), rank("orders.state")))
	return "ON CONFLICT (sale, birth, serial, fence) DO UPDATE SET " + strings.Join(set, ", ")
}

// rank is a state's place in Merge's order.
func rank(column string) string {
	var b strings.Builder
	b.WriteString("CASE " + column)
	for s := Pending; s <= Refunded; s++ {
		fmt.Fprintf(&b, " WHEN '%s' THEN %d", s, s)
	}
	return b.String() + " END"
}
