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

// If another worker makes the tables at the same time, the migration is tried again so often, after this pause.
const (
	turns     = 10
	turnPause = 100 * time.Millisecond
)

// Migrate implements Repository. It takes no lock, because a pooler would lose a session's lock. The second of two workers is
// refused by the tables that exist, or by their names, and looks again.
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

// raced says that another worker has just made the same thing.
func raced(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && slices.Contains([]string{"23505", "42P07", "42710", "40001", "40P01", "XX000"}, pg.Code)
}

func (p *postgres) migrate(ctx context.Context) error { return p.migrateTo(ctx, goose.MaxVersion) }

func (p *postgres) migrateTo(ctx context.Context, version int64) error {
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
	defer func() { _ = db.Close() }() // this does not close the pool
	provider, err := goose.NewProvider("", db, nil, goose.WithStore(inSchema{kept, schema}), goose.WithGoMigrations(steps...),
		goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	_, err = provider.UpTo(ctx, version)
	return err
}

// schema is the schema of the tables, made already or not.
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

// steps are the migration files as goose runs them. Each runs in a transaction that has the search_path.
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

// inSchema looks for goose's table in its schema.
type inSchema struct {
	database.Store
	schema string
}

// TableExists implements database.StoreExtender.
func (s inSchema) TableExists(ctx context.Context, db database.DBTxConn) (there bool, err error) {
	err = db.QueryRowContext(ctx, "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = $1 AND tablename = $2)", s.schema,
		migrationsTable).Scan(&there)
	return there, err
}
