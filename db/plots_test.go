package db_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/db"
	"latchkey/resale"
)

// TestTheFiguresOfThePlotsAreThoseOfARecount lets entitlements live at random, by notifications, requests and by hand, and then counts anew
// what was kept: from the lives, and by the migration, which makes lives and figures of what a database has.
func TestTheFiguresOfThePlotsAreThoseOfARecount(t *testing.T) {
	each(t, func(d *desk) {
		seed := rand.Uint64()
		d.Logf("seed %d", seed)
		lives := newLives(d, rand.New(rand.NewPCG(seed, 1)))
		for range 220 {
			lives.step()
		}
		lives.whole()
		kept := dump(d, d.database)
		if len(kept["lives"]) < 20 || len(kept["tallies"]) < 50 {
			d.Fatalf("only %d lives and %d figures", len(kept["lives"]), len(kept["tallies"]))
		}
		for what, counted := range recount(d, d.database) {
			if n := kept["tallies"][what]; n != counted {
				d.Errorf("%s is kept as %s, counted %s", what, n, counted)
			}
			delete(kept["tallies"], what)
		}
		for what, n := range kept["tallies"] {
			d.Errorf("%s is kept as %s, and is nothing", what, n)
		}
		kept = dump(d, d.database)
		lives.agree()

		p, end, err := db.Migrations(d.Context(), d.database)
		if err != nil {
			d.Fatal(err)
		}
		_, err = p.DownTo(d.Context(), db.NewestSchema-1)
		if err := errors.Join(err, end()); err != nil {
			d.Fatal(err)
		}
		if err := db.Migrate(d.Context(), d.database); err != nil {
			d.Fatal(err)
		}
		for table, rows := range dump(d, d.database) {
			if !maps.Equal(rows, kept[table]) {
				for key, row := range rows {
					if kept[table][key] != row {
						d.Errorf("%s %s: kept %q, made anew %q", table, key, kept[table][key], row)
					}
				}
				for key, row := range kept[table] {
					if _, there := rows[key]; !there {
						d.Errorf("%s %s: kept %q, not made anew", table, key, row)
					}
				}
			}
		}
	})
}

// lives is a service whose clock is turned by hand, with entitlements that live at random.
type lives struct {
	*desk
	service  *resale.Service
	now      time.Time
	random   *rand.Rand
	products []resale.Product
	all      []string // ids
}

func newLives(d *desk, random *rand.Rand) *lives {
	l := &lives{desk: d, random: random, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	l.service = resale.NewService(resale.ServiceConfig{Store: d.Store, Hub: resale.NewHub(), PublicURL: "https://portal.example",
		Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return l.now }})
	d.write(func(ctx context.Context, tx resale.Tx) error {
		return tx.UpsertCatalogue(ctx, resale.CatalogueRow{MerchantKey: "BANGO", MerchantName: "Bango", ProductKey: "Other", ProductName: "Other"})
	})
	var err error
	if l.products, err = d.Products(d.Context()); err != nil || len(l.products) != 2 {
		d.Fatal(len(l.products), err)
	}
	return l
}

