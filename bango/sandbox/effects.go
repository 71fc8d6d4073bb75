package sandbox

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// What each fault does.

// responseCode values that only faults use. src: resale/api-ref/entitlement/reactivate/post; FORBIDDEN is made up
const (
	codeForbidden       = "FORBIDDEN"
	codeTooManyRequests = "TOO_MANY_REQUESTS"
	codeInternalError   = "INTERNAL_ERROR"
	codeUnavailable     = "SERVICE_UNAVAILABLE"
)

const (
	faultDelay   = 5 * time.Minute        // the longest, of a call or a notification, and how long a connection is held
	faultCopies  = 100                    // of a notification
	nesting      = 10_000                 // of arrays
	largeBody    = 10 << 20               // bytes
	largeURL     = 10 << 10               // bytes
	dripped      = 20 << 10               // bytes that come at 1 KB/s before the answer does
	evilHost     = "attacker.example"     // src: RFC 2606
	unknownValue = "MADE_UP_BY_A_SANDBOX" // where a client meets a value that nobody knows
)

// fault is a Fault and what it does: effect to a call, notify to a notification. Either is nil.
type fault struct {
	Fault
	check  func(value string) error                                   // nil where nothing can be set
	effect func(*struck)                                              // answers
	notify func(s *Sandbox, e *entitlement, n outgoing, value string) // in place of enqueue; the caller holds the lock
}

// struck is a call that a fault has struck.
type struck struct {
	*Sandbox
	w       http.ResponseWriter
	r       *http.Request
	rule    FaultRule
	answer  answer // where the rule says Executed
	execute func() answer
}

// send answers; header are name and value in turn, in place of those of an ordinary answer.
func (c *struck) send(status int, body []byte, header ...string) {
	c.record(c.r, status, c.rule.Fault)
	h := c.w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	c.w.WriteHeader(status)
	_, _ = c.w.Write(body) // a caller who left before the answer is known by its next request
}

// take takes the connection away from the server, which no time limit of the server's then ends and no shutdown waits for. It is
// closed once use returns, the sandbox is closed, or faultDelay has passed. Where there is no connection to take, as with HTTP/2, the
// call ends as one that was reset.
func (c *struck) take(status int, use func(conn net.Conn, in *bufio.Reader)) {
	c.record(c.r, status, c.rule.Fault)
	conn, buffered, err := http.NewResponseController(c.w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	_ = conn.SetDeadline(time.Now().Add(faultDelay)) // one that is closed already needs none
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stop.Err() != nil {
		_ = conn.Close()
		return
	}
	c.running.Go(func() {
		defer conn.Close()
		defer context.AfterFunc(c.stop, func() { _ = conn.Close() })()
		use(conn, buffered.Reader)
	})
}

// wait waits as long as the rule says; false where the sandbox is closed before, or gone is.
func (c *struck) wait(gone <-chan struct{}) bool {
	d, _ := time.ParseDuration(c.rule.Value) // was checked
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.stop.Done():
	case <-gone:
	}
	return false
}

// head is the beginning of an answer that is written by hand.
func head(framing string) string {
	return "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n" + framing + "\r\n\r\n"
}

func contentLength(n int) string { return "Content-Length: " + strconv.Itoa(n) }

// latency delays the answer, and where the rule does not say Executed the call as well.
func latency(c *struck) {
	_ = http.NewResponseController(c.w).SetWriteDeadline(time.Time{}) // where the server has no limit, there is none to lift
	if c.rule.Executed {
		if !c.wait(c.r.Context().Done()) {
			panic(http.ErrAbortHandler)
		}
	} else {
		if !c.wait(nil) { // a call that is held up on its way arrives also where its caller has left
			panic(http.ErrAbortHandler)
		}
		c.answer = c.execute()
	}
	c.send(c.answer.status, c.answer.body)
}

// noAnswer holds the connection until the caller leaves.
func noAnswer(c *struck) {
	c.take(0, func(_ net.Conn, in *bufio.Reader) { _, _ = io.Copy(io.Discard, in) })
}

func reset(c *struck) {
	c.take(0, func(conn net.Conn, _ *bufio.Reader) {
		inner := conn
		for {
			wrapper, wrapped := inner.(interface{ NetConn() net.Conn }) // TLS, or a listener's own
			if !wrapped {
				break
			}
			inner = wrapper.NetConn()
		}
		if t, is := inner.(*net.TCPConn); is {
			_ = t.SetLinger(0) // so that closing resets
		}
		if conn != inner {
			_ = inner.Close() // before TLS says goodbye
		}
	})
}

func closed(c *struck) { c.take(0, func(net.Conn, *bufio.Reader) {}) }

// byHand writes an answer whose framing is the fault.
func byHand(c *struck, text string) {
	c.take(http.StatusOK, func(conn net.Conn, _ *bufio.Reader) { _, _ = io.WriteString(conn, text) })
}

func truncated(c *struck) {
	body := c.answer.body
	byHand(c, head("Transfer-Encoding: chunked")+fmt.Sprintf("%x\r\n%s", len(body), body[:len(body)/2]))
}

