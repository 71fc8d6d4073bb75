package main

import (
	"cmp"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"latchkey/bango"
	"latchkey/handlers"
	"latchkey/resale"
	"latchkey/views"
)

// storeFlags are the settings of every command that opens the database.
type storeFlags struct {
	Database string `env:"LATCHKEY_DATABASE" default:"latchkey.db" placeholder:"FILE|postgres://…" help:"Where everything is kept: a SQLite file, or a PostgreSQL address."`
}

// addressFlags are the settings that say where the portal is.
type addressFlags struct {
	Listen    string `env:"LATCHKEY_LISTEN" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Address to serve on."`
	PublicURL string `env:"LATCHKEY_PUBLIC_URL" placeholder:"URL" help:"How Bango and end users reach the portal. Default: http:// and the address to serve on."`
}

// publicURL returns the portal's address without a slash at the end.
func (f addressFlags) publicURL() (string, error) {
	_, port, err := net.SplitHostPort(f.Listen)
	if _, badPort := strconv.ParseUint(port, 10, 16); err != nil || badPort != nil {
		return "", fmt.Errorf("LATCHKEY_LISTEN is %q; expected HOST:PORT, like 127.0.0.1:8080", f.Listen)
	}
	raw := strings.TrimSuffix(cmp.Or(f.PublicURL, "http://"+f.Listen), "/")
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return "", fmt.Errorf("LATCHKEY_PUBLIC_URL is %q; expected http:// or https:// and a host, without a path", f.PublicURL)
	}
	return raw, nil
}

