package main

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/dustin/go-humanize"

	"latchkey/bango"
	"latchkey/db"
	"latchkey/handlers"
	"latchkey/resale"
)

// doctor is one examination, and what the later checks know from the earlier ones.
type doctor struct {
	set   settings
	wrong error // with the settings, a line each

	database  db.Inspection
	databased bool // the database could be looked into, and has the newest schema
	bango     *bango.Client
	witness   witness
}

// doctorChecks are made in this order.
var doctorChecks = []check{
	{"database", false, checkDatabase},
	{"database writes", false, checkWrites},
	{"database soundness", false, checkSoundness},
	{"database durability", false, checkDurability},
	{"disk", false, checkDisk},
	{"Bango", true, checkEcho},
	{"certificate of Bango", true, checkCertificate},
	{"credentials", true, checkCredentials},
	{"clock", true, checkClock},
	{"webhook credentials", true, checkWebhook},
	{"redirect hosts", true, checkRedirects},
	{"notification address", true, checkAddress},
}

// inspectTime is for all of the database, of which SQLite reads the whole file.
const inspectTime = 5 * time.Minute

func checkDatabase(ctx context.Context, d *doctor) finding {
	ctx, cancel := context.WithTimeout(ctx, inspectTime)
	defer cancel()
	found, err := db.Inspect(ctx, d.set.database)
	d.database = found
	switch {
	case err != nil:
		return finding{bad, err.Error(), "Correct LATCHKEY_DATABASE; latchkey migrate makes a SQLite file that is not there yet, and so does serve."}
	case found.Schema < found.Newest:
		return finding{bad, fmt.Sprintf("%s has schema %d, and %d is the newest", found.Name, found.Schema, found.Newest), "Run latchkey migrate; serve does it by itself."}
	case found.Schema > found.Newest:
		return finding{bad, fmt.Sprintf("%s has schema %d, which is newer than this program's %d", found.Name, found.Schema, found.Newest), "Run a newer Latchkey."}
	}
	d.databased = true
	return fine("%s has the newest schema, %d", found.Name, found.Schema)
}

// of turns what an inspection found into a finding.
func (d *doctor) of(err error, well, do string) finding {
	switch {
	case !d.databased:
		return finding{level: skipped, found: "the database comes first"}
	case err != nil:
		return finding{bad, err.Error(), do}
	}
	return fine("%s", well)
}

func checkWrites(_ context.Context, d *doctor) finding {
	return d.of(d.database.Write, "something was written, read back and taken away again",
		"Make the file and its folder writable for the portal, or the server one that takes writes; see that the disk is not full.")
}

func checkSoundness(_ context.Context, d *doctor) finding {
	return d.of(d.database.Damage, "nothing is damaged", "Stop the portal, keep a copy of the file, and restore the newest good backup.")
}

func checkDurability(_ context.Context, d *doctor) finding {
	return d.of(d.database.Durable, "what was committed survives a loss of power", "Switch it on: else what Bango was told is stored may be lost.")
}

const (
	tooLittleDisk = 100 << 20 // bytes; a day's work fits into it
	littleDisk    = 1 << 30
)

func checkDisk(_ context.Context, d *doctor) finding {
	if d.database.Folder == "" {
		return fine("the database server's own")
	}
	free, err := freeDisk(d.database.Folder)
	found := fmt.Sprintf("%s free in %s", humanize.IBytes(free), d.database.Folder)
	switch {
	case err != nil:
		return finding{doubtful, fmt.Sprintf("how much is free in %s is not known: %v", d.database.Folder, err), ""}
	case free < tooLittleDisk:
		return finding{bad, found, "Make room: a portal that cannot store refuses Bango's notifications."}
	case free < littleDisk:
		return finding{doubtful, found, "Make room soon."}
	}
	return fine("%s", found)
}

// witness passes calls on, and remembers of the last one what the client does not tell.
type witness struct {
	next        *http.Transport
	err         error
	date        string // Bango's Date header
	middle      time.Time
	certificate time.Time // until when it is valid; zero for plain http
}

