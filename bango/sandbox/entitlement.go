package sandbox

import (
	"crypto/rand"
	"fmt"
	"net/url"
	"slices"
	"time"
)

// Entitlement is what the sandbox knows of an entitlement at one moment. Dates are UTC in whole seconds; zero for none.
type Entitlement struct {
	ID                 string
	Reseller           string // user name of whose it is
	Status             string // PENDING, ACTIVE, SUSPENDED, ACTIVE-ENDING, CANCELLED, REVOKED or FAILED
	CustomerIdentifier string
	MerchantKey        string
	ProductKey         string
	OfferKey           string   // empty for none
	RequestIdentifiers []string // of what was carried out or queued for it, the newest 100, oldest first
	NotificationURL    string
	RegistrationURL    string // the newest, which may have expired; empty where the merchant needs none
	Notified           string // how the delivery of the newest notification stands, in words for people; empty for none
	Created            time.Time
	Activated          time.Time
	Suspended          time.Time // the last time
	Resumed            time.Time // the last time
	Ended              time.Time // in the future while it is ACTIVE-ENDING
	Expires            time.Time
	LastUpdated        time.Time
}

// Entitlements returns all entitlements in order of creation.
func (s *Sandbox) Entitlements() []Entitlement {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Entitlement, 0, len(s.entitlements))
	for _, e := range s.entitlements {
		out = append(out, s.snapshot(e))
	}
	return out
}

func (s *Sandbox) snapshot(e *entitlement) Entitlement {
	out := Entitlement{ID: e.id, Reseller: e.owner.Username, Status: e.status, CustomerIdentifier: e.request.customerIdentifier, MerchantKey: e.request.merchantAccountKey,
		ProductKey: e.request.productKey, OfferKey: e.request.offerKey, RequestIdentifiers: slices.Clone(e.requestIDs),
		NotificationURL: e.request.notificationURL, Notified: e.notified,
		Created: e.created, Activated: e.activated, Suspended: e.suspended, Resumed: e.resumed, Ended: e.ended, Expires: e.request.dateExpiry,
		LastUpdated: e.updated}
	if n := len(e.links); n > 0 {
		out.RegistrationURL = s.url(e.links[n-1])
	}
	return out
}

// entitlement is the state of one. The sandbox's lock guards it.
type entitlement struct {
	id         string
	number     int // in order of creation
	owner      *account
	status     string
	failedFrom string        // status before it was FAILED
	first      createRequest // as it came
	request    createRequest // as it is now, with the name that was left out
	before     *purchase     // while it is PENDING because of an update; nil otherwise
	code       string        // activationCode, empty for none
	requestIDs []string
	links      []*link // the newest last
	declined   bool    // the last change of status was the end user's no
	outbox     []outgoing
	held       []outgoing // until the next notification, by a fault
	notified   string
	created    time.Time
	activated  time.Time
	suspended  time.Time
	resumed    time.Time
	ended      time.Time
	updated    time.Time
}

// link is one registration URL.
type link struct {
	token       string
	entitlement *entitlement
	expires     time.Time // zero: never
}

// record is the entitlement on the wire.
func (e *entitlement) record() record {
	return record{EntitlementID: e.id, Status: e.status, DateCreated: wireDate(e.created), DateActivated: wireDate(e.activated),
		DateEnded: wireDate(e.ended), DateSuspended: wireDate(e.suspended), DateResumed: wireDate(e.resumed),
		DateLastUpdated: wireDate(e.updated), CustomerIdentifier: e.request.customerIdentifier,
		MerchantAccountKey: e.request.merchantAccountKey, ProductKey: e.request.productKey, OfferKey: nullable(e.request.offerKey),
		ActivationCode: nullable(e.code), EntitlementDisplayName: e.request.entitlementDisplayName, DateExpiry: wireDate(e.request.dateExpiry),
		ExtensionData: rawOrNull(e.request.extensionData)}
}

func (e *entitlement) addRequest(id string) {
	if id == "" {
		return
	}
	e.requestIDs = append(e.requestIDs, id)
	if len(e.requestIDs) > maxTokens {
		e.requestIDs = slices.Delete(e.requestIDs, 0, 1)
	}
}

// has reports whether the product can be had with that offer; empty is none.
func (p *Product) has(offerKey string) bool {
	return offerKey == "" || slices.Contains(p.Offers, offerKey)
}

// customer is a key of byCustomer.
type customer struct {
	owner      *account
	identifier string
}

// find returns an entitlement that the caller may see, nil where there is none. The caller holds the lock.
func (s *Sandbox) find(c caller, id string) *entitlement {
	e := s.byID[id]
	if e == nil || e.owner != c.account || s.merchant(e.request.merchantAccountKey).generation() != c.generation {
		return nil
	}
	return e
}

