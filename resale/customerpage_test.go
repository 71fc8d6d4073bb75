package resale_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"latchkey/resale"
)

// told returns what the customer's timeline says, newest first.
func (d *desk) told() (texts []string) {
	d.Helper()
	events, err := d.store.CustomerEvents(d.ctx, d.zoe.ID, 100)
	if err != nil {
		d.Fatal(err)
	}
	for _, e := range events {
		texts = append(texts, e.Actor.Name+" "+e.Text)
	}
	return texts
}

func TestNotes(t *testing.T) {
	onEachStore(t, func(d *desk) {
		bob := resale.StaffActor(resale.Staff{ID: "s-9", Name: "Bob", Role: resale.Agent})
		listener := d.hub.Listen(resale.TopicCustomer(d.zoe.ID))
		defer listener.Close()
		first, err := d.service.AddNote(d.ctx, d.ana, d.zoe.ID, "  Calls from\r\nabroad  ", true)
		if err != nil || first.Text != "Calls from\nabroad" {
			d.Fatalf("%q, %v", first.Text, err)
		}
		<-listener.Signal // open pages follow
		if again, err := d.service.AddNote(d.ctx, d.ana, d.zoe.ID, "Calls from\nabroad", true); err != nil || again.ID != first.ID {
			d.Errorf("a second click is %q, %v", again.ID, err)
		}
		second, err := d.service.AddNote(d.ctx, bob, d.zoe.ID, strings.Repeat("é", resale.MaxNote), false)
		if err != nil {
			d.Fatal(err)
		}
		pinned := func(want string) {
			d.Helper()
			n, err := d.store.PinnedNote(d.ctx, d.zoe.ID)
			if want == "" && resale.CodeOf(err) == resale.CodeNotFound {
				return
			}
			if err != nil || n.ID != want {
				d.Errorf("the pinned note is %q, %v", n.Text, err)
			}
		}
		pinned(first.ID)
		for range 2 { // twice is once
			if err := d.service.PinNote(d.ctx, d.ana, d.zoe.ID, second.ID, true); err != nil {
				d.Fatal(err)
			}
		}
		pinned(second.ID)
		if err := d.service.PinNote(d.ctx, bob, d.zoe.ID, second.ID, false); err != nil {
			d.Fatal(err)
		}
		pinned("")
		if err := d.service.PinNote(d.ctx, bob, d.zoe.ID, first.ID, true); err != nil {
			d.Fatal(err)
		}
		if err := d.service.WithdrawNote(d.ctx, bob, d.zoe.ID, first.ID); resale.CodeOf(err) != resale.CodeForbidden {
			d.Errorf("somebody else withdraws it: %v", err)
		}
		if err := d.service.WithdrawNote(d.ctx, d.ana, d.zoe.ID, first.ID); err != nil {
			d.Error(err)
		}
		if err := d.service.WithdrawNote(d.ctx, sofia, d.zoe.ID, second.ID); err != nil {
			d.Error(err)
		}
		pinned("")
		if err := d.service.PinNote(d.ctx, bob, d.zoe.ID, first.ID, true); resale.CodeOf(err) != resale.CodeConflict {
			d.Errorf("what was withdrawn is pinned: %v", err)
		}
		notes, err := d.store.NotesOf(d.ctx, d.zoe.ID, 10)
		if err != nil || len(notes) != 2 || notes[0].ID != second.ID || notes[0].WithdrawnBy != "Sofia" || notes[1].Holds() {
			d.Errorf("%v, %v", notes, err)
		}
		want := []string{"Sofia withdrew a note of Bob", "Ana withdrew a note of Ana", "Bob pinned a note of Ana", "Bob took a note from the top of the page",
			"Ana pinned a note of Bob", "Bob added a note", "Ana added a note and pinned it", "Ana added the customer"}
		if got := d.told(); !slices.Equal(got, want) {
			d.Errorf("the timeline tells %q", got)
		}

		for name, tt := range map[string]struct {
			by   resale.Actor
			of   string
			text string
			code resale.Code
		}{
			"a viewer":    {d.victor, d.zoe.ID, "x", resale.CodeForbidden},
			"nobody's":    {d.ana, "nobody", "x", resale.CodeNotFound},
			"nothing":     {d.ana, d.zoe.ID, " \n ", resale.CodeInvalid},
			"too long":    {d.ana, d.zoe.ID, strings.Repeat("é", resale.MaxNote+1), resale.CodeInvalid},
			"a NUL":       {d.ana, d.zoe.ID, "a\x00", resale.CodeInvalid},
			"broken text": {d.ana, d.zoe.ID, "\xff", resale.CodeInvalid},
		} {
			if _, err := d.service.AddNote(d.ctx, tt.by, tt.of, tt.text, false); resale.CodeOf(err) != tt.code {
				d.Errorf("%s: %v", name, err)
			}
		}
		if err := d.service.PinNote(d.ctx, d.ana, "another", first.ID, true); resale.CodeOf(err) != resale.CodeNotFound {
			d.Errorf("a note of another customer: %v", err)
		}
	})
}

