package main

import (
	"database/sql"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"latchkey/bango/sandbox"
)

// healthyPortal puts a sandbox and a running portal together, with settings that are all right.
func healthyPortal(t *testing.T) (env map[string]string, box *sandbox.Sandbox) {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	box, err := newSandbox("http://"+server.Listener.Addr().String(), 0, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = box
	server.Start()
	t.Cleanup(func() { server.Close(); box.Close() })
	address := freeAddress(t)
	env = map[string]string{"LATCHKEY_DATABASE": filepath.Join(t.TempDir(), "latchkey.db"), "LATCHKEY_LISTEN": address,
		"LATCHKEY_PUBLIC_URL": "http://" + address, "LATCHKEY_BANGO_URL": server.URL + "/v1", "LATCHKEY_BANGO_USERNAME": sandboxUsername,
		"LATCHKEY_BANGO_PASSWORD": sandboxPassword, "LATCHKEY_WEBHOOK_KEY": sandboxWebhookKey, "LATCHKEY_REDIRECT_HOSTS": "*.example.com"}
	serveWith(t, env)
	return env, box
}

// serveWith runs a portal with the settings until the end of the test, or until stop.
func serveWith(t *testing.T, env map[string]string) (stop func() int) {
	t.Helper()
	for name, value := range env {
		t.Setenv(name, value)
	}
	_, _, stop = background(t, "serve")
	if status := answers(t, "http://"+env["LATCHKEY_LISTEN"]+"/readyz"); status != http.StatusOK {
		t.Fatalf("the portal is not ready: %d", status)
	}
	return stop
}

var doctorLine = regexp.MustCompile(`(?m)^(ok|warning|FAILED|skipped) +(.+?)  +(.*)$`)

// examined runs the doctor and returns the level and the text of each line.
func examined(t *testing.T, env map[string]string, args ...string) (exit int, levels, texts map[string]string) {
	t.Helper()
	exit, out, errs := run(t, env, "", append([]string{"doctor"}, args...)...)
	levels, texts = map[string]string{}, map[string]string{}
	for _, m := range doctorLine.FindAllStringSubmatch(out, -1) {
		levels[m[2]] = m[1]
		texts[m[2]] += m[3] + "\n"
	}
	for _, c := range doctorChecks {
		if levels[c.name] == "" {
			t.Errorf("there is no line about %s:\n%s", c.name, out)
		}
	}
	if exit == 1 {
		oneLine(t, errs, "failed")
	}
	for _, secret := range []string{sandboxPassword, sandboxWebhookKey, "s3cret"} {
		if strings.Contains(out+errs, secret) {
			t.Errorf("it tells a secret: %s%s", out, errs)
		}
	}
	return exit, levels, texts
}

func TestDoctorFindsNothing(t *testing.T) {
	env, box := healthyPortal(t)
	exit, levels, texts := examined(t, env)
	if exit != 0 {
		t.Errorf("exit %d", exit)
	}
	for name, l := range levels {
		if l != "ok" {
			t.Errorf("%s is %s: %s", name, l, texts[name])
		}
	}
	if n := len(box.Entitlements()); n != 0 {
		t.Errorf("it made %d entitlements", n)
	}
}

// Each fault is seen by its own line; what needs that line is skipped, and nothing else changes.
func TestDoctorFindsEachFault(t *testing.T) {
	env, box := healthyPortal(t)
	elsewhere := func(h http.HandlerFunc) string {
		server := httptest.NewServer(h)
		t.Cleanup(server.Close)
		return server.URL
	}
	dead := "http://" + freeAddress(t)
	withDate := func(off time.Duration) string {
		return elsewhere(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", time.Now().Add(off).UTC().Format(http.TimeFormat))
			box.ServeHTTP(w, r)
		}) + "/v1"
	}
	untrusted := httptest.NewUnstartedServer(box)
	untrusted.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	untrusted.StartTLS()
	t.Cleanup(untrusted.Close)
	another := maps.Clone(env)
	another["LATCHKEY_LISTEN"], another["LATCHKEY_DATABASE"] = freeAddress(t), filepath.Join(t.TempDir(), "another.db")
	another["LATCHKEY_PUBLIC_URL"] = "http://" + another["LATCHKEY_LISTEN"]
	serveWith(t, another)

	noBango := []string{"certificate of Bango", "credentials", "clock"}
	noDatabase := []string{"database writes", "database soundness", "database durability", "notification address"}
	everySetting := append([]string{"Bango", "webhook credentials", "redirect hosts", "notification address"}, noBango...)
	for _, tt := range []struct {
		name, setting, value string
		line, level, says    string
		skipped              []string
	}{
		{"a setting", "LATCHKEY_BANGO_TIMEOUT", "ten", "settings", "FAILED", "LATCHKEY_BANGO_TIMEOUT", everySetting},
		{"no password", "LATCHKEY_BANGO_PASSWORD", "", "settings", "FAILED", "LATCHKEY_BANGO_PASSWORD", everySetting},
		{"wrong password", "LATCHKEY_BANGO_PASSWORD", "s3cret", "credentials", "FAILED", "does not accept", nil},
		{"dead Bango", "LATCHKEY_BANGO_URL", dead + "/v1", "Bango", "FAILED", "cannot be reached", noBango},
		{"not the API", "LATCHKEY_BANGO_URL", elsewhere(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("hello")) }), "Bango", "FAILED", "is not the Resale API", nil},
		{"untrusted certificate", "LATCHKEY_BANGO_URL", untrusted.URL + "/v1", "Bango", "FAILED", "certificate", noBango},
		{"clock 5 minutes off", "LATCHKEY_BANGO_URL", withDate(5 * time.Minute), "clock", "FAILED", "5m0s off", nil},
		{"clock a minute off", "LATCHKEY_BANGO_URL", withDate(-time.Minute), "clock", "warning", "1m", nil},
		{"no webhook credentials", "LATCHKEY_WEBHOOK_KEY", "", "webhook credentials", "warning", "none are set", nil},
		{"no redirect hosts", "LATCHKEY_REDIRECT_HOSTS", "", "redirect hosts", "warning", "any https host", nil},
		{"another portal", "LATCHKEY_PUBLIC_URL", another["LATCHKEY_PUBLIC_URL"], "notification address", "FAILED", "something else than the portal", nil},
		{"another program", "LATCHKEY_PUBLIC_URL", elsewhere(http.NotFound), "notification address", "FAILED", "HTTP 404", nil},
		{"a redirect", "LATCHKEY_PUBLIC_URL", elsewhere(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, env["LATCHKEY_PUBLIC_URL"]+r.URL.RequestURI(), http.StatusMovedPermanently)
		}), "notification address", "FAILED", "redirects to", nil},
		{"no portal", "LATCHKEY_PUBLIC_URL", dead, "notification address", "FAILED", "cannot be reached", nil},
		{"no database", "LATCHKEY_DATABASE", filepath.Join(t.TempDir(), "missing.db"), "database", "FAILED", "not there", noDatabase},
		{"read-only database", "LATCHKEY_DATABASE", readOnlyCopy(t, env["LATCHKEY_DATABASE"]), "database writes", "FAILED", "readonly", nil},
		{"old schema", "LATCHKEY_DATABASE", emptyDatabase(t), "database", "FAILED", "schema 0", noDatabase},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wrongEnv := maps.Clone(env)
			wrongEnv[tt.setting] = tt.value
			exit, levels, texts := examined(t, wrongEnv)
			if (exit == 1) != (tt.level == "FAILED") {
				t.Errorf("exit %d", exit)
			}
			if levels[tt.line] != tt.level || !strings.Contains(texts[tt.line], tt.says) {
				t.Errorf("%s: %s %s", tt.line, levels[tt.line], texts[tt.line])
			}
			delete(levels, tt.line)
			for _, name := range tt.skipped {
				if levels[name] != "skipped" {
					t.Errorf("%s is %s: %s", name, levels[name], texts[name])
				}
				delete(levels, name)
			}
			if tt.name == "not the API" { // then a report fails, too
				delete(levels, "credentials")
			}
			for name, l := range levels {
				if l != "ok" {
					t.Errorf("%s is %s: %s", name, l, texts[name])
				}
			}
		})
	}
}

