package db_test

import (
	"database/sql"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/db/dbtest"
	"latchkey/resale"
)

// filters are what BenchmarkFilteredPage asks for, with what makes each hard.
var filters = []struct{ name, query string }{
	{"status", "status=ACTIVE"},
	{"two-statuses", "status=PENDING&status=UNKNOWN"},
	{"rare-product", "product=Rare"},
	{"rare-product-and-status", "product=Rare&status=ACTIVE"},
	{"half-the-products", "product=Half"},
	{"common-but-never-together", "product=Half&status=ACTIVE-ENDING"}, // nothing is found, so that all is looked at that may be
	{"never", "opened=yes"},
	{"never-in-a-merchant", "merchant=BANGO&by=Nobody"},
	{"customer", "q=customer+7777"},
	{"rare-reason", "reason=ACTIVATION_ROLLBACK%2FFRAUD"},
	{"common-reason", "reason=REVOKED%2FOTHER"},
	{"common-reason-and-status", "reason=REVOKED%2FOTHER&status=REQUESTED"},
	{"old", "older=2025-01-01"},
	{"everything", "status=ACTIVE&merchant=BANGO&product=Half&older=1h&opened=no&by=Ana&reason=REVOKED"},
}

// BenchmarkFilteredPage measures the first page of filtered lists, in a small database and in a large one in turns.
func BenchmarkFilteredPage(b *testing.B) {
	for engine, fresh := range map[string]func(testing.TB) string{"sqlite": dbtest.SQLite, "postgres": dbtest.Postgres} {
		b.Run(engine, func(b *testing.B) {
			var stores []*desk
			for _, n := range []int{10_000, 1_000_000} {
				database := fresh(b)
				load(b, database, n)
				vary(b, database, n)
				stores = append(stores, openDesk(b, database))
			}
			for _, filter := range filters {
				f, err := resale.ParseQuery(filter.query)
				if err != nil {
					b.Fatal(err)
				}
				f.Limit = 50
				b.Run(filter.name, func(b *testing.B) {
					took := make([][]time.Duration, len(stores))
					found := 0
					for b.Loop() {
						for i, store := range stores {
							began := time.Now()
							page, err := store.PageEntitlements(b.Context(), f)
							if err != nil {
								b.Fatal(err)
							}
							took[i] = append(took[i], time.Since(began))
							found = len(page.Rows)
						}
					}
					for i := range took {
						slices.Sort(took[i])
					}
					small, large := took[0][len(took[0])/2], took[1][len(took[1])/2]
					b.ReportMetric(float64(small.Microseconds()), "p50-µs-at-10k")
					b.ReportMetric(float64(large.Microseconds()), "p50-µs-at-1M")
					b.ReportMetric(float64(took[1][len(took[1])-1].Microseconds()), "max-µs-at-1M")
					b.ReportMetric(float64(large)/float64(small), "ratio")
					b.ReportMetric(float64(found), "rows")
					b.ReportMetric(0, "ns/op")
				})
			}
			b.Run("walk", func(b *testing.B) { // a file of what is rare, from end to end
				f, err := resale.ParseQuery("product=Half&status=ACTIVE-ENDING")
				if err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					for after, more := "", true; more; more = after != "" {
						if _, after, err = stores[1].WalkEntitlements(b.Context(), f, after); err != nil {
							b.Fatal(err)
						}
					}
				}
			})
		})
	}
}

// vary gives what load made more than one product, and reasons.
func vary(b *testing.B, database string, n int) {
	b.Helper()
	driver := "sqlite"
	if strings.HasPrefix(database, "postgres") {
		driver = "pgx"
	}
	raw, err := sql.Open(driver, database)
	if err != nil {
		b.Fatal(err)
	}
	defer raw.Close()
	raw.SetMaxOpenConns(1)
	const number = "CAST(substr(ref, 2) AS BIGINT)"
	for _, s := range []string{
		`INSERT INTO products (id, merchant_id, product_key, name) VALUES ('h', 'm', 'Half', 'Half of it'), ('r', 'm', 'Rare', 'Rare')`,
		`UPDATE entitlements SET product_id = 'h', product_key = 'Half' WHERE ` + number + ` % 5 <> 4 AND ` + number + ` % 2 = 0`,
		`UPDATE entitlements SET product_id = 'r', product_key = 'Rare' WHERE ` + number + ` % 1000 = 3 AND ` + number + ` < 100010000`,
		`INSERT INTO requests (id, entitlement_id, kind, state, actor_kind, actor_id, actor_name, reason_category, reason_code, reason_description, attempts,
		  not_before, leased_until, message, created, updated, due)
		 SELECT 'q' || id, id, 'cancel', 'done', 'staff', '', 'Ana', CASE WHEN ` + number + ` % 1000 = 3 AND ` + number + ` < 100010000
		  THEN 'ACTIVATION_ROLLBACK' ELSE 'REVOKED' END, CASE WHEN ` + number + ` % 1000 = 3 AND ` + number + ` < 100010000 THEN 'FRAUD' ELSE 'OTHER' END,
		  '', 1, 0, 0, '', created, updated, 9223372036854775807 FROM entitlements WHERE ` + number + ` % 5 = 3`,
		`ANALYZE`,
	} {
		if _, err := raw.Exec(s); err != nil {
			b.Fatalf("%.60s: %v", s, err)
		}
	}
}