// However many pin at once, one note is pinned.
func TestOneNoteIsPinned(t *testing.T) {
	onEachStore(t, func(d *desk) {
		var pinning sync.WaitGroup
		for i := range 8 {
			pinning.Go(func() {
				if _, err := d.service.AddNote(d.ctx, d.ana, d.zoe.ID, fmt.Sprint("note ", i), true); err != nil {
					d.Error(err)
				}
			})
		}
		pinning.Wait()
		notes, err := d.store.NotesOf(d.ctx, d.zoe.ID, 10)
		pinned := slices.DeleteFunc(notes, func(n resale.Note) bool { return !n.Pinned })
		if err != nil || len(pinned) != 1 {
			d.Errorf("%d are pinned, %v", len(pinned), err)
		}
	})
}

func TestTags(t *testing.T) {
	onEachStore(t, func(d *desk) {
		other, err := d.service.AddCustomer(d.ctx, d.ana, resale.Customer{Identifier: "cust-2", Name: "Yann"})
		if err != nil {
			d.Fatal(err)
		}
		add := func(id, list string) {
			d.Helper()
			if err := d.service.AddTags(d.ctx, d.ana, id, list); err != nil {
				d.Fatal(err)
			}
		}
		tags := func(id, want string) {
			d.Helper()
			got, err := d.store.TagsOf(d.ctx, id)
			if err != nil || strings.Join(got, ",") != want {
				d.Errorf("the tags are %q, %v; want %s", got, err, want)
			}
		}
		add(d.zoe.ID, " Café  VIP, late payer,, CAFE vip")
		add(other.ID, "cafe vip")
		tags(d.zoe.ID, "Café VIP,late payer")
		tags(other.ID, "Café VIP")
		if in, err := d.store.TagsInUse(d.ctx, 10); err != nil || !slices.Equal(in, []string{"Café VIP", "late payer"}) {
			d.Errorf("in use are %q, %v", in, err)
		}
		first, err := d.store.CustomersByTag(d.ctx, "CAFÉ vip", "", 1)
		if err != nil || len(first) != 1 || first[0].ID != d.zoe.ID {
			d.Fatalf("%v, %v", first, err)
		}
		if rest, err := d.store.CustomersByTag(d.ctx, "café vip", first[0].ID, 10); err != nil || len(rest) != 1 || rest[0].ID != other.ID {
			d.Errorf("the next page is %v, %v", rest, err)
		}
		for range 2 { // twice is once
			if err := d.service.RemoveTag(d.ctx, d.ana, d.zoe.ID, "cafe VIP"); err != nil {
				d.Fatal(err)
			}
		}
		tags(d.zoe.ID, "late payer")
		if err := d.service.RemoveTag(d.ctx, d.ana, other.ID, "Café VIP"); err != nil {
			d.Fatal(err)
		}
		if _, err := d.store.Tag(d.ctx, "cafe vip"); resale.CodeOf(err) != resale.CodeNotFound {
			d.Errorf("a tag that nobody has: %v", err)
		}
		add(other.ID, "cafe VIP") // written anew
		tags(other.ID, "cafe VIP")

		for i := range resale.MaxTags - 1 {
			add(d.zoe.ID, fmt.Sprint("tag ", i))
		}
		if err := d.service.AddTags(d.ctx, d.ana, d.zoe.ID, "one,too many"); resale.CodeOf(err) != resale.CodeInvalid {
			d.Errorf("more than there may be: %v", err)
		}
		if got, err := d.store.TagsOf(d.ctx, d.zoe.ID); err != nil || len(got) != resale.MaxTags {
			d.Errorf("%d tags, %v", len(got), err)
		}
		for name, tt := range map[string]struct {
			by   resale.Actor
			of   string
			list string
			code resale.Code
		}{
			"a viewer": {d.victor, d.zoe.ID, "x", resale.CodeForbidden},
			"nobody's": {d.ana, "nobody", "x", resale.CodeNotFound},
			"nothing":  {d.ana, d.zoe.ID, " , ", resale.CodeInvalid},
			"too long": {d.ana, other.ID, strings.Repeat("é", resale.MaxTag+1), resale.CodeInvalid},
			"a NUL":    {d.ana, other.ID, "a\x00", resale.CodeInvalid},
			"accents":  {d.ana, other.ID, "\u0301", resale.CodeInvalid},
		} {
			if err := d.service.AddTags(d.ctx, tt.by, tt.of, tt.list); resale.CodeOf(err) != tt.code {
				d.Errorf("%s: %v", name, err)
			}
		}
		add(other.ID, strings.Repeat("é", resale.MaxTag))
		if told := d.told(); !slices.Contains(told, "Ana added the tags “Café VIP”, “late payer”") || !slices.Contains(told, "Ana removed the tag “cafe VIP”") {
			d.Errorf("the timeline tells %q", told)
		}
	})
}

