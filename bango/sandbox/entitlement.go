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
	Status             string // PENDING, ACTIVE, SUSPENDED, ACTIVE-ENDING, CANCELLED or REVOKED
	CustomerIdentifier string
	MerchantKey        string
	ProductKey         string
	OfferKey           string   // empty for none
	RequestIdentifiers []string // of what was carried out or queued for it, the newest 100, oldest first
	NotificationURL    string
	RegistrationURL    string // the newest; empty where the merchant needs none
	Notified           string // how the delivery of the newest notification stands, in words for people; empty for none
	Created            time.Time
	Activated          time.Time
	Suspended          time.Time // the last time
	Resumed            time.Time // the last time
	Ended              time.Time // in the future while it is ACTIVE-ENDING
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
	out := Entitlement{ID: e.id, Status: e.status, CustomerIdentifier: e.request.customerIdentifier, MerchantKey: e.request.merchantAccountKey,
		ProductKey: e.request.productKey, OfferKey: e.request.offerKey, RequestIdentifiers: slices.Clone(e.requestIDs),
		NotificationURL: e.request.notificationURL, Notified: e.notified,
		Created: e.created, Activated: e.activated, Suspended: e.suspended, Resumed: e.resumed, Ended: e.ended, LastUpdated: e.updated}
	if n := len(e.tokens); n > 0 {
		out.RegistrationURL = s.config.PublicURL + registerPath(e.request.merchantAccountKey, e.tokens[n-1])
	}
	return out
}

// entitlement is the state of one. The sandbox's lock guards it.
type entitlement struct {
	id         string
	status     string
	name       string // entitlementDisplayName
	request    createRequest
	requestIDs []string
	tokens     []string // of its registration URLs, the newest last
	extension  string   // extensionData: compact JSON, empty for none
	declined   bool     // by the end user
	outbox     []outgoing
	notified   string
	created    time.Time
	activated  time.Time
	suspended  time.Time
	resumed    time.Time
	ended      time.Time
	updated    time.Time
}

// record is the entitlement on the wire. It has no activation code: nothing here makes one.
func (e *entitlement) record() record {
	return record{EntitlementID: e.id, Status: e.status, DateCreated: wireDate(e.created), DateActivated: wireDate(e.activated),
		DateEnded: wireDate(e.ended), DateSuspended: wireDate(e.suspended), DateResumed: wireDate(e.resumed),
		DateLastUpdated: wireDate(e.updated), CustomerIdentifier: e.request.customerIdentifier,
		MerchantAccountKey: e.request.merchantAccountKey, ProductKey: e.request.productKey, OfferKey: nullable(e.request.offerKey),
		EntitlementDisplayName: e.name, DateExpiry: wireDate(e.request.dateExpiry), ExtensionData: rawOrNull(e.extension)}
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

// now is the time in the grain of Bango's dates.
func (s *Sandbox) now() time.Time { return s.config.Now().UTC().Truncate(time.Second) }

// liveOf returns the one entitlement of a customer with a merchant that has not ended. src: resale/faq
func (s *Sandbox) liveOf(customer, merchantKey string) *entitlement {
	for _, e := range s.byCustomer[customer] {
		if e.request.merchantAccountKey == merchantKey && e.live() {
			return e
		}
	}
	return nil
}

// add makes an entitlement that is PENDING. The caller holds the lock.
func (s *Sandbox) add(c createRequest, product *Product) *entitlement {
	now := s.now()
	e := &entitlement{id: c.entitlementID, status: statusPending, name: c.entitlementDisplayName, request: c, extension: c.extensionData, created: now, updated: now}
	if e.id == "" {
		e.id = newUUID()
	}
	if e.name == "" {
		e.name = product.Name
	}
	s.entitlements = append(s.entitlements, e)
	s.byID[e.id] = e
	s.byCustomer[c.customerIdentifier] = append(s.byCustomer[c.customerIdentifier], e)
	return e
}

// newUUID returns a random UUID, version 4: the form of every entitlementId in the documentation.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// newRegistrationURL makes one more address at which the end user can sign up. The older ones stay valid. The caller holds the lock.
func (s *Sandbox) newRegistrationURL(e *entitlement) string {
	token := rand.Text()
	s.byToken[token] = e
	e.tokens = append(e.tokens, token)
	if len(e.tokens) > maxTokens {
		delete(s.byToken, e.tokens[0])
		e.tokens = slices.Delete(e.tokens, 0, 1)
	}
	return s.config.PublicURL + registerPath(e.request.merchantAccountKey, token)
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
	Finish  Choice = "finish"  // signs up: ACTIVE, ACTIVATION_SUCCESS
	Decline Choice = "decline" // does not want it: CANCELLED, TERMINATION_SUCCESS
	Leave   Choice = "leave"   // goes away: nothing changes
)

// Complete does what a button of the registration page does, without a browser. The entitlement must be PENDING.
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
		e.declined = true
		s.change(e, statusCancelled)
	}
}
