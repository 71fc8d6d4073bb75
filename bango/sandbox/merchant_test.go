package sandbox

import (
	"net/url"
	"strings"
	"testing"
)

// What becomes of each status by what a merchant does by itself: the status after it and the notification's reason, or ! where it is not
// possible. What takes its time otherwise happens at once.
func TestWhatAMerchantDoesByItself(t *testing.T) {
	const table = `
		action  PENDING                        ACTIVE                         SUSPENDED                      ACTIVE-ENDING                  CANCELLED  REVOKED  FAILED
		cancel  CANCELLED:TERMINATION_SUCCESS  ACTIVE-ENDING:TERMINATION_PENDING CANCELLED:TERMINATION_SUCCESS !                            !          !        !
		revoke  REVOKED:TERMINATION_SUCCESS    REVOKED:TERMINATION_SUCCESS    REVOKED:TERMINATION_SUCCESS    REVOKED:TERMINATION_SUCCESS    !          !        !
		decline CANCELLED:TERMINATION_SUCCESS  !                              !                              !                              !          !        !
		suspend !                              SUSPENDED:SUSPENSION_SUCCESS   !                              !                              !          !        !
		resume  !                              !                              ACTIVE:RESUMPTION_SUCCESS      !                              !          !        !
		product PENDING:PRODUCT_UPDATE         ACTIVE:PRODUCT_UPDATE          SUSPENDED:PRODUCT_UPDATE       ACTIVE-ENDING:PRODUCT_UPDATE   !          !        !
		fail    FAILED:METADATA_UPDATE         FAILED:METADATA_UPDATE         FAILED:METADATA_UPDATE         FAILED:METADATA_UPDATE         !          !        !
		recover !                              !                              !                              !                              !          !        ACTIVE:METADATA_UPDATE`
	rows := strings.Split(strings.TrimSpace(table), "\n")
	statuses := strings.Fields(rows[0])[1:]
	for _, row := range rows[1:] {
		fields := strings.Fields(row)
		for i, status := range statuses {
			r := newShops(t)
			first := status
			if status == statusFailed {
				first = statusActive
			}
			before := r.one("c", "SLOW", first)
			var already []string
			if status == statusFailed {
				if err := r.MerchantChange(before.ID, MerchantChange{Action: MerchantFail}); err != nil {
					t.Fatal(err)
				}
				already = append(already, "FAILED:METADATA_UPDATE")
			}
			err := r.MerchantChange(before.ID, MerchantChange{Action: MerchantAction(fields[0]), ProductKey: "q"})
			after, want := r.newest(), fields[1+i]
			name := fields[0] + " of " + status
			if want == "!" {
				if err == nil || after.Status != status {
					t.Errorf("%s: %v, and it is %s", name, err, after.Status)
				}
				r.wantTold(already...)
				continue
			}
			if to, _, _ := strings.Cut(want, ":"); err != nil || after.Status != to {
				t.Errorf("%s: %v, and it is %s", name, err, after.Status)
			}
			if wantProduct := map[bool]string{true: "q", false: "p"}[fields[0] == "product"]; after.ProductKey != wantProduct {
				t.Errorf("%s: the product is %s", name, after.ProductKey)
			}
			r.wantTold(append(already, want)...)
		}
	}
}

func TestAMerchantChangeSaysWhatIsWrong(t *testing.T) {
	r := newShops(t)
	e := r.one("c", "ASKS", statusActive)
	want := func(id string, c MerchantChange, text string) {
		t.Helper()
		if err := r.MerchantChange(id, c); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("got %v, want one with %q", err, text)
		}
	}
	want("none", MerchantChange{Action: MerchantRevoke}, "there is no entitlement")
	want(e.ID, MerchantChange{Action: "sell"}, `"sell" is nothing that a merchant does`)
	want(e.ID, MerchantChange{Action: MerchantProduct, ProductKey: "x"}, "productKey parameter is invalid")
	want(e.ID, MerchantChange{Action: MerchantProduct, ProductKey: "p"}, "it is that product already")
	want(e.ID, MerchantChange{Action: MerchantRecover}, "the entitlement is ACTIVE, so there is no recover")
	r.patch(e.ID, `"productKey":"q"`)
	want(e.ID, MerchantChange{Action: MerchantProduct, ProductKey: "p"}, "the end user has still to agree")

	// The customer came back after a failure: there is only one live.
	failed := r.one("d", "NOW", statusActive)
	if err := r.MerchantChange(failed.ID, MerchantChange{Action: MerchantFail}); err != nil {
		t.Fatal(err)
	}
	r.create("d", "NOW", "p")
	want(failed.ID, MerchantChange{Action: MerchantRecover}, "the customer has another one there meanwhile")
	r.delivered()
}

