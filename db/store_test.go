package db_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"latchkey/resale"
)

// same fails unless a thing came back as it was stored.
func same(d *desk, what string, stored, read any, err error) {
	d.Helper()
	if err != nil {
		d.Errorf("%s: %v", what, err)
	} else if diff := gocmp.Diff(stored, read, cmpopts.EquateEmpty()); diff != "" {
		d.Errorf("%s came back differently (-stored +read):\n%s", what, diff)
	}
}

func TestWhatIsStoredComesBack(t *testing.T) {
	each(t, func(d *desk) {
		ctx, n := d.Context(), 0
		var e resale.Entitlement
		var r resale.Request
		var event resale.Event
		var evidence resale.Evidence
		var note resale.Notification
		var person resale.Staff
		var session resale.Session
		var link resale.SetupLink
		for _, thing := range []any{&e, &r, &event, &evidence, &note, &person, &session, &link} {
			fill(thing, &n)
		}
		e.CustomerID, e.ProductID, r.EntitlementID, event.CustomerID = d.customer.ID, d.product.ID, e.ID, d.customer.ID
		r.State, session.StaffID, link.StaffID = resale.Waiting, person.ID, person.ID
		d.write(func(ctx context.Context, tx resale.Tx) error {
			stored, isNew, err := tx.ReceiveNotification(ctx, note)
			same(d, "the new notification", note, stored, err)
			if !isNew {
				d.Error("a new notification is not new")
			}
			return errors.Join(tx.InsertEntitlement(ctx, e), tx.InsertRequest(ctx, r), tx.AddEvent(ctx, event), tx.AddEvidence(ctx, evidence),
				tx.InsertStaff(ctx, person), tx.InsertSession(ctx, session), tx.InsertSetupLink(ctx, link))
		})
		check := func() {
			d.Helper()
			customer, err := d.Customer(ctx, d.customer.ID)
			same(d, "customer", d.customer, customer, err)
			customer, err = d.CustomerByIdentifier(ctx, d.customer.Identifier)
			same(d, "customer by identifier", d.customer, customer, err)
			for by, find := range map[string]func() (resale.Entitlement, error){
				"id":           func() (resale.Entitlement, error) { return d.Entitlement(ctx, e.ID) },
				"ref":          func() (resale.Entitlement, error) { return d.EntitlementByRef(ctx, e.Ref) },
				"Bango's id":   func() (resale.Entitlement, error) { return d.EntitlementByBangoID(ctx, e.BangoID) },
				"form token":   func() (resale.Entitlement, error) { return d.EntitlementByFormToken(ctx, e.FormToken) },
				"notify token": func() (resale.Entitlement, error) { return d.EntitlementByNotifyToken(ctx, e.NotifyToken) },
				"signup token": func() (resale.Entitlement, error) { return d.EntitlementBySignupToken(ctx, e.SignupToken) },
			} {
				found, err := find()
				same(d, "entitlement by "+by, e, found, err)
			}
			entitlements, err := d.EntitlementsOf(ctx, d.customer.ID, 9)
			same(d, "the customer's entitlements", []resale.Entitlement{e}, entitlements, err)
			rows, err := d.ListEntitlements(ctx, resale.EntitlementFilter{Limit: 9})
			same(d, "the list", []resale.EntitlementRow{{Entitlement: e, CustomerName: d.customer.Name, MerchantName: "Bango", ProductName: "Bango Music"}}, rows, err)
			request, err := d.Request(ctx, r.ID)
			same(d, "request", r, request, err)
			requests, err := d.RequestsOf(ctx, e.ID, 9)
			same(d, "requests", []resale.Request{r}, requests, err)
			events, err := d.Events(ctx, event.EntitlementID, 9)
			same(d, "events", []resale.Event{event}, events, err)
			events, err = d.CustomerEvents(ctx, event.CustomerID, 9)
			same(d, "the customer's events", []resale.Event{event}, events, err)
			found, err := d.Evidence(ctx, evidence.ID)
			same(d, "evidence", evidence, found, err)
			notification, err := d.Notification(ctx, note.ID)
			same(d, "notification", note, notification, err)
			notifications, err := d.Notifications(ctx, 9)
			same(d, "notifications", []resale.Notification{note}, notifications, err)
			staff, err := d.StaffByEmail(ctx, person.Email)
			same(d, "person by e-mail", person, staff, err)
			staff, err = d.Staff(ctx, person.ID)
			same(d, "person", person, staff, err)
			signedIn, err := d.Session(ctx, session.IDHash)
			same(d, "session", session, signedIn, err)
			setup, err := d.SetupLink(ctx, link.TokenHash)
			same(d, "set-up link", link, setup, err)
		}
		check()

		// Everything that can change, changed.
		before, kept := e, e
		fill(&e, &n)
		e.ID, e.Ref, e.CustomerID, e.ProductID, e.OfferID, e.CustomerIdentifier, e.MerchantKey, e.OfferKey = kept.ID, kept.Ref, kept.CustomerID,
			kept.ProductID, kept.OfferID, kept.CustomerIdentifier, kept.MerchantKey, kept.OfferKey
		e.NotifyToken, e.SignupToken, e.FormToken, e.CreatedBy, e.Created = kept.NotifyToken, kept.SignupToken, kept.FormToken, kept.CreatedBy, kept.Created
		d.customer.Name, d.customer.Email, d.customer.Phone = "Zoe", "z@example.com", "1"
		r.State, r.Attempts, r.NotBefore, r.LeasedUntil, r.Message, r.Updated = resale.Sending, 7, at(701), at(702), "again", at(703)
		note.EntitlementID, note.State, note.Effect, note.Reason = "other", resale.NotificationParked, resale.EffectStale, "why"
		person.Name, person.Role, person.PasswordHash, person.Disabled = "New", resale.Admin, "hash", false
		session.LastSeen = at(704)
		d.write(func(ctx context.Context, tx resale.Tx) error {
			return errors.Join(tx.UpdateEntitlement(ctx, before, e), tx.UpdateCustomer(ctx, d.customer), tx.UpdateRequest(ctx, r),
				tx.UpdateNotification(ctx, note), tx.UpdateStaff(ctx, person), tx.TouchSession(ctx, session.IDHash, session.LastSeen))
		})
		check()
		before = e
		e.NotifiedAt, e.CheckedAt = at(801), at(802)
		d.write(func(ctx context.Context, tx resale.Tx) error { return tx.UpdateEntitlement(ctx, before, e) })
		check()
	})
}