func (w *witness) RoundTrip(r *http.Request) (*http.Response, error) {
	began := time.Now()
	resp, err := w.next.RoundTrip(r)
	w.err = err
	if err == nil {
		w.date, w.middle = resp.Header.Get("Date"), began.Add(time.Since(began)/2)
		if resp.TLS != nil && len(resp.TLS.PeerCertificates) > 0 {
			w.certificate = resp.TLS.PeerCertificates[0].NotAfter
		}
	}
	return resp, err
}

func checkEcho(ctx context.Context, d *doctor) finding {
	d.witness.next = http.DefaultTransport.(*http.Transport).Clone()
	defer d.witness.next.CloseIdleConnections()
	config := d.set.bango()
	config.Transport = &d.witness
	client, err := bango.New(config)
	if err != nil {
		return finding{bad, err.Error(), "Correct LATCHKEY_BANGO_URL."}
	}
	_, err = client.Echo(ctx, "latchkey-doctor-"+rand.Text())
	var failure *bango.Error
	switch {
	case d.witness.err != nil:
		return finding{bad, fmt.Sprintf("%s cannot be reached: %v", d.set.bangoURL, d.witness.err),
			"See that LATCHKEY_BANGO_URL is right, and that this machine may connect to it, through HTTPS_PROXY where that is set."}
	case errors.As(err, &failure) && failure.Outcome == bango.OutcomeUnauthorized: // that is the next check's
	case err != nil:
		d.bango = client
		return finding{bad, fmt.Sprintf("%s is not the Resale API, or it is in trouble: %v", d.set.bangoURL, err),
			"See that LATCHKEY_BANGO_URL has the version in it, like " + bango.DefaultBaseURL + "."}
	}
	d.bango = client
	return fine("%s answers an echo", d.set.bangoURL)
}

// certificateWarning is how long before its end a certificate is worth a word.
const certificateWarning = 14 * 24 * time.Hour

func checkCertificate(_ context.Context, d *doctor) finding {
	if d.bango == nil {
		return finding{level: skipped, found: "Bango comes first"}
	}
	return certificateFinding(d.witness.certificate, time.Now())
}

func certificateFinding(end, now time.Time) finding {
	if end.IsZero() {
		return fine("none: plain http to this machine")
	}
	left := end.Sub(now)
	found := fmt.Sprintf("valid for another %s", count(int(left.Hours())/24, "day", "days"))
	if left < certificateWarning {
		return finding{doubtful, found, "Bango, or whoever runs the proxy in between, has to renew it."}
	}
	return fine("%s", found)
}

func checkCredentials(ctx context.Context, d *doctor) finding {
	if d.bango == nil {
		return finding{level: skipped, found: "Bango comes first"}
	}
	_, err := d.bango.Report(ctx, bango.ReportFilter{CustomerIdentifier: "latchkey-doctor"})
	var failure *bango.Error
	switch {
	case errors.As(err, &failure) && failure.Outcome == bango.OutcomeUnauthorized:
		return finding{bad, "Bango does not accept the user name, the password, or the address that this machine calls from; it says the same for all",
			"Correct LATCHKEY_BANGO_USERNAME and LATCHKEY_BANGO_PASSWORD, and see that Bango knows this machine's public address."}
	case errors.As(err, &failure) && (failure.Outcome == bango.OutcomeRefused || failure.Outcome == bango.OutcomeThrottled):
	case err != nil:
		return finding{bad, "a report was not answered: " + err.Error(), "Try again; if it stays so, ask Bango."}
	}
	return fine("Bango accepts them")
}

// Bango refuses a signed request whose time is further off than mostSkew. src: platform/connectivity/signing-http-messages
const (
	mostSkew = 120 * time.Second
	someSkew = 30 * time.Second
)

