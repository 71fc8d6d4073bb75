package db

import (
	"encoding/json"
	"time"

	"latchkey/db/queries"
	"latchkey/resale"
)

// micros is how a time is stored: microseconds since 1970 in UTC, 0 for none.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// instant is the reverse of micros.
func instant(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

func customer(c queries.Customer) resale.Customer {
	return resale.Customer{ID: c.ID, Identifier: c.Identifier, Name: c.Name, Email: c.Email, Phone: c.Phone, Created: instant(c.Created)}
}

func product(p queries.Product, m queries.Merchant) resale.Product {
	return resale.Product{ID: p.ID, Key: p.ProductKey, Name: p.Name, Merchant: merchant(m), DefaultData: p.DefaultData,
		Retired: instant(p.Retired), Version: p.Version}
}

func offer(o queries.Offer) resale.Offer {
	return resale.Offer{ID: o.ID, Key: o.OfferKey, Name: o.Name}
}

func entitlement(e queries.Entitlement) resale.Entitlement {
	return resale.Entitlement{
		ID: e.ID, Ref: e.Ref, CustomerID: e.CustomerID, ProductID: e.ProductID, OfferID: e.OfferID,
		CustomerIdentifier: e.CustomerIdentifier, MerchantKey: e.MerchantKey, ProductKey: e.ProductKey, OfferKey: e.OfferKey,
		Status: resale.Status(e.Status), BangoStatus: e.BangoStatus, BangoID: e.BangoID, Message: e.Message,
		RegistrationURL: e.RegistrationUrl, ActivationCode: e.ActivationCode,
		DateCreated: instant(e.DateCreated), DateActivated: instant(e.DateActivated), DateEnded: instant(e.DateEnded),
		DateSuspended: instant(e.DateSuspended), DateResumed: instant(e.DateResumed), DateExpiry: instant(e.DateExpiry),
		DateLastUpdated: instant(e.DateLastUpdated), NotifiedAt: instant(e.NotifiedAt), CheckedAt: instant(e.CheckedAt),
		NotifyToken: e.NotifyToken, SignupToken: e.SignupToken, FormToken: e.FormToken, Opened: e.Opened, OpenedAt: instant(e.OpenedAt),
		CreatedBy: e.CreatedBy, Created: instant(e.Created), Updated: instant(e.Updated),
		DisplayName: e.DisplayName, ExtensionData: e.ExtensionData, NextIdentifier: e.NextIdentifier,
		RegistrationExpires: instant(e.RegistrationExpires), NotifyBase: e.NotifyBase,
	}
}

func request(r queries.Request) resale.Request {
	return resale.Request{ID: r.ID, EntitlementID: r.EntitlementID, Kind: resale.RequestKind(r.Kind), State: resale.RequestState(r.State),
		Actor:    resale.Actor{Kind: resale.ActorKind(r.ActorKind), ID: r.ActorID, Name: r.ActorName},
		Reason:   resale.Reason{Category: r.ReasonCategory, Code: r.ReasonCode, Description: r.ReasonDescription},
		Attempts: r.Attempts, NotBefore: instant(r.NotBefore), LeasedUntil: instant(r.LeasedUntil), Message: r.Message,
		Created: instant(r.Created), Updated: instant(r.Updated), Terms: fromJSON[resale.Terms](r.Terms)}
}

func event(e queries.Event) resale.Event {
	return resale.Event{ID: e.ID, EntitlementID: e.EntitlementID, CustomerID: e.CustomerID, At: instant(e.At),
		Actor: resale.Actor{Kind: resale.ActorKind(e.ActorKind), ID: e.ActorID, Name: e.ActorName}, Kind: resale.EventKind(e.Kind), Text: e.Text,
		From: resale.Status(e.StatusFrom), To: resale.Status(e.StatusTo), EvidenceID: e.EvidenceID, NotificationID: e.NotificationID,
		BulkID: e.BulkID}
}

func evidence(e queries.Evidence) resale.Evidence {
	return resale.Evidence{ID: e.ID, RequestID: e.RequestID, At: instant(e.At), Method: e.Method, Path: e.Path, Sent: e.Sent,
		HTTPStatus: int(e.HttpStatus), Received: e.Received, Duration: time.Duration(e.Duration) * time.Microsecond, Error: e.Error}
}

func notification(n queries.Notification) resale.Notification {
	return resale.Notification{ID: n.ID, Digest: n.Digest, Token: n.Token, EntitlementID: n.EntitlementID, Body: n.Body,
		State: resale.NotificationState(n.State), Effect: resale.Effect(n.Effect), Reason: n.Reason, Copies: n.Copies,
		Received: instant(n.Received), LastReceived: instant(n.LastReceived), BangoID: n.BangoID, Attempts: n.Attempts, Due: instant(n.Due)}
}

func staff(s queries.Staff) resale.Staff {
	return resale.Staff{ID: s.ID, Email: s.Email, Name: s.Name, Role: resale.Role(s.Role), PasswordHash: s.PasswordHash, Disabled: s.Disabled,
		Created: instant(s.Created)}
}

func session(s queries.Session) resale.Session {
	return resale.Session{IDHash: s.IDHash, StaffID: s.StaffID, Created: instant(s.Created), LastSeen: instant(s.LastSeen), Expires: instant(s.Expires)}
}

func setupLink(l queries.SetupLink) resale.SetupLink {
	return resale.SetupLink{TokenHash: l.TokenHash, StaffID: l.StaffID, Expires: instant(l.Expires)}
}

// toJSON is how a thing without a table of its own is stored; its zero value is empty.
func toJSON[T comparable](thing T) string {
	var zero T
	if thing == zero {
		return ""
	}
	text, err := json.Marshal(thing)
	if err != nil {
		panic("db: " + err.Error()) // these are structs of strings and times
	}
	return string(text)
}

// fromJSON is the reverse of toJSON.
func fromJSON[T any](text string) (thing T) {
	if text == "" {
		return thing
	}
	if err := json.Unmarshal([]byte(text), &thing); err != nil {
		panic("db: " + err.Error()) // nobody else writes these columns
	}
	return thing
}

func line(l queries.Line) resale.Line {
	return resale.Line{State: resale.LineState(l.State), Failures: l.Failures, Message: l.Message, Since: instant(l.Since), NextTry: instant(l.NextTry)}
}

func ability(a queries.Ability) resale.Ability {
	return resale.Ability{MerchantKey: a.MerchantKey, Kind: resale.RequestKind(a.Kind), Setting: resale.AbilitySetting(a.Setting),
		Refusals: a.Refusals, Message: a.Message, SetBy: a.SetBy, Updated: instant(a.Updated)}
}

func backgroundJob(j queries.Job) resale.Job {
	return resale.Job{Name: resale.JobName(j.Name), State: resale.JobState(j.State), Cursor: j.Cursor, Done: j.Done, Found: j.Found, Message: j.Message,
		Actor: resale.Actor{Kind: resale.ActorKind(j.ActorKind), ID: j.ActorID, Name: j.ActorName}, Slot: instant(j.Slot),
		Started: instant(j.Started), Updated: instant(j.Updated), NextRun: instant(j.NextRun)}
}

func drift(d queries.Drift) resale.Drift {
	return resale.Drift{ID: d.ID, Subject: d.Subject, Kind: resale.DriftKind(d.Kind), State: resale.DriftState(d.State), EntitlementID: d.EntitlementID,
		OursStatus: resale.Status(d.OursStatus), OursProduct: d.OursProduct, Fact: fromJSON[resale.Fact](d.Fact), Source: d.Source,
		Found: instant(d.Found), Settled: instant(d.Settled), SettledBy: d.SettledBy}
}