func TestPeople(t *testing.T) {
	each(t, func(d *desk) {
		ctx := d.Context()
		d.write(func(ctx context.Context, tx resale.Tx) error {
			return errors.Join(tx.InsertStaff(ctx, resale.Staff{ID: "p", Email: "p@example.com"}),
				tx.InsertSession(ctx, resale.Session{IDHash: []byte("old"), StaffID: "p", Expires: at(10)}),
				tx.InsertSession(ctx, resale.Session{IDHash: []byte("new"), StaffID: "p", Expires: at(20)}),
				tx.InsertSetupLink(ctx, resale.SetupLink{TokenHash: []byte("t"), StaffID: "p"}))
		})
		d.write(func(ctx context.Context, tx resale.Tx) error {
			return errors.Join(tx.DeleteExpiredSessions(ctx, at(15)), tx.DeleteSetupLinks(ctx, "p"))
		})
		_, oldErr := d.Session(ctx, []byte("old"))
		_, newErr := d.Session(ctx, []byte("new"))
		_, linkErr := d.SetupLink(ctx, []byte("t"))
		if resale.CodeOf(oldErr) != resale.CodeNotFound || newErr != nil || resale.CodeOf(linkErr) != resale.CodeNotFound {
			d.Errorf("expired: %v; current: %v; used link: %v", oldErr, newErr, linkErr)
		}
		d.write(func(ctx context.Context, tx resale.Tx) error { return tx.DeleteSession(ctx, []byte("new")) })
		if _, err := d.Session(ctx, []byte("new")); resale.CodeOf(err) != resale.CodeNotFound {
			d.Errorf("a session that was ended: %v", err)
		}
		for _, value := range []string{"first", "second"} {
			d.write(func(ctx context.Context, tx resale.Tx) error {
				if got, err := tx.EnsureSetting(ctx, "key", value); got != "first" || err != nil {
					d.Errorf("the setting is %q, %v", got, err)
				}
				return nil
			})
		}
	})
}

