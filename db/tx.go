package db

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"latchkey/db/queries"
	"latchkey/resale"
)

// tx is a [resale.Tx]: one job's part of a transaction, which others may have parts in too.
type tx struct {
	reader
	tx      *sql.Tx
	batch   *batch
	failure error                   // where reader.failed points
	changes []resale.Change         // announced
	counts  map[resale.Status]int64 // by how much the status counts change
	tallies map[resale.Tally]int64  // and the tallies
	former  *bool                   // whether there are any former identifiers, once it was looked up

	attention map[string]*touched // what may need attention now, by its subject
	needs     map[string]int64    // by how much the counts of what needs attention change
}

// never is when a settled request falls due.
const never = math.MaxInt64

func (t *tx) Announce(c resale.Change) { t.changes = append(t.changes, c) }

// clash is the conflict of the unique column that err is about, or the fault of what.
func (t *tx) clash(what string, err error, conflicts map[string]*resale.Error) error {
	column, _ := t.engine.unique(err)
	conflict := conflicts[column]
	if err == nil || conflict == nil {
		return t.fault(what, err)
	}
	conflict.Err = err
	if t.failure == nil {
		t.failure = conflict
	}
	return conflict
}

// existing turns the number of rows that an update changed into a CodeNotFound where there was none.
func (t *tx) existing(what string, n int64, err error) error {
	if err == nil && n == 0 {
		return resale.NotFound(what)
	}
	return t.fault(what, err)
}

func (t *tx) InsertCustomer(ctx context.Context, c resale.Customer) error {
	err := t.q.InsertCustomer(ctx, queries.InsertCustomerParams{ID: c.ID, Identifier: c.Identifier, Name: c.Name, Email: c.Email, Phone: c.Phone,
		Search: c.SearchText(), SearchKey: rand.Int64(), Created: micros(c.Created)})
	return t.clash("customer", err, map[string]*resale.Error{
		"identifier": resale.Conflict("customer_identifier", "There is a customer with the identifier %q already.", c.Identifier)})
}

func (t *tx) UpdateCustomer(ctx context.Context, c resale.Customer) error {
	search, err := t.searchText(ctx, c)
	if err != nil {
		return err
	}
	n, err := t.q.UpdateCustomer(ctx, queries.UpdateCustomerParams{ID: c.ID, Name: c.Name, Email: c.Email, Phone: c.Phone, Search: search})
	return t.existing("customer", n, err)
}

func (t *tx) UpsertCatalogue(ctx context.Context, r resale.CatalogueRow) error {
	newID := func() string { return uuid.Must(uuid.NewV7()).String() }
	merchant, err := t.q.UpsertMerchant(ctx, queries.UpsertMerchantParams{ID: newID(), AccountKey: r.MerchantKey, Name: r.MerchantName})
	if err != nil {
		return t.fault("merchant", err)
	}
	product, err := t.q.UpsertProduct(ctx, queries.UpsertProductParams{ID: newID(), MerchantID: merchant, ProductKey: r.ProductKey, Name: r.ProductName})
	if err != nil || r.OfferKey == "" {
		return t.fault("product", err)
	}
	err = t.q.UpsertOffer(ctx, queries.UpsertOfferParams{ID: newID(), ProductID: product, OfferKey: r.OfferKey, Name: r.OfferName})
	return t.fault("offer", err)
}

func (t *tx) InsertEntitlement(ctx context.Context, e resale.Entitlement) error {
	err := t.q.InsertEntitlement(ctx, queries.InsertEntitlementParams{
		ID: e.ID, Ref: e.Ref, CustomerID: e.CustomerID, ProductID: e.ProductID, OfferID: e.OfferID,
		CustomerIdentifier: e.CustomerIdentifier, MerchantKey: e.MerchantKey, ProductKey: e.ProductKey, OfferKey: e.OfferKey,
		Status: string(e.Status), BangoStatus: e.BangoStatus, BangoID: e.BangoID, Message: e.Message,
		RegistrationUrl: e.RegistrationURL, ActivationCode: e.ActivationCode,
		DateCreated: micros(e.DateCreated), DateActivated: micros(e.DateActivated), DateEnded: micros(e.DateEnded),
		DateSuspended: micros(e.DateSuspended), DateResumed: micros(e.DateResumed), DateExpiry: micros(e.DateExpiry),
		DateLastUpdated: micros(e.DateLastUpdated), NotifiedAt: micros(e.NotifiedAt), CheckedAt: micros(e.CheckedAt),
		NotifyToken: e.NotifyToken, SignupToken: e.SignupToken, FormToken: e.FormToken, Opened: e.Opened, OpenedAt: micros(e.OpenedAt),
		CreatedBy: e.CreatedBy, Created: micros(e.Created), Updated: micros(e.Updated),
		DisplayName: e.DisplayName, ExtensionData: e.ExtensionData, NextIdentifier: e.NextIdentifier,
		RegistrationExpires: micros(e.RegistrationExpires), NotifyBase: e.NotifyBase})
	if err != nil {
		return t.clash("entitlement", err, map[string]*resale.Error{
			"form_token": resale.Conflict("form_token", "This form was sent already."),
			"ref":        resale.Conflict("ref", "The reference %s is taken.", e.Ref)})
	}
	t.counts[e.Status]++
	t.touchEntitlement(resale.Entitlement{}, e)
	return t.begin(ctx, e)
}

