package handlers

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
)

// receiveNotification answers 200 once the notification is stored with its effect, and never a redirect. What we cannot read is stored
// too, so the content type is not looked at, and a compressed body stays as it came.
func (a *App) receiveNotification(c *fiber.Ctx) error {
	body := c.BodyRaw() // c.Body would inflate it
	if len(body) > maxBody {
		return errTooLarge
	}
	if err := a.service.ReceiveNotification(c.UserContext(), c.Params("token"), body); err != nil {
		return &refusal{status: http.StatusServiceUnavailable, message: "The notification could not be stored. Send it again.", cause: err}
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.SendString("{}")
}

// caller knows the credentials that Bango presents. Those that are ours are kept as hashes: they are compared in constant time, whatever
// their length. There may be several of each, so that one can be rotated while the other is in use.
type caller struct {
	keys   [][sha256.Size]byte
	basic  [][sha256.Size]byte // of user:password
	tokens []tokenCheck        // for what is no key of ours
}

func newCaller(c Config) caller {
	known := caller{tokens: newTokenChecks(c.WebhookOAuth)}
	for _, k := range c.WebhookKeys {
		known.keys = append(known.keys, sha256.Sum256([]byte(k)))
	}
	for _, password := range c.WebhookPasswords {
		known.basic = append(known.basic, sha256.Sum256([]byte(c.WebhookUsername+":"+password)))
	}
	return known
}

// Credentials returns the check of what a notification presents by the webhook's credentials of c, for whoever takes notifications in the
// portal's place. It lets everybody in where there are none, and is an error where it cannot be told now.
func Credentials(c Config) func(ctx context.Context, apiKey, authorization string) (bool, error) {
	caller := newCaller(c)
	return func(ctx context.Context, apiKey, authorization string) (bool, error) {
		if caller.unknown() {
			return true, nil
		}
		return caller.knows(ctx, apiKey, authorization)
	}
}

// unknown reports whether there are no credentials, so that an entitlement's token alone admits.
func (c caller) unknown() bool { return len(c.keys)+len(c.basic)+len(c.tokens) == 0 }

// knows reports whether a request with these headers presents one of the credentials. An error means that it presents none that we know
// ourselves, and that the authorization server, which may know it, could not be asked.
func (c caller) knows(ctx context.Context, apiKey, authorization string) (bool, error) {
	scheme, credentials, _ := strings.Cut(authorization, " ")
	credentials = strings.TrimSpace(credentials)
	known, bearer := matches(c.keys, apiKey), ""
	switch strings.ToLower(scheme) {
	case "bearer":
		known |= matches(c.keys, credentials)
		bearer = credentials
	case "basic":
		pair, err := base64.StdEncoding.DecodeString(credentials)
		if err == nil {
			known |= matches(c.basic, string(pair))
		}
	}
	if known == 1 || bearer == "" {
		return known == 1, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	var unsure error
	for _, check := range c.tokens {
		admits, err := check.admits(ctx, bearer)
		if admits {
			return true, nil
		}
		unsure = errors.Join(unsure, err)
	}
	return false, unsure
}

// matches is 1 where the presented credential is one of those, and takes as long where it is not.
func matches(those [][sha256.Size]byte, presented string) (match int) {
	sum := sha256.Sum256([]byte(presented))
	for _, one := range those {
		match |= subtle.ConstantTimeCompare(one[:], sum[:])
	}
	return match
}

// admitCaller lets in who presents the webhook's credentials. Of the others nothing is kept but their number.
func (a *App) admitCaller(c *fiber.Ctx) error {
	if a.caller.unknown() {
		return nil
	}
	known, err := a.caller.knows(c.UserContext(), c.Get("X-Api-Key"), c.Get(fiber.HeaderAuthorization))
	switch {
	case known:
		return nil
	case err != nil: // not a 401: Bango's token may well be right, and Bango should send the notification again
		return &refusal{status: http.StatusServiceUnavailable, message: "The access token could not be checked. Send it again.", cause: err}
	}
	if n := a.refused.count(time.Now()); n > 0 {
		a.log.Warn("notifications came with wrong or no credentials and were refused", "times", n)
	}
	c.Set(fiber.HeaderWWWAuthenticate, `Basic realm="notifications", charset="UTF-8", Bearer realm="notifications"`)
	return &refusal{status: http.StatusUnauthorized, message: "The credentials are wrong or missing."}
}

// tally counts something that may happen often, and is told of at most once a minute.
type tally struct {
	mu   sync.Mutex
	n    int64
	told time.Time
}

// count adds one, and returns how many there were since the last telling where it is time for another, else 0.
func (t *tally) count(now time.Time) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n++
	if now.Sub(t.told) < time.Minute {
		return 0
	}
	n := t.n
	t.n, t.told = 0, now
	return n
}
