package views

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"math"
	"net/mail"
	"net/url"
	"strings"
	"unicode"
)

// Brand is who sells, as end users know them. Each part may be missing.
type Brand struct {
	Name    string
	Contact string // as people read it
	Link    string // what a tap on the contact opens: tel:, mailto: or https:

	Logo   File
	Colour File // a style sheet that sets the colours
}

// File is served below /static/ under a name that has the content's hash in it; without a name there is none.
type File struct {
	Name    string
	Type    string
	Content []byte
}

func newFile(name, ext, contentType string, content []byte) File {
	sum := sha256.Sum256(content)
	return File{Name: name + "-" + hex.EncodeToString(sum[:6]) + ext, Type: contentType, Content: content}
}

// File returns a file of the brand by its name.
func (b Brand) File(name string) (File, bool) {
	for _, f := range []File{b.Logo, b.Colour} {
		if f.Name == name && name != "" {
			return f, true
		}
	}
	return File{}, false
}

// NewBrand checks what the settings say. An error is a sentence that begins with what was expected of the setting that it names.
func NewBrand(name string, logo []byte, colour, contact string) (Brand, error) {
	b := Brand{Name: name}
	return b, errors.Join(b.setLogo(logo), b.setColour(colour), b.setContact(contact))
}

// MaxLogo bounds a logo, in bytes: it is for phones.
const MaxLogo = 32 << 10

func (b *Brand) setLogo(logo []byte) error {
	if logo == nil {
		return nil
	}
	if isSVG(logo) {
		b.Logo = newFile("logo", ".svg", "image/svg+xml", logo)
	} else if c, err := png.DecodeConfig(bytes.NewReader(logo)); err == nil && c.Width <= 4096 && c.Height <= 4096 {
		b.Logo = newFile("logo", ".png", "image/png", logo)
	}
	if b.Logo.Name == "" || len(logo) > MaxLogo {
		return fmt.Errorf("LATCHKEY_RESELLER_LOGO_FILE is not usable; expected an SVG or PNG picture of at most %d KiB", MaxLogo>>10)
	}
	return nil
}

func isSVG(file []byte) bool {
	d := xml.NewDecoder(bytes.NewReader(file))
	root := ""
	for {
		token, err := d.Token()
		if err != nil {
			return root == "svg" && errors.Is(err, io.EOF)
		}
		if start, ok := token.(xml.StartElement); ok && root == "" {
			root = start.Name.Local
		}
	}
}

func (b *Brand) setContact(contact string) error {
	contact = strings.TrimSpace(contact)
	if contact == "" {
		return nil
	}
	b.Contact = contact
	digits := strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) && r < 128 || r == '+' {
			return r
		}
		return -1
	}, contact)
	u, err := url.Parse(contact)
	address, mailErr := mail.ParseAddress(contact)
	switch {
	case len(contact) > 120 || strings.ContainsFunc(contact, unicode.IsControl):
	case len(digits) >= 3 && len(digits) <= 20 && strings.Trim(contact, "+0123456789 ()./-") == "" && strings.LastIndex(digits, "+") <= 0:
		b.Link = "tel:" + digits
	case mailErr == nil && address.Address == contact:
		b.Link = "mailto:" + url.PathEscape(contact)
	case err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil:
		b.Link, b.Contact = u.String(), strings.TrimSuffix(strings.TrimPrefix(contact, "https://"), "/")
	}
	if b.Link == "" {
		return errors.New("LATCHKEY_RESELLER_CONTACT is not usable; expected a phone number, an e-mail address or an https address, of at most 120 bytes")
	}
	return nil
}

// The paper of the end user's page, light and dark; see static/signup.css.
var (
	lightPaper = rgb{0xff, 0xff, 0xff}
	darkPaper  = rgb{0x12, 0x16, 0x18}
	black      = rgb{}
	white      = rgb{0xff, 0xff, 0xff}
)

// legible is the least contrast between text and what it stands on. src: WCAG 2.2, 1.4.3
const legible = 4.5

// setColour lets the button have the colour as it is, with black or white text on it, whichever is legible; links and icons have the colour
// as far towards black or white as the paper needs.
func (b *Brand) setColour(colour string) error {
	if colour == "" {
		return nil
	}
	c, ok := parseColour(colour)
	if !ok {
		return fmt.Errorf("LATCHKEY_RESELLER_COLOUR is %.20q; expected a colour like #0b6261", colour)
	}
	b.Colour = newFile("colour", ".css", "text/css; charset=utf-8", fmt.Appendf(nil,
		":root{--brand:%s;--on-brand:%s;--accent:light-dark(%s,%s)}", c, c.ink(), c.legibleOn(lightPaper), c.legibleOn(darkPaper)))
	return nil
}

type rgb [3]uint8

func (c rgb) String() string { return fmt.Sprintf("#%02x%02x%02x", c[0], c[1], c[2]) }

func parseColour(s string) (c rgb, ok bool) {
	digits, found := strings.CutPrefix(s, "#")
	n, err := hex.Decode(c[:], []byte(digits)[:min(len(digits), 6)])
	return c, found && len(digits) == 6 && n == 3 && err == nil
}

// ink is black or white, whichever is easier to read on the colour; one of them is always legible.
func (c rgb) ink() rgb {
	if contrast(c, white) >= contrast(c, black) {
		return white
	}
	return black
}

// legibleOn returns the colour, as far towards the other end of the scale from the paper as text needs.
func (c rgb) legibleOn(paper rgb) rgb {
	to := black
	if contrast(paper, white) > contrast(paper, black) {
		to = white
	}
	for share := 0.0; share < 1; share += 0.02 {
		var mixed rgb
		for i := range mixed {
			mixed[i] = uint8(math.Round(float64(c[i])*(1-share) + float64(to[i])*share))
		}
		if contrast(mixed, paper) >= legible {
			return mixed
		}
	}
	return to
}

// contrast is that of WCAG, from 1 to 21.
func contrast(a, b rgb) float64 {
	l, m := a.luminance(), b.luminance()
	return (max(l, m) + 0.05) / (min(l, m) + 0.05)
}

func (c rgb) luminance() float64 {
	var linear [3]float64
	for i, v := range c {
		if s := float64(v) / 255; s <= 0.04045 {
			linear[i] = s / 12.92
		} else {
			linear[i] = math.Pow((s+0.055)/1.055, 2.4)
		}
	}
	return 0.2126*linear[0] + 0.7152*linear[1] + 0.0722*linear[2]
}
