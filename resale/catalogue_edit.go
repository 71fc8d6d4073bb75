package resale

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// TextLanguages are the languages that end users are written to in.
var TextLanguages = []string{"en", "es", "fr", "de", "pt", "ar"}

// languageNames are what staff call them.
var languageNames = map[string]string{"en": "English", "es": "Spanish", "fr": "French", "de": "German", "pt": "Portuguese", "ar": "Arabic"}

// MaxHelp bounds the help text of a product, in characters.
const MaxHelp = 500

// MaxDefaultRows is how many lines of custom data a product's defaults may have.
const MaxDefaultRows = 20

// maxLinkHosts bounds the list of hosts of a merchant, in bytes.
const maxLinkHosts = 1000

// ProductText is what end users read of a product in one language. Either part may be empty.
type ProductText struct {
	Language string
	Name     string // what the product is called
	Help     string // a sentence or two on how to sign up, or what to do next
}

// Text returns what to tell end users of the product in a language. Where that has no name the English one is taken, then the product's own.
// Help is never in another language than asked for: a page half of which cannot be read helps nobody.
func (p Product) Text(texts map[string]ProductText, language string) ProductText {
	t := ProductText{Language: language, Name: texts[language].Name, Help: texts[language].Help}
	for _, name := range []string{texts["en"].Name, p.Name} {
		if t.Name == "" {
			t.Name = name
		}
	}
	return t
}

// Offered reports whether new entitlements of the product may be asked for.
func (p Product) Offered() bool { return p.Retired.IsZero() }

// OfferedOf returns those of the products that are offered.
func OfferedOf(products []Product) []Product {
	return slices.DeleteFunc(slices.Clone(products), func(p Product) bool { return !p.Offered() })
}

// CatalogueReader reads what only the catalogue's own pages, and those of end users, need of it.
type CatalogueReader interface {
	Merchants(ctx context.Context) ([]Merchant, error) // by name, also those without products
	Merchant(ctx context.Context, id string) (Merchant, error)
	MerchantByKey(ctx context.Context, key string) (Merchant, error)
	ProductText(ctx context.Context, productID string) (map[string]ProductText, error) // by language; what is not there is missing
	TextLanguages(ctx context.Context) (map[string][]string, error)                    // in which each product has a text, by its id
	// CatalogueEvents returns the timeline of a product and of its merchant, newest first.
	CatalogueEvents(ctx context.Context, merchantID, productID string, limit int) ([]Event, error)
}

// CatalogueWriter changes the catalogue. Keys are Bango's, and never change.
type CatalogueWriter interface {
	InsertMerchant(ctx context.Context, m Merchant) error // CodeConflict, field merchant_key
	// UpdateMerchant stores the name and the hosts of one whose version is still m.Version, and reports whether it is.
	UpdateMerchant(ctx context.Context, m Merchant) (bool, error)
	InsertProduct(ctx context.Context, p Product) error // CodeConflict, field product_key
	// UpdateProduct stores the name, the default data and the retirement of one whose version is still p.Version, and reports whether it is.
	UpdateProduct(ctx context.Context, p Product) (bool, error)
	InsertOffer(ctx context.Context, productID string, o Offer) error // CodeConflict, field offer_key
	RenameOffer(ctx context.Context, o Offer) error
	SetProductText(ctx context.Context, productID string, t ProductText) error // one without name and help is taken away
	AddCatalogueEvent(ctx context.Context, merchantID, productID string, e Event) error
}

// EventCatalogue is a change of the catalogue.
const EventCatalogue EventKind = "catalogue"

// errStale is what an edit ends with that was made on an older version.
func errStale(what string) *Error {
	return Conflict("version", "Somebody has changed this %s since you opened the page. Look at what it is now, then send your change again.", what)
}

