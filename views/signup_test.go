package views

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/resale"
)

var placeholder = regexp.MustCompile(`\{\w+\}`)

// Every state has every text in every language, with the same placeholders, and none that nothing is put in for.
func TestTheEndUsersTextsAreComplete(t *testing.T) {
	keys := []string{"unknown.title", "unknown.text", "error.title", "error.text", "other.title", "other.text", "go.button", "waiting.button",
		"waiting-slow.button", "stuck.button", "moment", "through", "provider", "questions", "reference", "language", "sandbox", "date", "promise"}
	for _, s := range resale.SignupStates {
		keys = append(keys, string(s)+".title", string(s)+".text")
	}
	for _, slow := range []resale.SignupState{resale.SignupPreparing, resale.SignupWaiting} {
		keys = append(keys, string(slow)+"-slow.title", string(slow)+"-slow.text")
	}
	for _, s := range steps {
		keys = append(keys, s.key)
	}
	for _, key := range keys {
		var names []string
		for i, l := range Languages {
			text := signupWords[key][l.Tag]
			if strings.TrimSpace(text) == "" {
				t.Errorf("%s has no %s", key, l.Name)
			}
			has := placeholder.FindAllString(text, -1)
			slices.Sort(has)
			if i == 0 {
				names = slices.Compact(has)
			} else if !slices.Equal(names, slices.Compact(has)) {
				t.Errorf("%s: the %s has %v, the English %v: %s", key, l.Name, has, names, text)
			}
			if i > 0 && text == signupWords[key]["en"] && len(text) > 25 {
				t.Errorf("%s: the %s is the English", key, l.Name)
			}
		}
	}
	for key := range signupWords {
		if !slices.Contains(keys, key) {
			t.Errorf("%s is for nothing", key)
		}
	}
	for _, l := range Languages {
		for _, s := range resale.SignupStates {
			for _, slow := range []bool{false, true} {
				p := SignupPage{Language: l, State: s, Slow: slow && (s == resale.SignupPreparing || s == resale.SignupWaiting), Ends: time.Date(2026, 9, 30, 0, 0, 0, 0, time.UTC),
					Product: resale.Product{Name: "Tunes", Merchant: resale.Merchant{Name: "Musica"}}}
				if text := signupSays(p, signupKey(p)+".title") + signupSays(p, signupKey(p)+".text"); strings.ContainsAny(text, "{}") {
					t.Errorf("%s, %s: %s", s, l.Name, text)
				}
			}
		}
	}
}

