package resale

import (
	"strings"
	"time"
)

// Merchant is a company whose subscriptions are resold. Key is Bango's merchantAccountKey, case-sensitive.
type Merchant struct {
	ID   string
	Key  string
	Name string

	LinkHosts string // where its registration links may lead, comma-separated; empty where the portal's own rule is enough
	Version   int64  // how often it was changed
}

// Product is what a merchant sells. Key is Bango's productKey.
type Product struct {
	ID       string
	Merchant Merchant
	Key      string
	Name     string
	Offers   []Offer

	DefaultData string    // custom data of a new entitlement for which none is given, a JSON object; empty for none
	Retired     time.Time // since when it is not offered any more; zero while it is
	Version     int64     // how often it was changed, its offers and texts too
}

// Offer is a way to sell a product. Key is Bango's offerKey.
type Offer struct {
	ID   string
	Key  string
	Name string
}

// CatalogueRow is one line of a catalogue file: a product with at most one offer. Offer fields are empty where it has none.
type CatalogueRow struct {
	MerchantKey, MerchantName string
	ProductKey, ProductName   string
	OfferKey, OfferName       string
}

// MaxKey bounds a key of the catalogue, in bytes. Bango publishes no limit.
const MaxKey = 128

// normalised returns r with outer space removed and names defaulting to keys, or the first fault by column.
func (r CatalogueRow) normalised() (CatalogueRow, error) {
	fields := []struct {
		column string
		value  *string
		max    int
		must   bool
	}{
		{"merchantAccountKey", &r.MerchantKey, MaxKey, true},
		{"merchantName", &r.MerchantName, MaxName, false},
		{"productKey", &r.ProductKey, MaxKey, true},
		{"productName", &r.ProductName, MaxName, false},
		{"offerKey", &r.OfferKey, MaxKey, false},
		{"offerName", &r.OfferName, MaxName, false},
	}
	for _, f := range fields {
		*f.value = strings.TrimSpace(*f.value)
		switch {
		case f.must && *f.value == "":
			return r, Invalid(f.column, "%s is missing.", f.column)
		case len(*f.value) > f.max:
			return r, Invalid(f.column, "%s is longer than %d characters.", f.column, f.max)
		case !printable(*f.value):
			return r, Invalid(f.column, "%s has characters in it that cannot be shown.", f.column)
		}
	}
	if r.OfferKey == "" && r.OfferName != "" {
		return r, Invalid("offerKey", "offerKey is missing though offerName is given.")
	}
	for _, name := range []struct{ value, fallback *string }{
		{&r.MerchantName, &r.MerchantKey}, {&r.ProductName, &r.ProductKey}, {&r.OfferName, &r.OfferKey},
	} {
		if *name.value == "" {
			*name.value = *name.fallback
		}
	}
	return r, nil
}
