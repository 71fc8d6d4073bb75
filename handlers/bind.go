package handlers

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/valyala/fasthttp"

	"latchkey/resale"
)

const (
	maxField = 2048 // bounds a field of a form, in bytes; most have a limit of their own in package resale
	maxQuery = 200  // bounds what is searched for, in bytes
)

// form reads the fields of a posted form into a struct; err is the first fault.
type form struct {
	args *fasthttp.Args
	err  error
}

// readForm reads the body as it came: nothing is inflated, so that what was measured is what is read.
func readForm(c *fiber.Ctx) *form {
	f := &form{args: c.Context().PostArgs()}
	contentType, _, _ := bytes.Cut(c.Request().Header.ContentType(), []byte(";"))
	if !strings.EqualFold(string(bytes.TrimSpace(contentType)), fiber.MIMEApplicationForm) || len(c.Request().Header.ContentEncoding()) > 0 {
		f.err = errNotAForm
	}
	return f
}

// text returns a field of one line, "" where the form has none of that name.
func (f *form) text(name string) string { return f.field(name, maxField, printable) }

// lines returns a field of many lines.
func (f *form) lines(name string) string {
	return f.field(name, resale.MaxExtensionData, func(s string) bool { return printable(strings.NewReplacer("\r", "", "\n", "", "\t", "").Replace(s)) })
}

// field returns a field of at most so many bytes, if it may be shown.
func (f *form) field(name string, most int, shown func(string) bool) string {
	values := f.args.PeekMulti(name)
	if len(values) == 0 || f.err != nil {
		return ""
	}
	value := string(values[0])
	switch {
	case len(values) > 1:
		f.err = resale.Invalid(name, "The form has more than one %s.", words(name))
	case len(value) > most:
		f.err = resale.Invalid(name, "The %s is longer than %d characters.", words(name), most)
	case !shown(value):
		f.err = resale.Invalid(name, "The %s has characters in it that cannot be shown.", words(name))
	default:
		return value
	}
	return ""
}

func words(name string) string { return strings.ReplaceAll(name, "_", " ") }

// printable reports whether s is text on one line; PostgreSQL takes neither NUL nor broken UTF-8.
func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// query returns a part of the address's query, "" where there is none.
func query(c *fiber.Ctx, name string) (string, error) {
	value := strings.TrimSpace(c.Query(name))
	switch {
	case len(value) > maxQuery:
		return "", resale.Invalid(name, "What you look for is longer than %d characters.", maxQuery)
	case !printable(value):
		return "", resale.Invalid(name, "What you look for has characters in it that cannot be shown.")
	}
	return value, nil
}

// pathID returns the id that the address carries; nothing is stored under anything that is no id of ours.
func pathID(c *fiber.Ctx, what string) (string, error) {
	id := c.Params("id")
	if !isID(id) {
		return "", resale.NotFound(what)
	}
	return id, nil
}

func isID(s string) bool { return len(s) == 36 && uuid.Validate(s) == nil }

// isToken reports whether s may be a secret of ours in an address.
func isToken(s string) bool {
	return len(s) >= 16 && len(s) <= 64 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
}
