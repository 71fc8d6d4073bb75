package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"latchkey/db"
	"latchkey/db/dbtest"
	"latchkey/resale"
)

// A bulk job of 2,000 rows ends right although the process is killed five times in between: during the dry run, and while it runs.
func TestBulkSurvivesKills(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database string) {
		rows, kills := times(2000), 5
		if strings.HasPrefix(database, "postgres") { // where a lease runs out by itself, since another portal may hold it
			rows, kills = times(200), 1
		}
		b := newBulkBench(t, database, rows)
		t.Parallel()
		if fault := b.suspendAndKill(atNoPoint, kills); fault != "" {
			t.Error(fault)
		}
	})
}

// It must notice a portal that asks for a row twice.
func TestBulkNoticesWhatIsAskedTwice(t *testing.T) {
	fault := newBulkBench(t, filepath.Join(t.TempDir(), "latchkey.db"), 20).suspendAndKill(askedTwice, 0)
	if fault == "" {
		t.Error("what was asked for twice was not noticed")
	} else {
		t.Log("noticed:", fault)
	}
}

// bulkBench is a bench with entitlements that are ACTIVE here and at the sandbox, and an address of the sandbox that notes who asks for what.
type bulkBench struct {
	*killBench
	of       []resale.Entitlement
	counting string // the address

	mu    sync.Mutex
	asked map[string]map[string]bool // request identifiers of what changes something, by Bango's id
}

