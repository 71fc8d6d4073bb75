package resale_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"latchkey/resale"
)

// receiver is what notifications are posted to.
type receiver func(ctx context.Context, token string, body []byte) error

// said is a notification of Bango's entitlement with that id, so many seconds after noon.
func said(bangoID, customer, merchant string, status resale.Status, seconds int) []byte {
	return fmt.Appendf(nil, `{"responseCode":"OK","entitlementId":%q,"customerIdentifier":%q,"merchantAccountKey":%q,"productKey":"BangoMusic",`+
		`"status":%q,"dateLastUpdated":%q}`, bangoID, customer, merchant, status, noon.Add(time.Duration(seconds)*time.Second).Format(time.RFC3339))
}

// beforeTheReply posts notifications before Bango's reply to the create has arrived, to the entitlement's own address and to one that is not
// its own, others that belong to nothing and to somebody else, and returns what is wrong with what becomes of them.
func (d *desk) beforeTheReply(receive receiver, ownAddress bool) error {
	e := d.create()
	address := "elsewhere"
	if ownAddress {
		address = resale.NotificationToken(e)
	}
	early, nobodys := said("b-1", "cust-1", "BANGO", resale.Suspended, 60), said("b-nobody", "cust-9", "BANGO", resale.Active, 60)
	others := [][]byte{said("b-2", "cust-1", "BANGO", resale.Revoked, 70), said("b-1", "cust-2", "BANGO", resale.Revoked, 80),
		said("b-1", "cust-1", "OTHER", resale.Revoked, 90)}
	var posted error
	d.bango.onAsk = func(string) {
		posted = errors.Join(receive(d.ctx, address, early), receive(d.ctx, "nobodys", nobodys))
		if kept, err := d.find(early); err != nil || !ownAddress && kept.State != resale.NotificationParked {
			posted = errors.Join(posted, fmt.Errorf("before the reply the early one is %q: %v", kept.State, err))
		}
	}
	d.bango.create = []resale.Answer{mustRegister}
	d.bango.read = resale.Answer{Verdict: resale.VerdictDone, Fact: record(resale.FromRecord, resale.Active, 60)}
	d.step()
	if posted != nil {
		return posted
	}
	replied := d.clock.now()

	// The early one belongs to the entitlement now. At its own address it was believed; from elsewhere it is a reason to look.
	linked, err := d.find(early)
	if err != nil || linked.State != resale.NotificationApplied || linked.EntitlementID != e.ID {
		return fmt.Errorf("after the reply the early one is %s and belongs to %q: %v", linked.State, linked.EntitlementID, err)
	}
	want, effect := resale.Active, resale.EffectDoubted
	if ownAddress {
		want, effect = resale.Suspended, resale.EffectChanged
	} else {
		d.step() // what Bango's record says counts
	}
	if now := d.now(e); now.Status != want || linked.Effect != effect || d.events(e)[resale.EventNotified] != 1 {
		return fmt.Errorf("it is %s, by an effect %q, with %d lines on the timeline", now.Status, linked.Effect, d.events(e)[resale.EventNotified])
	}
	if took := d.clock.now().Sub(replied); took > 5*time.Second {
		return fmt.Errorf("that took %s", took)
	}

	before := d.now(e)
	for _, other := range others {
		if err := receive(d.ctx, resale.NotificationToken(e), other); err != nil {
			return err
		}
	}
	parked, err := d.store.ParkedNotifications(d.ctx, 10)
	if err != nil || len(parked) != len(others)+1 {
		return fmt.Errorf("%d are listed as parked, want those of others and that of nobody: %v", len(parked), err)
	}
	if after := d.now(e); after != before {
		return fmt.Errorf("news of others made it %+v", after)
	}
	if n, err := d.find(nobodys); err != nil || n.State != resale.NotificationParked || n.EntitlementID != "" {
		return fmt.Errorf("nobody's is %s and belongs to %q: %v", n.State, n.EntitlementID, err)
	}
	return nil
}

// find returns the notification with that body as it is kept.
func (d *desk) find(body []byte) (resale.Notification, error) {
	kept, err := d.store.Notifications(d.ctx, 100)
	for _, n := range kept {
		if string(n.Body) == string(body) {
			return n, err
		}
	}
	return resale.Notification{}, errors.Join(fmt.Errorf("%s is not kept", body), err)
}

// R20: what comes before the create's reply, for nobody or for somebody else is kept, and finds its way as soon as it can.
func TestR20BeforeTheReply(t *testing.T) {
	for name, own := range map[string]bool{"at its own address": true, "at another address": false} {
		t.Run(name, func(t *testing.T) {
			onEachStore(t, func(d *desk) {
				if err := d.beforeTheReply(d.service.ReceiveNotification, own); err != nil {
					d.Error(err)
				}
			})
		})
	}
}

// R20 must notice a portal that turns away what belongs to nothing that it knows.
func TestR20NoticesThatTheUnknownAreTurnedAway(t *testing.T) {
	onEachStore(t, func(d *desk) {
		strict := func(ctx context.Context, token string, body []byte) error {
			if _, err := d.store.EntitlementByNotifyToken(ctx, token); err != nil {
				return err // 404
			}
			return d.service.ReceiveNotification(ctx, token, body)
		}
		if err := d.beforeTheReply(strict, false); resale.CodeOf(err) != resale.CodeNotFound {
			d.Errorf("it was not noticed: %v", err)
		}
	})
}
