package resale_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/resale"
)

var ben = resale.StaffActor(resale.Staff{ID: "s-9", Name: "Ben", Role: resale.Agent})

// look lets the background look at what needs attention, until nothing is due.
func (d *desk) look() {
	d.Helper()
	r := resale.NewReconciler(d.service, 15*time.Minute)
	for range 100 {
		if more, err := r.Step(d.ctx); err != nil {
			d.Fatal(err)
		} else if !more {
			return
		}
	}
	d.Fatal("looking at what needs attention does not end")
}

// needs returns the lines in a state, in their order.
func (d *desk) needs(state resale.AttentionState) []resale.AttentionRow {
	d.Helper()
	rows, err := d.store.ListAttention(d.ctx, resale.AttentionFilter{State: state, Limit: 1000})
	if err != nil {
		d.Fatal(err)
	}
	return rows
}

// need returns the one line about a subject, zero for none that is open or snoozed.
func (d *desk) need(subject string) resale.AttentionRow {
	d.Helper()
	for _, row := range append(d.needs(resale.AttentionOpen), d.needs(resale.AttentionPutOff)...) {
		if row.Subject == subject {
			return row
		}
	}
	return resale.AttentionRow{}
}

// total returns the number that every page shows.
func (d *desk) total() int64 {
	d.Helper()
	counts, err := d.store.AttentionCounts(d.ctx)
	if err != nil {
		d.Fatal(err)
	}
	return counts.Total()
}

func TestWhatNeedsAttention(t *testing.T) {
	onEachStore(t, func(d *desk) {
		kinds := func(e resale.Entitlement, want resale.AttentionKind) {
			d.Helper()
			if got := d.need(e.ID).Kind; got != want {
				d.Errorf("%s: it needs attention for %q, not %q", d.now(e).Status, got, want)
			}
		}
		d.bango.create = []resale.Answer{mustRegister}
		e := d.create()
		kinds(e, "")
		d.step()
		kinds(e, "")
		d.clock.turn(59 * time.Minute)
		d.look()
		kinds(e, "")
		d.clock.turn(time.Minute)
		d.look()
		kinds(e, resale.AttentionStuck)
		if row := d.need(e.ID); !row.Since.Equal(e.Created.Add(time.Hour)) || row.Ref != e.Ref || row.CustomerName != "Zoë" || row.ProductName != "Bango Music" || row.Status != resale.Pending {
			d.Errorf("the line is %+v", row)
		}
		d.notify(e, resale.Failed, "", 60)
		kinds(e, resale.AttentionFailed)
		d.notify(e, resale.Failed, "", 60) // the same again
		d.notify(e, resale.Active, "", 30) // old news
		kinds(e, resale.AttentionFailed)
		if d.total() != 1 {
			d.Errorf("%d lines", d.total())
		}
		d.notify(e, resale.Active, "", 120)
		kinds(e, "")
		if d.total() != 0 {
			d.Errorf("%d lines", d.total())
		}
		d.bango.act = []resale.Answer{{Verdict: resale.VerdictMismatch, Message: "It is odd."}}
		d.ask(e, resale.KindSuspend, resale.Reason{})
		d.step()
		kinds(e, resale.AttentionDecide)
		d.bango.act = []resale.Answer{done}
		d.ask(e, resale.KindCancel, resale.Reason{Category: "CUSTOMER_CANCELLED", Code: "OTHER"})
		kinds(e, "") // something else was asked since: it is decided

		d.post("no-token-of-ours-0001", `{"entitlementId":"b-unknown","status":"ACTIVE"}`)
		d.post("no-token-of-ours-0001", `{"entitlementId":"b-unknown","status":"ACTIVE"}`)
		if rows := d.needs(resale.AttentionOpen); len(rows) != 1 || rows[0].Kind != resale.AttentionParked || rows[0].Message == "" {
			d.Errorf("a parked notification makes %+v", rows)
		}
		d.bango.create = []resale.Answer{refused}
		no := d.create()
		d.steps()
		kinds(no, resale.AttentionRefused)
		d.clock.turn(7 * 24 * time.Hour)
		d.look()
		kinds(no, "")
	})
}

