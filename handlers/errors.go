package handlers

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"latchkey/resale"
	"latchkey/views"
)

// statusOf is what each kind of failure is in HTTP.
var statusOf = map[resale.Code]int{
	resale.CodeInvalid:   http.StatusUnprocessableEntity,
	resale.CodeNotFound:  http.StatusNotFound,
	resale.CodeForbidden: http.StatusForbidden,
	resale.CodeConflict:  http.StatusConflict,
	resale.CodeBusy:      http.StatusServiceUnavailable,
	resale.CodeInternal:  http.StatusInternalServerError,
}

// refusal is a failure that only HTTP knows of, with a sentence for people. cause is for the log alone.
type refusal struct {
	status  int
	message string
	cause   error
}

func (r *refusal) Error() string {
	if r.cause != nil {
		return r.message + " " + r.cause.Error()
	}
	return r.message
}

var (
	errSignedOut = &refusal{status: http.StatusUnauthorized, message: "Nobody is signed in here."}
	errTooLarge  = &refusal{status: http.StatusRequestEntityTooLarge, message: "This is more than 64 KiB, so it was not taken."}
	errNotAForm  = &refusal{status: http.StatusUnsupportedMediaType,
		message: "This address takes a form, with the content type application/x-www-form-urlencoded."}
)

// titles head the page of a failure; other statuses have the standard's words.
var titles = map[int]string{
	http.StatusForbidden:           "That is not allowed",
	http.StatusNotFound:            "There is nothing here",
	http.StatusConflict:            "That clashes with something that is there",
	http.StatusUnprocessableEntity: "That cannot be taken",
	http.StatusInternalServerError: "Something went wrong here",
	http.StatusServiceUnavailable:  "Too much at once",
}

// explain tells what a failure is in HTTP and in a sentence.
func explain(err error, id string) (status int, message string) {
	var r *refusal
	var e *resale.Error
	var f *fiber.Error
	switch {
	case errors.As(err, &r):
		return r.status, r.message
	case errors.As(err, &e) && e.Code != resale.CodeInternal:
		return statusOf[e.Code], e.Message
	case errors.As(err, &f):
		switch f.Code {
		case http.StatusNotFound:
			return f.Code, "No page has this address. Check it, or start from the first page."
		case http.StatusMethodNotAllowed:
			return f.Code, "This address does not take that kind of request."
		case http.StatusRequestEntityTooLarge:
			return f.Code, errTooLarge.message
		}
		return f.Code, "The request could not be read."
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusServiceUnavailable, "This took too long. Try again in a moment; what was stored stays stored."
	}
	return http.StatusInternalServerError, "It is our fault, and it was written down as " + id + ". Try again; if it stays, tell that to whoever runs this portal."
}

// fail is the one place where a failure becomes a response: a page for people, a line of text for programs. What is ours to mend is
// logged with its cause, which nobody is shown.
func (a *App) fail(c *fiber.Ctx, err error) error {
	a.begin(c.Context())
	c.SetUserContext(context.WithoutCancel(c.UserContext())) // the time for the request may be over, that for this page is not
	id, _ := c.Locals(keyID).(string)
	c.Response().ResetBody() // half a page may stand there
	machine := forMachines(c.Path())
	if errors.Is(err, errSignedOut) && !machine {
		return askToSignIn(c)
	}
	status, message := explain(err, id)
	if status >= http.StatusInternalServerError {
		r, _ := c.Locals(keyRoute).(route)
		a.log.Error("a request failed", "id", id, "route", r.path, "status", status, "err", err)
	}
	if status == http.StatusServiceUnavailable {
		c.Set(fiber.HeaderRetryAfter, "1")
	}
	if !machine {
		page := views.ErrorPage{Frame: a.frame(c), Status: status, Title: titles[status], Message: message}
		if page.Title == "" {
			page.Title = http.StatusText(status)
		}
		component := views.Error(page)
		if strings.HasPrefix(c.Path(), "/s/") { // the end user
			component = views.Lost(a.lost(c, status, id))
		}
		rendered := a.render(c, status, component)
		if rendered == nil {
			return nil
		}
		a.log.Error("the page of a failure could not be drawn", "id", id, "err", rendered)
		c.Response().ResetBody()
	}
	c.Set(fiber.HeaderContentType, fiber.MIMETextPlainCharsetUTF8)
	return c.Status(status).SendString(message + "\n")
}

// forMachines reports whether programs alone ask for the address.
func forMachines(path string) bool {
	return path == "/live" || path == "/healthz" || path == "/readyz" || strings.HasPrefix(path, "/static/") ||
		strings.HasPrefix(path, "/webhooks/")
}

// faultOf returns the fault that a form shows beside its fields, and nil for a failure that is a page of its own.
func faultOf(err error) *resale.Error {
	var e *resale.Error
	if errors.As(err, &e) && (e.Code == resale.CodeInvalid || e.Code == resale.CodeConflict) {
		return e
	}
	return nil
}
