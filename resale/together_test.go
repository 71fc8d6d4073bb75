package resale_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/resale"
)

// ledger is a Bango that holds several records and does what it is asked for at once, unless told otherwise.
type ledger struct {
	*fakeBango
	records map[string]*resale.Fact                   // by Bango's id
	instead map[string]func(did func()) resale.Answer // what is answered about a record, which may do it all the same
	asked   map[string][]string                       // request identifiers
}

// keepLedger lets the desk's sender ask a ledger of those entitlements.
func (d *desk) keepLedger(of ...resale.Entitlement) *ledger {
	d.Helper()
	l := &ledger{d.bango, map[string]*resale.Fact{}, map[string]func(func()) resale.Answer{}, map[string][]string{}}
	for _, e := range of {
		l.records[e.BangoID] = &resale.Fact{BangoID: e.BangoID, Status: string(e.Status), CustomerIdentifier: e.CustomerIdentifier,
			MerchantKey: e.MerchantKey, ProductKey: e.ProductKey, DateLastUpdated: noon}
	}
	d.sender = resale.NewSender(d.service, l, 1, 10*time.Second)
	return l
}

func (l *ledger) answer(requestID, bangoID string, do func(f *resale.Fact)) resale.Answer {
	l.asked[bangoID] = append(l.asked[bangoID], requestID)
	f := l.records[bangoID]
	did := func() { do(f); f.DateLastUpdated = f.DateLastUpdated.Add(time.Minute) }
	if answer := l.instead[bangoID]; answer != nil {
		return answer(did)
	}
	did()
	said := *f
	said.Source = resale.FromReply
	return resale.Answer{Verdict: resale.VerdictDone, Fact: said}
}

func (l *ledger) Act(_ context.Context, requestID string, kind resale.RequestKind, bangoID string, _ resale.Reason) resale.Answer {
	return l.answer(requestID, bangoID, func(f *resale.Fact) {
		f.Status = map[resale.RequestKind]string{resale.KindSuspend: "SUSPENDED", resale.KindResume: "ACTIVE"}[kind]
	})
}

func (l *ledger) Update(_ context.Context, requestID, bangoID string, t resale.Terms, _ string) resale.Answer {
	return l.answer(requestID, bangoID, func(f *resale.Fact) { f.CustomerIdentifier = t.CustomerIdentifier })
}

func (l *ledger) Read(_ context.Context, bangoID string) resale.Answer {
	said := *l.records[bangoID]
	said.Source = resale.FromRecord
	return resale.Answer{Verdict: resale.VerdictDone, Fact: said}
}

// rows returns what became of a group, by Bango's id: the service's status and the state of its request, or why it was not asked for.
func (d *desk) rows(g resale.ActGroup) string {
	d.Helper()
	rows, err := d.store.ActGroupRows(d.ctx, g.ID)
	if err != nil {
		d.Fatal(err)
	}
	var said []string
	for _, row := range rows {
		what := string(row.Request.State)
		if row.Request.ID == "" {
			what = row.Why
		}
		said = append(said, fmt.Sprintf("%s %s %s %s", row.Entitlement.BangoID, row.Entitlement.Status, row.Entitlement.CustomerIdentifier, what))
	}
	slices.Sort(said)
	return strings.Join(said, "\n")
}

func refs(of []resale.Entitlement) (refs []string) {
	for _, e := range of {
		refs = append(refs, e.Ref)
	}
	return refs
}

// together asks for something for several services, which must be possible.
func (d *desk) together(kind resale.RequestKind, reason string, of ...resale.Entitlement) resale.ActGroup {
	d.Helper()
	g, err := d.service.ActTogether(d.ctx, d.ana, resale.Together{CustomerID: d.zoe.ID, Kind: kind, Refs: refs(of), Reason: reason, FormToken: resale.NewFormToken()})
	if err != nil {
		d.Fatal(err)
	}
	return g
}

// suspendedTogether returns which services a resume offers, by Bango's ids.
func (d *desk) suspendedTogether() string {
	d.Helper()
	live, err := d.store.LiveEntitlementsOf(d.ctx, d.zoe.ID, 100)
	if err != nil {
		d.Fatal(err)
	}
	_, ids, err := resale.SuspendedTogether(d.ctx, d.store, d.zoe.ID, live)
	if err != nil {
		d.Fatal(err)
	}
	slices.Sort(ids)
	return strings.Join(ids, " ")
}