// catalogueField is a key or a name as a form has it, or why it cannot be taken.
func catalogueField(field, what, value string, most int, must bool) (string, error) {
	value = strings.Join(strings.Fields(value), " ")
	switch {
	case must && value == "":
		return "", Invalid(field, "%s is missing.", what)
	case utf8.RuneCountInString(value) > most || len(value) > 4*most:
		return "", Invalid(field, "%s is longer than %d characters.", what, most)
	case !printable(value):
		return "", Invalid(field, "%s has characters in it that cannot be shown.", what)
	}
	return value, nil
}

// catalogueKey is a key of Bango's, which is taken as it is: case and inner space count.
func catalogueKey(field, what, key string) (string, error) {
	key = strings.TrimSpace(key)
	switch {
	case key == "":
		return "", Invalid(field, "%s is missing. It is Bango's, and decides; case counts.", what)
	case len(key) > MaxKey:
		return "", Invalid(field, "%s is longer than %d characters.", what, MaxKey)
	case !printable(key):
		return "", Invalid(field, "%s has characters in it that cannot be shown.", what)
	}
	return key, nil
}

func orKey(name, key string) string {
	if name == "" {
		return key
	}
	return name
}

// editCatalogue runs an edit by an admin and tells open pages of it.
func (s *Service) editCatalogue(ctx context.Context, by Actor, edit func(ctx context.Context, tx Tx) error) error {
	if err := by.must(Admin); err != nil {
		return err
	}
	return s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		tx.Announce(Change{Topics: []string{TopicEverything}})
		return edit(ctx, tx)
	})
}

func (s *Service) catalogueEvent(ctx context.Context, tx Tx, by Actor, merchantID, productID, format string, args ...any) error {
	return tx.AddCatalogueEvent(ctx, merchantID, productID, Event{ID: newID(), At: s.now(), Actor: by, Kind: EventCatalogue, Text: fmt.Sprintf(format, args...)})
}

