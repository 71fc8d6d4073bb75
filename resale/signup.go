package resale

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
)

// SignupState is what the end user's page is about.
type SignupState string

const (
	SignupGo        SignupState = "go"        // the end user goes on to the merchant
	SignupPreparing SignupState = "preparing" // Bango has not answered, or the merchant's link is being refreshed
	SignupWaiting   SignupState = "waiting"   // the end user was at the merchant, who has not confirmed yet
	SignupComing    SignupState = "coming"    // the merchant activates it without the end user
	SignupDone      SignupState = "done"      // active
	SignupEnding    SignupState = "ending"    // active until a date
	SignupDirect    SignupState = "direct"    // the end user has it from the merchant already
	SignupEnded     SignupState = "ended"
	SignupClosed    SignupState = "closed"  // ended before it was ever active
	SignupPaused    SignupState = "paused"  // suspended
	SignupRefused   SignupState = "refused" // nothing exists at Bango
	SignupFailed    SignupState = "failed"  // access is not known
	SignupStuck     SignupState = "stuck"   // the link has expired, and Bango gave no other or a person has to decide
	SignupBusy      SignupState = "busy"    // the link has expired, and was refreshed too often of late
)

// SignupStates lists every state.
var SignupStates = []SignupState{SignupGo, SignupPreparing, SignupWaiting, SignupComing, SignupDone, SignupEnding, SignupDirect, SignupEnded,
	SignupClosed, SignupPaused, SignupRefused, SignupFailed, SignupStuck, SignupBusy}

// Signup is what the end user's page shows: no more than the product and where things stand.
type Signup struct {
	Entitlement Entitlement
	Product     Product
	Texts       map[string]ProductText // what the catalogue tells end users of the product, by language
	State       SignupState
	Slow        bool          // it takes longer than is usual
	CanGo       bool          // going on is worth a try
	Promise     time.Duration // within which nine of ten are confirmed after their visit at the merchant; 0 where that is not known
}

const (
	linkLeast = 2 * time.Minute // a link that is valid for less is refreshed before it is followed

	linkRefreshes = 6 // for end users, of one entitlement in linkPeriod
	linkPeriod    = time.Hour

	prepareUsual = 2 * time.Minute  // after which preparing is slow
	waitUsual    = 10 * time.Minute // after which waiting is slow, where nothing better is known

	promiseKept = 10 * time.Minute // how long what is usual is not looked at again
)

// Signup returns what the signup link leads to. Opening it changes nothing, since mail and chat programs open links by themselves.
func (s *Service) Signup(ctx context.Context, token string) (Signup, error) {
	e, err := s.store.EntitlementBySignupToken(ctx, token)
	if err != nil {
		return Signup{}, err
	}
	p, err := s.store.Product(ctx, e.ProductID)
	if err != nil {
		return Signup{}, err
	}
	texts, err := s.store.ProductText(ctx, p.ID)
	if err != nil {
		return Signup{}, err
	}
	v := Signup{Entitlement: e, Product: p, Texts: texts}
	var requests []Request
	switch {
	case e.Status == Pending:
		if requests, err = s.store.RequestsOf(ctx, e.ID, signupRequests); err == nil && wentOn(e) {
			v.Promise, err = s.promise(ctx, e.ProductID)
		}
	case e.Status.Ended() && e.DateActivated.IsZero():
		e.Message, err = s.lastWords(ctx, e)
	}
	if err != nil {
		return Signup{}, err
	}
	now := s.now()
	v.State = signupState(e, requests, s.directWords, now)
	v.CanGo = slices.Contains([]SignupState{SignupGo, SignupWaiting, SignupStuck}, v.State) && e.RegistrationURL != ""
	switch v.State {
	case SignupPreparing:
		since := e.Created
		if o := changesOf(requests); len(o) > 0 {
			since = o[0].Created
		}
		v.Slow = now.Sub(since) > prepareUsual
	case SignupWaiting:
		v.Slow = now.Sub(e.OpenedAt) > max(v.Promise, waitUsual)
	}
	return v, nil
}

// signupRequests is how many of an entitlement's requests its signup page looks at, newest first.
const signupRequests = 50

