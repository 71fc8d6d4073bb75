package db

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"time"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql search_sqlite.sql search_postgres.sql fold.sql texts.sql texts_sqlite.sql texts_postgres.sql
var schema embed.FS

// migrateTime is how long a process waits for another one that migrates the same database.
const migrateTime = 30 * time.Second

// Migrate brings a database to the newest schema and makes a SQLite file that is not there. Several processes may call it at once. A database
// whose schema is newer than this program is refused. An error is a sentence that names the database.
func Migrate(ctx context.Context, database string) error {
	e, err := engineOf(database)
	if err != nil {
		return err
	}
	if s, ok := e.(sqlite); ok {
		if err := s.create(); err != nil {
			return err
		}
	}
	for began, try := time.Now(), 1; ; try++ {
		err := migrate(ctx, e)
		switch {
		case err == nil || ctx.Err() != nil:
			return err
		case e.busy(err):
			if time.Since(began) > migrateTime {
				return fmt.Errorf("%w. Another program uses it; stop that first", err)
			}
			time.Sleep(rand.N(100 * time.Millisecond))
		case !errors.As(err, new(unfinished)) || try > migrations:
			return err
		}
	}
}

// unfinished is the failure of a migration. Where several processes migrate a SQLite file at once, the slower ones meet tables that the faster
// one has just made. Each migration is a transaction, so that whoever fails for that finds one more done when it looks again.
type unfinished struct{ error }

func (u unfinished) Unwrap() error { return u.error }

// migrations is how often a process may be the slower one: for each migration, and for goose's own table.
const migrations = newestSchema + 1

// migrate looks first what there is, so that a database that is current and in use is left alone.
func migrate(ctx context.Context, e engine) error {
	current, err := version(ctx, e)
	if err != nil {
		return err
	}
	if current == newestSchema {
		return nil
	}
	if current > newestSchema {
		return fmt.Errorf("the schema of the database %s is newer than this version of Latchkey (%d, known are up to %d); run a newer Latchkey",
			e.name(), current, newestSchema)
	}
	p, end, err := e.provider(ctx)
	if err != nil {
		return err
	}
	defer end()
	if _, err = p.Up(ctx); err == nil {
		return nil
	}
	if code := postgresCode(err); code == "42501" || code == "58P01" || code == "0A000" {
		return fmt.Errorf("the database %s cannot be prepared: let a superuser of PostgreSQL run CREATE EXTENSION pg_trgm in it (package "+
			"postgresql-contrib), and own it or have CREATE on its schema: %w", e.name(), err)
	}
	return unfinished{fmt.Errorf("the database %s cannot be brought to the newest schema: %w", e.name(), err)}
}

// newestSchema is the version of the last migration.
const newestSchema = 12

// version returns the version of a database's schema, 0 for none.
func version(ctx context.Context, e engine) (current int64, err error) {
	writes, reads, err := e.open(ctx)
	if err != nil {
		return 0, err
	}
	defer writes.Close()
	defer reads.Close()
	if err := reads.QueryRowContext(ctx, "SELECT max(version_id) FROM "+goose.DefaultTablename).Scan(&current); err != nil {
		return 0, nil // there is no such table yet; whatever else is wrong, migrating will meet it
	}
	return current, nil
}

// ownMigration is a migration that each engine has of its own: the files with its statements, and what undoes them.
type ownMigration struct {
	version int64
	files   []string
	drop    string
}

// newProvider puts the migrations of both engines together with the search indexes, which each engine has of its own.
func newProvider(dialect goose.Dialect, pool *sql.DB, own []ownMigration, options ...goose.ProviderOption) (*goose.Provider, error) {
	folder, err := fs.Sub(schema, "migrations")
	if err != nil {
		return nil, err
	}
	run := func(statements string) *goose.GoFunc {
		return &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, statements)
			return err
		}}
	}
	for _, m := range own {
		var create []byte
		for _, name := range m.files {
			statements, err := schema.ReadFile(name)
			if err != nil {
				return nil, err
			}
			create = append(create, statements...)
		}
		options = append(options, goose.WithGoMigrations(goose.NewGoMigration(m.version, run(string(create)), run(m.drop))))
	}
	return goose.NewProvider(dialect, pool, folder, append(options, goose.WithDisableGlobalRegistry(true))...)
}
