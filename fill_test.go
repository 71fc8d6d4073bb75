package main

import (
	"context"
	"fmt"
	"iter"
	"testing"
	"time"

	"latchkey/bango/sandbox"
	"latchkey/resale"
)

// staff returns one of the sample staff as who acts.
func (b *bench) staff(email string) resale.Actor {
	person, err := b.store.StaffByEmail(context.Background(), email)
	if err != nil {
		panic(err)
	}
	return resale.StaffActor(person)
}

// everything brings a bench into every state that a page shows: entitlements of each status, a request that a person decides, a
// notification that is parked, differences. It returns the entitlements by what they are.
func (b *bench) everything(t *testing.T) map[string]resale.Entitlement {
	t.Helper()
	ctx, sofia := t.Context(), b.staff("sofia@demo.example")
	products, err := b.store.Products(ctx)
	if err != nil {
		t.Fatal(err)
	}
	product := map[string]resale.Product{}
	for _, p := range products {
		product[p.Key] = p
	}
	create := func(n int, key string) resale.Entitlement {
		t.Helper()
		customer, err := b.store.CustomerByIdentifier(ctx, fmt.Sprintf("cust-%04d", n))
		if err != nil {
			t.Fatal(err)
		}
		e, err := b.service.CreateEntitlement(ctx, b.staff("ana@demo.example"), resale.NewEntitlement{CustomerID: customer.ID,
			ProductID: product[key].ID, FormToken: resale.NewFormToken()})
		if err == nil {
			e, err = b.service.Await(ctx, e.ID, 5*time.Second)
		}
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	active := func(n int) resale.Entitlement {
		t.Helper()
		e := create(n, "BangoMusic")
		if err := b.box.Complete(e.BangoID, sandbox.Finish); err != nil {
			t.Fatal(err)
		}
		return b.until(t, e, resale.Active)
	}
	act := func(e resale.Entitlement, kind resale.RequestKind, reason resale.Reason, want resale.Status) resale.Entitlement {
		t.Helper()
		if _, err := b.service.Act(ctx, sofia, e.Ref, kind, reason); err != nil {
			t.Fatal(err)
		}
		return b.until(t, e, want)
	}
	fault := func(name string, n int) {
		t.Helper()
		if err := b.box.SetFault(sandbox.FaultRule{Fault: name, Customer: fmt.Sprintf("cust-%04d", n)}); err != nil {
			t.Fatal(err)
		}
	}

	made := map[string]resale.Entitlement{"pending": create(70, "BangoMusic"), "opened": create(71, "BangoMusic"), "active": active(72)}
	if _, err := b.service.Continue(ctx, made["opened"].SignupToken, time.Second); err != nil {
		t.Fatal(err)
	}
	made["suspended"] = act(active(73), resale.KindSuspend, resale.Reason{}, resale.Suspended)
	made["ending"] = act(active(74), resale.KindCancel, resale.Reason{Category: "CUSTOMER_CANCELLED", Code: "NOT_RENEWED", Description: "moved abroad"}, resale.ActiveEnding)
	made["declined"] = create(75, "BangoMusic")
	if err := b.box.Complete(made["declined"].BangoID, sandbox.Decline); err != nil {
		t.Fatal(err)
	}
	made["declined"] = b.until(t, made["declined"], resale.Cancelled)
	made["failed"] = active(76)
	if err := b.box.MerchantChange(made["failed"].BangoID, sandbox.MerchantChange{Action: sandbox.MerchantFail}); err != nil {
		t.Fatal(err)
	}
	made["failed"] = b.until(t, made["failed"], resale.Failed)
	fault("internal-error", 77)
	made["unknown"] = create(77, "BangoMusic")
	fault("url-javascript", 78)
	made["manual"] = create(78, "BangoMusic")
	fault("bad-request", 79)
	made["refused"] = create(79, "BangoMusic")
	b.box.ClearFaults()

	if err := b.service.ReceiveNotification(ctx, "0123456789abcdefghijklmnop", []byte(`{"responseCode":"OK","entitlementId":"nobodys","status":"ACTIVE"}`)); err != nil {
		t.Fatal(err)
	}
	facts := iter.Seq2[resale.Fact, error](func(yield func(resale.Fact, error) bool) {
		at := time.Now().UTC().Add(time.Hour).Truncate(time.Second)
		_ = yield(resale.Fact{BangoID: made["active"].BangoID, CustomerIdentifier: "cust-0072", MerchantKey: "BANGO", ProductKey: "BangoMusic", Status: "SUSPENDED", DateLastUpdated: at}, nil) &&
			yield(resale.Fact{BangoID: "elsewhere-1", CustomerIdentifier: "cust-0080", MerchantKey: "BANGO", ProductKey: "BangoMusic", Status: "ACTIVE", DateLastUpdated: at}, nil)
	})
	if _, err := b.service.ImportReport(ctx, b.staff("adam@demo.example"), resale.Report{Source: "AR_V1_D_20261126.csv", End: time.Now(), Facts: facts}, false); err != nil {
		t.Fatal(err)
	}
	return made
}

// until waits for an entitlement's status.
func (b *bench) until(t *testing.T, e resale.Entitlement, want resale.Status) resale.Entitlement {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		now, err := b.store.Entitlement(t.Context(), e.ID)
		if err != nil {
			t.Fatal(err)
		}
		if now.Status == want {
			return now
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is %s, want %s", e.Ref, now.Status, want)
		}
	}
}