func TestAnExpiredLinkNeedsAttention(t *testing.T) {
	onEachStore(t, func(d *desk) {
		link := mustRegister
		link.ActionExpires = noon.Add(30 * time.Minute)
		d.bango.create = []resale.Answer{link}
		e := d.create()
		d.step()
		d.look()
		if d.total() != 0 {
			d.Errorf("%+v", d.needs(resale.AttentionOpen))
		}
		d.clock.turn(30 * time.Minute)
		d.look()
		if row := d.need(e.ID); row.Kind != resale.AttentionExpired || !row.Since.Equal(link.ActionExpires) {
			d.Errorf("the line is %+v", row)
		}
		link.ActionURL, link.ActionExpires = "https://music.example/r/2", noon.Add(4*time.Hour)
		d.bango.create = []resale.Answer{link}
		d.bango.read = resale.Answer{Verdict: resale.VerdictDone, Fact: record(resale.FromRecord, resale.Pending, 0)}
		d.ask(e, resale.KindRefresh, resale.Reason{})
		d.step()
		if row := d.need(e.ID); row.Kind != "" {
			d.Errorf("with a fresh link the line is %+v", row)
		}
		d.look()
		d.clock.turn(30 * time.Minute)
		d.look()
		if row := d.need(e.ID); row.Kind != resale.AttentionStuck {
			d.Errorf("an hour after it was asked for the line is %+v", row)
		}
		d.clock.turn(4 * time.Hour)
		d.look()
		if row := d.need(e.ID); row.Kind != resale.AttentionExpired {
			d.Errorf("once the second link has expired the line is %+v", row)
		}
	})
}

func TestTheLineAndTheReconciliationNeedAttention(t *testing.T) {
	onEachStore(t, func(d *desk) {
		d.look()
		d.bango.create = []resale.Answer{{Verdict: resale.VerdictUnauthorized, Message: "No."}}
		d.create()
		d.step()
		if rows := d.needs(resale.AttentionOpen); len(rows) != 1 || rows[0].Kind != resale.AttentionLine {
			d.Errorf("while the line is barred there are %+v", rows)
		}
		d.clock.turn(2 * time.Minute)
		d.bango.create = []resale.Answer{active}
		d.step()
		if d.total() != 0 {
			d.Errorf("once it is open there are %+v", d.needs(resale.AttentionOpen))
		}
		d.clock.turn(time.Hour)
		broken := &breaks{Store: d.store}
		d.keepIn(broken)
		if _, err := resale.NewReconciler(d.service, 15*time.Minute).Step(d.ctx); err == nil {
			d.Fatal("the reconciliation does not fail")
		}
		if rows := d.needs(resale.AttentionOpen); len(rows) != 1 || rows[0].Kind != resale.AttentionMissed {
			d.Errorf("while the reconciliation fails there are %+v", rows)
		}
		broken.mended = true
		d.look()
		if d.total() != 0 {
			d.Errorf("once it has run there are %+v", d.needs(resale.AttentionOpen))
		}
	})
}

// breaks is a store in which the reconciliation fails.
type breaks struct {
	resale.Store
	mended bool
}

func (b *breaks) Job(ctx context.Context, name resale.JobName) (resale.Job, error) {
	if name == resale.JobReconcile && !b.mended {
		return resale.Job{}, fmt.Errorf("it is broken")
	}
	return b.Store.Job(ctx, name)
}

