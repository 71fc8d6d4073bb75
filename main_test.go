package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"latchkey/db/dbtest"
)

// TestMain runs the portal itself where a test starts this binary as one, to kill it.
func TestMain(m *testing.M) {
	if point := os.Getenv("LATCHKEY_TEST_SERVE"); point != "" {
		os.Exit(serveToBeKilled(point))
	}
	for _, pair := range os.Environ() { // settings of whoever runs the tests are none of ours
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "LATCHKEY_") && !strings.HasPrefix(name, "LATCHKEY_TEST_") {
			os.Unsetenv(name)
		}
	}
	dbtest.Main(m)
}

// skip skips the test for a reason, which fails where nothing may be skipped.
func skip(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("LATCHKEY_TEST_NO_SKIP") != "" {
		t.Fatalf("may not be skipped: "+format, args...)
	}
	t.Skipf(format, args...)
}

// run runs one command line with the given settings in the environment, until the end of the test.
func run(t *testing.T, env map[string]string, stdin string, args ...string) (exit int, out, errs string) {
	t.Helper()
	for name, value := range env {
		t.Setenv(name, value)
	}
	var stdout, stderr bytes.Buffer
	exit = command(context.Background(), args, streams{strings.NewReader(stdin), &stdout, &stderr})
	return exit, stdout.String(), stderr.String()
}

// oneLine fails unless a failure is told in exactly one line that has all the words and none of the secrets.
func oneLine(t *testing.T, errs string, words ...string) {
	t.Helper()
	if strings.Count(errs, "\n") != 1 || !strings.HasPrefix(errs, "latchkey: ") {
		t.Errorf("not one clear line: %q", errs)
	}
	for _, w := range words {
		if !strings.Contains(errs, w) {
			t.Errorf("%q does not say %q", errs, w)
		}
	}
	if strings.Contains(errs, "s3cret") {
		t.Errorf("%q tells a secret", errs)
	}
}

func TestBadSettingsStopTheStart(t *testing.T) {
	good := map[string]string{"LATCHKEY_BANGO_USERNAME": "u", "LATCHKEY_BANGO_PASSWORD": "s3cret", "LATCHKEY_DATABASE": "*"}
	for _, tt := range []struct {
		name, value string
		words       []string
	}{
		{"LATCHKEY_LISTN", "x", []string{"LATCHKEY_LISTN", "not a setting"}},
		{"LATCHKEY_LISTEN", "8080", []string{"LATCHKEY_LISTEN", "HOST:PORT"}},
		{"LATCHKEY_LISTEN", "127.0.0.1:notaport", []string{"LATCHKEY_LISTEN"}},
		{"LATCHKEY_PUBLIC_URL", "portal.example", []string{"LATCHKEY_PUBLIC_URL", "https://"}},
		{"LATCHKEY_PUBLIC_URL", "https://portal.example/x", []string{"LATCHKEY_PUBLIC_URL", "path"}},
		{"LATCHKEY_BANGO_URL", "http://resale.example/v1", []string{"LATCHKEY_BANGO_URL", "https"}},
		{"LATCHKEY_BANGO_URL", "https://u:s3cret@resale.example/v1", []string{"LATCHKEY_BANGO_URL"}},
		{"LATCHKEY_BANGO_URL", "://", []string{"LATCHKEY_BANGO_URL"}},
		{"LATCHKEY_BANGO_TIMEOUT", "ten", []string{"LATCHKEY_BANGO_TIMEOUT", "10s"}},
		{"LATCHKEY_BANGO_TIMEOUT", "1h", []string{"LATCHKEY_BANGO_TIMEOUT", "2m"}},
		{"LATCHKEY_BULK_PER_MINUTE", "7000", []string{"LATCHKEY_BULK_PER_MINUTE", "6000"}},
		{"LATCHKEY_BANGO_PASSWORD", "", []string{"LATCHKEY_BANGO_PASSWORD", "latchkey demo"}},
		{"LATCHKEY_BANGO_PASSWORD_FILE", "s3cret-not-the-name", []string{"LATCHKEY_BANGO_PASSWORD_FILE"}},
		{"LATCHKEY_REDIRECT_HOSTS", "https://a.example", []string{"LATCHKEY_REDIRECT_HOSTS", "*.example.com"}},
		{"LATCHKEY_RESELLER_COLOUR", "teal", []string{"LATCHKEY_RESELLER_COLOUR", "#0b6261"}},
		{"LATCHKEY_RESELLER_CONTACT", "http://shop.example", []string{"LATCHKEY_RESELLER_CONTACT", "https"}},
		{"LATCHKEY_RESELLER_LOGO_FILE", "/nowhere/logo.svg", []string{"LATCHKEY_RESELLER_LOGO_FILE", "/nowhere"}},
		{"LATCHKEY_RESELLER_LOGO_FILE", "main_test.go", []string{"LATCHKEY_RESELLER_LOGO_FILE", "PNG"}},
		{"LATCHKEY_DIRECT_CUSTOMER_WORDS", "no", []string{"LATCHKEY_DIRECT_CUSTOMER_WORDS", "four"}},
		{"LATCHKEY_SESSION_KEY", "s3cret", []string{"LATCHKEY_SESSION_KEY", "32"}},
		{"LATCHKEY_WEBHOOK_PASSWORD", "s3cret", []string{"LATCHKEY_WEBHOOK_USERNAME"}},
		{"LATCHKEY_WEBHOOK_PASSWORD_PREVIOUS", "s3cret", []string{"LATCHKEY_WEBHOOK_PASSWORD_PREVIOUS", "without LATCHKEY_WEBHOOK_PASSWORD"}},
		{"LATCHKEY_WEBHOOK_ISSUER", "https://login.example", []string{"LATCHKEY_WEBHOOK_AUDIENCE is missing"}},
		{"LATCHKEY_WEBHOOK_AUDIENCE", "latchkey", []string{"LATCHKEY_WEBHOOK_ISSUER"}},
		{"LATCHKEY_WEBHOOK_INTROSPECTION_URL", "https://login.example/introspect", []string{"LATCHKEY_WEBHOOK_INTROSPECTION_USERNAME"}},
		{"LATCHKEY_WEBHOOK_INTROSPECTION_PASSWORD", "s3cret", []string{"LATCHKEY_WEBHOOK_INTROSPECTION_URL"}},
		{"LATCHKEY_DATABASE", "/nowhere/at/all.db", []string{"/nowhere/at"}},
		{"LATCHKEY_DATABASE", "postgres://u:s3cret@127.0.0.1:1/x?connect_timeout=1", []string{"127.0.0.1"}},
	} {
		t.Run(fmt.Sprintf("%s=%.20s", tt.name, tt.value), func(t *testing.T) {
			env := map[string]string{}
			for name, value := range good {
				env[name] = strings.ReplaceAll(value, "*", t.TempDir()+"/latchkey.db")
			}
			env[tt.name] = tt.value
			if tt.name == "LATCHKEY_BANGO_PASSWORD_FILE" {
				delete(env, "LATCHKEY_BANGO_PASSWORD")
				tt.words = append(tt.words, "cannot be read")
				env[tt.name] = "/nowhere/password"
			}
			exit, out, errs := run(t, env, "", "serve")
			if exit != 1 || out != "" {
				t.Errorf("exit %d, printed %q", exit, out)
			}
			oneLine(t, errs, tt.words...)
		})
	}
}

