package handlers

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"
)

// readyTime is how long the portal may take to find out whether it can work.
const readyTime = 2 * time.Second

// InstanceHeader is where [Proof] stands in the answer to GET /healthz?nonce=….
const InstanceHeader = "Latchkey-Instance"

const maxNonce = 64 // bytes

// healthy tells that the process lives: an operator's tool restarts it where this gives no answer. Asked with a nonce, it proves which
// portal it is, so that its operator can see that an address leads to it.
func (a *App) healthy(c *fiber.Ctx) error {
	if nonce := c.Query("nonce"); nonce != "" && len(nonce) <= maxNonce {
		c.Set(InstanceHeader, Proof(a.instance, nonce))
	}
	return c.SendString("ok\n")
}

// Proof is what only a portal on the same database can answer to a nonce. It tells nobody else anything.
func Proof(instanceKey []byte, nonce string) string {
	mac := hmac.New(sha256.New, instanceKey)
	mac.Write([]byte(nonce))
	return hex.EncodeToString(mac.Sum(nil))
}

// isReady tells whether the portal can work: a load balancer leaves it out where it cannot.
func (a *App) isReady(c *fiber.Ctx) error {
	ctx, cancel := context.WithTimeout(c.UserContext(), readyTime)
	defer cancel()
	if err := a.ready(ctx); err != nil {
		return &refusal{status: http.StatusServiceUnavailable, message: "not ready", cause: err}
	}
	return c.SendString("ready\n")
}
