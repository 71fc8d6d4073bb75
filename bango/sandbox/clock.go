package sandbox

import "time"

// Now returns the time by the clock of the sandbox. Dates, ends and registration URLs go by it.
func (s *Sandbox) Now() time.Time { return s.config.Now().Add(time.Duration(s.moved.Load())) }

// now is the time in the grain of Bango's dates.
func (s *Sandbox) now() time.Time { return s.Now().UTC().Truncate(time.Second) }

// MoveClock moves the clock of the sandbox: what is to end until then has ended when it returns, and queued changes come that much
// earlier. A negative time moves it back, and undoes nothing. Notifications, the age of a signature and the limit of calls stay with
// the true time.
func (s *Sandbox) MoveClock(by time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.moved.Add(int64(by))
	for q := range s.queue {
		q.due = q.due.Add(-by)
		q.timer.Reset(time.Until(q.due))
	}
	s.endDue()
}

// queued is a change that a merchant takes its time for.
type queued struct {
	due   time.Time // by the true clock
	timer *time.Timer
}

// later does something after a while, under the lock; never, where the sandbox is closed before. The caller holds the lock.
func (s *Sandbox) later(wait time.Duration, do func()) {
	if s.stop.Err() != nil {
		return
	}
	q := &queued{time.Now().Add(wait), time.NewTimer(wait)}
	s.queue[q] = struct{}{}
	s.running.Go(func() {
		defer q.timer.Stop()
		select {
		case <-s.stop.Done():
			return
		case <-q.timer.C:
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.queue, q)
		if s.stop.Err() == nil {
			do()
		}
	})
}

const dueEvery = 500 * time.Millisecond // between two looks for those whose end has come

// lookForEnds ends what is due, until the sandbox is closed.
func (s *Sandbox) lookForEnds() {
	ticker := time.NewTicker(dueEvery)
	defer ticker.Stop()
	for {
		select {
		case <-s.stop.Done():
			return
		case <-ticker.C:
		}
		s.mu.Lock()
		s.endDue()
		s.mu.Unlock()
	}
}

// endDue carries out the announced ends whose date has come, and ends what has expired. The caller holds the lock.
func (s *Sandbox) endDue() {
	now := s.now()
	due := func(at time.Time) bool { return !at.IsZero() && !now.Before(at) }
	for _, e := range s.entitlements {
		expired := e.live() && due(e.request.dateExpiry)
		switch {
		case e.status == statusActiveEnding && due(e.ended) && !(expired && e.request.dateExpiry.Before(e.ended)):
			s.change(e, statusCancelled)
		case expired: // src: resale/api-ref/reason-codes
			e.request.extensionData = withProperties(e.request.extensionData, properties{
				"cancelReasonCategory": toJSON("CUSTOMER_CANCELLED"), "cancelReasonCode": toJSON("EXPIRED")})
			e.ended = time.Time{} // not the end that was announced, which would stay
			s.change(e, statusCancelled)
		}
	}
}
