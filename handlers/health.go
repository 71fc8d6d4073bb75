package handlers

import (
	"context"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"
)

// readyTime is how long the portal may take to find out whether it can work.
const readyTime = 2 * time.Second

// healthy tells that the process lives: an operator's tool restarts it where this gives no answer.
func (a *App) healthy(c *fiber.Ctx) error { return c.SendString("ok\n") }

// isReady tells whether the portal can work: a load balancer leaves it out where it cannot.
func (a *App) isReady(c *fiber.Ctx) error {
	ctx, cancel := context.WithTimeout(c.UserContext(), readyTime)
	defer cancel()
	if err := a.ready(ctx); err != nil {
		return &refusal{status: http.StatusServiceUnavailable, message: "not ready", cause: err}
	}
	return c.SendString("ready\n")
}
