package sandbox

import (
	"strings"
	"testing"
	"time"
)

func TestTheClockIsMoved(t *testing.T) {
	r := newWays(t)
	e := r.one("c", "LATER", statusActiveEnding) // since 9:02; it is 9:03
	r.MoveClock(endsAfter - 2*time.Minute)
	r.wantStatus(e.ID, statusActiveEnding)
	r.MoveClock(time.Minute)
	r.wantStatus(e.ID, statusCancelled) // by now, and not some time later
	if want := nine.Add(endsAfter + 2*time.Minute); !r.Now().Equal(want) || !r.newest().LastUpdated.Equal(want.Truncate(time.Second)) || !r.newest().Ended.Equal(e.Ended) {
		t.Errorf("it is %s, want %s; %+v", r.Now(), want, r.newest())
	}
	r.wantTold("CANCELLED:TERMINATION_SUCCESS")

	// Back again: what ended stays so.
	r.MoveClock(-endsAfter)
	r.wantStatus(e.ID, statusCancelled)
	if want := nine.Add(2 * time.Minute); !r.Now().Equal(want) {
		t.Errorf("it is %s, want %s", r.Now(), want)
	}
}

func TestAMovedClockBringsQueuedChanges(t *testing.T) {
	r := newWays(t)
	e := r.one("c", "STUCK", statusActive) // it takes an hour
	r.ask(suspend, e.ID)
	r.MoveClock(59 * time.Minute)
	r.wantStatus(e.ID, statusActive)
	r.MoveClock(time.Minute)
	eventually(t, "suspended", func() bool { return r.newest().Status == statusSuspended })
	r.wantTold("SUSPENDED:SUSPENSION_SUCCESS")
}

func TestWhatExpiresIsEnded(t *testing.T) {
	for _, status := range []string{statusPending, statusActive, statusSuspended, statusActiveEnding} {
		r := newShops(t)
		e := r.one("c", "NOW", status)
		r.patch(e.ID, `"dateExpiry":"2021-03-02T09:00:00Z","extensionData":{"a":1}`)
		before, _ := r.told()
		r.MoveClock(23 * time.Hour)
		r.wantStatus(e.ID, status)
		if status == statusActive {
			r.clock.advance(time.Hour) // the sandbox looks by itself, too
			eventually(t, "expired", func() bool { return r.newest().Status == statusCancelled })
		} else {
			r.MoveClock(time.Hour)
		}
		r.wantStatus(e.ID, statusCancelled)
		all, newest := r.told()
		if len(all) != len(before)+1 || all[len(before)] != "CANCELLED:TERMINATION_SUCCESS" || !strings.Contains(newest,
			`"extensionData":{"a":1,"cancelReasonCategory":"CUSTOMER_CANCELLED","cancelReasonCode":"EXPIRED"}`) {
			t.Errorf("%s: told %q, at last %s", status, all, newest)
		}
		if got := r.newest(); !got.Ended.Equal(r.now()) {
			t.Errorf("%s: it ended at %s; it is %s", status, got.Ended, r.now())
		}
		r.MoveClock(time.Hour)
		if all, _ := r.told(); len(all) != len(before)+1 {
			t.Errorf("%s: told %q", status, all)
		}
	}
	// Where the clock moves past both, what comes first counts: the expiry,
	r := newShops(t)
	e := r.one("c", "NOW", statusActiveEnding)
	r.patch(e.ID, `"dateExpiry":"2021-03-02T00:00:00Z"`)
	r.MoveClock(90 * 24 * time.Hour)
	if _, newest := r.told(); !strings.Contains(newest, `"status":"CANCELLED"`) || !strings.Contains(newest, "EXPIRED") || !r.newest().Ended.Equal(r.now()) {
		t.Errorf("told %s", newest)
	}
	// or the end that was announced.
	r = newShops(t)
	e = r.one("c", "NOW", statusActiveEnding)
	r.patch(e.ID, `"dateExpiry":"2021-05-01T00:00:00Z"`)
	r.MoveClock(90 * 24 * time.Hour)
	if _, newest := r.told(); !strings.Contains(newest, `"status":"CANCELLED"`) || strings.Contains(newest, "EXPIRED") {
		t.Errorf("told %s", newest)
	}
	if got := r.newest(); !got.Ended.Equal(e.Ended) {
		t.Errorf("it ended at %s, want %s", got.Ended, e.Ended)
	}
}

func TestARegistrationURLExpires(t *testing.T) {
	r := newShops(t)
	e := r.create("c", "SHORT", "p") // an hour
	r.MoveClock(time.Hour - time.Second)
	r.wantPage(e.RegistrationURL, 200, "<h1>Sign up for P</h1>")
	r.MoveClock(time.Second)
	r.wantPage(e.RegistrationURL, 410, "<h1>This link has expired</h1>")
	if status, _, body := r.press(e.RegistrationURL, "finish"); status != 410 || !strings.Contains(body, "Nothing was done") {
		t.Errorf("HTTP %d %s", status, body)
	}
	r.wantStatus(e.ID, statusPending)
	status, answer := r.call("POST", "/v1/entitlement", r.body("c", "SHORT", "p"))
	fresh := r.newest().RegistrationURL
	if status != 202 || member(answer, "entitlementId") != e.ID || fresh == e.RegistrationURL || !strings.Contains(answer, fresh) || strings.Contains(answer, "urlExpiry") {
		t.Errorf("HTTP %d %s", status, answer)
	}
	if status, location, _ := r.press(fresh, "finish"); status != 303 {
		t.Errorf("HTTP %d %s", status, location)
	}
	r.wantStatus(e.ID, statusActive)
	r.MoveClock(2 * time.Hour) // where it is done, an old link says so
	r.wantPage(e.RegistrationURL, 200, "<h1>You are already signed up</h1>")
	r.delivered()
}

// What the end user has not agreed to yet is asked for again by the same update.
func TestAFreshURLForAnUpdate(t *testing.T) {
	r := newShops(t)
	e := r.one("c", "ASKS", statusActive)
	r.patch(e.ID, `"productKey":"q"`)
	first := r.newest().RegistrationURL
	status, answer := r.patch(e.ID, `"productKey":"q"`)
	if fresh := r.newest().RegistrationURL; status != 202 || fresh == first || !strings.Contains(answer, fresh) {
		t.Errorf("HTTP %d %s", status, answer)
	}
	r.complete(e.ID, Finish)
	r.wantTold("ACTIVE:PRODUCT_UPDATE")
}