func TestWhatIsNotThereIsNotFound(t *testing.T) {
	each(t, func(d *desk) {
		ctx := d.Context()
		stored := d.stored(1) // without Bango's id
		for _, key := range []string{"nothing", "", "a\x00b", "\xff"} {
			for what, find := range map[string]func() error{
				"customer":           func() error { _, err := d.Customer(ctx, key); return err },
				"customer by name":   func() error { _, err := d.CustomerByIdentifier(ctx, key); return err },
				"product":            func() error { _, err := d.Product(ctx, key); return err },
				"entitlement":        func() error { _, err := d.Entitlement(ctx, key); return err },
				"entitlement, ref":   func() error { _, err := d.EntitlementByRef(ctx, key); return err },
				"entitlement, Bango": func() error { _, err := d.EntitlementByBangoID(ctx, key); return err },
				"form token":         func() error { _, err := d.EntitlementByFormToken(ctx, key); return err },
				"notify token":       func() error { _, err := d.EntitlementByNotifyToken(ctx, key); return err },
				"signup token":       func() error { _, err := d.EntitlementBySignupToken(ctx, key); return err },
				"request":            func() error { _, err := d.Request(ctx, key); return err },
				"evidence":           func() error { _, err := d.Evidence(ctx, key); return err },
				"notification":       func() error { _, err := d.Notification(ctx, key); return err },
				"person":             func() error { _, err := d.Staff(ctx, key); return err },
				"person by e-mail":   func() error { _, err := d.StaffByEmail(ctx, key); return err },
				"session":            func() error { _, err := d.Session(ctx, []byte(key)); return err },
				"set-up link":        func() error { _, err := d.SetupLink(ctx, []byte(key)); return err },
				"setting":            func() error { _, err := d.Setting(ctx, key); return err },
			} {
				if err := find(); resale.CodeOf(err) != resale.CodeNotFound {
					d.Errorf("%s %q: %v", what, key, err)
				}
			}
		}
		missing := stored
		missing.ID, missing.Status = "nothing", resale.Active
		for what, change := range map[string]func(ctx context.Context, tx resale.Tx) error{
			"customer":    func(ctx context.Context, tx resale.Tx) error { return tx.UpdateCustomer(ctx, resale.Customer{ID: "x"}) },
			"entitlement": func(ctx context.Context, tx resale.Tx) error { return tx.UpdateEntitlement(ctx, stored, missing) },
			"lock":        func(ctx context.Context, tx resale.Tx) error { _, err := tx.LockEntitlement(ctx, "x"); return err },
			"request":     func(ctx context.Context, tx resale.Tx) error { return tx.UpdateRequest(ctx, resale.Request{ID: "x"}) },
			"notification": func(ctx context.Context, tx resale.Tx) error {
				return tx.UpdateNotification(ctx, resale.Notification{ID: "x"})
			},
			"person": func(ctx context.Context, tx resale.Tx) error { return tx.UpdateStaff(ctx, resale.Staff{ID: "x"}) },
		} {
			if err := d.Write(ctx, change); resale.CodeOf(err) != resale.CodeNotFound {
				d.Errorf("change of a %s: %v", what, err)
			}
		}
	})
}

func TestConflictsNameTheirField(t *testing.T) {
	each(t, func(d *desk) {
		e := d.stored(1)
		with := func(change func(*resale.Entitlement)) func(ctx context.Context, tx resale.Tx) error {
			another := d.entitlement(2)
			change(&another)
			return func(ctx context.Context, tx resale.Tx) error { return tx.InsertEntitlement(ctx, another) }
		}
		person := func(ctx context.Context, tx resale.Tx) error {
			return tx.InsertStaff(ctx, resale.Staff{ID: newID(), Email: "a@example.com"})
		}
		d.write(person)
		for field, write := range map[string]func(ctx context.Context, tx resale.Tx) error{
			"customer_identifier": func(ctx context.Context, tx resale.Tx) error {
				return tx.InsertCustomer(ctx, resale.Customer{ID: newID(), Identifier: "cust-1"})
			},
			"form_token": with(func(another *resale.Entitlement) { another.FormToken = e.FormToken }),
			"ref":        with(func(another *resale.Entitlement) { another.Ref = e.Ref }),
			"email":      person,
		} {
			err := d.Write(d.Context(), write)
			var fault *resale.Error
			if !errors.As(err, &fault) || fault.Code != resale.CodeConflict || fault.Field != field || !strings.HasSuffix(fault.Message, ".") {
				d.Errorf("%s: %#v", field, err)
			}
			// A write that passes over the conflict stores nothing on either engine.
			err = d.Write(d.Context(), func(ctx context.Context, tx resale.Tx) error {
				write(ctx, tx)
				_, _ = tx.EnsureSetting(ctx, "after "+field, "x")
				return nil
			})
			if _, found := d.Setting(d.Context(), "after "+field); resale.CodeOf(err) != resale.CodeConflict || resale.CodeOf(found) != resale.CodeNotFound {
				d.Errorf("%s, passed over: %v, %v", field, err, found)
			}
		}
		counts, err := d.StatusCounts(d.Context())
		if err != nil || counts[resale.Requested] != 1 {
			d.Errorf("the counts are %v, %v", counts, err)
		}
	})
}

