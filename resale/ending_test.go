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
