package views

import (
	"strings"

	"latchkey/resale"
)

// wire is one side of an exchange as it is shown: its first line and, where there is one, its body.
func wire(line, body string) string {
	if body == "" {
		return line
	}
	return line + "\n\n" + pretty(body)
}

// curl is a command that makes the same request once more, for whoever looks into it with Bango. Credentials are never kept, so that it takes them
// from the environment, and curl asks for the password. The identifier is the same, so that Bango does nothing twice.
func curl(e resale.Evidence, r resale.Request) string {
	var b strings.Builder
	b.WriteString("curl --request " + e.Method + ` "$LATCHKEY_BANGO_URL"` + quoted(e.Path) + " \\\n  --user \"$LATCHKEY_BANGO_USERNAME\"")
	if e.Method != "GET" {
		b.WriteString(" \\\n  --header " + quoted("X-RequestIdentifier: "+r.ID))
	}
	if e.Sent != "" {
		b.WriteString(" \\\n  --header 'Content-Type: application/json' \\\n  --data " + quoted(e.Sent))
	}
	return b.String()
}

// quoted is s as one word for a shell, which finds nothing to expand in it.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
