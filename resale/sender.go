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
		wait, err := s.step(ctx)
		if err != nil && ctx.Err() == nil {
			s.service.log.Error("the next request could not be taken", "err", err)
			wait = time.Second
		}
		if wait <= 0 {
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-s.service.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// step makes the attempt that is due the longest, as far as the line allows. It returns how long nothing has to be done, zero where
// there may be more.
func (s *Sender) step(ctx context.Context) (wait time.Duration, err error) {
	line, err := s.service.store.Line(ctx)
	if err != nil {
		return 0, err
	}
	now := s.service.now()
	if line.State != LineOpen {
		if wait := line.Held(now); wait > 0 {
			return wait, nil
		}
		return s.probe(ctx)
	}
	r, ok, wait, err := s.service.store.LeaseRequest(ctx, now, now.Add(s.lease))
	if err != nil || !ok {
		return max(wait, time.Millisecond), err
	}
	s.service.wakeSender() // there may be more: one worker wakes the next
	s.attempt(ctx, r, now)
	return 0, nil
}

// probe finds out whether the line is open again, by the request that is due the longest or, where none is, by an echo. One sender of all
// portals does it at a time.
func (s *Sender) probe(ctx context.Context) (wait time.Duration, err error) {
	var r Request
	var due, ours bool
	var now time.Time
	err = s.service.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		due, ours, wait = false, false, 0
		if err := tx.LockNamed(ctx, lineLockName); err != nil {
			return err
		}
		line, err := tx.Line(ctx)
		if err != nil {
			return err
		}
		now = s.service.now()
		if wait = line.Held(now); line.State == LineOpen || wait > 0 {
			return nil // somebody else was faster
		}
		ours = true
		if err := tx.SetLine(ctx, line.probed(now)); err != nil {
			return err
		}
		r, due, err = tx.LeaseRequest(ctx, now, now.Add(s.lease))
		return err
	})
	switch {
	case err != nil || !ours:
		return max(wait, time.Millisecond), err
	case due:
		s.attempt(ctx, r, now)
		return 0, nil
	}
	answer := s.upstream.Echo(ctx)
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	return 0, s.service.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		return s.service.noteLine(ctx, tx, []Answer{answer}, now)
	})
}

// attempt makes one attempt at a leased request and commits what it showed.
func (s *Sender) attempt(stop context.Context, r Request, began time.Time) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(stop))
	defer cancel()
	defer context.AfterFunc(stop, func() { time.AfterFunc(senderGrace, cancel) })()

	log := s.service.log.With("request", r.ID, "kind", r.Kind, "attempt", r.Attempts)
	if held, err := s.service.holdAgain(ctx, r); err != nil {
		log.Error("a request could not be put back; it falls due again", "err", err)
		return
	} else if held {
		return
	}
	e, err := s.service.store.Entitlement(ctx, r.EntitlementID)
	if err != nil {
		log.Error("the entitlement of a request could not be read; the request falls due again", "err", err)
		return
	}
	answers := s.ask(ctx, r, e)
	if ctx.Err() != nil {
		return // cut off by the end of the process: nothing is known, and the next start asks again
	}
	if err := s.service.settle(ctx, r, answers, began); err != nil {
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
			found, _ := s.find(ctx, e)
			return []Answer{found}
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
	first := s.upstream.Create(ctx, r.ID, s.service.order(e, r.Terms))
	repeated := r.Attempts > 1 // an earlier attempt may have been executed
	switch first.Verdict {
	case VerdictTaken, VerdictExists:
	case VerdictUnknown, VerdictRefused:
		if !repeated {
			return []Answer{first}
		}
	default:
		return []Answer{first}
	}
	// The same request under the same identifier did not settle it: Bango's records may. A refusal after an attempt without an answer may
	// even mean that it exists: Bango refuses a second one, should it have forgotten the identifier.
	found, others := s.find(ctx, e)
	switch {
	case found.Verdict == VerdictDone && (repeated || first.Verdict == VerdictExists):
		return []Answer{first, found}
	case first.Verdict == VerdictTaken && found.Evidence.HTTPStatus != 0 && found.Verdict != VerdictUnknown:
		first.Message += s.service.already(ctx, e, others)
		return []Answer{found, first}
	case first.Verdict == VerdictExists && repeated && found.Verdict == VerdictAbsent:
		found.Verdict, found.Message = VerdictMismatch, "Bango says that it exists already, and has no record of it. Look it up there, then decide."
		return []Answer{first, found}
	case repeated && first.Verdict == VerdictRefused && found.Verdict != VerdictAbsent:
		return []Answer{first, found}
	}
	return []Answer{first}
}

