package db_test

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/db/dbtest"
	"latchkey/resale"
)

// BenchmarkNotifications measures how many notifications a second are stored with their effect, on SQLite with every commit flushed to the disk:
// when those that arrive together share a commit, and when each has its own. Both are measured in turns in the same run.
func BenchmarkNotifications(b *testing.B) {
	for _, senders := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("senders=%d", senders), func(b *testing.B) {
			grouped, each := newInbox(b, false), newInbox(b, true)
			var took [2]time.Duration
			b.ResetTimer()
			for range b.N {
				for i, in := range []*inbox{grouped, each} {
					began := time.Now()
					in.receive(b, senders)
					took[i] += time.Since(began)
				}
			}
			n := float64(b.N * notifications)
			commits, writes := grouped.log.count()
			b.ReportMetric(n/took[0].Seconds(), "grouped/s")
			b.ReportMetric(n/took[1].Seconds(), "each/s")
			b.ReportMetric(took[1].Seconds()/took[0].Seconds(), "ratio")
			b.ReportMetric(float64(writes)/float64(commits), "writes/commit")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkSteps measures what a notification that moves an entitlement's life on costs more than one that does not, on SQLite with every commit
// flushed to the disk. In a life there are a few of the former.
func BenchmarkSteps(b *testing.B) {
	for _, senders := range []int{1, 64} {
		b.Run(fmt.Sprintf("senders=%d", senders), func(b *testing.B) {
			without, with := newInbox(b, false), newInbox(b, false)
			with.steps = true
			for range 2 { // the first of each entitlement is a step in any case
				without.receive(b, 64)
				with.receive(b, 64)
			}
			var took [2]time.Duration
			b.ResetTimer()
			for range b.N {
				for i, in := range []*inbox{without, with} {
					began := time.Now()
					in.receive(b, senders)
					took[i] += time.Since(began)
				}
			}
			n := float64(b.N * notifications)
			b.ReportMetric(n/took[0].Seconds(), "without/s")
			b.ReportMetric(n/took[1].Seconds(), "with/s")
			b.ReportMetric(took[1].Seconds()/took[0].Seconds(), "ratio")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// notifications is how many are received in one turn.
const notifications = 512

// inbox is a store on which notifications change entitlements.
type inbox struct {
	*desk
	service      *resale.Service
	entitlements []resale.Entitlement
	received     atomic.Int64
	steps        bool // each notification moves the day of activation, so that every figure of the life has to follow
}

func newInbox(b *testing.B, each bool) *inbox {
	in := &inbox{}
	database := dbtest.SQLite(b)
	in.desk = openDesk(b, database)
	if each {
		in.EachAlone()
	}
	in.desk.prepare()
	hub := resale.NewHub()
	in.service = resale.NewService(resale.ServiceConfig{Store: in.Store, Hub: hub, PublicURL: "https://portal.example", Log: slog.New(slog.DiscardHandler)})
	in.write(func(ctx context.Context, tx resale.Tx) error {
		for i := range 1000 {
			e := in.entitlement(i)
			in.entitlements = append(in.entitlements, e)
			if err := tx.InsertEntitlement(ctx, e); err != nil {
				return err
			}
		}
		return nil
	})
	return in
}

// receive takes in notifications from a number of senders at once. Each of them changes the status of its entitlement.
func (in *inbox) receive(b *testing.B, senders int) {
	var all sync.WaitGroup
	left := atomic.Int64{}
	left.Store(notifications)
	for range senders {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				i := int(in.received.Add(1))
				e, round := in.entitlements[i%len(in.entitlements)], i/len(in.entitlements)
				status := []resale.Status{resale.Active, resale.Suspended}[round%2]
				activated := "null"
				if in.steps {
					activated = at(0).AddDate(0, 0, round).Format(`"2006-01-02T15:04:05Z"`)
				}
				body := fmt.Sprintf(`{"responseCode":"OK","responseMessage":"Success","parameters":null,"entitlementId":"b-%s","customerIdentifier":"cust-1",`+
					`"merchantAccountKey":"BANGO","productKey":"BangoMusic","status":%q,"dateActivated":%s,"dateLastUpdated":%q,"notificationReason":"USER_ACTIVATED"}`,
					e.ID, status, activated, at(0).Add(time.Duration(round+1)*time.Second).Format(time.RFC3339))
				if err := in.service.ReceiveNotification(context.Background(), e.NotifyToken, []byte(body)); err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// BenchmarkListPage measures a page of the list with its counts, in a small database and in a large one in turns: the pages that people look at,
// which are the first of each status and the two after it, and pages anywhere, most of which no cache has.
func BenchmarkListPage(b *testing.B) {
	for engine, fresh := range map[string]func(testing.TB) string{"sqlite": dbtest.SQLite, "postgres": dbtest.Postgres} {
		b.Run(engine, func(b *testing.B) {
			sizes := []int{10_000, 1_000_000}
			var stores []*desk
			for _, n := range sizes {
				database := fresh(b)
				load(b, database, n)
				stores = append(stores, openDesk(b, database))
			}
			measure := func(b *testing.B, start func(size int) *resale.ListPosition) {
				took := make([][]time.Duration, len(sizes))
				for b.Loop() {
					status := slices.Concat([]resale.Status{""}, loaded)[rand.IntN(len(loaded)+1)]
					for i, store := range stores {
						f := resale.EntitlementFilter{Status: status, Limit: 50, After: start(sizes[i])}
						for range 3 {
							began := time.Now()
							if _, err := store.StatusCounts(b.Context()); err != nil {
								b.Fatal(err)
							}
							rows, err := store.ListEntitlements(b.Context(), f)
							if err != nil || len(rows) != f.Limit {
								b.Fatal(len(rows), err)
							}
							took[i] = append(took[i], time.Since(began))
							last := rows[len(rows)-1]
							f.After = &resale.ListPosition{Updated: last.Updated, ID: last.ID}
						}
					}
				}
				for i := range took {
					slices.Sort(took[i])
				}
				small, large := took[0][len(took[0])/2], took[1][len(took[1])/2]
				b.ReportMetric(float64(small.Microseconds()), "p50-µs-at-10k")
				b.ReportMetric(float64(large.Microseconds()), "p50-µs-at-1M")
				b.ReportMetric(float64(large)/float64(small), "ratio")
				b.ReportMetric(0, "ns/op")
			}
			b.Run("top", func(b *testing.B) {
				measure(b, func(int) *resale.ListPosition { return nil })
			})
			b.Run("anywhere", func(b *testing.B) {
				measure(b, func(size int) *resale.ListPosition {
					place := 0.1 + 0.9*rand.Float64()
					return &resale.ListPosition{Updated: time.UnixMicro(int64(place * float64(size/3)))}
				})
			})
		})
	}
}

// BenchmarkPlots measures the plots of the first page, all plots, and a page of the list behind a bar, in a small database and in a large one in
// turns. Lives are spread over 90 days and 20 products.
func BenchmarkPlots(b *testing.B) {
	for engine, fresh := range map[string]func(testing.TB) string{"sqlite": dbtest.SQLite, "postgres": dbtest.Postgres} {
		b.Run(engine, func(b *testing.B) {
			now := at(0)
			var stores []*desk
			for _, n := range []int{10_000, 1_000_000} {
				database := fresh(b)
				load(b, database, n)
				loadLives(b, database, n, now)
				stores = append(stores, openDesk(b, database))
			}
			list := func(f resale.LifeFilter) func(*desk) error {
				f.Since, f.Before, f.Limit = resale.DayOf(now.AddDate(0, 0, -9)).Start(), resale.DayOf(now.AddDate(0, 0, -8)).Start(), 50
				return func(d *desk) error {
					rows, err := d.Lives(b.Context(), f)
					if err == nil && len(rows) == 0 {
						return fmt.Errorf("the list %s is empty", f.Kind)
					}
					return err
				}
			}
			for what, read := range map[string]func(*desk) error{
				"home":      func(d *desk) error { _, err := resale.ReadDays(b.Context(), d.Store, "", now); return err },
				"all":       func(d *desk) error { _, err := resale.ReadPlots(b.Context(), d.Store, "", now); return err },
				"product":   func(d *desk) error { _, err := resale.ReadPlots(b.Context(), d.Store, "p8", now); return err },
				"activated": list(resale.LifeFilter{Kind: resale.LifeActivated}),
				"ended":     list(resale.LifeFilter{Kind: resale.LifeEnded}),
				"reason":    list(resale.LifeFilter{Kind: resale.LifeEndedFor, Reason: "C/7"}),
				"created":   list(resale.LifeFilter{Kind: resale.LifeCreated}),
				"opened":    list(resale.LifeFilter{Kind: resale.LifeOpened}),
				"of one":    list(resale.LifeFilter{Kind: resale.LifeActive, ProductID: "p8"}),
				"waiting":   list(resale.LifeFilter{Kind: resale.LifeWaiting}),
			} {
				b.Run(what, func(b *testing.B) {
					took := make([][]time.Duration, len(stores))
					for b.Loop() {
						for i, store := range stores {
							began := time.Now()
							if err := read(store); err != nil {
								b.Fatal(err)
							}
							took[i] = append(took[i], time.Since(began))
						}
					}
					for i := range took {
						slices.Sort(took[i])
					}
					b.ReportMetric(float64(took[0][len(took[0])/2].Microseconds()), "p50-µs-at-10k")
					b.ReportMetric(float64(took[1][len(took[1])/2].Microseconds()), "p50-µs-at-1M")
					b.ReportMetric(0, "ns/op")
				})
			}
		})
	}
}

// loadLives gives the entitlements that load made their lives and figures.
func loadLives(b *testing.B, database string, n int, now time.Time) {
	b.Helper()
	pool := raw(b, database)
	for i := range 20 {
		if _, err := pool.Exec(fmt.Sprintf(`INSERT INTO products (id, merchant_id, product_key, name) VALUES ('p%[1]d', 'm', 'P%[1]d', 'P%[1]d')`, i)); err != nil {
			b.Fatal(err)
		}
	}
	const from = `FROM lives GROUP BY 1, 2, 3, 4`
	for _, s := range []string{
		// One in three is opened, half are active, one in eight has ended for one of ten reasons, one in twenty waits.
		fmt.Sprintf(`INSERT INTO lives (entitlement_id, product_id, created, opened, activated, ended, waiting, reason)
		 SELECT id, 'p' || CAST(created %% 20 AS TEXT), at, CASE WHEN created %% 3 = 0 THEN at + 60000000 + (created %% 997) * 7000000 ELSE 0 END,
		  CASE WHEN created %% 2 = 0 THEN at + 90000000 + (created %% 991) * 9000000 ELSE 0 END,
		  CASE WHEN created %% 8 = 0 THEN at + 300000000 ELSE 0 END, CASE WHEN created %% 20 = 1 THEN at ELSE 0 END,
		  CASE WHEN created %% 8 = 0 THEN 'C/' || CAST(created %% 80 / 8 AS TEXT) ELSE '' END
		 FROM (SELECT id, created, %d - created * (7776000000000 / %d) AS at FROM entitlements) AS spread`, now.UnixMicro(), n),
		`INSERT INTO tallies (what, product_id, day, detail, n) SELECT 'created', product_id, created / 86400000000, '', count(*) ` + from,
		`INSERT INTO tallies (what, product_id, day, detail, n) SELECT 'activated', product_id, activated / 86400000000, '', count(*) ` + from,
		`INSERT INTO tallies (what, product_id, day, detail, n) SELECT 'ended', product_id, ended / 86400000000, reason, count(*) ` + from,
		`INSERT INTO tallies (what, product_id, day, detail, n) SELECT 'to_open', product_id, created / 86400000000, CAST(opened % 60 AS TEXT), count(*) ` + from,
		`INSERT INTO tallies (what, product_id, day, detail, n) SELECT 'to_active', product_id, created / 86400000000, CAST(activated % 60 AS TEXT), count(*) ` + from,
		`INSERT INTO tallies (what, product_id, day, detail, n) SELECT 'from_open', product_id, created / 86400000000, CAST(ended % 60 AS TEXT), count(*) ` + from,
		`INSERT INTO tallies (what, product_id, day, detail, n) SELECT what, '', day, detail, CAST(sum(n) AS BIGINT) FROM tallies GROUP BY what, day, detail`,
		map[bool]string{true: `VACUUM ANALYZE lives`, false: `ANALYZE`}[strings.HasPrefix(database, "postgres")], // as autovacuum does it
	} {
		if _, err := pool.Exec(s); err != nil {
			b.Fatalf("%.90s: %v", s, err)
		}
	}
}

// loaded are the statuses of the entitlements that load makes.
var loaded = []resale.Status{resale.Requested, resale.Unknown, resale.Pending, resale.Active, resale.ActiveEnding}

// load fills a fresh database with n entitlements of n/10 customers.
func load(b *testing.B, database string, n int) {
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
	statements := []string{
		`INSERT INTO merchants (id, account_key, name) VALUES ('m', 'BANGO', 'Bango')`,
		`INSERT INTO products (id, merchant_id, product_key, name) VALUES ('p', 'm', 'BangoMusic', 'Bango Music')`,
		`WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < $1)
		 INSERT INTO customers (id, identifier, name, email, phone, search, search_key, created)
		 SELECT 'c' || CAST(i AS TEXT), 'customer-' || CAST(i AS TEXT), 'Zoë' || CAST(i AS TEXT) || ' Nkosi' || CAST(i AS TEXT),
		  'zoe' || CAST(i AS TEXT) || '@example.com', '+44 20 ' || CAST(1000000 + i AS TEXT), 'customer-' || CAST(i AS TEXT) || '
' || 'zoe' || CAST(i AS TEXT) || ' nkosi' || CAST(i AS TEXT) || '
' || 'zoe' || CAST(i AS TEXT) || '@example.com
+44 20 ' || CAST(1000000 + i AS TEXT) || '
4420' || CAST(1000000 + i AS TEXT), i, i FROM numbers`,
		`WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < $1)
		 INSERT INTO entitlements (id, ref, customer_id, product_id, offer_id, customer_identifier, merchant_key, product_key, offer_key, status,
		  bango_status, bango_id, message, registration_url, activation_code, date_created, date_activated, date_ended, date_suspended, date_resumed,
		  date_expiry, date_last_updated, notified_at, checked_at, notify_token, signup_token, form_token, opened, opened_at, created_by, created, updated)
		 SELECT '01890000-0000-7000-8000-' || CAST(100000000000 + i AS TEXT), 'R' || CAST(100000000 + i AS TEXT), 'c' || CAST(i % ($1 / 10) + 1 AS TEXT), 'p', '',
		  'customer', 'BANGO', 'BangoMusic', '', CASE i % 5 WHEN 0 THEN 'REQUESTED' WHEN 1 THEN 'UNKNOWN' WHEN 2 THEN 'PENDING' WHEN 3 THEN 'ACTIVE'
		  ELSE 'ACTIVE-ENDING' END, 'ACTIVE', 'b' || CAST(100000000 + i AS TEXT), '', 'https://merchant.example/register/' || CAST(i AS TEXT), '',
		  i, i, 0, 0, 0, 0, i, i, i, 'n' || CAST(100000000 + i AS TEXT), 's' || CAST(100000000 + i AS TEXT), 'f' || CAST(100000000 + i AS TEXT),
		  0, 0, 'Ana', i, i / 3 FROM numbers`,
		`INSERT INTO status_counts (status, n) SELECT status, count(*) FROM entitlements GROUP BY status`,
		`ANALYZE`,
	}
	if driver == "sqlite" {
		statements = append([]string{`PRAGMA synchronous = OFF`, `PRAGMA cache_size = -200000`}, statements...)
	}
	for _, s := range statements {
		var args []any
		if strings.Contains(s, "$1") {
			args = []any{int64(n)}
		}
		if driver == "pgx" {
			s = strings.ReplaceAll(s, "$1", "CAST($1 AS BIGINT)")
		}
		if _, err := raw.Exec(s, args...); err != nil {
			b.Fatalf("%.60s: %v", s, err)
		}
	}
}