// portalFlags are the settings of the portal. Secrets have no flag of their own, since every user of a machine can read the flags of
// its processes: they come from the environment or from a file.
type portalFlags struct {
	storeFlags
	addressFlags
	Reseller      string `name:"reseller-name" env:"LATCHKEY_RESELLER_NAME" placeholder:"NAME" help:"Who sells, as end users know them; shown on the signup page."`
	ResellerLogo  string `name:"reseller-logo-file" env:"LATCHKEY_RESELLER_LOGO_FILE" placeholder:"FILE" help:"Their logo, an SVG or PNG picture of at most 32 KiB."`
	Colour        string `name:"reseller-colour" env:"LATCHKEY_RESELLER_COLOUR" placeholder:"#RRGGBB" help:"Their colour, for the signup page's button and links."`
	Contact       string `name:"reseller-contact" env:"LATCHKEY_RESELLER_CONTACT" placeholder:"PHONE|EMAIL|URL" help:"Where end users turn to: a phone number, an e-mail address or an https address."`
	DirectWords   string `name:"direct-customer-words" env:"LATCHKEY_DIRECT_CUSTOMER_WORDS" placeholder:"WORDS,…" help:"Parts of Bango's messages which mean that the end user has the product from its merchant already. Default: the usual ones."`
	SMTPURLFile   string `name:"smtp-url-file" env:"LATCHKEY_SMTP_URL_FILE" placeholder:"FILE" help:"Mail server for messages to customers, smtp://USER:PASSWORD@HOST:587 or smtps://…; or LATCHKEY_SMTP_URL."`
	SMTPFrom      string `name:"smtp-from" env:"LATCHKEY_SMTP_FROM" placeholder:"ADDRESS" help:"Who writes to customers, like Harbour Mobile <no-reply@example.com>."`
	RedirectHosts string `env:"LATCHKEY_REDIRECT_HOSTS" placeholder:"HOST,…" help:"Hosts that a signup link may lead to, *.example.com allowed. Default: any https host."`

	BangoURL        string `env:"LATCHKEY_BANGO_URL" default:"https://resale.api.bango.net/v1" placeholder:"URL" help:"The Resale API, version included."`
	BangoGeneration int    `env:"LATCHKEY_BANGO_GENERATION" default:"1" placeholder:"1|2" help:"Generation of Bango's API. Most of generation 2 is not published; see docs/bango.md."`
	BangoWire       string `env:"LATCHKEY_BANGO_WIRE" placeholder:"NAME=VALUE,…" help:"Paths and words of the API that are not as usual; docs/bango.md lists the names."`
	BangoOwnIDs     bool   `name:"bango-own-ids" env:"LATCHKEY_BANGO_OWN_IDS" help:"Give each entitlement our own id at Bango. Bango recommends to leave it to them."`
	BangoMagic      string `name:"bango-magic-numbers" env:"LATCHKEY_BANGO_MAGIC_NUMBERS" placeholder:"OPERATION=VALUE,…" help:"X-Magic-Number for each operation; for generation 2's sandbox alone."`
	ReconcileEvery  string `env:"LATCHKEY_RECONCILE_EVERY" default:"15m" placeholder:"DURATION" help:"How often open questions are read back from Bango, 1m to 24h."`
	BulkPerMinute   int    `env:"LATCHKEY_BULK_PER_MINUTE" default:"240" placeholder:"N" help:"How many rows of bulk jobs are asked of Bango in a minute, 1 to 6000."`
	BangoTimeout    string `env:"LATCHKEY_BANGO_TIMEOUT" default:"10s" placeholder:"DURATION" help:"For one call to Bango, 100ms to 2m."`

	WebhookIssuer        string `env:"LATCHKEY_WEBHOOK_ISSUER" placeholder:"URL" help:"Issuer of the OAuth2 access tokens (JWT) that Bango may present with a notification."`
	WebhookAudience      string `env:"LATCHKEY_WEBHOOK_AUDIENCE" placeholder:"NAME" help:"Whom these tokens must be meant for; required with an issuer."`
	WebhookIntrospection string `name:"webhook-introspection-url" env:"LATCHKEY_WEBHOOK_INTROSPECTION_URL" placeholder:"URL" help:"Where an access token that comes with a notification is checked (RFC 7662)."`

	BangoSigningKeyFile string `env:"LATCHKEY_BANGO_SIGNING_KEY_FILE" placeholder:"FILE" help:"RSA private key (PEM) that signs what is sent to Bango; or LATCHKEY_BANGO_SIGNING_KEY. Default: nothing is signed."`
	SessionKeyFile      string `env:"LATCHKEY_SESSION_KEY_FILE" placeholder:"FILE" help:"Signs the session cookie. Default: made at first start and kept in the database."`
	BangoUsernameFile   string `env:"LATCHKEY_BANGO_USERNAME_FILE" placeholder:"FILE" help:"User name at Bango; or LATCHKEY_BANGO_USERNAME."`
	BangoPasswordFile   string `env:"LATCHKEY_BANGO_PASSWORD_FILE" placeholder:"FILE" help:"Password at Bango; or LATCHKEY_BANGO_PASSWORD."`
	WebhookKeyFile      string `env:"LATCHKEY_WEBHOOK_KEY_FILE" placeholder:"FILE" help:"Keys that Bango may present with a notification, comma-separated; or LATCHKEY_WEBHOOK_KEY."`
	WebhookUsernameFile string `env:"LATCHKEY_WEBHOOK_USERNAME_FILE" placeholder:"FILE" help:"User name that Bango may present with a notification; or LATCHKEY_WEBHOOK_USERNAME."`
	WebhookPasswordFile string `env:"LATCHKEY_WEBHOOK_PASSWORD_FILE" placeholder:"FILE" help:"Password that goes with it; or LATCHKEY_WEBHOOK_PASSWORD."`

	WebhookPasswordPreviousFile      string `env:"LATCHKEY_WEBHOOK_PASSWORD_PREVIOUS_FILE" placeholder:"FILE" help:"Password that is accepted as well until Bango has the new one; or LATCHKEY_WEBHOOK_PASSWORD_PREVIOUS."`
	WebhookIntrospectionUsernameFile string `env:"LATCHKEY_WEBHOOK_INTROSPECTION_USERNAME_FILE" placeholder:"FILE" help:"User name (client id) of this portal for the introspection; or LATCHKEY_WEBHOOK_INTROSPECTION_USERNAME."`
	WebhookIntrospectionPasswordFile string `env:"LATCHKEY_WEBHOOK_INTROSPECTION_PASSWORD_FILE" placeholder:"FILE" help:"Password (client secret) that goes with it; or LATCHKEY_WEBHOOK_INTROSPECTION_PASSWORD."`
}