// Every wrong setting is named, not the first one alone.
func TestDoctorNamesEverySetting(t *testing.T) {
	_, _, texts := examined(t, map[string]string{"LATCHKEY_DATABASE": emptyDatabase(t), "LATCHKEY_PUBLIC_URL": "portal.example",
		"LATCHKEY_SESSION_KEY": "s3cret", "LATCHKEY_BANGO_USERNAME": "u"})
	for _, name := range []string{"LATCHKEY_PUBLIC_URL", "LATCHKEY_SESSION_KEY", "LATCHKEY_BANGO_PASSWORD"} {
		if !strings.Contains(texts["settings"], name) {
			t.Errorf("%s is not named: %s", name, texts["settings"])
		}
	}
}

// A portal that only this machine can reach is of no use to a Bango elsewhere.
func TestDoctorKnowsThatBangoIsElsewhere(t *testing.T) {
	env, _ := healthyPortal(t)
	// Nothing is asked of that address: no connection to a name that is nobody's comes about.
	_, levels, texts := examined(t, env, "--bango-url", "https://bango.invalid/v1")
	if levels["notification address"] != "FAILED" || !strings.Contains(texts["notification address"], "only from this machine") {
		t.Errorf("%s: %s", levels["notification address"], texts["notification address"])
	}
}

func TestCertificateEnds(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct {
		end   time.Time
		level level
		says  string
	}{{time.Time{}, good, "plain http"}, {now.Add(90*24*time.Hour + time.Hour), good, "90 days"}, {now.Add(25 * time.Hour), doubtful, "1 day"}} {
		if f := certificateFinding(tt.end, now); f.level != tt.level || !strings.Contains(f.found, tt.says) {
			t.Errorf("%s: %+v", tt.end, f)
		}
	}
}

// emptyDatabase returns a SQLite file without a schema.
func emptyDatabase(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "empty.db")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// readOnlyCopy returns a copy of a database that SQLite refuses to write: its header says that only a newer SQLite may. File permissions
// would not stop root.
func readOnlyCopy(t *testing.T, file string) string {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "readonly.db")
	pool, err := sql.Open("sqlite", file)
	if err == nil {
		_, err = pool.Exec("VACUUM INTO ?", copied)
		err = errors.Join(err, pool.Close())
	}
	if err == nil {
		pool, err = sql.Open("sqlite", copied)
	}
	if err == nil {
		_, err = pool.Exec("PRAGMA journal_mode = WAL")
		err = errors.Join(err, pool.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(copied, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte{3}, 18); err != nil { // src: sqlite.org/fileformat.html, section 1.3.3
		t.Fatal(err)
	}
	return copied
}
