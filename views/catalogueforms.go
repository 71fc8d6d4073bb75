package views

import (
	"slices"
	"strconv"
	"strings"

	"latchkey/resale"
)

// CatalogueForm is what a form of the catalogue held that was not accepted. The zero value is none.
type CatalogueForm struct {
	Name   string // which form
	Values map[string]string
	Fault  *resale.Error
}

// value is what a field of a form holds: what was typed, where that form was turned down, otherwise what there is now.
func (f CatalogueForm) value(form, field, now string) string {
	if f.Name == form {
		return f.Values[field]
	}
	return now
}

// wrong marks the label of the field at fault.
func (f CatalogueForm) wrong(form, field string) string {
	if f.Name != form {
		return ""
	}
	return wrongClass(f.Fault, field)
}

// ProductPage is one product of the catalogue.
type ProductPage struct {
	Frame
	Product resale.Product
	Texts   map[string]resale.ProductText // by language
	Events  []resale.Event                // newest first
	Form    CatalogueForm
}

// languageNames are what the languages of end users are called, each in itself.
var languageNames = map[string]string{"en": "English", "es": "Español", "fr": "Français", "de": "Deutsch", "pt": "Português", "ar": "العربية"}

func direction(language string) string {
	if language == "ar" {
		return "rtl"
	}
	return "ltr"
}

// languagesOf names the languages in which end users read of a product, in the order of all.
func languagesOf(languages []string) string {
	var names []string
	for _, l := range resale.TextLanguages {
		if slices.Contains(languages, l) {
			names = append(names, languageNames[l])
		}
	}
	return strings.Join(names, ", ")
}

// dataRows are the lines of a product's custom data, with some that are empty. names are those of the fields of a line.
func dataRows(p ProductPage) []pair {
	rows := customData(p.Product.DefaultData)
	if p.Form.Name == "data" {
		rows = nil
		for i := range resale.MaxDefaultRows {
			name, value := p.Form.Values[dataName(i)], p.Form.Values[dataValue(i)]
			if name != "" || value != "" {
				rows = append(rows, pair{name, value})
			}
		}
	}
	for range 3 {
		if len(rows) < resale.MaxDefaultRows {
			rows = append(rows, pair{})
		}
	}
	return rows
}

func dataName(i int) string  { return "data_name_" + strconv.Itoa(i+1) }
func dataValue(i int) string { return "data_value_" + strconv.Itoa(i+1) }

// DataFields are the names of the fields of one line of custom data.
func DataFields(i int) (name, value string) { return dataName(i), dataValue(i) }

func number(n int64) string { return strconv.FormatInt(n, 10) }

// productsOf are those of a merchant.
func productsOf(products []resale.Product, merchantID string) []resale.Product {
	return slices.DeleteFunc(slices.Clone(products), func(p resale.Product) bool { return p.Merchant.ID != merchantID })
}

// hostsLine tells where the registration links of a merchant may lead.
func hostsLine(m resale.Merchant) string {
	if m.LinkHosts == "" {
		return "Its registration links may lead wherever this portal allows."
	}
	return "Its registration links may lead to " + strings.ReplaceAll(m.LinkHosts, ",", ", ") + "."
}

func merchantForm(m resale.Merchant) string { return "merchant-" + m.ID }
func addForm(m resale.Merchant) string      { return "add-" + m.ID }
func offerForm(o resale.Offer) string       { return "offer-" + o.ID }
