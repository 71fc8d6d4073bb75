package resale

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Occasion is what a customer is told of.
type Occasion string

const (
	OccasionSignup    Occasion = "signup"    // the signup link
	OccasionReminder  Occasion = "reminder"  // the same link again, for who went on and did not finish
	OccasionActive    Occasion = "active"    // it is active
	OccasionSuspended Occasion = "suspended" // it is paused
	OccasionEnded     Occasion = "ended"     // it has ended
)

// Occasions lists every occasion.
var Occasions = []Occasion{OccasionSignup, OccasionReminder, OccasionActive, OccasionSuspended, OccasionEnded}

// MessageLanguages are those that customers are written to in, as in HTML; the first is the default.
var MessageLanguages = []string{"en", "es", "fr", "de", "pt", "ar"}

// OccasionsOf returns what a customer may be told of an entitlement now, the likeliest first.
func OccasionsOf(e Entitlement) []Occasion {
	switch {
	case e.Status == Pending && e.RegistrationURL != "" && wentOn(e):
		return []Occasion{OccasionReminder, OccasionSignup}
	case e.Status == Pending && e.RegistrationURL != "":
		return []Occasion{OccasionSignup, OccasionReminder}
	case e.Status == Active || e.Status == ActiveEnding:
		return []Occasion{OccasionActive}
	case e.Status == Suspended:
		return []Occasion{OccasionSuspended}
	case e.Status.Ended():
		return []Occasion{OccasionEnded}
	}
	return nil
}

// MessageTemplate is what a customer is told on an occasion in a language, with placeholders.
type MessageTemplate struct {
	Occasion  Occasion
	Language  string
	Subject   string // of an e-mail
	Email     string // its text
	Short     string // for SMS and chat
	ChangedBy string // by name, empty where it is the portal's own
	Changed   time.Time
}

// Limits of a template, in characters.
const (
	MaxSubject   = 150
	MaxEmailText = 4000
	MaxShort     = 600
)

// Placeholders are what a template may have put in.
var Placeholders = []string{"{product}", "{reseller}", "{link}", "{ref}", "{name}"}

var braces = regexp.MustCompile(`\{[^{}]*\}|[{}]`)

// check returns what is wrong with the template, by field, or nil.
func (t MessageTemplate) check() error {
	for _, f := range []struct {
		field, name, text string
		most              int
		lines             bool
	}{{"subject", "subject", t.Subject, MaxSubject, false}, {"email", "e-mail", t.Email, MaxEmailText, true}, {"short", "text for SMS and chat", t.Short, MaxShort, true}} {
		text := f.text
		if f.lines {
			text = strings.ReplaceAll(text, "\n", " ")
		}
		switch {
		case strings.TrimSpace(text) == "":
			return Invalid(f.field, "The %s is empty.", f.name)
		case utf8.RuneCountInString(text) > f.most:
			return Invalid(f.field, "The %s is longer than %d characters.", f.name, f.most)
		case !printable(text):
			return Invalid(f.field, "The %s has characters in it that cannot be shown.", f.name)
		}
		for _, found := range braces.FindAllString(text, -1) {
			if !slices.Contains(Placeholders, found) {
				return Invalid(f.field, "The %s has %.40s in it, which nothing is put in for. There are %s.", f.name, found, strings.Join(Placeholders, " "))
			}
		}
		if f.field != "subject" && needsLink(t.Occasion) && !strings.Contains(text, "{link}") {
			return Invalid(f.field, "The %s does not have the {link}, without which the customer cannot go on.", f.name)
		}
	}
	return nil
}

func needsLink(o Occasion) bool { return o == OccasionSignup || o == OccasionReminder }

// MessageTemplate returns the template of an occasion in a language: what an admin made of it, or else the portal's own. Viewers may.
func (s *Service) MessageTemplate(ctx context.Context, o Occasion, language string) (MessageTemplate, error) {
	if !slices.Contains(Occasions, o) || !slices.Contains(MessageLanguages, language) {
		return MessageTemplate{}, NotFound("text")
	}
	t, err := s.store.MessageTemplate(ctx, o, language)
	if CodeOf(err) == CodeNotFound {
		return defaultTemplate(o, language), nil
	}
	return t, err
}

// SetMessageTemplate changes a template. One without any text is the portal's own again. Admins may.
func (s *Service) SetMessageTemplate(ctx context.Context, by Actor, t MessageTemplate) error {
	if err := by.must(Admin); err != nil {
		return err
	}
	if !slices.Contains(Occasions, t.Occasion) || !slices.Contains(MessageLanguages, t.Language) {
		return NotFound("text")
	}
	if t.Subject == "" && t.Email == "" && t.Short == "" {
		return s.store.Write(ctx, func(ctx context.Context, tx Tx) error { return tx.DeleteMessageTemplate(ctx, t.Occasion, t.Language) })
	}
	t.Subject, t.Email, t.Short = tidy(t.Subject), tidy(t.Email), tidy(t.Short)
	if err := t.check(); err != nil {
		return err
	}
	t.ChangedBy, t.Changed = by.Name, s.now()
	return s.store.Write(ctx, func(ctx context.Context, tx Tx) error { return tx.SaveMessageTemplate(ctx, t) })
}

