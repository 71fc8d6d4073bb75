package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"latchkey/db/queries"
	"latchkey/resale"
)

// sqlite is a database in a file of this machine.
type sqlite struct {
	file string // absolute
}

// sqliteReaders is how many connections read at once. Each may keep 16 MB of the file in memory.
const sqliteReaders = 8

func newSQLite(database string) (engine, error) {
	file, err := filepath.Abs(database)
	if err != nil {
		return nil, fmt.Errorf("the database file %s cannot be found: %w", database, err)
	}
	return sqlite{file: file}, nil
}

func (s sqlite) name() string { return s.file }

// sqliteWait is how long a connection waits for another process. It is shorter than callTime, so that SQLite's own word for a database in
// use is heard.
const sqliteWait = 5 * time.Second

// pool opens connections to the file. Pragmas stand in the address, since those run by Exec reach one connection of a pool only, and
// busy_timeout is the first of them, since the others may have to wait for another process.
func (s sqlite) pool(size int, wait time.Duration, options string, pragmas ...string) (*sql.DB, error) {
	path := filepath.ToSlash(s.file)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/…
	}
	address := fmt.Sprintf("file://%s?%s&_pragma=busy_timeout(%d)", (&url.URL{Path: path}).EscapedPath(), options, wait.Milliseconds())
	for _, pragma := range pragmas {
		address += "&_pragma=" + pragma
	}
	pool, err := sql.Open("sqlite", address)
	if err != nil {
		return nil, s.unusable(err)
	}
	pool.SetMaxOpenConns(size)
	pool.SetMaxIdleConns(size)
	return pool, nil
}

// writer opens the one connection that writes. Its transactions take the write lock as they begin: one that takes it at its first write may
// be refused at once, whatever the busy_timeout. FULL makes a commit survive a loss of power. What a savepoint needs to go back is kept in
// memory: in a file, it cost a quarter of a batch. The log grows while a reader holds on to what it read first, such as a backup; afterwards it
// is cut to 64 MB.
func (s sqlite) writer(wait time.Duration, pragmas ...string) (*sql.DB, error) {
	pragmas = append(pragmas, "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "cache_size(-16000)", "temp_store(MEMORY)",
		"journal_size_limit(64000000)")
	return s.pool(1, wait, "_txlock=immediate", pragmas...)
}

func (s sqlite) open(ctx context.Context) (writes, reads *sql.DB, err error) {
	if writes, err = s.writer(sqliteWait); err != nil {
		return nil, nil, err
	}
	if reads, err = s.pool(sqliteReaders, sqliteWait, "", "query_only(1)", "cache_size(-16000)"); err != nil {
		writes.Close()
		return nil, nil, err
	}
	if err = writes.PingContext(ctx); err == nil {
		err = reads.PingContext(ctx)
	}
	if err != nil {
		writes.Close()
		reads.Close()
		return nil, nil, s.unusable(err)
	}
	return writes, reads, nil
}

// create makes the file if it is not there. It holds secrets, so nobody else may read it; SQLite gives -wal and -shm the same mode.
func (s sqlite) create() error {
	f, err := os.OpenFile(s.file, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("the database file cannot be used: %w", err) // names the file
	}
	return f.Close()
}

func (s sqlite) unusable(err error) error {
	return fmt.Errorf("the database file %s cannot be used: %w", s.file, err)
}

func (s sqlite) provider(context.Context) (*goose.Provider, func() error, error) {
	pool, err := s.writer(sqliteWait)
	if err != nil {
		return nil, nil, err
	}
	p, err := newProvider(goose.DialectSQLite3, pool, []ownMigration{
		{2, []string{"search_sqlite.sql"}, `DROP TRIGGER customers_search_insert; DROP TRIGGER customers_search_delete; DROP TRIGGER customers_search_update;
			DROP TABLE customer_search; DROP INDEX goose_db_version_once`},
		{5, []string{"fold.sql", "texts.sql", "texts_sqlite.sql"}, "DROP TABLE texts; DROP TABLE text_search"}, // its triggers go with a table
	})
	return p, pool.Close, err
}

func (s sqlite) queries(ctx context.Context, pool *sql.DB) (*queries.Queries, error) {
	return queries.Prepare(ctx, pool)
}

func (s sqlite) within(q *queries.Queries, t *sql.Tx) *queries.Queries { return q.WithTx(t) }

func (s sqlite) alone() bool { return true }

// lock does nothing: there is one writer.
func (s sqlite) lock(context.Context, *sql.Tx, string) error { return nil }

func (s sqlite) among() string { return "SELECT value FROM json_each($1)" }

// along: once it has statistics, SQLite thinks that sorting what an index skips through is cheaper than walking along another one.
func (s sqlite) along(index string) string { return " INDEXED BY " + index }

func (s sqlite) lockNamed(context.Context, *sql.Tx, string) error { return nil }

func (s sqlite) notify(context.Context, *sql.Tx, []resale.Change) error { return nil }

func (s sqlite) listen(context.Context, func(resale.Change), *slog.Logger) (func(), error) {
	return func() {}, nil
}

// sqliteCode returns SQLite's own, extended, code for an error; 0 where it is not SQLite's.
func sqliteCode(err error) int {
	var e *driver.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}

func (s sqlite) unique(err error) (string, bool) {
	if c := sqliteCode(err); c != codes.SQLITE_CONSTRAINT_UNIQUE && c != codes.SQLITE_CONSTRAINT_PRIMARYKEY {
		return "", false
	}
	// The column is told nowhere but in the text: "… UNIQUE constraint failed: customers.identifier (2067)".
	text := err.Error()
	_, column, _ := strings.Cut(text[strings.LastIndex(text, ": ")+1:], ".")
	column, _, _ = strings.Cut(column, " ")
	return strings.TrimSuffix(column, ","), true // the first of several
}

func (s sqlite) passing(error) bool { return false }

func (s sqlite) busy(err error) bool { return sqliteCode(err)&0xff == codes.SQLITE_BUSY }

// refused trusts what SQLite says before it writes; after a failed write to the disk, or a failed fsync, nothing is certain.
func (s sqlite) refused(err error) bool {
	c := sqliteCode(err) & 0xff
	return c == codes.SQLITE_BUSY || c == codes.SQLITE_FULL || c == codes.SQLITE_CONSTRAINT
}
