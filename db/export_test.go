package db

import (
	"context"

	"github.com/pressly/goose/v3"
)

// QueueLength is how many writes may wait.
const QueueLength = queueLength

// NewestSchema is the schema that Migrate ends at.
const NewestSchema = newestSchema

// EachAlone makes the store commit every write in a transaction of its own. It must come before the first write.
func (s *Store) EachAlone() { s.batchSize = 1 }

// Waiting is how many writes are in the queue.
func (s *Store) Waiting() int { return len(s.queue) }

// Payloads are the messages that tell other processes of changes.
var Payloads = payloads

// Migrations returns the migrations of a database, to go back and forth.
func Migrations(ctx context.Context, database string) (*goose.Provider, func() error, error) {
	e, err := engineOf(database)
	if err != nil {
		return nil, nil, err
	}
	return e.provider(ctx)
}

// Spans sets how much of a list is looked at at once, so that a small one has what a million has, and returns a function that undoes it.
func Spans(page, walk, few int) (restore func()) {
	was := []int{listSpan, countSpan, wholeSpan, walkLimit, fewRows}
	listSpan, countSpan, wholeSpan, walkLimit, fewRows = page, page, page, walk, few
	return func() { listSpan, countSpan, wholeSpan, walkLimit, fewRows = was[0], was[1], was[2], was[3], was[4] }
}
