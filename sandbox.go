package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"latchkey/bango/sandbox"
)

// The sandbox's credentials are no secrets: nothing that they open is real.
const (
	sandboxUsername   = "sandbox"
	sandboxSecond     = "sandbox-2" // another reseller
	sandboxPassword   = "nothing-here-is-real"
	sandboxWebhookKey = "sandbox-webhook-key"
)

type sandboxCmd struct {
	Listen    string `default:"127.0.0.1:8090" placeholder:"HOST:PORT" help:"Address to serve on."`
	PublicURL string `placeholder:"URL" help:"How browsers reach the merchants' pages. Default: http:// and the address to serve on."`
	RateLimit int    `placeholder:"CALLS" help:"Calls a minute that a reseller may make; more are answered with 429. Default: no limit."`
}

func (c *sandboxCmd) Run(ctx context.Context, s streams) error {
	publicURL, err := addressFlags{Listen: c.Listen, PublicURL: c.PublicURL}.publicURL()
	if err != nil {
		return err
	}
	listener, err := listen(c.Listen, "--listen")
	if err != nil {
		return err
	}
	defer listener.Close()
	box, err := newSandbox(publicURL, c.RateLimit, slog.New(slog.NewTextHandler(s.err, nil)))
	if err != nil {
		return err
	}
	defer box.Close()
	fmt.Fprintf(s.out, `The Bango sandbox is at %[1]s; open it to see what it holds. Nothing in it is real, and it forgets everything when it stops.
A portal uses it with these settings:

  LATCHKEY_BANGO_URL=%[1]s/v1
  LATCHKEY_BANGO_USERNAME=%[2]s
  LATCHKEY_BANGO_PASSWORD=%[3]s
  LATCHKEY_WEBHOOK_KEY=%[4]s

A second reseller, who sees nothing of the first: %[5]s, with the same password and key. Generation 2 of the API is at %[1]s/v2.
Faults on demand and the clock are at %[1]s/control. Ctrl+C stops it.
`, publicURL, sandboxUsername, sandboxPassword, sandboxWebhookKey, sandboxSecond)
	return serveSandbox(ctx, box, listener)
}

// newSandbox returns a sandbox with its default merchants and a limit of calls a minute, 0 for none. The caller closes it.
func newSandbox(publicURL string, rateLimit int, log *slog.Logger) (*sandbox.Sandbox, error) {
	return sandbox.New(sandbox.Config{Username: sandboxUsername, Password: sandboxPassword, PublicURL: publicURL, RateLimit: rateLimit,
		NotifyKey: sandboxWebhookKey, Log: log, Resellers: []sandbox.Reseller{
			{Name: "A second reseller", Username: sandboxSecond, Password: sandboxPassword, NotifyKey: sandboxWebhookKey}}})
}

// serveSandbox answers on the listener until ctx is done.
func serveSandbox(ctx context.Context, box *sandbox.Sandbox, listener *listener) error {
	server := &http.Server{Handler: box, ReadTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve the sandbox: %w", err)
	case <-ctx.Done():
	}
	listener.dropSilent()
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	if err := server.Shutdown(ending); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("stop the sandbox: %w", err)
	}
	return nil
}