// tidy takes away what a browser adds to a text of many lines.
func tidy(s string) string { return strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n")) }

// Message is a template with everything put in.
type Message struct{ Subject, Email, Short string }

// Fill puts in what the placeholders stand for. What is put in is not looked at for placeholders again.
func (t MessageTemplate) Fill(product, reseller, link, ref, name string) Message {
	values := []string{"{product}", product, "{reseller}", reseller, "{link}", link, "{ref}", ref, "{name}", name}
	if name == "" {
		values = append([]string{" {name}", ""}, values...) // "Hello," and not "Hello ,"
	}
	fill := strings.NewReplacer(values...)
	return Message{Subject: fill.Replace(t.Subject), Email: fill.Replace(t.Email), Short: fill.Replace(t.Short)}
}

// message puts together what a customer is told of an entitlement.
func (s *Service) message(ctx context.Context, e Entitlement, o Occasion, language string) (Message, Customer, error) {
	t, err := s.MessageTemplate(ctx, o, language)
	if err != nil {
		return Message{}, Customer{}, err
	}
	if !slices.Contains(OccasionsOf(e), o) {
		return Message{}, Customer{}, Conflict("occasion", "There is no occasion for this message now: it is %s.", e.Status)
	}
	c, err := s.store.Customer(ctx, e.CustomerID)
	if err != nil {
		return Message{}, c, err
	}
	p, err := s.store.Product(ctx, e.ProductID)
	if err != nil {
		return Message{}, c, err
	}
	texts, err := s.store.ProductText(ctx, p.ID)
	if err != nil {
		return Message{}, c, err
	}
	return t.Fill(p.Text(texts, language).Name, cmp.Or(s.reseller, p.Merchant.Name), s.SignupLink(e), e.Ref, c.Name), c, nil
}

// Message returns what to tell the customer of an entitlement. It is CodeConflict where there is no occasion for it.
func (s *Service) Message(ctx context.Context, e Entitlement, o Occasion, language string) (Message, error) {
	m, _, err := s.message(ctx, e, o, language)
	return m, err
}

// MessageText returns what to tell the customer of an entitlement by SMS or chat. It is CodeConflict where there is no occasion for it.
func (s *Service) MessageText(ctx context.Context, e Entitlement, o Occasion, language string) (string, error) {
	m, _, err := s.message(ctx, e, o, language)
	return m.Short, err
}

// PreferMessageLanguage is the language that a person last wrote to a customer in.
const PreferMessageLanguage PreferenceName = "message_language"

// EventMessage is an event of the timeline about a message to the customer.
const EventMessage EventKind = "message"

// NoteMessage puts on the timeline that a text was given to the customer by other means, say SMS or chat. Agents may.
func (s *Service) NoteMessage(ctx context.Context, by Actor, ref string, o Occasion, language string) error {
	if err := by.must(Agent); err != nil {
		return err
	}
	e, err := s.store.EntitlementByRef(ctx, ref)
	if err != nil {
		return err
	}
	if _, _, err := s.message(ctx, e, o, language); err != nil {
		return err
	}
	return s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		tx.Announce(changeOf(e))
		if err := tx.SetPreference(ctx, by.ID, PreferMessageLanguage, language); err != nil {
			return err
		}
		return tx.AddEvent(ctx, Event{ID: newID(), EntitlementID: e.ID, CustomerID: e.CustomerID, At: s.now(), Actor: by, Kind: EventMessage,
			Text: "sent the customer a text by SMS or chat: " + occasionNames[o] + " (" + language + ")"})
	})
}

// occasionNames are what the timeline calls an occasion.
var occasionNames = map[Occasion]string{OccasionSignup: "the signup link", OccasionReminder: "a reminder with the signup link",
	OccasionActive: "that it is active", OccasionSuspended: "that it is paused", OccasionEnded: "that it has ended"}

// defaultTemplate is the portal's own.
func defaultTemplate(o Occasion, language string) MessageTemplate {
	w := messageWords[language]
	t := MessageTemplate{Occasion: o, Language: language, Subject: w.of[o].subject}
	says, short := w.of[o].says, w.of[o].says
	if needsLink(o) {
		says, short = says+"\n{link}", short+" {link}"
	}
	t.Short = short + " - {reseller}, {ref}"
	t.Email = w.greeting + "\n\n" + says + "\n\n{reseller}\n" + w.reference + " {ref}"
	return t
}

