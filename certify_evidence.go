package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"latchkey/bango"
)

// evidence is a folder with one file for each exchange, in order, and a summary. What is in it holds no secret.
type evidence struct {
	folder  string
	secrets []string
	files   int
	err     error // the first failure to write
}

// newEvidence makes the folder, which must not be there: one run's files do not mix with another's.
func newEvidence(folder string, secrets []string) (*evidence, error) {
	if err := os.Mkdir(folder, 0o700); err != nil {
		return nil, fmt.Errorf("the folder for the evidence cannot be made; choose another with --evidence: %w", err)
	}
	e := &evidence{folder: folder}
	for _, s := range secrets {
		e.hide(s)
	}
	return e, nil
}

// hide keeps a secret out of what is written from now on.
func (e *evidence) hide(secret string) {
	if secret != "" {
		e.secrets = append(e.secrets, secret)
	}
}

// removed stands where a secret was.
const removed = "(removed)"

func (e *evidence) write(name, content string) {
	for _, s := range e.secrets {
		content = strings.ReplaceAll(content, s, removed)
		if inJSON, err := json.Marshal(s); err == nil {
			content = strings.ReplaceAll(content, strings.Trim(string(inJSON), `"`), removed)
		}
	}
	if err := os.WriteFile(filepath.Join(e.folder, name), []byte(content), 0o600); err != nil && e.err == nil {
		e.err = fmt.Errorf("the evidence is not complete: %w", err)
	}
}

var notInAName = regexp.MustCompile(`[^a-z0-9]+`)

func (e *evidence) next(of, content string) {
	e.files++
	e.write(fmt.Sprintf("%02d-%s.txt", e.files, strings.Trim(notInAName.ReplaceAllString(strings.ToLower(of), "-"), "-")), content)
}

// exchange keeps one call: what went out and what came back.
func (e *evidence) exchange(of, requestID string, x bango.Exchange) {
	var b strings.Builder
	fmt.Fprintf(&b, "Case: %s\nAt: %s\nTook: %s\n\n%s %s\n", of, x.Started.UTC().Format(time.RFC3339Nano), x.Duration.Round(time.Millisecond), x.Method, x.Path)
	if requestID != "" {
		fmt.Fprintf(&b, "X-RequestIdentifier: %s\n", requestID)
	}
	if x.Sent != "" {
		fmt.Fprintf(&b, "\n%s\n", x.Sent)
	}
	if x.Status == 0 {
		b.WriteString("\nNo answer came.\n")
	} else {
		fmt.Fprintf(&b, "\nHTTP %d\n\n%s\n", x.Status, x.Received)
	}
	e.next(of, b.String())
}

// notification keeps one that came.
func (e *evidence) notification(of string, raw []byte) {
	e.next(of, fmt.Sprintf("Case: %s\n\nPOST to the notificationUrl\n\n%s\n", of, raw))
}

// summarise writes the table, and returns the first failure to write anything.
func (e *evidence) summarise(r *certification, results []result, left string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Certification against %s\n\n%s. Merchant %s, product %s, offer %s.\n\n"+
		"| result | case | kind | ms | expected | seen |\n|---|---|---|---:|---|---|\n",
		r.set.bangoURL, time.Now().UTC().Format(time.RFC1123), r.merchant, r.product, orNone(r.offer))
	cell := func(s string) string { return strings.ReplaceAll(oneLineOf(s), "|", `\|`) }
	for _, res := range results {
		fmt.Fprintf(&b, "| %s | %s | %s | %d | %s | %s |\n", res.verdict, res.name, res.kind(), res.took.Milliseconds(), cell(res.expected), cell(res.seen))
	}
	fmt.Fprintf(&b, "\n%s\n\nCredentials, and the token of the notification URL, are not in these files.\n", left)
	e.write("summary.md", b.String())
	return e.err
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