func lengthTooLong(c *struck) {
	byHand(c, head(contentLength(len(c.answer.body)+100))+string(c.answer.body))
}

func lengthTooShort(c *struck) {
	byHand(c, head(contentLength(len(c.answer.body)/2))+string(c.answer.body))
}

// drip sends white space, which JSON allows in front, and then the answer.
func drip(c *struck) {
	body := append(bytes.Repeat([]byte{' '}, dripped), c.answer.body...)
	c.take(http.StatusOK, func(conn net.Conn, _ *bufio.Reader) {
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		_, err := io.WriteString(conn, head("Connection: close\r\n"+contentLength(len(body))))
		for len(body) > 0 && err == nil {
			n := min(len(body), 1000)
			_, err = conn.Write(body[:n])
			body = body[n:]
			select {
			case <-ticker.C:
			case <-c.stop.Done():
				return
			}
		}
	})
}

// keepAliveClosed answers, and closes the connection over the beginning of the next call.
func keepAliveClosed(c *struck) {
	status, body := c.answer.status, c.answer.body
	c.take(status, func(conn net.Conn, in *bufio.Reader) {
		text := fmt.Sprintf("HTTP/1.1 %d %s\r\nContent-Type: application/json; charset=utf-8\r\n%s\r\n\r\n%s", status, http.StatusText(status),
			contentLength(len(body)), body)
		if _, err := io.WriteString(conn, text); err == nil {
			_, _ = in.ReadByte()
		}
	})
}

// saying answers 200 with a body.
func saying(contentType, body string) func(*struck) {
	return func(c *struck) { c.send(http.StatusOK, []byte(body), "Content-Type", contentType) }
}

const typeJSON = "application/json; charset=utf-8"

func tooLarge(c *struck) {
	c.send(http.StatusOK, fmt.Appendf(nil, `{"responseCode":"OK","responseMessage":"%s"}`, bytes.Repeat([]byte{'x'}, largeBody)))
}

func nested(c *struck) {
	c.send(http.StatusOK, fmt.Appendf(nil, `{"responseCode":"OK","responseMessage":"Success","extensionData":%s%s}`,
		strings.Repeat("[", nesting), strings.Repeat("]", nesting)))
}

// preceded answers 200 with the true answer behind a text, in place of its first bytes.
func preceded(text string, skip int) func(*struck) {
	return func(c *struck) { c.send(http.StatusOK, append([]byte(text), c.answer.body[skip:]...)) }
}

// refusing answers without the operation.
func refusing(status int, code, message string, header ...string) func(*struck) {
	return func(c *struck) { c.send(status, refuse(status, code, message).body, header...) }
}

const messageTooMany = "The limit of requests is reached; try again later"

func tooManyAfter(c *struck) {
	refusing(http.StatusTooManyRequests, codeTooManyRequests, messageTooMany, "Retry-After", c.rule.Value)(c)
}

// tooManyUntil counts from the real time: whoever reads the date knows no other.
func tooManyUntil(c *struck) {
	d, _ := time.ParseDuration(c.rule.Value) // was checked
	refusing(http.StatusTooManyRequests, codeTooManyRequests, messageTooMany, "Retry-After", time.Now().Add(d).UTC().Format(http.TimeFormat))(c)
}

// redirecting leads to an echo, so that a client that follows is seen among the calls, with its credentials.
func redirecting(status int) func(*struck) {
	return func(c *struck) {
		c.send(status, nil, "Location", c.config.PublicURL+"/v1/echo/followed-a-redirect", "Content-Type", "text/plain; charset=utf-8")
	}
}

// altered answers with the true answer after a change of its members; status 0 is the true one.
func (c *struck) altered(status int, change func(properties)) {
	members := properties{}
	if err := json.Unmarshal(c.answer.body, &members); err != nil {
		panic(fmt.Sprintf("sandbox: an answer is no JSON object: %v", err))
	}
	if status == 0 {
		status = c.answer.status
	}
	change(members)
	c.send(status, toJSON(members))
}

// action answers with something that the end user has to do. url is missing where it is nil.
func action(name string, url func(public *url.URL) string) func(*struck) {
	return func(c *struck) {
		c.altered(http.StatusAccepted, func(reply properties) {
			todo := map[string]string{"action": name}
			if url != nil {
				todo["url"] = url(c.publicURL())
			}
			reply["responseCode"], reply["responseMessage"], reply["parameters"] = toJSON(codeActionRequired), toJSON(messageAction), toJSON(todo)
		})
	}
}

// registerAt answers with a registration URL that no client may use.
func registerAt(u func(public *url.URL) string) func(*struck) { return action(actionNavigate, u) }

// always is a registration URL that has nothing of the sandbox's own.
func always(address string) func(*url.URL) string { return func(*url.URL) string { return address } }

