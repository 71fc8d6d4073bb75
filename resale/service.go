package resale

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Service is what people and Bango do with the portal. Each method names who does it and checks first that they may.
type Service struct {
	store     Store
	hub       *Hub
	upstream  Upstream
	publicURL string
	links     LinkRules
	reasons   ReasonList
	ownIDs    bool
	now       func() time.Time
	log       *slog.Logger
	wake      chan struct{} // tells the sender that a request was stored

	directWords []string
	promises    promises
	reseller    string
	emails      chan struct{} // tells the postman that an e-mail was stored; nil where there is none
}

// ServiceConfig is what a Service needs. Store, Hub, PublicURL and Log are required; Now defaults to time.Now.
type ServiceConfig struct {
	Store      Store
	Hub        *Hub
	Upstream   Upstream // for what is asked while a person waits; nil where nothing is
	PublicURL  string   // without a slash at the end
	Links      LinkRules
	Generation int  // of Bango's API, 1 or 2; 0 means 1. It decides which reasons hold
	OwnIDs     bool // Bango is given our id of an entitlement as its own

	DirectWords []string // see DirectWords, which nil means
	Reseller    string   // who writes to customers; empty: the merchant
	Emails      bool     // a [Postman] is at work

	Log *slog.Logger
	Now func() time.Time
}

// NewService returns a Service. It starts nothing: see [Sender] for what runs in the background.
func NewService(c ServiceConfig) *Service {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.DirectWords == nil {
		c.DirectWords = DirectWords
	}
	var emails chan struct{}
	if c.Emails {
		emails = make(chan struct{}, 1)
	}
	return &Service{reseller: c.Reseller, emails: emails, store: c.Store, hub: c.Hub, upstream: c.Upstream, publicURL: strings.TrimSuffix(c.PublicURL, "/"), links: c.Links,
		reasons: ReasonLists[max(c.Generation, 1)], ownIDs: c.OwnIDs, directWords: c.DirectWords,
		now: func() time.Time { return c.Now().UTC().Truncate(time.Microsecond) }, log: c.Log, wake: make(chan struct{}, 1)}
}

// SignupLink is the portal's own address for the end user.
func (s *Service) SignupLink(e Entitlement) string { return s.publicURL + "/s/" + e.SignupToken }

// Reasons is the list that holds for the account at Bango.
func (s *Service) Reasons() ReasonList { return s.reasons }

// notificationPath and an entitlement's token are where Bango posts to, below the public URL.
const notificationPath = "/webhooks/bango/"

// notificationURL is where Bango tells us of changes to the entitlement.
func (s *Service) notificationURL(e Entitlement) string {
	return e.NotifyBase + notificationPath + e.NotifyToken
}

// AddCustomer makes a customer known. It returns CodeConflict where the identifier is taken. Agents may.
func (s *Service) AddCustomer(ctx context.Context, by Actor, c Customer) (Customer, error) {
	if err := by.must(Agent); err != nil {
		return Customer{}, err
	}
	c, err := c.normalised()
	if err != nil {
		return Customer{}, err
	}
	c.ID, c.Created = newID(), s.now()
	err = s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		if err := tx.LockNamed(ctx, identifierLock); err != nil {
			return err
		}
		if err := unclaimed(ctx, tx, c.Identifier, c.ID); err != nil {
			return err
		}
		if err := tx.InsertCustomer(ctx, c); err != nil {
			return err
		}
		tx.Announce(Change{Topics: []string{TopicCustomer(c.ID)}})
		return tx.AddEvent(ctx, Event{ID: newID(), CustomerID: c.ID, At: c.Created, Actor: by, Kind: EventCustomerAdded,
			Text: "added the customer"})
	})
	return c, err
}

// NewEntitlement is what the form for a new entitlement asks for. FormToken was made when the form was rendered.
type NewEntitlement struct {
	CustomerID string
	ProductID  string
	OfferID    string // empty for none
	FormToken  string
	Anyway     bool // also while somebody is at the same customer and merchant, see [Started]

	DateExpiry    time.Time // when Bango ends it by itself; zero for never
	DisplayName   string
	ExtensionData string // a JSON object
}

// NewFormToken makes the token of one rendering of a form, which counts once however often it is sent.
func NewFormToken() string { return newToken() }

