package resale_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"latchkey/db/dbtest"
	"latchkey/resale"
)

// broken is the way to Bango with a mistake in it. What is nil is as it should be.
type broken struct {
	resale.Upstream
	requestID func(string) string
	created   func(resale.Answer) resale.Answer // of a create
	blind     bool                              // finds nothing among Bango's records
}

func (b broken) Create(ctx context.Context, requestID string, o resale.Order) resale.Answer {
	if b.requestID != nil {
		requestID = b.requestID(requestID)
	}
	a := b.Upstream.Create(ctx, requestID, o)
	if b.created != nil {
		a = b.created(a)
	}
	return a
}

func (b broken) Find(ctx context.Context, customerIdentifier, productKey string) ([]resale.Fact, resale.Answer) {
	facts, a := b.Upstream.Find(ctx, customerIdentifier, productKey)
	if b.blind {
		facts = nil
	}
	return facts, a
}

// TestTheMatrixCatches breaks the way to Bango in one way at a time: the row that is about it must fail, and for that reason.
func TestTheMatrixCatches(t *testing.T) {
	verdict := func(from, to resale.Verdict) func(resale.Answer) resale.Answer {
		return func(a resale.Answer) resale.Answer {
			if a.Verdict == from {
				a.Verdict = to
			}
			return a
		}
	}
	unsent := func(to resale.Verdict) func(resale.Answer) resale.Answer {
		return func(a resale.Answer) resale.Answer {
			if a.Evidence.HTTPStatus == 0 {
				a.Verdict = to
			}
			return a
		}
	}
	for name, c := range map[string]struct {
		row, variant string
		upstream     broken
		complains    string
	}{
		"a new identifier for each attempt": {"05_reset", "after it is carried out",
			broken{requestID: func(string) string { return uuid.NewString() }}, "which is not that of a request"},
		"any 2xx is a success": {"14_unknown_code", "200", broken{created: func(a resale.Answer) resale.Answer {
			if a.Evidence.HTTPStatus/100 == 2 {
				a.Verdict = resale.VerdictDone
			}
			return a
		}}, `want "unknown"`},
		"any 2xx means that it is active": {"10_action_required", "202", broken{created: func(a resale.Answer) resale.Answer {
			a.Verdict, a.Fact.Status = resale.VerdictDone, string(resale.Active)
			return a
		}}, "it is ACTIVE here, and at Bango it is"},
		"silence is a no":             {"05_reset", "after it is carried out", broken{created: verdict(resale.VerdictUnknown, resale.VerdictRefused)}, "it is refused here, and exists at Bango"},
		"silence is a closed door":    {"05_reset", "after it is carried out", broken{created: verdict(resale.VerdictUnknown, resale.VerdictUnauthorized)}, `want "unknown"`},
		"what was not sent is a no":   {"01_refused_before_sending", "refused", broken{created: unsent(resale.VerdictRefused)}, `want "waiting"`},
		"what was not sent is doubt":  {"01_refused_before_sending", "refused", broken{created: unsent(resale.VerdictUnknown)}, `want "waiting"`},
		"a no is tried again":         {"16_bad_request", "not available", broken{created: verdict(resale.VerdictRefused, resale.VerdictUnauthorized)}, `want "refused"`},
		"nothing is read back":        {"05_reset", "only the records answer", broken{blind: true}, "not settled"},
		"what exists is not searched": {"20_already_exists", "and is found", broken{blind: true}, `want "done"`},
		"Retry-After is overlooked": {"21_throttled", "a minute", broken{created: func(a resale.Answer) resale.Answer {
			a.RetryAfter = 0
			return a
		}}, "it goes again after"},
		"another one's record is taken over": {"25_another_ones_record", "another customer", broken{created: func(a resale.Answer) resale.Answer {
			if a.Verdict == resale.VerdictMismatch {
				a.Verdict, a.Fact = resale.VerdictDone, resale.Fact{Source: resale.FromReply, BangoID: "b-999", Status: "PENDING"}
			}
			return a
		}}, "it was taken over"},
		"every action leads somewhere": {"13_unknown_action", "a word", broken{created: func(a resale.Answer) resale.Answer {
			a.Action = resale.NavigateToURL
			return a
		}}, `want "manual"`},
		"an answer is kept whole": {"06_broken_off", "100 KB, cut short", broken{created: func(a resale.Answer) resale.Answer {
			a.Evidence.Received = strings.Repeat("x", 100_000)
			return a
		}}, "100000 bytes are kept"},
		"the error is shown as Go has it": {"05_reset", "after it is carried out", broken{created: func(a resale.Answer) resale.Answer {
			if a.Evidence.Error != "" {
				a.Message = a.Evidence.Error
			}
			return a
		}}, "timeline: "},
		"credentials are kept": {"09_ok", "200", broken{created: func(a resale.Answer) resale.Answer {
			a.Evidence.Sent += thePassword
			return a
		}}, "the evidence has the credentials"},
	} {
		t.Run(name, func(t *testing.T) {
			i := slices.IndexFunc(matrix, func(r matrixRow) bool { return r.name == c.row })
			j := slices.IndexFunc(matrix[i].variants, func(v variant) bool { return v.name == c.variant })
			v := matrix[i].variants[j]
			v.upstream = func(u resale.Upstream) resale.Upstream {
				c.upstream.Upstream = u
				return c.upstream
			}
			said := complaints(t, func(t testing.TB) { v.on(t, newGround(t, dbtest.SQLite(t))) })
			if !slices.ContainsFunc(said, func(s string) bool { return strings.Contains(s, c.complains) }) {
				t.Errorf("the row does not complain of %q: %q", c.complains, said)
			}
		})
	}
}

