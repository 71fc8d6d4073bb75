package resale

import (
	"slices"
	"strings"
	"time"
)

// Role is what a member of staff may do; each role includes the ones before it.
type Role string

const (
	Viewer     Role = "viewer"     // reads
	Agent      Role = "agent"      // creates, sends links, suspends, resumes, cancels
	Supervisor Role = "supervisor" // also revokes, bulk, export
	Admin      Role = "admin"      // also staff, catalogue, settings
)

// Roles lists the roles, each with more rights than the one before.
var Roles = []Role{Viewer, Agent, Supervisor, Admin}

// ParseRole returns the role of that name, and false for any other word.
func ParseRole(name string) (Role, bool) {
	r := Role(name)
	return r, slices.Contains(Roles, r)
}

// AtLeast reports whether r has the rights of least.
func (r Role) AtLeast(least Role) bool {
	return slices.Index(Roles, r) >= slices.Index(Roles, least) && slices.Contains(Roles, r)
}

// Staff is a person who signs in. PasswordHash is argon2id in its PHC form, empty until a password is set.
type Staff struct {
	ID           string
	Email        string // lower case, unique
	Name         string
	Role         Role
	PasswordHash string
	Disabled     bool
	Created      time.Time
}

// Label is what to call the person on a page.
func (s Staff) Label() string {
	if s.Name != "" {
		return s.Name
	}
	name, _, _ := strings.Cut(s.Email, "@")
	return name
}

// NormaliseEmail returns the form in which an e-mail address is stored and looked up, or why it is not one.
func NormaliseEmail(email string) (string, error) {
	email = strings.ToLower(strings.TrimSpace(email))
	if len(email) > MaxEmail || !plausibleEmail(email) || !printable(email) {
		return "", Invalid("email", "%q is not an e-mail address.", email)
	}
	return email, nil
}

// MinPassword is the least length of a password, in characters, as long as it is the only factor. src: NIST 800-63B rev. 4
const MinPassword = 15

// MaxPassword bounds the work of hashing, in bytes.
const MaxPassword = 256

// Session is a signed-in browser. IDHash is the SHA-256 of the id that only the cookie holds.
type Session struct {
	IDHash   []byte
	StaffID  string
	Created  time.Time
	LastSeen time.Time
	Expires  time.Time // absolute
}

// SetupLink lets a person set a first password. TokenHash is the SHA-256 of the token that only the link holds.
type SetupLink struct {
	TokenHash []byte
	StaffID   string
	Expires   time.Time
}