// signupState is pure. requests are the entitlement's, newest first, as far as it is PENDING; e.Message is Bango's words about the end.
func signupState(e Entitlement, requests []Request, directWords []string, now time.Time) SignupState {
	direct := mentions(e.Message, directWords)
	switch e.Status {
	case Requested, Unknown:
		return SignupPreparing
	case Active:
		return SignupDone
	case ActiveEnding:
		if e.DateEnded.IsZero() {
			return SignupDone
		}
		return SignupEnding
	case Suspended:
		return SignupPaused
	case Cancelled, Revoked:
		switch {
		case !e.DateActivated.IsZero():
			return SignupEnded
		case direct:
			return SignupDirect
		}
		return SignupClosed
	case Refused, Failed:
		switch {
		case direct:
			return SignupDirect
		case e.Status == Failed:
			return SignupFailed
		}
		return SignupRefused
	}
	asked := changesOf(requests)
	switch {
	case e.RegistrationURL == "" && len(asked) > 0 && asked[0].State == Manual:
		return SignupStuck
	case e.RegistrationURL == "":
		return SignupComing
	case linkLasts(e, now, 0):
	case len(asked) > 0 && asked[0].State.Open():
		return SignupPreparing
	case len(asked) > 0 && asked[0].Kind == KindRefresh && asked[0].State != Done && now.Sub(asked[0].Updated) < linkPeriod:
		return SignupStuck
	case refreshesBy(requests, ByCustomer, now.Add(-linkPeriod)) >= linkRefreshes:
		return SignupBusy
	}
	if wentOn(e) {
		return SignupWaiting
	}
	return SignupGo
}

// wentOn reports whether the end user has been at the merchant for what is PENDING now: an update may make it so once more.
func wentOn(e Entitlement) bool { return e.Opened > 0 && e.OpenedAt.After(e.DateActivated) }

// linkLasts reports whether the merchant takes the registration URL for so long from now on; where nobody said until when, it does.
func linkLasts(e Entitlement, now time.Time, least time.Duration) bool {
	return e.RegistrationExpires.IsZero() || now.Add(least).Before(e.RegistrationExpires)
}

// changesOf leaves out the read-backs.
func changesOf(requests []Request) []Request {
	return slices.DeleteFunc(slices.Clone(requests), func(r Request) bool { return r.Kind == KindCheck })
}

// refreshesBy counts the fresh links that a kind of actor asked for since then.
func refreshesBy(requests []Request, kind ActorKind, since time.Time) (n int) {
	for _, r := range requests {
		if r.Kind == KindRefresh && r.Actor.Kind == kind && r.Created.After(since) {
			n++
		}
	}
	return n
}

// Continue records that the end user goes on to the merchant and returns the registration URL, or "" where there is nowhere to go (now, or
// any more): the page then tells why. Where the merchant's link has expired or is about to, Bango is asked for a fresh one first, by one
// request however many ask at once, and waited for at most so long.
func (s *Service) Continue(ctx context.Context, token string, atMost time.Duration) (registrationURL string, err error) {
	known, err := s.store.EntitlementBySignupToken(ctx, token)
	if err != nil {
		return "", err
	}
	registrationURL, waits, err := s.goOn(ctx, known.ID, linkLeast)
	if err != nil || !waits {
		return registrationURL, err
	}
	s.wakeSender()
	if _, err := s.AwaitSettled(ctx, known.ID, atMost); err != nil {
		return "", err
	}
	registrationURL, _, err = s.goOn(ctx, known.ID, 0) // a link that is about to expire is better than none
	return registrationURL, err
}

// goOn is one try to go on. Where the link is valid for less than least, a fresh one is asked for unless that was tried too often of late;
// waits reports that one is under way. With a least of zero none is asked for.
func (s *Service) goOn(ctx context.Context, id string, least time.Duration) (registrationURL string, waits bool, err error) {
	err = s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		registrationURL, waits = "", false
		e, err := tx.LockEntitlement(ctx, id)
		if err != nil || e.RegistrationURL == "" {
			return err
		}
		now := s.now()
		why, err := s.checkLink(ctx, tx, e.MerchantKey, e.RegistrationURL) // the rules may have changed since it came
		if err != nil {
			return err
		}
		if why != nil || !linkLasts(e, now, least) {
			if least > 0 {
				waits, err = s.refreshLink(ctx, tx, e, now)
			}
			if err != nil || waits || why != nil || !linkLasts(e, now, 0) {
				return err
			}
		}
		after := e
		after.Opened++
		after.OpenedAt = now
		if err := tx.UpdateEntitlement(ctx, e, after); err != nil {
			return err
		}
		registrationURL = e.RegistrationURL
		tx.Announce(changeOf(e))
		return tx.AddEvent(ctx, Event{ID: newID(), EntitlementID: e.ID, CustomerID: e.CustomerID, At: now,
			Actor: TheCustomer, Kind: EventContinued, Text: "opened the signup link and went on to register"})
	})
	return registrationURL, waits, err
}

