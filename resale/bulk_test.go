package resale_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"latchkey/db"
	"latchkey/db/dbtest"
	"latchkey/resale"
)

// bulkDesk is a desk with many customers, of whom each has one entitlement, and a Bango that does what it is asked.
type bulkDesk struct {
	*desk
	sofia  resale.Actor
	runner *resale.BulkRunner
	bango  *obedientBango
	of     []resale.Entitlement
}

// obedientBango does what it is asked, and counts how often it was asked for each entitlement.
type obedientBango struct {
	*fakeBango
	desk  *desk
	asked map[string]int
	says  func(bangoID string) *resale.Answer // in place of obedience
}

func (b *obedientBango) Act(_ context.Context, _ string, kind resale.RequestKind, bangoID string, _ resale.Reason) resale.Answer {
	b.asked[bangoID]++
	status := map[resale.RequestKind]resale.Status{resale.KindSuspend: resale.Suspended, resale.KindResume: resale.Active,
		resale.KindCancel: resale.Cancelled, resale.KindRevoke: resale.Revoked}[kind]
	return b.answer(bangoID, status)
}

func (b *obedientBango) Update(_ context.Context, _, bangoID string, _ resale.Terms, _ string) resale.Answer {
	b.asked[bangoID]++
	return b.answer(bangoID, resale.Active)
}

func (b *obedientBango) Read(_ context.Context, bangoID string) resale.Answer {
	b.asked[bangoID]++
	return b.answer(bangoID, resale.Active)
}

func (b *obedientBango) answer(bangoID string, status resale.Status) resale.Answer {
	if b.says != nil {
		if a := b.says(bangoID); a != nil {
			a.Evidence.At = b.desk.clock.now()
			return *a
		}
	}
	at := b.desk.clock.now()
	return resale.Answer{Verdict: resale.VerdictDone, Evidence: resale.Evidence{At: at}, Fact: resale.Fact{Source: resale.FromReply, BangoID: bangoID,
		Status: string(status), CustomerIdentifier: "c" + bangoID, MerchantKey: "BANGO", ProductKey: "BangoMusic", DateLastUpdated: at}}
}

func newBulkDesk(d *desk, perMinute, entitlements int) *bulkDesk {
	d.Helper()
	b := &bulkDesk{desk: d, sofia: resale.StaffActor(resale.Staff{ID: "s-3", Name: "Sofia", Role: resale.Supervisor})}
	b.bango = &obedientBango{fakeBango: d.bango, desk: d, asked: map[string]int{}}
	d.sender = resale.NewSender(d.service, b.bango, 1, 10*time.Second)
	b.runner = resale.NewBulkRunner(d.service, perMinute)
	var ids []string
	for i := range entitlements {
		ids = append(ids, fmt.Sprintf("b-%d", i))
	}
	b.of = b.have(resale.Active, ids...)
	return b
}

// has gives a customer of their own an entitlement that has the status and Bango's id.
func (b *bulkDesk) has(bangoID string, status resale.Status) resale.Entitlement {
	b.Helper()
	return b.have(status, bangoID)[0]
}

