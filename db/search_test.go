package db_test

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/db/dbtest"
	"latchkey/resale"
)

func TestSearchByWordsInAnyOrder(t *testing.T) {
	each(t, func(d *desk) {
		for i, c := range []resale.Customer{
			{Identifier: "cust-2", Name: "Ana Maria de la Cruz"},
			{Identifier: "cust-3", Name: "Cruz Bustamante", Email: "ana@example.com"},
			{Identifier: "cust-4", Name: "100% Ana"},
			{Identifier: "cust-5", Name: "Li Wu"},
			{Identifier: "alpha-cust-123456", Email: "someone@example.com"}, // of what is looked up first, these have the same
			{Identifier: "beta-cust-123456", Email: "anyone@example.com"},
		} {
			c.ID, c.Created = newID(), at(i)
			d.write(func(ctx context.Context, tx resale.Tx) error { return tx.InsertCustomer(ctx, c) })
		}
		for q, want := range map[string]string{
			"nkosi zoe":         "cust-1",
			"cruz ANA":          "cust-2 cust-3",
			"la cruz ana":       "cust-2",
			"ana cruz maria la": "cust-2",
			"ana 0%":            "cust-4",
			"ana _00":           "",
			"li wu":             "cust-5",
			"wu li":             "", // too short to be looked up one by one
			"ana nkosi":         "",
			"alpha-cust-123456": "alpha-cust-123456",
			"t-123456":          "alpha-cust-123456 beta-cust-123456",
			"someone@exam":      "alpha-cust-123456",
			"123456 beta-cust":  "beta-cust-123456",
			"1@example":         "",
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
		if few, err := d.SearchCustomers(d.Context(), "cruz ana", 1); len(few) != 1 || err != nil {
			d.Errorf("limited: %v, %v", few, err)
		}
	})
}

func TestFindByTheBeginning(t *testing.T) {
	each(t, func(d *desk) {
		var all []resale.Entitlement
		for i, ref := range []string{"K7Q4-X2MD", "K7Q4-ZZZZ", "K7Q3-ZZZZ", "K7RA-AAAA", "AAAA-K7Q4"} {
			e := d.entitlement(i)
			e.Ref, e.BangoID, e.Status = ref, "B-"+strings.ToLower(ref), resale.Active
			d.write(func(ctx context.Context, tx resale.Tx) error { return tx.InsertEntitlement(ctx, e) })
			r := resale.Request{ID: newID(), EntitlementID: e.ID, Kind: resale.KindCreate, State: resale.Done, Created: at(i)}
			d.write(func(ctx context.Context, tx resale.Tx) error { return tx.InsertRequest(ctx, r) })
			e.FormToken = r.ID // to look it up below
			all = append(all, e)
		}
		for _, row := range []struct {
			find        func(context.Context, string, int) ([]resale.Hit, error)
			start, want string
			limit       int
		}{
			{d.EntitlementsByRefStart, "K7Q4", "K7Q4-X2MD K7Q4-ZZZZ", 9},
			{d.EntitlementsByRefStart, "K7Q4-X", "K7Q4-X2MD", 9},
			{d.EntitlementsByRefStart, "K7Q4-X2MD", "K7Q4-X2MD", 9},
			{d.EntitlementsByRefStart, "K7", "K7Q3-ZZZZ K7Q4-X2MD", 2},
			{d.EntitlementsByRefStart, "X2MD", "", 9},
			{d.EntitlementsByRefStart, "K7__", "", 9},
			{d.EntitlementsByBangoIDStart, "B-k7q4", "K7Q4-X2MD K7Q4-ZZZZ", 9},
			{d.EntitlementsByBangoIDStart, "B-k7q4-x2md", "K7Q4-X2MD", 9},
			{d.EntitlementsByBangoIDStart, "B-%", "", 9},
			{d.EntitlementsByBangoIDStart, "", "", 9},
			{d.RequestsByStart, all[0].FormToken, "K7Q4-X2MD", 9},
			{d.RequestsByStart, all[4].FormToken[:35], "AAAA-K7Q4", 9},
			{d.RequestsByStart, "00000000", "", 9},
		} {
			hits, err := row.find(d.Context(), row.start, row.limit)
			var got []string
			for _, h := range hits {
				got = append(got, h.Ref)
				if h.Name != d.customer.Name || h.Identifier != d.customer.Identifier || h.CustomerID != d.customer.ID || h.Product != "Bango Music" {
					d.Errorf("%q: %+v", row.start, h)
				}
			}
			if err != nil || strings.Join(got, " ") != row.want {
				d.Errorf("%q finds %q, expected %q; %v", row.start, got, row.want, err)
			}
		}
	})
}

func TestTextsAreFoundAndForgotten(t *testing.T) {
	each(t, func(d *desk) {
		e := d.stored(1)
		put := func(x resale.Text) {
			d.Helper()
			d.write(func(ctx context.Context, tx resale.Tx) error { return tx.IndexText(ctx, x) })
		}
		note := resale.Text{Kind: resale.TextNote, ID: "1", CustomerID: d.customer.ID, Text: "Fraud hold: Überweisung zurück", At: at(1)}
		put(note)
		put(resale.Text{Kind: resale.TextReason, ID: "1", CustomerID: d.customer.ID, EntitlementID: e.ID, Text: "moved abroad; no fraud", At: at(2)})
		for q, want := range map[string]string{
			"fraud": "moved abroad; no fraud|Fraud hold: Überweisung zurück", "ABROAD moved": "moved abroad; no fraud", "uberweisung": note.Text,
			"hold zurueck": "", "100%": "", "fr": "", "moved _broad": "",
		} {
			hits, err := d.SearchTexts(d.Context(), q, 9)
			var got []string
			for _, h := range hits {
				got = append(got, h.Text)
			}
			if err != nil || strings.Join(got, "|") != want {
				d.Errorf("%q finds %q, expected %q; %v", q, got, want, err)
			}
		}
		hits, err := d.SearchTexts(d.Context(), "abroad", 1)
		if err != nil || len(hits) != 1 || hits[0].Ref != e.Ref || hits[0].Status != e.Status || hits[0].Name != d.customer.Name || !hits[0].At.Equal(at(2)) {
			d.Errorf("%+v, %v", hits, err)
		}
		note.Text = "All is well"
		put(note)
		for q, want := range map[string]int{"hold": 0, "all is well": 1} {
			if hits, err := d.SearchTexts(d.Context(), q, 9); len(hits) != want || err != nil {
				d.Errorf("after a change %q finds %v, %v", q, hits, err)
			}
		}
		d.write(func(ctx context.Context, tx resale.Tx) error { return tx.ForgetText(ctx, resale.TextNote, "1") })
		if hits, err := d.SearchTexts(d.Context(), "well", 9); len(hits) != 0 || err != nil {
			d.Errorf("a note that is gone is found: %v, %v", hits, err)
		}
	})
}

// BenchmarkSearch measures what the one box asks for, at ten thousand entitlements and customers and at a million in turns, and a scan of the
// million for comparison.
func BenchmarkSearch(b *testing.B) {
	for engine, fresh := range map[string]func(testing.TB) string{"sqlite": dbtest.SQLite, "postgres": dbtest.Postgres} {
		b.Run(engine, func(b *testing.B) {
			sizes := []int{10_000, 1_000_000}
			var stores []*desk
			var services []*resale.Service
			for _, n := range sizes {
				database := fresh(b)
				load(b, database, n)
				store := openDesk(b, database)
				stores = append(stores, store)
				services = append(services, resale.NewService(resale.ServiceConfig{Store: store.Store, Hub: resale.NewHub(),
					PublicURL: "https://portal.example", Log: slog.New(slog.DiscardHandler)}))
			}
			by := resale.Actor{Kind: resale.ByStaff, ID: newID(), Name: "Ana", Role: resale.Viewer}
			// Each %d is a person who is in both databases.
			for name, q := range map[string]string{"identifier": "customer-%d", "part-of-a-phone-number": "(20) 100%d", "name": "zoë%d", "two-words": "nkosi%d zoë",
				"common-name": "zoë", "e-mail": "zoe%d@exam", "beginning-of-a-ref": "R10000%d", "bango's-id": "b10000%d", "nobody": "nobody%d"} {
				b.Run(name, func(b *testing.B) {
					took := make([][]time.Duration, len(sizes))
					for b.Loop() {
						n := 1000 + rand.IntN(8000)
						q := strings.ReplaceAll(q, "%d", fmt.Sprint(n))
						for i, s := range services {
							began := time.Now()
							found, err := s.Search(b.Context(), by, q, 8)
							if strings.HasPrefix(q, "R10") && err == nil { // no refs that people say, so the service does not take them for one
								found.Entitlements, err = stores[i].EntitlementsByRefStart(b.Context(), q, 8)
							}
							took[i] = append(took[i], time.Since(began))
							if err != nil || (found.Count() == 0) != (name == "nobody") {
								b.Fatalf("%q finds %d, %v", q, found.Count(), err)
							}
						}
					}
					var p50, p99 [2]time.Duration
					for i := range took {
						slices.Sort(took[i])
						p50[i], p99[i] = took[i][len(took[i])/2], took[i][len(took[i])*99/100]
					}
					b.ReportMetric(float64(p50[0].Microseconds()), "p50-µs-at-10k")
					b.ReportMetric(float64(p50[1].Microseconds()), "p50-µs-at-1M")
					b.ReportMetric(float64(p99[1].Microseconds()), "p99-µs-at-1M")
					b.ReportMetric(float64(p50[1])/float64(p50[0]), "ratio")
					b.ReportMetric(0, "ns/op")
				})
			}
			b.Run("scan-of-1M-for-comparison", func(b *testing.B) {
				raw, err := sql.Open(map[string]string{"sqlite": "sqlite", "postgres": "pgx"}[engine], stores[1].database)
				if err != nil {
					b.Fatal(err)
				}
				defer raw.Close()
				for n := 0; b.Loop(); {
					if err := raw.QueryRowContext(b.Context(), `SELECT count(*) FROM customers WHERE name LIKE '%4321 Nkosi%'`).Scan(&n); err != nil || n == 0 {
						b.Fatal(n, err)
					}
				}
			})
		})
	}
}