func TestAccessTokensAreCheckedOverPrivateConnectionsAlone(t *testing.T) {
	for address, good := range map[string]bool{"https://login.example/": true, "http://127.0.0.1:1/realm": true, "http://login.example/": false,
		"https://u:s3cret@login.example": false, "login.example": false} {
		t.Setenv("LATCHKEY_WEBHOOK_INTROSPECTION_USERNAME", "u")
		t.Setenv("LATCHKEY_WEBHOOK_INTROSPECTION_PASSWORD", "s3cret")
		for name, f := range map[string]portalFlags{
			"LATCHKEY_WEBHOOK_ISSUER":            {WebhookIssuer: address, WebhookAudience: "a", WebhookIntrospection: "https://login.example"},
			"LATCHKEY_WEBHOOK_INTROSPECTION_URL": {WebhookIntrospection: address},
		} {
			var s settings
			err := s.setWebhookOAuth(f)
			if good != (err == nil) || err != nil && (!strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "s3cret")) {
				t.Errorf("%s=%s: %v", name, address, err)
			}
			if got := s.webhookOAuth; good && (got.Issuer != f.WebhookIssuer || got.IntrospectionURL != f.WebhookIntrospection) {
				t.Errorf("%s=%s became %+v", name, address, got)
			}
		}
	}
}

func TestTwoPasswordsCountWhileOneIsRotated(t *testing.T) {
	t.Setenv("LATCHKEY_WEBHOOK_USERNAME", "bango")
	t.Setenv("LATCHKEY_WEBHOOK_PASSWORD", "new, with a comma")
	t.Setenv("LATCHKEY_WEBHOOK_PASSWORD_PREVIOUS", "old")
	var s settings
	if err := s.setWebhook(portalFlags{}); err != nil || !slices.Equal(s.webhookPasswords, []string{"new, with a comma", "old"}) {
		t.Errorf("%q, %v", s.webhookPasswords, err)
	}
}

func TestServeNamesWhatIsMissingAndTheDemo(t *testing.T) {
	exit, _, errs := run(t, nil, "")
	if exit != 1 {
		t.Errorf("exit %d", exit)
	}
	oneLine(t, errs, "LATCHKEY_BANGO_USERNAME", "LATCHKEY_BANGO_PASSWORD", "latchkey demo")
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"nonsense"}, {"staff", "add"}, {"serve", "--nonsense"}, {"import", "customers"}, {"staff", "add", "a@b.example"}} {
		if exit, _, errs := run(t, nil, "", args...); exit != 2 || !strings.Contains(errs, "latchkey: ") {
			t.Errorf("%v: exit %d, %q", args, exit, errs)
		}
	}
	for _, args := range [][]string{{"--help"}, {"serve", "--help"}, {"demo", "--help"}, {"sandbox", "--help"}, {"staff", "add", "--help"},
		{"import", "customers", "--help"}, {"import", "catalogue", "--help"}, {"migrate", "--help"}} {
		if exit, out, errs := run(t, nil, "", args...); exit != 0 || !strings.Contains(out, "Usage: latchkey") || errs != "" {
			t.Errorf("%v: exit %d, %q, %q", args, exit, out, errs)
		}
	}
}
