package handlers

import (
	"crypto/rand"
	"net"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// headers are those that every response has.
type headers struct {
	https    bool
	loopback bool
}

func newHeaders(publicURL string) headers {
	u, err := url.Parse(publicURL)
	if err != nil {
		return headers{}
	}
	ip := net.ParseIP(u.Hostname())
	return headers{https: u.Scheme == "https", loopback: u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()}
}

// begin sets the headers and makes the nonce and the id of a request. fasthttp answers a request that it cannot read without asking us
// first, so the error handler begins those.
func (a *App) begin(ctx *fasthttp.RequestCtx) {
	if ctx.UserValue(keyID) != nil {
		return
	}
	nonce := rand.Text()
	ctx.SetUserValue(keyID, rand.Text()[:10])
	ctx.SetUserValue(keyNonce, nonce)
	h := &ctx.Response.Header
	h.Set("Content-Security-Policy", a.headers.policy(nonce, string(ctx.Path())))
	h.Set("X-Content-Type-Options", "nosniff")
	// Addresses with tokens in them are told to nobody else. "no-referrer" would be no better at that, and makes browsers send
	// "Origin: null" with a form, which the check for foreign sites has to refuse where there is no Sec-Fetch-Site.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	h.Set("X-Robots-Tag", "noindex, nofollow")
	h.Set("Cache-Control", "no-store")
	if a.headers.https {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// policy is the content security policy of a page. The script makes HTML out of text by the policy "latchkey" alone.
func (h headers) policy(nonce, path string) string {
	formAction := "'self'"
	if strings.HasPrefix(path, "/s/") {
		formAction += " https:" // docs/decisions/0002-end-users-form-action.md
		if h.loopback {
			formAction += " http://127.0.0.1:* http://localhost:*" // a sandbox on this machine
		}
	}
	return "default-src 'none'; script-src 'nonce-" + nonce + "'; style-src 'self' 'nonce-" + nonce + "'; img-src 'self' data:; " +
		"connect-src 'self'; form-action " + formAction + "; base-uri 'none'; frame-ancestors 'none'; " +
		"require-trusted-types-for 'script'; trusted-types latchkey"
}

func nonce(c *fiber.Ctx) string {
	n, _ := c.Locals(keyNonce).(string)
	return n
}
