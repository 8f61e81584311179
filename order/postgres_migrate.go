package order

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

// Where others make the tables just now, it is tried again soon: this often, after this pause.
const (
	turns     = 10
	turnPause = 100 * time.Millisecond
)

// Migrate is Repository's. There is no lock: one of a session would be lost in a pooler. Who comes second is refused by the tables
// that are there, or by their names, and looks again.
func (p *postgres) Migrate(ctx context.Context) (err error) {
	for range turns {
		if err = p.migrate(ctx); !raced(err) || !sleep(ctx, turnPause) {
			break
		}
	}
	if err == nil {
		return nil
	}
	if blame(err) == theSession {
		p.pool.Reset()
	}
	return fmt.Errorf("postgres: migrations: %w", err)
}

// raced says that somebody else has made just that.
func raced(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && slices.Contains([]string{"23505", "42P07", "42710", "40001", "40P01", "XX000"}, pg.Code)
}

func (p *postgres) migrate(ctx context.Context) error {
	schema, err := p.schema(ctx)
	if err != nil {
		return err
	}
	steps, err := p.steps()
	if err != nil {
		return err
	}
	kept, err := database.NewStore(database.DialectPostgres, pgx.Identifier{schema, migrationsTable}.Sanitize())
	if err != nil {
		return err
	}
	db := stdlib.OpenDBFromPool(p.pool)
	defer func() { _ = db.Close() }() // not the pool
	provider, err := goose.NewProvider("", db, nil, goose.WithStore(inSchema{kept, schema}), goose.WithGoMigrations(steps...),
		goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}

// schema is where the tables are, or come.
func (p *postgres) schema(ctx context.Context) (string, error) {
	var schema *string
	err := pgx.BeginTxFunc(ctx, p.pool, p.begin, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, "SELECT current_schema()").Scan(&schema)
	})
	if err == nil && schema == nil {
		err = errors.New("there is no schema of the search_path; make it: CREATE SCHEMA")
	}
	if err != nil {
		return "", err
	}
	return *schema, nil
}

// steps are the files as goose runs them, each in a transaction that knows the search_path.
func (p *postgres) steps() (steps []*goose.Migration, err error) {
	files, err := fs.Glob(migrations, "migrations/postgres/*.sql")
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		text, err := fs.ReadFile(migrations, file)
		if err != nil {
			return nil, err
		}
		version, err := goose.NumericComponent(path.Base(file))
		if err != nil {
			return nil, err
		}
		up, _, _ := strings.Cut(string(text), "-- +goose Down")
		steps = append(steps, goose.NewGoMigration(version, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
			if p.path != "" {
				if _, err := tx.ExecContext(ctx, "SELECT set_config('search_path',"+quoted(p.path)+", true)"); err != nil {
					return err
				}
			}
			_, err := tx.ExecContext(ctx, up)
			return err
		}}, nil))
	}
	return steps, nil
}

// inSchema looks for goose's table where it is.
type inSchema struct {
	database.Store
	schema string
}

// TableExists is database.StoreExtender's.
func (s inSchema) TableExists(ctx context.Context, db database.DBTxConn) (there bool, err error) {
	err = db.QueryRowContext(ctx, "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = $1 AND tablename = $2)", s.schema,
		migrationsTable).Scan(&there)
	return there, err
}
