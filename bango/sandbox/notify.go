package sandbox

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

const (
	notifyAttempts = 10               // of one notification, then it is given up
	notifyLongest  = 30 * time.Second // between two attempts
	notifyTimeout  = 10 * time.Second // of one attempt, answer included
	notifyAtOnce   = 64               // connections to one host
)

// outgoing is a notification that is to be delivered. It says what was true when it was made.
type outgoing struct {
	reason           string
	body             []byte
	wrongCredentials bool
	delivered        chan struct{} // closed once it is, or is given up
}

func newNotifyClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxConnsPerHost = notifyAtOnce
	transport.MaxIdleConnsPerHost = notifyAtOnce
	return &http.Client{Transport: transport, Timeout: notifyTimeout, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // the notificationUrl is used exactly as given. src: resale/api-ref/notifications
	}}
}

// notify puts a notification of what the entitlement is now behind those that wait, unless a fault strikes it. The caller holds the lock.
func (s *Sandbox) notify(e *entitlement, reason string) {
	n := outgoing{reason: reason, body: toJSON(newNotification(reason, e.record()))}
	held := e.held
	e.held = nil
	if rule, f := s.firstRule(true, anyOperation, e.request.customerIdentifier, e.request.merchantAccountKey); f != nil {
		f.notify(s, e, n, rule.Value)
	} else {
		s.enqueue(e, n)
	}
	s.release(e, held)
}

// release queues notifications that a fault has held back. The caller holds the lock.
func (s *Sandbox) release(e *entitlement, held []outgoing) {
	for _, n := range held {
		s.undelivered--
		s.enqueue(e, n)
	}
}

// enqueue puts a notification behind those that wait. The caller holds the lock.
func (s *Sandbox) enqueue(e *entitlement, n outgoing) {
	n.delivered = make(chan struct{})
	e.outbox = append(e.outbox, n)
	e.notified = n.reason + ": waits to be delivered"
	s.undelivered++
	if len(e.outbox) == 1 && s.stop.Err() == nil {
		s.running.Go(func() { s.deliver(e) })
	}
}

// Pending returns how many notifications are not yet delivered. One that was given up no longer counts.
func (s *Sandbox) Pending() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.undelivered
}

// deliver delivers an entitlement's notifications one after the other, until there is none or the sandbox is closed.
func (s *Sandbox) deliver(e *entitlement) {
	for {
		s.mu.Lock()
		next := e.outbox[0]
		s.mu.Unlock()
		if !s.deliverOne(e, next) {
			return
		}
		s.mu.Lock()
		e.outbox = e.outbox[1:]
		s.undelivered--
		close(next.delivered)
		empty := len(e.outbox) == 0
		s.mu.Unlock()
		if empty {
			return
		}
	}
}

// deliverOne makes attempts until one succeeds or they are used up; false where the sandbox was closed before.
func (s *Sandbox) deliverOne(e *entitlement, n outgoing) bool {
	log := s.log.With("entitlement", e.id, "reason", n.reason)
	for attempt := 1; ; attempt++ {
		err := s.post(e.owner, s.address(e), n)
		switch {
		case s.stop.Err() != nil:
			return false
		case err == nil:
			log.Info("notification delivered", "attempt", attempt)
			s.setNotified(e, n.reason+": delivered")
			return true
		case attempt == notifyAttempts:
			log.Error("notification given up", "attempt", attempt, "err", err)
			s.setNotified(e, fmt.Sprintf("%s: given up after %d attempts: %v", n.reason, attempt, err))
			return true
		}
		wait := retryWait(s.config.RetryFirst, attempt)
		log.Warn("notification not delivered; it is sent again", "attempt", attempt, "err", err, "wait", wait)
		s.setNotified(e, fmt.Sprintf("%s: attempt %d of %d failed: %v", n.reason, attempt, notifyAttempts, err))
		timer := time.NewTimer(wait)
		select {
		case <-s.stop.Done():
			timer.Stop()
			return false
		case <-timer.C:
		}
	}
}

func (s *Sandbox) setNotified(e *entitlement, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.notified = text
}

// retryWait is the wait after that many failed attempts.
func retryWait(first time.Duration, failed int) time.Duration {
	wait := first
	for range failed - 1 {
		if wait >= notifyLongest {
			break
		}
		wait *= 2
	}
	return min(wait, notifyLongest)
}

// address returns where notifications go now: what was to go elsewhere before an update follows.
func (s *Sandbox) address(e *entitlement) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return e.request.notificationURL
}

// post makes one attempt. Only an answer of 2xx is a success.
func (s *Sandbox) post(to *account, address string, n outgoing) error {
	req, err := http.NewRequestWithContext(s.stop, http.MethodPost, address, bytes.NewReader(n.body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	if to.NotifyKey != "" {
		req.Header.Set("X-Api-Key", to.NotifyKey) // src: Gen 2 bango-to-reseller
	}
	if to.NotifyUsername != "" {
		req.SetBasicAuth(to.NotifyUsername, to.NotifyPassword)
	}
	if n.wrongCredentials {
		req.Header.Set("X-Api-Key", "wrong-"+rand.Text())
		req.SetBasicAuth("wrong", rand.Text())
	}
	resp, err := s.client.Do(req)
	var failed *url.Error
	if errors.As(err, &failed) {
		return failed.Err // without the address, which is the reseller's secret
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxBody)) // so that the connection can be used again
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fmt.Errorf("HTTP %d", resp.StatusCode)
	}
	return nil
}
