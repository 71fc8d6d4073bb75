package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"latchkey/db/queries"
	"latchkey/resale"
)

// postgres is a database on a PostgreSQL server, which several portals may share.
type postgres struct {
	config *pgx.ConnConfig
}

// postgresReaders is how many connections of a process read at once. One more writes and one more listens.
const postgresReaders = 12

// newPostgres reads an address. Its error says nothing of the address, in which there may be a password.
func newPostgres(database string) (engine, error) {
	config, err := pgx.ParseConfig(database)
	if err != nil {
		return nil, errors.New("the address of the PostgreSQL database cannot be read; expected postgres://USER:PASSWORD@HOST:PORT/NAME")
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 5 * time.Second
	}
	// A server that vanished without a word is noticed in half a minute, also by the listener, who never sends anything.
	config.DialFunc = (&net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second,
		Count: 3}}).DialContext
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "latchkey"
	}
	return postgres{config: config}, nil
}

func (p postgres) name() string {
	return fmt.Sprintf("%s at %s:%d", p.config.Database, p.config.Host, p.config.Port)
}

func (p postgres) pool(size int) *sql.DB {
	pool := stdlib.OpenDB(*p.config)
	pool.SetMaxOpenConns(size)
	pool.SetMaxIdleConns(size)
	return pool
}

func (p postgres) open(ctx context.Context) (writes, reads *sql.DB, err error) {
	writes, reads = p.pool(1), p.pool(postgresReaders)
	if err := p.check(ctx, reads); err != nil {
		writes.Close()
		reads.Close()
		return nil, nil, err
	}
	return writes, reads, nil
}

// check returns why the server cannot be used.
func (p postgres) check(ctx context.Context, pool *sql.DB) error {
	var version int
	err := pool.QueryRowContext(ctx, "SELECT CAST(current_setting('server_version_num') AS INTEGER)").Scan(&version)
	if err != nil {
		return fmt.Errorf("the PostgreSQL database %s cannot be reached: %w", p.name(), err)
	}
	if version < oldestPostgres*10000 {
		return fmt.Errorf("the PostgreSQL server of the database %s is version %d; Latchkey needs %d or newer", p.name(), version/10000, oldestPostgres)
	}
	return nil
}

// oldestPostgres is the oldest version that the tests run on.
const oldestPostgres = 15

func (p postgres) provider(ctx context.Context) (*goose.Provider, func() error, error) {
	pool := p.pool(2) // one connection holds the lock
	if err := p.check(ctx, pool); err != nil {
		pool.Close()
		return nil, nil, err
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300)) // looks once a second
	if err != nil {
		pool.Close()
		return nil, nil, err
	}
	provider, err := newProvider(goose.DialectPostgres, pool, []ownMigration{
		{2, []string{"search_postgres.sql"}, "DROP VIEW customer_search; DROP INDEX customers_by_search"},
		{5, []string{"fold.sql", "texts.sql", "texts_postgres.sql"}, "DROP VIEW text_search; DROP TABLE texts"},
	}, goose.WithSessionLocker(locker))
	return provider, pool.Close, err
}

// queries are not prepared here: pgx prepares each statement at its first use on a connection, and again where the schema has changed.
func (p postgres) queries(_ context.Context, pool *sql.DB) (*queries.Queries, error) {
	return queries.New(cleaning{pool}), nil
}

func (p postgres) within(_ *queries.Queries, t *sql.Tx) *queries.Queries {
	return queries.New(cleaning{t})
}

// cleaning replaces in texts what PostgreSQL cannot hold, NUL and broken UTF-8: Bango's words may have it, and must not be lost for it.
// A notification's body is bytes, and stays as it came.
type cleaning struct{ queries.DBTX }

func (c cleaning) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return c.DBTX.ExecContext(ctx, query, clean(args)...)
}

func (c cleaning) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return c.DBTX.QueryContext(ctx, query, clean(args)...)
}

func (c cleaning) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return c.DBTX.QueryRowContext(ctx, query, clean(args)...)
}

func clean(args []any) []any {
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			args[i] = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
		}
	}
	return args
}

func (p postgres) alone() bool { return false }

func (p postgres) lock(ctx context.Context, t *sql.Tx, entitlementID string) error {
	_, err := t.ExecContext(ctx, "SELECT 1 FROM entitlements WHERE id = $1 FOR UPDATE", entitlementID)
	return err
}

func (p postgres) among() string { return "SELECT json_array_elements_text($1::json)" }

func (p postgres) along(string) string { return "" }

func (p postgres) lockNamed(ctx context.Context, t *sql.Tx, name string) error {
	_, err := t.ExecContext(ctx, "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", name)
	return err
}

func (p postgres) notify(ctx context.Context, t *sql.Tx, changes []resale.Change) error {
	for _, payload := range payloads(changes) {
		if _, err := t.ExecContext(ctx, "SELECT pg_notify($1, $2)", channel, payload); err != nil {
			return err
		}
	}
	return nil
}

func (p postgres) listen(ctx context.Context, publish func(resale.Change), log *slog.Logger) (func(), error) {
	return listen(ctx, p.config, publish, log)
}

func postgresCode(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func (p postgres) unique(err error) (string, bool) {
	var e *pgconn.PgError
	if !errors.As(err, &e) || e.Code != "23505" {
		return "", false
	}
	// PostgreSQL calls the constraint of a unique column table_column_key.
	return strings.TrimSuffix(strings.TrimPrefix(e.ConstraintName, e.TableName+"_"), "_key"), true
}

// passing: a serialization failure, a deadlock, a server that stops or fails over, a connection that was lost.
func (p postgres) passing(err error) bool {
	if code := postgresCode(err); code != "" {
		return slices.Contains([]string{"40001", "40P01", "57P01", "57P02", "57P03"}, code) || strings.HasPrefix(code, "08")
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return false
	}
	var network *net.OpError
	var connect *pgconn.ConnectError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, driver.ErrBadConn) ||
		errors.As(err, &network) || errors.As(err, &connect) || pgconn.SafeToRetry(err)
}

// busy: too many connections, a lock or a statement that took too long, a server that became a standby.
func (p postgres) busy(err error) bool {
	return slices.Contains([]string{"53300", "55P03", "57014", "25006"}, postgresCode(err))
}

// refused trusts an answer that is about the transaction. Anything else may have come after the commit: a server that stops while it waits
// for its standby has committed already.
func (p postgres) refused(err error) bool {
	code := postgresCode(err)
	return errors.Is(err, pgx.ErrTxCommitRollback) || strings.HasPrefix(code, "40") || strings.HasPrefix(code, "23")
}
