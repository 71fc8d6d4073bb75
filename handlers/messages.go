package handlers

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"slices"

	"github.com/gofiber/fiber/v2"

	"latchkey/resale"
	"latchkey/views"
)

// sendChoice is what the customer of an entitlement may be written to about. The token stays the same until something else happens with the
// entitlement, so that two clicks, or two tabs, are one message.
func (a *App) sendChoice(c *fiber.Ctx, e resale.Entitlement, newest []resale.Event) (views.SendChoice, error) {
	choice := views.SendChoice{Occasions: resale.OccasionsOf(e), Language: resale.MessageLanguages[0], CanEmail: a.service.CanEmail()}
	if len(choice.Occasions) == 0 {
		return choice, nil
	}
	choice.Occasion = choice.Occasions[0]
	preferred, err := a.store.Preferences(c.UserContext(), who(c).ID)
	if language := preferred[resale.PreferMessageLanguage]; slices.Contains(resale.MessageLanguages, language) {
		choice.Language = language
	}
	last := e.ID
	if len(newest) > 0 {
		last += newest[0].ID
	}
	sum := sha256.Sum256([]byte(last))
	choice.Token = hex.EncodeToString(sum[:16])
	return choice, err
}

// sendCard is what an entitlement's page has of it: the choice, and the likeliest text.
func (a *App) sendCard(c *fiber.Ctx, e resale.Entitlement, newest []resale.Event) (choice views.SendChoice, short string, err error) {
	if choice, err = a.sendChoice(c, e, newest); err != nil || len(choice.Occasions) == 0 {
		return choice, "", err
	}
	short, err = a.service.MessageText(c.UserContext(), e, choice.Occasion, choice.Language)
	return choice, short, err
}

// showSend shows what the customer would be told.
func (a *App) showSend(c *fiber.Ctx) error {
	e, err := a.entitlement(c)
	if err != nil {
		return err
	}
	page, err := a.sendPage(c, e, c.Query("occasion"), c.Query("language"))
	if err != nil {
		return err
	}
	return a.show(c, views.Send(page))
}

func (a *App) sendPage(c *fiber.Ctx, e resale.Entitlement, occasion, language string) (views.SendPage, error) {
	ctx := c.UserContext()
	page := views.SendPage{Frame: a.frame(c), Entitlement: e}
	var err error
	if page.Customer, err = a.store.Customer(ctx, e.CustomerID); err != nil {
		return page, err
	}
	newest, err := a.store.Events(ctx, e.ID, 1)
	if err != nil {
		return page, err
	}
	if page.Choice, err = a.sendChoice(c, e, newest); err != nil || len(page.Choice.Occasions) == 0 {
		return page, err
	}
	if o := resale.Occasion(occasion); slices.Contains(page.Choice.Occasions, o) {
		page.Choice.Occasion = o
	}
	if slices.Contains(resale.MessageLanguages, language) {
		page.Choice.Language = language
	}
	page.Message, err = a.service.Message(ctx, e, page.Choice.Occasion, page.Choice.Language)
	return page, err
}

// sendMessage e-mails the customer, or notes that a text was sent by other means.
func (a *App) sendMessage(c *fiber.Ctx) error {
	e, err := a.entitlement(c)
	if err != nil {
		return err
	}
	form := readForm(c)
	channel, occasion, language, token := form.text("channel"), form.text("occasion"), form.text("language"), form.text("form_token")
	by := resale.StaffActor(who(c))
	switch {
	case form.err != nil:
		err = form.err
	case channel == "email":
		// A form that is changed is another message.
		_, err = a.service.SendEmail(c.UserContext(), by, e.Ref, resale.Occasion(occasion), language, token+occasion+language)
	case channel == "text":
		err = a.service.NoteMessage(c.UserContext(), by, e.Ref, resale.Occasion(occasion), language)
	default:
		err = resale.Invalid("channel", "Choose whether to send an e-mail or to note that a text was sent.")
	}
	if fault := faultOf(err); fault != nil {
		page, err := a.sendPage(c, e, occasion, language)
		if err != nil {
			return err
		}
		page.Fault = fault
		return a.render(c, statusOf[fault.Code], views.Send(page))
	}
	if err != nil {
		return err
	}
	return seeOther(c, "/entitlements/"+e.Ref)
}

// showMessages is where a template is changed, the first where none is named.
func (a *App) showMessages(c *fiber.Ctx) error {
	occasion, language := resale.Occasion(c.Query("occasion")), c.Query("language")
	if occasion == "" {
		occasion = resale.Occasions[0]
	}
	if language == "" {
		language = resale.MessageLanguages[0]
	}
	t, err := a.service.MessageTemplate(c.UserContext(), occasion, language)
	if err != nil {
		return err
	}
	return a.show(c, views.Messages(a.messagesPage(c, t)))
}

func (a *App) messagesPage(c *fiber.Ctx, t resale.MessageTemplate) views.MessagesPage {
	reseller := a.brand.Name
	if reseller == "" {
		reseller = "Bango Music"
	}
	return views.MessagesPage{Frame: a.frame(c), Template: t,
		Example: t.Fill("Bango Music Premium", reseller, a.publicURL+"/s/K3QV7M2XWZ5RT9ACDEFGHJKLMN", "K7Q4-X2MD", "Zoë Example")}
}

// saveMessage changes a template.
func (a *App) saveMessage(c *fiber.Ctx) error {
	form := readForm(c)
	t := resale.MessageTemplate{Occasion: resale.Occasion(form.text("occasion")), Language: form.text("language"), Subject: form.text("subject"),
		Email: form.lines("email"), Short: form.lines("short")}
	if form.err != nil && t.Language == "" {
		return form.err // not a form of ours
	}
	err := form.err
	if err == nil && t.Subject+t.Email+t.Short == "" {
		err = resale.Invalid("subject", "The subject is empty.") // to go back to the portal's own text, there is a button
	}
	if err == nil {
		err = a.service.SetMessageTemplate(c.UserContext(), resale.StaffActor(who(c)), t)
	}
	if fault := faultOf(err); fault != nil {
		page := a.messagesPage(c, t)
		page.Fault = fault
		return a.render(c, statusOf[fault.Code], views.Messages(page))
	}
	if err != nil {
		return err
	}
	return seeOther(c, messagesAddress(t))
}

// resetMessage goes back to the portal's own text.
func (a *App) resetMessage(c *fiber.Ctx) error {
	form := readForm(c)
	t := resale.MessageTemplate{Occasion: resale.Occasion(form.text("occasion")), Language: form.text("language")}
	if form.err != nil {
		return form.err
	}
	if err := a.service.SetMessageTemplate(c.UserContext(), resale.StaffActor(who(c)), t); err != nil {
		return err
	}
	return seeOther(c, messagesAddress(t))
}

func messagesAddress(t resale.MessageTemplate) string {
	return "/messages?" + url.Values{"occasion": {string(t.Occasion)}, "language": {t.Language}}.Encode()
}
