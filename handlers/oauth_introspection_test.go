package handlers

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestWhichIntrospectedTokensAdmit(t *testing.T) {
	a := startAuthority(t)
	o := OAuth{IntrospectionURL: a.URL + "/introspect", IntrospectionUsername: "por:tal", IntrospectionPassword: "canary password%"}
	anybody := openForTokens(t, o)
	o.Audience = "latchkey"
	meant := openForTokens(t, o)
	soon, past := time.Now().Add(time.Hour).Unix(), time.Now().Add(-time.Second).Unix()
	for i, tt := range []struct {
		answer          string
		anybody, ofOurs int
	}{
		{`{"active":true}`, 200, 401},
		{`{"active":true,"aud":"latchkey"}`, 200, 200},
		{`{"active":true,"aud":["x","latchkey"],"scope":"notify"}`, 200, 200},
		{`{"active":true,"aud":"latchkey2"}`, 200, 401},
		{`{"active":true,"aud":null}`, 200, 401},
		{fmt.Sprintf(`{"active":true,"aud":"latchkey","exp":%d}`, soon), 200, 200},
		{fmt.Sprintf(`{"active":true,"aud":"latchkey","exp":%d.5}`, soon), 200, 200},
		{fmt.Sprintf(`{"active":true,"aud":"latchkey","exp":%d}`, past), 401, 401},
		{`{"active":true,"aud":"latchkey","exp":0}`, 401, 401},
		{`{"active":true,"aud":"latchkey","exp":-1e300}`, 401, 401},
		{`{"active":true,"aud":"latchkey","exp":1e300}`, 200, 200},
		{`{"active":false}`, 401, 401},
		{`{"active":false,"aud":"latchkey"}`, 401, 401},
		{`{"aud":"latchkey"}`, 401, 401},
		{`{}`, 401, 401},
	} {
		t.Run(tt.answer, func(t *testing.T) {
			a.does(func() {
				a.says = func(w http.ResponseWriter, r *http.Request) {
					username, secret, _ := r.BasicAuth()
					if r.Method != "POST" || username != "por%3Atal" || secret != "canary+password%25" ||
						!strings.HasPrefix(r.PostFormValue("token"), "canary-token+&") || r.URL.RawQuery != "" {
						t.Errorf("asked with %s %s, %s:%s, %v", r.Method, r.URL, username, secret, r.PostForm)
					}
					_, _ = w.Write([]byte(tt.answer))
				}
			})
			token := fmt.Sprintf("canary-token+&=%d", i) // unknown so far
			anybody.mustGet(t, token, tt.anybody)
			meant.mustGet(t, token, tt.ofOurs)
		})
	}
}

func TestAnIntrospectionThatFailsRefusesNobody(t *testing.T) {
	good := startAuthority(t)
	good.does(func() { good.says = answers(200, `{"active":true}`) })
	a := startAuthority(t)
	n := openForTokens(t, OAuth{IntrospectionURL: a.URL + "/introspect", IntrospectionUsername: "portal",
		IntrospectionPassword: "canary-password"})
	a.does(func() { a.says = answers(200, `{"active":true}`) })
	n.mustGet(t, "known-token", 200)
	failures := outages(t, good)
	failures["tells it back"] = func(w http.ResponseWriter, r *http.Request) { // into the log, if we let it
		answers(500, r.PostFormValue("token"))(w, r)
	}
	for name, broken := range failures {
		t.Run(name, func(t *testing.T) {
			a.does(func() { a.broken = broken })
			n.mustGet(t, "a-token-"+name, 503)
			n.mustGet(t, "known-token", 200)
			n.mustGet(t, "a-key", 200)
			a.does(func() { a.broken = nil })
			n.mustGet(t, "a-token-"+name, 200)
		})
	}
	if asked := good.called("/introspect"); asked != 0 {
		t.Errorf("a token went where a redirect led, %d times", asked)
	}
	a.Close()
	n.mustGet(t, "a-token", 503)
}

// introspectionBy is an introspection whose calls are answered by f.
func introspectionBy(o OAuth, f transport) *introspection {
	i := newIntrospection(o)
	i.client = newTokenClient(f)
	return i
}

func reply(body string) *http.Response {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(body))}
}