func TestALineIsLookedAfter(t *testing.T) {
	onEachStore(t, func(d *desk) {
		d.bango.create = []resale.Answer{mustRegister}
		e := d.create()
		d.step()
		d.notify(e, resale.Failed, "", 60)
		if err := d.service.TakeAttention(d.ctx, d.victor, e.ID); resale.CodeOf(err) != resale.CodeForbidden {
			d.Errorf("a viewer takes it: %v", err)
		}
		must := func(err error) {
			d.Helper()
			if err != nil {
				d.Fatal(err)
			}
		}
		must(d.service.TakeAttention(d.ctx, d.ana, e.ID))
		must(d.service.TakeAttention(d.ctx, d.ana, e.ID)) // a second click
		if err := d.service.ReleaseAttention(d.ctx, ben, e.ID); resale.CodeOf(err) != resale.CodeForbidden {
			d.Errorf("an agent releases what is a colleague's: %v", err)
		}
		must(d.service.TakeAttention(d.ctx, ben, e.ID))
		if row := d.need(e.ID); row.OwnerName != "Ben" {
			d.Errorf("it is %+v", row)
		}
		for owner, want := range map[string]int{ben.ID: 1, "": 0, d.ana.ID: 0} {
			if rows, err := d.store.ListAttention(d.ctx, resale.AttentionFilter{State: resale.AttentionOpen, Owner: &owner, Kind: resale.AttentionFailed, Limit: 9}); err != nil || len(rows) != want {
				d.Errorf("%q has %d lines, %v", owner, len(rows), err)
			}
		}
		for reason, until := range map[string]time.Time{"": noon.Add(time.Hour), "past": noon, "too far": noon.AddDate(0, 2, 0), strings.Repeat("x", 501): noon.Add(time.Hour)} {
			if err := d.service.SnoozeAttention(d.ctx, ben, e.ID, until, reason); resale.CodeOf(err) != resale.CodeInvalid {
				d.Errorf("snoozed until %s because %.20q: %v", until, reason, err)
			}
		}
		must(d.service.SnoozeAttention(d.ctx, ben, e.ID, noon.Add(time.Hour), "the merchant is looking"))
		if d.total() != 0 || len(d.needs(resale.AttentionPutOff)) != 1 {
			d.Errorf("snoozed, it is still %d", d.total())
		}
		d.notify(e, resale.Failed, "again", 60) // nothing new: it stays put off
		d.clock.turn(59 * time.Minute)
		d.look()
		if d.total() != 0 {
			d.Error("it comes back too early")
		}
		d.clock.turn(time.Minute)
		d.look()
		if row := d.need(e.ID); d.total() != 1 || row.State != resale.AttentionOpen || row.OwnerName != "Ben" || row.Reason != "" {
			d.Errorf("it came back as %+v", row)
		}
		must(d.service.SnoozeAttention(d.ctx, ben, e.ID, noon.Add(9*time.Hour), "later"))
		must(d.service.WakeAttention(d.ctx, d.ana, e.ID))
		must(d.service.SnoozeAttention(d.ctx, ben, e.ID, noon.Add(9*time.Hour), "later"))
		d.notify(e, resale.Active, "", 120)
		d.notify(e, resale.Failed, "", 180) // its status has changed: it is back before its time
		if d.total() != 1 {
			d.Error("a new failure stays put off")
		}
		must(d.service.AcknowledgeAttention(d.ctx, d.ana, e.ID, "the customer knows"))
		d.clock.turn(100 * time.Hour)
		d.look()
		if d.total() != 0 {
			d.Errorf("acknowledged, it is %+v", d.need(e.ID))
		}
		if err := d.service.WakeAttention(d.ctx, d.ana, e.ID); resale.CodeOf(err) != resale.CodeNotFound {
			d.Errorf("what is decided wakes: %v", err)
		}
		if n := d.events(e)[resale.EventAttended]; n != 7 {
			d.Errorf("the timeline has %d lines of it, not 7", n)
		}
		d.post("no-token-of-ours-0001", `{"entitlementId":"b-unknown","status":"ACTIVE"}`)
		parked := d.needs(resale.AttentionOpen)[0]
		must(d.service.TakeAttention(d.ctx, d.ana, parked.Subject))
		if err := d.service.AcknowledgeAttention(d.ctx, d.ana, parked.Subject, "so what"); resale.CodeOf(err) != resale.CodeConflict {
			d.Errorf("a parked notification is acknowledged: %v", err)
		}
	})
}