// spy is a test whose failures are heard and do not count.
type spy struct {
	testing.TB
	said []string
}

func (s *spy) Errorf(format string, args ...any) {
	s.said = append(s.said, fmt.Sprintf(format, args...))
}
func (s *spy) Error(args ...any)                 { s.said = append(s.said, fmt.Sprint(args...)) }
func (s *spy) Fatalf(format string, args ...any) { s.Errorf(format, args...); runtime.Goexit() }
func (s *spy) Fatal(args ...any)                 { s.Error(args...); runtime.Goexit() }

// complaints runs a test that may fail, and returns how it did.
func complaints(t testing.TB, test func(t testing.TB)) []string {
	s := &spy{TB: t}
	over := make(chan struct{})
	go func() {
		defer close(over)
		test(s)
	}()
	<-over
	return s.said
}

// What the audit takes for a sentence: this is what it must not.
func TestUnfitSentences(t *testing.T) {
	for _, bad := range []string{
		`Post "http://x.example/v1/entitlement": dial tcp 192.0.2.1:443: connect: connection refused`, "Bango's answer broke off: unexpected EOF.", "EOF",
		"read tcp 192.0.2.1:1->192.0.2.1:2: read: connection reset by peer", "context deadline exceeded", "invalid character '<' looking for beginning of value",
		"goroutine 7 [running]:", "sender.go:81", "runtime error: index out of range", "tls: failed to verify certificate: x509: certificate signed by unknown authority",
		"%!s(<nil>)", "two\nlines", strings.Repeat("long ", 400), "lookup resale.api.bango.net: no such host", "net/http: request canceled",
	} {
		if unfit(bad) == "" {
			t.Errorf("%q passes for a sentence", bad)
		}
	}
	for _, good := range []string{"", "Bango did not answer in time.", "checked with Bango: ACTIVE, as known",
		"Bango gave a registration address that must not be followed, because its scheme is \"javascript\", not https: javascript:alert(1)",
		"Entitlement not found", "The certificate at Bango's address is not to be trusted, so nothing was sent."} {
		if why := unfit(good); why != "" {
			t.Errorf("%q %s", good, why)
		}
	}
}

// retryAfters are values of Retry-After with the wait that follows: at least and at most.
var retryAfters = []struct {
	name        string
	value       func() string
	least, most time.Duration
}{
	{"0", fixed("0"), 0, time.Second + time.Millisecond},
	{"1", fixed("1"), time.Second, 1200*time.Millisecond + time.Millisecond},
	{"5", fixed("5"), 5 * time.Second, 6 * time.Second},
	{"60", fixed("60"), time.Minute, 72 * time.Second},
	{"an HTTP date", func() string { return time.Now().Add(100 * time.Second).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT") }, 95 * time.Second, 120 * time.Second},
	{"a date in the past", fixed("Mon, 02 Jan 2006 15:04:05 GMT"), 0, time.Second + time.Millisecond},
	{"-1", fixed("-1"), 0, time.Second + time.Millisecond},
	{"garbage", fixed("soon, perhaps"), 0, time.Second + time.Millisecond},
	{"1e9", fixed("1000000000"), 15 * time.Minute, 18 * time.Minute},
}

func fixed(s string) func() string { return func() string { return s } }

// TestR7RetryAfter checks the wait that follows from what Bango asks for, through the whole way from the header to the stored request:
// never early, at most a fifth longer, and the usual backoff where the header says nothing of use.
func TestR7RetryAfter(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database string) {
		g := newGround(t, database)
		for _, tt := range retryAfters {
			t.Run(tt.name, func(t *testing.T) {
				r := newRig(t, g, setUp{})
				waits := map[time.Duration]bool{}
				for range 25 {
					r.breaks(func(x *exchange) bool {
						return answers(reply{429, "Retry-After: " + tt.value() + "\r\n", `{"responseCode":"TOO_MANY_REQUESTS","responseMessage":"Slow down"}`})(x)
					})
					e := r.create("BangoMusic")
					r.step()
					_, q := r.is(e, resale.KindCreate, resale.Waiting, resale.Requested)
					wait := q.NotBefore.Sub(r.clock.now())
					if wait < tt.least || wait > tt.most || wait == 0 {
						r.Errorf("it waits %s, which is not between %s and %s", wait, tt.least, tt.most)
					}
					waits[wait] = true
					if r.clock.turn(max(tt.least-time.Millisecond, 0)); tt.least > 0 && r.tries() {
						r.Errorf("it went again before %s", tt.least)
					}
					r.lift()
					r.settles(time.Hour)
				}
				if len(waits) < 10 {
					r.Errorf("there is no jitter: 25 waits have %d values", len(waits))
				}
				r.audit()
			})
		}
	})
}

// The bounds catch a jitter that goes both ways.
func TestR7NoticesJitterBothWays(t *testing.T) {
	for _, tt := range retryAfters {
		if tt.least == 0 {
			continue
		}
		early := 0
		for range 200 {
			if wait := tt.least - tt.least/5 + rand.N(2*tt.least/5); wait < tt.least {
				early++
			}
		}
		if early < 50 {
			t.Errorf("%s: only %d of 200 waits that are early by up to a fifth are found", tt.name, early)
		}
	}
}
