package resale_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"latchkey/resale"
)

func TestNotifications(t *testing.T) {
	onEachStore(t, func(d *desk) {
		d.bango.create = []resale.Answer{mustRegister}
		e := d.create()
		d.step()

		d.notify(e, resale.Active, "ACTIVATION_SUCCESS", 60)
		e = d.is(e, resale.Active, resale.Done)
		if e.NotifiedAt.IsZero() || e.RegistrationURL != "" {
			d.Errorf("stored %+v", e)
		}
		told := d.events(e)[resale.EventNotified]
		for range 3 { // the same again
			d.notify(e, resale.Active, "ACTIVATION_SUCCESS", 60)
		}
		if again := d.events(e)[resale.EventNotified]; again != told || told != 1 {
			d.Errorf("four copies of a notification are %d lines of the timeline", again)
		}
		kept, err := d.store.Notifications(d.ctx, 10)
		if err != nil || len(kept) != 1 || kept[0].Copies != 4 || kept[0].State != resale.NotificationApplied || kept[0].Effect != resale.EffectChanged {
			d.Errorf("kept %+v, %v", kept, err)
		}

		d.notify(e, resale.Pending, "", 30) // old news
		if e = d.now(e); e.Status != resale.Active {
			d.Errorf("old news made it %s", e.Status)
		}
		kept, _ = d.store.Notifications(d.ctx, 10)
		if len(kept) != 2 || kept[0].Effect != resale.EffectStale {
			d.Errorf("old news was kept as %+v", kept)
		}

		// Another word in the same second: Bango's record settles it.
		d.bango.read = resale.Answer{Verdict: resale.VerdictDone, Fact: record(resale.FromRecord, resale.Suspended, 60)}
		d.notify(e, resale.Suspended, "SUSPENSION_SUCCESS", 60)
		if e = d.now(e); e.Status != resale.Active {
			d.Errorf("a tie made it %s before Bango's record was read", e.Status)
		}
		d.steps()
		d.is(e, resale.Suspended, resale.Done)
	})
}

// Bango may notify before its reply to the create has arrived; the reply is then old news.
func TestAnEarlyNotification(t *testing.T) {
	onEachStore(t, func(d *desk) {
		d.bango.create = []resale.Answer{mustRegister}
		e := d.create()
		d.bango.onAsk = func(string) { d.notify(e, resale.Active, "ACTIVATION_SUCCESS", 60) }
		d.step()
		e = d.is(e, resale.Active, resale.Done)
		if e.RegistrationURL != "" {
			d.Errorf("there is a link to %s though it is active", e.RegistrationURL)
		}
	})
}

// An answer that got lost does not matter once Bango has notified.
func TestANotificationSettlesAnUnknown(t *testing.T) {
	onEachStore(t, func(d *desk) {
		d.bango.create = []resale.Answer{silence, active}
		e := d.create()
		d.step()
		d.is(e, resale.Unknown, resale.Unsure)
		d.notify(e, resale.Active, "ACTIVATION_SUCCESS", 60)
		d.is(e, resale.Active, resale.Unsure)
		d.steps()
		d.is(e, resale.Active, resale.Done)
	})
}

