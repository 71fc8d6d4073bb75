package resale_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"latchkey/resale"
)

func TestTheOneBoxFindsInGroups(t *testing.T) {
	onEachStore(t, func(d *desk) {
		e := d.create()
		requests, err := d.store.RequestsOf(d.ctx, e.ID, 1)
		if err != nil || len(requests) != 1 {
			d.Fatal(requests, err)
		}
		for _, c := range []resale.Customer{
			{Identifier: "anz", Name: "Martín Ángel", Phone: "020 7946 0123"},
			{Identifier: "anz-2", Name: "Xanz"},
			{Identifier: "447946", Name: "Angel Martin", Phone: "+44 (0)7911 123456"},
		} {
			if _, err := d.service.AddCustomer(d.ctx, d.ana, c); err != nil {
				d.Fatal(err)
			}
		}
		err = d.store.Write(d.ctx, func(ctx context.Context, tx resale.Tx) error {
			return tx.IndexText(ctx, resale.Text{Kind: resale.TextNote, ID: "n", CustomerID: e.CustomerID, Text: "angel investor"})
		})
		if err != nil {
			d.Fatal(err)
		}
		for q, want := range map[string]string{
			e.Ref:                                  "entitlement!",
			strings.ToLower(e.Ref[:4] + e.Ref[5:]): "entitlement!",
			requests[0].ID:                         "request!",
			requests[0].ID[:30]:                    "request",
			"anz":                                  "anz! anz anz-2",
			"martin angel":                         "anz",
			"martin 7911":                          "447946",
			"martin anz":                           "anz",
			"angel":                                "447946 anz text",
			"+44 20 7946 0123":                     "?anz",
			"07911 123456":                         "447946",
			"+44 7911-123456":                      "447946",
			"+49 20 7946 0123":                     "?anz",
			"nobody":                               "",
			"":                                     "",
		} {
			found, err := d.service.Search(d.ctx, d.victor, " "+q+" ", 5)
			var got []string
			if found.Whole.Kind == resale.HitCustomer {
				got = append(got, found.Whole.Identifier+"!")
			} else if found.Whole.Kind != "" {
				got = append(got, string(found.Whole.Kind)+"!")
			}
			for _, h := range slices.Concat(found.Groups()...) {
				name := string(h.Kind)
				if h.Kind == resale.HitCustomer {
					name = h.Identifier
				}
				if h.ID != found.Whole.ID || h.Kind == resale.HitCustomer {
					got = append(got, name)
				}
			}
			said := strings.Join(got, " ")
			if found.Distant {
				said = "?" + said
			}
			if err != nil || said != want {
				d.Errorf("%q finds %q, want %q: %v", q, said, want, err)
			}
		}
		for q, opens := range map[string]bool{e.Ref: true, "anz": true, "07911 123456": true, "angel": false, "+44 20 7946 0123": false, "investor": false, "nobody": false} {
			if found, err := d.service.Search(d.ctx, d.victor, q, 5); err != nil {
				d.Error(err)
			} else if _, ok := found.Opens(); ok != opens {
				d.Errorf("%q opens something: %v", q, ok)
			}
		}
		if few, err := d.service.Search(d.ctx, d.victor, "an", 1); err != nil || few.Count() != 0 {
			d.Errorf("%+v, %v", few, err)
		}
		if few, err := d.service.Search(d.ctx, d.victor, "ang", 1); err != nil || len(few.Customers) != 1 {
			d.Errorf("%d customers where one was asked for, %v", len(few.Customers), err)
		}
		if _, err := d.service.Search(d.ctx, resale.TheCustomer, "angel", 5); resale.CodeOf(err) != resale.CodeForbidden {
			d.Errorf("a customer searches: %v", err)
		}
	})
}

func TestAPartOfARef(t *testing.T) {
	for q, want := range map[string]string{"k7q4x2md": "K7Q4-X2MD", "K7Q4-X2": "K7Q4-X2", "k7q 4x": "K7Q4-X", "k7q": "K7Q", "K7Q4": "K7Q4", "k7": "",
		"mar": "", "marc": "MARC", "zoe": "", "0000": "", "K7Q4-X2MD9": "", "": "", "K7Q4 %": ""} {
		if got, ok := resale.ParseRefPart(q); got != want || ok != (want != "") {
			t.Errorf("%q is taken for %q, want %q", q, got, want)
		}
	}
}

