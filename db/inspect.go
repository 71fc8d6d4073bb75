package db

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Inspection is what [Inspect] found.
type Inspection struct {
	Name   string // of the database, without a password
	Schema int64  // its version
	Newest int64  // the version that this program knows
	Folder string // where its file is; empty for PostgreSQL

	// Each is nil where all is well, else a sentence.
	Write   error // something can be written, read back and committed
	Damage  error // the file is sound; PostgreSQL looks after its own
	Durable error // what was committed survives a loss of power
}

// Inspect looks into a database without changing it: nothing is created or migrated, and what it writes is gone when it returns. Where the
// schema is not the newest, it writes nothing. An error says why the database cannot be looked into.
func Inspect(ctx context.Context, database string) (Inspection, error) {
	e, err := engineOf(database)
	if err != nil {
		return Inspection{}, err
	}
	found := Inspection{Name: e.name(), Newest: newestSchema}
	if s, ok := e.(sqlite); ok {
		found.Folder = filepath.Dir(s.file)
		if _, err := os.Stat(s.file); errors.Is(err, fs.ErrNotExist) { // SQLite would make it
			return found, fmt.Errorf("the database file %s is not there", s.file)
		}
	}
	if found.Schema, err = version(ctx, e); err != nil {
		return found, err
	}
	writes, reads, err := e.open(ctx)
	if err != nil {
		return found, err
	}
	defer writes.Close()
	defer reads.Close()
	if found.Schema == newestSchema {
		found.Write = writeAndReadBack(ctx, writes)
	}
	found.Damage, found.Durable = e.inspect(ctx, writes, reads)
	return found, nil
}

// writeAndReadBack commits a setting that the same transaction takes away again: the disk is written to all the same.
func writeAndReadBack(ctx context.Context, pool *sql.DB) error {
	const name = "doctor"
	value, got := rand.Text(), ""
	t, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("nothing can be written: %w", err)
	}
	defer t.Rollback()
	for _, step := range []func() error{
		func() error { return exec(ctx, t, "DELETE FROM settings WHERE name = $1", name) },
		func() error { return exec(ctx, t, "INSERT INTO settings (name, value) VALUES ($1, $2)", name, value) },
		func() error {
			return t.QueryRowContext(ctx, "SELECT value FROM settings WHERE name = $1", name).Scan(&got)
		},
		func() error { return exec(ctx, t, "DELETE FROM settings WHERE name = $1", name) },
		t.Commit,
	} {
		if err := step(); err != nil {
			return fmt.Errorf("nothing can be written: %w", err)
		}
	}
	if got != value {
		return errors.New("what was written is not what is read")
	}
	return nil
}

func exec(ctx context.Context, t *sql.Tx, statement string, args ...any) error {
	_, err := t.ExecContext(ctx, statement, args...)
	return err
}

func (s sqlite) inspect(ctx context.Context, writes, reads *sql.DB) (damage, durable error) {
	var found string
	switch err := reads.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&found); {
	case err != nil:
		damage = fmt.Errorf("the file cannot be checked: %w", err)
	case found != "ok":
		damage = fmt.Errorf("the file is damaged: %s", found)
	}
	const full = 2 // of synchronous
	var level int
	switch err := writes.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&level); {
	case err != nil:
		durable = fmt.Errorf("synchronous cannot be read: %w", err)
	case level < full:
		durable = fmt.Errorf("synchronous is %d, not FULL (%d)", level, full)
	}
	return damage, durable
}

func (p postgres) inspect(ctx context.Context, writes, _ *sql.DB) (damage, durable error) {
	for _, setting := range []string{"fsync", "full_page_writes", "synchronous_commit"} {
		var value string
		if err := writes.QueryRowContext(ctx, "SELECT current_setting($1)", setting).Scan(&value); err != nil {
			return nil, fmt.Errorf("%s cannot be read: %w", setting, err)
		}
		if value == "off" {
			return nil, fmt.Errorf("PostgreSQL's %s is off", setting)
		}
	}
	return nil, nil
}
