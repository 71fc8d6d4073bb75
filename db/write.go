package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"latchkey/db/queries"
	"latchkey/resale"
)

const (
	queueLength = 1024 // writes that may wait: about a second of work on a slow disk. More are turned away
	batchSize   = 64   // writes in one commit
	maxTries    = 4    // of a write alone: once, and three times again
)

// batchTime is how long the first write of a batch is kept waiting by those that join it.
const batchTime = 100 * time.Millisecond

var (
	errBusy = &resale.Error{Code: resale.CodeBusy, Message: "Too much is being stored at once. Try again in a moment."}
	// errUnfinished is what a write ends with that panicked.
	errUnfinished = errors.New("a write did not finish")
)

// job is one call of Write. The writer hands the transaction over by turn; the caller then runs its function in its own goroutine, so
// that a panic there is the caller's, and hands the result back by ran. done has the outcome.
type job struct {
	claimed atomic.Bool // by the writer, who runs it, or by its caller, who gave up
	turn    chan *tx
	ran     chan error
	done    chan error

	err  error // of the last run
	over bool  // it is not run again: it panicked, or took too long
}

// Write implements [resale.Store]. A ctx that ends while the write waits takes it back. Once f runs it is not cut short by ctx, since a
// statement that is cut short may take the whole batch along: f has until the deadline of ctx, and 10 seconds at least.
func (s *Store) Write(ctx context.Context, f func(ctx context.Context, tx resale.Tx) error) error {
	j := &job{turn: make(chan *tx), ran: make(chan error), done: make(chan error, 1)}
	if err := s.enqueue(j); err != nil {
		return err
	}
	given := ctx.Done()
	for {
		select {
		case t := <-j.turn:
			j.run(ctx, t, f)
		case err := <-j.done:
			return err
		case <-given:
			if j.claimed.CompareAndSwap(false, true) {
				return ctx.Err()
			}
			given = nil // it runs already; what f has set in its caller must not change after Write has returned
		}
	}
}

func (s *Store) enqueue(j *job) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return errors.New("the store is closed")
	}
	select {
	case s.queue <- j:
		return nil
	default:
		return errBusy
	}
}

func (j *job) run(ctx context.Context, t *tx, f func(context.Context, resale.Tx) error) {
	err := errUnfinished
	defer func() { j.ran <- err }()
	deadline := time.Now().Add(callTime)
	if own, ok := ctx.Deadline(); ok && own.After(deadline) {
		deadline = own
	}
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), deadline)
	defer cancel()
	if err = f(ctx, t); err == nil {
		err = t.keepAttention(ctx)
	}
	if err == nil {
		err = t.failure // f passed over it, and PostgreSQL would not store the rest
	}
}

// writer commits what is in the store's queue. There is one in a process: SQLite has one writer at a time anyway, and on PostgreSQL a
// batch holds the locks of all its writes until its commit, so that several batches in a process would mostly wait for each other.
// Several processes on one PostgreSQL have a writer each.
type writer struct {
	*Store
	q *queries.Queries // on the writer's connection
}

func (w writer) run() {
	defer close(w.written)
	for first := range w.queue {
		if first.claimed.CompareAndSwap(false, true) {
			w.batch(first)
		}
	}
}

// next returns a write that waits, or nil. Where none waits it lets the others run once: callers that were answered a moment ago may be about
// to write again. Nobody is waited for, so that a lone caller loses nothing.
func (w writer) next() *job {
	for yielded := false; ; {
		select {
		case j := <-w.queue: // nil once it is closed and empty
			if j == nil || j.claimed.CompareAndSwap(false, true) {
				return j
			}
		default:
			if yielded {
				return nil
			}
			runtime.Gosched()
			yielded = true
		}
	}
}

// batch commits first together with what waits, and tells each caller how it ended. Also failures are told only after the commit: a
// write may have failed because of one before it in the batch, which nobody else can see yet.
func (w writer) batch(first *job) {
	began, taken := time.Now(), 1
	jobs, undone, err := w.transaction(first, func() *job {
		if taken == w.batchSize || time.Since(began) > batchTime {
			return nil
		}
		taken++
		return w.next()
	})
	if undone && (len(jobs) > 1 || w.engine.passing(err)) {
		// Nothing of it was stored. Run one by one, whoever broke it breaks no more than its own.
		for _, j := range jobs {
			w.alone(j)
		}
		return
	}
	w.answer(jobs, err)
}

// alone commits one write, and tries again what a conflict with another process or a lost connection undid.
func (w writer) alone(j *job) {
	for try := 1; ; try++ {
		if j.over {
			j.done <- j.err
			return
		}
		jobs, undone, err := w.transaction(j, func() *job { return nil })
		if !undone || !w.engine.passing(err) || try == maxTries {
			w.answer(jobs, err)
			return
		}
		time.Sleep(rand.N(time.Duration(try) * 20 * time.Millisecond))
	}
}