func TestPhoneDigits(t *testing.T) {
	for q, want := range map[string]string{"+44 (0)20": "4420", "0044 (0) 20": "4420", "(0)20": "20", "0044": "44", "020 7946": "207946", "12a": "", "": "",
		"000": "", "+": "", "٣": ""} {
		if got := resale.PhoneDigits(q); got != want {
			t.Errorf("%q: %q, not %q", q, got, want)
		}
	}
}

func TestExplanationsAreFound(t *testing.T) {
	onEachStore(t, func(d *desk) {
		e := d.live()
		reason := resale.Reason{Category: "REVOKED", Code: "OTHER", Description: "Moved to Überlingen"}
		if _, err := d.service.Act(d.ctx, d.ana, e.Ref, resale.KindCancel, reason); err != nil {
			d.Fatal(err)
		}
		found, err := d.service.Search(d.ctx, d.victor, "uberlingen", 5)
		if err != nil || len(found.Texts) != 1 || found.Texts[0].Ref != e.Ref || found.Texts[0].Text != reason.Description {
			d.Errorf("%+v, %v", found.Texts, err)
		}
	})
}

func TestWhatAPersonOpenedLast(t *testing.T) {
	onEachStore(t, func(d *desk) {
		e := d.create()
		var want []string
		for i := range 9 {
			c, err := d.service.AddCustomer(d.ctx, d.ana, resale.Customer{Identifier: fmt.Sprint("many-", i)})
			if err != nil {
				d.Fatal(err)
			}
			want = append([]string{c.ID}, want...)
			if err := d.service.NoteOpened(d.ctx, d.ana, resale.TopicCustomer(c.ID)); err != nil {
				d.Fatal(err)
			}
		}
		gone := "00000000-0000-7000-8000-000000000000"
		for _, topic := range []string{resale.TopicEntitlement(gone), resale.TopicEntitlement(e.ID), resale.TopicCustomer(want[2]), resale.TopicCustomer(want[2])} {
			if err := d.service.NoteOpened(d.ctx, d.ana, topic); err != nil {
				d.Fatal(err)
			}
		}
		want = []string{want[2], e.ID, want[0], want[1], want[3], want[4], want[5]} // the one that is gone has a place
		opened, err := d.service.Opened(d.ctx, d.ana)
		var got []string
		for _, h := range opened {
			got = append(got, h.ID)
		}
		if err != nil || !slices.Equal(got, want) {
			d.Errorf("opened were %v, want %v: %v", got, want, err)
		}
		if opened[1].Ref != e.Ref || opened[1].Kind != resale.HitEntitlement || opened[0].Identifier != "many-6" {
			d.Errorf("%+v", opened[:2])
		}
		if others, err := d.service.Opened(d.ctx, d.victor); len(others) != 0 || err != nil {
			d.Errorf("another person has opened %v, %v", others, err)
		}
		for _, topic := range []string{"", "entitlements", "customer:", "customer:x", "staff:" + gone, "customer:" + gone + " customer:" + gone} {
			if err := d.service.NoteOpened(d.ctx, d.ana, topic); resale.CodeOf(err) != resale.CodeInvalid {
				d.Errorf("%q was opened: %v", topic, err)
			}
		}
	})
}

func TestWhatAPersonDismissed(t *testing.T) {
	onEachStore(t, func(d *desk) {
		var first string
		for i := range 42 {
			id := fmt.Sprintf("00000000-0000-7000-8000-%012d", i)
			if err := d.service.Dismiss(d.ctx, d.ana, id); err != nil {
				d.Fatal(err)
			}
			first = id
		}
		set, err := d.service.Preferences(d.ctx, d.ana)
		if got := resale.Dismissed(set); err != nil || len(got) != 40 || got[0] != first {
			d.Errorf("%d are dismissed, first %s: %v", len(got), got[0], err)
		}
		if err := d.service.Dismiss(d.ctx, d.ana, "x y"); resale.CodeOf(err) != resale.CodeInvalid {
			d.Errorf("%v", err)
		}
	})
}