// things are the addresses of what has no name of its own.
type things struct {
	group, evidence, notification, product string
	judged, done                           string // bulk jobs
}

// things makes what only some pages show: notes, tags, a view, several services suspended at once, bulk jobs.
func (b *bench) things(t *testing.T, made map[string]resale.Entitlement) (th things) {
	t.Helper()
	ctx, sofia := t.Context(), b.staff("sofia@demo.example")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, what := range []string{"suspended", "active"} {
		_, err := b.service.AddNote(ctx, sofia, made[what].CustomerID, "Do not resume before accounts says so.", what == "suspended")
		must(err)
		must(b.service.AddTags(ctx, sofia, made[what].CustomerID, "vip, roaming"))
	}
	_, err := b.service.SaveView(ctx, sofia, "Waiting for long", "status=PENDING&older=2d")
	must(err)
	must(b.service.SnoozeAttention(ctx, sofia, made["refused"].ID, time.Now().Add(time.Hour), "The customer calls again."))

	g, err := b.service.ActTogether(ctx, sofia, resale.Together{CustomerID: made["declined"].CustomerID, Kind: resale.KindSuspend,
		Refs: []string{b.active(t, made["declined"].CustomerID, "Cloudpantry 200 GB").Ref}, Reason: "unpaid", FormToken: resale.NewFormToken()})
	must(err)
	th.group = "/customers/" + made["declined"].CustomerID + "/together/" + g.ID

	bulk := func(kind resale.RequestKind, what ...string) string {
		t.Helper()
		var items []resale.BulkItem
		for _, w := range what {
			items = append(items, resale.BulkItem{Input: made[w].Ref})
		}
		j, err := b.service.StartBulk(ctx, sofia, resale.NewBulk{Kind: kind, Items: append(items, resale.BulkItem{Input: "nobody-knows-it"}), Source: "typed"})
		must(err)
		for j.State == resale.BulkJudging {
			time.Sleep(20 * time.Millisecond)
			j, err = b.store.BulkJob(ctx, j.ID)
			must(err)
		}
		return j.ID
	}
	done := bulk(resale.KindCheck, "active", "suspended", "ending")
	must(b.service.ConfirmBulk(ctx, sofia, done, "3"))
	th.done = "/bulk/" + done
	th.judged = "/bulk/" + bulk(resale.KindSuspend, "pending", "opened", "active", "suspended", "ending", "declined", "active")

	events, err := b.store.Events(ctx, made["active"].ID, 50)
	must(err)
	for _, e := range events {
		if e.EvidenceID != "" {
			th.evidence = "/entitlements/" + made["active"].Ref + "/evidence/" + e.EvidenceID
		}
	}
	inbox, err := b.store.Notifications(ctx, 1)
	must(err)
	th.notification, th.product = "/notifications/"+inbox[0].ID, "/catalogue/"+made["active"].ProductID
	return th
}

// active gives a customer a product that is ACTIVE at once.
func (b *bench) active(t *testing.T, customerID, product string) resale.Entitlement {
	t.Helper()
	products, err := b.store.Products(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range products {
		if p.Name == product {
			e, err := b.service.CreateEntitlement(t.Context(), b.staff("sofia@demo.example"),
				resale.NewEntitlement{CustomerID: customerID, ProductID: p.ID, FormToken: resale.NewFormToken()})
			if err != nil {
				t.Fatal(err)
			}
			return b.until(t, e, resale.Active)
		}
	}
	t.Fatalf("there is no %s", product)
	return resale.Entitlement{}
}
