package resale_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/resale"
)

// take takes over what Bango says of one difference, which must be possible.
func (d *desk) take(subject string) {
	d.Helper()
	if err := d.service.TakeBangos(d.ctx, sofia, d.drift(subject).ID); err != nil {
		d.Fatalf("%s: %v", subject, err)
	}
}

// corrected returns the audit event of the correction of an entitlement.
func (d *desk) corrected(e resale.Entitlement) resale.Event {
	d.Helper()
	events, err := d.store.Events(d.ctx, e.ID, 100)
	if err != nil {
		d.Fatal(err)
	}
	for _, event := range events {
		if strings.Contains(event.Text, "corrected by reconciliation") {
			return event
		}
	}
	d.Fatalf("nothing tells of a correction: %v", events)
	return resale.Event{}
}

func TestTakeBangos(t *testing.T) {
	onEachStore(t, func(d *desk) {
		all := d.lives("status", "ended", "gone", "product", "over there")
		ending := all[1]
		before := ending
		before.Status, before.BangoStatus, before.DateEnded = resale.Cancelled, "CANCELLED", noon
		d.change(ending, before)
		product := row("product", resale.Active, 60)
		product.ProductKey = "BangoVideo"
		r := file(row("status", resale.Suspended, 60), row("ended", resale.Active, 60), product, row("over there", resale.Revoked, 60), row("new", resale.Pending, 60))
		if result := d.compare(r, false); result.Differs != 4 || result.MissingHere != 1 || result.MissingThere != 1 {
			d.Fatalf("%s", result)
		}
		d.clock.turn(time.Minute)
		for i, tt := range []struct {
			subject  string
			from, to resale.Status
		}{
			{"status", resale.Active, resale.Suspended},
			{"ended", resale.Cancelled, resale.Active}, // a person looked at it, so even an ending is taken back
			{"gone", resale.Active, resale.Refused},
			{"product", "", ""},
			{"over there", resale.Active, resale.Revoked},
		} {
			d.take(tt.subject)
			e, drift := d.now(all[i]), d.drift(tt.subject)
			if tt.to != "" && e.Status != tt.to {
				d.Errorf("%s: it is %s", tt.subject, e.Status)
			}
			event := d.corrected(e)
			if event.Kind != resale.EventCorrected || event.Actor.Name != "Sofia" || event.From != tt.from || event.To != tt.to || !event.At.Equal(noon.Add(time.Minute)) {
				d.Errorf("%s: the audit says %+v", tt.subject, event)
			}
			if drift.State != resale.DriftTaken || drift.SettledBy != "Sofia" || !drift.Settled.Equal(noon.Add(time.Minute)) || !e.Updated.Equal(drift.Settled) {
				d.Errorf("%s: %+v, updated %s", tt.subject, drift, e.Updated)
			}
		}
		if e := d.now(all[1]); !e.DateEnded.IsZero() || e.BangoStatus != "ACTIVE" {
			d.Errorf("one whose ending was taken back has ended at %s (%s)", e.DateEnded, e.BangoStatus)
		}
		if e := d.now(all[2]); !strings.Contains(e.Message, "corrected by reconciliation") || e.BangoID != "gone" {
			d.Errorf("one that Bango does not have says %q", e.Message)
		}
		if e := d.now(all[3]); e.ProductKey != "BangoVideo" || e.Status != resale.Active {
			d.Errorf("it is %s of %s", e.Status, e.ProductKey)
		}
		d.take("new")
		e, err := d.store.EntitlementByBangoID(d.ctx, "new")
		if err != nil || e.Status != resale.Pending || e.CreatedBy != "Sofia" {
			d.Fatalf("adopted %+v, %v", e, err)
		}
		if event := d.corrected(e); event.Kind != resale.EventAdopted || event.Actor.Name != "Sofia" || event.To != resale.Pending {
			d.Errorf("the audit says %+v", event)
		}
		if open := d.open(); len(open) != 0 {
			d.Errorf("still open: %v", open)
		}
		// The counts of the list follow.
		counts, err := d.store.StatusCounts(d.ctx)
		want := map[resale.Status]int64{resale.Suspended: 1, resale.Active: 2, resale.Refused: 1, resale.Revoked: 1, resale.Pending: 1}
		for status, n := range counts {
			if n != want[status] {
				d.Errorf("%d are %s, %v", n, status, err)
			}
		}
		// The next report finds nothing more to say, but that one which is gone would be listed again.
		if result := d.compare(r, false); result.Differs+result.MissingHere+result.MissingThere != 0 {
			d.Errorf("after all that: %s, %v", result, d.open())
		}
		if result := d.compare(file(row("gone", resale.Active, 60)), false); result.Differs != 1 {
			d.Errorf("one that comes back at Bango: %s", result)
		}
		if d.take("gone"); d.now(all[2]).Status != resale.Active {
			d.Errorf("it is %s", d.now(all[2]).Status)
		}
	})
}