func checkClock(_ context.Context, d *doctor) finding {
	if d.bango == nil {
		return finding{level: skipped, found: "Bango comes first"}
	}
	there, err := http.ParseTime(d.witness.date)
	if err != nil {
		return finding{doubtful, "Bango does not tell its time", ""}
	}
	skew := d.witness.middle.Sub(there.Add(time.Second / 2)).Round(time.Second) // the header has whole seconds
	found := fmt.Sprintf("%s off Bango's", skew.Abs())
	const do = "Let this machine keep its time by NTP: signed requests are refused from 2 minutes on."
	switch {
	case skew.Abs() > mostSkew:
		return finding{bad, found, do}
	case skew.Abs() > someSkew:
		return finding{doubtful, found, do}
	}
	return fine("%s", found)
}

func checkWebhook(_ context.Context, d *doctor) finding {
	if !d.set.webhookGuarded() {
		return finding{doubtful, "none are set, so that an entitlement's own token alone admits its notifications",
			"Agree on a key with Bango, and set LATCHKEY_WEBHOOK_KEY."}
	}
	return fine("they are set")
}

func checkRedirects(_ context.Context, d *doctor) finding {
	if len(d.set.links.Hosts) == 0 {
		return finding{doubtful, "LATCHKEY_REDIRECT_HOSTS is not set, so that signup links may lead to any https host", "List the merchants' hosts there."}
	}
	return fine("%s", count(len(d.set.links.Hosts), "host is listed", "hosts are listed"))
}

// addressTime is for the way to the portal and back.
const addressTime = 10 * time.Second

// checkAddress finds out whether the public address leads to the portal that works on this database.
func checkAddress(ctx context.Context, d *doctor) finding {
	if !d.databased {
		return finding{level: skipped, found: "the database comes first"}
	}
	ctx, cancel := context.WithTimeout(ctx, addressTime)
	defer cancel()
	store, err := db.Open(ctx, d.set.database, func(resale.Change) {}, slog.New(slog.DiscardHandler))
	if err != nil {
		return finding{bad, err.Error(), "See the database's lines above."}
	}
	defer store.Close()
	key, err := store.Setting(ctx, resale.SettingInstance)
	if resale.CodeOf(err) == resale.CodeNotFound {
		return finding{bad, "no portal has run on this database yet", "Start latchkey serve, and run latchkey doctor again while it runs."}
	}
	if err != nil {
		return finding{bad, err.Error(), "See the database's lines above."}
	}
	nonce := rand.Text()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.set.publicURL+"/healthz?nonce="+nonce, nil)
	if err != nil {
		return finding{bad, err.Error(), "Correct LATCHKEY_PUBLIC_URL."}
	}
	resp, err := http.DefaultTransport.RoundTrip(req) // which follows no redirect: Bango need not, either
	if err != nil {
		return finding{bad, fmt.Sprintf("%s cannot be reached: %v", d.set.publicURL, err),
			"Start latchkey serve and the proxy in front of it, or correct LATCHKEY_PUBLIC_URL."}
	}
	resp.Body.Close()
	u, err := url.Parse(d.set.publicURL)
	local := err == nil && loopback(u)
	switch {
	case resp.StatusCode >= 300 && resp.StatusCode <= 399:
		return finding{bad, fmt.Sprintf("%s redirects to %.200s", d.set.publicURL, resp.Header.Get("Location")),
			"Set LATCHKEY_PUBLIC_URL to the address at the end: a notification is not sent on."}
	case !hmac.Equal([]byte(resp.Header.Get(handlers.InstanceHeader)), []byte(handlers.Proof([]byte(key), nonce))):
		return finding{bad, fmt.Sprintf("%s leads to something else than the portal on this database; it answers with HTTP %d", d.set.publicURL, resp.StatusCode),
			"Correct LATCHKEY_PUBLIC_URL, LATCHKEY_DATABASE or the proxy, so that they are those of one portal."}
	case local && !d.set.links.AllowLoopback:
		return finding{bad, d.set.publicURL + " leads to this portal, and only from this machine: Bango cannot reach it", "Set LATCHKEY_PUBLIC_URL to the portal's address on the internet."}
	case u.Scheme == "http" && !local:
		return finding{doubtful, d.set.publicURL + " leads to this portal, in the clear", "Put a proxy that speaks TLS in front, and set LATCHKEY_PUBLIC_URL to its https address."}
	}
	return fine("%s leads to this portal", d.set.publicURL)
}
