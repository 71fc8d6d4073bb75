package resale

import (
	"context"
	"time"
)

// Step makes one attempt at the request that is due the longest, and reports false where nothing is due or the line is held.
func (s *Sender) Step(ctx context.Context) (bool, error) {
	wait, err := s.step(ctx)
	return wait == 0, err
}

// Take leases a request and leaves it at that, as a sender that dies does.
func (s *Sender) Take(ctx context.Context) (bool, error) {
	now := s.service.now()
	_, ok, _, err := s.service.store.LeaseRequest(ctx, now, now.Add(s.lease))
	return ok, err
}

// NotificationToken is the last part of the address that Bango posts an entitlement's notifications to.
func NotificationToken(e Entitlement) string { return e.NotifyToken }

// After is how an attempt moves the line.
func (l Line) After(a Answer, began, now time.Time) Line { return l.after(a, began, now) }

// NewRef returns a fresh reference.
func NewRef() string { return newRef() }
