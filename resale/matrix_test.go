package resale_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"latchkey/db/dbtest"
	"latchkey/resale"
)

// matrixRow is one kind of thing that goes wrong between us and Bango, with what must come of it.
type matrixRow struct {
	name     string
	alone    bool // it looks at the whole process
	variants []variant
}

// variant is one form of it. run ends with the fault lifted and everything settled; the audit that follows is the same for all.
type variant struct {
	name string
	setUp
	run func(r *rig)
}

// TestMatrix is every fault of the way to Bango, each in its row, on each database, through the real pieces.
func TestMatrix(t *testing.T) {
	var ran atomic.Int32
	t.Cleanup(func() {
		if strings.Contains(flag.Lookup("test.run").Value.String(), "/") {
			return // only some rows were asked for
		}
		if t.Logf("%d/27 rows ran", ran.Load()); ran.Load() != 27 {
			t.Errorf("%d of 27 rows ran", ran.Load())
		}
	})
	for i, row := range matrix {
		if !strings.HasPrefix(row.name, fmt.Sprintf("%02d_", i+1)) || len(row.variants) == 0 {
			t.Fatalf("row %d of the matrix is %q, with %d variants", i+1, row.name, len(row.variants))
		}
		t.Run(row.name, func(t *testing.T) {
			if !row.alone {
				t.Parallel()
			}
			ran.Add(1)
			dbtest.Each(t, func(t *testing.T, database string) {
				g := newGround(t, database)
				for _, v := range row.variants {
					if !t.Run(v.name, func(t *testing.T) { v.on(t, g) }) {
						g = newGround(t, another(t, database)) // what this one left open would disturb the next
					}
				}
			})
		})
	}
}

// another returns the address of a fresh database of the same engine.
func another(t *testing.T, database string) string {
	if strings.HasPrefix(database, "postgres") {
		return dbtest.Postgres(t)
	}
	return dbtest.SQLite(t)
}

// on runs the variant, and audits what it left.
func (v variant) on(t testing.TB, g *ground) {
	t.Helper()
	r := newRig(t, g, v.setUp)
	v.run(r)
	r.audit()
}

var impatient = setUp{timeout: short}