// have is has for many at once.
func (b *bulkDesk) have(status resale.Status, bangoIDs ...string) (entitlements []resale.Entitlement) {
	b.Helper()
	err := b.store.Write(b.ctx, func(ctx context.Context, tx resale.Tx) error {
		entitlements = nil
		for _, id := range bangoIDs {
			c := resale.Customer{ID: uuid.NewString(), Identifier: "c" + id, Created: noon}
			if err := tx.InsertCustomer(ctx, c); err != nil {
				return err
			}
			e, err := b.gives(ctx, tx, c, id, status)
			if err != nil {
				return err
			}
			entitlements = append(entitlements, e)
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return entitlements
}

// alsoHas gives a customer one more.
func (b *bulkDesk) alsoHas(c resale.Customer, bangoID string, status resale.Status) (e resale.Entitlement) {
	b.Helper()
	err := b.store.Write(b.ctx, func(ctx context.Context, tx resale.Tx) (err error) {
		e, err = b.gives(ctx, tx, c, bangoID, status)
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return e
}

func (b *bulkDesk) gives(ctx context.Context, tx resale.Tx, c resale.Customer, bangoID string, status resale.Status) (resale.Entitlement, error) {
	at := b.clock.now()
	e := resale.Entitlement{ID: uuid.NewString(), Ref: resale.NewRef(), CustomerID: c.ID, ProductID: b.product.ID, CustomerIdentifier: c.Identifier,
		MerchantKey: "BANGO", ProductKey: b.product.Key, Status: status, BangoStatus: string(status), BangoID: bangoID, NotifyToken: resale.NewFormToken(),
		SignupToken: resale.NewFormToken(), FormToken: resale.NewFormToken(), Created: at, Updated: at}
	return e, tx.InsertEntitlement(ctx, e)
}

func (b *bulkDesk) becomes(e resale.Entitlement, f func(*resale.Entitlement)) resale.Entitlement {
	b.Helper()
	err := b.store.Write(b.ctx, func(ctx context.Context, tx resale.Tx) error {
		before, err := tx.LockEntitlement(ctx, e.ID)
		if err != nil {
			return err
		}
		e = before
		f(&e)
		return tx.UpdateEntitlement(ctx, before, e)
	})
	if err != nil {
		b.Fatal(err)
	}
	return e
}

var discard = slog.New(slog.DiscardHandler)

// fieldOf returns the field that is wrong, by an error about the input.
func fieldOf(err error) string {
	var fault *resale.Error
	if errors.As(err, &fault) && fault.Code == resale.CodeInvalid {
		return fault.Field
	}
	return ""
}

func items(inputs ...string) (items []resale.BulkItem) {
	for _, input := range inputs {
		items = append(items, resale.BulkItem{Input: input})
	}
	return items
}

func (b *bulkDesk) refs() (refs []string) {
	for _, e := range b.of {
		refs = append(refs, e.Ref)
	}
	return refs
}

// starts makes a job and takes its dry run to the end.
func (b *bulkDesk) starts(n resale.NewBulk) resale.BulkJob {
	b.Helper()
	j, err := b.service.StartBulk(b.ctx, b.sofia, n)
	if err != nil {
		b.Fatal(err)
	}
	b.steps()
	return b.job(j)
}

// steps takes every step that there is to take without the clock turning.
func (b *bulkDesk) steps() {
	b.Helper()
	for range 1000 {
		more, err := b.runner.Step(b.ctx)
		if err != nil {
			b.Fatal(err)
		}
		if !more {
			return
		}
	}
	b.Fatal("the runner never comes to rest")
}

// send makes every attempt that is due.
func (b *bulkDesk) send() {
	b.Helper()
	for {
		ok, err := b.sender.Step(b.ctx)
		if err != nil {
			b.Fatal(err)
		}
		if !ok {
			return
		}
	}
}

// runs lets a job run to its end, second by second, at most so many.
func (b *bulkDesk) runs(j resale.BulkJob, seconds int) resale.BulkJob {
	b.Helper()
	for range seconds {
		b.steps()
		b.send()
		if j = b.job(j); j.State == resale.BulkFinished {
			return j
		}
		b.clock.turn(time.Second)
	}
	b.Fatalf("it is %s after %d seconds: %+v", j.State, seconds, j.Counts)
	return j
}

func (b *bulkDesk) job(j resale.BulkJob) resale.BulkJob {
	b.Helper()
	j, err := b.store.BulkJob(b.ctx, j.ID)
	if err != nil {
		b.Fatal(err)
	}
	return j
}

func (b *bulkDesk) confirm(j resale.BulkJob, typed string) {
	b.Helper()
	if err := b.service.ConfirmBulk(b.ctx, b.sofia, j.ID, typed); err != nil {
		b.Fatal(err)
	}
}

func (b *bulkDesk) rows(j resale.BulkJob) []resale.BulkRow {
	b.Helper()
	rows, err := b.store.BulkRows(b.ctx, resale.BulkFilter{JobID: j.ID, Limit: 100_000})
	if err != nil {
		b.Fatal(err)
	}
	return rows
}

// eventsOf returns the kinds of the job's own events, oldest first.
func (b *bulkDesk) eventsOf(j resale.BulkJob) (kinds []resale.EventKind) {
	b.Helper()
	events, err := b.store.BulkEvents(b.ctx, j.ID, 100)
	if err != nil {
		b.Fatal(err)
	}
	for _, e := range slices.Backward(events) {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

func TestBulkVerdicts(t *testing.T) {
	onEachStore(t, func(d *desk) {
		b := newBulkDesk(d, 240, 1)
		pending := b.has("b-p", resale.Pending)
		b.has("b-s", resale.Suspended)
		b.has("b-e", resale.Cancelled)
		many, err := b.service.AddCustomer(b.ctx, b.ana, resale.Customer{Identifier: "many"})
		if err != nil {
			t.Fatal(err)
		}
		first, second := b.alsoHas(many, "b-m1", resale.Active), b.alsoHas(many, "b-m2", resale.Active)
		once := b.has("b-once", resale.Active)
		b.alsoHas(resale.Customer{ID: once.CustomerID, Identifier: once.CustomerIdentifier}, "b-over", resale.Revoked)
		b.becomes(second, func(e *resale.Entitlement) { e.BangoID = first.Ref })
		if _, err := b.service.AddCustomer(b.ctx, b.ana, resale.Customer{Identifier: "none"}); err != nil {
			t.Fatal(err)
		}
		busy := b.has("b-busy", resale.Active)
		if _, err := b.service.Act(b.ctx, b.ana, busy.Ref, resale.KindSuspend, resale.Reason{}); err != nil {
			t.Fatal(err)
		}
		want := []struct {
			input   string
			verdict resale.BulkVerdict
			why     string
		}{
			{strings.ToLower(strings.ReplaceAll(b.of[0].Ref, "-", "")), resale.WillChange, ""},
			{"b-s", resale.AlreadySo, "SUSPENDED already"},
			{pending.Ref, resale.NotAllowed, "only once it is active"},
			{"cb-e", resale.NotAllowed, "it has ended"},
			{"nobody", resale.NotKnown, "nothing has this"},
			{"none", resale.NotKnown, "no entitlement"},
			{"many", resale.NotKnown, first.Ref},
			{first.Ref, resale.NotKnown, "more than one"}, // it is another's id at Bango, too
			{"cb-once", resale.WillChange, ""},            // its other entitlement has ended
			{"b-0", resale.Twice, "row 1"},
			{"b-busy", resale.NotAllowed, "under way"},
			{"b-s", resale.Twice, "row 2"},
		}
		var inputs []string
		for _, w := range want {
			inputs = append(inputs, w.input)
		}
		j := b.starts(resale.NewBulk{Kind: resale.KindSuspend, Items: items(inputs...), Source: "pasted"})
		rows := b.rows(j)
		if len(rows) != len(want) {
			t.Fatalf("%d rows", len(rows))
		}
		for i, w := range want {
			if rows[i].Verdict != w.verdict || !strings.Contains(rows[i].Why, w.why) || rows[i].Input != w.input || rows[i].N != int64(i+1) {
				t.Errorf("%q is %s (%s); want %s (%s)", w.input, rows[i].Verdict, rows[i].Why, w.verdict, w.why)
			}
		}
		if c := j.Counts; j.State != resale.BulkReady || c.Rows != 12 || c.Change != 2 || c.Already != 1 || c.NotAllowed != 3 || c.Unknown != 4 || c.Twice != 2 || c.Todo != 2 {
			t.Errorf("%s, %+v", j.State, c)
		}
		for _, v := range resale.BulkVerdicts {
			page, err := b.store.BulkRows(b.ctx, resale.BulkFilter{JobID: j.ID, Verdict: v, Limit: 100})
			if err != nil || int64(len(page)) != j.Counts.Of(v) {
				t.Errorf("%d rows are %s, counted %d, %v", len(page), v, j.Counts.Of(v), err)
			}
		}
		if len(b.bango.asked) > 0 {
			t.Errorf("the dry run asked Bango: %v", b.bango.asked)
		}
	})
}

// The dry run may take many steps, a view of the list is frozen as the rows that it has, and the number confirms.
func TestBulkRunsExactlyTheFrozenSet(t *testing.T) {
	onEachStore(t, func(d *desk) {
		b := newBulkDesk(d, 6000, 230)
		j, err := b.service.StartBulk(b.ctx, b.sofia, resale.NewBulk{Kind: resale.KindRevoke, Reason: resale.Reason{Category: "REVOKED", Code: "OTHER", Description: "closing down"},
			View: &resale.EntitlementFilter{Status: resale.Active}, Source: "the list: ACTIVE"})
		if err != nil {
			t.Fatal(err)
		}
		b.steps()
		if j = b.job(j); j.Counts.Rows != 230 || j.Counts.Change != 230 {
			t.Fatalf("%s, %+v", j.State, j.Counts)
		}
		late := b.has("b-late", resale.Active) // matches, but was not there
		b.becomes(b.of[7], func(e *resale.Entitlement) { e.Status = resale.Suspended })
		b.becomes(b.of[8], func(e *resale.Entitlement) { e.Status = resale.Revoked })
		if _, err := b.service.Act(b.ctx, b.ana, b.of[9].Ref, resale.KindSuspend, resale.Reason{}); err != nil {
			t.Fatal(err)
		}
		for typed, field := range map[string]string{"229": "count", "": "count", "all": "count"} {
			if err := b.service.ConfirmBulk(b.ctx, b.sofia, j.ID, typed); fieldOf(err) != field {
				t.Errorf("%q: %v", typed, err)
			}
		}
		b.steps()
		if len(b.bango.asked) > 0 {
			t.Fatal("Bango was asked before anybody confirmed")
		}
		b.confirm(j, " 230 ")
		b.confirm(j, "230")                                                           // a second click
		if _, err := b.runner.Step(b.ctx); err != nil || b.job(j).Counts.Asked == 0 { // before the suspend of another is sent
			t.Fatal(err)
		}
		j = b.runs(j, 30)
		if c := j.Counts; c.Done != 227 || c.Skipped != 3 || c.Todo+c.Asked+c.Refused+c.Manual+c.Stopped != 0 {
			t.Errorf("%+v", c)
		}
		for i, e := range b.of {
			want := map[int]int{7: 0, 8: 0, 9: 1}
			times, changed := want[i]
			if !changed {
				times = 1
			}
			if got := b.bango.asked[fmt.Sprintf("b-%d", i)]; got != times {
				t.Errorf("Bango was asked %d times for number %d, want %d", got, i, times)
			}
			if status := b.now(e).Status; !changed && status != resale.Revoked {
				t.Errorf("number %d is %s", i, status)
			}
		}
		if b.bango.asked["b-late"] != 0 || b.now(late).Status != resale.Active {
			t.Error("an entitlement that was not in the set was asked for")
		}
		for _, row := range b.rows(j) {
			// Whether the colleague's suspend was sent before the turn of number 9 or not.
			said := map[string]string{b.of[7].ID: "It was ACTIVE in the dry run and is SUSPENDED now. Nothing was asked", b.of[8].ID: "Nothing was left to do", b.of[9].ID: "Nothing was asked"}[row.EntitlementID]
			if said != "" && (row.Outcome() != "skipped" || !strings.Contains(row.Says(), said)) {
				t.Errorf("row %d is %s: %s", row.N, row.Outcome(), row.Says())
			}
			if said == "" && (row.Outcome() != "done" || row.RequestID == "" || row.Settled.IsZero()) {
				t.Errorf("row %d is %s, %q", row.N, row.Outcome(), row.RequestID)
			}
		}
		events, err := b.store.Events(b.ctx, b.of[0].ID, 10)
		if err != nil || !slices.ContainsFunc(events, func(e resale.Event) bool {
			return e.Actor.Name == "Sofia" && e.Text == "asked Bango to revoke it, in bulk job 1 (REVOKED / OTHER: closing down)"
		}) {
			t.Errorf("the timeline does not tell of the job: %v, %v", events, err)
		}
		if kinds := b.eventsOf(j); !slices.Equal(kinds, []resale.EventKind{resale.EventBulkMade, resale.EventBulkJudged, resale.EventBulkConfirmed, resale.EventBulkFinished}) {
			t.Errorf("%v", kinds)
		}
	})
}

func TestBulkPauseResumeAndCancel(t *testing.T) {
	onEachStore(t, func(d *desk) {
		b := newBulkDesk(d, 120, 12)
		j := b.starts(resale.NewBulk{Kind: resale.KindSuspend, Items: items(b.refs()...), Source: "pasted"})
		for _, err := range []error{b.service.PauseBulk(b.ctx, b.sofia, j.ID), b.service.ResumeBulk(b.ctx, b.sofia, j.ID)} {
			if resale.CodeOf(err) != resale.CodeConflict {
				t.Errorf("a job that does not run: %v", err)
			}
		}
		b.confirm(j, "12")
		b.steps()
		if err := b.service.PauseBulk(b.ctx, b.sofia, j.ID); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			b.clock.turn(time.Second)
			b.steps()
			b.send()
		}
		b.steps()
		if j = b.job(j); j.State != resale.BulkPaused || j.Counts.Done != 2 || j.Counts.Todo != 10 || len(b.bango.asked) != 2 {
			t.Fatalf("paused: %s, %+v, asked for %d", j.State, j.Counts, len(b.bango.asked))
		}
		if err := b.service.ResumeBulk(b.ctx, b.sofia, j.ID); err != nil {
			t.Fatal(err)
		}
		b.steps()
		b.send()
		if err := b.service.CancelBulk(b.ctx, b.sofia, j.ID); err != nil {
			t.Fatal(err)
		}
		j = b.runs(j, 3)
		if c := j.Counts; c.Done+c.Stopped != 12 || c.Stopped < 8 || c.Done != int64(len(b.bango.asked)) {
			t.Errorf("%+v, asked for %d", c, len(b.bango.asked))
		}
		if kinds := b.eventsOf(j); !slices.Equal(kinds[2:], []resale.EventKind{resale.EventBulkConfirmed, resale.EventBulkPaused, resale.EventBulkResumed,
			resale.EventBulkStopped, resale.EventBulkFinished}) {
			t.Errorf("%v", kinds)
		}

		discarded := b.starts(resale.NewBulk{Kind: resale.KindResume, Items: items(b.refs()...), Source: "pasted"})
		if err := b.service.CancelBulk(b.ctx, b.sofia, discarded.ID); err != nil {
			t.Fatal(err)
		}
		if err := b.service.ConfirmBulk(b.ctx, b.sofia, discarded.ID, fmt.Sprint(discarded.Counts.Change)); resale.CodeOf(err) != resale.CodeConflict {
			t.Errorf("a discarded job was confirmed: %v", err)
		}
	})
}

// A job goes no faster than it may, keeps few requests due at once whatever Bango does, and lets nobody else wait.
func TestBulkIsThrottled(t *testing.T) {
	onSQLite(t, func(d *desk) {
		b := newBulkDesk(d, 120, 20)
		j := b.starts(resale.NewBulk{Kind: resale.KindSuspend, Items: items(b.refs()[:19]...), Source: "pasted"})
		b.confirm(j, "19")
		for second := range 5 {
			b.steps()
			b.send()
			b.clock.turn(500 * time.Millisecond)
			b.send() // what has its time in the second half
			b.clock.turn(500 * time.Millisecond)
			if n := len(b.bango.asked); n != 2*(second+1) {
				t.Fatalf("Bango was asked for %d in %d seconds at 120 a minute", n, second+1)
			}
		}
		// Nobody sends: no more than a few wait, however long it takes.
		for range 60 {
			b.steps()
			b.clock.turn(time.Second)
		}
		if j = b.job(j); j.Counts.Asked != 4 {
			t.Errorf("%d are due at once", j.Counts.Asked)
		}
		// The line is held: nothing more is stored, and what was goes on by itself.
		b.send()
		b.steps()
		err := b.store.Write(b.ctx, func(ctx context.Context, tx resale.Tx) error {
			return tx.SetLine(ctx, resale.Line{State: resale.LineDown, Since: b.clock.now(), NextTry: b.clock.now().Add(time.Hour)})
		})
		if err != nil {
			t.Fatal(err)
		}
		before := b.job(j).Counts
		for range 10 {
			b.clock.turn(time.Second)
			b.steps()
		}
		if after := b.job(j).Counts; after.Todo != before.Todo {
			t.Errorf("while the line was down, %d more were asked", before.Todo-after.Todo)
		}
	})
}

// What Bango says of a row stands with the row, and what is not known yet is not taken for an outcome.
func TestBulkRowsFollowTheirRequests(t *testing.T) {
	onSQLite(t, func(d *desk) {
		b := newBulkDesk(d, 6000, 4)
		b.bango.says = func(bangoID string) *resale.Answer {
			return map[string]*resale.Answer{"b-1": {Verdict: resale.VerdictRefused, Message: "Not with this customer"}, "b-2": {Message: "Bango did not answer."},
				"b-3": {Verdict: resale.VerdictMismatch, Message: "Bango speaks of another."}}[bangoID]
		}
		j := b.starts(resale.NewBulk{Kind: resale.KindSuspend, Items: items(b.refs()...), Source: "pasted"})
		b.confirm(j, "4")
		b.steps()
		b.clock.turn(100 * time.Millisecond)
		b.send()
		b.clock.turn(time.Second)
		b.steps()
		want := []string{"done", "refused", "unknown", "manual"}
		for i, row := range b.rows(j) {
			if row.Outcome() != want[i] {
				t.Errorf("row %d is %s, want %s", row.N, row.Outcome(), want[i])
			}
		}
		if rows := b.rows(j); rows[1].Says() != "Not with this customer" || rows[0].StatusNow != resale.Suspended || rows[0].Status != resale.Active {
			t.Errorf("%+v", rows[:2])
		}
		if j = b.job(j); j.State != resale.BulkRunning || j.Counts.Asked != 1 {
			t.Errorf("%s, %+v", j.State, j.Counts)
		}
		b.bango.says = nil
		j = b.runs(j, 100)
		if c := j.Counts; c.Done != 2 || c.Refused != 1 || c.Manual != 1 {
			t.Errorf("%+v", c)
		}
	})
}

// faultyStore loses the commit of some writes, as a process does that dies.
type faultyStore struct {
	*db.Store
	fails func() bool
}

func (s faultyStore) Write(ctx context.Context, f func(context.Context, resale.Tx) error) error {
	return s.Store.Write(ctx, func(ctx context.Context, tx resale.Tx) error {
		if err := f(ctx, tx); err != nil {
			return err
		}
		if s.fails() {
			return fmt.Errorf("the process died before the commit")
		}
		return nil
	})
}

// Two portals work on the same jobs, and each of their steps may be lost before it is committed: every row is asked for once all the same.
func TestBulkIsDoneOnceByTwoPortalsThatDie(t *testing.T) {
	onEachStore(t, func(d *desk) {
		b := newBulkDesk(d, 60_000, 60)
		var n atomic.Int64
		stores := []resale.Store{d.store, d.store}
		if strings.HasPrefix(d.address, "postgres") {
			other, err := db.Open(d.ctx, d.address, d.hub.Publish, discard)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { other.Close() })
			stores[1] = other
		}
		var runners []*resale.BulkRunner
		for _, s := range stores {
			service := resale.NewService(resale.ServiceConfig{Store: faultyStore{s.(*db.Store), func() bool { return n.Add(1)%3 == 0 }}, Hub: d.hub,
				PublicURL: "https://portal.example", Log: discard, Now: d.clock.now})
			runners = append(runners, resale.NewBulkRunner(service, 60_000))
		}
		j, err := b.service.StartBulk(b.ctx, b.sofia, resale.NewBulk{Kind: resale.KindSuspend, Items: items(append(b.refs(), b.refs()...)...), Source: "pasted"})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 200 {
			if i%2 == 0 {
				done := make(chan struct{}) // at the same time
				go func() { runners[0].Step(b.ctx); close(done) }()
				if stores[0] != stores[1] {
					runners[1].Step(b.ctx)
				}
				<-done
			} else {
				runners[1].Step(b.ctx) // an error is the death of the step
			}
			if j = b.job(j); j.State == resale.BulkReady {
				b.confirm(j, "60")
			}
			b.send()
			b.clock.turn(20 * time.Millisecond)
			if j.State == resale.BulkFinished {
				break
			}
		}
		if j.State != resale.BulkFinished || j.Counts.Done != 60 || j.Counts.Twice != 60 {
			t.Fatalf("%s, %+v", j.State, j.Counts)
		}
		for id, times := range b.bango.asked {
			if times != 1 {
				t.Errorf("Bango was asked %d times for %s", times, id)
			}
		}
		if len(b.bango.asked) != 60 {
			t.Errorf("Bango was asked for %d", len(b.bango.asked))
		}
	})
}

// hookedStore tells of the transactions of a portal: read once a job was read in one, and before its commit.
type hookedStore struct {
	*db.Store
	read, before func()
}

func (s hookedStore) Write(ctx context.Context, f func(context.Context, resale.Tx) error) error {
	return s.Store.Write(ctx, func(ctx context.Context, tx resale.Tx) error {
		if err := f(ctx, hookedTx{tx, s.read}); err != nil {
			return err
		}
		s.before()
		return nil
	})
}

type hookedTx struct {
	resale.Tx
	read func()
}

func (t hookedTx) BulkJob(ctx context.Context, id string) (resale.BulkJob, error) {
	defer t.read()
	return t.Tx.BulkJob(ctx, id)
}

// While a portal has taken a step and not committed it, another does not begin one: it would go by what is not so any more.
func TestBulkStepsOfTwoPortalsWaitForEachOther(t *testing.T) {
	d := newDesk(t, dbtest.Postgres(t))
	b := newBulkDesk(d, 6000, 3)
	j := b.starts(resale.NewBulk{Kind: resale.KindSuspend, Items: items(b.refs()...), Source: "pasted"})
	b.confirm(j, "3")
	other, err := db.Open(d.ctx, d.address, d.hub.Publish, discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Close() })
	runner := func(store *db.Store, read, before func()) *resale.BulkRunner {
		return resale.NewBulkRunner(resale.NewService(resale.ServiceConfig{Store: hookedStore{store, read, before}, Hub: d.hub,
			PublicURL: "https://portal.example", Log: discard, Now: d.clock.now}), 6000)
	}
	began, ended := make(chan struct{}), make(chan error, 1)
	second := runner(other, sync.OnceFunc(func() { close(began) }), func() {})
	first := runner(d.store, func() {}, sync.OnceFunc(func() {
		go func() { _, err := second.Step(d.ctx); ended <- err }()
		select {
		case <-began:
			t.Error("the other portal's step began before this one's was committed")
		case <-time.After(300 * time.Millisecond):
		}
	}))
	if _, err := first.Step(d.ctx); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if j = b.runs(j, 5); j.Counts.Done != 3 || len(b.bango.asked) != 3 {
		t.Errorf("%+v, asked for %d", j.Counts, len(b.bango.asked))
	}
}

func TestBulkOfChecksAndProducts(t *testing.T) {
	onSQLite(t, func(d *desk) {
		b := newBulkDesk(d, 6000, 2)
		const catalogue = "merchantAccountKey,merchantName,productKey,productName,offerKey,offerName\n" +
			"BANGO,Bango,Family,Family,,\nOTHER,Other,Books,Books,,\n"
		if _, err := b.service.ImportCatalogue(b.ctx, strings.NewReader(catalogue)); err != nil {
			t.Fatal(err)
		}
		products, err := b.store.Products(b.ctx)
		if err != nil {
			t.Fatal(err)
		}
		id := map[string]string{}
		for _, p := range products {
			id[p.Key] = p.ID
		}
		check := b.starts(resale.NewBulk{Kind: resale.KindCheck, Items: items(b.refs()...), Source: "pasted"})
		b.confirm(check, "2")
		if check = b.runs(check, 5); check.Counts.Done != 2 {
			t.Errorf("%+v", check.Counts)
		}
		b.has("b-9", resale.Active)
		for key, want := range map[string]resale.BulkVerdict{"Family": resale.WillChange, "Books": resale.NotAllowed, "BangoMusic": resale.AlreadySo} {
			j := b.starts(resale.NewBulk{Kind: resale.KindUpdate, ProductID: id[key], Items: items("b-9"), Source: "pasted"})
			if rows := b.rows(j); rows[0].Verdict != want {
				t.Errorf("%s: %s (%s)", key, rows[0].Verdict, rows[0].Why)
			}
			if want == resale.WillChange {
				b.confirm(j, "1")
				b.runs(j, 5)
				events, _ := b.store.Events(b.ctx, b.rows(j)[0].EntitlementID, 10)
				if !slices.ContainsFunc(events, func(e resale.Event) bool {
					return strings.HasPrefix(e.Text, "asked Bango to change the product to Family, in bulk job")
				}) {
					t.Errorf("%v", events)
				}
			}
		}
	})
}

// Whoever confirmed a job must still be who may: else it waits for somebody else.
func TestBulkPausesWhenItsPersonMayNotAnyMore(t *testing.T) {
	onSQLite(t, func(d *desk) {
		b := newBulkDesk(d, 6000, 2)
		person := resale.Staff{ID: "s-3", Email: "sofia@staff.example", Role: resale.Agent, Created: noon}
		if err := b.store.Write(b.ctx, func(ctx context.Context, tx resale.Tx) error { return tx.InsertStaff(ctx, person) }); err != nil {
			t.Fatal(err)
		}
		j := b.starts(resale.NewBulk{Kind: resale.KindSuspend, Items: items(b.refs()...), Source: "pasted"})
		b.confirm(j, "2")
		b.steps()
		if j = b.job(j); j.State != resale.BulkPaused || !strings.Contains(j.Message, "not a supervisor any more") {
			t.Fatalf("%s, %q", j.State, j.Message)
		}
		if err := b.service.ResumeBulk(b.ctx, resale.StaffActor(resale.Staff{ID: "s-4", Name: "Adam", Role: resale.Admin}), j.ID); err != nil {
			t.Fatal(err)
		}
		if j = b.runs(j, 5); j.Counts.Done != 2 {
			t.Errorf("%+v", j.Counts)
		}
	})
}

func TestBulkNeedsASupervisorAndSenseInTheForm(t *testing.T) {
	onSQLite(t, func(d *desk) {
		b := newBulkDesk(d, 240, 1)
		ok := resale.NewBulk{Kind: resale.KindSuspend, Items: items(b.of[0].Ref), Source: "pasted"}
		for _, by := range []resale.Actor{b.ana, b.victor, resale.Automatic} {
			if _, err := b.service.StartBulk(b.ctx, by, ok); resale.CodeOf(err) != resale.CodeForbidden {
				t.Errorf("%s: %v", by.Name, err)
			}
			for _, f := range []func(context.Context, resale.Actor, string) error{b.service.PauseBulk, b.service.ResumeBulk, b.service.CancelBulk} {
				if err := f(b.ctx, by, "x"); resale.CodeOf(err) != resale.CodeForbidden {
					t.Errorf("%s: %v", by.Name, err)
				}
			}
		}
		for field, n := range map[string]resale.NewBulk{
			"act":         {Items: ok.Items},
			"refs":        {Kind: resale.KindSuspend},
			"reason_code": {Kind: resale.KindCancel, Items: ok.Items},
			"product":     {Kind: resale.KindUpdate, Items: ok.Items},
			"file":        {Kind: resale.KindSuspend, Items: ok.Items, Source: strings.Repeat("x", 301)},
		} {
			if _, err := b.service.StartBulk(b.ctx, b.sofia, n); fieldOf(err) != field {
				t.Errorf("%s: %v", field, err)
			}
		}
		for _, n := range []resale.NewBulk{{Kind: resale.KindCreate, Items: ok.Items}, {Kind: resale.KindSuspend, Items: []resale.BulkItem{{Ask: resale.Ask{Kind: resale.KindResume}}}}} {
			if _, err := b.service.StartBulk(b.ctx, b.sofia, n); fieldOf(err) != "act" {
				t.Errorf("%v", err)
			}
		}
	})
}

func TestParseBulkText(t *testing.T) {
	items, err := resale.ParseBulkText(" K7Q4-X2MD,\tb-1\r\n\r\ncust-0007; x\u00a0y ")
	var inputs []string
	for _, i := range items {
		inputs = append(inputs, i.Input)
	}
	if err != nil || strings.Join(inputs, "|") != "K7Q4-X2MD|b-1|cust-0007|x|y" {
		t.Errorf("%q, %v", inputs, err)
	}
	for _, bad := range []string{strings.Repeat("x", 301), "a\x00b", "a\xffb", strings.Repeat("x ", resale.MaxBulkRows+1)} {
		if _, err := resale.ParseBulkText(bad); fieldOf(err) != "refs" {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
}

// Bango's own batch files are taken as they are.
func TestParseBulkFile(t *testing.T) {
	onSQLite(t, func(d *desk) {
		const endings = "action,entitlementId,reasonCategory,reasonCode,reasonDescription\r\n"
		const updates = "action,entitlementId,productKey,notificationUrl,dateExpiry,customerIdentifier,extensionData,later\n"
		for name, row := range map[string]struct{ file, want string }{
			"batch": {endings + "CANCEL,b-1,CUSTOMER_CANCELLED,OTHER,\"moved, abroad\"\r\nSUSPEND,b-2,,,\r\nresume,b-3,X,Y,\r\n",
				"b-1 cancel CUSTOMER_CANCELLED/OTHER moved, abroad|b-2 suspend / |b-3 resume / "},
			"Windows-1252":      {endings + "REVOKE,b-1,REVOKED,OTHER,Zo\xeb \x96 closed\n", "b-1 revoke REVOKED/OTHER Zoë – closed"},
			"byte order mark":   {"\ufeff" + endings + "SUSPEND,b-1,,,\n", "b-1 suspend / "},
			"wrong in a row":    {endings + "CANCEL,b-1,,,\nEXPLODE,b-2,,,\n,b-3,,,\n", "b-1  /  ! Choose a reason; Bango passes it on.|b-2  /  ! the action EXPLODE is not known|b-3  /  ! the row has no action"},
			"updates":           {updates + "UPDATE,b-1,Family,,2030-07-06T15:30:22Z,c-9,\"\"\"a\"\":\"\"b\"\"\",\n", "b-1 update / Family c-9 2030-07-06T15:30:22Z {\"a\":\"b\"}"},
			"a URL":             {updates + "UPDATE,b-1,,https://x.example,,,,\n", "b-1  /  ! where notifications go is the portal's own; leave notificationUrl empty"},
			"a column":          {updates + "UPDATE,b-1,Family,,,,,7\n", "b-1  /  ! the column later is not known here"},
			"no change":         {updates + "UPDATE,b-1,,,,,,\n", "b-1  /  ! the row changes nothing"},
			"creations":         {"action,customerIdentifier,productKey\nCREATE,c-1,BangoMusic\n", "c-1  /  ! CREATE is not done in bulk; make new entitlements from the customer's page"},
			"our own":           {"ref;customerIdentifier\nK7Q4-X2MD;c-1\n;c-2\n", "K7Q4-X2MD  / |c-2  / "},
			"guarded":           {"input,ref\n'=b-1,\n", "=b-1  / "},
			"no header":         {"b-1\nb-2,more\n\n", "b-1  / |b-2  / "},
			"an unknown header": {"subscriber\nb-1\n", "subscriber  / |b-1  / "},
		} {
			items, err := d.service.ParseBulkFile([]byte(row.file))
			var said []string
			for _, i := range items {
				s := fmt.Sprintf("%s %s %s/%s %s", i.Input, i.Ask.Kind, i.Ask.Reason.Category, i.Ask.Reason.Code, i.Ask.Reason.Description)
				if t := i.Ask.Terms; t != (resale.Terms{}) {
					s += fmt.Sprintf("%s %s %s %s", t.ProductKey, t.CustomerIdentifier, t.DateExpiry.Format(time.RFC3339), t.ExtensionData)
				}
				if i.Fault != "" {
					s += " ! " + i.Fault
				}
				said = append(said, s)
			}
			if err != nil || strings.Join(said, "|") != row.want {
				t.Errorf("%s: %q, %v", name, strings.Join(said, "|"), err)
			}
		}
		for name, file := range map[string]string{"empty": "", "header alone": endings, "broken": "ref\n\"a\n", "binary": "ref\na\x00b\n",
			"long": "ref\n" + strings.Repeat("x", 301) + "\n", "many": "ref\n" + strings.Repeat("b\n", resale.MaxBulkRows+1)} {
			if _, err := d.service.ParseBulkFile([]byte(file)); fieldOf(err) != "file" {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