var ana = resale.StaffActor(resale.Staff{ID: "s-1", Name: "Ana", Role: resale.Supervisor})

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// step lets something happen to some entitlement, after a time between seconds and days.
func (l *lives) step() {
	l.Helper()
	ctx := l.Context()
	l.now = l.now.Add(pick(l.random, time.Second, 7*time.Second, 11*time.Minute, 50*time.Minute, 9*time.Hour))
	if len(l.all) == 0 || l.random.IntN(5) == 0 {
		e := l.create()
		if l.random.IntN(4) > 0 { // the customer has to register
			l.now = l.now.Add(time.Second)
			l.change(e, mustRegister)
		}
		return
	}
	e, err := l.Entitlement(ctx, pick(l.random, l.all...))
	if err != nil {
		l.Fatal(err)
	}
	switch l.random.IntN(9) {
	case 0, 8:
		if _, err := l.service.Continue(ctx, e.SignupToken, time.Millisecond); err != nil {
			l.Fatal(err)
		}
	case 1: // a person ends it; nobody answers, so it ends by a notification, if it does
		kind, reason := pick(l.random, resale.KindCancel, resale.KindRevoke), pick(l.random, resale.ReasonLists[1].Reasons...)
		if _, err := l.service.Act(ctx, ana, e.Ref, kind, reason); err != nil && resale.CodeOf(err) != resale.CodeConflict && resale.CodeOf(err) != resale.CodeInvalid {
			l.Fatal(err)
		}
	case 2: // a request is over, one way or another
		if !e.Status.Ended() { // a no that comes later does not take the reason back
			l.settle(e, pick(l.random, resale.Done, resale.Done, resale.Denied))
		}
	case 3: // by hand, whatever the rules of the facts say: endings are taken back, dates move, products change
		l.change(e, l.byHand)
	default:
		l.notify(e)
	}
}

func (l *lives) create() resale.Entitlement {
	l.Helper()
	e, err := l.service.CreateEntitlement(l.Context(), ana, resale.NewEntitlement{CustomerID: l.customer.ID, ProductID: pick(l.random, l.products...).ID,
		FormToken: resale.NewFormToken(), Anyway: true})
	if err != nil {
		l.Fatal(err)
	}
	l.all = append(l.all, e.ID)
	l.settle(e, resale.Done)
	return e
}

func mustRegister(e *resale.Entitlement) {
	e.Status, e.BangoStatus, e.BangoID, e.RegistrationURL = resale.Pending, "PENDING", "b-"+e.ID, "https://merchant.example/r"
}

// whole lets one entitlement live from the beginning to its end, so that each step is there whatever chance brought.
func (l *lives) whole() {
	l.Helper()
	e := l.create()
	l.change(e, mustRegister)
	l.now = l.now.Add(5 * time.Minute)
	if _, err := l.service.Continue(l.Context(), e.SignupToken, time.Millisecond); err != nil {
		l.Fatal(err)
	}
	l.now = l.now.Add(3 * time.Minute)
	l.change(e, func(e *resale.Entitlement) { e.Status, e.DateActivated = resale.Active, l.now })
	if _, err := l.service.Act(l.Context(), ana, e.Ref, resale.KindCancel, resale.ReasonLists[1].Reasons[0]); err != nil {
		l.Fatal(err)
	}
	l.change(e, func(e *resale.Entitlement) { e.Status, e.DateEnded = resale.Cancelled, l.now })
	l.change(e, func(e *resale.Entitlement) { e.DateEnded = l.now.AddDate(0, 0, -2) }) // Bango thinks better of its dates

	other := l.create()
	l.change(other, func(e *resale.Entitlement) { e.Status, e.DateActivated = resale.Active, l.now })
	l.change(other, func(e *resale.Entitlement) { e.DateActivated = l.now.AddDate(0, 0, -2) })
}

// settle ends the newest request about an entitlement.
func (l *lives) settle(e resale.Entitlement, state resale.RequestState) {
	l.Helper()
	requests, err := l.RequestsOf(l.Context(), e.ID, 1)
	if err != nil {
		l.Fatal(err)
	}
	for _, r := range requests {
		r.State, r.Updated = state, l.now
		l.write(func(ctx context.Context, tx resale.Tx) error { return tx.UpdateRequest(ctx, r) })
	}
}

