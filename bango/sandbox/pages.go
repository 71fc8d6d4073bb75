package sandbox

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

//go:embed pages/*.html
var pageFiles embed.FS

var pageTemplates = template.Must(template.New("").Funcs(template.FuncMap{
	"hue": hue, "initial": initial, "entitlementPath": entitlementPath, "long": long, "described": described, "prepare": prepare,
	"utc": func(t time.Time) string { return t.UTC().Format("2 Jan 2006 15:04:05") },
}).ParseFS(pageFiles, "pages/*.html"))

// hue is the colour of a merchant, in degrees of OKLCH: always the same for the same key, and never the teal of the portal (150 to 235).
func hue(merchantKey string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(merchantKey)) // never fails
	return int((235 + h.Sum32()%275) % 360)
}

// initial is the first letter of a name, in place of a logo.
func initial(name string) string {
	_, size := utf8.DecodeRuneInString(name)
	return name[:size]
}

// long is a duration without the parts that are nothing, like 24h.
func long(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// pages serves what people see.
func (s *Sandbox) pages(mux *http.ServeMux) {
	crossSite := http.NewCrossOriginProtection()
	crossSite.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		show(w, http.StatusForbidden, "sorry.html", sorry{"This did not come from this page", "Another site sent it, so nothing was done. " +
			"Open the link that you were given, and choose there."})
	}))
	mux.HandleFunc("GET /{$}", s.startPage)
	mux.HandleFunc("GET /entitlement", s.entitlementPage)
	mux.Handle("POST /entitlement", crossSite.Handler(http.HandlerFunc(s.merchantDoes)))
	s.controlPages(mux, crossSite)
	mux.HandleFunc("GET /merchant/{merchant}/register/{token}", s.registerPage)
	mux.Handle("POST /merchant/{merchant}/register/{token}", crossSite.Handler(http.HandlerFunc(s.chosen)))
	mux.HandleFunc("GET /merchant/{merchant}/done/{token}", s.donePage)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		show(w, http.StatusNotFound, "sorry.html", sorry{"There is no such page",
			"The sandbox has a start page, its merchants’ pages, and the API below /v1 and /v2."})
	})
}

// show sends a page. Nothing is loaded from anywhere, no script runs, no other site may frame it or receive its form.
func show(w http.ResponseWriter, status int, name string, data any) {
	var page bytes.Buffer
	if err := pageTemplates.ExecuteTemplate(&page, name, data); err != nil {
		panic(fmt.Sprintf("sandbox: page %s: %v", name, err)) // a fault of ours, which the server logs
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "same-origin") // the address is the end user's ticket; with no-referrer the form's Origin would be null
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes()) // a reader who left needs no answer
}

// sorry is a page that has nothing else to say.
type sorry struct{ Title, Text string }

var linkNotValid = sorry{"This link is not valid any more", "Perhaps it was typed wrongly, or what it was for is over. " +
	"Go back to your provider’s page, and ask there for a new link."}

var linkExpired = sorry{"This link has expired", "Nothing was done. Go back to your provider’s page, and ask there for a new link."}

// signup is what the merchant's pages show.
type signup struct {
	Merchant *Merchant
	Product  string // the entitlement's display name
	Offer    string // empty for none
	Status   string
	Register string // address of the registration page
	Update   bool   // it waits for the end user because of an update
	Declined bool
	Expired  bool // the address's time is over, and nothing has been done with it
}

// signup returns what the token of an address stands for.
func (s *Sandbox) signup(r *http.Request) (signup, *entitlement, bool) {
	l := s.byToken[r.PathValue("token")]
	if l == nil || l.entitlement.request.merchantAccountKey != r.PathValue("merchant") {
		return signup{}, nil, false
	}
	e := l.entitlement
	key := e.request.merchantAccountKey
	return signup{Merchant: s.merchant(key), Product: e.request.entitlementDisplayName, Offer: e.request.offerKey, Status: e.status,
		Register: registerPath(key, l.token), Update: e.before != nil, Declined: e.declined,
		Expired: e.status == statusPending && s.expired(l)}, e, true
}

// registerPage asks the end user to choose; where that has happened it says so.
func (s *Sandbox) registerPage(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	page, _, known := s.signup(r)
	s.mu.Unlock()
	switch {
	case !known || page.Status != statusPending && page.Status != statusActive:
		show(w, http.StatusNotFound, "sorry.html", linkNotValid)
	case page.Expired:
		show(w, http.StatusGone, "sorry.html", linkExpired)
	case page.Status == statusActive:
		show(w, http.StatusOK, "registered.html", page)
	default:
		show(w, http.StatusOK, "register.html", page)
	}
}

