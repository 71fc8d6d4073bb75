package handlers

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
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

// caller knows the credentials that Bango presents, as hashes: they are compared in constant time, whatever their length.
type caller struct {
	keys  [][sha256.Size]byte
	basic [][sha256.Size]byte // of user:password, at most one
}

func newCaller(keys []string, username, password string) caller {
	var c caller
	for _, k := range keys {
		c.keys = append(c.keys, sha256.Sum256([]byte(k)))
	}
	if username != "" {
		c.basic = append(c.basic, sha256.Sum256([]byte(username+":"+password)))
	}
	return c
}

// unknown reports whether there are no credentials, so that an entitlement's token alone admits.
func (c caller) unknown() bool { return len(c.keys)+len(c.basic) == 0 }

// knows reports whether a request with these headers presents one of the credentials.
func (c caller) knows(apiKey, authorization string) bool {
	scheme, credentials, _ := strings.Cut(authorization, " ")
	known := matches(c.keys, apiKey)
	switch strings.ToLower(scheme) {
	case "bearer":
		known |= matches(c.keys, strings.TrimSpace(credentials))
	case "basic":
		pair, err := base64.StdEncoding.DecodeString(strings.TrimSpace(credentials))
		if err == nil {
			known |= matches(c.basic, string(pair))
		}
	}
	return known == 1
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
	if a.caller.unknown() || a.caller.knows(c.Get("X-Api-Key"), c.Get(fiber.HeaderAuthorization)) {
		return nil
	}
	if n := a.refused.count(time.Now()); n > 0 {
		a.log.Warn("notifications came with wrong or no credentials and were refused", "times", n)
	}
	c.Set(fiber.HeaderWWWAuthenticate, `Basic realm="notifications", charset="UTF-8"`)
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