// A token is remembered for a minute and never past its end; one that was refused not at all.
func TestHowLongATokenIsRemembered(t *testing.T) {
	for _, tt := range []struct {
		name     string
		lifetime time.Duration // 0: not told
		calls    map[time.Duration]int
	}{
		{"no end told", 0, map[time.Duration]int{0: 1, 59 * time.Second: 1, 60 * time.Second: 2, 119 * time.Second: 2, 121 * time.Second: 3}},
		{"a long life", time.Hour, map[time.Duration]int{0: 1, 59 * time.Second: 1, 60 * time.Second: 2}},
		{"a short life", 10 * time.Second, map[time.Duration]int{0: 1, 9 * time.Second: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				calls := 0
				i := introspectionBy(OAuth{}, func(*http.Request) (*http.Response, error) {
					calls++
					if tt.lifetime == 0 {
						return reply(`{"active":true}`), nil
					}
					return reply(fmt.Sprintf(`{"active":true,"exp":%d}`, start.Add(tt.lifetime).Unix())), nil
				})
				for second := range 122 {
					at := time.Duration(second) * time.Second
					admits, err := i.admits(t.Context(), "token")
					if want := tt.lifetime == 0 || at < tt.lifetime; admits != want || err != nil {
						t.Fatalf("after %v: %v, %v", at, admits, err)
					}
					if want, counts := tt.calls[at]; counts && calls != want {
						t.Errorf("after %v it was asked for %d times, not %d", at, calls, want)
					}
					time.Sleep(time.Second)
				}
				if tt.lifetime == 10*time.Second && calls != 1+112 { // from its end on, it is asked about each time
					t.Errorf("it was asked for %d times", calls)
				}
			})
		})
	}
}

// A minute is counted from the question: what the answer says may be as old.
func TestASlowAnswerIsRememberedForLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		i := introspectionBy(OAuth{}, func(*http.Request) (*http.Response, error) {
			calls++
			time.Sleep(4 * time.Second)
			return reply(fmt.Sprintf(`{"active":true,"exp":%d}`, time.Now().Add(-time.Second).Unix())), nil
		})
		if admits, err := i.admits(t.Context(), "token"); admits || err != nil {
			t.Errorf("it ended while it was asked about: %v, %v", admits, err)
		}
		i = introspectionBy(OAuth{}, func(*http.Request) (*http.Response, error) {
			calls++
			time.Sleep(4 * time.Second)
			return reply(`{"active":true}`), nil
		})
		calls = 0
		for _, pause := range []time.Duration{0, 55 * time.Second, 2 * time.Second} {
			time.Sleep(pause)
			if admits, err := i.admits(t.Context(), "token"); !admits || err != nil {
				t.Errorf("%v, %v", admits, err)
			}
		}
		if calls != 2 {
			t.Errorf("it was asked for %d times", calls)
		}
	})
}

// An authorization server that hangs holds up so many calls for so long, and whom it has nothing to do with not at all.
func TestAnIntrospectionThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		i := introspectionBy(OAuth{}, func(r *http.Request) (*http.Response, error) {
			calls.Add(1)
			return hangs(r)
		})
		c := newCaller(Config{WebhookKeys: []string{"a-key"}})
		c.tokens = []tokenCheck{i}
		i.remember(sha256.Sum256([]byte("known")), time.Now().Add(time.Minute))
		start := time.Now()
		var atOnce, late atomic.Int32
		done := make(chan struct{})
		const each = 5
		for n := range each * 2 * maxLookups {
			go func() {
				defer func() { done <- struct{}{} }()
				known, err := c.knows(t.Context(), "", fmt.Sprint("Bearer token-", n/each))
				switch took := time.Since(start); {
				case known || err == nil:
					t.Error("nobody could tell, and it was told")
				case took == 0:
					atOnce.Add(1)
				case took <= lookupTime:
					late.Add(1)
				default:
					t.Errorf("took %v", took)
				}
			}()
		}
		synctest.Wait()
		if calls.Load() != maxLookups {
			t.Errorf("%d calls at once", calls.Load())
		}
		for _, good := range []string{"a-key", "known"} {
			if known, err := c.knows(t.Context(), "", "Bearer "+good); !known || err != nil || time.Since(start) != 0 {
				t.Errorf("%s: %v, %v after %v", good, known, err, time.Since(start))
			}
		}
		for range each * 2 * maxLookups {
			<-done
		}
		if late.Load() != each*maxLookups || atOnce.Load() != each*maxLookups {
			t.Errorf("%d were told at once, %d after a while", atOnce.Load(), late.Load())
		}
		synctest.Wait()
		if len(i.slots) != 0 {
			t.Errorf("%d calls are still under way", len(i.slots))
		}
	})
}

func TestRememberedTokensAreBounded(t *testing.T) {
	i := newIntrospection(OAuth{})
	hash := func(n int) [sha256.Size]byte { return sha256.Sum256(fmt.Append(nil, n)) }
	now := time.Now()
	i.remember(hash(0), now.Add(time.Hour))
	for n := 1; n < maxAdmitted; n++ {
		i.remember(hash(n), now.Add(-time.Second))
	}
	i.remember(hash(-1), now.Add(time.Hour))
	if len(i.admitted) != 2 || !i.remembers(hash(0)) || !i.remembers(hash(-1)) {
		t.Errorf("%d are remembered once those were dropped that are over", len(i.admitted))
	}
	for n := range 2 * maxAdmitted {
		i.remember(hash(n), now.Add(time.Hour))
		if !i.remembers(hash(n)) || len(i.admitted) > maxAdmitted {
			t.Fatalf("%d are remembered, the newest among them: %v", len(i.admitted), i.remembers(hash(n)))
		}
	}
}