func TestTheSameNotificationOnlyRaisesItsCopies(t *testing.T) {
	each(t, func(d *desk) {
		var together sync.WaitGroup
		var mu sync.Mutex
		isNew := 0
		for i := range 16 {
			together.Go(func() {
				n := resale.Notification{ID: newID(), Digest: []byte("digest"), Copies: 1, Received: at(i), LastReceived: at(i)}
				var first bool
				err := d.Write(d.Context(), func(ctx context.Context, tx resale.Tx) (err error) {
					_, first, err = tx.ReceiveNotification(ctx, n)
					return err
				})
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					d.Error(err)
				}
				if first {
					isNew++
				}
			})
		}
		together.Wait()
		stored, err := d.Notifications(d.Context(), 9)
		if err != nil || isNew != 1 || len(stored) != 1 || stored[0].Copies != 16 {
			d.Errorf("%d were new; stored are %+v, %v", isNew, stored, err)
		}
	})
}

func TestBangoMaySayAnything(t *testing.T) {
	each(t, func(d *desk) {
		e := d.stored(1)
		after := e
		after.Message, after.ActivationCode, after.Updated = "NUL \x00, half of \xc3", "'; DROP TABLE events; --", at(2)
		d.write(func(ctx context.Context, tx resale.Tx) error {
			return errors.Join(tx.UpdateEntitlement(ctx, e, after), tx.AddEvidence(ctx, resale.Evidence{ID: "e", Received: "\x00\xff"}))
		})
		stored, err := d.Entitlement(d.Context(), e.ID)
		if err != nil || !strings.HasPrefix(stored.Message, "NUL ") || !strings.Contains(stored.Message, ", half of ") || stored.ActivationCode != after.ActivationCode {
			d.Errorf("%+v, %v", stored, err)
		}
		if _, err := d.Evidence(d.Context(), "e"); err != nil {
			d.Error(err)
		}
	})
}

func TestCatalogue(t *testing.T) {
	each(t, func(d *desk) {
		for _, r := range []resale.CatalogueRow{
			{MerchantKey: "BANGO", MerchantName: "Zeta", ProductKey: "BangoMusic", ProductName: "Renamed", OfferKey: "o2", OfferName: "Second"},
			{MerchantKey: "BANGO", MerchantName: "Zeta", ProductKey: "BangoMusic", ProductName: "Renamed", OfferKey: "o1", OfferName: "First"},
			{MerchantKey: "BANGO", MerchantName: "Zeta", ProductKey: "BangoMusic", ProductName: "Renamed", OfferKey: "o1", OfferName: "First again"},
			{MerchantKey: "BANGO", MerchantName: "Zeta", ProductKey: "Apps", ProductName: "Apps"},
			{MerchantKey: "bango", MerchantName: "Alpha", ProductKey: "BangoMusic", ProductName: "Music"}, // keys are case-sensitive
		} {
			d.write(func(ctx context.Context, tx resale.Tx) error { return tx.UpsertCatalogue(ctx, r) })
		}
		products, err := d.Products(d.Context())
		var shown []string
		for _, p := range products {
			line := p.Merchant.Name + "/" + p.Name
			for _, o := range p.Offers {
				line += "/" + o.Name
			}
			shown = append(shown, line)
			one, err := d.Product(d.Context(), p.ID)
			same(d, "product", p, one, err)
		}
		same(d, "catalogue", []string{"Alpha/Music", "Zeta/Apps", "Zeta/Renamed/First again/Second"}, shown, err)
		if products[2].ID != d.product.ID {
			d.Error("a product that was renamed has another id")
		}
	})
}