// A merchant that asks the end user does not ask them about what it does by itself.
func TestAMerchantChangesTheProductByItself(t *testing.T) {
	r := newShops(t)
	e := r.one("c", "ASKS", statusActive)
	if err := r.MerchantChange(e.ID, MerchantChange{Action: MerchantProduct, ProductKey: "q"}); err != nil {
		t.Fatal(err)
	}
	r.wantTold("ACTIVE:PRODUCT_UPDATE")
	if got := r.newest(); got.ProductKey != "q" {
		t.Errorf("%+v", got)
	}
}

// pressEntitlement presses a button of an entitlement's page.
func (r *rig) pressEntitlement(id, action, product string, header ...string) (status int, location, body string) {
	r.t.Helper()
	return r.pressForm(r.server.URL+"/entitlement", url.Values{"id": {id}, "action": {action}, "product": {product}}, header...)
}

func TestTheEntitlementPage(t *testing.T) {
	r := newShops(t)
	e := r.one("cust-001", "NOW", statusActive)
	r.wantPage(r.server.URL+"/", 200, `<a href="`+entitlementPath(e.ID)+`">`)
	address := r.server.URL + entitlementPath(e.ID)
	r.wantPage(address, 200, "<h1>ACTIVE: p for cust-001</h1>", "1 Mar 2021 09:02:00 UTC", `value="cancel"`, `value="revoke"`, `value="suspend"`, `value="fail"`,
		`<button name="product" value="q">Change to Q</button>`, "&#34;entitlementId&#34;")
	_, body := r.page(address)
	for _, never := range []string{`value="resume"`, `value="decline"`, `value="recover"`, `value="p"`, "registration page", "<script"} {
		if strings.Contains(body, never) {
			t.Errorf("the page has %s", never)
		}
	}
	for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}} {
		if status, _, _ := r.pressEntitlement(e.ID, "revoke", "", header...); status != 403 {
			t.Errorf("%v: HTTP %d", header, status)
		}
	}
	r.wantStatus(e.ID, statusActive)
	if status, location, _ := r.pressEntitlement(e.ID, "suspend", "", "Sec-Fetch-Site", "same-origin"); status != 303 || location != entitlementPath(e.ID) {
		t.Errorf("HTTP %d to %s", status, location)
	}
	if status, location, _ := r.pressEntitlement(e.ID, "product", "q"); status != 303 || location != entitlementPath(e.ID) {
		t.Errorf("HTTP %d to %s", status, location)
	}
	r.wantTold("SUSPENDED:SUSPENSION_SUCCESS", "SUSPENDED:PRODUCT_UPDATE")
	if status, _, body := r.pressEntitlement(e.ID, "decline", ""); status != 409 || !strings.Contains(body, "Nothing was done: the entitlement is SUSPENDED, so there is no decline") {
		t.Errorf("HTTP %d %s", status, body)
	}
	if status, _, _ := r.pressEntitlement("none", "revoke", ""); status != 404 {
		t.Errorf("of none: HTTP %d", status)
	}
	r.wantPage(r.server.URL+"/entitlement?id=none", 404, "There is no such entitlement")
	r.pressEntitlement(e.ID, "revoke", "")
	r.wantPage(address, 200, "<h1>REVOKED: q for cust-001</h1>", "Nothing, as it is now.")
	r.delivered()
}