func TestSuspendAndResumeTogether(t *testing.T) {
	onEachStore(t, func(d *desk) {
		all := d.lives("a", "b", "c", "d")
		l := d.keepLedger(all...)
		l.instead["b"] = func(func()) resale.Answer { return refused }
		d.together(resale.KindSuspend, "lost the card", all[3])
		d.steps()

		form := resale.Together{CustomerID: d.zoe.ID, Kind: resale.KindSuspend, Refs: refs(all), Reason: " did not pay ", FormToken: resale.NewFormToken()}
		g, err := d.service.ActTogether(d.ctx, d.ana, form)
		if err != nil {
			d.Fatal(err)
		}
		if got, want := d.rows(g), "a ACTIVE cust-1 queued\nb ACTIVE cust-1 queued\nc ACTIVE cust-1 queued\nd SUSPENDED cust-1 it is suspended"; got != want {
			d.Errorf("asked for:\n%s", got)
		}
		again, err := d.service.ActTogether(d.ctx, d.ana, form)
		if err != nil || again.ID != g.ID {
			d.Errorf("sent twice, it is another group: %v, %v", again, err)
		}
		d.steps()
		if got, want := d.rows(g), "a SUSPENDED cust-1 done\nb ACTIVE cust-1 refused\nc SUSPENDED cust-1 done\nd SUSPENDED cust-1 it is suspended"; got != want {
			d.Errorf("afterwards:\n%s", got)
		}
		for id, asked := range l.asked {
			if len(asked) != 1 {
				d.Errorf("%s was asked for %d times", id, len(asked))
			}
		}
		events, err := d.store.Events(d.ctx, all[0].ID, 10)
		if err != nil || !slices.ContainsFunc(events, func(e resale.Event) bool {
			return e.Text == "asked Bango to suspend it, together with others (did not pay)" && e.Actor.Name == "Ana"
		}) {
			d.Errorf("the timeline tells %v, %v", events, err)
		}

		// d was suspended by another form, so it is not offered with them.
		if got := d.suspendedTogether(); got != "e-a e-c" {
			d.Errorf("a resume offers %s", got)
		}
		d.together(resale.KindResume, "", all[0])
		d.steps()
		if got := d.suspendedTogether(); got != "e-c" {
			d.Errorf("after one was resumed, a resume offers %s", got)
		}
		d.together(resale.KindResume, "", all[2])
		d.steps()
		if got := d.suspendedTogether(); got != "e-d" {
			d.Errorf("after all of them were resumed, a resume offers %s", got)
		}
	})
}

func TestTogetherIsRefusedBeforeAnythingIsStored(t *testing.T) {
	onSQLite(t, func(d *desk) {
		all := d.lives("a", "b")
		other, err := d.service.AddCustomer(d.ctx, d.ana, resale.Customer{Identifier: "cust-2"})
		if err != nil {
			d.Fatal(err)
		}
		good := resale.Together{CustomerID: d.zoe.ID, Kind: resale.KindSuspend, Refs: refs(all), Reason: "did not pay", FormToken: resale.NewFormToken()}
		for name, tt := range map[string]struct {
			by    resale.Actor
			spoil func(f *resale.Together)
			code  resale.Code
			field string
		}{
			"a viewer":              {d.victor, func(*resale.Together) {}, resale.CodeForbidden, ""},
			"no reason":             {d.ana, func(f *resale.Together) { f.Reason = "  " }, resale.CodeInvalid, "reason"},
			"a long reason":         {d.ana, func(f *resale.Together) { f.Reason = strings.Repeat("x", resale.MaxReason+1) }, resale.CodeInvalid, "reason"},
			"a NUL":                 {d.ana, func(f *resale.Together) { f.Reason = "a\x00b" }, resale.CodeInvalid, "reason"},
			"nothing chosen":        {d.ana, func(f *resale.Together) { f.Refs = nil }, resale.CodeInvalid, "service"},
			"too many":              {d.ana, func(f *resale.Together) { f.Refs = make([]string, resale.MaxTogether+1) }, resale.CodeInvalid, "service"},
			"a form of nobody":      {d.ana, func(f *resale.Together) { f.FormToken = "short" }, resale.CodeInvalid, "form_token"},
			"somebody else's":       {d.ana, func(f *resale.Together) { f.CustomerID = other.ID }, resale.CodeNotFound, ""},
			"no such service":       {d.ana, func(f *resale.Together) { f.Refs = append(slices.Clone(f.Refs), "AAAA-AAAA") }, resale.CodeNotFound, ""},
			"nothing can":           {d.ana, func(f *resale.Together) { f.Kind = resale.KindResume }, resale.CodeConflict, ""},
			"another kind of thing": {d.ana, func(f *resale.Together) { f.Kind = resale.KindRevoke }, resale.CodeNotFound, ""},
		} {
			form := good
			tt.spoil(&form)
			_, err := d.service.ActTogether(d.ctx, tt.by, form)
			var fault *resale.Error
			if !errors.As(err, &fault) || fault.Code != tt.code || fault.Field != tt.field {
				d.Errorf("%s: %v", name, err)
			}
		}
		if d.anyOpen() {
			d.Error("something was asked for")
		}
		if _, err := d.service.ActTogether(d.ctx, d.ana, good); err != nil {
			d.Error(err)
		}
		if _, err := d.service.ActTogether(d.ctx, d.ana, resale.Together{CustomerID: other.ID, Kind: resale.KindSuspend, Refs: refs(all), Reason: "x", FormToken: good.FormToken}); resale.CodeOf(err) != resale.CodeInvalid {
			d.Errorf("the form of another customer: %v", err)
		}
	})
}

