package bango

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Wire is what goes over the wire where the documentation leaves it open, or where it is only inferred: set here, or by name with
// ParseWire, it needs no change anywhere else. What is empty is as in DefaultWire, or in Generation2Wire where Generation is 2.
//
// Paths are relative to the base URL and begin with a slash; {id} stands for the escaped identifier. Where the path of a change has no
// {id}, the body names the entitlement. WireSettings tells the source of each. What may have no value has None where a default is to go.
type Wire struct {
	Generation int // of the API, 1 or 2; 0 means 1. It chooses the defaults of what is empty, and nothing else

	EchoMethod, EchoPath             string
	CreateMethod, CreatePath         string
	ReadMethod, ReadPath             string
	ReportPath                       string // always a POST: it has a body
	UpdateMethod, UpdatePath         string
	SuspendMethod, SuspendPath       string // no path: a suspend is an update of entitlementBenefits
	ResumeMethod, ResumePath         string // no path: likewise
	CancelMethod, CancelPath         string
	RevokeMethod, RevokePath         string
	ProductsMethod, ProductsPath     string // no path: eligible products cannot be asked for
	ActivationMethod, ActivationPath string // no path: activation info cannot be asked for

	Suspended    string // entitlementBenefits of a suspend
	Normal       string // entitlementBenefits of a resume
	UndoProperty string // what an update sets to undo a cancel; none: it cannot be undone
	UndoValue    string // what it sets it to
	Accepted     string // responseCode that means, with HTTP 202, that the merchant has queued the change
	Signature    string // what is signed where messages are: {created} and {body} stand for the header Created and the body

	HTTP map[string]Statuses // with which HTTP statuses a responseCode is believed
}

// None is the value of what a Wire is to do without, in place of a default.
const None = "none"

// Statuses are the HTTP statuses from From to To.
type Statuses struct{ From, To int }

func (s Statuses) has(status int) bool { return status >= s.From && status <= s.To }

// String writes them as Wire.Set reads them.
func (s Statuses) String() string {
	if s.From == s.To {
		return strconv.Itoa(s.From)
	}
	return fmt.Sprintf("%d-%d", s.From, s.To)
}

// Mark says how sure a default is.
type Mark string

const (
	Documented Mark = "documented"
	Inferred   Mark = "inferred"  // our deduction
	NotFound   Mark = "not found" // looked for in the documentation in vain; the default is a guess, or None
)

// setting is a name of Wire with its default and the mark of that in generation 1 and 2.
type setting struct {
	name    string
	field   func(*Wire) *string
	kind    kind
	values  [2]string
	marks   [2]Mark
	source  string
	meaning string
}