// CreateEntitlement stores an entitlement and the request for it, and returns it before Bango has been asked. The same form token
// always returns the same entitlement. While somebody is at the same customer and merchant, it is CodeConflict of the field anyway. Agents may.
func (s *Service) CreateEntitlement(ctx context.Context, by Actor, n NewEntitlement) (Entitlement, error) {
	if err := by.must(Agent); err != nil {
		return Entitlement{}, err
	}
	if len(n.FormToken) < 16 || len(n.FormToken) > 64 || !printable(n.FormToken) {
		return Entitlement{}, Invalid("form_token", "The form is not one of ours. Open it again and send it once more.")
	}
	if known, err := s.store.EntitlementByFormToken(ctx, n.FormToken); CodeOf(err) != CodeNotFound {
		return known, err
	}
	terms, err := Terms{DateExpiry: n.DateExpiry, DisplayName: n.DisplayName, ExtensionData: n.ExtensionData}.normalised(s.now())
	if err != nil {
		return Entitlement{}, err
	}
	e, err := s.newEntitlement(ctx, by, n)
	if err != nil {
		return Entitlement{}, err
	}
	if err := s.fillDefaults(ctx, e.ProductID, &terms); err != nil {
		return Entitlement{}, err
	}
	err = s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		if !n.Anyway {
			if err := s.guard(ctx, tx, by, e); err != nil {
				return err
			}
		}
		e.Ref = newRef() // anew for every try, in case it is taken
		if err := tx.InsertEntitlement(ctx, e); err != nil {
			return err
		}
		r := Request{ID: newID(), EntitlementID: e.ID, Kind: KindCreate, State: Queued, Actor: by, Terms: terms,
			NotBefore: e.Created, Created: e.Created, Updated: e.Created}
		if err := tx.InsertRequest(ctx, r); err != nil {
			return err
		}
		tx.Announce(changeOf(e))
		return tx.AddEvent(ctx, Event{ID: newID(), EntitlementID: e.ID, CustomerID: e.CustomerID, At: e.Created, Actor: by,
			Kind: EventRequested, Text: "asked Bango to create it", To: e.Status})
	})
	if CodeOf(err) == CodeConflict {
		// The same form in another tab or by a second click was first; or the ref was taken, and then the next try finds another.
		if known, readErr := s.store.EntitlementByFormToken(ctx, n.FormToken); readErr == nil {
			return known, nil
		}
	}
	if err != nil {
		return Entitlement{}, err
	}
	s.wakeSender()
	return e, nil
}

// newEntitlement puts together what the form asks for, or says what is wrong with it.
func (s *Service) newEntitlement(ctx context.Context, by Actor, n NewEntitlement) (Entitlement, error) {
	if n.ProductID == "" {
		return Entitlement{}, Invalid("product", "Choose a product.")
	}
	customer, err := s.store.Customer(ctx, n.CustomerID)
	if err != nil {
		return Entitlement{}, err
	}
	product, err := s.store.Product(ctx, n.ProductID)
	if err != nil {
		return Entitlement{}, err
	}
	offer := Offer{}
	for _, o := range product.Offers {
		if o.ID == n.OfferID {
			offer = o
		}
	}
	if !product.Offered() {
		return Entitlement{}, Invalid("product", "%s is not offered any more. Choose another product.", product.Name)
	}
	if n.OfferID != "" && offer.ID == "" {
		return Entitlement{}, Invalid("offer", "This offer does not belong to %s.", product.Name)
	}
	now := s.now()
	return Entitlement{ID: newID(), CustomerID: customer.ID, ProductID: product.ID, OfferID: offer.ID,
		CustomerIdentifier: customer.Identifier, MerchantKey: product.Merchant.Key, ProductKey: product.Key, OfferKey: offer.Key,
		Status: Requested, NotifyToken: newToken(), NotifyBase: s.publicURL, SignupToken: newToken(),
		FormToken: n.FormToken,
		CreatedBy: by.Name, Created: now, Updated: now}, nil
}

// Await returns the entitlement as soon as Bango's word on it is known, or as it is when the time is up.
func (s *Service) Await(ctx context.Context, id string, atMost time.Duration) (Entitlement, error) {
	return s.await(ctx, id, atMost, func(e Entitlement) (bool, error) { return e.Status != Requested, nil })
}

