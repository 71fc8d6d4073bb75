package resale

import (
	"strings"
	"testing"
)

func TestLinkRules(t *testing.T) {
	anyHTTPS := LinkRules{}
	listed := LinkRules{Hosts: []string{"music.example.com", "*.video.example"}}
	sandbox := LinkRules{AllowLoopback: true}
	for _, tt := range []struct {
		rules LinkRules
		url   string
		ok    bool
	}{
		{anyHTTPS, "https://merchant.example/activate/t0k3n?x=1#y", true},
		{anyHTTPS, "https://merchant.example:8443/a", true},
		{anyHTTPS, "https://merchant.example/" + strings.Repeat("a", MaxLink-len("https://merchant.example/")), true},
		{anyHTTPS, "https://merchant.example/" + strings.Repeat("a", MaxLink), false},
		{anyHTTPS, "", false},
		{anyHTTPS, "http://merchant.example/a", false},
		{anyHTTPS, "HTTP://merchant.example/a", false},
		{anyHTTPS, "javascript:alert(1)", false},
		{anyHTTPS, "JaVaScRiPt:alert(1)", false},
		{anyHTTPS, "javascript://merchant.example/%0aalert(1)", false},
		{anyHTTPS, "data:text/html,x", false},
		{anyHTTPS, "//merchant.example/a", false},
		{anyHTTPS, "/a", false},
		{anyHTTPS, "https:merchant.example", false},
		{anyHTTPS, "https:///a", false},
		{anyHTTPS, "https://good.example@evil.example/", false},
		{anyHTTPS, "https://good.example:pw@evil.example/", false},
		{anyHTTPS, "https://@evil.example/", false},
		{anyHTTPS, `https://good.example\@evil.example/`, false},
		{anyHTTPS, "https://merchant.example/a\r\nSet-Cookie: x=1", false},
		{anyHTTPS, "https://merchant.example/a b", false},
		{anyHTTPS, "https://merchant.example/\x00", false},
		{anyHTTPS, " https://merchant.example/", false},
		{anyHTTPS, "https://127.0.0.1/a", false},
		{anyHTTPS, "https://[::1]/a", false},
		{anyHTTPS, "https://169.254.169.254/latest", false},
		{anyHTTPS, "https://localhost/a", false},
		{anyHTTPS, "https://intranet/a", false},
		{anyHTTPS, "https://mеrchant.example/", false}, // a Cyrillic е
		{anyHTTPS, "https://xn--mrchant-9of.example/", false},
		{listed, "https://music.example.com/a", true},
		{listed, "https://MUSIC.example.com./a", true},
		{listed, "https://eu.video.example/a", true},
		{listed, "https://video.example/a", false},
		{listed, "https://evilvideo.example/a", false},
		{listed, "https://music.example.com.evil.example/a", false},
		{listed, "https://merchant.example/a", false},
		{LinkRules{Hosts: []string{"xn--mrchant-9of.example"}}, "https://xn--mrchant-9of.example/", true},
		{sandbox, "http://127.0.0.1:8090/merchant/BANGO/register", true},
		{sandbox, "http://[::1]:8090/a", true},
		{sandbox, "http://localhost:8090/a", true},
		{sandbox, "http://merchant.example/a", false},
		{sandbox, "ftp://127.0.0.1/a", false},
	} {
		if err := tt.rules.Check(tt.url); (err == nil) != tt.ok {
			t.Errorf("Check(%.80q) with %v: %v", tt.url, tt.rules, err)
		}
	}
}

func TestParseLinkHosts(t *testing.T) {
	hosts, err := ParseLinkHosts(" Music.Example.com, *.video.example ,")
	if err != nil || strings.Join(hosts, " ") != "music.example.com *.video.example" {
		t.Errorf("got %q, %v", hosts, err)
	}
	for _, bad := range []string{"*", "*.", "com", "https://a.example", "a.example/x", "a.example:80", "a b.example", "a.*.example"} {
		if hosts, err := ParseLinkHosts(bad); err == nil {
			t.Errorf("%q was accepted as %q", bad, hosts)
		}
	}
}