// already names what the customer has at the merchant, after a refusal for having too many.
func (s *Service) already(ctx context.Context, e Entitlement, facts []Fact) string {
	for _, f := range facts {
		if f.MerchantKey != e.MerchantKey || Status(f.Status).Ended() || Status(f.Status) == Failed {
			continue
		}
		if known, err := s.store.EntitlementByBangoID(ctx, f.BangoID); err == nil {
			return " The customer has " + known.Ref + ", which is " + string(known.Status) + "."
		}
		return " The customer has one at Bango that is not known here: " + clip(f.BangoID, 60) + ", which is " + clip(f.Status, 40) + "."
	}
	return ""
}

// order is what a create of the entitlement asks for.
func (s *Service) order(e Entitlement, t Terms) Order {
	o := Order{CustomerIdentifier: e.CustomerIdentifier, MerchantKey: e.MerchantKey, ProductKey: e.ProductKey, OfferKey: e.OfferKey,
		NotificationURL: s.notificationURL(e), Terms: t}
	if s.ownIDs {
		o.EntitlementID = e.ID
	}
	return o
}

// refresh asks for a fresh registration URL, which the same create gives while the entitlement is PENDING and only then. Were it not any
// more, the create might make another entitlement, so Bango's record is read first. src: resale/faq/create-duplicate-pending
func (s *Sender) refresh(ctx context.Context, r Request, e Entitlement) []Answer {
	record := s.upstream.Read(ctx, e.BangoID)
	if record.Verdict != VerdictDone || record.Fact.Status != string(Pending) {
		return []Answer{record}
	}
	// Under another identifier it would not be the same create. Bango may know the customer by a newer one than we have heard of.
	known, err := s.service.recognise(ctx, s.service.store, e, record.Fact)
	if err == nil && known.NextIdentifier != "" && known.NextIdentifier == record.Fact.CustomerIdentifier {
		e.CustomerIdentifier = known.NextIdentifier
	}
	return []Answer{record, s.upstream.Refresh(ctx, r.ID, e.BangoID, s.service.order(e, r.Terms))}
}

// act asks for something to be done with the entitlement. Where an earlier attempt may have done it, Bango's record settles what the same
// request again does not: it may have taken effect although nobody heard of it.
func (s *Sender) act(ctx context.Context, r Request, e Entitlement) []Answer {
	var first Answer
	if r.Kind == KindUpdate {
		address := ""
		if r.Terms.NotificationBase != "" {
			address = r.Terms.NotificationBase + notificationPath + e.NotifyToken
		}
		first = s.upstream.Update(ctx, r.ID, e.BangoID, r.Terms, address)
	} else {
		first = s.upstream.Act(ctx, r.ID, r.Kind, e.BangoID, r.Reason)
	}
	if r.Attempts == 1 || first.Verdict != VerdictUnknown && first.Verdict != VerdictRefused {
		return []Answer{first}
	}
	record := s.upstream.Read(ctx, e.BangoID)
	if record.Verdict == VerdictDone && r.fulfilled(record.Fact) {
		return []Answer{first, record}
	}
	return []Answer{first}
}

// find looks for the entitlement among Bango's records of its customer. It is found only where exactly one record can be meant: of the
// same merchant and product, not ended, not known as another entitlement, and not older than ours. all are the customer's records.
func (s *Sender) find(ctx context.Context, e Entitlement) (a Answer, all []Fact) {
	all, a = s.upstream.Find(ctx, e.CustomerIdentifier, "")
	if a.Verdict != VerdictDone {
		return a, nil
	}
	var meant []Fact
	for _, f := range all {
		if foreign(e, f) || f.ProductKey != "" && f.ProductKey != e.ProductKey || Status(f.Status).Ended() ||
			f.DateCreated.Before(e.Created.Add(-clockSkew)) {
			continue
		}
		other, err := s.service.store.EntitlementByBangoID(ctx, f.BangoID)
		switch {
		case err == nil && other.ID != e.ID:
			continue
		case err != nil && CodeOf(err) != CodeNotFound:
			return Answer{Message: "Bango's records could not be compared with ours.", Evidence: a.Evidence}, nil
		}
		meant = append(meant, f)
	}
	switch len(meant) {
	case 0:
		a.Verdict, a.Message = VerdictAbsent, "Bango has no record of it."
	case 1:
		a.Fact = meant[0]
	default:
		a.Verdict, a.Message = VerdictMismatch, "Bango has several records that could be this one. Compare them there, then decide."
	}
	return a, all
}

// clockSkew is how far Bango's clock may be behind ours.
const clockSkew = 2 * time.Minute