func TestWhatIsParked(t *testing.T) {
	onEachStore(t, func(d *desk) {
		d.bango.create = []resale.Answer{mustRegister}
		e := d.create()
		d.step()
		before := d.now(e)
		token := resale.NotificationToken(e)
		for i, tt := range []struct{ token, body, why string }{
			{"nobodys", `{"entitlementId":"b-9","status":"ACTIVE"}`, "belongs to no entitlement"},
			{strings.Repeat("x", 500), `{"entitlementId":"b-2","status":"ACTIVE"}`, "belongs to no entitlement"},
			{"\x00\xff", `{"entitlementId":"b-3","status":"ACTIVE"}`, "belongs to no entitlement"},
			{token, `{"entitlementId":"b-1"`, "could not be read"},
			{token, `[]`, "could not be read"},
			{token, "", "could not be read"},
			{token, "\x00\xff\xfe", "could not be read"},
			{token, `{"status":"ACTIVE"}`, "entitlementId"},
			{token, `{"entitlementId":"b-1","entitlementId":"b-2","status":"ACTIVE"}`, "twice"},
			{token, `{"entitlementId":"another","status":"ACTIVE","dateLastUpdated":"2026-03-01T13:00:00Z"}`, "another entitlement"},
			{token, `{"entitlementId":"b-1","customerIdentifier":"cust-2","status":"ACTIVE","dateLastUpdated":"2026-03-01T13:00:00Z"}`, "another entitlement or customer"},
		} {
			d.post(tt.token, tt.body)
			kept, err := d.store.Notifications(d.ctx, 1)
			if err != nil || len(kept) != 1 {
				d.Fatalf("%q was not kept: %v", tt.body, err)
			}
			n := kept[0]
			if n.State != resale.NotificationParked || !strings.Contains(n.Reason, tt.why) || string(n.Body) != tt.body || n.Effect != "" {
				d.Errorf("%d: %q was kept as %s, effect %q, because %q; want %q", i, n.Body, n.State, n.Effect, n.Reason, tt.why)
			}
		}
		after := d.now(e)
		if after.Status != before.Status || after.BangoID != before.BangoID || after.DateLastUpdated != before.DateLastUpdated {
			d.Errorf("what was parked changed the entitlement to %+v", after)
		}
	})
}

// Every form that is documented or seen means the same.
func TestFormsOfANotification(t *testing.T) {
	onEachStore(t, func(d *desk) {
		for i, extra := range []string{
			`"parameters":null`, `"parameters":"x"`, `"parameters":{"action":"X"}`, `"extensionData":"a=b"`, `"extensionData":{"a":"b"}`, `"extensionData":null`,
			`"activationCode":null,"offerKey":null,"dateEnded":null`, `"financeData":{"amount":1.5},"sharedCustomerId":"s"`, `"notificationReason":"SOMETHING_NEW"`,
		} {
			customer, err := d.service.AddCustomer(d.ctx, d.ana, resale.Customer{Identifier: fmt.Sprintf("form-%d", i)})
			if err != nil {
				d.Fatal(err)
			}
			e, err := d.service.CreateEntitlement(d.ctx, d.ana, resale.NewEntitlement{CustomerID: customer.ID, ProductID: d.product.ID, FormToken: resale.NewFormToken()})
			if err != nil {
				d.Fatal(err)
			}
			d.post(resale.NotificationToken(e), fmt.Sprintf(`{"entitlementId":"form-%d","status":"ACTIVE","dateLastUpdated":"2026-03-01T13:00:00.123Z",%s}`, i, extra))
			if e = d.now(e); e.Status != resale.Active {
				d.Errorf("with %s it is %s", extra, e.Status)
			}
		}
	})
}

// Many notifications at once, each four times, take effect once each.
func TestNotificationsAtOnce(t *testing.T) {
	onEachStore(t, func(d *desk) {
		d.bango.create = []resale.Answer{mustRegister}
		e := d.create()
		d.step()
		const different, copies = 20, 4
		var posts sync.WaitGroup
		for i := range different * copies {
			posts.Go(func() { d.notify(e, resale.Active, "METADATA_UPDATE", 60+i%different) })
		}
		posts.Wait()
		kept, err := d.store.Notifications(d.ctx, 100)
		if err != nil || len(kept) != different {
			d.Fatalf("%d are kept, %v", len(kept), err)
		}
		for _, n := range kept {
			if n.Copies != copies {
				d.Errorf("%s came %d times", n.Body, n.Copies)
			}
		}
		if e = d.now(e); e.DateLastUpdated != noon.Add((60+different-1)*1e9) {
			d.Errorf("the newest is of %s", e.DateLastUpdated)
		}
		if n := d.events(e)[resale.EventNotified]; n != different {
			d.Errorf("the timeline has %d lines of them", n)
		}
	})
}
