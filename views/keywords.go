package views

// KeysPage tells what keys do.
type KeysPage struct{ Frame }

// keyWords are the keys that work on every page, and what they do.
var keyWords = []struct {
	does string
	keys []string
}{
	{"Find anything", []string{"/", "Ctrl K"}},
	{"In the box: choose, open, show all hits", []string{"↑", "↓", "Enter", "Shift Enter"}},
	{"Next and previous row, open it", []string{"j", "k", "Enter"}},
	{"Start", []string{"g h"}},
	{"Needs attention", []string{"g n"}},
	{"Customers", []string{"g c"}},
	{"Entitlements", []string{"g e"}},
	{"Inbox", []string{"g i"}},
	{"Reconciliation", []string{"g r"}},
	{"Plots", []string{"g p"}},
	{"These keys", []string{"?"}},
	{"Leave a field, close what is open", []string{"Esc"}},
}