func (t *tx) UpdateEntitlement(ctx context.Context, before, after resale.Entitlement) error {
	if before == after {
		return nil
	}
	heard := before
	heard.NotifiedAt, heard.CheckedAt = after.NotifiedAt, after.CheckedAt
	if heard == after { // no index has these two columns
		n, err := t.q.TouchEntitlement(ctx, queries.TouchEntitlementParams{ID: after.ID, NotifiedAt: micros(after.NotifiedAt), CheckedAt: micros(after.CheckedAt)})
		return t.existing("entitlement", n, err)
	}
	n, err := t.q.UpdateEntitlement(ctx, queries.UpdateEntitlementParams{
		ID: after.ID, ProductKey: after.ProductKey, Status: string(after.Status), BangoStatus: after.BangoStatus, Message: after.Message,
		RegistrationUrl: after.RegistrationURL, ActivationCode: after.ActivationCode,
		DateCreated: micros(after.DateCreated), DateActivated: micros(after.DateActivated), DateEnded: micros(after.DateEnded),
		DateSuspended: micros(after.DateSuspended), DateResumed: micros(after.DateResumed), DateExpiry: micros(after.DateExpiry),
		DateLastUpdated: micros(after.DateLastUpdated), NotifiedAt: micros(after.NotifiedAt), CheckedAt: micros(after.CheckedAt),
		Opened: after.Opened, OpenedAt: micros(after.OpenedAt), Updated: micros(after.Updated),
		DisplayName: after.DisplayName, ExtensionData: after.ExtensionData, NextIdentifier: after.NextIdentifier,
		RegistrationExpires: micros(after.RegistrationExpires), NotifyBase: after.NotifyBase, OfferKey: after.OfferKey})
	if err := t.existing("entitlement", n, err); err != nil {
		return err
	}
	belongings := func(e resale.Entitlement) queries.SetBelongingsParams {
		return queries.SetBelongingsParams{ID: e.ID, BangoID: e.BangoID, CustomerID: e.CustomerID, CustomerIdentifier: e.CustomerIdentifier,
			ProductID: e.ProductID, OfferID: e.OfferID}
	}
	if belongings(after) != belongings(before) {
		if err := t.q.SetBelongings(ctx, belongings(after)); err != nil {
			return t.fault("entitlement", err)
		}
	}
	if after.Status != before.Status {
		t.counts[before.Status]--
		t.counts[after.Status]++
	}
	t.touchEntitlement(before, after)
	return t.follow(ctx, before, after)
}

func (t *tx) LockEntitlement(ctx context.Context, id string) (resale.Entitlement, error) {
	if err := t.engine.lock(ctx, t.tx, id); err != nil {
		return resale.Entitlement{}, t.fault("entitlement", err)
	}
	return t.Entitlement(ctx, id)
}

// StatusCounts adds what this transaction has not yet written of them.
func (t *tx) StatusCounts(ctx context.Context) (map[resale.Status]int64, error) {
	counts, err := t.reader.StatusCounts(ctx)
	for _, added := range []map[resale.Status]int64{t.batch.counts, t.counts} {
		for status, n := range added {
			counts[status] += n
		}
	}
	return counts, err
}

// due is when a sender may take a request.
func due(r resale.Request) int64 {
	switch {
	case r.State == resale.Sending:
		return micros(r.LeasedUntil)
	case r.State.Open():
		return micros(r.NotBefore)
	}
	return never
}

func (t *tx) InsertRequest(ctx context.Context, r resale.Request) error {
	t.touchRequest(r)
	err := t.q.InsertRequest(ctx, queries.InsertRequestParams{ID: r.ID, EntitlementID: r.EntitlementID, Kind: string(r.Kind), State: string(r.State),
		ActorKind: string(r.Actor.Kind), ActorID: r.Actor.ID, ActorName: r.Actor.Name,
		ReasonCategory: r.Reason.Category, ReasonCode: r.Reason.Code, ReasonDescription: r.Reason.Description,
		Attempts: r.Attempts, NotBefore: micros(r.NotBefore), LeasedUntil: micros(r.LeasedUntil), Message: r.Message,
		Created: micros(r.Created), Updated: micros(r.Updated), Due: due(r), Terms: toJSON(r.Terms)})
	return t.fault("request", err)
}