// settings are all names but those of HTTP, which codes has. Of generation 2 the operations are known by name alone (src:
// developer.bango.info/help, api-change-log): its methods and paths are those of generation 1, or after their form.
var settings = []setting{
	{"echoMethod", func(w *Wire) *string { return &w.EchoMethod }, reads, both("GET"), [2]Mark{Inferred, NotFound}, "resale/testing",
		"method of an echo"},
	{"echoPath", func(w *Wire) *string { return &w.EchoPath }, idPath, both("/echo/{id}"), [2]Mark{Documented, NotFound}, "resale/testing",
		"path of an echo"},
	{"createMethod", func(w *Wire) *string { return &w.CreateMethod }, writes, both("POST"), [2]Mark{Documented, NotFound},
		"resale/api-ref/entitlement/post", "method of a create"},
	{"createPath", func(w *Wire) *string { return &w.CreatePath }, plainPath, both("/entitlement"), [2]Mark{Documented, NotFound},
		"resale/api-ref/entitlement/post", "path of a create"},
	{"readMethod", func(w *Wire) *string { return &w.ReadMethod }, reads, both("GET"), [2]Mark{Documented, NotFound}, "resale/entitlements/read",
		"method of a read"},
	{"readPath", func(w *Wire) *string { return &w.ReadPath }, idPath, both("/entitlement/{id}"), [2]Mark{Documented, NotFound},
		"resale/entitlements/read; the version in front of it is inferred", "path of a read"},
	{"reportPath", func(w *Wire) *string { return &w.ReportPath }, plainPath, both("/entitlement/report"), [2]Mark{Documented, NotFound},
		"resale/entitlements/report; the version in front of it is inferred", "path of a report"},
	{"updateMethod", func(w *Wire) *string { return &w.UpdateMethod }, writes, both("PATCH"), [2]Mark{Documented, NotFound},
		"resale/entitlements/update", "method of an update"},
	{"updatePath", func(w *Wire) *string { return &w.UpdatePath }, anyPath, both("/entitlement"), [2]Mark{Inferred, NotFound},
		"resale/entitlements/update says only that the id is in the body, not in the path", "path of an update"},
	{"suspendMethod", func(w *Wire) *string { return &w.SuspendMethod }, writes, both("POST"), both(NotFound),
		"after resale/api-ref/entitlement/reactivate/post", "method of a suspend that has a path of its own"},
	{"suspendPath", func(w *Wire) *string { return &w.SuspendPath }, noPath, [2]string{"", "/entitlement/suspend/{id}"},
		[2]Mark{Documented, NotFound}, "resale/entitlements/update; generation 2 after resale/api-ref/entitlement/reactivate/post",
		"path of a suspend; none: by an update"},
	{"resumeMethod", func(w *Wire) *string { return &w.ResumeMethod }, writes, both("POST"), both(NotFound),
		"after resale/api-ref/entitlement/reactivate/post", "method of a resume that has a path of its own"},
	{"resumePath", func(w *Wire) *string { return &w.ResumePath }, noPath, [2]string{"", "/entitlement/resume/{id}"},
		[2]Mark{Documented, NotFound}, "resale/entitlements/resume; generation 2 after resale/api-ref/entitlement/reactivate/post",
		"path of a resume; none: by an update"},
	{"cancelMethod", func(w *Wire) *string { return &w.CancelMethod }, writes, both("POST"), [2]Mark{Documented, NotFound},
		"resale/entitlements/cancel", "method of a cancel"},
	{"cancelPath", func(w *Wire) *string { return &w.CancelPath }, anyPath, both("/entitlement/cancel/{id}"), [2]Mark{Inferred, NotFound},
		"after resale/api-ref/entitlement/reactivate/post", "path of a cancel"},
	{"revokeMethod", func(w *Wire) *string { return &w.RevokeMethod }, writes, both("POST"), [2]Mark{Documented, NotFound},
		"resale/entitlements/revoke", "method of a revoke"},
	{"revokePath", func(w *Wire) *string { return &w.RevokePath }, anyPath, both("/entitlement/revoke/{id}"), [2]Mark{Inferred, NotFound},
		"after resale/api-ref/entitlement/reactivate/post", "path of a revoke"},
	{"productsMethod", func(w *Wire) *string { return &w.ProductsMethod }, reads, both("GET"), [2]Mark{Documented, NotFound},
		"resale/product-api-ref/get", "method of the eligible products"},
	{"productsPath", func(w *Wire) *string { return &w.ProductsPath }, noPlainPath, both(""), both(NotFound),
		"resale/product-api-ref/get says only that it holds the reseller's identifier",
		"path of the eligible products, with the reseller's identifier in it; none: not available"},
	{"activationMethod", func(w *Wire) *string { return &w.ActivationMethod }, reads, both("GET"), both(NotFound), "a guess",
		"method of the activation info"},
	{"activationPath", func(w *Wire) *string { return &w.ActivationPath }, noIDPath, [2]string{"", "/entitlement/activationInfo/{id}"},
		[2]Mark{Documented, NotFound}, "developer.bango.info/api-change-log has the name alone; generation 1 has none",
		"path of the activation info; none: not available"},
	{"suspended", func(w *Wire) *string { return &w.Suspended }, word, both("SUSPENDED"), [2]Mark{Inferred, NotFound},
		"after resale/entitlements/resume", "entitlementBenefits of a suspend"},
	{"normal", func(w *Wire) *string { return &w.Normal }, word, both("NORMAL"), [2]Mark{Documented, NotFound}, "resale/entitlements/resume",
		"entitlementBenefits of a resume"},
	{"undoProperty", func(w *Wire) *string { return &w.UndoProperty }, noProperty, [2]string{"entitlementBenefits", ""},
		[2]Mark{Inferred, NotFound},
		"resale/entitlements/update says only that an update does it; status is the other candidate",
		"what an update sets to undo a cancel; none: not available"},
	{"undoValue", func(w *Wire) *string { return &w.UndoValue }, word, both("NORMAL"), [2]Mark{Inferred, NotFound},
		"resale/entitlements/update; of status it is ACTIVE", "what it is set to"},
	{"accepted", func(w *Wire) *string { return &w.Accepted }, queuedCode, both("OK"), [2]Mark{Inferred, Inferred},
		"resale/entitlements/resume has the status alone", "responseCode that means, with HTTP 202, that the merchant has queued the change"},
	{"signature", func(w *Wire) *string { return &w.Signature }, template, both("{created}{body}"), both(NotFound),
		"platform/connectivity/signing-http-messages says only that the header Created and the body are in it",
		"what is signed where a signing key is set"},
}

