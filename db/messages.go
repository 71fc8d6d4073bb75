package db

import (
	"context"

	"latchkey/db/queries"
	"latchkey/resale"
)

func (r reader) MessageTemplate(ctx context.Context, o resale.Occasion, language string) (resale.MessageTemplate, error) {
	return one(ctx, r, "text", r.q.MessageTemplate, queries.MessageTemplateParams{Occasion: string(o), Language: language}, messageTemplate)
}

func (r reader) MessageTemplates(ctx context.Context) ([]resale.MessageTemplate, error) {
	all := func(ctx context.Context, _ struct{}) ([]queries.MessageTemplate, error) {
		return r.q.MessageTemplates(ctx)
	}
	return many(ctx, r, "texts", all, struct{}{}, messageTemplate)
}

func (r reader) Email(ctx context.Context, id string) (resale.Email, error) {
	return one(ctx, r, "e-mail", r.q.Email, id, email)
}

func (r reader) EmailByFormToken(ctx context.Context, token string) (resale.Email, error) {
	return one(ctx, r, "e-mail", r.q.EmailByFormToken, token, email)
}

func (r reader) NextEmail(ctx context.Context) (resale.Email, error) {
	first := func(ctx context.Context, _ struct{}) (queries.Email, error) { return r.q.NextEmail(ctx) }
	return one(ctx, r, "e-mail", first, struct{}{}, email)
}

func (t *tx) SaveMessageTemplate(ctx context.Context, m resale.MessageTemplate) error {
	return t.fault("text", t.q.SaveMessageTemplate(ctx, queries.SaveMessageTemplateParams{Occasion: string(m.Occasion), Language: m.Language,
		Subject: m.Subject, Email: m.Email, Short: m.Short, ChangedBy: m.ChangedBy, Changed: micros(m.Changed)}))
}

func (t *tx) DeleteMessageTemplate(ctx context.Context, o resale.Occasion, language string) error {
	return t.fault("text", t.q.DeleteMessageTemplate(ctx, queries.DeleteMessageTemplateParams{Occasion: string(o), Language: language}))
}

func (t *tx) InsertEmail(ctx context.Context, e resale.Email) error {
	err := t.q.InsertEmail(ctx, queries.InsertEmailParams{ID: e.ID, FormToken: e.FormToken, EntitlementID: e.EntitlementID, CustomerID: e.CustomerID,
		Occasion: string(e.Occasion), Language: e.Language, Recipient: e.To, Subject: e.Subject, Body: e.Body,
		ActorKind: string(e.Actor.Kind), ActorID: e.Actor.ID, ActorName: e.Actor.Name, State: string(e.State), Attempts: e.Attempts,
		Due: micros(e.Due), Message: e.Message, Created: micros(e.Created), Updated: micros(e.Updated)})
	return t.clash("e-mail", err, map[string]*resale.Error{"form_token": resale.Conflict("form_token", "This form was sent already.")})
}

func (t *tx) UpdateEmail(ctx context.Context, e resale.Email) error {
	n, err := t.q.UpdateEmail(ctx, queries.UpdateEmailParams{ID: e.ID, Recipient: e.To, Subject: e.Subject, Body: e.Body, State: string(e.State),
		Attempts: e.Attempts, Due: micros(e.Due), Message: e.Message, Updated: micros(e.Updated)})
	return t.existing("e-mail", n, err)
}

func messageTemplate(m queries.MessageTemplate) resale.MessageTemplate {
	return resale.MessageTemplate{Occasion: resale.Occasion(m.Occasion), Language: m.Language, Subject: m.Subject, Email: m.Email, Short: m.Short,
		ChangedBy: m.ChangedBy, Changed: instant(m.Changed)}
}

func email(e queries.Email) resale.Email {
	return resale.Email{ID: e.ID, FormToken: e.FormToken, EntitlementID: e.EntitlementID, CustomerID: e.CustomerID,
		Occasion: resale.Occasion(e.Occasion), Language: e.Language, To: e.Recipient, Subject: e.Subject, Body: e.Body,
		Actor: resale.Actor{Kind: resale.ActorKind(e.ActorKind), ID: e.ActorID, Name: e.ActorName}, State: resale.EmailState(e.State),
		Attempts: e.Attempts, Due: instant(e.Due), Message: e.Message, Created: instant(e.Created), Updated: instant(e.Updated)}
}