func TestCloseRequest(t *testing.T) {
	onEachStore(t, func(d *desk) {
		d.bango.create = []resale.Answer{silence}
		e := d.create()
		d.step()
		request := d.last(e)
		if err := d.service.CloseRequest(d.ctx, sofia, request.ID, "Bango has none"); resale.CodeOf(err) != resale.CodeConflict {
			d.Errorf("a request that is open is closed: %v", err)
		}
		d.clock.turn(25 * time.Hour)
		d.step()
		d.is(e, resale.Unknown, resale.Manual)
		if row := d.need(e.ID); row.Kind != resale.AttentionDecide || row.Mark != request.ID {
			d.Errorf("it needs %+v", row)
		}
		if err := d.service.CloseRequest(d.ctx, d.ana, request.ID, "Bango has none"); resale.CodeOf(err) != resale.CodeForbidden {
			d.Errorf("an agent closes it: %v", err)
		}
		if err := d.service.CloseRequest(d.ctx, sofia, request.ID, " "); resale.CodeOf(err) != resale.CodeInvalid {
			d.Errorf("closed without a reason: %v", err)
		}
		if err := d.service.CloseRequest(d.ctx, sofia, request.ID, "Bango has none"); err != nil {
			d.Fatal(err)
		}
		now := d.is(e, resale.Refused, resale.Denied)
		if !strings.Contains(now.Message, "Sofia") || !strings.Contains(now.Message, "Bango has none") || d.events(e)[resale.EventClosed] != 1 {
			d.Errorf("it says %q, %v", now.Message, d.events(e))
		}
		if err := d.service.CloseRequest(d.ctx, sofia, request.ID, "again"); resale.CodeOf(err) != resale.CodeConflict {
			d.Errorf("closed twice: %v", err)
		}
		// Bango tells of it after all: its record is read back, and wins.
		d.bango.find = resale.Answer{Verdict: resale.VerdictDone}
		d.bango.found = []resale.Fact{record(resale.FromRecord, resale.Active, 60)}
		d.notify(e, resale.Active, "", 60)
		d.step()
		if now := d.now(e); now.Status != resale.Active || now.Message != "" {
			d.Errorf("Bango's word makes it %s, %q", now.Status, now.Message)
		}
		if row := d.need(e.ID); row.Kind != "" {
			d.Errorf("it still needs %+v", row)
		}
		// What was asked later in a life leaves the status alone.
		d.bango.act = []resale.Answer{{Verdict: resale.VerdictMismatch, Message: "It is odd."}}
		d.ask(e, resale.KindSuspend, resale.Reason{})
		d.step()
		if err := d.service.CloseRequest(d.ctx, sofia, d.last(e).ID, "not done"); err != nil {
			d.Fatal(err)
		}
		if now := d.now(e); now.Status != resale.Active || now.Message != "" || d.need(e.ID).Kind != "" {
			d.Errorf("it is %s, %q, %+v", now.Status, now.Message, d.need(e.ID))
		}
	})
}

func TestBangosWordDecides(t *testing.T) {
	onEachStore(t, func(d *desk) {
		d.bango.create = []resale.Answer{silence}
		e := d.create()
		d.step()
		d.clock.turn(25 * time.Hour)
		d.step()
		d.is(e, resale.Unknown, resale.Manual)
		if _, err := d.service.Check(d.ctx, d.victor, e.Ref); err != nil {
			d.Fatal(err)
		}
		d.bango.find = resale.Answer{Verdict: resale.VerdictDone}
		found := record(resale.FromRecord, resale.Active, 60)
		found.DateCreated = e.Created
		d.bango.found = []resale.Fact{found}
		d.step()
		d.is(e, resale.Active, resale.Done)
		if row := d.need(e.ID); row.Kind != "" {
			d.Errorf("it still needs %+v", row)
		}
	})
}

