package handlers

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"latchkey/resale"
)

const (
	// liveTick is the least time between two events of a stream; changes that come closer together are one event.
	liveTick = 100 * time.Millisecond

	// numberTick is how long a minor change, of the number in the header, is held back, so that a storm of them does not make every page that is
	// open read itself again and again.
	numberTick = time.Second

	maxStreams    = 20_000 // at once
	maxStreamsOf  = 100    // of one person, or of one signup link
	recheckTime   = 5 * time.Second
	reconnectFrom = 1000 // ms; browsers wait this and up to as much again, so that they do not all come back at once
)

// live streams what changed under a topic, as server-sent events that carry refs and never content: the page reads again.
func (a *App) live(c *fiber.Ctx) error {
	s, err := a.subscription(c)
	if err != nil {
		return err
	}
	if c.Method() == fiber.MethodHead {
		return nil
	}
	if err := a.streams.enter(s.of); err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, "text/event-stream; charset=utf-8")
	c.Set("X-Accel-Buffering", "no") // nginx would gather the events
	c.Response().SetConnectionClose()

	// From here on c belongs to somebody else's request: the stream has only what was taken from it before.
	s.listener = a.hub.Listen(s.topics()...)
	s.conn = c.Context().Conn()
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		defer a.streams.leave(s.of)
		defer s.listener.Close()
		s.run(w, a.beat)
	})
	return nil
}

// subscription is one stream.
type subscription struct {
	topic    string
	of       string                     // whose it is: a person's id, or the entitlement's for an end user
	refs     bool                       // whether its events name refs
	allowed  func(context.Context) bool // whether it may go on; nil where that cannot change
	listener *resale.Listener
	conn     net.Conn
}

// topics are what a stream hears of: its topic and, for staff, what changes the number in the header of every page.
func (s *subscription) topics() []string {
	if s.refs && s.topic != resale.TopicAttention {
		return []string{s.topic, resale.TopicAttention}
	}
	return []string{s.topic}
}

// minor reports whether a change that names no entitlement may be of no more than the number in the header.
func (s *subscription) minor(refs []string, all bool) bool {
	return len(refs) == 0 && !all && s.topic != resale.TopicAttention && s.topic != resale.TopicReconciliation
}

// subscription returns what the request asks to listen to, if it may.
func (a *App) subscription(c *fiber.Ctx) (*subscription, error) {
	ctx := c.UserContext()
	topic, err := query(c, "topic")
	if err != nil {
		return nil, err
	}
	kind, id, _ := strings.Cut(topic, ":")
	if kind == "signup" {
		if !isToken(id) {
			return nil, resale.NotFound("signup link")
		}
		e, err := a.store.EntitlementBySignupToken(ctx, id)
		return &subscription{topic: resale.TopicEntitlement(e.ID), of: e.ID}, err
	}
	if who(c).ID == "" {
		return nil, errSignedOut
	}
	session, _ := c.Locals(keySession).(string)
	s := &subscription{of: who(c).ID, refs: true, allowed: func(ctx context.Context) bool {
		_, err := a.service.WatchSession(ctx, session)
		return resale.CodeOf(err) != resale.CodeNotFound
	}}
	switch {
	case topic == resale.TopicEntitlements || topic == resale.TopicReconciliation || topic == resale.TopicAttention:
		s.topic = topic
	case topic == resale.TopicBulk && who(c).Role.AtLeast(resale.Supervisor):
		s.topic = topic
	case kind == "entitlement" && isID(id):
		_, err = a.store.Entitlement(ctx, id)
		s.topic = resale.TopicEntitlement(id)
	case kind == "customer" && isID(id):
		_, err = a.store.Customer(ctx, id)
		s.topic = resale.TopicCustomer(id)
	default:
		return nil, resale.NotFound("topic")
	}
	return s, err
}

// run writes events until the client is gone, may not listen any more, or the hub closes. A client that vanished shows only in a write
// that fails, hence the heartbeat.
func (s *subscription) run(w *bufio.Writer, beat time.Duration) {
	fmt.Fprintf(w, "retry: %d\n", reconnectFrom+rand.IntN(reconnectFrom))
	if s.tell(w, nil, true) != nil { // whoever connects may have missed something
		return
	}
	heart := time.NewTicker(beat)
	defer heart.Stop()
	var number <-chan time.Time // while a minor change is held back
	for {
		select {
		case _, open := <-s.listener.Signal:
			if !open {
				return
			}
			refs, all := s.listener.Take()
			if s.minor(refs, all) {
				if number == nil {
					number = time.After(numberTick)
				}
				continue
			}
			if s.tell(w, refs, all) != nil {
				return
			}
			number = nil // the page reads all of itself again
			time.Sleep(liveTick)
		case <-number:
			number = nil
			if s.tell(w, nil, false) != nil {
				return
			}
		case <-heart.C:
			if !s.mayGoOn() {
				return
			}
			w.WriteString(": still here\n\n") // an error stays in w and shows in its flush
			if s.flush(w) != nil {
				return
			}
		}
	}
}

// changed is an event's data.
type changed struct {
	Refs []string `json:"refs"` // of the entitlements that changed
	All  bool     `json:"all"`  // more may have changed than refs name
}

func (s *subscription) tell(w *bufio.Writer, refs []string, all bool) error {
	data := changed{Refs: []string{}, All: all || !s.refs}
	if s.refs {
		data.Refs = append(data.Refs, refs...)
		slices.Sort(data.Refs)
	}
	text, err := json.Marshal(data)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "event: changed\nid: %d\ndata: %s\n\n", time.Now().UnixMicro(), text)
	return s.flush(w)
}

// flush sends what was written. Without a deadline of its own for each, the server's would cut the stream.
func (s *subscription) flush(w *bufio.Writer) error {
	if err := s.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	return w.Flush()
}

func (s *subscription) mayGoOn() bool {
	if s.allowed == nil {
		return true
	}
	ctx, cancel := context.WithTimeout(context.Background(), recheckTime)
	defer cancel()
	return s.allowed(ctx)
}

// streams counts the streams that are open.
type streams struct {
	mu  sync.Mutex
	all int
	of  map[string]int
}

// enter counts one more stream of somebody, or says why it is one too many.
func (s *streams) enter(of string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.all >= maxStreams:
		return &refusal{status: http.StatusServiceUnavailable, message: "Too many pages are open. They work without being live."}
	case s.of[of] >= maxStreamsOf:
		return &refusal{status: http.StatusTooManyRequests, message: "You have too many live pages open. Close some."}
	}
	s.all++
	s.of[of]++
	return nil
}

func (s *streams) leave(of string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	if s.of[of]--; s.of[of] == 0 {
		delete(s.of, of)
	}
}