func both[T any](v T) [2]T { return [2]T{v, v} }

// code is a responseCode: what it means, and with which HTTP statuses it is believed.
type code struct {
	name     string
	outcome  Outcome
	believed Statuses
	mark     Mark // of the HTTP status
}

// codes are the documented responseCodes. src: resale/api-ref/entitlement/reactivate/post. Most HTTP statuses are inferred, so a refusal
// is believed with any below 500: NOT_AVAILABLE may come with a 202. src of the 201: developer.bango.info/mock-response-headers
var codes = []code{
	{"OK", OutcomeDone, Statuses{200, 201}, Documented},
	{"CLIENT_ACTION_REQUIRED", OutcomeAction, Statuses{200, 202}, Documented},
	{"BAD_REQUEST", OutcomeRefused, Statuses{200, 499}, Documented},
	{"NOT_AVAILABLE", OutcomeRefused, Statuses{200, 499}, NotFound},
	{"NOT_FOUND", OutcomeNotFound, Statuses{200, 499}, Inferred},
	{"ALREADY_EXISTS", OutcomeExists, Statuses{200, 499}, Inferred},
	{"UNAUTHORIZED", OutcomeUnauthorized, Statuses{200, 499}, Documented},
	{"TOO_MANY_REQUESTS", OutcomeThrottled, Statuses{200, 499}, Inferred},
	{"SERVICE_UNAVAILABLE", OutcomeUnavailable, Statuses{503, 503}, Inferred},
	{"INTERNAL_ERROR", OutcomeUnknown, Statuses{100, 599}, Inferred},
}

// success reports whether a code says that something was done.
func (c code) success() bool { return c.outcome == OutcomeDone || c.outcome == OutcomeAction }

// codeNamed returns the responseCode of that name.
func codeNamed(name string) (code, bool) {
	i := slices.IndexFunc(codes, func(c code) bool { return c.name == name })
	if i < 0 {
		return code{}, false
	}
	return codes[i], true
}

// check returns what is wrong with statuses that a code is to be believed with. A success with the status of a failure is never
// believed.
func (c code) check(s Statuses) error {
	from, to := 100, 599
	if c.success() {
		from, to = 200, 299
	}
	if s.From < from || s.To > to || s.From > s.To {
		return fmt.Errorf("%s is not an HTTP status or a range of them, like 200 or 200-%d, within %d-%d", s, to, from, to)
	}
	return nil
}

const httpPrefix = "http."

// DefaultWire returns the documented or most likely form of generation 1.
func DefaultWire() Wire { return defaults(1) }

// Base URLs of generation 2; the region is told at onboarding. Whether a version follows is not published. src: developer.bango.info
const (
	Generation2Sandbox = "https://resale.api.sandbox.bango.com"
	Generation2US      = "https://us.resale.api.bango.com"
	Generation2AP      = "https://ap.resale.api.bango.com"
	Generation2EU      = "https://eu.resale.api.bango.com"
)

// Generation2Wire returns the most likely form of generation 2. Its methods and paths are not published: every one is a guess, the
// NotFound of WireSettings(2), and to be set to what was told at onboarding.
func Generation2Wire() Wire { return defaults(2) }

func defaults(generation int) Wire {
	return Wire{Generation: generation}.complete()
}

