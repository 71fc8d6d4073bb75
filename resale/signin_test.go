package resale_test

import (
	"testing"
	"time"

	"latchkey/resale"
)

const password = "correct horse battery"

func TestSignIn(t *testing.T) {
	onEachStore(t, func(d *desk) {
		person, token, err := d.service.AddStaff(d.ctx, " Ana@Example.com ", "Ana", resale.Agent, password)
		if err != nil || token != "" || person.Email != "ana@example.com" {
			d.Fatalf("%+v, %q, %v", person, token, err)
		}
		if _, err := d.service.SignIn(d.ctx, "ANA@example.com", password); err != nil {
			d.Errorf("with the right password: %v", err)
		}
		for name, try := range map[string][2]string{
			"a wrong password":     {"ana@example.com", password + "x"},
			"nobody":               {"bob@example.com", password},
			"no password":          {"ana@example.com", ""},
			"a very long password": {"ana@example.com", string(make([]byte, 1000))},
			"no address":           {"ana", password},
		} {
			if _, err := d.service.SignIn(d.ctx, try[0], try[1]); resale.CodeOf(err) != resale.CodeForbidden || err.Error() != "This e-mail address and password do not go together." {
				d.Errorf("%s: %v", name, err)
			}
		}
		if _, _, err := d.service.AddStaff(d.ctx, "ana@example.com", "", resale.Viewer, password); resale.CodeOf(err) != resale.CodeConflict {
			d.Errorf("the same address twice: %v", err)
		}
	})
}

func TestSetupLink(t *testing.T) {
	onEachStore(t, func(d *desk) {
		_, token, err := d.service.AddStaff(d.ctx, "sam@example.com", "", resale.Supervisor, "")
		if err != nil || token == "" {
			d.Fatal(token, err)
		}
		if _, err := d.service.SignIn(d.ctx, "sam@example.com", ""); resale.CodeOf(err) != resale.CodeForbidden {
			d.Errorf("without a password: %v", err)
		}
		if _, err := d.service.SetFirstPassword(d.ctx, token, "short"); resale.CodeOf(err) != resale.CodeInvalid {
			d.Errorf("a short password: %v", err)
		}
		if _, err := d.service.SetFirstPassword(d.ctx, token, password); err != nil {
			d.Errorf("the first time: %v", err)
		}
		if _, err := d.service.SetFirstPassword(d.ctx, token, password); resale.CodeOf(err) != resale.CodeNotFound {
			d.Errorf("the second time: %v", err)
		}
		if _, err := d.service.SignIn(d.ctx, "sam@example.com", password); err != nil {
			d.Error(err)
		}
		_, late, err := d.service.AddStaff(d.ctx, "late@example.com", "", resale.Viewer, "")
		if err != nil {
			d.Fatal(err)
		}
		d.clock.turn(24*time.Hour + time.Minute)
		if _, err := d.service.SetFirstPassword(d.ctx, late, password); resale.CodeOf(err) != resale.CodeNotFound {
			d.Errorf("after a day: %v", err)
		}
	})
}

func TestSessions(t *testing.T) {
	onEachStore(t, func(d *desk) {
		person, _, err := d.service.AddStaff(d.ctx, "ana@example.com", "Ana", resale.Agent, password)
		if err != nil {
			d.Fatal(err)
		}
		start := func() string {
			id, err := d.service.StartSession(d.ctx, person)
			if err != nil || len(id) < 43 {
				d.Fatalf("%q, %v", id, err)
			}
			return id
		}
		signedIn := func(id string) bool {
			who, err := d.service.SessionStaff(d.ctx, id)
			if err != nil && resale.CodeOf(err) != resale.CodeNotFound {
				d.Fatal(err)
			}
			return err == nil && who.ID == person.ID
		}
		id := start()
		if !signedIn(id) || signedIn(id+"x") || signedIn("") {
			d.Error("a session is not told from another")
		}
		if err := d.service.EndSession(d.ctx, id); err != nil || signedIn(id) {
			d.Errorf("it goes on after it was ended: %v", err)
		}
		idle := start()
		d.clock.turn(12*time.Hour + time.Minute)
		if signedIn(idle) {
			d.Error("it goes on after half a day without use")
		}
		used := start()
		for range 7*4 - 1 {
			d.clock.turn(6 * time.Hour)
			if !signedIn(used) {
				d.Fatal("it ended though it was used")
			}
		}
		d.clock.turn(6*time.Hour + time.Minute)
		if signedIn(used) {
			d.Error("it goes on after a week")
		}
	})
}