// renumber gives Zoë another identifier, which must be possible.
func (d *desk) renumber(identifier string) resale.ActGroup {
	d.Helper()
	g, err := d.service.ChangeIdentifier(d.ctx, d.ana, resale.NewIdentifier{CustomerID: d.zoe.ID, Identifier: identifier, Reason: "ported", FormToken: resale.NewFormToken()})
	if err != nil {
		d.Fatal(err)
	}
	return g
}

func TestChangeOfIdentifier(t *testing.T) {
	onEachStore(t, func(d *desk) {
		all := d.lives("a", "b", "c", "d")
		ended := d.put(1, func(_ int, e *resale.Entitlement) { e.Status, e.BangoID = resale.Cancelled, "ended" })[0]
		l := d.keepLedger(all...)
		l.instead["b"] = func(func()) resale.Answer { return refused }            // and it was not done
		l.instead["c"] = func(did func()) resale.Answer { did(); return silence } // done, and nobody heard of it
		l.instead["d"] = func(did func()) resale.Answer { did(); return refused } // refused, and done all the same

		g := d.renumber(" cust-9 ")
		zoe, err := d.store.Customer(d.ctx, d.zoe.ID)
		if err != nil || zoe.Identifier != "cust-9" {
			d.Fatalf("the customer is %q, %v", zoe.Identifier, err)
		}
		if got, want := d.rows(g), "a ACTIVE cust-1 queued\nb ACTIVE cust-1 queued\nc ACTIVE cust-1 queued\nd ACTIVE cust-1 queued"; got != want {
			d.Errorf("asked for:\n%s", got)
		}
		for range 4 { // the first attempts
			d.step()
		}
		if got := d.now(all[2]); got.CustomerIdentifier != "cust-1" || got.NextIdentifier != "cust-9" {
			d.Errorf("unknown, it is known as %s, next %q", got.CustomerIdentifier, got.NextIdentifier)
		}
		l.instead["c"] = func(func()) resale.Answer { return refused } // Bango has forgotten the request
		d.steps()
		if got, want := d.rows(g), "a ACTIVE cust-9 done\nb ACTIVE cust-1 refused\nc ACTIVE cust-9 done\nd ACTIVE cust-9 refused"; got != want {
			d.Errorf("afterwards:\n%s", got)
		}
		for _, e := range append(all, ended) {
			if now := d.now(e); now.CustomerID != d.zoe.ID || now.NextIdentifier != "" {
				d.Errorf("%s belongs to %s, next %q", now.BangoID, now.CustomerID, now.NextIdentifier)
			}
		}
		if d.now(ended).CustomerIdentifier != "cust-1" {
			d.Error("what has ended is known by another identifier")
		}
		if requests, err := d.store.LiveRequestsOf(d.ctx, d.zoe.ID, 100); err != nil || slices.ContainsFunc(requests, func(r resale.Request) bool { return r.State == resale.Manual }) {
			d.Errorf("a person has to decide: %v, %v", requests, err)
		}

		// The former identifier finds the customer, and nobody else can have it while Bango knows a service by it.
		found, err := d.store.CustomerKnownAs(d.ctx, "cust-1")
		hits, searchErr := d.store.SearchCustomers(d.ctx, "cust-1", 10)
		if err != nil || found.ID != d.zoe.ID || searchErr != nil || len(hits) != 1 {
			d.Errorf("by the former identifier: %v, %v, %v, %v", found, err, hits, searchErr)
		}
		if _, err := d.service.AddCustomer(d.ctx, d.ana, resale.Customer{Identifier: "cust-1"}); resale.CodeOf(err) != resale.CodeConflict || !strings.Contains(err.Error(), "Zoë") {
			d.Errorf("somebody else with the former identifier: %v", err)
		}
		if _, _, err := d.service.ImportCustomers(d.ctx, strings.NewReader("customerIdentifier,name,email,phone\ncust-1,Another,,\n")); resale.CodeOf(err) != resale.CodeConflict {
			d.Errorf("the same by an import: %v", err)
		}
		if _, _, err := d.service.ImportCustomers(d.ctx, strings.NewReader("customerIdentifier,name,email,phone\ncust-9,Zoe,,\n")); err != nil {
			d.Error(err)
		}
		if hits, err := d.store.SearchCustomers(d.ctx, "cust-1", 10); err != nil || len(hits) != 1 {
			d.Errorf("after another change, the former identifier finds %v, %v", hits, err)
		}

		// Once more for the one that was refused.
		delete(l.instead, "b")
		again := d.renumber("cust-9")
		d.steps()
		if got := d.rows(again); got != "b ACTIVE cust-9 done" {
			d.Errorf("once more:\n%s", got)
		}
		if _, err := d.service.ChangeIdentifier(d.ctx, d.ana, resale.NewIdentifier{CustomerID: d.zoe.ID, Identifier: "cust-9", FormToken: resale.NewFormToken()}); resale.CodeOf(err) != resale.CodeConflict {
			d.Errorf("with nothing left to ask: %v", err)
		}
		stale := resale.NewIdentifier{CustomerID: d.zoe.ID, Seen: "cust-1", Identifier: "cust-7", FormToken: resale.NewFormToken()}
		if _, err := d.service.ChangeIdentifier(d.ctx, d.ana, stale); resale.CodeOf(err) != resale.CodeConflict || !strings.Contains(err.Error(), `the identifier is "cust-9" now`) {
			d.Errorf("from a page that is not current: %v", err)
		}
		// Now the number may be somebody else's, and notifications that name it are about them.
		if _, err := d.service.AddCustomer(d.ctx, d.ana, resale.Customer{Identifier: "cust-1", Name: "Yann"}); err != nil {
			d.Error(err)
		}
		if _, err := d.service.ChangeIdentifier(d.ctx, d.ana, resale.NewIdentifier{CustomerID: d.zoe.ID, Identifier: "cust-1", FormToken: resale.NewFormToken()}); resale.CodeOf(err) != resale.CodeConflict || !strings.Contains(err.Error(), "Yann") {
			d.Errorf("back to what is somebody else's now: %v", err)
		}
		if found, err := d.store.CustomerKnownAs(d.ctx, "cust-1"); err != nil || found.Name != "Yann" {
			d.Errorf("the identifier is %v's, %v", found, err)
		}
	})
}

