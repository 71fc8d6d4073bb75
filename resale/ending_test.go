package resale_test

import (
	"testing"

	"latchkey/resale"
)

func TestEnding(t *testing.T) {
	request := func(kind resale.RequestKind, state resale.RequestState) resale.Request {
		return resale.Request{ID: string(kind) + " " + string(state), Kind: kind, State: state, Attempts: 1}
	}
	cancel, undo, revoke := request(resale.KindCancel, resale.Done), request(resale.KindUndo, resale.Done), request(resale.KindRevoke, resale.Done)
	withdrawn := revoke
	withdrawn.ID, withdrawn.Attempts = "withdrawn", 0
	for name, tt := range map[string]struct {
		status   resale.Status
		requests []resale.Request // newest first
		want     string
	}{
		"cancelled":                       {resale.ActiveEnding, []resale.Request{cancel}, cancel.ID},
		"cancelled, then a check":         {resale.Cancelled, []resale.Request{request(resale.KindCheck, resale.Done), cancel}, cancel.ID},
		"revoked while it was ending":     {resale.Revoked, []resale.Request{revoke, cancel}, revoke.ID},
		"a revoke was taken back":         {resale.ActiveEnding, []resale.Request{withdrawn, cancel}, cancel.ID},
		"a revoke was refused":            {resale.ActiveEnding, []resale.Request{request(resale.KindRevoke, resale.Denied), cancel}, cancel.ID},
		"kept, and ended by the merchant": {resale.Cancelled, []resale.Request{undo, cancel}, ""},
		"kept, and cancelled again":       {resale.Cancelled, []resale.Request{cancel, undo, revoke}, cancel.ID},
		"ended by the merchant":           {resale.Revoked, []resale.Request{request(resale.KindCreate, resale.Done)}, ""},
		"lives":                           {resale.Active, []resale.Request{undo, cancel}, ""},
		"accepted, and not yet confirmed": {resale.Active, []resale.Request{cancel}, ""},
	} {
		if got, found := resale.Ending(tt.status, tt.requests); got.ID != tt.want || found != (tt.want != "") {
			t.Errorf("%s: it ends by %q, %v", name, got.ID, found)
		}
	}
}

// What a check corrects is told as such, with both versions; what it merely completes is not.
func TestACheckTellsWhatItCorrects(t *testing.T) {
	onEachStore(t, func(d *desk) {
		e := d.live()
		check := func(answer resale.Answer) resale.Event {
			d.Helper()
			d.bango.read = answer
			if _, err := d.service.Check(d.ctx, d.ana, e.Ref); err != nil {
				d.Fatal(err)
			}
			d.step()
			events, err := d.store.Events(d.ctx, e.ID, 1)
			if err != nil || len(events) != 1 {
				d.Fatalf("%v, %v", events, err)
			}
			return events[0]
		}
		if told := check(says(resale.FromRecord, resale.Active, 0)); told.Text != "checked with Bango: ACTIVE, as known" {
			d.Errorf("nothing differs: %q", told.Text)
		}
		if told := check(says(resale.FromRecord, resale.Active, 30)); told.Text != "checked with Bango: ACTIVE; taken over from its record" {
			d.Errorf("a date differs: %q", told.Text)
		}
		told := check(says(resale.FromRecord, resale.Suspended, 60))
		if told.Text != "checked with Bango: SUSPENDED; here it was ACTIVE, corrected by reconciliation" || told.From != resale.Active || told.To != resale.Suspended {
			d.Errorf("the status differs: %q, %s → %s", told.Text, told.From, told.To)
		}
	})
}
