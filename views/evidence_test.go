package views

import (
	"os/exec"
	"strings"
	"testing"

	"latchkey/resale"
)

func TestCurlIsOneSafeCommand(t *testing.T) {
	sent := `{"name":"O'Brien $(touch /tmp/x) ` + "`id`" + ` $HOME","path":"a\\b"}`
	e := resale.Evidence{Method: "POST", Path: "/entitlement/a'b", Sent: sent}
	command := curl(e, resale.Request{ID: "01a2"})
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no shell here")
	}
	script := "curl() { for word; do printf '%s\\n' \"$word\"; done; }\nLATCHKEY_BANGO_URL=https://bango.example/v1 LATCHKEY_BANGO_USERNAME=us\n" + command
	out, err := exec.Command(shell, "-c", script).CombinedOutput()
	want := strings.Join([]string{"--request", "POST", "https://bango.example/v1/entitlement/a'b", "--user", "us", "--header", "X-RequestIdentifier: 01a2",
		"--header", "Content-Type: application/json", "--data", sent, ""}, "\n")
	if err != nil || string(out) != want {
		t.Errorf("the command is given %v\n%s\nnot\n%s", err, out, want)
	}
	if get := curl(resale.Evidence{Method: "GET", Path: "/entitlement/1"}, resale.Request{ID: "01a2"}); strings.Contains(get, "Identifier") || strings.Contains(get, "--data") {
		t.Errorf("to read is %s", get)
	}
}