// settings are the portal's settings, checked.
type settings struct {
	database  string
	listen    string
	publicURL string
	brand     views.Brand // who sells, as end users know them; empty where nobody said
	links     resale.LinkRules

	bangoURL      string
	bangoUsername string
	bangoPassword string
	bangoTimeout  time.Duration
	bangoWire     bango.Wire
	signingKey    *rsa.PrivateKey // nil: nothing is signed
	magicNumbers  map[string]string
	ownIDs        bool
	directWords   []string    // nil: the usual ones
	mail          *mailServer // nil: no e-mails are sent

	reconcileEvery time.Duration
	bulkPerMinute  int // 0: as usual

	sessionKey       string // empty: the one in the database
	webhookKeys      []string
	webhookUsername  string
	webhookPasswords []string // the newest first, then the one before where it still counts
	webhookOAuth     handlers.OAuth
}

// settings checks the flags and reads the secrets. An error names each setting that is wrong, on a line of its own, with what was expected,
// and never a secret.
func (f portalFlags) settings() (settings, error) {
	publicURL, err := f.publicURL()
	s := settings{database: f.Database, listen: f.Listen, publicURL: publicURL}
	err = errors.Join(
		err,
		s.setBrand(f),
		s.setMail(f),
		s.setBango(f),
		s.setBangoWire(f),
		s.setReconcile(f.ReconcileEvery),
		s.setBulk(f.BulkPerMinute),
		s.setWebhook(f),
		s.setWebhookOAuth(f),
		s.setLinks(f.RedirectHosts),
		s.setSessionKey(f.SessionKeyFile),
	)
	return s, err
}

// maxResellerName bounds a name that is shown on a phone, in bytes.
const maxResellerName = 80

// setBrand sets what end users see of who sells.
func (s *settings) setBrand(f portalFlags) (err error) {
	name := strings.TrimSpace(f.Reseller)
	if len(name) > maxResellerName || strings.ContainsFunc(name, unicode.IsControl) {
		return fmt.Errorf("LATCHKEY_RESELLER_NAME is not usable; expected a name of at most %d bytes on one line", maxResellerName)
	}
	var logo []byte
	if f.ResellerLogo != "" {
		file, err := os.Open(f.ResellerLogo)
		if err != nil {
			return fmt.Errorf("LATCHKEY_RESELLER_LOGO_FILE cannot be read: %w", err)
		}
		defer file.Close()
		if logo, err = io.ReadAll(io.LimitReader(file, views.MaxLogo+1)); err != nil {
			return fmt.Errorf("LATCHKEY_RESELLER_LOGO_FILE cannot be read: %w", err)
		}
	}
	if s.directWords, err = resale.ParseDirectWords(f.DirectWords); err != nil {
		return fmt.Errorf("LATCHKEY_DIRECT_CUSTOMER_WORDS: %w", err)
	}
	s.brand, err = views.NewBrand(name, logo, f.Colour, f.Contact)
	return err
}

func (s *settings) setMail(f portalFlags) error {
	address, err := secret("LATCHKEY_SMTP_URL", f.SMTPURLFile)
	if err == nil {
		s.mail, err = parseMailServer(address, f.SMTPFrom)
	}
	return err
}

func (s *settings) setBango(f portalFlags) (err error) {
	if s.bangoURL, err = checkURL("LATCHKEY_BANGO_URL", f.BangoURL); err != nil {
		return err
	}
	s.bangoTimeout, err = time.ParseDuration(f.BangoTimeout)
	if err != nil || s.bangoTimeout < 100*time.Millisecond || s.bangoTimeout > 2*time.Minute {
		return fmt.Errorf("LATCHKEY_BANGO_TIMEOUT is %q; expected a duration from 100ms to 2m, like 10s", f.BangoTimeout)
	}
	if s.bangoUsername, err = secret("LATCHKEY_BANGO_USERNAME", f.BangoUsernameFile); err != nil {
		return err
	}
	if s.bangoPassword, err = secret("LATCHKEY_BANGO_PASSWORD", f.BangoPasswordFile); err != nil {
		return err
	}
	var missing []string
	if s.bangoUsername == "" {
		missing = append(missing, "LATCHKEY_BANGO_USERNAME")
	}
	if s.bangoPassword == "" {
		missing = append(missing, "LATCHKEY_BANGO_PASSWORD")
	}
	if missing != nil {
		return fmt.Errorf("%s is not set; Bango gives it to its resellers. To try Latchkey without it, run: latchkey demo", strings.Join(missing, " and "))
	}
	return nil
}