// liveOf returns the one entitlement of a reseller's customer with a merchant that has not ended. src: resale/faq
func (s *Sandbox) liveOf(owner *account, identifier, merchantKey string) *entitlement {
	for _, e := range s.byCustomer[customer{owner, identifier}] {
		if e.request.merchantAccountKey == merchantKey && e.live() {
			return e
		}
	}
	return nil
}

// add makes an entitlement that is PENDING. The caller holds the lock.
func (s *Sandbox) add(owner *account, c createRequest, product *Product) *entitlement {
	now := s.now()
	e := &entitlement{id: c.entitlementID, number: len(s.entitlements), owner: owner, status: statusPending, first: c, request: c, created: now, updated: now}
	if e.id == "" {
		e.id = newUUID()
	}
	if c.entitlementDisplayName == "" {
		e.request.entitlementDisplayName = product.Name
	}
	s.entitlements = append(s.entitlements, e)
	s.byID[e.id] = e
	s.index(e)
	return e
}

// index puts an entitlement where it is found by its customer, in order of creation. The caller holds the lock.
func (s *Sandbox) index(e *entitlement) {
	key := customer{e.owner, e.request.customerIdentifier}
	at, _ := slices.BinarySearchFunc(s.byCustomer[key], e.number, func(other *entitlement, number int) int { return other.number - number })
	s.byCustomer[key] = slices.Insert(s.byCustomer[key], at, e)
}

// newUUID returns a random UUID, version 4: the form of every entitlementId in the documentation.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// newLink makes one more address at which the end user can sign up, or agree to an update. The older ones stay valid for their time. The
// caller holds the lock.
func (s *Sandbox) newLink(e *entitlement) *link {
	l := &link{token: rand.Text(), entitlement: e}
	if lasts := s.merchant(e.request.merchantAccountKey).LinkLasts; lasts > 0 {
		l.expires = s.now().Add(lasts)
	}
	s.byToken[l.token] = l
	e.links = append(e.links, l)
	if len(e.links) > maxTokens {
		delete(s.byToken, e.links[0].token)
		e.links = slices.Delete(e.links, 0, 1)
	}
	return l
}

// expired reports whether the link's time is over.
func (s *Sandbox) expired(l *link) bool { return !l.expires.IsZero() && !s.now().Before(l.expires) }

func (s *Sandbox) url(l *link) string {
	return s.config.PublicURL + registerPath(l.entitlement.request.merchantAccountKey, l.token)
}

func registerPath(merchantKey, token string) string {
	return "/merchant/" + url.PathEscape(merchantKey) + "/register/" + token
}

func donePath(merchantKey, token string) string {
	return "/merchant/" + url.PathEscape(merchantKey) + "/done/" + token
}

// Choice is what an end user does on the merchant's registration page.
type Choice string

const (
	Finish  Choice = "finish"  // signs up: ACTIVE, ACTIVATION_SUCCESS; agrees to an update: ACTIVE, PRODUCT_UPDATE
	Decline Choice = "decline" // does not want it: CANCELLED, TERMINATION_SUCCESS; of an update: ACTIVE as before it, PRODUCT_UPDATE
	Leave   Choice = "leave"   // goes away: nothing changes
)

// Complete does what a button of the registration page does, without a browser, also where the page's address has expired. The entitlement
// must be PENDING.
func (s *Sandbox) Complete(entitlementID string, choice Choice) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.byID[entitlementID]
	switch {
	case e == nil:
		return fmt.Errorf("sandbox: there is no entitlement %.60q", entitlementID)
	case !choice.valid():
		return fmt.Errorf("sandbox: %.40q is no choice; there are finish, decline and leave", string(choice))
	case e.status != statusPending:
		return fmt.Errorf("sandbox: entitlement %.60q is %s and waits for nobody", entitlementID, e.status)
	}
	s.choose(e, choice)
	return nil
}

func (c Choice) valid() bool { return c == Finish || c == Decline || c == Leave }

// choose carries out a valid choice where the entitlement still waits for one. The caller holds the lock.
func (s *Sandbox) choose(e *entitlement, choice Choice) {
	if e.status != statusPending {
		return
	}
	switch choice {
	case Finish:
		s.change(e, statusActive)
	case Decline:
		if was := e.before; was != nil {
			e.request.productKey, e.request.offerKey, e.request.entitlementDisplayName = was.productKey, was.offerKey, was.name
			s.change(e, statusActive)
		} else {
			s.change(e, statusCancelled)
		}
		e.declined = true
	}
}
