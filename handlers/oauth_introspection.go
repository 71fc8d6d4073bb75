package handlers

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// introspection checks access tokens by asking the authorization server for each (RFC 7662). It remembers for a while whom it admitted.
type introspection struct {
	OAuth
	client  *http.Client
	lookups singleflight.Group // by the hash of the token
	slots   chan struct{}      // one for each call under way

	mu       sync.Mutex
	admitted map[[sha256.Size]byte]time.Time // until when, by the hash of the token
}

const (
	admittedFor = time.Minute // the longest that a token is admitted after it was asked for: so late a revocation may count
	maxAdmitted = 1024        // tokens that are remembered
)

func newIntrospection(o OAuth) *introspection {
	return &introspection{OAuth: o, client: newTokenClient(newTokenTransport()), slots: make(chan struct{}, maxLookups),
		admitted: map[[sha256.Size]byte]time.Time{}}
}

func (i *introspection) admits(ctx context.Context, token string) (bool, error) {
	hash := sha256.Sum256([]byte(token))
	if i.remembers(hash) {
		return true, nil
	}
	found := i.lookups.DoChan(string(hash[:]), func() (any, error) {
		until, err := i.ask(token)
		admits := until.After(time.Now())
		if admits {
			i.remember(hash, until)
		}
		return admits, err
	})
	select {
	case f := <-found:
		return f.Val.(bool), f.Err
	case <-ctx.Done():
		return false, fmt.Errorf("the authorization server did not answer in time: %w", ctx.Err())
	}
}

// ask asks the authorization server until when it is certain that the token admits; the zero time means that it does not.
func (i *introspection) ask(token string) (until time.Time, err error) {
	select {
	case i.slots <- struct{}{}:
		defer func() { <-i.slots }()
	default:
		return until, errors.New("the authorization server is asked about too many access tokens at once")
	}
	form := url.Values{"token": {token}, "token_type_hint": {"access_token"}}
	req, err := http.NewRequest(http.MethodPost, i.IntrospectionURL, strings.NewReader(form.Encode()))
	if err != nil {
		return until, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.SetBasicAuth(url.QueryEscape(i.IntrospectionUsername), url.QueryEscape(i.IntrospectionPassword)) // RFC 6749, 2.3.1
	asked := time.Now()
	resp, err := i.client.Do(req)
	if err != nil {
		return until, fmt.Errorf("the authorization server could not be asked about an access token: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return until, fmt.Errorf("the authorization server was asked about an access token and answered HTTP %d", resp.StatusCode)
	}
	// What the answer says stays out of the error: it may repeat the token.
	var answer introspected
	if raw, err := io.ReadAll(resp.Body); err != nil || json.Unmarshal(raw, &answer) != nil {
		return until, errors.New("the authorization server was asked about an access token and gave an answer that cannot be read")
	}
	if !answer.Active || i.Audience != "" && !slices.Contains(answer.Audience, i.Audience) {
		return until, nil
	}
	seconds := admittedFor.Seconds()
	if answer.Expiry != nil {
		seconds = min(seconds, max(*answer.Expiry-float64(asked.UnixMilli())/1000, 0))
	}
	return asked.Add(time.Duration(seconds * float64(time.Second))), nil
}

// introspected is what we need of an answer. src: RFC 7662, 2.2
type introspected struct {
	Active   bool      `json:"active"`
	Expiry   *float64  `json:"exp"` // in seconds since 1970; nil: not told
	Audience oneOrMany `json:"aud"`
}

// oneOrMany is a list that is not in brackets where it has only one entry. src: RFC 7519, 4.1.3
type oneOrMany []string

// UnmarshalJSON is json.Unmarshaler's.
func (o *oneOrMany) UnmarshalJSON(raw []byte) error {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		*o = oneOrMany{one}
		return nil
	}
	return json.Unmarshal(raw, (*[]string)(o))
}

func (i *introspection) remembers(hash [sha256.Size]byte) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.admitted[hash].After(time.Now())
}

// remember makes room where there is none: of what is over, else of any one, which will just be asked for again.
func (i *introspection) remember(hash [sha256.Size]byte, until time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.admitted) >= maxAdmitted {
		now := time.Now()
		for other, end := range i.admitted {
			if !end.After(now) {
				delete(i.admitted, other)
			}
		}
		for other := range i.admitted {
			if len(i.admitted) < maxAdmitted {
				break
			}
			delete(i.admitted, other)
		}
	}
	i.admitted[hash] = until
}