// setBangoWire sets what of the API differs from one account to the next.
func (s *settings) setBangoWire(f portalFlags) (err error) {
	base := bango.DefaultWire()
	switch s.ownIDs = f.BangoOwnIDs; f.BangoGeneration {
	case 0, 1: // 0 is that of commands without the flag
	case 2:
		base = bango.Generation2Wire()
	default:
		return fmt.Errorf("LATCHKEY_BANGO_GENERATION is %d; expected 1 or 2", f.BangoGeneration)
	}
	base.Generation = max(f.BangoGeneration, 1)
	if s.bangoWire, err = bango.ParseWire(base, f.BangoWire); err != nil {
		return fmt.Errorf("LATCHKEY_BANGO_WIRE: %w", err)
	}
	for pair := range strings.SplitSeq(f.BangoMagic, ",") {
		if pair = strings.TrimSpace(pair); pair == "" {
			continue
		}
		operation, value, ok := strings.Cut(pair, "=")
		if !ok {
			return fmt.Errorf("LATCHKEY_BANGO_MAGIC_NUMBERS has %q; expected OPERATION=VALUE, like create=CREATE_REQUEST_RETURNS_CREATED", pair)
		}
		if s.magicNumbers == nil {
			s.magicNumbers = map[string]string{}
		}
		s.magicNumbers[strings.TrimSpace(operation)] = strings.TrimSpace(value)
	}
	key, err := secret("LATCHKEY_BANGO_SIGNING_KEY", f.BangoSigningKeyFile)
	if err != nil || key == "" {
		return err
	}
	if s.signingKey, err = bango.ParseSigningKey([]byte(key)); err != nil {
		return fmt.Errorf("LATCHKEY_BANGO_SIGNING_KEY: %w", err)
	}
	return nil
}

// bango is what the settings say of Bango.
func (s settings) bango() bango.Config {
	return bango.Config{BaseURL: s.bangoURL, Username: s.bangoUsername, Password: s.bangoPassword, Timeout: s.bangoTimeout, Wire: s.bangoWire,
		SigningKey: s.signingKey, MagicNumbers: s.magicNumbers}
}

// webhook is what the settings say of who may post notifications.
func (s settings) webhook() handlers.Config {
	return handlers.Config{WebhookKeys: s.webhookKeys, WebhookUsername: s.webhookUsername, WebhookPasswords: s.webhookPasswords,
		WebhookOAuth: s.webhookOAuth}
}

// webhookGuarded reports whether a notification has to present anything.
func (s settings) webhookGuarded() bool {
	return len(s.webhookKeys) > 0 || s.webhookUsername != "" || s.webhookOAuth != handlers.OAuth{}
}

func (s *settings) setReconcile(every string) (err error) {
	s.reconcileEvery, err = time.ParseDuration(every)
	if err != nil || s.reconcileEvery < time.Minute || s.reconcileEvery > 24*time.Hour {
		return fmt.Errorf("LATCHKEY_RECONCILE_EVERY is %q; expected a duration from 1m to 24h, like 15m", every)
	}
	return nil
}

func (s *settings) setBulk(perMinute int) error {
	if s.bulkPerMinute = perMinute; perMinute < 0 || perMinute > 6000 { // 0 is that of commands without the flag
		return fmt.Errorf("LATCHKEY_BULK_PER_MINUTE is %d; expected 1 to 6000", perMinute)
	}
	return nil
}

// checkURL accepts https anywhere and plain http to this machine alone, where a sandbox may run.
func checkURL(name, raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && !(u.Scheme == "http" && loopback(u)) {
		return "", fmt.Errorf("%s is not usable; expected an https address without a user name in it (http only to this machine)", name)
	}
	return strings.TrimSuffix(raw, "/"), nil
}

