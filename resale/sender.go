package resale

import (
	"context"
	"sync"
	"time"
)

// Sender is the one place that sends requests to Bango and sends them again: it leases what is due from the store, makes one attempt,
// and commits what the attempt showed. It may be killed at any moment: what it leased falls due again, under the same identifier.
type Sender struct {
	service  *Service
	upstream Upstream
	workers  int
	lease    time.Duration
}

// senderGrace is how long an attempt that is under way may go on after Run was told to stop.
const senderGrace = 3 * time.Second

// NewSender returns a sender that makes at most workers attempts at once. callTimeout is the longest that one call of upstream
// takes; the lease is long enough for an attempt of two calls.
func NewSender(s *Service, upstream Upstream, workers int, callTimeout time.Duration) *Sender {
	return &Sender{service: s, upstream: upstream, workers: workers, lease: 2*callTimeout + 5*time.Second}
}

// Run sends until ctx is done, and returns once nothing is under way.
func (s *Sender) Run(ctx context.Context) {
	if err := s.service.store.ReleaseLeases(ctx); err != nil {
		s.service.log.Error("leases of an earlier run could not be released; they run out by themselves", "err", err)
	}
	var workers sync.WaitGroup
	for range s.workers {
		workers.Go(func() { s.work(ctx) })
	}
	workers.Wait()
}