// TestAttentionEqualsAScan lets anything happen in any order, and again: what is kept is what a look at everything finds.
func TestAttentionEqualsAScan(t *testing.T) {
	onEachStore(t, func(d *desk) {
		seed := uint64(time.Now().UnixNano())
		d.Logf("seed %d", seed)
		random := rand.New(rand.NewPCG(seed, 0))
		any := func(n int) bool { return random.IntN(n) == 0 }
		world := &loose{fakeBango: d.bango, random: random, now: d.clock.now}
		sender := resale.NewSender(d.service, world, 1, 10*time.Second)
		var all []resale.Entitlement
		var posted []func()
		words := []resale.Status{resale.Pending, resale.Active, resale.ActiveEnding, resale.Suspended, resale.Failed, resale.Cancelled}
		for step := range 120 {
			switch what := random.IntN(12); {
			case len(all) == 0 || what == 0 && len(all) < 12:
				all = append(all, d.create())
			case what < 5:
				e := d.now(all[random.IntN(len(all))])
				body := fmt.Sprintf(`{"entitlementId":%q,"customerIdentifier":"cust-1","merchantAccountKey":"BANGO","status":%q,"dateLastUpdated":%q}`,
					cmp.Or(e.BangoID, "b-"+e.Ref), words[random.IntN(len(words))], d.clock.now().Add(-time.Duration(random.IntN(3600))*time.Second).Format(time.RFC3339))
				token := resale.NotificationToken(e)
				if any(5) {
					token = fmt.Sprintf("no-token-of-ours-%d", step)
				}
				posted = append(posted, func() { d.post(token, body) })
				posted[len(posted)-1]()
			case what < 6 && len(posted) > 0:
				posted[random.IntN(len(posted))]()
			case what < 7:
				d.clock.turn(time.Duration(random.IntN(200)) * time.Minute)
			case what < 8:
				e := d.now(all[random.IntN(len(all))])
				kinds := []resale.RequestKind{resale.KindRefresh, resale.KindSuspend, resale.KindResume}
				_, err := d.service.Act(d.ctx, d.ana, e.Ref, kinds[random.IntN(len(kinds))], resale.Reason{})
				if err != nil && resale.CodeOf(err) != resale.CodeConflict {
					d.Fatal(err)
				}
			case what < 9:
				for _, row := range d.needs(resale.AttentionOpen) {
					if any(3) {
						d.service.SnoozeAttention(d.ctx, d.ana, row.Subject, d.clock.now().Add(time.Duration(1+random.IntN(300))*time.Minute), "later")
					}
					if any(3) && row.Kind.Decidable() {
						d.service.AcknowledgeAttention(d.ctx, d.ana, row.Subject, "known")
					}
					if any(3) && row.Kind == resale.AttentionDecide {
						d.service.CloseRequest(d.ctx, sofia, row.Mark, "not done")
					}
					if any(3) && row.Kind == resale.AttentionParked {
						d.service.Replay(d.ctx, d.ana, row.Subject)
					}
				}
			case what < 10:
				open, err := d.store.OpenDrift(d.ctx, "", 100)
				if err != nil {
					d.Fatal(err)
				}
				for _, drift := range open {
					if any(2) {
						d.service.TakeBangos(d.ctx, sofia, drift.ID)
					}
				}
			default:
				for range 5 {
					if _, err := sender.Step(d.ctx); err != nil {
						d.Fatal(err)
					}
				}
			}
			d.look()
			d.scanned(step)
			if d.Failed() {
				return
			}
		}
	})
}

// scanned compares what is kept with what a look at everything finds.
func (d *desk) scanned(step int) {
	d.Helper()
	now := d.clock.now()
	want := map[string]resale.AttentionKind{}
	entitlements, err := d.store.EntitlementsOf(d.ctx, d.zoe.ID, 1000)
	if err != nil {
		d.Fatal(err)
	}
	for _, e := range entitlements {
		requests, err := d.store.RequestsOf(d.ctx, e.ID, 1000)
		if err != nil {
			d.Fatal(err)
		}
		acts := slices.DeleteFunc(slices.Clone(requests), func(r resale.Request) bool { return r.Kind == resale.KindCheck })
		expired := e.RegistrationURL != "" && !e.RegistrationExpires.IsZero() && !e.RegistrationExpires.After(now)
		switch {
		case requests[0].State == resale.Manual || len(acts) > 0 && acts[0].State == resale.Manual:
			want[e.ID] = resale.AttentionDecide
		case e.Status == resale.Failed:
			want[e.ID] = resale.AttentionFailed
		case e.Status == resale.Unknown:
			want[e.ID] = resale.AttentionUnknown
		case e.Status == resale.Refused && now.Sub(e.Updated) < 7*24*time.Hour:
			want[e.ID] = resale.AttentionRefused
		case e.Status == resale.Pending && expired:
			want[e.ID] = resale.AttentionExpired
		case e.Status == resale.Pending && now.Sub(e.Created) >= time.Hour:
			want[e.ID] = resale.AttentionStuck
		}
	}
	notifications, err := d.store.Notifications(d.ctx, 1000)
	if err != nil {
		d.Fatal(err)
	}
	for _, n := range notifications {
		if n.State == resale.NotificationParked {
			want[n.ID] = resale.AttentionParked
		}
	}
	if open, err := d.store.DriftCount(d.ctx); err != nil {
		d.Fatal(err)
	} else if open > 0 {
		want["drift"] = resale.AttentionDrift
	}
	if d.line().State != resale.LineOpen {
		want["line"] = resale.AttentionLine
	}
	got, open := map[string]resale.AttentionKind{}, map[resale.AttentionKind]int64{}
	for _, state := range []resale.AttentionState{resale.AttentionOpen, resale.AttentionPutOff, resale.AttentionSettled} {
		for _, row := range d.needs(state) {
			got[row.Subject] = row.Kind
			if state == resale.AttentionOpen {
				open[row.Kind]++
			}
			if state == resale.AttentionPutOff && !row.Until.After(now) {
				d.Errorf("step %d: %s is put off until %s", step, row.Subject, row.Until)
			}
		}
	}
	if !maps.Equal(got, want) {
		d.Errorf("step %d: kept is %v, a scan finds %v", step, got, want)
	}
	counts, err := d.store.AttentionCounts(d.ctx)
	if err != nil {
		d.Fatal(err)
	}
	maps.DeleteFunc(counts.Open, func(_ resale.AttentionKind, n int64) bool { return n == 0 })
	if !maps.Equal(counts.Open, open) || counts.Snoozed != int64(len(d.needs(resale.AttentionPutOff))) {
		d.Errorf("step %d: counted are %v and %d snoozed, there are %v", step, counts.Open, counts.Snoozed, open)
	}
}

