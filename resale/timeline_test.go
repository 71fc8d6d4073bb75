package resale_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"latchkey/resale"
)

func TestATimelineGoesOnWhereItEnded(t *testing.T) {
	onEachStore(t, func(d *desk) {
		e, other := d.create(), d.create()
		actors := []resale.Actor{d.ana, resale.TheCustomer, resale.Bango, resale.Automatic}
		err := d.store.Write(d.ctx, func(ctx context.Context, tx resale.Tx) error {
			for i := range 40 {
				of := e
				if i%10 == 9 {
					of = other
				}
				err := tx.AddEvent(ctx, resale.Event{ID: uuid.Must(uuid.NewV7()).String(), EntitlementID: of.ID, CustomerID: d.zoe.ID, At: noon,
					Actor: actors[i%4], Kind: resale.EventNotified, Text: fmt.Sprintf("%02d", i)})
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			d.Fatal(err)
		}
		// read returns the texts of all pages, newest first.
		read := func(f resale.EventFilter) (texts []string) {
			for pages := 0; ; pages++ {
				events, err := d.store.Timeline(d.ctx, f)
				if err != nil || pages > 20 || len(events) > f.Limit {
					d.Fatalf("%d events on page %d, %v", len(events), pages, err)
				}
				for _, e := range events {
					if f.By != "" && e.Actor.Kind != f.By {
						d.Errorf("a line of %s among those of %s", e.Actor.Kind, f.By)
					}
					if e.Kind == resale.EventNotified {
						texts = append(texts, e.Text)
					}
					f.Before = e.ID
				}
				if len(events) < f.Limit {
					return texts
				}
			}
		}
		want := func(keep func(i int) bool) string {
			var texts []string
			for i := 39; i >= 0; i-- {
				if keep(i) {
					texts = append(texts, fmt.Sprintf("%02d", i))
				}
			}
			return strings.Join(texts, " ")
		}
		for name, tt := range map[string]struct {
			f    resale.EventFilter
			want string
		}{
			"an entitlement's": {resale.EventFilter{EntitlementID: e.ID}, want(func(i int) bool { return i%10 != 9 })},
			"the staff's":      {resale.EventFilter{EntitlementID: e.ID, By: resale.ByStaff}, want(func(i int) bool { return i%4 == 0 })},
			"Bango's":          {resale.EventFilter{EntitlementID: e.ID, By: resale.ByBango}, want(func(i int) bool { return i%4 == 2 })},
			"the customer's":   {resale.EventFilter{CustomerID: d.zoe.ID}, want(func(int) bool { return true })},
			"and automatic":    {resale.EventFilter{CustomerID: d.zoe.ID, By: resale.ByAutomatic}, want(func(i int) bool { return i%4 == 3 })},
			"nobody's":         {resale.EventFilter{CustomerID: e.ID}, ""},
		} {
			tt.f.Limit = 7
			if got := strings.Join(read(tt.f), " "); got != tt.want {
				d.Errorf("%s lines are %s, not %s", name, got, tt.want)
			}
		}
	})
}