// breaking is a store whose transactions fail where the nth request is stored.
type breaking struct {
	resale.Store
	at int
}

type breakingTx struct {
	resale.Tx
	left *int
}

var errPulled = errors.New("the plug was pulled")

func (b breaking) Write(ctx context.Context, f func(context.Context, resale.Tx) error) error {
	return b.Store.Write(ctx, func(ctx context.Context, tx resale.Tx) error {
		left := b.at
		return f(ctx, breakingTx{tx, &left})
	})
}

func (b breakingTx) InsertRequest(ctx context.Context, r resale.Request) error {
	if *b.left--; *b.left < 0 {
		return errPulled
	}
	return b.Tx.InsertRequest(ctx, r)
}

func TestChangeOfIdentifierSurvivesACrash(t *testing.T) {
	onEachStore(t, func(d *desk) {
		all := d.lives("a", "b", "c")
		form := resale.NewIdentifier{CustomerID: d.zoe.ID, Identifier: "cust-9", FormToken: resale.NewFormToken()}
		for at := range 3 { // between the rows: all or nothing
			d.keepIn(breaking{d.store, at})
			if _, err := d.service.ChangeIdentifier(d.ctx, d.ana, form); !errors.Is(err, errPulled) {
				d.Fatal(err)
			}
			zoe, err := d.store.Customer(d.ctx, d.zoe.ID)
			former, formerErr := d.store.FormerIdentifiers(d.ctx, d.zoe.ID)
			if err != nil || formerErr != nil || zoe.Identifier != "cust-1" || len(former) > 0 || d.anyOpen() || d.now(all[0]).NextIdentifier != "" {
				d.Fatalf("failed at row %d, it left %q, %v", at, zoe.Identifier, former)
			}
		}
		d.keepIn(d.store)
		l := d.keepLedger(all...)
		g, err := d.service.ChangeIdentifier(d.ctx, d.ana, form)
		if err != nil {
			d.Fatal(err)
		}
		d.step()
		if ok, err := d.sender.Take(d.ctx); err != nil || !ok { // sent, and the sender died
			d.Fatal(err)
		}
		// A second change while the first is under way: it is told, and the first still finds its customer.
		second := d.renumber("cust-10")
		if got, want := d.rows(second), "a ACTIVE cust-9 queued\nb ACTIVE cust-1 an update is under way\nc ACTIVE cust-1 an update is under way"; got != want {
			d.Errorf("the second change:\n%s", got)
		}
		d.clock.turn(time.Minute)
		d.steps()
		if got, want := d.rows(g), "a ACTIVE cust-10 done\nb ACTIVE cust-9 done\nc ACTIVE cust-9 done"; got != want {
			d.Errorf("afterwards:\n%s", got)
		}
		third := d.renumber("cust-10")
		d.steps()
		if got, want := d.rows(third), "b ACTIVE cust-10 done\nc ACTIVE cust-10 done"; got != want {
			d.Errorf("the rest:\n%s", got)
		}
		for id, f := range l.records {
			if f.CustomerIdentifier != "cust-10" {
				d.Errorf("Bango knows %s by %s", id, f.CustomerIdentifier)
			}
		}
		for _, e := range all {
			if d.now(e).CustomerID != d.zoe.ID {
				d.Errorf("%s went to somebody else", e.BangoID)
			}
		}
	})
}

