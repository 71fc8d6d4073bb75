package db_test

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"latchkey/db"
	"latchkey/db/dbtest"
	"latchkey/resale"
)

func (d *desk) quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestMigrationsGoBackAndForth(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database string) {
		for range 2 {
			p, end, err := db.Migrations(t.Context(), database)
			if err != nil {
				t.Fatal(err)
			}
			sources := p.ListSources()
			if newest := sources[len(sources)-1].Version; newest != db.NewestSchema {
				t.Errorf("the newest migration is %d, Migrate believes %d", newest, db.NewestSchema)
			}
			_, err = p.DownTo(t.Context(), 0)
			if err := errors.Join(err, end()); err != nil {
				t.Fatal(err)
			}
			if err := db.Migrate(t.Context(), database); err != nil {
				t.Fatal(err)
			}
		}
		newDesk(t, database)
	})
}

func TestWhatIsStoredFollowsTheSearch(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database string) {
		p, end, err := db.Migrations(t.Context(), database)
		if err == nil {
			_, err = p.DownTo(t.Context(), 4)
		}
		if err := errors.Join(err, end()); err != nil {
			t.Fatal(err)
		}
		driver := "sqlite"
		if strings.HasPrefix(database, "postgres") {
			driver = "pgx"
		}
		raw, err := sql.Open(driver, database)
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Close()
		if _, err := raw.Exec(`INSERT INTO customers (id, identifier, name, email, phone, search, search_key, created)
			VALUES ('c', 'old', 'Łukasz Weiß', '', '', 'old
łukasz weiß


', 7, 0)`); err != nil {
			t.Fatal(err)
		}
		if err := db.Migrate(t.Context(), database); err != nil {
			t.Fatal(err)
		}
		d := openDesk(t, database)
		for _, q := range []string{"łukasz", "lukasz", "weiss", "WEIß"} {
			if found, err := d.SearchCustomers(t.Context(), q, 2); len(found) != 1 || err != nil {
				t.Errorf("%q finds %v, %v", q, found, err)
			}
		}
	})
}

func TestInstancesMayStartTogether(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database string) {
		if !strings.HasPrefix(database, "postgres") {
			database = filepath.Join(t.TempDir(), "fresh.db")
		} else {
			p, end, err := db.Migrations(t.Context(), database)
			if err == nil {
				_, err = p.DownTo(t.Context(), 0)
			}
			if err := errors.Join(err, end()); err != nil {
				t.Fatal(err)
			}
		}
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if err := db.Migrate(t.Context(), database); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		d := newDesk(t, database)
		if err := db.Migrate(t.Context(), database); err != nil { // beside a portal that runs
			t.Error(err)
		}
		d.stored(1)
	})
}

func TestAMigrationIsAppliedOnce(t *testing.T) {
	raw, err := sql.Open("sqlite", dbtest.SQLite(t))
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if _, err := raw.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (?, TRUE)", db.NewestSchema); err == nil {
		t.Error("a second process could apply a migration that another has applied meanwhile")
	}
}

func TestANewerSchemaIsRefused(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database string) {
		driver := "sqlite"
		if strings.HasPrefix(database, "postgres") {
			driver = "pgx"
		}
		raw, err := sql.Open(driver, database)
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Close()
		if _, err := raw.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, TRUE)"); err != nil {
			t.Fatal(err)
		}
		err = db.Migrate(t.Context(), database)
		if err == nil || !strings.Contains(err.Error(), "newer") || !strings.Contains(err.Error(), "99") || strings.Contains(err.Error(), "latchkey:latchkey") {
			t.Errorf("%v", err)
		}
	})
}

func TestAFileHoldsSecretsAndMayHaveAnyName(t *testing.T) {
	for _, name := range []string{"latchkey.db", "with space.db", "a?b#c%20d&_pragma=x.db", "päth 'quoted' \"twice\";.db", ":memory:"} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), name)
			if err := db.Migrate(t.Context(), file); err != nil {
				t.Fatal(err)
			}
			newDesk(t, file).stored(1)
			entries, err := os.ReadDir(filepath.Dir(file))
			if err != nil || len(entries) != 3 {
				t.Errorf("%v, %v; expected the file, its -wal and its -shm", entries, err)
			}
			for _, e := range entries {
				info, err := e.Info()
				if err != nil || info.Mode() != 0o600 || !strings.HasPrefix(e.Name(), name) {
					t.Errorf("%s has mode %v, %v", e.Name(), info.Mode(), err)
				}
			}
		})
	}
}

func TestAFileWithinTheWorkingDirectory(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := db.Migrate(t.Context(), "latchkey.db"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("latchkey.db"); err != nil {
		t.Error(err)
	}
}

func TestWhatCannotBeUsedIsSaidInOneSentence(t *testing.T) {
	folder := t.TempDir()
	garbage := filepath.Join(folder, "garbage.db")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("not a database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(folder, "no", "such.db")
	for database, words := range map[string]string{
		garbage: garbage,
		folder:  folder,
		missing: missing,
		"postgres://u:s3cret@127.0.0.1:1/x?connect_timeout=1": "127.0.0.1:1",
		"postgres://u:s3cret%zz@127.0.0.1/x":                  "postgres://USER:PASSWORD@HOST",
		"postgresql://u:s3cret@127.0.0.1/x?sslmode=s3cret":    "postgres://USER:PASSWORD@HOST",
	} {
		for what, err := range map[string]error{"migrate": db.Migrate(t.Context(), database), "open": open(t.Context(), database)} {
			if what == "open" && database == missing {
				continue // Open makes no file; Migrate has said it
			}
			if err == nil || !strings.Contains(err.Error(), words) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%s %s: %v", what, database, err)
			}
		}
	}
}

func open(ctx context.Context, database string) error {
	store, err := db.Open(ctx, database, func(resale.Change) {}, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	return store.Close()
}