// complete returns w with what is empty as by default, and empty what is None.
func (w Wire) complete() Wire {
	w.Generation = max(w.Generation, 1)
	for _, s := range settings {
		field := s.field(&w)
		switch {
		case *field == "":
			*field = s.values[w.Generation-1]
		case *field == None && s.kind.optional:
			*field = ""
		}
	}
	believed := make(map[string]Statuses, len(codes))
	for _, c := range codes {
		believed[c.name] = c.believed
	}
	maps.Copy(believed, w.HTTP)
	w.HTTP = believed
	return w
}

// check returns what is wrong with a complete w.
func (w Wire) check() error {
	for _, s := range settings {
		value := *s.field(&w)
		if value == "" && s.kind.optional {
			continue
		}
		if err := s.kind.check(value); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	for name, believed := range w.HTTP {
		c, known := codeNamed(name)
		if !known {
			return fmt.Errorf("%s%s: there is no such responseCode", httpPrefix, name)
		}
		if err := c.check(believed); err != nil {
			return fmt.Errorf("%s%s: %w", httpPrefix, name, err)
		}
	}
	return nil
}

// Set sets what has that name in WireSettings; None is for what may have no value. The error names what was expected; w is as before
// then.
func (w *Wire) Set(name, value string) error {
	if responseCode, isHTTP := strings.CutPrefix(name, httpPrefix); isHTTP {
		return w.setStatuses(responseCode, value)
	}
	i := slices.IndexFunc(settings, func(s setting) bool { return s.name == name })
	if i < 0 {
		return fmt.Errorf("%.60q is not known; the names are %s", name, strings.Join(names(), ", "))
	}
	if err := settings[i].kind.check(value); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	*settings[i].field(w) = value
	return nil
}

func (w *Wire) setStatuses(responseCode, value string) error {
	c, known := codeNamed(responseCode)
	if !known {
		return fmt.Errorf("%.60q is not known; the names are %s", httpPrefix+responseCode, strings.Join(names(), ", "))
	}
	from, to, isRange := strings.Cut(value, "-")
	if !isRange {
		to = from
	}
	var s Statuses
	var err, err2 error
	s.From, err = strconv.Atoi(from)
	s.To, err2 = strconv.Atoi(to)
	if errors.Join(err, err2) != nil {
		return fmt.Errorf("%s%s: %.40q is not an HTTP status or a range of them, like 404 or 200-499", httpPrefix, responseCode, value)
	}
	if err := c.check(s); err != nil {
		return fmt.Errorf("%s%s: %w", httpPrefix, responseCode, err)
	}
	w.HTTP = maps.Clone(w.HTTP) // a copy of a Wire has the same map
	if w.HTTP == nil {
		w.HTTP = map[string]Statuses{}
	}
	w.HTTP[responseCode] = s
	return nil
}

func names() []string {
	var all []string
	for _, s := range WireSettings(1) {
		all = append(all, s.Name)
	}
	return all
}

// ParseWire returns base with what list sets: name=value, separated by commas or line ends. A value with a comma, a line end or a space
// at its ends is written in double quotes, as in Go and JSON: signature="{created}\n{body}". A name may come once.
func ParseWire(base Wire, list string) (Wire, error) {
	w, seen := base, map[string]bool{}
	for rest := list; ; {
		rest = strings.TrimLeft(rest, ", \t\r\n")
		if rest == "" {
			return w, nil
		}
		end := strings.IndexAny(rest, "=,\n")
		if end < 0 || rest[end] != '=' {
			if end < 0 {
				end = len(rest)
			}
			return base, fmt.Errorf("%.60q is not name=value; a value with a comma is written in double quotes", strings.TrimSpace(rest[:end]))
		}
		name := strings.TrimSpace(rest[:end])
		rest = strings.TrimLeft(rest[end+1:], " \t")
		var value string
		if quoted, err := strconv.QuotedPrefix(rest); err == nil && rest[0] == '"' {
			value, _ = strconv.Unquote(quoted) // it is valid: QuotedPrefix says so
			rest = strings.TrimLeft(rest[len(quoted):], " \t\r")
			if rest != "" && rest[0] != ',' && rest[0] != '\n' {
				return base, fmt.Errorf("%s: something follows after the closing quote", name)
			}
		} else {
			end = strings.IndexAny(rest, ",\n")
			if end < 0 {
				end = len(rest)
			}
			value, rest = strings.TrimSpace(rest[:end]), rest[end:]
			if strings.HasPrefix(value, `"`) {
				return base, fmt.Errorf("%s: the quoted value has no end, or is not written as in Go and JSON", name)
			}
		}
		if seen[name] {
			return base, fmt.Errorf("%s is set twice", name)
		}
		seen[name] = true
		if err := w.Set(name, value); err != nil {
			return base, err
		}
	}
}

// WireSetting is one row of the table of all that can be set by name.
type WireSetting struct {
	Name    string
	Default string // as Wire.Set reads it
	Mark    Mark   // of the default
	Source  string // a page of developer.bango.com where no other is named
	Meaning string
}

// WireSettings returns all names that Wire.Set knows, with the defaults of a generation, 1 or 2.
func WireSettings(generation int) []WireSetting {
	var all []WireSetting
	for _, s := range settings {
		all = append(all, WireSetting{s.name, cmp.Or(s.values[generation-1], None), s.marks[generation-1], s.source, s.meaning})
	}
	for _, c := range codes {
		all = append(all, WireSetting{httpPrefix + c.name, c.believed.String(), c.mark, "resale/api-ref/entitlement/reactivate/post",
			"HTTP statuses that this responseCode is believed with"})
	}
	return all
}

// kind is what a setting may be.
type kind struct {
	optional bool
	expected string
	fits     func(string) bool
}

var (
	reads = kind{expected: "GET or POST", fits: func(s string) bool { return s == http.MethodGet || s == http.MethodPost }}
	// Of a method that promises to be repeatable, net/http would repeat a write by itself.
	writes = kind{expected: "POST, PUT or PATCH", fits: func(s string) bool {
		return s == http.MethodPost || s == http.MethodPut || s == http.MethodPatch
	}}
	anyPath     = kind{expected: "a path that begins with a slash, with {id} or without", fits: isPath}
	idPath      = kind{expected: "a path that begins with a slash and has {id}", fits: func(s string) bool { return isPath(s) && hasID(s) }}
	plainPath   = kind{expected: "a path that begins with a slash, without {id}", fits: func(s string) bool { return isPath(s) && !hasID(s) }}
	noPath      = kind{true, anyPath.expected, anyPath.fits}
	noIDPath    = kind{true, idPath.expected, idPath.fits}
	noPlainPath = kind{true, plainPath.expected, plainPath.fits}
	word        = kind{expected: "printable ASCII without spaces", fits: printable}
	noProperty  = kind{true, "a property name of letters and digits, other than entitlementId", func(s string) bool {
		return s != "" && s != "entitlementId" && !strings.ContainsFunc(s, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
		})
	}}
	// A refusal that is taken for an acceptance would pass for a success.
	queuedCode = kind{expected: "OK, or a responseCode in printable ASCII that has no meaning yet", fits: func(s string) bool {
		_, known := codeNamed(s)
		return printable(s) && (s == "OK" || !known)
	}}
	template = kind{expected: "a text with {created} and {body}, each once, and no other braces", fits: func(s string) bool {
		rest := strings.Replace(strings.Replace(s, "{created}", "", 1), "{body}", "", 1)
		return strings.Contains(s, "{created}") && strings.Contains(s, "{body}") && !strings.ContainsAny(rest, "{}")
	}}
)

func (k kind) check(value string) error {
	switch {
	case value == None && k.optional:
		return nil
	case k.optional && !k.fits(value):
		return fmt.Errorf("%.60q is neither %s nor %s", value, k.expected, None)
	case !k.fits(value):
		return fmt.Errorf("%.60q is not %s", value, k.expected)
	}
	return nil
}

func hasID(path string) bool { return strings.Contains(path, "{id}") }

// isPath reports whether s is a path that can follow a base URL as it is, but for {id}.
func isPath(s string) bool {
	plain := strings.ReplaceAll(s, "{id}", "")
	_, err := url.Parse(plain) // that percent signs are right
	return err == nil && strings.HasPrefix(s, "/") && printable(plain) && !strings.ContainsAny(plain, `?#{}\"<>`)
}

// printable reports whether s is printable ASCII without spaces.
func printable(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}
