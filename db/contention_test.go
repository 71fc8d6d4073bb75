package db_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/db/dbtest"
	"latchkey/resale"
)

const (
	contenders = 8
	readLong   = 3 * time.Second // how long a reader holds its snapshot at least
	maxWAL     = 64 << 20        // what a write-ahead log may be once the reader has gone
)

// contend lets 8 writers write at once while a reader holds on to what it read first, and returns what went wrong. write stores the i-th row of a
// writer; it is called for readLong, and until the log of a SQLite database is larger than it may stay.
func (d *desk) contend(write func(ctx context.Context, writer, i int) error) error {
	d.Helper()
	driver := "sqlite"
	if strings.HasPrefix(d.database, "postgres") {
		driver = "pgx"
	}
	raw, err := sql.Open(driver, d.database)
	if err != nil {
		d.Fatal(err)
	}
	defer raw.Close()
	reader, err := raw.BeginTx(d.Context(), &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if driver == "sqlite" {
		reader, err = raw.BeginTx(d.Context(), nil) // it knows no other isolation than a snapshot
	}
	if err != nil {
		d.Fatal(err)
	}
	defer reader.Rollback()
	count := func() (n int) {
		if err := reader.QueryRow("SELECT count(*) FROM notifications").Scan(&n); err != nil {
			d.Fatalf("the reader: %v", err)
		}
		return n
	}
	before := count()

	var writers sync.WaitGroup
	var failed atomic.Pointer[error]
	var wrote atomic.Int64
	enough := func() bool { return driver == "pgx" || d.walSize() > maxWAL }
	began := time.Now()
	for writer := range contenders {
		writers.Go(func() {
			for i := 0; failed.Load() == nil && (time.Since(began) < readLong || !enough()); i++ {
				if time.Since(began) > time.Minute {
					err := errors.New("the log has not grown in a minute")
					failed.CompareAndSwap(nil, &err)
				}
				if err := write(d.Context(), writer, i); err != nil {
					failed.CompareAndSwap(nil, &err)
				}
				wrote.Add(1)
			}
		})
	}
	writers.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	if after := count(); after != before {
		return fmt.Errorf("the reader saw %d rows, then %d", before, after)
	}
	reader.Rollback()
	kept := 0
	if err := raw.QueryRow("SELECT count(*) FROM notifications").Scan(&kept); err != nil || kept != int(wrote.Load())+before {
		return fmt.Errorf("%d rows are kept of %d: %v", kept, wrote.Load(), err)
	}
	d.Logf("%d rows were written under the reader", kept)
	return nil
}

// walSize returns how large the write-ahead log of a SQLite database is, in bytes.
func (d *desk) walSize() int64 {
	info, err := os.Stat(d.database + "-wal")
	if err != nil {
		d.Error(err)
		return 0
	}
	return info.Size()
}

// bulky returns a notification with a body of 24 KiB.
func bulky() resale.Notification {
	return resale.Notification{ID: newID(), Digest: []byte(newID()), Token: "t", Body: bytes.Repeat([]byte("x"), 24<<10),
		State: resale.NotificationParked, Copies: 1, Received: at(0), LastReceived: at(0)}
}

// storeBulky stores one by the store, as everything is stored.
func (d *desk) storeBulky(ctx context.Context, _, _ int) error {
	return d.Write(ctx, func(ctx context.Context, tx resale.Tx) error {
		_, _, err := tx.ReceiveNotification(ctx, bulky())
		return err
	})
}

// R18: 8 writers and a long reader never see that the database is locked, and the log shrinks once the reader has gone.
func TestR18WritersAndALongReader(t *testing.T) {
	each(t, func(d *desk) {
		if err := d.contend(d.storeBulky); err != nil {
			d.Fatal(err)
		}
		if strings.HasPrefix(d.database, "postgres") {
			return
		}
		large := d.walSize()
		for i := range 3 { // the next commits move the log's content into the file, begin it anew, and cut it
			if err := d.storeBulky(d.Context(), 0, i); err != nil {
				d.Fatal(err)
			}
		}
		if size := d.walSize(); size > maxWAL {
			d.Errorf("the log was %d MiB under the reader and is %d MiB after it", large>>20, size>>20)
		}
	})
}

// R18 must notice a second pool that writes: transactions that read before they write are refused at once, whatever the busy_timeout.
func TestR18NoticesASecondPoolOfWriters(t *testing.T) {
	d := newDesk(t, dbtest.SQLite(t))
	second, err := sql.Open("sqlite", "file:"+d.database+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	second.SetMaxOpenConns(4)
	err = d.contend(func(ctx context.Context, writer, i int) error {
		if writer%2 == 0 {
			return d.storeBulky(ctx, writer, i)
		}
		t, err := second.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer t.Rollback()
		var n int
		if err := t.QueryRowContext(ctx, "SELECT count(*) FROM notifications").Scan(&n); err != nil {
			return err
		}
		if _, err := t.ExecContext(ctx, "UPDATE customers SET name = name"); err != nil {
			return err
		}
		return t.Commit()
	})
	if err == nil || !strings.Contains(err.Error(), "database is locked") {
		t.Errorf("it was not noticed: %v", err)
	}
}
