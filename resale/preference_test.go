package resale_test

import (
	"strings"
	"testing"

	"latchkey/resale"
)

func TestPreferencesAreEachPersonsOwn(t *testing.T) {
	const name = resale.PreferenceName("columns")
	onEachStore(t, func(d *desk) {
		for _, value := range []string{"ref", "ref,status"} { // the last one counts
			if err := d.service.Prefer(d.ctx, d.ana, name, value); err != nil {
				d.Fatal(err)
			}
		}
		for by, want := range map[resale.Actor]string{d.ana: "ref,status", d.victor: ""} {
			set, err := d.service.Preferences(d.ctx, by)
			if err != nil || set[name] != want {
				d.Errorf("%s has %q, want %q: %v", by.Name, set[name], want, err)
			}
		}
		for _, value := range []string{strings.Repeat("x", 2049), "a\x00b"} {
			if err := d.service.Prefer(d.ctx, d.ana, name, value); resale.CodeOf(err) != resale.CodeInvalid {
				d.Errorf("a preference of %d bytes is answered %v", len(value), err)
			}
		}
		if err := d.service.Prefer(d.ctx, resale.TheCustomer, name, "x"); resale.CodeOf(err) != resale.CodeForbidden {
			d.Errorf("a customer has preferences: %v", err)
		}
	})
}