// work makes attempts one after the other, and waits where nothing is due.
func (s *Sender) work(ctx context.Context) {
	for ctx.Err() == nil {
		now := s.service.now()
		r, ok, wait, err := s.service.store.LeaseRequest(ctx, now, now.Add(s.lease))
		if err != nil && ctx.Err() == nil {
			s.service.log.Error("the next request could not be taken", "err", err)
			wait = time.Second
		}
		if ok {
			s.service.wakeSender() // there may be more: one worker wakes the next
			s.attempt(ctx, r)
			continue
		}
		timer := time.NewTimer(max(wait, time.Millisecond))
		select {
		case <-ctx.Done():
		case <-s.service.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// attempt makes one attempt at a leased request and commits what it showed.
func (s *Sender) attempt(stop context.Context, r Request) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(stop))
	defer cancel()
	defer context.AfterFunc(stop, func() { time.AfterFunc(senderGrace, cancel) })()

	log := s.service.log.With("request", r.ID, "kind", r.Kind, "attempt", r.Attempts)
	e, err := s.service.store.Entitlement(ctx, r.EntitlementID)
	if err != nil {
		log.Error("the entitlement of a request could not be read; the request falls due again", "err", err)
		return
	}
	answers := s.ask(ctx, r, e)
	if ctx.Err() != nil {
		return // cut off by the end of the process: nothing is known, and the next start asks again
	}
	if err := s.service.settle(ctx, r, answers); err != nil {
		log.Error("an answer could not be stored; the request falls due again", "err", err)
		return
	}
	last := answers[len(answers)-1]
	log.Info("asked Bango", "verdict", string(last.Verdict), "http", last.Evidence.HTTPStatus, "took", last.Evidence.Duration)
}

// ask makes the calls of one attempt: one, or two where the first leaves open what happened. The last answer is what counts.
func (s *Sender) ask(ctx context.Context, r Request, e Entitlement) []Answer {
	if s.service.now().Sub(r.Created) > GiveUpAfter {
		return []Answer{{Verdict: VerdictMismatch, Message: "Bango has not said in 24 hours what became of this. Look it up there, then decide."}}
	}
	switch r.Kind {
	case KindCheck:
		if e.BangoID == "" {
			return []Answer{s.find(ctx, e)}
		}
		return []Answer{s.upstream.Read(ctx, e.BangoID)}
	case KindCreate:
		return s.create(ctx, r, e)
	case KindRefresh:
		return s.refresh(ctx, r, e)
	}
	return s.act(ctx, r, e)
}

// create asks for the entitlement, and looks for it among Bango's records where that leaves open what happened.
func (s *Sender) create(ctx context.Context, r Request, e Entitlement) []Answer {
	first := s.upstream.Create(ctx, r.ID, s.order(e))
	repeated := r.Attempts > 1 // an earlier attempt may have been executed
	switch {
	case first.Verdict == VerdictExists, repeated && first.Verdict == VerdictUnknown, repeated && first.Verdict == VerdictRefused:
	default:
		return []Answer{first}
	}
	// The same request under the same identifier did not settle it: Bango's records may. A refusal after an attempt without an answer may
	// even mean that it exists: Bango refuses a second one, should it have forgotten the identifier.
	found := s.find(ctx, e)
	if found.Verdict == VerdictDone || first.Verdict == VerdictRefused && found.Verdict != VerdictAbsent {
		return []Answer{first, found}
	}
	return []Answer{first}
}

func (s *Sender) order(e Entitlement) Order {
	return Order{CustomerIdentifier: e.CustomerIdentifier, MerchantKey: e.MerchantKey, ProductKey: e.ProductKey, OfferKey: e.OfferKey,
		NotificationURL: s.service.notificationURL(e)}
}

// refresh asks for a fresh registration URL, which the same create gives while the entitlement is PENDING and only then. Were it not any
// more, the create might make another entitlement, so Bango's record is read first. src: resale/faq/create-duplicate-pending
func (s *Sender) refresh(ctx context.Context, r Request, e Entitlement) []Answer {
	record := s.upstream.Read(ctx, e.BangoID)
	if record.Verdict != VerdictDone || record.Fact.Status != string(Pending) {
		return []Answer{record}
	}
	return []Answer{record, s.upstream.Create(ctx, r.ID, s.order(e))}
}

// act asks for something to be done with the entitlement. Where an earlier attempt may have done it, Bango's record settles what the same
// request again does not: it may have taken effect although nobody heard of it.
func (s *Sender) act(ctx context.Context, r Request, e Entitlement) []Answer {
	first := s.upstream.Act(ctx, r.ID, r.Kind, e.BangoID, r.Reason)
	if r.Attempts == 1 || first.Verdict != VerdictUnknown && first.Verdict != VerdictRefused {
		return []Answer{first}
	}
	record := s.upstream.Read(ctx, e.BangoID)
	if record.Verdict == VerdictDone && r.Kind.reached(Status(record.Fact.Status)) {
		return []Answer{first, record}
	}
	return []Answer{first}
}

// find looks for the entitlement among Bango's records of its customer and product. It is found only where exactly one record can be
// meant: of the same merchant, not ended, not known as another entitlement, and not older than ours.
func (s *Sender) find(ctx context.Context, e Entitlement) Answer {
	facts, answer := s.upstream.Find(ctx, e.CustomerIdentifier, e.ProductKey)
	if answer.Verdict != VerdictDone {
		return answer
	}
	var meant []Fact
	for _, f := range facts {
		if foreign(e, f) || Status(f.Status).Ended() || f.DateCreated.Before(e.Created.Add(-clockSkew)) {
			continue
		}
		other, err := s.service.store.EntitlementByBangoID(ctx, f.BangoID)
		switch {
		case err == nil && other.ID != e.ID:
			continue
		case err != nil && CodeOf(err) != CodeNotFound:
			return Answer{Message: "Bango's records could not be compared with ours.", Evidence: answer.Evidence}
		}
		meant = append(meant, f)
	}
	switch len(meant) {
	case 0:
		answer.Verdict, answer.Message = VerdictAbsent, "Bango has no record of it."
	case 1:
		answer.Fact = meant[0]
	default:
		answer.Verdict, answer.Message = VerdictMismatch, "Bango has several records that could be this one. Compare them there, then decide."
	}
	return answer
}

// clockSkew is how far Bango's clock may be behind ours.
const clockSkew = 2 * time.Minute
