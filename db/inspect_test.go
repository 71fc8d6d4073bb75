package db_test

import (
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"latchkey/db"
	"latchkey/db/dbtest"
)

func TestInspect(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database string) {
		d := newDesk(t, database) // in use, as by a portal
		found, err := db.Inspect(t.Context(), database)
		if err != nil || found.Schema != found.Newest || found.Write != nil || found.Damage != nil {
			t.Errorf("%+v, %v", found, err)
		}
		if file := strings.HasSuffix(database, ".db"); file != (found.Folder != "") || file && found.Durable != nil {
			t.Errorf("%+v", found)
		} else if !file && (found.Durable == nil || !strings.Contains(found.Durable.Error(), "fsync is off")) {
			t.Errorf("the tests' cluster has no fsync, and it says %v", found.Durable)
		}
		if _, err := d.Setting(t.Context(), "doctor"); err == nil {
			t.Error("it left something behind")
		}
	})
}

func TestInspectChangesNothing(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing.db")
	if _, err := db.Inspect(t.Context(), missing); err == nil || !strings.Contains(err.Error(), "not there") {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := os.Stat(missing); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it made the file: %v", err)
	}
	dbtest.Each(t, func(t *testing.T, database string) {
		p, end, err := db.Migrations(t.Context(), database)
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.DownTo(t.Context(), 0)
		if err := errors.Join(err, end()); err != nil {
			t.Fatal(err)
		}
		if found, err := db.Inspect(t.Context(), database); err != nil || found.Schema != 0 || found.Write != nil {
			t.Errorf("an old schema: %+v, %v", found, err)
		}
	})
}

func TestInspectFindsWhatIsWrong(t *testing.T) {
	t.Run("read-only file", func(t *testing.T) {
		file := dbtest.SQLite(t)
		makeReadOnly(t, file)
		if found, err := db.Inspect(t.Context(), file); err != nil || found.Write == nil || !strings.Contains(found.Write.Error(), "readonly") {
			t.Errorf("%+v, %v", found, err)
		}
	})
	t.Run("damaged file", func(t *testing.T) {
		file := dbtest.SQLite(t)
		f, err := os.OpenFile(file, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt(make([]byte, 4096), info.Size()-4096); err != nil {
			t.Fatal(err)
		}
		if found, err := db.Inspect(t.Context(), file); err != nil || found.Damage == nil {
			t.Errorf("%+v, %v", found, err)
		}
	})
	t.Run("read-only server", func(t *testing.T) {
		database := dbtest.Postgres(t) + "&default_transaction_read_only=on"
		if found, err := db.Inspect(t.Context(), database); err != nil || found.Write == nil || !strings.Contains(found.Write.Error(), "read-only") {
			t.Errorf("%+v, %v", found, err)
		}
	})
}

// makeReadOnly writes into the file's header that only a newer SQLite may write it: file permissions do not stop root.
func makeReadOnly(t *testing.T, file string) {
	t.Helper()
	pool, err := sql.Open("sqlite", file)
	if err == nil {
		_, err = pool.Exec("PRAGMA wal_checkpoint(TRUNCATE)")
		err = errors.Join(err, pool.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte{3}, 18); err != nil { // src: sqlite.org/fileformat.html, section 1.3.3
		t.Fatal(err)
	}
}