// loose is a Bango that answers anything.
type loose struct {
	*fakeBango
	random *rand.Rand
	now    func() time.Time
}

func (l *loose) fact(bangoID string, source resale.Source) resale.Fact {
	f := record(source, []resale.Status{resale.Pending, resale.Pending, resale.Active, resale.Suspended, resale.Failed, resale.Cancelled}[l.random.IntN(6)], 0)
	f.BangoID, f.DateCreated, f.DateLastUpdated = bangoID, l.now(), l.now().Truncate(time.Second)
	return f
}

func (l *loose) Create(_ context.Context, requestID string, o resale.Order) resale.Answer {
	a := []resale.Answer{active, mustRegister, mustRegister, silence, refused, {Verdict: resale.VerdictAction, Action: "DANCE"},
		{Verdict: resale.VerdictUnauthorized, Message: "No."}}[l.random.IntN(7)]
	if a.Fact.BangoID != "" || a.Action != "" {
		a.Fact = l.fact("b-"+requestID, resale.FromReply)
	}
	if a.Action == resale.NavigateToURL {
		a.Fact.Status = string(resale.Pending)
		if l.random.IntN(2) == 0 {
			a.ActionExpires = l.now().Add(time.Duration(l.random.IntN(90)) * time.Minute).Truncate(time.Second)
		}
	}
	a.Evidence.At, a.Evidence.HTTPStatus = l.now(), 200
	return a
}

func (l *loose) Refresh(_ context.Context, _, bangoID string, _ resale.Order) resale.Answer {
	a := mustRegister
	a.Fact = record(resale.FromReply, resale.Pending, 0)
	a.Fact.BangoID, a.ActionURL, a.ActionExpires = bangoID, fmt.Sprint("https://music.example/r/", l.random.Int()), l.now().Add(time.Hour)
	a.Evidence.At = l.now()
	return a
}

func (l *loose) Act(_ context.Context, _ string, _ resale.RequestKind, bangoID string, _ resale.Reason) resale.Answer {
	a := []resale.Answer{done, refused, {Verdict: resale.VerdictMismatch, Message: "It is odd."}}[l.random.IntN(3)]
	if a.Verdict == resale.VerdictDone {
		a.Fact = l.fact(bangoID, resale.FromReply)
	}
	a.Evidence.At = l.now()
	return a
}

func (l *loose) Read(_ context.Context, bangoID string) resale.Answer {
	if l.random.IntN(6) == 0 {
		return absent
	}
	return resale.Answer{Verdict: resale.VerdictDone, Fact: l.fact(bangoID, resale.FromRecord), Evidence: resale.Evidence{At: l.now(), HTTPStatus: 200}}
}
