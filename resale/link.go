package resale

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"unicode"
)

// MaxLink is the longest registration URL that is stored, in bytes. src: Gen 2 activation FAQ
const MaxLink = 10_000

// LinkRules says where a registration URL that came from outside may lead. Only what passes becomes a link or a redirect.
type LinkRules struct {
	Hosts         []string // allowed hosts, "*.example.com" for all below a domain; empty: any public https host
	AllowLoopback bool     // also http to this machine, for a sandbox that runs on it
}

// Check returns why the URL must not be followed, or nil.
func (l LinkRules) Check(raw string) error {
	switch {
	case raw == "":
		return errors.New("it is empty")
	case len(raw) > MaxLink:
		return fmt.Errorf("it is longer than %d characters", MaxLink)
	case strings.ContainsFunc(raw, func(r rune) bool {
		return r == '\\' || r > unicode.MaxASCII || unicode.IsSpace(r) || unicode.IsControl(r)
	}):
		return errors.New("it has characters that do not belong into an address")
	}
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" || u.Host == "" {
		return errors.New("it is not an absolute web address")
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	loopback := l.AllowLoopback && IsLoopback(host)
	switch {
	case u.User != nil:
		return errors.New("it carries a user name, which hides where it leads")
	case u.Scheme != "https" && !(u.Scheme == "http" && loopback):
		return fmt.Errorf("its scheme is %q, not https", u.Scheme)
	case loopback:
		return nil
	case net.ParseIP(host) != nil || !strings.Contains(host, "."):
		return fmt.Errorf("it leads to %q, which is not a host name on the internet", host)
	case l.allows(host):
		return nil
	case len(l.Hosts) > 0:
		return fmt.Errorf("its host %q is not among LATCHKEY_REDIRECT_HOSTS", host)
	case strings.Contains("."+host, ".xn--"):
		return fmt.Errorf("its host %q may look like another one; list it in LATCHKEY_REDIRECT_HOSTS if it is right", host)
	}
	return nil
}

func (l LinkRules) allows(host string) bool {
	for _, pattern := range l.Hosts {
		if domain, wild := strings.CutPrefix(pattern, "*"); host == pattern || wild && strings.HasSuffix(host, domain) {
			return true
		}
	}
	return false
}

// IsLoopback reports whether a host name or address is this machine's own.
func IsLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// ParseLinkHosts reads a comma-separated list of hosts for [LinkRules].
func ParseLinkHosts(list string) ([]string, error) {
	var hosts []string
	for _, h := range strings.Split(list, ",") {
		h = strings.ToLower(strings.TrimSpace(h))
		name := strings.TrimPrefix(h, "*.")
		switch {
		case h == "":
			continue
		case !strings.Contains(name, ".") || strings.HasPrefix(name, ".") || strings.ContainsAny(name, "*/:@ "):
			return nil, fmt.Errorf("%q is not a host like example.com or *.example.com", h)
		}
		hosts = append(hosts, h)
	}
	return hosts, nil
}