func TestSearch(t *testing.T) {
	each(t, func(d *desk) {
		for i, c := range []resale.Customer{
			{Identifier: "100%_sure", Name: "Percent"},
			{Identifier: "100xysure", Name: "No Percent"},
			{Identifier: "ab", Name: "Short"},
			{Identifier: `back\slash`, Name: `She said "hi" * OR NEAR(x)`},
			{Identifier: "cust-2", Name: "Łukasz Żółć", Email: "LUKASZ@example.com", Phone: "(082) 555-0102"},
			{Identifier: "cust-3", Name: "日本語テスト"},
		} {
			c.ID, c.Created = newID(), at(i)
			d.write(func(ctx context.Context, tx resale.Tx) error { return tx.InsertCustomer(ctx, c) })
		}
		for q, want := range map[string]string{
			"zoe":         "cust-1",
			"ZOË nk":      "cust-1",
			"  Zoë ":      "cust-1",
			"zołc":        "cust-2",
			"zolc":        "cust-2", // also ł, which has no mark to lose
			"lukasz":      "cust-2",
			"5550101":     "cust-1",
			"825550101":   "cust-1",
			"0825550102":  "cust-2",
			"555-01":      "cust-2",
			"@EXAMPLE":    "cust-1 cust-2",
			"100%_":       "100%_sure",
			"0%_s":        "100%_sure",
			"%%%":         "",
			"___":         "",
			`k\sl`:        `back\slash`,
			`"hi" * OR `:  `back\slash`,
			"NEAR(x)":     `back\slash`,
			"ab":          "ab",
			"a":           "",
			"":            "",
			"日本語":         "cust-3",
			"本語テ":         "cust-3",
			"nobody":      "",
			"it's":        "",
			"a\x00b":      "",
			"cust-1\nzoe": "cust-1", // lines of the text that is searched; harmless
		} {
			found, err := d.SearchCustomers(d.Context(), q, 10)
			var got []string
			for _, c := range found {
				got = append(got, c.Identifier)
			}
			if err != nil || strings.Join(got, " ") != want {
				d.Errorf("%q finds %q, expected %q; %v", q, got, want, err)
			}
		}
		changed := d.customer
		changed.Name = "Renamed"
		d.write(func(ctx context.Context, tx resale.Tx) error { return tx.UpdateCustomer(ctx, changed) })
		old, err1 := d.SearchCustomers(d.Context(), "nkosi", 10)
		renamed, err2 := d.SearchCustomers(d.Context(), "rename", 10)
		if len(old) != 0 || len(renamed) != 1 || err1 != nil || err2 != nil {
			d.Errorf("after a change: %v, %v, %v, %v", old, renamed, err1, err2)
		}
		if few, err := d.SearchCustomers(d.Context(), "example", 1); len(few) != 1 || err != nil {
			d.Errorf("limited: %v, %v", few, err)
		}
		if n, err := d.CustomerCount(d.Context()); n != 7 || err != nil {
			d.Errorf("%d customers, %v", n, err)
		}
	})
}

func TestPagesOfTheListAreTheWholeList(t *testing.T) {
	each(t, func(d *desk) {
		var all []resale.Entitlement
		for i := range 120 {
			e := d.entitlement(i)
			e.Updated = at(i % 11) // many at the same time
			e.Status = resale.Statuses[i%3]
			all = append(all, e)
		}
		d.write(func(ctx context.Context, tx resale.Tx) error {
			for _, e := range all {
				if err := tx.InsertEntitlement(ctx, e); err != nil {
					return err
				}
			}
			return nil
		})
		slices.SortFunc(all, func(a, b resale.Entitlement) int {
			return cmp.Or(b.Updated.Compare(a.Updated), strings.Compare(b.ID, a.ID))
		})
		for _, status := range []resale.Status{"", resale.Statuses[0], resale.Statuses[1], resale.Active} {
			var want, got []string
			for _, e := range all {
				if status == "" || e.Status == status {
					want = append(want, e.Ref)
				}
			}
			f := resale.EntitlementFilter{Status: status, Limit: 7}
			for {
				page, err := d.ListEntitlements(d.Context(), f)
				if err != nil {
					d.Fatal(err)
				}
				for _, row := range page {
					got = append(got, row.Ref)
				}
				if len(page) < f.Limit {
					break
				}
				last := page[len(page)-1]
				f.After = &resale.ListPosition{Updated: last.Updated, ID: last.ID}
			}
			if !slices.Equal(got, want) {
				d.Errorf("status %q: the pages show %d, %v\nexpected %d, %v", status, len(got), got, len(want), want)
			}
		}
	})
}

