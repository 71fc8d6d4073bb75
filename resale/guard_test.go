package resale_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/resale"
)

// start asks for the product for Zoë as one of the portal's forms does.
func (d *desk) start(by resale.Actor, form string, anyway bool) (resale.Entitlement, error) {
	return d.service.CreateEntitlement(d.ctx, by, resale.NewEntitlement{CustomerID: d.zoe.ID, ProductID: d.product.ID, FormToken: form, Anyway: anyway})
}

func TestASecondPersonIsTold(t *testing.T) {
	onEachStore(t, func(d *desk) {
		form := resale.NewFormToken()
		first, err := d.start(d.ana, form, false)
		if err != nil {
			d.Fatal(err)
		}
		refused := func(when string, by resale.Actor, says string) {
			d.Helper()
			_, err := d.start(by, resale.NewFormToken(), false)
			fault, _ := err.(*resale.Error)
			if fault == nil || fault.Code != resale.CodeConflict || fault.Field != "anyway" || !strings.Contains(fault.Message, says) || !strings.Contains(fault.Message, first.Ref) {
				d.Errorf("%s: %v", when, err)
			}
		}
		refused("a colleague", sofia, "Ana started")
		refused("another tab", d.ana, "You started")
		if again, err := d.start(sofia, form, false); err != nil || again.ID != first.ID {
			d.Errorf("the same form leads to %s, %v", again.Ref, err)
		}
		d.clock.turn(3 * time.Hour)
		refused("hours later, while nothing is known of it", sofia, "REQUESTED")
		d.clock.turn(-3 * time.Hour)
		d.bango.create = []resale.Answer{mustRegister}
		d.step()
		refused("PENDING just now", sofia, "PENDING")
		// Neither another customer's nor one at another merchant is in the way.
		noor, err := d.service.AddCustomer(d.ctx, d.ana, resale.Customer{Identifier: "cust-2"})
		if err != nil {
			d.Fatal(err)
		}
		if _, err := d.service.CreateEntitlement(d.ctx, d.ana, resale.NewEntitlement{CustomerID: noor.ID, ProductID: d.product.ID, FormToken: resale.NewFormToken()}); err != nil {
			d.Errorf("for another customer: %v", err)
		}
		d.clock.turn(2 * time.Minute)
		if _, err := d.start(sofia, resale.NewFormToken(), false); err != nil {
			d.Errorf("two minutes later: %v", err)
		}
		if _, err := d.start(sofia, resale.NewFormToken(), true); err != nil {
			d.Errorf("meant: %v", err)
		}
	})
}

// What has come to nothing is in nobody's way.
func TestWhatWasRefusedIsInNobodysWay(t *testing.T) {
	onEachStore(t, func(d *desk) {
		d.bango.create = []resale.Answer{refused}
		for range 2 {
			if _, err := d.start(d.ana, resale.NewFormToken(), false); err != nil {
				d.Fatal(err)
			}
			d.step()
		}
	})
}

// Many people at once, each with a form of their own: one of them starts it, the others are told.
func TestManyStartAtOnce(t *testing.T) {
	onEachStore(t, func(d *desk) {
		var mu sync.Mutex
		started, told := 0, 0
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				_, err := d.start(d.ana, resale.NewFormToken(), false)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					started++
				case resale.CodeOf(err) == resale.CodeConflict:
					told++
				default:
					d.Error(err)
				}
			})
		}
		all.Wait()
		if started != 1 || told != 7 {
			d.Errorf("%d started it, %d were told", started, told)
		}
	})
}

func TestMostUsed(t *testing.T) {
	onEachStore(t, func(d *desk) {
		const more = "merchantAccountKey,merchantName,productKey,productName,offerKey,offerName\n" +
			"BANGO,Bango,A,A,,\nBANGO,Bango,B,B,,\nBANGO,Bango,C,C,,\n"
		if _, err := d.service.ImportCatalogue(d.ctx, strings.NewReader(more)); err != nil {
			d.Fatal(err)
		}
		if none, err := d.store.MostUsed(d.ctx, 100, 3); err != nil || len(none) != 0 {
			d.Errorf("%v, %v", none, err)
		}
		ids := map[string]string{}
		products, err := d.store.Products(d.ctx)
		if err != nil {
			d.Fatal(err)
		}
		for _, p := range products {
			ids[p.Key] = p.ID
		}
		for _, key := range strings.Fields("BangoMusic BangoMusic BangoMusic BangoMusic A B B B C C") {
			if _, err := d.service.CreateEntitlement(d.ctx, d.ana, resale.NewEntitlement{CustomerID: d.zoe.ID, ProductID: ids[key],
				FormToken: resale.NewFormToken(), Anyway: true}); err != nil {
				d.Fatal(err)
			}
		}
		for _, tt := range []struct {
			of, limit int
			want      string
		}{{100, 3, "BangoMusic B C"}, {100, 1, "BangoMusic"}, {5, 3, "B C"}} {
			got, err := d.store.MostUsed(d.ctx, tt.of, tt.limit)
			want := ""
			for _, key := range strings.Fields(tt.want) {
				want += ids[key] + " "
			}
			if err != nil || strings.Join(got, " ")+" " != want {
				d.Errorf("of the last %d: %v, %v; want %s", tt.of, got, err, tt.want)
			}
		}
	})
}