func TestDatesAndPromisesOfEndUsers(t *testing.T) {
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for tag, want := range map[string]string{"en": "1 March 2026 | It usually takes less than 10 minutes.", "es": "1 de marzo de 2026 | Suele tardar menos de 10 minutos.",
		"fr": "1er mars 2026 | En général, cela prend 10 minutes au maximum.", "de": "1. März 2026 | Das dauert meist weniger als 10 Minuten.",
		"pt": "1 de março de 2026 | Geralmente leva menos de 10 minutos.", "ar": "1 مارس 2026 | يستغرق ذلك عادةً أقل من \u206810 دقائق\u2069."} {
		l := ChooseLanguage(tag, "")
		if got := l.date(day) + " | " + l.promise(6*time.Minute); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
	for within, none := range map[time.Duration]bool{0: true, 73 * time.Hour: true, time.Second: false, 72 * time.Hour: false} {
		if got := Languages[0].promise(within); (got == "") != none {
			t.Errorf("%s: %q", within, got)
		}
	}
}

func TestChooseLanguage(t *testing.T) {
	for _, tt := range []struct{ asked, accepted, want string }{
		{"", "", "en"}, {"", "*", "en"}, {"", "ja,zh;q=0.9", "en"}, {"", "de-AT,de;q=0.9,en;q=0.8", "de"}, {"", "pt-BR", "pt"}, {"", "es-419,en;q=0.5", "es"},
		{"", "ar-EG", "ar"}, {"", "fr-CA;q=0.7, en;q=0.3", "fr"}, {"", "ja, fr;q=0.5", "fr"}, {"fr", "de", "fr"}, {"xx", "de", "de"}, {"", "not a header;;q=x", "en"},
		{"", strings.Repeat("de-", 3000), "en"}, {"", "en-GB,en;q=0.9,de;q=0.8", "en"},
	} {
		if got := ChooseLanguage(tt.asked, tt.accepted); got.Tag != tt.want {
			t.Errorf("%q, %.40q: %s, not %s", tt.asked, tt.accepted, got.Tag, tt.want)
		}
	}
}

// Whatever the colour, what is written on it and in it is legible, on light and on dark paper.
func TestEveryBrandColourIsLegible(t *testing.T) {
	for r := 0; r <= 255; r += 15 {
		for g := 0; g <= 255; g += 15 {
			for b := 0; b <= 255; b += 15 {
				c := rgb{uint8(r), uint8(g), uint8(b)}
				for what, got := range map[string]float64{"text on it": contrast(c, c.ink()), "it on light paper": contrast(c.legibleOn(lightPaper), lightPaper),
					"it on dark paper": contrast(c.legibleOn(darkPaper), darkPaper)} {
					if got < legible {
						t.Errorf("%s: %s has a contrast of %.2f", c, what, got)
					}
				}
			}
		}
	}
	if got := (rgb{0x0b, 0x62, 0x61}).legibleOn(lightPaper).String(); got != "#0b6261" {
		t.Errorf("a colour that is legible became %s", got)
	}
}

func TestNewBrand(t *testing.T) {
	svg := []byte(`<?xml version="1.0"?><!-- ours --><svg xmlns="http://www.w3.org/2000/svg"/>`)
	png := []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89")
	for _, tt := range []struct {
		logo            []byte
		colour, contact string
		fault           string // the setting at fault
		link            string
	}{
		{nil, "", "", "", ""},
		{svg, "#0B6261", "+44 (0)20 7946-0000", "", "tel:+4402079460000"},
		{png, "#ffffff", "help@example.com", "", "mailto:help@example.com"},
		{nil, "", " https://example.com/help/ ", "", "https://example.com/help/"},
		{nil, "red", "", "COLOUR", ""}, {nil, "#12345", "", "COLOUR", ""}, {nil, "#12345g", "", "COLOUR", ""}, {nil, "#1234567", "", "COLOUR", ""},
		{nil, "", "javascript:alert(1)", "CONTACT", ""}, {nil, "", "http://example.com", "CONTACT", ""}, {nil, "", "https://me@example.com", "CONTACT", ""},
		{nil, "", "Help <help@example.com>", "CONTACT", ""}, {nil, "", "12", "CONTACT", ""}, {nil, "", "ask\nus", "CONTACT", ""}, {nil, "", "44+20", "CONTACT", ""},
		{[]byte("<html><svg/></html>"), "", "", "LOGO_FILE", ""}, {[]byte("<svg>"), "", "", "LOGO_FILE", ""}, {[]byte{}, "", "", "LOGO_FILE", ""},
		{[]byte("GIF89a"), "", "", "LOGO_FILE", ""}, {[]byte("<svg>" + strings.Repeat(" ", MaxLogo) + "</svg>"), "", "", "LOGO_FILE", ""},
	} {
		b, err := NewBrand("Harbour", tt.logo, tt.colour, tt.contact)
		if (err == nil) != (tt.fault == "") || err != nil && !strings.Contains(err.Error(), "LATCHKEY_RESELLER_"+tt.fault+" ") || err == nil && b.Link != tt.link {
			t.Errorf("%.20q, %q, %q: %+v, %v", tt.logo, tt.colour, tt.contact, b, err)
		}
	}
	b, _ := NewBrand("", svg, "#ffcc00", "")
	if want := "--brand:#ffcc00;--on-brand:#000000;"; !strings.Contains(string(b.Colour.Content), want) || !strings.HasPrefix(b.Logo.Name, "logo-") || b.Logo.Type != "image/svg+xml" {
		t.Errorf("%s", fmt.Sprint(b))
	}
}

// Customers are written to in the languages that the end user's page has.
func TestLanguagesAreTheSameEverywhere(t *testing.T) {
	var tags []string
	for _, l := range Languages {
		tags = append(tags, l.Tag)
	}
	if !slices.Equal(tags, resale.MessageLanguages) {
		t.Errorf("%v and %v", tags, resale.MessageLanguages)
	}
	for text, want := range map[string]string{strings.Repeat("a", 160): "one SMS", strings.Repeat("a", 161): "2 SMS", strings.Repeat("ß", 160): "one SMS",
		strings.Repeat("م", 70): "one SMS", strings.Repeat("م", 135): "3 SMS"} {
		if got := characters(text); !strings.HasSuffix(got, want) {
			t.Errorf("%.3s…: %s, not %s", text, got, want)
		}
	}
}