// change stores an entitlement as something else.
func (d *desk) change(before, after resale.Entitlement) {
	d.Helper()
	err := d.store.Write(d.ctx, func(ctx context.Context, tx resale.Tx) error { return tx.UpdateEntitlement(ctx, before, after) })
	if err != nil {
		d.Fatal(err)
	}
}

func TestWhoMayTakeBangos(t *testing.T) {
	onEachStore(t, func(d *desk) {
		d.lives("a")
		d.compare(file(row("a", resale.Suspended, 60)), false)
		id := d.drift("a").ID
		for _, by := range []resale.Actor{d.victor, d.ana, resale.TheCustomer, resale.Automatic} {
			for what, err := range map[string]error{"one": d.service.TakeBangos(d.ctx, by, id), "all": d.service.TakeAllBangos(d.ctx, by)} {
				if resale.CodeOf(err) != resale.CodeForbidden {
					d.Errorf("%s takes %s: %v", by.Name, what, err)
				}
			}
		}
		if err := d.service.TakeBangos(d.ctx, sofia, "no such"); resale.CodeOf(err) != resale.CodeNotFound {
			d.Errorf("no such difference: %v", err)
		}
		if d.job(resale.JobTake).State != resale.JobIdle || len(d.open()) != 1 {
			d.Error("something happened")
		}
	})
}

// What has become known since the comparison is not undone by an old difference.
func TestWhatCannotBeTaken(t *testing.T) {
	onEachStore(t, func(d *desk) {
		all := d.lives("newer", "heard of", "another's")
		other := row("another's", resale.Suspended, 60)
		other.CustomerIdentifier = "cust-2"
		d.compare(file(row("newer", resale.Suspended, 60), other), false)
		d.clock.turn(time.Minute)
		for i, id := range []string{"newer", "heard of"} {
			d.post(resale.NotificationToken(all[i]), fmt.Sprintf(`{"entitlementId":%q,"customerIdentifier":"cust-1","merchantAccountKey":"BANGO",`+
				`"productKey":"BangoMusic","status":"ACTIVE","dateLastUpdated":"2026-03-01T12:02:00Z"}`, id))
		}
		for i, subject := range []string{"newer", "heard of", "another's"} {
			err := d.service.TakeBangos(d.ctx, sofia, d.drift(subject).ID)
			if resale.CodeOf(err) != resale.CodeConflict || !strings.Contains(err.Error(), all[i].Ref) {
				d.Errorf("%s: %v", subject, err)
			}
			if e := d.now(all[i]); e.Status != resale.Active || d.events(e)[resale.EventCorrected] != 0 || d.drift(subject).State != resale.DriftOpen {
				d.Errorf("%s: it is %s, %v", subject, e.Status, d.events(e))
			}
		}
		// A check settles it.
		d.bango.read = resale.Answer{Verdict: resale.VerdictDone, Fact: row("newer", resale.Active, 120)}
		if _, err := d.service.Check(d.ctx, d.victor, all[0].Ref); err != nil {
			d.Fatal(err)
		}
		d.step()
		if drift := d.drift("newer"); drift.State != resale.DriftGone {
			d.Errorf("after a check: %+v", drift)
		}
	})
}

// What Bango has no record of is a difference for people; nothing is deleted by itself, and a record that is back makes it go away.
func TestMissingThereByACheck(t *testing.T) {
	onEachStore(t, func(d *desk) {
		e := d.live()
		check := func(answer resale.Answer) {
			d.Helper()
			d.bango.read = answer
			if _, err := d.service.Check(d.ctx, d.ana, e.Ref); err != nil {
				d.Fatal(err)
			}
			d.step()
		}
		check(absent)
		drift := d.drift("b-1")
		if drift.Kind != resale.MissingThere || drift.State != resale.DriftOpen || drift.EntitlementID != e.ID || d.now(e).Status != resale.Active {
			d.Errorf("%+v", drift)
		}
		check(absent)
		if again := d.drift("b-1"); again.ID != drift.ID || len(d.open()) != 1 {
			d.Errorf("again: %+v", again)
		}
		check(says(resale.FromRecord, resale.Active, 0))
		if drift = d.drift("b-1"); drift.State != resale.DriftGone {
			d.Errorf("it is back: %+v", drift)
		}
		check(absent)
		if again := d.drift("b-1"); again.State != resale.DriftOpen || again.ID != drift.ID || !again.Settled.IsZero() {
			d.Errorf("and gone once more: %+v", again)
		}
		d.take("b-1")
		if e := d.now(e); e.Status != resale.Refused || e.RegistrationURL != "" {
			d.Errorf("it is %s", e.Status)
		}
	})
}