func TestStatusCountsAreTrue(t *testing.T) {
	each(t, func(d *desk) {
		var stored []resale.Entitlement
		rapid.Check(d, func(rt *rapid.T) {
			was := slices.Clone(stored)
			fails := rapid.IntRange(0, 4).Draw(rt, "fails") == 0
			err := d.Write(d.Context(), func(ctx context.Context, tx resale.Tx) error {
				stored = slices.Clone(was)
				for range rapid.IntRange(1, 5).Draw(rt, "steps") {
					if len(stored) == 0 || rapid.Bool().Draw(rt, "insert") {
						e := d.entitlement(len(stored))
						e.Ref, e.Status = newID(), rapid.SampledFrom(resale.Statuses).Draw(rt, "status")
						if err := tx.InsertEntitlement(ctx, e); err != nil {
							return err
						}
						stored = append(stored, e)
					} else {
						e := rapid.SampledFrom(stored).Draw(rt, "which")
						after := e
						after.Status = rapid.SampledFrom(resale.Statuses).Draw(rt, "to")
						if err := tx.UpdateEntitlement(ctx, e, after); err != nil {
							return err
						}
						stored[slices.Index(stored, e)] = after
					}
				}
				counts, err := tx.StatusCounts(ctx)
				if diff := gocmp.Diff(count(stored), counts, nothingIsZero); err != nil || diff != "" {
					rt.Fatalf("within: %v %s", err, diff)
				}
				if fails {
					return errors.New("on purpose")
				}
				return nil
			})
			if fails {
				stored = was
			}
			if (err != nil) != fails {
				rt.Fatal(err)
			}
			counts, err := d.StatusCounts(d.Context())
			if diff := gocmp.Diff(count(stored), counts, nothingIsZero); err != nil || diff != "" {
				rt.Fatalf("counts (-true +kept): %v %s", err, diff)
			}
		})
		rows, err := d.ListEntitlements(d.Context(), resale.EntitlementFilter{Limit: 100_000})
		if err != nil || len(rows) != len(stored) || len(rows) == 0 {
			d.Errorf("%d are stored, expected %d; %v", len(rows), len(stored), err)
		}
	})
}

// nothingIsZero takes a status without a count for one with the count 0.
var nothingIsZero = cmpopts.IgnoreMapEntries(func(_ resale.Status, n int64) bool { return n == 0 })

func count(entitlements []resale.Entitlement) map[resale.Status]int64 {
	counts := map[resale.Status]int64{}
	for _, e := range entitlements {
		counts[e.Status]++
	}
	return counts
}

// request stores an open request that is due at a time.
func (d *desk) request(e resale.Entitlement, due time.Time) resale.Request {
	d.Helper()
	r := resale.Request{ID: newID(), EntitlementID: e.ID, Kind: resale.KindCheck, State: resale.Queued, NotBefore: due, Created: at(0), Updated: at(0)}
	d.write(func(ctx context.Context, tx resale.Tx) error { return tx.InsertRequest(ctx, r) })
	return r
}