func (l *lives) notify(e resale.Entitlement) {
	l.Helper()
	status := pick(l.random, resale.Pending, resale.Pending, resale.Active, resale.Active, resale.Suspended, resale.ActiveEnding, resale.Cancelled, resale.Revoked, resale.Failed)
	date := func(chance int) string {
		if l.random.IntN(chance) > 0 {
			return "null"
		}
		return `"` + l.now.Add(-time.Duration(l.random.IntN(50))*time.Hour).Format(time.RFC3339) + `"`
	}
	activated, ended := "null", "null"
	if status == resale.Active {
		activated = date(2)
	}
	if status.Ended() {
		ended = date(2)
	}
	body := fmt.Sprintf(`{"responseCode":"OK","responseMessage":"Success","parameters":null,"entitlementId":"b-%s","customerIdentifier":"cust-1",`+
		`"merchantAccountKey":"BANGO","productKey":%q,"status":%q,"dateActivated":%s,"dateEnded":%s,"dateLastUpdated":%q,"notificationReason":"X"}`,
		e.ID, pick(l.random, l.products...).Key, status, activated, ended, l.now.Format(time.RFC3339))
	if err := l.service.ReceiveNotification(l.Context(), e.NotifyToken, []byte(body)); err != nil {
		l.Fatal(err)
	}
}

// byHand changes an entitlement. An end of one kind never becomes one of the other.
func (l *lives) byHand(e *resale.Entitlement) {
	statuses := resale.Statuses
	if e.Status.Ended() {
		statuses = []resale.Status{e.Status, resale.Active, resale.Pending, resale.Refused}
	}
	ended := e.Status.Ended()
	e.Status, e.ProductID = pick(l.random, statuses...), pick(l.random, l.products...).ID
	if !ended {
		e.DateEnded = time.Time{}
	}
	if l.random.IntN(3) == 0 && e.Status.Ended() {
		e.DateEnded = l.now.Add(-time.Hour)
	}
	if l.random.IntN(3) == 0 && !e.DateActivated.IsZero() {
		e.DateActivated = e.DateActivated.Add(-30 * time.Hour)
	}
}

// change changes an entitlement with the event that a change of status has.
func (l *lives) change(e resale.Entitlement, f func(*resale.Entitlement)) {
	l.Helper()
	l.write(func(ctx context.Context, tx resale.Tx) error {
		before, err := tx.LockEntitlement(ctx, e.ID)
		if err != nil {
			return err
		}
		after := before
		f(&after)
		after.Updated = l.now
		event := resale.Event{ID: newID(), EntitlementID: e.ID, CustomerID: e.CustomerID, At: l.now, Actor: ana, Kind: resale.EventCorrected}
		if after.Status != before.Status {
			event.From, event.To = before.Status, after.Status
		}
		return errors.Join(tx.UpdateEntitlement(ctx, before, after), tx.AddEvent(ctx, event))
	})
}