func (t *tx) LeaseRequest(ctx context.Context, now, until time.Time) (r resale.Request, ok bool, err error) {
	leased, err := t.q.LeaseRequest(ctx, queries.LeaseRequestParams{Until: micros(until), Now: micros(now)})
	if errors.Is(err, sql.ErrNoRows) {
		leased, err = t.q.LeaseStranded(ctx, queries.LeaseStrandedParams{Until: micros(until), Now: micros(now),
			LeaseHorizon: leaseHorizon(now, until), Horizon: micros(now.Add(resale.MaxWait)), Never: never})
	}
	if errors.Is(err, sql.ErrNoRows) {
		return r, false, nil
	}
	return request(leased), err == nil, t.fault("request", err)
}

func (t *tx) UpdateRequest(ctx context.Context, r resale.Request) error {
	t.touchRequest(r)
	n, err := t.q.UpdateRequest(ctx, queries.UpdateRequestParams{ID: r.ID, State: string(r.State), Attempts: r.Attempts, NotBefore: micros(r.NotBefore),
		LeasedUntil: micros(r.LeasedUntil), Message: r.Message, Updated: micros(r.Updated), Due: due(r)})
	return t.existing("request", n, err)
}

func (t *tx) WithdrawRequest(ctx context.Context, id, message string, at time.Time) (bool, error) {
	n, err := t.q.WithdrawRequest(ctx, queries.WithdrawRequestParams{ID: id, Message: message, Updated: micros(at), Never: never})
	return n > 0, t.fault("request", err)
}

func (t *tx) AddEvent(ctx context.Context, e resale.Event) error {
	err := t.q.InsertEvent(ctx, queries.InsertEventParams{ID: e.ID, EntitlementID: e.EntitlementID, CustomerID: e.CustomerID, At: micros(e.At),
		ActorKind: string(e.Actor.Kind), ActorID: e.Actor.ID, ActorName: e.Actor.Name, Kind: string(e.Kind), Text: e.Text,
		StatusFrom: string(e.From), StatusTo: string(e.To), EvidenceID: e.EvidenceID, NotificationID: e.NotificationID,
		BulkID: e.BulkID})
	return t.fault("event", err)
}

func (t *tx) AddEvidence(ctx context.Context, e resale.Evidence) error {
	err := t.q.InsertEvidence(ctx, queries.InsertEvidenceParams{ID: e.ID, RequestID: e.RequestID, At: micros(e.At), Method: e.Method, Path: e.Path,
		Sent: e.Sent, HttpStatus: int64(e.HTTPStatus), Received: e.Received, Duration: e.Duration.Microseconds(), Error: e.Error})
	return t.fault("evidence", err)
}

func (t *tx) ReceiveNotification(ctx context.Context, n resale.Notification) (stored resale.Notification, isNew bool, err error) {
	body := n.Body
	if body == nil {
		body = []byte{} // an empty body is stored as such, not as null
	}
	row, err := t.q.ReceiveNotification(ctx, queries.ReceiveNotificationParams{ID: n.ID, Digest: n.Digest, Token: n.Token, EntitlementID: n.EntitlementID,
		Body: body, State: string(n.State), Effect: string(n.Effect), Reason: n.Reason, Copies: n.Copies, Received: micros(n.Received),
		LastReceived: micros(n.LastReceived), BangoID: n.BangoID, Attempts: n.Attempts, Due: micros(n.Due)})
	if err != nil {
		return resale.Notification{}, false, t.fault("notification", err)
	}
	if row.ID == n.ID && n.State == resale.NotificationParked {
		t.touch(resale.AboutNotification, n.ID, nil)
	}
	return notification(row), row.ID == n.ID, nil
}

func (t *tx) UpdateNotification(ctx context.Context, n resale.Notification) error {
	t.touch(resale.AboutNotification, n.ID, nil)
	changed, err := t.q.UpdateNotification(ctx, queries.UpdateNotificationParams{ID: n.ID, EntitlementID: n.EntitlementID, State: string(n.State),
		Effect: string(n.Effect), Reason: n.Reason, Attempts: n.Attempts, Due: micros(n.Due)})
	return t.existing("notification", changed, err)
}

func (t *tx) InsertStaff(ctx context.Context, s resale.Staff) error {
	err := t.q.InsertStaff(ctx, queries.InsertStaffParams{ID: s.ID, Email: s.Email, Name: s.Name, Role: string(s.Role), PasswordHash: s.PasswordHash,
		Disabled: s.Disabled, Created: micros(s.Created)})
	return t.clash("person", err, map[string]*resale.Error{"email": resale.Conflict("email", "%s is known already.", s.Email)})
}