func TestLease(t *testing.T) {
	each(t, func(d *desk) {
		ctx := d.Context()
		lease := func(now, until time.Time) (resale.Request, bool, time.Duration) {
			d.Helper()
			r, ok, wait, err := d.LeaseRequest(ctx, now, until)
			if err != nil {
				d.Fatal(err)
			}
			return r, ok, wait
		}
		none := func(what string, now time.Time, wait time.Duration) {
			d.Helper()
			before, _ := d.log.count()
			if r, ok, w := lease(now, at(1)); ok || w != wait {
				d.Errorf("%s: got %+v, wait %s, expected %s", what, r, w, wait)
			}
			if after, _ := d.log.count(); after != before {
				d.Errorf("%s: a look at what is due wrote something", what)
			}
		}
		e := d.stored(1)
		none("nothing stored", at(0), time.Minute)
		later := d.request(e, at(2000))
		first := d.request(e, at(1000))
		none("nothing due yet", at(400), 600*time.Microsecond)
		none("nothing due for long", at(0).Add(-10*time.Minute), time.Minute)

		r, ok, _ := lease(at(1000), at(5000))
		first.State, first.Attempts, first.LeasedUntil, first.Updated = resale.Sending, 1, at(5000), at(1000)
		if !ok || r != first {
			d.Errorf("leased %+v, expected %+v", r, first)
		}
		none("one leased, one not due", at(1500), 500*time.Microsecond)
		if r, ok, _ = lease(at(6000), at(9000)); !ok || r.ID != later.ID {
			d.Errorf("due the longest is %s, leased %+v", later.ID, r)
		}
		if r, ok, _ = lease(at(6000), at(9000)); !ok || r.ID != first.ID || r.Attempts != 2 {
			d.Errorf("a lease that ran out: %+v", r)
		}
		// A clock that was set back by a day makes nobody wait for a day.
		if r, ok, _ = lease(at(0).Add(-24*time.Hour), at(9000)); !ok || r.Attempts < 2 {
			d.Errorf("a lease from before the clock was set back: %+v, %t", r, ok)
		}
		for _, r := range []resale.Request{first, later} {
			r.State = resale.Done
			d.write(func(ctx context.Context, tx resale.Tx) error { return tx.UpdateRequest(ctx, r) })
		}
		none("all settled", at(1_000_000), time.Minute)

		// A lease of an earlier run.
		d.request(e, at(10))
		lease(at(10), at(9000))
		if err := d.ReleaseLeases(ctx); err != nil {
			d.Fatal(err)
		}
		_, ok, _ = lease(at(20), at(9000))
		if alone := !strings.HasPrefix(d.database, "postgres"); ok != alone {
			d.Errorf("after ReleaseLeases the lease is free: %t, expected %t", ok, alone)
		}
	})
}

func TestNoRequestIsLeasedTwice(t *testing.T) {
	each(t, func(d *desk) {
		const requests = 400
		e := d.stored(1)
		d.write(func(ctx context.Context, tx resale.Tx) error {
			for i := range requests {
				r := resale.Request{ID: newID(), EntitlementID: e.ID, Kind: resale.KindCheck, State: resale.Queued, NotBefore: at(i)}
				if err := tx.InsertRequest(ctx, r); err != nil {
					return err
				}
			}
			return nil
		})
		stores := []*desk{d}
		if strings.HasPrefix(d.database, "postgres") {
			stores = append(stores, openDesk(d.TB, d.database))
		}
		var mu sync.Mutex
		var senders sync.WaitGroup
		leased := map[string]int{}
		for i := range 16 {
			senders.Go(func() {
				for {
					r, ok, wait, err := stores[i%len(stores)].LeaseRequest(d.Context(), at(requests), at(1_000_000))
					if err != nil {
						d.Error(err)
						return
					}
					if !ok && wait > 0 {
						return
					}
					if ok {
						mu.Lock()
						leased[r.ID]++
						mu.Unlock()
					}
				}
			})
		}
		senders.Wait()
		if len(leased) != requests {
			d.Errorf("%d of %d were leased", len(leased), requests)
		}
		for id, n := range leased {
			if n != 1 {
				d.Errorf("%s was leased %d times", id, n)
			}
		}
	})
}

func TestReadersSeeWhatWasWritten(t *testing.T) {
	each(t, func(d *desk) {
		other := openDesk(d.TB, d.database)
		for i := range 20 {
			name := fmt.Sprint("setting", i)
			d.write(func(ctx context.Context, tx resale.Tx) error { _, err := tx.EnsureSetting(ctx, name, "x"); return err })
			for _, s := range []*desk{d, other} {
				if _, err := s.Setting(d.Context(), name); err != nil {
					d.Fatalf("after Write returned: %v", err)
				}
			}
		}
		if err := d.Ping(d.Context()); err != nil {
			d.Error(err)
		}
	})
}