// answer ends jobs that were in one transaction, which failed as a whole where err is not nil.
func (w writer) answer(jobs []*job, err error) {
	if said := (*resale.Error)(nil); !errors.As(err, &said) {
		err = fault(w.engine, "write", err)
	}
	for _, j := range jobs {
		if j.err == nil {
			j.err = err
		}
		j.done <- j.err
	}
}

// transaction runs first and then what next returns in one transaction, and commits. Each job but the first has a savepoint, so that its
// failure takes nothing else with it. A job that failed has its err; an err of the whole means that none was stored for certain, or,
// unless undone, that the database did not say.
func (w writer) transaction(first *job, next func() *job) (jobs []*job, undone bool, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	watch := time.AfterFunc(callTime, cancel) // for each statement of our own; what a job runs has its own deadline
	defer watch.Stop()

	jobs = append(jobs, first)
	first.err = nil
	t, err := w.writes.BeginTx(ctx, nil)
	if err != nil {
		return jobs, true, w.late(ctx, err)
	}
	defer t.Rollback() // does nothing after the commit
	b := batch{q: w.engine.within(w.q, t), counts: map[resale.Status]int64{}, needs: map[string]int64{}}
	savepoint := "SAVEPOINT job"
	for j := first; ; {
		watch.Stop()
		one := &tx{reader: reader{q: b.q, sql: t, engine: w.engine}, tx: t, batch: &b, counts: map[resale.Status]int64{}, needs: map[string]int64{}}
		one.reader.failed = &one.failure
		j.turn <- one
		j.err = <-j.ran
		watch.Reset(callTime)
		switch {
		case j.err == nil:
			b.add(one)
		case w.engine.passing(j.err):
			return jobs, true, j.err
		case errors.Is(j.err, errUnfinished) || errors.Is(j.err, context.DeadlineExceeded):
			j.over = true
			fallthrough
		default:
			if j == first {
				return jobs, false, nil // alone until now: there is nothing to commit
			}
			if _, err := t.ExecContext(ctx, "ROLLBACK TO SAVEPOINT job"); err != nil {
				return jobs, true, w.late(ctx, err)
			}
		}
		failed := j.err != nil
		if j = next(); j == nil {
			break
		}
		jobs = append(jobs, j)
		j.err = nil
		if !failed { // a savepoint that was rolled back to is still there
			if _, err := t.ExecContext(ctx, savepoint); err != nil {
				return jobs, true, w.late(ctx, err)
			}
			savepoint = "RELEASE SAVEPOINT job; SAVEPOINT job"
		}
	}
	watch.Reset(callTime)
	if err := b.finish(ctx, t, w.engine); err != nil {
		return jobs, true, w.late(ctx, err)
	}
	watch.Reset(callTime)
	if err := t.Commit(); err != nil {
		if w.engine.refused(err) {
			return jobs, true, err
		}
		return jobs, false, &resale.Error{Code: resale.CodeInternal,
			Message: "The database did not say whether this was stored. Look before you try again.", Err: w.late(ctx, err)}
	}
	w.log.Debug("committed", "writes", len(jobs))
	if w.engine.alone() {
		for _, c := range b.changes {
			w.publish(c)
		}
	}
	return jobs, false, nil
}

// late returns err, or that the time was up where that is the cause.
func (w writer) late(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", context.DeadlineExceeded, err)
	}
	return err
}

// batch gathers what the jobs of one transaction leave to its end.
type batch struct {
	q       *queries.Queries
	counts  map[resale.Status]int64
	tallies map[resale.Tally]int64
	needs   map[string]int64 // of what needs attention
	changes []resale.Change
}

// add takes over from a job that succeeded.
func (b *batch) add(t *tx) {
	for status, n := range t.counts {
		b.counts[status] += n
	}
	b.addTallies(t)
	for kind, n := range t.needs {
		b.needs[kind] += n
	}
	b.changes = append(b.changes, t.changes...)
}

// finish stores what was gathered. The counts are rows that every process changes: written last and in one order, they are locked
// briefly, and two processes never wait for each other.
func (b *batch) finish(ctx context.Context, t *sql.Tx, e engine) error {
	for _, status := range slices.Sorted(maps.Keys(b.counts)) {
		if n := b.counts[status]; n != 0 {
			if err := b.q.AddToStatusCount(ctx, queries.AddToStatusCountParams{Status: string(status), N: n}); err != nil {
				return err
			}
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(b.needs)) {
		if n := b.needs[kind]; n != 0 {
			if err := b.q.AddToAttentionCount(ctx, queries.AddToAttentionCountParams{Kind: kind, N: n}); err != nil {
				return err
			}
		}
	}
	if err := b.storeTallies(ctx); err != nil {
		return err
	}
	return e.notify(ctx, t, b.changes)
}
