// Package db keeps everything in one database, SQLite or PostgreSQL, by one query text.
//
// Who opens transactions: [Store.Write] alone, for everybody. Its writer puts writes that arrive together into one transaction, so that
// they share one wait for the disk. Everything else reads.
//
// What differs between the two databases is in sqlite.go and postgres.go.
package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"latchkey/db/queries"
	"latchkey/resale"
)

var _ resale.Store = (*Store)(nil)

// callTime is how long one call of the database may take where the caller set no limit.
const callTime = 10 * time.Second

// Store is a [resale.Store]. It may be used by many goroutines at once.
type Store struct {
	reader
	writes  *sql.DB // one connection, which the writer alone uses
	reads   *sql.DB
	publish func(resale.Change)
	log     *slog.Logger
	deaf    func() // ends the listening for changes

	queue     chan *job
	batchSize int
	written   chan struct{} // closed when the writer has ended

	mu     sync.RWMutex // guards closed, and the closing of queue
	closed bool
}

// Open opens a database that [Migrate] has brought to the newest schema: a SQLite file, or a PostgreSQL address that begins with
// postgres:// or postgresql://. publish is called, one call at a time, after each commit of a change that was announced, on PostgreSQL
// also where another process committed it; it must not block. The caller ends the store with Close.
func Open(ctx context.Context, database string, publish func(resale.Change), log *slog.Logger) (_ *Store, err error) {
	e, err := engineOf(database)
	if err != nil {
		return nil, err
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	s := &Store{reader: reader{engine: e}, publish: publish, log: log, deaf: func() {},
		queue: make(chan *job, queueLength), batchSize: batchSize, written: make(chan struct{})}
	if s.writes, s.reads, err = e.open(ctx); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.reads.Close()
			s.writes.Close()
		}
	}()
	w := writer{Store: s}
	s.sql = s.reads
	if s.q, err = e.queries(ctx, s.reads); err == nil {
		w.q, err = e.queries(ctx, s.writes)
	}
	if err != nil {
		return nil, fmt.Errorf("the database %s cannot be read: %w", e.name(), err)
	}
	if s.deaf, err = e.listen(ctx, publish, log); err != nil {
		return nil, err
	}
	go w.run()
	return s, nil
}

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	var one int
	return s.fault("the database", s.reads.QueryRowContext(ctx, "SELECT 1").Scan(&one))
}

// Close takes no more writes, commits those that wait, and closes the database.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.queue)
	s.mu.Unlock()
	<-s.written
	s.deaf()
	return errors.Join(s.reads.Close(), s.writes.Close())
}

// maxIdleLease is how long a sender waits at most before it looks again.
const maxIdleLease = time.Minute

// LeaseRequest implements [resale.Store]. Where nothing is due it only reads.
func (s *Store) LeaseRequest(ctx context.Context, now, until time.Time) (r resale.Request, ok bool, wait time.Duration, err error) {
	if wait, err = s.untilDue(ctx, now, until); err != nil || wait > 0 {
		return resale.Request{}, false, wait, err
	}
	err = s.Write(ctx, func(ctx context.Context, t resale.Tx) error {
		r, ok, err = t.LeaseRequest(ctx, now, until) // false where somebody else was faster
		return err
	})
	if err != nil || ok {
		return r, ok, 0, err
	}
	wait, err = s.untilDue(ctx, now, until)
	return resale.Request{}, false, wait, err
}

// clockSlack is how far the clocks of portals on one database may differ. A lease that ends later than that after a new one would was given
// before a clock was set back: whoever had it may be dead, and nobody else would take it for as long as the clock was set back.
const clockSlack = time.Minute

// leaseHorizon is when no lease ends that was given by the clock as it is, where one that is given now ends at until.
func leaseHorizon(now, until time.Time) int64 {
	return min(micros(until.Add(clockSlack)), micros(now.Add(resale.MaxWait)))
}

// untilDue returns how long until a request is due, at most maxIdleLease; not above zero where one is due already, is put off for longer
// than any ever is, or is leased for longer than a lease until the given time would be.
func (s *Store) untilDue(ctx context.Context, now, until time.Time) (time.Duration, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	due, err := s.q.NextDue(ctx)
	if err == nil && due <= micros(now) {
		return 0, nil
	}
	if err == nil && due != never {
		_, stranded := s.q.NextStranded(ctx, queries.NextStrandedParams{LeaseHorizon: leaseHorizon(now, until),
			Horizon: micros(now.Add(resale.MaxWait)), Never: never})
		if stranded == nil {
			return 0, nil
		}
	}
	switch {
	case errors.Is(err, sql.ErrNoRows) || due == never:
		return maxIdleLease, nil
	case err != nil:
		return 0, s.fault("request", err)
	}
	return min(instant(due).Sub(now), maxIdleLease), nil
}

// ReleaseLeases implements [resale.Store].
func (s *Store) ReleaseLeases(ctx context.Context) error {
	if !s.engine.alone() {
		return nil
	}
	return s.Write(ctx, func(ctx context.Context, t resale.Tx) error {
		return s.fault("request", t.(*tx).q.ReleaseLeases(ctx, never))
	})
}

// bounded returns ctx with a deadline, its own or callTime from now.
func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, callTime)
}
