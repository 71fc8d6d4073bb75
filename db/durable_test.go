package db_test

import (
	"database/sql"
	"fmt"
	"testing"

	"latchkey/db/dbtest"
)

// unflushed commits notifications one after the other and returns after how many of the commits the server had not yet handed their log over to
// the operating system. (Whether that has it on the disk is up to the server's fsync, which the tests' own server has off.)
func unflushed(t *testing.T, database string) (commits int) {
	t.Helper()
	d := newDesk(t, database)
	raw, err := sql.Open("pgx", database)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	// A notification is longer than what the server logs for itself now and then.
	const own = 1000
	var behind int64
	for i := range 100 {
		if err := d.storeBulky(t.Context(), 0, i); err != nil {
			t.Fatal(err)
		}
		err := raw.QueryRow("SELECT CAST(pg_wal_lsn_diff(pg_current_wal_insert_lsn(), pg_current_wal_flush_lsn()) AS BIGINT)").Scan(&behind)
		if err != nil {
			t.Fatal(err)
		}
		if behind > own {
			commits++
		}
	}
	return commits
}

// R2 on PostgreSQL: a commit returns after its log was flushed. (For SQLite see the trace of the whole portal.)
func TestR2ACommitIsFlushedOnPostgres(t *testing.T) {
	if n := unflushed(t, dbtest.Postgres(t)); n > 0 {
		t.Errorf("%d of 100 commits returned before their log was flushed", n)
	}
}

// R2 must notice a database whose commits do not wait.
func TestR2NoticesCommitsThatDoNotWait(t *testing.T) {
	database := dbtest.Postgres(t)
	raw, err := sql.Open("pgx", database)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	var name string
	if err := raw.QueryRow("SELECT current_database()").Scan(&name); err != nil {
		t.Fatal(err)
	}
	if _, err := raw.Exec(fmt.Sprintf("ALTER DATABASE %s SET synchronous_commit = off", name)); err != nil {
		t.Fatal(err)
	}
	if unflushed(t, database) == 0 {
		t.Error("nothing was noticed")
	}
}
