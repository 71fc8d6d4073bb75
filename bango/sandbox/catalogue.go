package sandbox

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Merchant is a test merchant: who sells, what, and how it takes a new customer.
type Merchant struct {
	Key       string // merchantAccountKey, case-sensitive. src: resale/testing
	Name      string // for people
	Products  []Product
	Behaviour Behaviour

	EndsLater bool          // a cancel makes what is ACTIVE ACTIVE-ENDING, for 30 days; otherwise it is CANCELLED at once
	NoSuspend bool          // suspend and resume are NOT_AVAILABLE
	Async     time.Duration // 0: changes are carried out at once; else they are answered with 202 OK, and follow that much later

	UpdateNeedsUser bool          // another product is 202 CLIENT_ACTION_REQUIRED, PENDING until the end user agrees on the merchant's page
	LinkLasts       time.Duration // how long a registration URL is valid; 0 for as long as it is waited for
	Generation      int           // of the API by which it is sold, 1 or 2; 0 means 1
}

func (m *Merchant) generation() int { return max(m.Generation, 1) }

// Product is one thing that a merchant sells.
type Product struct {
	Key    string   // productKey, case-sensitive
	Name   string   // for people; an entitlement's entitlementDisplayName where the request gives none
	Offers []string // offerKeys that may be asked for; no offer may always be asked for
}

// Behaviour is how a merchant answers a create.
type Behaviour int

const (
	Registers Behaviour = iota // 202 CLIENT_ACTION_REQUIRED, PENDING: the end user signs up on the merchant's page
	Instant                    // 200 OK, ACTIVE at once
	Refuses                    // 400 NOT_AVAILABLE, and no entitlement
	waits                      // 201 OK, PENDING without a registration URL: by a magic number alone
)

var behaviourNames = [...]string{"asks the end user to sign up", "activates at once", "refuses"}

// String says it in words for people.
func (b Behaviour) String() string {
	if b < 0 || int(b) >= len(behaviourNames) {
		return "unknown"
	}
	return behaviourNames[b]
}

// DefaultMerchants returns the merchants of generation 1: Bango's own test merchant under its documented keys, and four that are made up.
// Each behaviour is there, and each way to change.
func DefaultMerchants() []Merchant {
	return []Merchant{
		{Key: "BANGO", Name: "Bango", EndsLater: true, Products: []Product{
			{Key: "BangoMusic", Name: "Bango Music", Offers: []string{"TestOffer"}}, // src: resale/testing; the offer: hidden/batchprocessing-create
		}},
		{Key: "LUMENREEL", Name: "Lumenreel", Async: 2 * time.Second, LinkLasts: 24 * time.Hour, Products: []Product{
			{Key: "LumenreelBasic", Name: "Lumenreel Basic"},
			{Key: "LumenreelPlus", Name: "Lumenreel Plus", Offers: []string{"ThreeMonthsFree", "HalfPriceYear"}},
			{Key: "LumenreelFamily", Name: "Lumenreel Family", Offers: []string{"ThreeMonthsFree"}},
		}},
		{Key: "TALEBARN", Name: "Talebarn Audiobooks", NoSuspend: true, UpdateNeedsUser: true, Products: []Product{
			{Key: "TalebarnMonthly", Name: "Talebarn Monthly", Offers: []string{"FirstBookFree"}},
			{Key: "TalebarnUnlimited", Name: "Talebarn Unlimited"},
		}},
		{Key: "CLOUDPANTRY", Name: "Cloudpantry", Behaviour: Instant, Products: []Product{
			{Key: "Cloudpantry200", Name: "Cloudpantry 200 GB"},
			{Key: "Cloudpantry1000", Name: "Cloudpantry 1 TB", Offers: []string{"ThreeMonthsFree"}},
		}},
		{Key: "SALTMARSH", Name: "The Saltmarsh Courier", Behaviour: Refuses, Products: []Product{
			{Key: "CourierDaily", Name: "Courier Daily"},
			{Key: "CourierWeekend", Name: "Courier Weekend", Offers: []string{"FirstMonthFree"}},
		}},
	}
}

// Generation2Merchants returns the merchants of generation 2: Bango's own test merchant under its documented keys, and one more that is
// made up, for what Bango does on request: it takes its time for a change, as long as is documented. src: Gen 2 bango-music
func Generation2Merchants() []Merchant {
	products := []Product{{Key: "MUSIC", Name: "Bango Music"}, {Key: "MUSIC_PREMIUM", Name: "Bango Music Premium"}}
	return []Merchant{
		{Key: "BANGO_US", Name: "Bango US", Generation: 2, LinkLasts: 24 * time.Hour, Products: products},
		{Key: "BANGO_US_ASYNC", Name: "Bango US, asynchronous", Generation: 2, LinkLasts: 24 * time.Hour, Async: 5 * time.Second, Products: products},
	}
}

// checkMerchants says what is wrong with a catalogue.
func checkMerchants(merchants []Merchant) error {
	if len(merchants) == 0 {
		return errors.New("there is no merchant")
	}
	seen := map[string]bool{}
	for _, m := range merchants {
		switch {
		case m.Key == "" || m.Name == "":
			return fmt.Errorf("merchant %q needs a key and a name", m.Key+m.Name)
		case len(m.Key) > maxText:
			return fmt.Errorf("the key of merchant %.40q is longer than %d bytes", m.Key, maxText)
		case seen[m.Key]:
			return fmt.Errorf("merchant %q is there twice", m.Key)
		case len(m.Products) == 0:
			return fmt.Errorf("merchant %q has no product", m.Key)
		case m.Behaviour < Registers || m.Behaviour > Refuses:
			return fmt.Errorf("merchant %q has the unknown behaviour %d", m.Key, m.Behaviour)
		case m.Async < 0:
			return fmt.Errorf("merchant %q takes a negative time for a change", m.Key)
		case m.LinkLasts < 0:
			return fmt.Errorf("merchant %q has registration URLs that last a negative time", m.Key)
		case m.Generation < 0 || m.Generation > 2:
			return fmt.Errorf("merchant %q is of the unknown generation %d", m.Key, m.Generation)
		}
		seen[m.Key] = true
		products := map[string]bool{}
		for _, p := range m.Products {
			switch {
			case p.Key == "" || p.Name == "":
				return fmt.Errorf("merchant %q: product %q needs a key and a name", m.Key, p.Key+p.Name)
			case products[p.Key]:
				return fmt.Errorf("merchant %q: product %q is there twice", m.Key, p.Key)
			case slices.Contains(p.Offers, ""):
				return fmt.Errorf("merchant %q: product %q has an offer without a key", m.Key, p.Key)
			}
			products[p.Key] = true
		}
	}
	return nil
}

// merchant returns the merchant with that key, nil where there is none.
func (s *Sandbox) merchant(key string) *Merchant {
	i := slices.IndexFunc(s.config.Merchants, func(m Merchant) bool { return m.Key == key })
	if i < 0 {
		return nil
	}
	return &s.config.Merchants[i]
}

// product returns the product with that key, nil where there is none.
func (m *Merchant) product(key string) *Product {
	i := slices.IndexFunc(m.Products, func(p Product) bool { return p.Key == key })
	if i < 0 {
		return nil
	}
	return &m.Products[i]
}