func TestEditCustomer(t *testing.T) {
	onEachStore(t, func(d *desk) {
		seen := d.zoe
		to := resale.Customer{Name: "Zoë Example", Email: "zoe@example.com"}
		for range 2 { // a second click finds it done
			if err := d.service.EditCustomer(d.ctx, d.ana, d.zoe.ID, seen, to); err != nil {
				d.Fatal(err)
			}
		}
		if got, want := d.told(), "Ana changed the name from “Zoë” to “Zoë Example”, added the e-mail address “zoe@example.com”"; len(got) != 2 || got[0] != want {
			d.Errorf("the timeline tells %q", got)
		}
		err := d.service.EditCustomer(d.ctx, sofia, d.zoe.ID, seen, resale.Customer{Name: "Zoe", Phone: "+44 20 7946 0000"})
		if resale.CodeOf(err) != resale.CodeConflict || !strings.Contains(err.Error(), "changed the name from “Zoë” to “Zoë Example”, added the e-mail address") {
			d.Errorf("a stale edit: %v", err)
		}
		now, err := d.store.Customer(d.ctx, d.zoe.ID)
		if err != nil || now.Name != "Zoë Example" || now.Phone != "" || now.Identifier != "cust-1" {
			d.Errorf("%+v, %v", now, err)
		}
		if err := d.service.EditCustomer(d.ctx, sofia, d.zoe.ID, now, resale.Customer{Name: "Zoe", Phone: "+44 20 7946 0000"}); err != nil {
			d.Error(err)
		}
		if got, want := d.told()[0], "Sofia changed the name from “Zoë Example” to “Zoe”, removed the e-mail address “zoe@example.com”, added the phone number “+44 20 7946 0000”"; got != want {
			d.Errorf("the timeline tells %q", got)
		}
		if found, err := d.store.SearchCustomers(d.ctx, "442079460000", 10); err != nil || len(found) != 1 {
			d.Errorf("by the new number: %v, %v", found, err)
		}
		if err := d.service.EditCustomer(d.ctx, d.victor, d.zoe.ID, now, to); resale.CodeOf(err) != resale.CodeForbidden {
			d.Errorf("a viewer: %v", err)
		}
		if err := d.service.EditCustomer(d.ctx, d.ana, d.zoe.ID, now, resale.Customer{Phone: "call me"}); resale.CodeOf(err) != resale.CodeInvalid {
			d.Errorf("no phone number: %v", err)
		}
		if err := d.service.EditCustomer(d.ctx, d.ana, "nobody", now, to); resale.CodeOf(err) != resale.CodeNotFound {
			d.Errorf("nobody: %v", err)
		}
	})
}