// agree checks that every figure is the length of the list behind it, for all products and for one.
func (l *lives) agree() {
	l.Helper()
	ctx := l.Context()
	for _, product := range []string{"", l.products[0].ID} {
		p, err := resale.ReadPlots(ctx, l.Store, product, l.now)
		if err != nil {
			l.Fatal(err)
		}
		length := func(f resale.LifeFilter) (n int64) {
			l.Helper()
			f.ProductID, f.Limit = product, 3
			seen := map[string]bool{}
			for {
				rows, err := l.Lives(ctx, f)
				if err != nil {
					l.Fatal(err)
				}
				for _, row := range rows {
					if seen[row.ID] || row.At.Before(f.Since) || product != "" && row.ProductID != product {
						l.Errorf("%s is in the list %s of %s to %s again, or does not belong there", row.Ref, f.Kind, f.Since, f.Before)
					}
					seen[row.ID] = true
				}
				if n += int64(len(rows)); len(rows) < f.Limit {
					return n
				}
				f.After = &resale.ListPosition{Updated: rows[len(rows)-1].At, ID: rows[len(rows)-1].ID}
			}
		}
		same := func(what string, figure int64, f resale.LifeFilter) {
			l.Helper()
			if n := length(f); n != figure {
				l.Errorf("%s: the figure is %d, the list has %d (product %q)", what, figure, n, product)
			}
		}
		first, after := p.First.Start(), (p.Last + 1).Start()
		for _, day := range p.Days {
			same(fmt.Sprint("activated on ", day.Day), day.Activated, resale.LifeFilter{Kind: resale.LifeActivated, Since: day.Day.Start(), Before: (day.Day + 1).Start()})
			same(fmt.Sprint("ended on ", day.Day), day.Ended, resale.LifeFilter{Kind: resale.LifeEnded, Since: day.Day.Start(), Before: (day.Day + 1).Start()})
		}
		same("created", p.Created, resale.LifeFilter{Kind: resale.LifeCreated, Since: first, Before: after})
		same("opened", p.Opened, resale.LifeFilter{Kind: resale.LifeOpened, Since: first, Before: after})
		same("active", p.Active, resale.LifeFilter{Kind: resale.LifeActive, Since: first, Before: after})
		for _, r := range p.Reasons {
			same("for "+r.Reason, r.N, resale.LifeFilter{Kind: resale.LifeEndedFor, Reason: r.Reason, Since: first, Before: after})
		}
		waiting := int64(0)
		for _, w := range p.Waiting {
			same(fmt.Sprint("waiting since ", w.Since), w.N, resale.LifeFilter{Kind: resale.LifeWaiting, Since: w.Since, Before: w.Before})
			waiting += w.N
		}
		counts, err := l.StatusCounts(ctx)
		if err != nil || product == "" && waiting != counts[resale.Pending] {
			l.Errorf("%d wait, %d are PENDING, %v", waiting, counts[resale.Pending], err)
		}
		if product == "" && (!slices.ContainsFunc(p.Reasons, func(r resale.ReasonFigures) bool { return r.Reason != "" }) || p.Opened == 0 || p.Direct == p.Active || p.ToActive.Median == 0) {
			l.Errorf("there is little to see: %+v", p)
		}
	}
}

func raw(t testing.TB, database string) *sql.DB {
	t.Helper()
	driver := "sqlite"
	if strings.HasPrefix(database, "postgres") {
		driver = "pgx"
	}
	pool, err := sql.Open(driver, database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pool.Close() })
	return pool
}

// dump returns the rows of both tables by their keys; figures of 0 are none.
func dump(t testing.TB, database string) map[string]map[string]string {
	t.Helper()
	tables := map[string]map[string]string{}
	for table, query := range map[string]string{
		"lives": "SELECT entitlement_id, product_id || ' created ' || created || ' opened ' || opened || ' activated ' || activated || ' ended ' || ended || " +
			"' waiting ' || waiting || ' for ' || reason FROM lives",
		"tallies": "SELECT what || ' ' || product_id || ' ' || day || ' ' || detail, CAST(n AS TEXT) FROM tallies WHERE n <> 0",
	} {
		rows, err := raw(t, database).Query(query)
		if err != nil {
			t.Fatal(err)
		}
		tables[table] = map[string]string{}
		for rows.Next() {
			var key, row string
			if err := rows.Scan(&key, &row); err != nil {
				t.Fatal(err)
			}
			tables[table][key] = row
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return tables
}

// recount counts the lives.
func recount(t testing.TB, database string) map[string]string {
	t.Helper()
	rows, err := raw(t, database).Query("SELECT product_id, created, opened, activated, ended, reason FROM lives")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	counted := map[string]int{}
	for rows.Next() {
		var l resale.Life
		var created, opened, activated, ended int64
		if err := rows.Scan(&l.ProductID, &created, &opened, &activated, &ended, &l.Reason); err != nil {
			t.Fatal(err)
		}
		for to, n := range map[*time.Time]int64{&l.Created: created, &l.Opened: opened, &l.Activated: activated, &l.Ended: ended} {
			if n != 0 {
				*to = time.UnixMicro(n).UTC()
			}
		}
		for _, one := range l.Tallies() {
			for _, product := range []string{one.ProductID, ""} {
				counted[fmt.Sprintf("%s %s %d %s", one.Step, product, one.Day, one.Detail)]++
			}
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	text := map[string]string{}
	for _, key := range slices.Collect(maps.Keys(counted)) {
		text[key] = fmt.Sprint(counted[key])
	}
	return text
}
