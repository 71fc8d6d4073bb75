package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/pressly/goose/v3"

	"latchkey/db/queries"
	"latchkey/resale"
)

// engine is what differs between SQLite and PostgreSQL.
type engine interface {
	// open returns a pool of one connection, for the writer, and one to read from. A failure is a sentence that names the database.
	open(ctx context.Context) (writes, reads *sql.DB, err error)
	// queries returns the queries on a pool.
	queries(ctx context.Context, pool *sql.DB) (*queries.Queries, error)
	// within returns queries of the writer's pool as part of a transaction.
	within(q *queries.Queries, t *sql.Tx) *queries.Queries
	// provider returns the migrations, on a pool that end closes. Several processes may run them at once: on PostgreSQL one waits for the other,
	// on SQLite each migration goes to one of them.
	provider(ctx context.Context) (p *goose.Provider, end func() error, err error)
	// name is what to call the database in a sentence; never with a password.
	name() string

	// alone reports whether this process is the only one that sends requests and shows pages.
	alone() bool
	// lock keeps other transactions from changing the entitlement until this one ends.
	lock(ctx context.Context, t *sql.Tx, entitlementID string) error
	// among is a subquery for the texts in a JSON array, which is the first parameter.
	among() string
	// along makes a query take an index of the table that it names just before; empty where the database finds that out by itself.
	along(index string) string
	// lockNamed keeps other transactions that lock the same name waiting until this one ends.
	lockNamed(ctx context.Context, t *sql.Tx, name string) error
	// notify makes changes a part of the transaction, for listen to hear of in every process. It does nothing where alone.
	notify(ctx context.Context, t *sql.Tx, changes []resale.Change) error
	// listen calls publish for what any process commits, until stop. It does nothing where alone.
	listen(ctx context.Context, publish func(resale.Change), log *slog.Logger) (stop func(), err error)

	// inspect finds out whether the data is sound and survives a loss of power.
	inspect(ctx context.Context, writes, reads *sql.DB) (damage, durable error)

	// unique returns the column whose uniqueness err is about, and false for any other error. The error's code decides.
	unique(err error) (column string, ok bool)
	// passing reports whether the transaction did nothing, and may go through if it is run again at once.
	passing(err error) bool
	// busy reports whether the database cannot be had for now.
	busy(err error) bool
	// refused reports whether err, of a COMMIT, means for certain that nothing was stored.
	refused(err error) bool
}

// engineOf returns the engine for an address as in LATCHKEY_DATABASE.
func engineOf(database string) (engine, error) {
	if strings.HasPrefix(database, "postgres://") || strings.HasPrefix(database, "postgresql://") {
		return newPostgres(database)
	}
	return newSQLite(database)
}

// fault turns an error of the database into the domain's; nil stays nil. what is the thing concerned, for people.
func fault(e engine, what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return resale.NotFound(what)
	case errors.Is(err, context.DeadlineExceeded):
		return &resale.Error{Code: resale.CodeBusy, Message: "The database did not answer in time. Try again in a moment.", Err: err}
	case e.busy(err) || e.passing(err):
		return &resale.Error{Code: resale.CodeBusy, Message: "The database is busy or cannot be reached. Try again in a moment.", Err: err}
	}
	return fmt.Errorf("%s: %w", what, err)
}