// chosen carries out what the end user chose, once, and leads to the page that says what happened.
func (s *Sandbox) chosen(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	choice := Choice(r.PostFormValue("choice"))
	s.mu.Lock()
	page, e, known := s.signup(r)
	if known && choice.valid() && !page.Expired {
		s.choose(e, choice)
	}
	s.mu.Unlock()
	switch {
	case !known:
		show(w, http.StatusNotFound, "sorry.html", linkNotValid)
	case page.Expired:
		show(w, http.StatusGone, "sorry.html", linkExpired)
	case !choice.valid():
		show(w, http.StatusBadRequest, "sorry.html", sorry{"That was not one of the choices",
			"Nothing was done. Go back, and use one of the buttons."})
	default:
		http.Redirect(w, r, donePath(e.request.merchantAccountKey, r.PathValue("token")), http.StatusSeeOther)
	}
}

// donePage says what happened. What the reseller ended meanwhile is nothing that the end user chose.
func (s *Sandbox) donePage(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	page, e, known := s.signup(r)
	known = known && (e.status == statusPending || e.status == statusActive || e.declined)
	s.mu.Unlock()
	if !known {
		show(w, http.StatusNotFound, "sorry.html", linkNotValid)
		return
	}
	show(w, http.StatusOK, "done.html", page)
}

const startEntitlements = 50 // on the start page

// startPage shows what is there, to whoever can reach it: nothing in a sandbox is real.
func (s *Sandbox) startPage(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	newest := []Entitlement{}
	for _, e := range slices.Backward(s.entitlements[max(0, len(s.entitlements)-startEntitlements):]) {
		newest = append(newest, s.snapshot(e))
	}
	page := struct {
		API         string
		Merchants   []Merchant
		Resellers   []*account
		Newest      []Entitlement
		Count       int
		Undelivered int
		Now         time.Time
	}{s.config.PublicURL, s.config.Merchants, s.accounts, newest, len(s.entitlements), s.undelivered, s.Now()}
	s.mu.Unlock()
	show(w, http.StatusOK, "start.html", page)
}

// entitlementPath is the address of an entitlement's page. The id may be any string.
func entitlementPath(id string) string { return "/entitlement?" + url.Values{"id": {id}}.Encode() }

// entitlementPage shows one entitlement, with a button for each thing that its merchant can do to it now.
func (s *Sandbox) entitlementPage(w http.ResponseWriter, r *http.Request) {
	s.showEntitlement(w, r.FormValue("id"), http.StatusOK, "")
}

// showEntitlement shows an entitlement's page; problem is why nothing was done, empty for none.
func (s *Sandbox) showEntitlement(w http.ResponseWriter, id string, status int, problem string) {
	page := struct {
		Entitlement
		Problem  string
		Merchant *Merchant
		Record   string
		Actions  []MerchantAction
		Products []Product // to which it can change
		Now      time.Time
	}{Problem: problem, Now: s.Now()}
	s.mu.Lock()
	e := s.byID[id]
	if e != nil {
		page.Entitlement, page.Merchant, page.Record = s.snapshot(e), s.merchant(e.request.merchantAccountKey), string(indented(e.record()))
		for _, action := range merchantActions {
			if _, err := s.merchantChange(e, MerchantChange{Action: action}); err == nil {
				page.Actions = append(page.Actions, action)
			}
		}
		for _, p := range page.Merchant.Products {
			if _, err := s.merchantChange(e, MerchantChange{Action: MerchantProduct, ProductKey: p.Key}); err == nil {
				page.Products = append(page.Products, p)
			}
		}
	}
	s.mu.Unlock()
	if e == nil {
		show(w, http.StatusNotFound, "sorry.html", sorry{"There is no such entitlement", "The start page has the newest ones."})
		return
	}
	show(w, status, "entitlement.html", page)
}

// merchantDoes carries out what a button of an entitlement's page says.
func (s *Sandbox) merchantDoes(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	id := r.PostFormValue("id")
	change := MerchantChange{Action: MerchantAction(r.PostFormValue("action")), ProductKey: r.PostFormValue("product")}
	if err := s.MerchantChange(id, change); err != nil {
		s.showEntitlement(w, id, http.StatusConflict, strings.TrimPrefix(err.Error(), "sandbox: "))
		return
	}
	http.Redirect(w, r, entitlementPath(id), http.StatusSeeOther)
}

func indented(v any) []byte {
	var out bytes.Buffer
	_ = json.Indent(&out, toJSON(v), "", "  ") // toJSON makes nothing else
	return out.Bytes()
}
