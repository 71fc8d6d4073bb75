package resale

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"runtime"
	"time"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
)

const (
	sessionIdle     = 12 * time.Hour     // a session that is not used ends; a long shift fits
	sessionAbsolute = 7 * 24 * time.Hour // and one that is used ends too
	sessionTouch    = time.Minute        // how exactly the last use is kept, so that not every page writes
	setupLifetime   = 24 * time.Hour     // how long a set-up link may be used
	sessionSkew     = 10 * time.Minute   // how far our clock may be set back, or portals' clocks differ, before sessions from the future end
)

// passwordWork is what a password hash costs. src: OWASP password storage, argon2id with 46 MiB
var passwordWork = &argon2id.Params{Memory: 46 * 1024, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// hashing bounds how many passwords are hashed at once: each takes 46 MiB and a core.
var hashing = make(chan struct{}, runtime.GOMAXPROCS(0))

// nobodysHash is compared against when there is no such person, so that the answer takes as long.
var nobodysHash = "$argon2id$v=19$m=47104,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// errSignIn says the same whatever was wrong.
var errSignIn = &Error{Code: CodeForbidden, Message: "This e-mail address and password do not go together."}

// SignIn returns the person whose password this is.
func (s *Service) SignIn(ctx context.Context, email, password string) (Staff, error) {
	person := Staff{PasswordHash: nobodysHash}
	known := false
	if email, err := NormaliseEmail(email); err == nil {
		found, err := s.store.StaffByEmail(ctx, email)
		if err != nil && CodeOf(err) != CodeNotFound {
			return Staff{}, err
		}
		if known = err == nil && found.PasswordHash != "" && !found.Disabled; known {
			person = found
		}
	}
	if len(password) > MaxPassword {
		return Staff{}, errSignIn
	}
	right, err := hashed(ctx, func() (bool, error) { return argon2id.ComparePasswordAndHash(password, person.PasswordHash) })
	if err != nil {
		return Staff{}, fmt.Errorf("compare a password: %w", err)
	}
	if !right || !known {
		return Staff{}, errSignIn
	}
	return person, nil
}

// hashed runs f, which hashes a password, once there is a core for it.
func hashed[T any](ctx context.Context, f func() (T, error)) (T, error) {
	select {
	case hashing <- struct{}{}:
		defer func() { <-hashing }()
		return f()
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

func hashPassword(ctx context.Context, password string) (string, error) {
	switch {
	case utf8.RuneCountInString(password) < MinPassword:
		return "", Invalid("password", "The password is shorter than %d characters. A few words in a row are easy to remember.", MinPassword)
	case len(password) > MaxPassword:
		return "", Invalid("password", "The password is longer than %d bytes.", MaxPassword)
	}
	return hashed(ctx, func() (string, error) { return argon2id.CreateHash(password, passwordWork) })
}

// AddStaff makes a person known who can sign in with the password. With an empty password they cannot until they have used the
// set-up link whose token is returned. It is for the operator's own commands and asks for no rights.
func (s *Service) AddStaff(ctx context.Context, email, name string, role Role, password string) (person Staff, setupToken string, err error) {
	email, err = NormaliseEmail(email)
	if err != nil {
		return Staff{}, "", err
	}
	if _, ok := ParseRole(string(role)); !ok {
		return Staff{}, "", Invalid("role", "%q is not a role; there are viewer, agent, supervisor and admin.", role)
	}
	person = Staff{ID: newID(), Email: email, Name: name, Role: role, Created: s.now()}
	if password != "" {
		if person.PasswordHash, err = hashPassword(ctx, password); err != nil {
			return Staff{}, "", err
		}
	}
	err = s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		setupToken = ""
		if err := tx.InsertStaff(ctx, person); err != nil || password != "" {
			return err
		}
		setupToken = newToken()
		return tx.InsertSetupLink(ctx, SetupLink{TokenHash: hashToken(setupToken), StaffID: person.ID, Expires: s.now().Add(setupLifetime)})
	})
	return person, setupToken, err
}

// SetupLinkFor is the address that a set-up token belongs into.
func (s *Service) SetupLinkFor(token string) string { return s.publicURL + "/setup/" + token }

// SetupStaff returns whom a set-up link is for.
func (s *Service) SetupStaff(ctx context.Context, token string) (Staff, error) {
	link, err := s.store.SetupLink(ctx, hashToken(token))
	if err != nil {
		return Staff{}, err
	}
	if now := s.now(); now.After(link.Expires) || link.Expires.After(now.Add(setupLifetime+sessionSkew)) {
		return Staff{}, NotFound("set-up link; it was used or is older than a day")
	}
	return s.store.Staff(ctx, link.StaffID)
}

// SetFirstPassword uses up a set-up link.
func (s *Service) SetFirstPassword(ctx context.Context, token, password string) (Staff, error) {
	person, err := s.SetupStaff(ctx, token)
	if err != nil {
		return Staff{}, err
	}
	if person.PasswordHash, err = hashPassword(ctx, password); err != nil {
		return Staff{}, err
	}
	err = s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		if _, err := tx.SetupLink(ctx, hashToken(token)); err != nil {
			return err // used by somebody else meanwhile
		}
		if err := tx.UpdateStaff(ctx, person); err != nil {
			return err
		}
		return tx.DeleteSetupLinks(ctx, person.ID)
	})
	return person, err
}