var matrix = []matrixRow{
	{name: "01_refused_before_sending", variants: []variant{
		neverSent("refused", setUp{}, "could not be reached", func(r *rig) {
			r.dials(func(ctx context.Context, network, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, closedPort(r))
			})
		}),
		neverSent("no such host", setUp{}, "could not be reached", func(r *rig) {
			none := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
				return nil, errors.New("network is unreachable")
			}}
			r.dials(func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{Resolver: none}).DialContext(ctx, network, "resale.api.bango.invalid:443")
			})
		}),
		neverSent("no answer to the dialling", impatient, "could not be reached", func(r *rig) {
			r.dials(func(ctx context.Context, _, _ string) (net.Conn, error) {
				<-ctx.Done()
				return nil, &net.OpError{Op: "dial", Net: "tcp", Err: ctx.Err()}
			})
		}),
		neverSent("TLS: nobody vouches for the certificate", setUp{secured: true}, untrusted, func(r *rig) {
			r.shows(certificate(r, "127.0.0.1", time.Now().Add(time.Hour)))
		}),
		neverSent("TLS: a certificate for another name", setUp{secured: true}, untrusted, func(r *rig) {
			r.shows(certificate(r, "resale.api.bango.net", time.Now().Add(time.Hour)))
		}),
		neverSent("TLS: a certificate that has run out", setUp{secured: true}, untrusted, func(r *rig) {
			r.shows(certificate(r, "127.0.0.1", time.Now().Add(-time.Hour)))
		}),
		neverSent("TLS: the handshake breaks off", setUp{secured: true}, "could not be reached", func(r *rig) { r.breaksConnections(abort) }),
		neverSent("TLS: not TLS at all", setUp{secured: true}, "could not be reached", func(r *rig) {
			r.breaksConnections(func(conn net.Conn) { io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n") })
		}),
		countsForTheBreaker(func(r *rig) {
			r.dials(func(ctx context.Context, network, _ string) (net.Conn, error) {
				r.dialled.Add(1)
				return new(net.Dialer).DialContext(ctx, network, closedPort(r))
			})
		}),
	}},
	{name: "02_latency", variants: []variant{{name: "300 ms", run: func(r *rig) {
		r.breaks(after(300 * time.Millisecond))
		e := r.create("BangoMusic")
		r.step()
		_, q := r.is(e, resale.KindCreate, resale.Done, resale.Pending)
		if q.Attempts != 1 || r.sent(q.ID) != 1 {
			r.Errorf("there were %d attempts and %d requests", q.Attempts, r.sent(q.ID))
		}
	}}}},
	{name: "03_latency_past_the_timeout", variants: []variant{
		unsettled("carried out", impatient, func(r *rig) { r.breaks(after(short * 4)) }, nil),
		unsettled("not carried out", impatient, func(r *rig) { r.breaks(silent) }, nil),
		readBack("only the records answer", impatient, carriedOut(silent)),
	}},
	{name: "04_half_open", alone: true, variants: []variant{
		unsettled("accepts, never reads", impatient, func(r *rig) { r.breaksConnections(hold) }, nil),
		{name: "no goroutine is left", setUp: impatient, run: func(r *rig) {
			r.live()
			r.pool.CloseIdleConnections()
			before := goleak.IgnoreCurrent()
			r.breaksConnections(hold)
			e := r.create("BangoMusic")
			r.step()
			r.is(e, resale.KindCreate, resale.Unsure, resale.Unknown)
			deadline := time.Now().Add(15 * time.Second)
			for err := goleak.Find(before); err != nil; err = goleak.Find(before) {
				if time.Now().After(deadline) {
					r.Fatal(err)
				}
			}
			r.lift()
			r.settles(time.Hour)
			r.is(e, resale.KindCreate, resale.Done, resale.Pending)
		}},
	}},
	{name: "05_reset", variants: []variant{
		unsettled("before the request is read", setUp{}, func(r *rig) {
			connected := make(chan bool, 10) // an RST that is faster than the dialling would be row 1
			r.dials(func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := new(net.Dialer).DialContext(ctx, network, address)
				connected <- true
				return conn, err
			})
			r.breaksConnections(func(conn net.Conn) { <-connected; abort(conn) })
		}, nil),
		unsettled("in the middle of the request", setUp{}, func(r *rig) {
			r.breaksConnections(func(conn net.Conn) { conn.Read(make([]byte, 16)); abort(conn) })
		}, nil),
		unsettled("after the request is read", setUp{}, func(r *rig) { r.breaks(resets) }, nil),
		unsettled("after it is carried out", setUp{}, func(r *rig) { r.breaks(carriedOut(resets)) }, nil),
		readBack("only the records answer", setUp{}, carriedOut(resets)),
	}},
	{name: "06_broken_off", variants: []variant{
		unsettled("closed without an answer", setUp{}, func(r *rig) { r.breaks(carriedOut(raw(""))) }, nil),
		unsettled("cut short", setUp{}, func(r *rig) {
			r.breaks(func(x *exchange) bool { whole := x.pass().String(); x.send(whole[:len(whole)*3/4]); return false })
		}, kept(`{"responseCode":`)),
		unsettled("Content-Length too long", setUp{}, func(r *rig) { r.breaks(lengthOff(+10)) }, kept(`{"responseCode":`)),
		unsettled("Content-Length too short", setUp{}, func(r *rig) { r.breaks(lengthOff(-10)) }, kept(`{"responseCode":`)),
		unsettled("100 KB, cut short", setUp{}, func(r *rig) {
			r.breaks(carriedOut(raw("HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + strings.Repeat("x", 100_000))))
		}, kept(strings.Repeat("x", 64<<10))),
	}},
	{name: "07_drip", variants: []variant{
		unsettled("a byte at a time", impatient, func(r *rig) {
			r.breaks(func(x *exchange) bool { return drips(x.pass().String(), short/50)(x) }) // 800 bytes: 4 seconds
		}, func(r *rig, e resale.Entitlement) {
			if took := r.evidence(e).Duration; took < short || took > 2*time.Second {
				r.Errorf("it was given up after %s, not %s", took, short)
			}
		}),
	}},
	{name: "08_not_an_answer", variants: []variant{
		unsettled("garbage", setUp{}, garbled("\x00\xff\xfe\x01}{"), nil),
		unsettled("HTML", setUp{}, garbled("<!doctype html><title>502</title><script>alert(1)</script>"), kept("<!doctype html>")),
		unsettled("empty", setUp{}, garbled(""), nil),
		unsettled("with a byte order mark", setUp{}, func(r *rig) {
			r.breaks(edits(func(a reply) reply { a.status, a.body = 200, "\xef\xbb\xbf"+a.body; return a }))
		}, nil),
		unsettled("10 MB", setUp{}, func(r *rig) {
			r.received.Store(0)
			r.breaks(carriedOut(answers(reply{status: 200, body: strings.Repeat("x", 10<<20)})))
		}, func(r *rig, e resale.Entitlement) {
			if n := r.received.Load(); n > 1<<20+64<<10 {
				r.Errorf("%d bytes were read", n)
			}
			kept(strings.Repeat("x", 64<<10))(r, e)
		}),
		unsettled("nested 10,000 deep", setUp{}, garbled(`{"responseCode":"OK","x":`+strings.Repeat("[", 10_000)+strings.Repeat("]", 10_000)+"}"), nil),
		unsettled("a key twice", setUp{}, func(r *rig) {
			r.breaks(edits(func(a reply) reply {
				a.status, a.body = 200, strings.Replace(a.body, "{", `{"responseCode":"OK",`, 1)
				return a
			}))
		}, nil),
		unsettled("NaN", setUp{}, func(r *rig) {
			r.breaks(edits(func(a reply) reply { a.status, a.body = 200, strings.Replace(a.body, "{", `{"x":NaN,`, 1); return a }))
		}, nil),
	}},
	{name: "09_ok", variants: []variant{
		{name: "200", run: func(r *rig) { created(r, "Cloudpantry200", resale.Active) }},
		{name: "201", run: func(r *rig) {
			r.breaks(edits(func(a reply) reply { a.status = 201; return a }))
			created(r, "Cloudpantry200", resale.Active)
		}},
	}},
	{name: "10_action_required", variants: []variant{
		{name: "202", run: func(r *rig) { created(r, "BangoMusic", resale.Pending) }},
		{name: "200", run: func(r *rig) {
			r.breaks(edits(func(a reply) reply { a.status = 200; return a }))
			created(r, "BangoMusic", resale.Pending)
		}},
	}},
	{name: "11_unsafe_url", variants: []variant{
		unsafeURL("javascript", setUp{}, "javascript:alert(1)"),
		unsafeURL("data", setUp{}, "data:text/html,<script>alert(1)</script>"),
		unsafeURL("http", setUp{}, "http://music.example/r/1"),
		unsafeURL("no scheme", setUp{}, "//music.example/r/1"),
		unsafeURL("userinfo", setUp{}, "https://music.example@evil.example/"),
		unsafeURL("control character", setUp{}, "https://music.example/\x07"),
		unsafeURL("CR LF", setUp{}, "https://music.example/\r\nSet-Cookie: a=b"),
		unsafeURL("10 KB", setUp{}, "https://music.example/"+strings.Repeat("a", 10<<10)),
		unsafeURL("host not allowed", setUp{hosts: []string{"music.example"}}, "https://other.example/r/1"),
		unsafeURL("IP literal", setUp{}, "https://203.0.113.7/r/1"),
		unsafeURL("IPv6 literal", setUp{}, "https://[2001:db8::7]/r/1"),
		unsafeURL("look-alike", setUp{}, "https://mus\u0456c.example/r/1"),
		unsafeURL("look-alike in ASCII", setUp{}, "https://xn--musc-7ld.example/r/1"),
	}},
	{name: "12_url_missing", variants: []variant{
		actionUnsettled("no url", regexp.MustCompile(`,"url":"[^"]*"`), ""),
		actionUnsettled("null", regexp.MustCompile(`"url":"[^"]*"`), `"url":null`),
		actionUnsettled("empty", regexp.MustCompile(`"url":"[^"]*"`), `"url":""`),
		actionUnsettled("no parameters", regexp.MustCompile(`"parameters":\{[^}]*\}`), `"parameters":null`),
	}},
	{name: "13_unknown_action", variants: []variant{
		unknownAction("a word", "CALL_A_FRIEND"),
		unknownAction("markup", "<img src=x onerror=alert(1)>"),
		unknownAction("nearly the known one", "navigate_to_url"),
	}},
	{name: "14_unknown_code", variants: []variant{
		unsettled("200", setUp{}, func(r *rig) { r.breaks(edits(coded(200, "ALL_IS_WELL"))) }, nil),
		unsettled("202", setUp{}, func(r *rig) { r.breaks(edits(coded(202, "QUEUED"))) }, nil),
		unsettled("no code", setUp{}, func(r *rig) { r.breaks(edits(coded(200, ""))) }, nil),
		unsettled("lower case", setUp{}, func(r *rig) { r.breaks(edits(coded(200, "ok"))) }, nil),
		readBack("only the records answer", setUp{}, edits(coded(200, "ALL_IS_WELL"))),
	}},
	{name: "15_contradiction", variants: []variant{
		unsettled("OK with 500", setUp{}, func(r *rig) { r.breaks(edits(coded(500, "OK"))) }, nil),
		unsettled("INTERNAL_ERROR with 200", setUp{}, func(r *rig) { r.breaks(edits(coded(200, "INTERNAL_ERROR"))) }, nil),
		unsettled("OK with 503", setUp{}, func(r *rig) { r.breaks(edits(coded(503, "OK"))) }, nil),
		unsettled("SERVICE_UNAVAILABLE with 200", setUp{}, func(r *rig) { r.breaks(edits(coded(200, "SERVICE_UNAVAILABLE"))) }, nil),
	}},
	{name: "16_bad_request", variants: []variant{
		{name: "a product that Bango does not know", run: func(r *rig) { refusedForGood(r, "Withdrawn", "productKey parameter is invalid") }},
		{name: "not available", run: func(r *rig) { refusedForGood(r, "CourierDaily", "does not take new customers") }},
		{name: "markup in its words", run: func(r *rig) {
			r.breaks(answers(reply{status: 400, body: `{"responseCode":"BAD_REQUEST","responseMessage":"<script>alert(1)</script> is invalid"}`}))
			refusedForGood(r, "BangoMusic", "<script>alert(1)</script> is invalid")
		}},
		{name: "does not count for the breaker", run: func(r *rig) {
			for range 12 {
				r.create("CourierDaily")
			}
			for range 12 {
				r.step()
			}
			e := r.create("BangoMusic")
			r.step()
			r.is(e, resale.KindCreate, resale.Done, resale.Pending)
		}},
	}},
	{name: "17_maximum_reached", variants: []variant{
		{name: "ours, the same product", run: func(r *rig) { atMaximum(r, "Cloudpantry200") }},
		{name: "ours, another product", run: func(r *rig) { atMaximum(r, "Cloudpantry1000") }},
		{name: "made elsewhere", run: func(r *rig) {
			e := r.create("Cloudpantry200")
			there := r.makeElsewhere(e)
			r.settles(time.Hour)
			e, _ = r.is(e, resale.KindCreate, resale.Denied, resale.Refused)
			r.says(e.Message, there)
			if r.asked("POST", "/report") == 0 {
				r.Error("Bango's records were not looked at")
			}
		}},
	}},
	{name: "18_unauthorised", variants: []variant{
		unauthorised("401", reply{status: 401, body: `{"responseCode":"UNAUTHORIZED","responseMessage":"The user name or the password is not valid"}`}),
		unauthorised("403", reply{status: 403, body: `{"responseCode":"UNAUTHORIZED","responseMessage":"The IP address is not allowed"}`}),
		unauthorised("403 of a firewall", reply{status: 403, body: "<html>Forbidden</html>"}),
	}},
	{name: "19_not_found_on_read", variants: []variant{{name: "404", run: func(r *rig) {
		e := r.live()
		r.breaks(answers(reply{status: 404, body: `{"responseCode":"NOT_FOUND","responseMessage":"There is no such entitlement"}`}))
		r.ask(e, resale.KindCheck)
		r.settles(time.Hour)
		e, _ = r.is(e, resale.KindCheck, resale.Done, resale.Active)
		r.says(e.Message, "Bango has no record of")
		if e.BangoID == "" || e.BangoStatus != "ACTIVE" {
			r.Errorf("it was forgotten: %+v", e)
		}
		r.lift()
		r.ask(e, resale.KindCheck)
		r.settles(time.Hour)
		if e, _ = r.is(e, resale.KindCheck, resale.Done, resale.Active); e.Message != "" {
			r.Errorf("though Bango has it again, it says %q", e.Message)
		}
	}}}},
	{name: "20_already_exists", variants: []variant{
		{name: "and is found", run: func(r *rig) {
			r.breaks(only("POST", "/v1/entitlement", carriedOut(answers(alreadyExists))))
			e := r.create("BangoMusic")
			r.settles(25 * time.Hour) // at once, but for a sender that does not look
			e, q := r.is(e, resale.KindCreate, resale.Done, resale.Pending)
			if r.asked("POST", "/report") == 0 || r.sent(q.ID) == 0 || e.BangoID == "" {
				r.Errorf("it was not looked for: %+v", e)
			}
		}},
		{name: "and is not found", run: func(r *rig) {
			r.breaks(only("POST", "/v1/entitlement", answers(alreadyExists)))
			e := r.create("BangoMusic")
			r.settles(26 * time.Hour)
			e, _ = r.is(e, resale.KindCreate, resale.Manual, resale.Unknown)
			r.rests(24 * time.Hour)
			if r.asked("POST", "/report") == 0 || e.BangoID != "" {
				r.Errorf("it was not looked for: %+v", e)
			}
			r.lift()
			r.rests(24 * time.Hour)
		}},
		unsettled("409 alone", setUp{}, func(r *rig) { r.breaks(carriedOut(answers(reply{status: 409, body: "{}"}))) }, nil),
	}},
	{name: "21_throttled", variants: []variant{
		slowedDown("a minute", "Retry-After: 60\r\n", `{"responseCode":"TOO_MANY_REQUESTS","responseMessage":"Slow down"}`, time.Minute),
		slowedDown("without Retry-After", "", `{"responseCode":"TOO_MANY_REQUESTS","responseMessage":"Slow down"}`, 0),
		slowedDown("without a code", "Retry-After: 300\r\n", "<html>Too Many Requests</html>", 5*time.Minute),
	}},
	{name: "22_internal_error", variants: []variant{
		unsettled("carried out", setUp{}, func(r *rig) { r.breaks(edits(coded(500, "INTERNAL_ERROR"))) }, nil),
		unsettled("not carried out", setUp{}, func(r *rig) { r.breaks(answers(internalError)) }, nil),
		readBack("only the records answer", setUp{}, carriedOut(answers(internalError))),
		{name: "the backoff", run: backsOff},
		countsForTheBreaker(func(r *rig) {
			r.breaks(func(x *exchange) bool { r.dialled.Add(1); return answers(internalError)(x) })
		}),
	}},
	{name: "23_unavailable", variants: []variant{
		{name: "503", run: func(r *rig) {
			r.breaks(answers(unavailable))
			e := r.create("BangoMusic")
			r.step()
			e, q := r.is(e, resale.KindCreate, resale.Waiting, resale.Requested)
			r.says(q.Message, "maintenance")
			r.lift()
			r.settles(time.Hour)
			r.is(e, resale.KindCreate, resale.Done, resale.Pending)
		}},
		countsForTheBreaker(func(r *rig) {
			r.breaks(func(x *exchange) bool { r.dialled.Add(1); return answers(unavailable)(x) })
		}),
	}},
	{name: "24_redirect", variants: []variant{redirected(301), redirected(302), redirected(303), redirected(307), redirected(308)}},
	{name: "25_another_ones_record", variants: []variant{
		anotherOnes("another customer", regexp.MustCompile(`"customerIdentifier":"[^"]*"`), `"customerIdentifier":"cust-999"`),
		anotherOnes("another merchant", regexp.MustCompile(`"merchantAccountKey":"[^"]*"`), `"merchantAccountKey":"TALEBARN"`),
		anotherOnes("another product", regexp.MustCompile(`"productKey":"[^"]*"`), `"productKey":"TalebarnMonthly"`),
		{name: "the id of an entitlement of another customer", run: func(r *rig) { replayed(r, false) }},
		{name: "the id of an earlier one of the same customer", run: func(r *rig) { replayed(r, true) }},
		{name: "a read of another id", run: func(r *rig) { otherID(r, resale.KindCheck) }},
		{name: "a change of another id", run: func(r *rig) { otherID(r, resale.KindSuspend) }},
	}},
	{name: "26_a_day_without_settlement", variants: []variant{
		aDay("never carried out", resets, resale.Unknown),
		aDay("carried out", carriedOut(resets), resale.Pending),
	}},
	{name: "27_keep_alive", variants: []variant{
		keptAlive("closed after the request is read", raw("")),
		keptAlive("reset after the request is read", resets),
		keptAlive("closed after it is carried out", carriedOut(raw(""))),
		{name: "closed between two requests", run: func(r *rig) {
			r.breaks(func(x *exchange) bool { through(x); return false }) // says nothing of it beforehand
			for range 10 {
				e := r.create("BangoMusic")
				r.settles(time.Hour)
				if e, _ = r.is(e, resale.KindCreate, resale.Done, resale.Pending); e.Message != "" {
					r.Errorf("the user is told %q", e.Message)
				}
			}
		}},
	}},
}

var (
	alreadyExists = reply{status: 409, body: `{"responseCode":"ALREADY_EXISTS","responseMessage":"The entitlement exists already"}`}
	internalError = reply{status: 500, body: `{"responseCode":"INTERNAL_ERROR","responseMessage":"Something went wrong"}`}
	unavailable   = reply{status: 503, body: `{"responseCode":"SERVICE_UNAVAILABLE","responseMessage":"In maintenance"}`}
)

const untrusted = "certificate"

// neverSent is a fault before anything was sent: the request waits, nobody doubts that nothing happened, and nothing reached Bango.
func neverSent(name string, s setUp, words string, put func(r *rig)) variant {
	return variant{name, s, func(r *rig) {
		live := r.live()
		put(r)
		before := len(r.proxy.requests())
		e := r.create("BangoMusic")
		r.step()
		_, q := r.is(e, resale.KindCreate, resale.Waiting, resale.Requested)
		r.says(q.Message, words)
		r.ask(live, resale.KindSuspend)
		if words == untrusted { // closes the line at once, and says so on every page: somebody may sit in between
			if l := r.line(); l.State != resale.LineDown || r.tries() {
				r.Errorf("the line is %+v", l)
			}
			for range 3 { // probes: of the two, whichever is due the longest
				r.clock.turn(time.Minute)
				r.tries()
			}
		} else {
			r.step()
		}
		r.is(live, resale.KindSuspend, resale.Waiting, resale.Active)
		if n := len(r.proxy.requests()) - before; n != 0 {
			r.Errorf("%d requests were sent", n)
		}
		r.lift()
		r.settles(time.Hour)
		r.is(e, resale.KindCreate, resale.Done, resale.Pending)
		r.is(live, resale.KindSuspend, resale.Done, resale.Suspended)
	}}
}

// countsForTheBreaker is a dead Bango and twelve intents: after five failures in a row all wait, but for a probe every ten seconds, which
// may be two calls; what waits is through within a minute after its return. The fault counts in r.dialled.
func countsForTheBreaker(put func(r *rig)) variant {
	return variant{name: "counts for the breaker", run: func(r *rig) {
		put(r)
		for range 12 {
			r.create("BangoMusic")
		}
		for range 60 {
			for r.tries() {
			}
			r.clock.turn(time.Second)
		}
		if n := r.dialled.Load(); n > 20 {
			r.Errorf("a dead Bango was tried %d times in a minute", n)
		}
		r.lift()
		r.settles(time.Minute)
		for _, e := range r.made {
			r.is(e, resale.KindCreate, resale.Done, resale.Pending)
		}
	}}
}

// unsettled is a fault after which nobody can know what happened, put before a create, a suspend, a cancel and a read in turn: each is
// unknown, and settled by the same request once the fault is lifted. look may look at the create's entitlement before that.
func unsettled(name string, s setUp, put func(r *rig), look func(r *rig, e resale.Entitlement)) variant {
	return variant{name, s, func(r *rig) {
		put(r)
		e := r.create("BangoMusic")
		r.step()
		_, q := r.is(e, resale.KindCreate, resale.Unsure, resale.Unknown)
		if look != nil {
			look(r, e)
		}
		r.lift()
		r.settles(time.Hour)
		if e, q = r.is(e, resale.KindCreate, resale.Done, resale.Pending); e.RegistrationURL == "" || q.Attempts < 2 {
			r.Errorf("after %d attempts, the link is %q", q.Attempts, e.RegistrationURL)
		}

		e = r.live()
		for _, step := range []struct {
			kind   resale.RequestKind
			before resale.Status
			after  resale.Status
		}{
			{resale.KindCheck, resale.Active, resale.Active},
			{resale.KindSuspend, resale.Active, resale.Suspended},
			{resale.KindCancel, resale.Suspended, resale.Cancelled},
		} {
			put(r)
			r.ask(e, step.kind)
			r.step()
			r.is(e, step.kind, resale.Unsure, step.before)
			r.lift()
			r.settles(time.Hour)
			r.is(e, step.kind, resale.Done, step.after)
		}
	}}
}

// readBack is a create that is carried out and whose answer is never of use, while Bango's records can be read: they settle it.
func readBack(name string, s setUp, f fault) variant {
	return variant{name, s, func(r *rig) {
		r.breaks(only("POST", "/v1/entitlement", f))
		e := r.create("BangoMusic")
		r.step()
		r.is(e, resale.KindCreate, resale.Unsure, resale.Unknown)
		r.settles(time.Hour)
		e, q := r.is(e, resale.KindCreate, resale.Done, resale.Pending)
		if q.Attempts < 2 || r.sent(q.ID) < 2 {
			r.Errorf("it was settled without asking again: %d attempts", q.Attempts)
		}
		r.lift()
		r.ask(e, resale.KindRefresh) // the link was in the answer that never came
		r.settles(time.Hour)
		if e, _ = r.is(e, resale.KindRefresh, resale.Done, resale.Pending); e.RegistrationURL == "" {
			r.Error("there is no link")
		}
	}}
}

// kept returns a look at the evidence: the answer begins like this, and no more than 64 KiB of it are there.
func kept(begins string) func(r *rig, e resale.Entitlement) {
	return func(r *rig, e resale.Entitlement) {
		r.Helper()
		got := r.evidence(e).Received
		if !strings.HasPrefix(got, begins) || len(got) > 64<<10 {
			r.Errorf("%d bytes are kept, which begin with %.80q", len(got), got)
		}
	}
}

func lengthOff(by int) fault {
	return func(x *exchange) bool {
		a := x.pass()
		x.send(fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", a.status, len(a.body)+by, a.body))
		return false
	}
}

func garbled(body string) func(r *rig) {
	return func(r *rig) { r.breaks(carriedOut(answers(reply{status: 200, body: body}))) }
}

var responseCode = regexp.MustCompile(`"responseCode":"[^"]*"`)

// coded is an answer with another HTTP status and responseCode.
func coded(status int, code string) func(reply) reply {
	return func(a reply) reply {
		a.status, a.body = status, responseCode.ReplaceAllLiteralString(a.body, fmt.Sprintf(`"responseCode":%q`, code))
		return a
	}
}

// created is a create that goes through at the first attempt.
func created(r *rig, product string, status resale.Status) {
	r.Helper()
	e := r.create(product)
	r.step()
	e, q := r.is(e, resale.KindCreate, resale.Done, status)
	if linked := e.RegistrationURL != ""; linked != (status == resale.Pending) || q.Attempts != 1 {
		r.Errorf("the link is %q after %d attempts", e.RegistrationURL, q.Attempts)
	}
	r.rests(time.Hour)
}

// unsafeURL is a registration URL that must not be followed: it is text for a person, and never becomes a link.
func unsafeURL(name string, s setUp, address string) variant {
	return variant{name, s, func(r *rig) {
		quoted := fmt.Sprintf(`"url":%s`, jsonString(address))
		r.breaks(edits(func(a reply) reply {
			a.body = regexp.MustCompile(`"url":"[^"]*"`).ReplaceAllLiteralString(a.body, quoted)
			return a
		}))
		e := r.create("BangoMusic")
		r.step()
		e, _ = r.is(e, resale.KindCreate, resale.Manual, resale.Pending)
		if e.RegistrationURL != "" {
			r.Errorf("it became a link: %q", e.RegistrationURL)
		}
		r.says(e.Message, strings.TrimFunc(address[:min(len(address), 22)], func(c rune) bool { return c < ' ' }))
		if to, err := r.service.Continue(r.ctx, e.SignupToken, 0); err != nil || to != "" {
			r.Errorf("the customer is sent to %q, %v", to, err)
		}
		r.needsPerson(e)
		r.rests(24 * time.Hour)
		r.lift()
		r.ask(e, resale.KindRefresh)
		r.settles(time.Hour)
		if e, _ = r.is(e, resale.KindRefresh, resale.Done, resale.Pending); !strings.HasPrefix(e.RegistrationURL, merchantURL) {
			r.Errorf("the fresh link is %q", e.RegistrationURL)
		}
	}}
}

// actionUnsettled is an answer that asks for a sign-up and does not say where.
func actionUnsettled(name string, what *regexp.Regexp, with string) variant {
	return variant{name: name, run: func(r *rig) {
		r.breaks(edits(func(a reply) reply { a.body = what.ReplaceAllLiteralString(a.body, with); return a }))
		e := r.create("BangoMusic")
		r.step()
		r.is(e, resale.KindCreate, resale.Unsure, resale.Unknown)
		r.lift()
		r.settles(time.Hour)
		if e, _ = r.is(e, resale.KindCreate, resale.Done, resale.Pending); e.RegistrationURL == "" {
			r.Error("there is no link")
		}
	}}
}

// unknownAction is an answer that asks for something that is not documented.
func unknownAction(name, action string) variant {
	return variant{name: name, run: func(r *rig) {
		r.breaks(edits(func(a reply) reply { a.body = strings.Replace(a.body, "NAVIGATE_TO_URL", action, 1); return a }))
		e := r.create("BangoMusic")
		r.step()
		e, _ = r.is(e, resale.KindCreate, resale.Manual, resale.Pending)
		r.says(e.Message, action)
		if e.RegistrationURL != "" {
			r.Errorf("there is a link to %q", e.RegistrationURL)
		}
		r.needsPerson(e)
		r.rests(24 * time.Hour)
		r.lift()
		r.ask(e, resale.KindRefresh)
		r.settles(time.Hour)
		if e, _ = r.is(e, resale.KindRefresh, resale.Done, resale.Pending); e.RegistrationURL == "" || e.Message != "" {
			r.Errorf("after a fresh link, there is %q, and it says %q", e.RegistrationURL, e.Message)
		}
	}}
}

// refusedForGood is a no to the first attempt, which no second one follows; somebody may ask anew.
func refusedForGood(r *rig, product, words string) {
	r.Helper()
	e := r.create(product)
	r.step()
	e, q := r.is(e, resale.KindCreate, resale.Denied, resale.Refused)
	r.says(e.Message, words)
	r.says(q.Message, words)
	r.rests(24 * time.Hour)
	if r.sent(q.ID) != 1 || len(r.atBango(e)) > 0 {
		r.Errorf("it was sent %d times, and Bango holds %+v", r.sent(q.ID), r.atBango(e))
	}
	r.lift()
	r.rests(24 * time.Hour)
	e = r.createFor(e.CustomerID, "BangoMusic")
	r.settles(time.Hour)
	r.is(e, resale.KindCreate, resale.Done, resale.Pending)
}

// atMaximum is a second create for the same customer and merchant while ours is there.
func atMaximum(r *rig, product string) {
	r.Helper()
	first := r.live()
	second := r.createFor(first.CustomerID, product)
	r.settles(time.Hour)
	second, _ = r.is(second, resale.KindCreate, resale.Denied, resale.Refused)
	r.says(second.Message, first.Ref)
	if r.asked("POST", "/report") == 0 {
		r.Error("Bango's records were not looked at")
	}
	r.is(first, resale.KindCreate, resale.Done, resale.Active)
	r.rests(24 * time.Hour)
}

// makeElsewhere makes an entitlement at Bango for the customer and product of ours, which Bango has not been asked for, and returns its id.
func (r *rig) makeElsewhere(e resale.Entitlement) string {
	r.Helper()
	body := fmt.Sprintf(`{"customerIdentifier":%q,"merchantAccountKey":%q,"productKey":%q,"notificationUrl":"https://127.0.0.1:1/"}`,
		e.CustomerIdentifier, e.MerchantKey, e.ProductKey)
	req := httptest.NewRequest(http.MethodPost, "/v1/entitlement", strings.NewReader(body))
	req.SetBasicAuth(theUser, thePassword)
	req.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	r.sandbox.ServeHTTP(w, req)
	held := r.atBango(e)
	if w.Code != http.StatusOK || len(held) != 1 {
		r.Fatalf("HTTP %d: %s", w.Code, w.Body)
	}
	r.given++
	return held[0].ID
}

// unauthorised is a no to our credentials or address: all sending stops but for a probe a minute, nobody's request is lost or blamed.
func unauthorised(name string, a reply) variant {
	return variant{name: name, run: func(r *rig) {
		live := r.live()
		r.breaks(answers(a))
		first, second := r.create("BangoMusic"), r.create("BangoMusic")
		r.ask(live, resale.KindSuspend)
		before := len(r.proxy.requests())
		for range 600 { // ten minutes
			for r.tries() {
			}
			r.clock.turn(time.Second)
		}
		if n := len(r.proxy.requests()) - before; n < 9 || n > 11 {
			r.Errorf("Bango was asked %d times in ten minutes, not once a minute", n)
		}
		r.is(first, resale.KindCreate, resale.Queued, resale.Requested)
		r.is(second, resale.KindCreate, resale.Queued, resale.Requested)
		r.is(live, resale.KindSuspend, resale.Queued, resale.Active)
		r.lift()
		r.settles(2 * time.Minute)
		r.is(first, resale.KindCreate, resale.Done, resale.Pending)
		r.is(second, resale.KindCreate, resale.Done, resale.Pending)
		r.is(live, resale.KindSuspend, resale.Done, resale.Suspended)
	}}
}

// slowedDown is a 429: the request and everybody else's wait at least as long as Bango asks.
func slowedDown(name, header, body string, wait time.Duration) variant {
	return variant{name: name, run: func(r *rig) {
		r.breaks(answers(reply{429, header, body}))
		first, second := r.create("BangoMusic"), r.create("BangoMusic")
		r.step()
		_, q := r.is(first, resale.KindCreate, resale.Waiting, resale.Requested)
		if q.NotBefore.Before(r.clock.now().Add(wait)) {
			r.Errorf("it goes again after %s", q.NotBefore.Sub(r.clock.now()))
		}
		if r.tries() {
			r.Error("another request went out at once")
		}
		if wait > 0 {
			r.rests(wait - time.Second)
		}
		r.is(second, resale.KindCreate, resale.Queued, resale.Requested)
		r.lift()
		r.settles(time.Hour)
		r.is(first, resale.KindCreate, resale.Done, resale.Pending)
		r.is(second, resale.KindCreate, resale.Done, resale.Pending)
	}}
}

// backsOff is a Bango that is broken for hours: the waits grow from a second to a quarter of an hour, and no two are alike.
func backsOff(r *rig) {
	r.breaks(answers(internalError))
	e := r.create("BangoMusic")
	jitter := map[time.Duration]bool{} // the waits in thousandths of the longest that they could be
	for attempt := range 14 {
		for r.again(); r.requestsOf(e)[0].Attempts <= int64(attempt); r.again() { // an echo is no attempt
		}
		_, q := r.is(e, resale.KindCreate, resale.Unsure, resale.Unknown)
		most := min(time.Second<<attempt, 15*time.Minute) + time.Millisecond
		wait := q.NotBefore.Sub(r.clock.now())
		if wait <= 0 || wait > most {
			r.Errorf("after attempt %d it waits %s, which is not between 0 and %s", attempt+1, wait, most)
		}
		jitter[wait*1000/most] = true
	}
	if len(jitter) < 10 {
		r.Errorf("there is hardly any jitter: 14 waits are %d parts of the longest", len(jitter))
	}
	r.lift()
	r.settles(time.Hour)
	r.is(e, resale.KindCreate, resale.Done, resale.Pending)
}

// redirected is an address that is not that of the API: it is not followed, and the other one learns nothing.
func redirected(status int) variant {
	return variant{name: fmt.Sprint(status), run: func(r *rig) {
		elsewhere := newProxy(r, r.sandbox)
		r.breaks(answers(reply{status, "Location: http://" + elsewhere.address() + "/v1/entitlement\r\n", ""}))
		e := r.create("BangoMusic")
		r.step()
		e, q := r.is(e, resale.KindCreate, resale.Denied, resale.Refused)
		r.says(e.Message, "LATCHKEY_BANGO_URL")
		r.says(q.Message, "LATCHKEY_BANGO_URL")
		r.rests(24 * time.Hour)
		if n := elsewhere.connections(); n != 0 {
			r.Errorf("the other address had %d connections", n)
		}
		r.lift()
		r.rests(time.Hour)
		e = r.createFor(e.CustomerID, "BangoMusic")
		r.settles(time.Hour)
		r.is(e, resale.KindCreate, resale.Done, resale.Pending)
	}}
}

// anotherOnes is an answer to a create that speaks of something else: nothing of it is taken over, and a person finds out.
func anotherOnes(name string, what *regexp.Regexp, with string) variant {
	return variant{name: name, run: func(r *rig) {
		r.breaks(edits(func(a reply) reply { a.body = what.ReplaceAllLiteralString(a.body, with); return a }))
		e := r.create("BangoMusic")
		r.step()
		e, _ = r.is(e, resale.KindCreate, resale.Manual, resale.Requested)
		if e.BangoID != "" || e.BangoStatus != "" || e.RegistrationURL != "" || e.Message == "" {
			r.Errorf("it was taken over: %+v", e)
		}
		r.needsPerson(e)
		r.rests(24 * time.Hour)
		r.lift()
		r.rests(time.Hour)
		r.ask(e, resale.KindCheck)
		r.settles(time.Hour)
		r.is(e, resale.KindCheck, resale.Done, resale.Pending)
	}}
}

// replayed is the answer to another create, whose entitlement is known as another one of ours.
func replayed(r *rig, sameCustomer bool) {
	r.Helper()
	first := r.live()
	first, _ = r.is(first, resale.KindCreate, resale.Done, resale.Active)
	var second resale.Entitlement
	if sameCustomer {
		r.ask(first, resale.KindCancel)
		r.settles(time.Hour)
		second = r.createFor(first.CustomerID, "Cloudpantry200")
	} else {
		second = r.create("Cloudpantry200")
	}
	r.breaks(edits(func(a reply) reply {
		a.body = regexp.MustCompile(`"entitlementId":"[^"]*"`).ReplaceAllLiteralString(a.body, fmt.Sprintf(`"entitlementId":%q`, first.BangoID))
		return a
	}))
	r.step()
	second, _ = r.is(second, resale.KindCreate, resale.Manual, resale.Requested)
	if second.BangoID != "" {
		r.Errorf("it took over the id of %s", first.Ref)
	}
	r.needsPerson(second)
	r.rests(24 * time.Hour)
	r.lift()
	r.ask(second, resale.KindCheck)
	r.settles(time.Hour)
	r.is(second, resale.KindCheck, resale.Done, resale.Active)
}

// otherID is an answer to a read or a change that speaks of another entitlement.
func otherID(r *rig, kind resale.RequestKind) {
	r.Helper()
	other, e := r.live(), r.live()
	other, _ = r.is(other, resale.KindCreate, resale.Done, resale.Active)
	r.breaks(edits(func(a reply) reply {
		a.body = regexp.MustCompile(`"entitlementId":"[^"]*"`).ReplaceAllLiteralString(a.body, fmt.Sprintf(`"entitlementId":%q`, other.BangoID))
		return a
	}))
	r.ask(e, kind)
	r.step()
	e, _ = r.is(e, kind, resale.Manual, resale.Active)
	if e.BangoID == other.BangoID || e.Message == "" {
		r.Errorf("it was taken over: %+v", e)
	}
	r.needsPerson(e)
	r.rests(24 * time.Hour)
	r.lift()
	r.ask(e, resale.KindCheck)
	r.settles(time.Hour)
	status := resale.Active
	if kind == resale.KindSuspend {
		status = resale.Suspended // it was carried out, though the answer was another's
	}
	r.is(e, resale.KindCheck, resale.Done, status)
}

// aDay is a fault that lasts: after 24 hours a person decides, and nothing more goes out by itself.
func aDay(name string, f fault, found resale.Status) variant {
	return variant{name: name, run: func(r *rig) {
		r.breaks(f)
		e := r.create("BangoMusic")
		asked := r.clock.now()
		r.settles(26 * time.Hour)
		if took := r.clock.now().Sub(asked); took < 24*time.Hour {
			r.Errorf("it was given up after %s", took)
		}
		e, q := r.is(e, resale.KindCreate, resale.Manual, resale.Unknown)
		r.says(e.Message, "24 hours")
		if n := r.sent(q.ID); n < 90 || n > 200 {
			r.Errorf("it was sent %d times in a day", n)
		}
		for _, s := range r.proxy.requests() {
			if s.write() && s.id != q.ID {
				r.Errorf("it was sent as %s, too", s.id)
			}
		}
		r.needsPerson(e)
		r.rests(7 * 24 * time.Hour)
		r.lift()
		r.rests(7 * 24 * time.Hour)
		r.ask(e, resale.KindCheck)
		r.settles(time.Hour)
		r.is(e, resale.KindCheck, resale.Done, found)
	}}
}

// keptAlive is a connection that was used before and fails as it is used again.
func keptAlive(name string, f fault) variant {
	return variant{name: name, run: func(r *rig) {
		var requests atomic.Int32
		r.breaks(func(x *exchange) bool {
			if requests.Add(1) == 2 {
				return f(x)
			}
			return through(x)
		})
		created(r, "BangoMusic", resale.Pending)
		e := r.create("BangoMusic")
		r.step()
		if n := r.proxy.connections(); n != 1 {
			r.Errorf("there were %d connections, not one that is used again", n)
		}
		r.is(e, resale.KindCreate, resale.Unsure, resale.Unknown)
		r.settles(time.Hour)
		e, q := r.is(e, resale.KindCreate, resale.Done, resale.Pending)
		if e.Message != "" || e.RegistrationURL == "" || r.sent(q.ID) != 2 {
			r.Errorf("after %d requests the link is %q, and the user is told %q", r.sent(q.ID), e.RegistrationURL, e.Message)
		}
	}}
}

// needsPerson fails where the timeline does not say that a person has to decide.
func (r *rig) needsPerson(e resale.Entitlement) {
	r.Helper()
	for _, event := range r.eventsOf(e) {
		if event.Kind == resale.EventManual {
			return
		}
	}
	r.Error("nobody is told that a person has to decide")
}

// shows lets Bango show another certificate.
func (r *rig) shows(c tls.Certificate) { r.secures(&tls.Config{Certificates: []tls.Certificate{c}}) }

// hold keeps a connection open and never answers, until the far side gives up.
func hold(conn net.Conn) { io.Copy(io.Discard, conn) }

func closedPort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func jsonString(s string) string {
	raw, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(raw)
}