// What Bango still tells under a former identifier belongs to the same customer.
func TestFactsUnderAFormerIdentifier(t *testing.T) {
	onEachStore(t, func(d *desk) {
		e := d.lives("a")[0]
		d.keepLedger(e)
		d.renumber("cust-9")
		d.steps()
		d.post(resale.NotificationToken(d.now(e)), fmt.Sprintf(`{"entitlementId":"a","customerIdentifier":"cust-1","merchantAccountKey":"BANGO",`+
			`"productKey":"BangoMusic","status":"SUSPENDED","dateLastUpdated":%q}`, noon.Add(time.Hour).Format(time.RFC3339)))
		if now := d.now(e); now.Status != resale.Suspended || now.CustomerIdentifier != "cust-1" || now.CustomerID != d.zoe.ID {
			d.Errorf("it is %s, known as %s, of %s", now.Status, now.CustomerIdentifier, now.CustomerID)
		}
		// A record that Bango has of a time when the number was hers is adopted for her, a later one for whoever has it now.
		d.clock.turn(2 * time.Hour)
		d.compare(file(madeAfter("hers", -time.Hour), madeAfter("not hers", time.Hour)), true)
		for bangoID, hers := range map[string]bool{"hers": true, "not hers": false} {
			if adopted, err := d.store.EntitlementByBangoID(d.ctx, bangoID); err != nil || (adopted.CustomerID == d.zoe.ID) != hers {
				d.Errorf("%s went to %s, %v", bangoID, adopted.CustomerID, err)
			}
		}
	})
}

// madeAfter is a row of a report about an entitlement of cust-1, made that long after noon.
func madeAfter(bangoID string, after time.Duration) resale.Fact {
	f := row(bangoID, resale.Active, 0)
	f.CustomerIdentifier, f.DateCreated = "cust-1", noon.Add(after)
	return f
}

// A fresh link is asked for by the same create, and Bango may know the customer by an identifier that we were not told of.
func TestAFreshLinkAfterAnIdentifierThatNobodyConfirmed(t *testing.T) {
	onSQLite(t, func(d *desk) {
		e := d.put(1, func(_ int, e *resale.Entitlement) { e.Status, e.BangoID = resale.Pending, "a" })[0]
		l := d.keepLedger(e)
		l.instead["a"] = func(did func()) resale.Answer { did(); return silence }
		d.renumber("cust-9")
		d.step()
		l.records["a"].CustomerIdentifier = "cust-1"
		l.instead["a"] = func(func()) resale.Answer { return silence }
		d.steps() // until a person has to decide
		l.records["a"].CustomerIdentifier = "cust-9"
		d.bango.create = []resale.Answer{mustRegister}
		d.ask(e, resale.KindRefresh, resale.Reason{})
		d.step()
		if d.bango.order.CustomerIdentifier != "cust-9" {
			d.Errorf("the create was for %q", d.bango.order.CustomerIdentifier)
		}
	})
}