// AddMerchant makes a merchant known by its key at Bango. Admins may.
func (s *Service) AddMerchant(ctx context.Context, by Actor, key, name string) (Merchant, error) {
	key, keyErr := catalogueKey("merchant_key", "The merchant's key", key)
	name, nameErr := catalogueField("name", "The name", name, MaxName, false)
	m := Merchant{ID: newID(), Key: key, Name: orKey(name, key)}
	return m, s.editCatalogue(ctx, by, func(ctx context.Context, tx Tx) error {
		if err := firstOf(keyErr, nameErr); err != nil {
			return err
		}
		if err := tx.InsertMerchant(ctx, m); err != nil {
			return err
		}
		return s.catalogueEvent(ctx, tx, by, m.ID, "", "added the merchant %s, “%s”", m.Key, m.Name)
	})
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// ChangeMerchant gives a merchant another name and another list of hosts that its registration links may lead to, one or more, separated by
// commas or space; an empty list leaves it to the portal's own rule, which holds in any case. version is the one that was seen. Admins may.
func (s *Service) ChangeMerchant(ctx context.Context, by Actor, id string, version int64, name, hosts string) error {
	name, nameErr := catalogueField("name", "The name", name, MaxName, true)
	list, hostsErr := linkHosts(hosts)
	return s.editCatalogue(ctx, by, func(ctx context.Context, tx Tx) error {
		before, err := tx.Merchant(ctx, id)
		if err = firstOf(err, nameErr, hostsErr); err != nil {
			return err
		}
		after := before
		after.Name, after.LinkHosts, after.Version = name, list, version
		if version != before.Version {
			return errStale("merchant")
		}
		if after == before {
			return nil
		}
		if same, err := tx.UpdateMerchant(ctx, after); err != nil || !same {
			return firstOf(err, errStale("merchant"))
		}
		if after.Name != before.Name {
			if err := s.catalogueEvent(ctx, tx, by, id, "", "renamed the merchant from “%s” to “%s”", before.Name, after.Name); err != nil {
				return err
			}
		}
		if after.LinkHosts == before.LinkHosts {
			return nil
		}
		return s.catalogueEvent(ctx, tx, by, id, "", "changed where registration links may lead from %s to %s", hostWords(before), hostWords(after))
	})
}

func hostWords(m Merchant) string { return orKey(m.LinkHosts, "what the portal allows") }

// linkHosts is the list of hosts that a form holds, as it is stored.
func linkHosts(text string) (string, error) {
	if len(text) > maxLinkHosts {
		return "", Invalid("link_hosts", "The list of hosts is longer than %d characters.", maxLinkHosts)
	}
	fields := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\r' || r == '\t' })
	if len(fields) == 0 {
		return "", nil
	}
	hosts, err := ParseLinkHosts(strings.Join(fields, ","))
	if err != nil {
		return "", Invalid("link_hosts", "The list of hosts cannot be taken: %v.", err)
	}
	return strings.Join(hosts, ","), nil
}

// checkLink returns why a registration URL must not be followed, or nil: the portal's rule and that of the merchant have to let it.
func (s *Service) checkLink(ctx context.Context, r CatalogueReader, merchantKey, url string) (why, err error) {
	if why := s.links.Check(url); why != nil {
		return why, nil
	}
	m, err := r.MerchantByKey(ctx, merchantKey)
	if CodeOf(err) == CodeNotFound {
		return nil, nil // of one that is not in the catalogue nothing is said
	}
	if err != nil || m.LinkHosts == "" {
		return nil, err
	}
	hosts, err := ParseLinkHosts(m.LinkHosts)
	if err != nil {
		return nil, err
	}
	if (LinkRules{Hosts: hosts, AllowLoopback: s.links.AllowLoopback}).Check(url) != nil {
		return fmt.Errorf("its host is not among those that the catalogue has for %s (%s)", m.Name, strings.Join(hosts, ", ")), nil
	}
	return nil, nil
}

// leads reports whether the answer sends the customer to a registration page.
func (a Answer) leads() bool { return a.Verdict == VerdictAction && a.Action == NavigateToURL }

// unsafeLink returns why the address that an answer sends the customer to must not be followed, or nil.
func (s *Service) unsafeLink(ctx context.Context, tx Tx, e Entitlement, a Answer) (why, err error) {
	if !a.leads() {
		return nil, nil
	}
	return s.checkLink(ctx, tx, e.MerchantKey, a.ActionURL)
}

// dropUnsafeLink takes a registration URL that must not be followed out of a fact.
func (s *Service) dropUnsafeLink(ctx context.Context, tx Tx, e Entitlement, f *Fact) error {
	if f.RegistrationURL == "" {
		return nil
	}
	why, err := s.checkLink(ctx, tx, e.MerchantKey, f.RegistrationURL)
	if why != nil {
		f.RegistrationURL, f.RegistrationExpires = "", time.Time{}
	}
	return err
}

// AddProduct adds a product of a merchant by its key at Bango. Admins may.
func (s *Service) AddProduct(ctx context.Context, by Actor, merchantID, key, name string) (Product, error) {
	key, keyErr := catalogueKey("product_key", "The product's key", key)
	name, nameErr := catalogueField("name", "The name", name, MaxName, false)
	p := Product{ID: newID(), Key: key, Name: orKey(name, key)}
	err := s.editCatalogue(ctx, by, func(ctx context.Context, tx Tx) (err error) {
		p.Merchant, err = tx.Merchant(ctx, merchantID)
		if err = firstOf(err, keyErr, nameErr); err != nil {
			return err
		}
		if err := tx.InsertProduct(ctx, p); err != nil {
			return err
		}
		return s.catalogueEvent(ctx, tx, by, merchantID, p.ID, "added the product %s, “%s”", p.Key, p.Name)
	})
	return p, err
}

// editProduct changes a product whose version is still the one that was seen. edit gets the product as it is and returns it as it is to be,
// and what to tell of it; where it tells nothing, nothing is done.
func (s *Service) editProduct(ctx context.Context, by Actor, id string, version int64, edit func(ctx context.Context, tx Tx, p Product) (Product, []string, error)) error {
	return s.editCatalogue(ctx, by, func(ctx context.Context, tx Tx) error {
		before, err := tx.Product(ctx, id)
		if err != nil {
			return err
		}
		if before.Version != version {
			return errStale("product")
		}
		after, told, err := edit(ctx, tx, before)
		if err != nil || len(told) == 0 {
			return err
		}
		if same, err := tx.UpdateProduct(ctx, after); err != nil || !same {
			return firstOf(err, errStale("product"))
		}
		for _, text := range told {
			if err := s.catalogueEvent(ctx, tx, by, before.Merchant.ID, id, "%s", text); err != nil {
				return err
			}
		}
		return nil
	})
}

// RenameProduct gives a product another name, for staff, and for end users in languages that have none. Admins may.
func (s *Service) RenameProduct(ctx context.Context, by Actor, id string, version int64, name string) error {
	name, wrong := catalogueField("name", "The name", name, MaxName, true)
	return s.editProduct(ctx, by, id, version, func(_ context.Context, _ Tx, p Product) (Product, []string, error) {
		if wrong != nil || name == p.Name {
			return p, nil, wrong
		}
		told := fmt.Sprintf("renamed it from “%s” to “%s”", p.Name, name)
		p.Name = name
		return p, []string{told}, nil
	})
}

// Retire says that a product is not offered any more, or again. Entitlements that exist stay as they are. Admins may.
func (s *Service) Retire(ctx context.Context, by Actor, id string, version int64, retired bool) error {
	return s.editProduct(ctx, by, id, version, func(_ context.Context, _ Tx, p Product) (Product, []string, error) {
		switch {
		case retired == !p.Offered():
			return p, nil, nil
		case retired:
			p.Retired = s.now()
			return p, []string{"retired it: it is not offered for new entitlements any more"}, nil
		}
		p.Retired = time.Time{}
		return p, []string{"offers it again for new entitlements"}, nil
	})
}

// SetDefaultData sets the custom data of new entitlements of a product for which none is given: a JSON object, or empty for none. Admins may.
func (s *Service) SetDefaultData(ctx context.Context, by Actor, id string, version int64, data string) error {
	t, wrong := Terms{ExtensionData: data}.normalised(s.now())
	if data = t.ExtensionData; data == "{}" {
		data = ""
	}
	return s.editProduct(ctx, by, id, version, func(_ context.Context, _ Tx, p Product) (Product, []string, error) {
		if wrong != nil || data == p.DefaultData {
			return p, nil, wrong
		}
		told := fmt.Sprintf("changed the custom data of new entitlements from %s to %s", orKey(p.DefaultData, "none"), orKey(data, "none"))
		p.DefaultData = data
		return p, []string{told}, nil
	})
}

// CustomRows returns names and values as the JSON object that [Terms] hold, or the fault of the first row that is none. A row without both is
// left out.
func CustomRows(rows [][2]string) (string, error) {
	object := map[string]string{}
	for i, row := range rows {
		name, value := strings.TrimSpace(row[0]), strings.TrimSpace(row[1])
		_, twice := object[name]
		switch {
		case name == "" && value == "":
			continue
		case name == "":
			return "", Invalid("extension_data", "Line %d of the custom data has a value and no name.", i+1)
		case strings.Contains(name, "="):
			return "", Invalid("extension_data", "The name in line %d of the custom data has a = in it, which is what ends a name.", i+1)
		case twice:
			return "", Invalid("extension_data", "%.60q is there twice.", name)
		}
		object[name] = value
	}
	if len(object) == 0 {
		return "", nil
	}
	text, err := json.Marshal(object)
	return string(text), err
}

// fillDefaults gives a new entitlement the product's custom data where it has none of its own.
func (s *Service) fillDefaults(ctx context.Context, productID string, t *Terms) error {
	if t.ExtensionData != "" {
		return nil
	}
	p, err := s.store.Product(ctx, productID)
	t.ExtensionData = p.DefaultData
	return err
}

// SetProductTexts sets what end users read of a product. A language that is not among the texts stays as it is; one without name and help has
// no text of its own any more. Admins may.
func (s *Service) SetProductTexts(ctx context.Context, by Actor, id string, version int64, texts []ProductText) error {
	texts = slices.Clone(texts)
	var wrong error
	for i, t := range texts {
		name, nameErr := catalogueField("name_"+t.Language, "The name in "+languageNames[t.Language], t.Name, MaxName, false)
		help, helpErr := catalogueField("help_"+t.Language, "The help text in "+languageNames[t.Language], t.Help, MaxHelp, false)
		if !slices.Contains(TextLanguages, t.Language) {
			wrong = firstOf(wrong, Invalid("language", "%.20q is not a language that end users are written to in.", t.Language))
		}
		wrong = firstOf(wrong, nameErr, helpErr)
		texts[i].Name, texts[i].Help = name, help
	}
	return s.editProduct(ctx, by, id, version, func(ctx context.Context, tx Tx, p Product) (Product, []string, error) {
		known, err := tx.ProductText(ctx, id)
		if err = firstOf(wrong, err); err != nil {
			return p, nil, err
		}
		var told []string
		for _, t := range texts {
			was := known[t.Language]
			if was.Name == t.Name && was.Help == t.Help {
				continue
			}
			if err := tx.SetProductText(ctx, id, t); err != nil {
				return p, nil, err
			}
			if was.Name != t.Name {
				told = append(told, fmt.Sprintf("changed what customers read as its name in %s from %s to %s", languageNames[t.Language], quoted(was.Name), quoted(t.Name)))
			}
			if was.Help != t.Help {
				told = append(told, fmt.Sprintf("changed what customers read as help in %s from %s to %s", languageNames[t.Language], quoted(was.Help), quoted(t.Help)))
			}
		}
		return p, told, nil
	})
}

func quoted(text string) string {
	if text == "" {
		return "nothing"
	}
	return "“" + text + "”"
}

// AddOffer adds an offer of a product by its key at Bango. Admins may.
func (s *Service) AddOffer(ctx context.Context, by Actor, productID string, version int64, key, name string) error {
	key, keyErr := catalogueKey("offer_key", "The offer's key", key)
	name, nameErr := catalogueField("offer_name", "The offer's name", name, MaxName, false)
	return s.editProduct(ctx, by, productID, version, func(ctx context.Context, tx Tx, p Product) (Product, []string, error) {
		if err := firstOf(keyErr, nameErr); err != nil {
			return p, nil, err
		}
		o := Offer{ID: newID(), Key: key, Name: orKey(name, key)}
		return p, []string{fmt.Sprintf("added the offer %s, “%s”", o.Key, o.Name)}, tx.InsertOffer(ctx, p.ID, o)
	})
}

// RenameOffer gives an offer of a product another name. Admins may.
func (s *Service) RenameOffer(ctx context.Context, by Actor, productID string, version int64, offerID, name string) error {
	name, wrong := catalogueField("offer_name", "The offer's name", name, MaxName, true)
	return s.editProduct(ctx, by, productID, version, func(ctx context.Context, tx Tx, p Product) (Product, []string, error) {
		i := slices.IndexFunc(p.Offers, func(o Offer) bool { return o.ID == offerID })
		switch {
		case i < 0:
			return p, nil, NotFound("offer")
		case wrong != nil || p.Offers[i].Name == name:
			return p, nil, wrong
		}
		o := p.Offers[i]
		told := fmt.Sprintf("renamed the offer %s from “%s” to “%s”", o.Key, o.Name, name)
		o.Name = name
		return p, []string{told}, tx.RenameOffer(ctx, o)
	})
}
