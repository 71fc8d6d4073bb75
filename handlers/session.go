package handlers

import (
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"

	"latchkey/resale"
)

// sessionStore is a [sessions.Store] over the service's sessions: the cookie holds nothing but a signed id, which counts as long as the
// service says so.
type sessionStore struct {
	service *resale.Service
	codec   *securecookie.SecureCookie
	cookie  string
	options sessions.Options
}

// signedIn is the key of the person in a session's values.
const signedIn = "staff"

// cookieAge is how long a cookie's signature counts; the service ends a session earlier.
const cookieAge = 7 * 24 * time.Hour

func newSessionStore(service *resale.Service, key []byte, publicURL string) *sessionStore {
	s := &sessionStore{service: service, codec: securecookie.New(key, nil), cookie: "latchkey",
		// No MaxAge: the cookie goes with the browser.
		options: sessions.Options{Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}}
	s.codec.MaxAge(int(cookieAge.Seconds())).SetSerializer(securecookie.NopEncoder{})
	if strings.HasPrefix(publicURL, "https:") {
		s.cookie, s.options.Secure = "__Host-latchkey", true
	}
	return s
}

// Get returns the session of the request, the same one each time.
func (s *sessionStore) Get(r *http.Request, name string) (*sessions.Session, error) {
	return sessions.GetRegistry(r).Get(s, name)
}

// New returns the session that the cookie names with the person in its values, and an empty one where it names none.
func (s *sessionStore) New(r *http.Request, name string) (*sessions.Session, error) {
	session := sessions.NewSession(s, name)
	options := s.options
	session.Options, session.IsNew = &options, true
	cookie, err := r.Cookie(name)
	if err != nil {
		return session, nil
	}
	var id []byte
	if s.codec.Decode(name, cookie.Value, &id) != nil {
		return session, nil
	}
	person, err := s.service.SessionStaff(r.Context(), string(id))
	switch resale.CodeOf(err) {
	case "":
		session.ID, session.IsNew = string(id), false
		session.Values[signedIn] = person
		return session, nil
	case resale.CodeNotFound:
		return session, nil
	default:
		return session, err
	}
}

// Save ends the session that there was and, unless MaxAge asks for its end alone, starts one under a new id for the person in the
// values: nobody carries an id from before a change of rights into the time after it.
func (s *sessionStore) Save(r *http.Request, w http.ResponseWriter, session *sessions.Session) error {
	if session.ID != "" {
		if err := s.service.EndSession(r.Context(), session.ID); err != nil {
			return err
		}
	}
	value := ""
	if session.Options.MaxAge >= 0 {
		person, _ := session.Values[signedIn].(resale.Staff)
		id, err := s.service.StartSession(r.Context(), person)
		if err != nil {
			return err
		}
		if value, err = s.codec.Encode(session.Name(), []byte(id)); err != nil {
			return err
		}
		session.ID, session.IsNew = id, false
	}
	http.SetCookie(w, sessions.NewCookie(session.Name(), value, session.Options))
	return nil
}

// recogniseStaff notes on the request who is signed in, if anybody is.
func (a *App) recogniseStaff(c *fiber.Ctx) error {
	session, err := a.sessions.Get(standardRequest(c), a.sessions.cookie)
	if err != nil || session.IsNew {
		return err
	}
	c.Locals(keySession, session.ID)
	c.Locals(keyPerson, session.Values[signedIn])
	return nil
}

// who is signed in; the zero Staff where nobody is.
func who(c *fiber.Ctx) resale.Staff {
	person, _ := c.Locals(keyPerson).(resale.Staff)
	return person
}

// startSession signs the person in on this browser.
func (a *App) startSession(c *fiber.Ctx, person resale.Staff) error {
	return a.changeSession(c, func(s *sessions.Session) { s.Values[signedIn] = person })
}

// endSession signs whoever is signed in on this browser out.
func (a *App) endSession(c *fiber.Ctx) error {
	return a.changeSession(c, func(s *sessions.Session) { s.Options.MaxAge = -1 })
}

func (a *App) changeSession(c *fiber.Ctx, change func(*sessions.Session)) error {
	r, w := standardRequest(c), standardHeader{}
	session, err := a.sessions.Get(r, a.sessions.cookie)
	if err != nil {
		return err
	}
	change(session)
	if err := session.Save(r, w); err != nil {
		return err
	}
	for _, cookie := range w.Header()["Set-Cookie"] {
		c.Response().Header.Add("Set-Cookie", cookie)
	}
	return nil
}

// standardRequest is as much of a request as gorilla/sessions and [http.CrossOriginProtection] look at.
func standardRequest(c *fiber.Ctx) *http.Request {
	r := &http.Request{Method: c.Method(), Host: string(c.Context().Host()), Header: http.Header{}}
	for _, name := range []string{"Cookie", "Origin", "Sec-Fetch-Site"} {
		if value := c.Request().Header.Peek(name); value != nil {
			r.Header.Set(name, string(value))
		}
	}
	return r.WithContext(c.UserContext())
}

// standardHeader is as much of an [http.ResponseWriter] as gorilla/sessions touches.
type standardHeader http.Header

func (h standardHeader) Header() http.Header         { return http.Header(h) }
func (h standardHeader) Write(b []byte) (int, error) { return len(b), nil }
func (h standardHeader) WriteHeader(int)             {}