// below is a registration URL at the sandbox's own address with a path that is the fault.
func below(path string) func(*url.URL) string {
	return func(public *url.URL) string {
		return public.Scheme + "://" + public.Host + "/merchant/BANGO/register/" + path
	}
}

func (s *Sandbox) publicURL() *url.URL {
	u, err := url.Parse(s.config.PublicURL)
	if err != nil {
		panic(fmt.Sprintf("sandbox: the public URL was good at first: %v", err))
	}
	return u
}

// code answers with another responseCode.
func code(status int, code, message string) func(*struck) {
	return func(c *struck) {
		c.altered(status, func(reply properties) {
			reply["responseCode"], reply["responseMessage"] = toJSON(code), toJSON(message)
			if _, has := reply["parameters"]; has {
				reply["parameters"] = json.RawMessage("null")
			}
		})
	}
}

// another answers OK with the record of something else: change says what differs from the true one. Where the true answer has no
// record, it is one that is made up.
func another(change func(record properties)) func(*struck) {
	return func(c *struck) {
		madeUp := func() properties {
			e := &entitlement{id: newUUID(), status: statusActive, created: c.now(), activated: c.now(), updated: c.now(),
				request: createRequest{customerIdentifier: "another-customer", merchantAccountKey: "ANOTHER", productKey: "Another",
					entitlementDisplayName: "Another"}}
			all := properties{}
			_ = json.Unmarshal(toJSON(e.record()), &all) // our own
			return all
		}
		c.altered(http.StatusOK, func(reply properties) {
			var list []properties
			if json.Unmarshal(reply["entitlements"], &list) == nil {
				if len(list) == 0 {
					list = []properties{madeUp()}
				}
				for _, record := range list {
					change(record)
				}
				reply["entitlements"] = toJSON(list)
				return
			}
			if reply["entitlementId"] == nil {
				maps.Copy(reply, madeUp())
				reply["responseCode"], reply["responseMessage"], reply["parameters"] = toJSON(codeOK), toJSON(messageSuccess), json.RawMessage("null")
			}
			change(reply)
		})
	}
}

// early holds the reply back until what the call brought about is notified, for as long as the rule says at most.
func early(c *struck) {
	var reply struct{ EntitlementID string }
	_ = json.Unmarshal(c.answer.body, &reply) // a refusal has none
	c.mu.Lock()
	var delivered <-chan struct{}
	if e := c.byID[reply.EntitlementID]; e != nil && len(e.outbox) > 0 {
		delivered = e.outbox[len(e.outbox)-1].delivered
	}
	c.mu.Unlock()
	if delivered != nil {
		c.wait(delivered)
	}
	c.send(c.answer.status, c.answer.body)
}

// checkDelay is for a Value that is a duration.
func checkDelay(value string) error {
	d, err := time.ParseDuration(value)
	if err != nil || d < 0 || d > faultDelay {
		return fmt.Errorf("it must be a duration from 0s to %v, like 300ms or 12s", faultDelay)
	}
	return nil
}

func checkCopies(value string) error {
	if n, err := strconv.Atoi(value); err != nil || n < 2 || n > faultCopies {
		return fmt.Errorf("it must be a number from 2 to %d", faultCopies)
	}
	return nil
}

func checkHeader(value string) error {
	if strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c > '~' }) {
		return errors.New("a header carries only printable ASCII")
	}
	return nil
}

func duplicated(s *Sandbox, e *entitlement, n outgoing, value string) {
	copies, _ := strconv.Atoi(value) // was checked
	for range copies {
		s.enqueue(e, n)
	}
}

// late lets newer ones overtake.
func late(s *Sandbox, e *entitlement, n outgoing, value string) {
	d, _ := time.ParseDuration(value) // was checked
	e.notified = n.reason + ": held back for " + d.String()
	s.undelivered++
	s.later(d, func() {
		s.undelivered--
		s.enqueue(e, n)
	})
}

func lost(_ *Sandbox, e *entitlement, n outgoing, _ string) {
	e.notified = n.reason + ": lost on purpose"
}

// reordered waits for the next one, which notify lets go first.
func reordered(s *Sandbox, e *entitlement, n outgoing, value string) {
	d, _ := time.ParseDuration(value) // was checked
	e.notified = n.reason + ": held back until the next one"
	s.undelivered++
	e.held = append(e.held, n)
	s.later(d, func() {
		held := e.held
		e.held = nil
		s.release(e, held)
	})
}

func malformed(s *Sandbox, e *entitlement, n outgoing, _ string) {
	n.body = n.body[:len(n.body)/2]
	s.enqueue(e, n)
}

func wrongCredentials(s *Sandbox, e *entitlement, n outgoing, _ string) {
	n.wrongCredentials = true
	s.enqueue(e, n)
}

// unknownToo adds one about an entitlement that is nowhere.
func unknownToo(s *Sandbox, e *entitlement, n outgoing, _ string) {
	s.enqueue(e, n)
	r := e.record()
	r.EntitlementID = newUUID()
	s.enqueue(e, outgoing{reason: n.reason, body: toJSON(newNotification(n.reason, r))})
}