// await returns the entitlement as soon as enough is known, or as it is when the time is up or nothing is sent for now.
func (s *Service) await(ctx context.Context, id string, atMost time.Duration, enough func(Entitlement) (bool, error)) (Entitlement, error) {
	listener := s.hub.Listen(TopicEntitlement(id))
	defer listener.Close()
	timeout := time.NewTimer(atMost)
	defer timeout.Stop()
	for {
		e, err := s.store.Entitlement(ctx, id)
		if err != nil {
			return e, err
		}
		if known, err := enough(e); err != nil || known {
			return e, err
		}
		if line, err := s.store.Line(ctx); err != nil || line.Held(s.now()) > 0 {
			return e, err // nothing is sent for now
		}
		select {
		case _, open := <-listener.Signal:
			if !open {
				return e, nil
			}
		case <-timeout.C:
			return e, nil
		case <-ctx.Done():
			return e, nil
		}
	}
}

// Check asks for Bango's record of the entitlement to be read back soon. Viewers may: it changes nothing at Bango.
func (s *Service) Check(ctx context.Context, by Actor, ref string) (Entitlement, error) {
	if err := by.must(Viewer); err != nil {
		return Entitlement{}, err
	}
	e, err := s.store.EntitlementByRef(ctx, ref)
	if err != nil {
		return Entitlement{}, err
	}
	err = s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		e, err := tx.LockEntitlement(ctx, e.ID)
		if err != nil {
			return err
		}
		if asked, err := s.askCheck(ctx, tx, e, by, s.now()); err != nil || !asked {
			return err
		}
		tx.Announce(changeOf(e))
		return tx.AddEvent(ctx, Event{ID: newID(), EntitlementID: e.ID, CustomerID: e.CustomerID, At: s.now(), Actor: by,
			Kind: EventRequested, Text: "asked to check with Bango"})
	})
	if err != nil {
		return Entitlement{}, err
	}
	s.wakeSender()
	return e, nil
}

// askCheck stores a request to read Bango's record back, not before the given time, unless one is stored that has not been sent yet.
func (s *Service) askCheck(ctx context.Context, tx Tx, e Entitlement, by Actor, notBefore time.Time) (asked bool, err error) {
	requests, err := tx.RequestsOf(ctx, e.ID, 20)
	if err != nil {
		return false, err
	}
	for _, r := range requests {
		if r.Kind == KindCheck && r.State.Open() && r.State != Sending && !(r.State == Queued && r.NotBefore.After(notBefore)) {
			return false, nil
		}
	}
	now := s.now()
	return true, tx.InsertRequest(ctx, Request{ID: newID(), EntitlementID: e.ID, Kind: KindCheck, State: Queued, Actor: by,
		NotBefore: notBefore, Created: now, Updated: now})
}

// wakeSender tells the sender that something may be due. It never blocks.
func (s *Service) wakeSender() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// changeOf is what to announce when the entitlement changed.
func changeOf(e Entitlement) Change {
	return Change{Topics: []string{TopicEntitlement(e.ID), TopicCustomer(e.CustomerID), TopicEntitlements}, Refs: []string{e.Ref}}
}

// newID returns a UUIDv7: unique everywhere, and in the order of making within a process.
func newID() string { return uuid.Must(uuid.NewV7()).String() }

// Eligible returns which products Bango says that the customer may have, by our ids; nil where the account has no such list, or it cannot be had
// now. Whoever asks is waiting, so that the line is not tried while it is held. Agents may.
func (s *Service) Eligible(ctx context.Context, by Actor, customerID string) (map[string]bool, error) {
	if err := by.must(Agent); err != nil {
		return nil, err
	}
	customer, err := s.store.Customer(ctx, customerID)
	if err != nil {
		return nil, err
	}
	line, err := s.store.Line(ctx)
	if err != nil || s.upstream == nil || line.State != LineOpen {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, eligibleTime)
	defer cancel()
	keys, a := s.upstream.Eligible(ctx, customer.Identifier)
	if a.Verdict != VerdictDone {
		return nil, nil
	}
	products, err := s.store.Products(ctx)
	if err != nil {
		return nil, err
	}
	eligible := map[string]bool{}
	for _, p := range products {
		eligible[p.ID] = slices.Contains(keys, p.Key)
	}
	return eligible, nil
}

// eligibleTime is how long the form for a new entitlement waits for the list of eligible products.
const eligibleTime = 2 * time.Second