// refreshLink asks for a fresh link of an entitlement that is locked, and reports whether one is under way then. One change at a time: while
// anything else is under way, nothing is asked.
func (s *Service) refreshLink(ctx context.Context, tx Tx, e Entitlement, now time.Time) (underWay bool, err error) {
	requests, err := tx.RequestsOf(ctx, e.ID, 1000)
	if err != nil {
		return false, err
	}
	if i := slices.IndexFunc(requests, func(r Request) bool { return r.Kind != KindCheck && r.State.Open() }); i >= 0 {
		return requests[i].Kind == KindRefresh, nil
	}
	if e.Status != Pending || refreshesBy(requests, ByCustomer, now.Add(-linkPeriod)) >= linkRefreshes {
		return false, nil
	}
	r := Request{Kind: KindRefresh}
	for _, o := range requests {
		if o.Kind == KindCreate {
			r.Terms = o.Terms // everything must be as in the create
		}
	}
	text := "asked Bango for a fresh registration link, because the merchant's had expired"
	if linkLasts(e, now, 0) {
		text = "asked Bango for a fresh registration link, because the merchant's was about to expire"
	}
	return true, s.insertRequest(ctx, tx, e, TheCustomer, r, text)
}

// DirectWords are parts of Bango's messages which mean that the end user has the product from its merchant already. Only the last is
// documented; a merchant that finds this out later may say so "in some cases", in words that are not known. src: resale/faq
var DirectWords = []string{"already subscribed", "already a subscriber", "already has a subscription", "already have a subscription",
	"existing subscription", "existing subscriber", "subscribed directly", "direct subscri", "maximum number of subscriptions"}

// ParseDirectWords reads a comma-separated list in place of [DirectWords].
func ParseDirectWords(list string) ([]string, error) {
	if strings.TrimSpace(list) == "" {
		return DirectWords, nil
	}
	var words []string
	for w := range strings.SplitSeq(list, ",") {
		if w = strings.TrimSpace(w); w == "" {
			continue
		}
		if len(w) < 4 {
			return nil, Invalid("", "%q is too short; a message could have it by chance. Expected parts of Bango's messages, four characters or more", w)
		}
		words = append(words, w)
	}
	return words, nil
}

// mentions reports whether a message has any of the words, in whatever case.
func mentions(message string, words []string) bool {
	message = strings.ToLower(message)
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(message, strings.ToLower(w)) })
}

// lastWords returns what Bango said in the last notification about an entitlement.
func (s *Service) lastWords(ctx context.Context, e Entitlement) (string, error) {
	events, err := s.store.Events(ctx, e.ID, 10)
	if err != nil {
		return "", err
	}
	for _, event := range events {
		if event.NotificationID == "" {
			continue
		}
		n, err := s.store.Notification(ctx, event.NotificationID)
		if err != nil {
			return "", err
		}
		hint, _ := readNotification(n.Body) // as far as it could be read
		return hint.Message + " " + hint.Reason, nil
	}
	return "", nil
}

// promises remembers for a while what is usual, since anybody with a link may ask.
type promises struct {
	mu sync.Mutex
	at time.Time
	of map[string]time.Duration
}

// promise returns within which time nine of ten of those that became active last were confirmed after their visit at the merchant, and 0
// where too few of the product are known.
func (s *Service) promise(ctx context.Context, productID string) (time.Duration, error) {
	s.promises.mu.Lock()
	defer s.promises.mu.Unlock()
	now := s.now()
	if age := now.Sub(s.promises.at); s.promises.of != nil && age >= 0 && age < promiseKept {
		return s.promises.of[productID], nil
	}
	rows, err := s.store.ListEntitlements(ctx, EntitlementFilter{Status: Active, Limit: usualSample})
	if err != nil {
		return 0, err
	}
	took := map[string][]time.Duration{}
	for _, e := range rows {
		if e.Opened > 0 && e.DateActivated.After(e.OpenedAt) {
			took[e.ProductID] = append(took[e.ProductID], e.DateActivated.Sub(e.OpenedAt))
		}
	}
	s.promises.of, s.promises.at = map[string]time.Duration{}, now
	for product, times := range took {
		if len(times) >= usualEnough {
			slices.Sort(times)
			s.promises.of[product] = times[(len(times)*9+9)/10-1]
		}
	}
	return s.promises.of[productID], nil
}
