package db

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"latchkey/resale"
)

// channel is where portals on one PostgreSQL tell each other of changes.
const channel = "latchkey"

// maxPayload is the most that one message carries, in bytes. src: NOTIFY, "must be shorter than 8000 bytes"
const maxPayload = 7999

var everything = resale.Change{Topics: []string{resale.TopicEverything}}

// payloads returns changes as messages, in JSON: as many in each as fit, and one too large for a message as everything.
func payloads(changes []resale.Change) (messages []string) {
	var message []byte
	for _, c := range changes {
		one, err := json.Marshal(c)
		if err != nil || len(one)+2 > maxPayload {
			one, _ = json.Marshal(everything)
		}
		if message != nil && len(message)+len(one)+2 > maxPayload {
			messages = append(messages, string(append(message, ']')))
			message = nil
		}
		if message == nil {
			message = append(message, '[')
		} else {
			message = append(message, ',')
		}
		message = append(message, one...)
	}
	if message != nil {
		messages = append(messages, string(append(message, ']')))
	}
	return messages
}

// listen calls publish for the changes that processes commit, this one included, until stop, which waits for the last call. What is committed
// after it has returned is heard of. What was missed while the connection was lost nobody knows: everybody is told to read again.
func listen(ctx context.Context, config *pgx.ConnConfig, publish func(resale.Change), log *slog.Logger) (stop func(), err error) {
	conn, err := connectListener(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("the PostgreSQL database %s cannot be listened to: %w", postgres{config}.name(), err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			err := hear(ctx, conn, publish)
			for {
				if ctx.Err() != nil {
					return
				}
				log.Warn("changes made by other portals are not heard of for now; pages may be behind", "err", err)
				select {
				case <-ctx.Done():
					return
				case <-time.After(listenAgain):
				}
				if conn, err = connectListener(ctx, config); err == nil {
					break
				}
			}
			log.Info("changes are heard of again")
			publish(everything)
		}
	}()
	return func() { cancel(); <-ended }, nil
}

// listenAgain is the pause before a lost listener connects again.
const listenAgain = 250 * time.Millisecond

func connectListener(ctx context.Context, config *pgx.ConnConfig) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		conn.Close(ctx)
		return nil, err
	}
	return conn, nil
}

// hear publishes what arrives until the connection breaks, and closes it.
func hear(ctx context.Context, conn *pgx.Conn, publish func(resale.Change)) error {
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		conn.Close(closing)
	}()
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		var changes []resale.Change
		if json.Unmarshal([]byte(n.Payload), &changes) != nil {
			changes = []resale.Change{everything} // of a newer version, whose messages look different
		}
		for _, c := range changes {
			publish(c)
		}
	}
}