func TestTakeAllBangos(t *testing.T) {
	onEachStore(t, func(d *desk) {
		const n = 450
		ids := make([]string, n)
		rows := make([]resale.Fact, n)
		for i := range ids {
			ids[i] = fmt.Sprintf("b-%03d", i)
			rows[i] = row(ids[i], resale.Suspended, 60)
		}
		all := d.lives(ids...)
		rows[7].CustomerIdentifier = "cust-2" // cannot be taken over
		nobody := row("nobody's", resale.Active, 0)
		nobody.CustomerIdentifier = ""
		invalid := row("invalid", resale.Active, 0)
		invalid.CustomerIdentifier = "a b"
		d.compare(file(append(rows, nobody, invalid)...), false)
		if err := d.service.TakeAllBangos(d.ctx, sofia); err != nil {
			d.Fatal(err)
		}
		r := resale.NewReconciler(d.service, time.Hour)
		if more, err := r.Step(d.ctx); err != nil || !more {
			d.Fatalf("the first page: %v, %v", more, err)
		}
		if j := d.job(resale.JobTake); j.Done != 200 || j.State != resale.JobRunning || j.Actor.Name != "Sofia" {
			d.Errorf("after a page the job is %+v", j)
		}
		if err := d.service.TakeAllBangos(d.ctx, sofia); err != nil { // it runs already, and goes on where it is
			d.Error(err)
		}
		d.work(resale.NewReconciler(d.service, time.Hour))
		j := d.job(resale.JobTake)
		if j.State != resale.JobIdle || j.Done != n+2 || j.Found != n-1 || j.Message != "Looked at: 452. Taken over: 449." {
			d.Errorf("the job is %+v", j)
		}
		if open := d.open(); len(open) != 3 || open["b-007"].ID == "" || open["nobody's"].ID == "" || open["invalid"].ID == "" {
			d.Errorf("open are %v", open)
		}
		if e := d.now(all[8]); e.Status != resale.Suspended || d.corrected(e).Actor.Name != "Sofia" {
			d.Errorf("it is %s", e.Status)
		}
		if e := d.now(all[7]); e.Status != resale.Active {
			d.Errorf("it is %s", e.Status)
		}
	})
}

// Several portals at once, by people and by imports, adopt once and correct once.
func TestTakenOnce(t *testing.T) {
	onEachStore(t, func(d *desk) {
		const n = 30
		var ids []string
		var rows []resale.Fact
		for i := range n {
			ids = append(ids, fmt.Sprint("differs ", i))
			rows = append(rows, row(ids[i], resale.Suspended, 60), row(fmt.Sprint("new ", i), resale.Active, 0))
		}
		all := d.lives(ids...)
		r := file(rows...)
		r.Complete = false
		d.compare(r, false)
		var everybody sync.WaitGroup
		begin := make(chan struct{})
		open := d.open()
		for _, service := range d.portals(3) {
			everybody.Go(func() {
				<-begin
				for _, f := range rows { // all of them in the same order
					if err := service.TakeBangos(d.ctx, sofia, open[f.BangoID].ID); err != nil {
						d.Error(err)
					}
				}
			})
			everybody.Go(func() {
				<-begin
				if _, err := service.ImportReport(d.ctx, resale.Automatic, r, true); err != nil {
					d.Error(err)
				}
			})
		}
		close(begin)
		everybody.Wait()
		entitlements, err := d.store.EntitlementsOf(d.ctx, d.zoe.ID, 10*n)
		if err != nil || len(entitlements) != 2*n {
			d.Errorf("%d entitlements of %d, %v", len(entitlements), 2*n, err)
		}
		for _, e := range all {
			if times := d.events(e)[resale.EventCorrected]; times != 1 {
				d.Errorf("%s was corrected %d times", e.BangoID, times)
			}
		}
	})
}