func loopback(u *url.URL) bool { return resale.IsLoopback(u.Hostname()) }

func (s *settings) setWebhook(f portalFlags) error {
	keys, err := secret("LATCHKEY_WEBHOOK_KEY", f.WebhookKeyFile)
	if err != nil {
		return err
	}
	for key := range strings.SplitSeq(keys, ",") {
		if key = strings.TrimSpace(key); key != "" {
			s.webhookKeys = append(s.webhookKeys, key)
		}
	}
	if s.webhookUsername, err = secret("LATCHKEY_WEBHOOK_USERNAME", f.WebhookUsernameFile); err != nil {
		return err
	}
	password, err := secret("LATCHKEY_WEBHOOK_PASSWORD", f.WebhookPasswordFile)
	if err != nil {
		return err
	}
	previous, err := secret("LATCHKEY_WEBHOOK_PASSWORD_PREVIOUS", f.WebhookPasswordPreviousFile)
	switch {
	case err != nil:
		return err
	case (s.webhookUsername == "") != (password == ""):
		return errors.New("LATCHKEY_WEBHOOK_USERNAME and LATCHKEY_WEBHOOK_PASSWORD go together; one of them is missing")
	case previous != "" && password == "":
		return errors.New("LATCHKEY_WEBHOOK_PASSWORD_PREVIOUS is set without LATCHKEY_WEBHOOK_PASSWORD; a single password is that one")
	}
	for _, p := range []string{password, previous} {
		if p != "" {
			s.webhookPasswords = append(s.webhookPasswords, p)
		}
	}
	return nil
}

func (s *settings) setWebhookOAuth(f portalFlags) (err error) {
	o := handlers.OAuth{Issuer: f.WebhookIssuer, Audience: f.WebhookAudience, IntrospectionURL: f.WebhookIntrospection}
	if o.IntrospectionUsername, err = secret("LATCHKEY_WEBHOOK_INTROSPECTION_USERNAME", f.WebhookIntrospectionUsernameFile); err != nil {
		return err
	}
	if o.IntrospectionPassword, err = secret("LATCHKEY_WEBHOOK_INTROSPECTION_PASSWORD", f.WebhookIntrospectionPasswordFile); err != nil {
		return err
	}
	asks := o.IntrospectionURL != ""
	switch {
	case o.Issuer != "" && o.Audience == "":
		return errors.New("LATCHKEY_WEBHOOK_AUDIENCE is missing; without it, a token that the issuer made for anybody else would be accepted")
	case o.Audience != "" && o.Issuer == "" && !asks:
		return errors.New("LATCHKEY_WEBHOOK_AUDIENCE is set without LATCHKEY_WEBHOOK_ISSUER or LATCHKEY_WEBHOOK_INTROSPECTION_URL, which say how a token is checked")
	case asks != (o.IntrospectionUsername != "") || asks != (o.IntrospectionPassword != ""):
		return errors.New("LATCHKEY_WEBHOOK_INTROSPECTION_URL, LATCHKEY_WEBHOOK_INTROSPECTION_USERNAME and LATCHKEY_WEBHOOK_INTROSPECTION_PASSWORD go together; one of them is missing")
	}
	// A token names its issuer to the letter, so that the addresses are taken as they are written.
	if o.Issuer != "" {
		_, err = checkURL("LATCHKEY_WEBHOOK_ISSUER", o.Issuer)
	}
	if asks && err == nil {
		_, err = checkURL("LATCHKEY_WEBHOOK_INTROSPECTION_URL", o.IntrospectionURL)
	}
	s.webhookOAuth = o
	return err
}

func (s *settings) setLinks(hosts string) (err error) {
	if s.links.Hosts, err = resale.ParseLinkHosts(hosts); err != nil {
		return fmt.Errorf("LATCHKEY_REDIRECT_HOSTS: %w", err)
	}
	// Only a sandbox on this machine may send end users to pages on this machine.
	u, err := url.Parse(s.bangoURL)
	s.links.AllowLoopback = err == nil && loopback(u)
	return nil
}