func newBulkBench(t *testing.T, database string, rows int) *bulkBench {
	t.Helper()
	b := &bulkBench{killBench: newKillBenchOn(t, database), asked: map[string]map[string]bool{}}
	for i := range rows {
		e := resale.Entitlement{ID: uuid.NewString(), CustomerID: uuid.NewString(), CustomerIdentifier: fmt.Sprintf("bulk-%05d", i), MerchantKey: "CLOUDPANTRY",
			ProductKey: "Cloudpantry200", Status: resale.Active, BangoStatus: "ACTIVE", NotifyToken: resale.NewFormToken(), SignupToken: resale.NewFormToken(),
			FormToken: resale.NewFormToken(), NotifyBase: "http://" + b.listen, Created: time.Now().UTC(), Updated: time.Now().UTC()}
		e.Ref = fmt.Sprintf("%s-%s", refPart(i/676), refPart(i%676))
		body := fmt.Sprintf(`{"customerIdentifier":%q,"merchantAccountKey":"CLOUDPANTRY","productKey":"Cloudpantry200","notificationUrl":%q}`,
			e.CustomerIdentifier, e.NotifyBase+"/webhooks/bango/"+e.NotifyToken)
		r := httptest.NewRequest(http.MethodPost, "/v1/entitlement", strings.NewReader(body))
		r.SetBasicAuth(sandboxUsername, sandboxPassword)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-RequestIdentifier", e.ID)
		answer := httptest.NewRecorder()
		if b.box.ServeHTTP(answer, r); answer.Code != http.StatusOK {
			t.Fatalf("HTTP %d: %s", answer.Code, answer.Body)
		}
		e.BangoID = entitlementID.FindStringSubmatch(answer.Body.String())[1]
		b.of = append(b.of, e)
	}
	b.withService(func(ctx context.Context, store *db.Store, _ *resale.Service) {
		product, err := store.ProductByKeys(ctx, "CLOUDPANTRY", "Cloudpantry200")
		if err != nil {
			t.Fatal(err)
		}
		err = store.Write(ctx, func(ctx context.Context, tx resale.Tx) error {
			for _, e := range b.of {
				e.ProductID = product.ID
				if err := tx.InsertCustomer(ctx, resale.Customer{ID: e.CustomerID, Identifier: e.CustomerIdentifier, Created: e.Created}); err != nil {
					return err
				}
				if err := tx.InsertEntitlement(ctx, e); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if id := r.Header.Get("X-RequestIdentifier"); id != "" && r.Method != http.MethodGet {
			body, err := io.ReadAll(r.Body)
			if r.Body = io.NopCloser(bytes.NewReader(body)); err != nil {
				return // the portal died
			}
			if found := entitlementID.FindSubmatch(body); found != nil {
				of := string(found[1])
				b.mu.Lock()
				if b.asked[of] == nil {
					b.asked[of] = map[string]bool{}
				}
				b.asked[of][id] = true
				b.mu.Unlock()
			}
		}
		b.box.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	b.counting = server.URL + "/v1"
	return b
}

var entitlementID = regexp.MustCompile(`"entitlementId":"([^"]+)"`)

// refPart is a number below 676 as a part of a reference.
func refPart(n int) string {
	const letters = "ACDEFGHJKMNPQRTVWXYZ234679"
	return "AA" + string(letters[n/26]) + string(letters[n%26])
}

var jobState = regexp.MustCompile(`id="progress" data-state="([a-z]+)"`)

// suspendAndKill suspends all of them in one job by a portal with that fault, kills it so often, starts another each time, and returns what is not
// as it must be.
func (b *bulkBench) suspendAndKill(point string, kills int) (fault string) {
	b.t.Helper()
	portal := startChild(b.t, point, b.database, b.listen, b.counting)
	again := func() {
		portal.kill()
		portal = startChild(b.t, point, b.database, b.listen, b.counting)
	}
	b.post("/login", url.Values{"email": {demoStaff[2].Email}, "password": {demoPassword}})
	var refs []string
	for _, e := range b.of {
		refs = append(refs, e.Ref)
	}
	job := b.post("/bulk", url.Values{"act": {"suspend"}, "refs": {strings.Join(append(refs, refs[0], "nobody"), "\n")}})
	if kills > 1 {
		again() // in the dry run
	}
	b.until(job, "ready")
	if kills > 2 {
		again()
	}
	b.post(job+"/confirm", url.Values{"count": {fmt.Sprint(len(refs))}})
	for i := range max(kills-2, min(kills, 1)) {
		b.untilAsked(len(refs) * (i + 1) / 5)
		again()
	}
	b.until(job, "finished")

	file, err := b.get(job + ".csv")
	if err != nil {
		b.t.Fatal(err)
	}
	lines, err := csv.NewReader(strings.NewReader(file)).ReadAll()
	if err != nil || len(lines) != len(refs)+3 {
		return fmt.Sprintf("the file has %d lines: %v", len(lines), err)
	}
	for i, line := range lines[1 : len(refs)+1] {
		if line[2] != refs[i] || line[6] != "change" || line[10] != "done" || line[9] != "SUSPENDED" {
			return fmt.Sprintf("row %d is %q", i+1, line)
		}
	}
	if twice, nobody := lines[len(refs)+1], lines[len(refs)+2]; twice[6] != "twice" || nobody[6] != "unknown" {
		return fmt.Sprintf("the last rows are %q and %q", twice, nobody)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.box.Entitlements() {
		if e.Status != "SUSPENDED" {
			return fmt.Sprintf("%s is %s at Bango", e.CustomerIdentifier, e.Status)
		}
		if n := len(b.asked[e.ID]); n != 1 {
			return fmt.Sprintf("Bango was asked under %d identifiers for %s", n, e.CustomerIdentifier)
		}
	}
	return ""
}

// post sends a form and returns where it leads.
func (b *bulkBench) post(path string, form url.Values) (leadsTo string) {
	b.t.Helper()
	resp, err := b.browser.PostForm("http://"+b.listen+path, form)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusSeeOther {
		body, _ := io.ReadAll(resp.Body)
		b.t.Fatalf("%s: %s: %.2000s", path, resp.Status, body)
	}
	return resp.Header.Get("Location")
}

// until waits until the job's page shows the state.
func (b *bulkBench) until(job, state string) {
	b.t.Helper()
	page := ""
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		var err error
		if page, err = b.get(job); err != nil {
			b.t.Fatal(err)
		}
		if found := jobState.FindStringSubmatch(page); found != nil && found[1] == state {
			return
		}
	}
	b.t.Fatalf("the job is not %s: %.20000s", state, page)
}

// untilAsked waits until Bango was asked for so many.
func (b *bulkBench) untilAsked(n int) {
	b.t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		b.mu.Lock()
		asked := len(b.asked)
		b.mu.Unlock()
		if asked >= n {
			return
		}
	}
	b.t.Fatalf("Bango was not asked for %d", n)
}