type words struct {
	greeting, reference string
	of                  map[Occasion]struct{ subject, says string }
}

// messageWords is what the portal's own templates are made of.
var messageWords = map[string]words{
	"en": {"Hello {name},", "Reference", map[Occasion]struct{ subject, says string }{
		OccasionSignup:    {"Finish signing up for {product}", "Finish signing up for {product} here:"},
		OccasionReminder:  {"Your sign-up for {product} is still open", "Your sign-up for {product} is still open. Continue here:"},
		OccasionActive:    {"{product} is active", "{product} is active. Enjoy it!"},
		OccasionSuspended: {"{product} is paused", "{product} is paused. If you have questions, contact us and give the reference."},
		OccasionEnded:     {"{product} has ended", "{product} has ended. If you would like it again, contact us."},
	}},
	"es": {"Hola {name}:", "Referencia", map[Occasion]struct{ subject, says string }{
		OccasionSignup:    {"Termina tu registro en {product}", "Termina aquí tu registro en {product}:"},
		OccasionReminder:  {"Tu registro en {product} sigue abierto", "Tu registro en {product} sigue abierto. Continúa aquí:"},
		OccasionActive:    {"Ya tienes {product}", "Ya tienes {product}. ¡Que lo disfrutes!"},
		OccasionSuspended: {"{product} está en pausa", "{product} está en pausa. Si tienes dudas, contáctanos e indica la referencia."},
		OccasionEnded:     {"{product} ha terminado", "{product} ha terminado. Si quieres volver a tenerlo, contáctanos."},
	}},
	"fr": {"Bonjour {name},", "Référence", map[Occasion]struct{ subject, says string }{
		OccasionSignup:    {"Finalisez votre inscription à {product}", "Finalisez ici votre inscription à {product}\u202f:"},
		OccasionReminder:  {"Votre inscription à {product} vous attend", "Votre inscription à {product} est toujours ouverte. Continuez ici\u202f:"},
		OccasionActive:    {"{product} est à vous", "{product} est à vous. Profitez-en bien\u202f!"},
		OccasionSuspended: {"{product} est en pause", "{product} est en pause. Pour toute question, contactez-nous en indiquant la référence."},
		OccasionEnded:     {"{product} a pris fin", "{product} a pris fin. Pour l’avoir de nouveau, contactez-nous."},
	}},
	"de": {"Guten Tag {name},", "Referenz", map[Occasion]struct{ subject, says string }{
		OccasionSignup:    {"Ihre Anmeldung für {product}", "Hier schließen Sie Ihre Anmeldung für {product} ab:"},
		OccasionReminder:  {"Ihre Anmeldung für {product} ist noch offen", "Ihre Anmeldung für {product} ist noch offen. Hier geht es weiter:"},
		OccasionActive:    {"{product} ist aktiv", "{product} ist aktiv. Viel Freude damit!"},
		OccasionSuspended: {"{product} ist pausiert", "{product} ist pausiert. Bei Fragen wenden Sie sich an uns und nennen Sie die Referenz."},
		OccasionEnded:     {"{product} ist beendet", "{product} ist beendet. Möchten Sie es wieder haben? Wenden Sie sich an uns."},
	}},
	"pt": {"Olá {name},", "Referência", map[Occasion]struct{ subject, says string }{
		OccasionSignup:    {"Conclua a sua inscrição em {product}", "Conclua aqui a sua inscrição em {product}:"},
		OccasionReminder:  {"A sua inscrição em {product} ainda está aberta", "A sua inscrição em {product} ainda está aberta. Continue aqui:"},
		OccasionActive:    {"{product} já é seu", "{product} já é seu. Aproveite!"},
		OccasionSuspended: {"{product} está em pausa", "{product} está em pausa. Em caso de dúvida, entre em contato e informe a referência."},
		OccasionEnded:     {"{product} terminou", "{product} terminou. Se quiser voltar a ter, entre em contato."},
	}},
	"ar": {"مرحباً {name}،", "الرقم المرجعي", map[Occasion]struct{ subject, says string }{
		OccasionSignup:    {"أكمل التسجيل في {product}", "أكمل التسجيل في {product} من هنا:"},
		OccasionReminder:  {"ما زال تسجيلك في {product} مفتوحاً", "ما زال تسجيلك في {product} مفتوحاً. تابِع من هنا:"},
		OccasionActive:    {"تم تفعيل {product}", "تم تفعيل {product}. نتمنى لك الاستمتاع به!"},
		OccasionSuspended: {"{product} متوقف مؤقتاً", "{product} متوقف مؤقتاً. إذا كانت لديك أسئلة فتواصل معنا واذكر الرقم المرجعي."},
		OccasionEnded:     {"انتهى اشتراكك في {product}", "انتهى اشتراكك في {product}. إذا أردت الاشتراك من جديد فتواصل معنا."},
	}},
}