func (s *settings) setSessionKey(file string) (err error) {
	s.sessionKey, err = secret("LATCHKEY_SESSION_KEY", file)
	if err == nil && s.sessionKey != "" && len(s.sessionKey) < 32 {
		return errors.New("LATCHKEY_SESSION_KEY is too short; expected at least 32 random characters")
	}
	return err
}

// secret returns the secret of that name from the environment, or from the file where one is named. Both is a mistake.
func secret(name, file string) (string, error) {
	value := os.Getenv(name)
	if file == "" {
		return value, nil
	}
	if value != "" {
		return "", fmt.Errorf("%s and %s_FILE are both set; choose one", name, name)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("%s_FILE cannot be read: %w", name, err)
	}
	return strings.TrimRight(string(content), "\r\n"), nil
}

// knownSettings are the environment variables that mean something to the portal.
var knownSettings = []string{
	"LATCHKEY_LISTEN", "LATCHKEY_PUBLIC_URL", "LATCHKEY_DATABASE", "LATCHKEY_RESELLER_NAME", "LATCHKEY_REDIRECT_HOSTS",
	"LATCHKEY_RESELLER_LOGO_FILE", "LATCHKEY_RESELLER_COLOUR", "LATCHKEY_RESELLER_CONTACT", "LATCHKEY_DIRECT_CUSTOMER_WORDS",
	"LATCHKEY_SMTP_URL", "LATCHKEY_SMTP_URL_FILE", "LATCHKEY_SMTP_FROM",
	"LATCHKEY_SESSION_KEY", "LATCHKEY_SESSION_KEY_FILE",
	"LATCHKEY_BANGO_URL", "LATCHKEY_BANGO_TIMEOUT", "LATCHKEY_BANGO_GENERATION", "LATCHKEY_BANGO_WIRE", "LATCHKEY_BANGO_OWN_IDS",
	"LATCHKEY_BANGO_MAGIC_NUMBERS", "LATCHKEY_BANGO_SIGNING_KEY", "LATCHKEY_BANGO_SIGNING_KEY_FILE", "LATCHKEY_RECONCILE_EVERY",
	"LATCHKEY_BULK_PER_MINUTE",
	"LATCHKEY_S3_ENDPOINT", "LATCHKEY_S3_ACCESS_KEY", "LATCHKEY_S3_ACCESS_KEY_FILE", "LATCHKEY_S3_SECRET_KEY", "LATCHKEY_S3_SECRET_KEY_FILE",
	"LATCHKEY_BANGO_USERNAME", "LATCHKEY_BANGO_USERNAME_FILE", "LATCHKEY_BANGO_PASSWORD", "LATCHKEY_BANGO_PASSWORD_FILE",
	"LATCHKEY_WEBHOOK_KEY", "LATCHKEY_WEBHOOK_KEY_FILE",
	"LATCHKEY_WEBHOOK_USERNAME", "LATCHKEY_WEBHOOK_USERNAME_FILE", "LATCHKEY_WEBHOOK_PASSWORD", "LATCHKEY_WEBHOOK_PASSWORD_FILE",
	"LATCHKEY_WEBHOOK_PASSWORD_PREVIOUS", "LATCHKEY_WEBHOOK_PASSWORD_PREVIOUS_FILE",
	"LATCHKEY_WEBHOOK_ISSUER", "LATCHKEY_WEBHOOK_AUDIENCE", "LATCHKEY_WEBHOOK_INTROSPECTION_URL",
	"LATCHKEY_WEBHOOK_INTROSPECTION_USERNAME", "LATCHKEY_WEBHOOK_INTROSPECTION_USERNAME_FILE",
	"LATCHKEY_WEBHOOK_INTROSPECTION_PASSWORD", "LATCHKEY_WEBHOOK_INTROSPECTION_PASSWORD_FILE",
}

// checkEnvironment finds a misspelt setting, which would otherwise be passed over in silence. The tests' own variables are let through.
func checkEnvironment(environ []string) error {
	for _, pair := range environ {
		name, _, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, "LATCHKEY_") && !strings.HasPrefix(name, "LATCHKEY_TEST_") && !slices.Contains(knownSettings, name) {
			return fmt.Errorf("%s is not a setting; `latchkey serve --help` lists them", name)
		}
	}
	return nil
}
