package views

import (
	"strings"
	"testing"

	"latchkey/resale"
)

func TestWhatWasLookedForIsMarked(t *testing.T) {
	for _, row := range []struct{ text, q, want string }{
		{"Zoë Ångström", "ang", "Zoë [Ång]ström"},
		{"Zoë Ångström", "zoe ångs", "[Zoë] [Ångs]tröm"},
		{"Zoe\u0308 A\u030angstro\u0308m", "zoe", "[Zoe\u0308] A\u030angstro\u0308m"}, // accents of their own
		{"Weißmann", "weiss", "[Weiß]mann"},
		{"Łukasz", "lukasz", "[Łukasz]"},
		{"+44 20 7946 0000", "020 7946", "+44 [20 7946] 0000"},
		{"+44 20 7946 0000", "00442079460000", "+[44 20 7946 0000]"},
		{"020 7946 0000", "+44 20 7946 0000", "020 [7946 0000]"},
		{"+49 7946-0000", "+44 20 7946 0000", "+49 [7946-0000]"},
		{"K7Q4-X2MD", "k7q4x", "[K7Q4-X]2MD"},
		{"K7Q4-X2MD", "K7Q4-X2MD", "[K7Q4-X2MD]"},
		{"banana", "ana", "b[anana]"},
		{"Bango Music", "zoe", "Bango Music"},
		{"a\xffb", "a", "[a]\xffb"},
		{"", "zoe", ""},
		{"Zoë", "", "Zoë"},
	} {
		var got strings.Builder
		for _, p := range marked(row.text, row.q) {
			if p.hit {
				got.WriteString("[" + p.text + "]")
			} else {
				got.WriteString(p.text)
			}
		}
		if got.String() != row.want {
			t.Errorf("%q in %q: %q, want %q", row.q, row.text, got.String(), row.want)
		}
	}
}

func TestALineShowsTheTextAroundTheHit(t *testing.T) {
	long := strings.Repeat("é word ", 40) + "here it is " + strings.Repeat("and on ", 40)
	if got := around(long, "here it"); !strings.Contains(got, "here it is") || len([]rune(got)) > 122 || !strings.HasPrefix(got, "…") || !strings.HasSuffix(got, "…") {
		t.Errorf("the line is %q", got)
	}
	for _, text := range []string{"short", "", "with\nlines"} {
		if got := around(text, "nothing of it"); got != strings.ReplaceAll(text, "\n", " ") {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func FuzzMarked(f *testing.F) {
	f.Add("Zoë Ångström", "ang")
	f.Add("+44 (0)20 7946", "+44 20")
	f.Add("ß\u0301\xff", "\u0301")
	f.Fuzz(func(t *testing.T, text, q string) {
		var all strings.Builder
		for _, p := range marked(text, q) {
			all.WriteString(p.text)
		}
		if all.String() != text {
			t.Errorf("%q became %q", text, all.String())
		}
		around(text, q)
	})
}

func TestALongIdentifierIsNamedByItsEnd(t *testing.T) {
	for identifier, want := range map[string]string{"4477001234": "Create customer “4477001234”", strings.Repeat("x", 30) + "1234": "Create customer “…xxxxxxxx1234”"} {
		if got := newCustomerWords(identifier); got != want {
			t.Errorf("%q", got)
		}
	}
	if got := HitAddress(resale.Hit{Kind: resale.HitText, CustomerID: "c"}); got != "/customers/c" {
		t.Error(got)
	}
}
