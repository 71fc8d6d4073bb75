package resale

import (
	"crypto/rand"
	"strings"
	"time"
)

// Entitlement is a customer's right to a product: our record of it, which exists before Bango has answered.
// A zero time means that Bango gave none.
type Entitlement struct {
	ID  string // UUIDv7
	Ref string // short, easy to say on the phone: K7Q4-X2MD

	CustomerID string
	ProductID  string
	OfferID    string // empty where none was chosen

	// What was asked of Bango, and so what its facts must match.
	CustomerIdentifier string
	MerchantKey        string
	ProductKey         string
	OfferKey           string
	NextIdentifier     string // the customerIdentifier that an update on its way gives it, empty where there is none

	Status      Status
	BangoStatus string // Bango's own word as it came, empty before there is one
	BangoID     string // Bango's entitlementId, empty before it is known
	Message     string // Bango's words about a refusal or about what a person must decide

	DisplayName   string // entitlementDisplayName
	ExtensionData string // Bango's custom data as it came, a JSON value; it holds the reason of an ending, too

	RegistrationURL     string    // where the end user registers; has passed LinkRules, empty where there is nowhere to go
	RegistrationExpires time.Time // until when the merchant takes it; zero where nobody said
	ActivationCode      string

	DateCreated     time.Time // Bango's dates, from here
	DateActivated   time.Time
	DateEnded       time.Time
	DateSuspended   time.Time
	DateResumed     time.Time
	DateExpiry      time.Time
	DateLastUpdated time.Time // orders what Bango says; whole seconds

	NotifiedAt time.Time // when we last heard from Bango by itself
	CheckedAt  time.Time // when Bango last told us its record, in a reply or a read-back

	NotifyToken string // in the notification URL, the entitlement's own
	NotifyBase  string // the public URL that the notification URL at Bango begins with
	SignupToken string // in the signup link
	FormToken   string // of the form that asked for it; unique, so that a form counts once
	Opened      int64  // how often the customer went on to the merchant
	OpenedAt    time.Time

	CreatedBy string // who asked for it, by name
	Created   time.Time
	Updated   time.Time // when we last changed it; orders lists
}

// refAlphabet leaves out what is misheard or misread: 0/O, 1/I/L, 8/B, 5/S, U/V.
const refAlphabet = "ACDEFGHJKMNPQRTVWXYZ234679"

// newRef returns a random reference of eight letters, 26^8 (2·10¹¹) of them: unguessable in sequence, not a secret.
func newRef() string {
	var b [9]byte
	for i := range b {
		b[i] = refAlphabet[randomIndex(len(refAlphabet))]
	}
	b[4] = '-'
	return string(b[:])
}

// randomIndex returns an unbiased random number below n, which is at most 256.
func randomIndex(n int) int {
	var b [1]byte
	for {
		rand.Read(b[:]) // never fails, by its documentation
		if int(b[0]) < 256-256%n {
			return int(b[0]) % n
		}
	}
}

// ParseRef returns a reference in its canonical form from what a person typed: any case, with or without the hyphen.
// It reports false for what cannot be one.
func ParseRef(s string) (string, bool) {
	s = strings.ToUpper(strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '-' || r == ' ' }), ""))
	if len(s) != 8 || strings.Trim(s, refAlphabet) != "" {
		return "", false
	}
	return s[:4] + "-" + s[4:], true
}

// newToken returns a secret of 130 bits that fits into an address.
func newToken() string { return rand.Text() }