func (t *tx) UpdateStaff(ctx context.Context, s resale.Staff) error {
	n, err := t.q.UpdateStaff(ctx, queries.UpdateStaffParams{ID: s.ID, Name: s.Name, Role: string(s.Role), PasswordHash: s.PasswordHash, Disabled: s.Disabled})
	return t.existing("person", n, err)
}

func (t *tx) InsertSession(ctx context.Context, s resale.Session) error {
	err := t.q.InsertSession(ctx, queries.InsertSessionParams{IDHash: s.IDHash, StaffID: s.StaffID, Created: micros(s.Created),
		LastSeen: micros(s.LastSeen), Expires: micros(s.Expires)})
	return t.fault("session", err)
}

func (t *tx) TouchSession(ctx context.Context, idHash []byte, seen time.Time) error {
	return t.fault("session", t.q.TouchSession(ctx, queries.TouchSessionParams{IDHash: idHash, LastSeen: micros(seen)}))
}

func (t *tx) DeleteSession(ctx context.Context, idHash []byte) error {
	return t.fault("session", t.q.DeleteSession(ctx, idHash))
}

func (t *tx) DeleteExpiredSessions(ctx context.Context, now time.Time) error {
	return t.fault("sessions", t.q.DeleteExpiredSessions(ctx, micros(now)))
}

func (t *tx) InsertSetupLink(ctx context.Context, l resale.SetupLink) error {
	err := t.q.InsertSetupLink(ctx, queries.InsertSetupLinkParams{TokenHash: l.TokenHash, StaffID: l.StaffID, Expires: micros(l.Expires)})
	return t.fault("set-up link", err)
}

func (t *tx) DeleteSetupLinks(ctx context.Context, staffID string) error {
	return t.fault("set-up links", t.q.DeleteSetupLinks(ctx, staffID))
}

func (t *tx) EnsureSetting(ctx context.Context, name, value string) (string, error) {
	if err := t.q.InsertSetting(ctx, queries.InsertSettingParams{Name: name, Value: value}); err != nil {
		return "", t.fault("setting", err)
	}
	return t.Setting(ctx, name)
}

func (t *tx) SetPreference(ctx context.Context, staffID string, name resale.PreferenceName, value string) error {
	return t.fault("preference", t.q.SetPreference(ctx, queries.SetPreferenceParams{StaffID: staffID, Name: string(name), Value: value}))
}

func (t *tx) LockNamed(ctx context.Context, name string) error {
	return t.fault(name, t.engine.lockNamed(ctx, t.tx, name))
}

func (t *tx) SetLine(ctx context.Context, l resale.Line) error {
	t.touch(resale.AboutLine, string(resale.AboutLine), nil)
	return t.fault("line", t.q.SetLine(ctx, queries.SetLineParams{State: string(l.State), Failures: l.Failures, Message: l.Message,
		Since: micros(l.Since), NextTry: micros(l.NextTry)}))
}

func (t *tx) SetAbility(ctx context.Context, a resale.Ability) error {
	return t.fault("ability", t.q.SetAbility(ctx, queries.SetAbilityParams{MerchantKey: a.MerchantKey, Kind: string(a.Kind),
		Setting: string(a.Setting), Refusals: a.Refusals, Message: a.Message, SetBy: a.SetBy, Updated: micros(a.Updated)}))
}

func (t *tx) SaveJob(ctx context.Context, j resale.Job) error {
	if j.Name == resale.JobReconcile {
		t.touch(resale.AboutReconciliation, string(resale.AboutReconciliation), nil)
	}
	return t.fault("job", t.q.SaveJob(ctx, queries.SaveJobParams{Name: string(j.Name), State: string(j.State), Cursor: j.Cursor, Done: j.Done,
		Found: j.Found, Message: j.Message, ActorKind: string(j.Actor.Kind), ActorID: j.Actor.ID, ActorName: j.Actor.Name,
		Slot: micros(j.Slot), Started: micros(j.Started), Updated: micros(j.Updated), NextRun: micros(j.NextRun)}))
}

func (t *tx) SaveDrift(ctx context.Context, d resale.Drift) error {
	t.touch(resale.AboutDrift, string(resale.AboutDrift), nil)
	return t.fault("drift", t.q.SaveDrift(ctx, queries.SaveDriftParams{ID: d.ID, Subject: d.Subject, Kind: string(d.Kind), State: string(d.State),
		EntitlementID: d.EntitlementID, OursStatus: string(d.OursStatus), OursProduct: d.OursProduct, Fact: toJSON(d.Fact),
		Source: d.Source, Found: micros(d.Found), Settled: micros(d.Settled), SettledBy: d.SettledBy}))
}