// StartSession signs a person in and returns the session's id, 256 bits that are stored nowhere but in the cookie.
func (s *Service) StartSession(ctx context.Context, person Staff) (id string, err error) {
	var secret [32]byte
	rand.Read(secret[:]) // never fails, by its documentation
	id = base64.RawURLEncoding.EncodeToString(secret[:])
	now := s.now()
	return id, s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		if err := tx.DeleteExpiredSessions(ctx, now); err != nil {
			return err
		}
		return tx.InsertSession(ctx, Session{IDHash: hashToken(id), StaffID: person.ID, Created: now, LastSeen: now,
			Expires: now.Add(sessionAbsolute)})
	})
}

// SessionStaff returns who is signed in by this session id; CodeNotFound where nobody is (any more). It counts as a use of the session.
func (s *Service) SessionStaff(ctx context.Context, id string) (Staff, error) {
	person, session, err := s.session(ctx, id)
	if now := s.now(); err == nil && now.Sub(session.LastSeen) > sessionTouch {
		touched := s.store.Write(ctx, func(ctx context.Context, tx Tx) error { return tx.TouchSession(ctx, session.IDHash, now) })
		if touched != nil { // pages stay readable while nothing can be stored
			s.log.Warn("the use of a session could not be stored", "err", touched)
		}
	}
	return person, err
}

// WatchSession is SessionStaff for a page that stays open, which is no use of the session.
func (s *Service) WatchSession(ctx context.Context, id string) (Staff, error) {
	person, _, err := s.session(ctx, id)
	return person, err
}

func (s *Service) session(ctx context.Context, id string) (Staff, Session, error) {
	session, err := s.store.Session(ctx, hashToken(id))
	if err != nil {
		return Staff{}, Session{}, err
	}
	now := s.now()
	// One that was used in the future began, or was used, before our clock was set back: nobody knows how long ago that was.
	if now.After(session.Expires) || now.After(session.LastSeen.Add(sessionIdle)) || session.LastSeen.After(now.Add(sessionSkew)) {
		return Staff{}, Session{}, NotFound("session")
	}
	person, err := s.store.Staff(ctx, session.StaffID)
	if err != nil {
		return Staff{}, Session{}, err
	}
	if person.Disabled {
		return Staff{}, Session{}, NotFound("session")
	}
	return person, session, nil
}

// EndSession signs a session out. It is no error if there is none.
func (s *Service) EndSession(ctx context.Context, id string) error {
	return s.store.Write(ctx, func(ctx context.Context, tx Tx) error { return tx.DeleteSession(ctx, hashToken(id)) })
}

// hashToken is what is stored of a secret that only its holder knows. The secrets are random, so a plain hash is enough.
func hashToken(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// SessionKey returns the key that signs session cookies: derived from the configured one, or made once and kept in the store.
func (s *Service) SessionKey(ctx context.Context, configured string) ([]byte, error) {
	key := configured
	if key == "" {
		err := s.store.Write(ctx, func(ctx context.Context, tx Tx) (err error) {
			key, err = tx.EnsureSetting(ctx, "session_key", newToken()+newToken())
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("keep a session key: %w", err)
		}
	}
	return hashToken(key), nil
}
