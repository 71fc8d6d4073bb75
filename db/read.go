package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"math"
	"time"

	"latchkey/db/queries"
	"latchkey/resale"
)

// reader reads, in a transaction or outside one.
type reader struct {
	q      *queries.Queries
	sql    queries.DBTX // what q is on, for the query that is put together by hand
	engine engine
	failed *error // in a transaction: its first failure, after which PostgreSQL takes no more in it
}

// fault turns an error of the database into the domain's; nil stays nil.
func (r reader) fault(what string, err error) error {
	if r.failed != nil && *r.failed == nil && !errors.Is(err, sql.ErrNoRows) {
		*r.failed = fault(r.engine, what, err)
	}
	return fault(r.engine, what, err)
}

// one reads one thing and turns it into the domain's.
func one[K, Row, T any](ctx context.Context, r reader, what string, get func(context.Context, K) (Row, error), key K, to func(Row) T) (T, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	row, err := get(ctx, key)
	if err != nil {
		var none T
		return none, r.fault(what, err)
	}
	return to(row), nil
}

// many reads a list of things.
func many[K, Row, T any](ctx context.Context, r reader, what string, list func(context.Context, K) ([]Row, error), key K, to func(Row) T) ([]T, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	rows, err := list(ctx, key)
	if err != nil {
		return nil, r.fault(what, err)
	}
	things := make([]T, len(rows))
	for i, row := range rows {
		things[i] = to(row)
	}
	return things, nil
}

// atMost is a limit as the queries take it.
func atMost(limit int) int32 { return int32(min(max(limit, 0), math.MaxInt32)) }

func (r reader) Customer(ctx context.Context, id string) (resale.Customer, error) {
	return one(ctx, r, "customer", r.q.Customer, id, customer)
}

func (r reader) CustomerByIdentifier(ctx context.Context, identifier string) (resale.Customer, error) {
	return one(ctx, r, "customer", r.q.CustomerByIdentifier, identifier, customer)
}

func (r reader) CustomerCount(ctx context.Context) (int64, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	n, err := r.q.CountCustomers(ctx)
	return n, r.fault("customers", err)
}

func (r reader) Products(ctx context.Context) ([]resale.Product, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	rows, err := r.q.Products(ctx)
	if err != nil {
		return nil, r.fault("products", err)
	}
	offers, err := r.q.Offers(ctx)
	if err != nil {
		return nil, r.fault("offers", err)
	}
	of := map[string][]resale.Offer{}
	for _, o := range offers {
		of[o.ProductID] = append(of[o.ProductID], offer(o))
	}
	products := make([]resale.Product, len(rows))
	for i, row := range rows {
		products[i] = product(row.Product, row.Merchant)
		products[i].Offers = of[row.Product.ID]
	}
	return products, nil
}

func (r reader) Product(ctx context.Context, id string) (resale.Product, error) {
	p, err := one(ctx, r, "product", r.q.Product, id, func(row queries.ProductRow) resale.Product { return product(row.Product, row.Merchant) })
	if err != nil {
		return p, err
	}
	p.Offers, err = many(ctx, r, "offers", r.q.OffersOf, id, offer)
	return p, err
}

func (r reader) ProductByKeys(ctx context.Context, merchantKey, productKey string) (resale.Product, error) {
	return one(ctx, r, "product", r.q.ProductByKeys, queries.ProductByKeysParams{AccountKey: merchantKey, ProductKey: productKey},
		func(row queries.ProductByKeysRow) resale.Product { return product(row.Product, row.Merchant) })
}

func (r reader) Entitlement(ctx context.Context, id string) (resale.Entitlement, error) {
	return one(ctx, r, "entitlement", r.q.Entitlement, id, entitlement)
}

func (r reader) EntitlementByRef(ctx context.Context, ref string) (resale.Entitlement, error) {
	return one(ctx, r, "entitlement", r.q.EntitlementByRef, ref, entitlement)
}

// EntitlementByBangoID finds nothing for an empty id, which many entitlements have.
func (r reader) EntitlementByBangoID(ctx context.Context, bangoID string) (resale.Entitlement, error) {
	if bangoID == "" {
		return resale.Entitlement{}, resale.NotFound("entitlement")
	}
	return one(ctx, r, "entitlement", r.q.EntitlementByBangoID, bangoID, entitlement)
}

func (r reader) EntitlementByFormToken(ctx context.Context, token string) (resale.Entitlement, error) {
	return one(ctx, r, "entitlement", r.q.EntitlementByFormToken, token, entitlement)
}

func (r reader) EntitlementByNotifyToken(ctx context.Context, token string) (resale.Entitlement, error) {
	return one(ctx, r, "entitlement", r.q.EntitlementByNotifyToken, token, entitlement)
}

func (r reader) EntitlementBySignupToken(ctx context.Context, token string) (resale.Entitlement, error) {
	return one(ctx, r, "signup link", r.q.EntitlementBySignupToken, token, entitlement)
}

func (r reader) EntitlementsOf(ctx context.Context, customerID string, limit int) ([]resale.Entitlement, error) {
	return many(ctx, r, "entitlements", r.q.EntitlementsOf, queries.EntitlementsOfParams{CustomerID: customerID, Limit: atMost(limit)}, entitlement)
}

func (r reader) EntitlementsToPoint(ctx context.Context, base, after string, limit int) ([]resale.Entitlement, error) {
	return many(ctx, r, "entitlements", r.q.EntitlementsToPoint,
		queries.EntitlementsToPointParams{Base: base, After: after, AtMost: atMost(limit)}, entitlement)
}

func (r reader) CountToPoint(ctx context.Context, base string) (int64, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	n, err := r.q.CountToPoint(ctx, base)
	return n, r.fault("entitlements", err)
}

// Standings is the query that is put together by hand: how a list becomes a parameter differs.
func (r reader) Standings(ctx context.Context, bangoIDs []string) (map[string]resale.Standing, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	list, err := json.Marshal(bangoIDs)
	if err != nil {
		return nil, err
	}
	rows, err := r.sql.QueryContext(ctx, "SELECT e.bango_id, e.id, e.status, e.product_key, e.date_last_updated, d.id IS NOT NULL "+
		"FROM entitlements e LEFT JOIN drift d ON d.subject = e.bango_id AND d.state = 'open' "+
		"WHERE e.bango_id <> '' AND e.bango_id IN ("+r.engine.among()+")", string(list))
	if err != nil {
		return nil, r.fault("entitlements", err)
	}
	defer rows.Close()
	known := make(map[string]resale.Standing, len(bangoIDs))
	for rows.Next() {
		var bangoID, status string
		var updated int64
		var s resale.Standing
		if err := rows.Scan(&bangoID, &s.EntitlementID, &status, &s.ProductKey, &updated, &s.Drifted); err != nil {
			return nil, r.fault("entitlements", err)
		}
		s.Status, s.DateLastUpdated = resale.Status(status), instant(updated)
		known[bangoID] = s
	}
	return known, r.fault("entitlements", rows.Err())
}

func (r reader) StatusCounts(ctx context.Context) (map[resale.Status]int64, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	rows, err := r.q.StatusCounts(ctx)
	if err != nil {
		return nil, r.fault("status counts", err)
	}
	counts := make(map[resale.Status]int64, len(rows))
	for _, row := range rows {
		counts[resale.Status(row.Status)] = row.N
	}
	return counts, nil
}

func (r reader) Request(ctx context.Context, id string) (resale.Request, error) {
	return one(ctx, r, "request", r.q.Request, id, request)
}

func (r reader) RequestsOf(ctx context.Context, entitlementID string, limit int) ([]resale.Request, error) {
	return many(ctx, r, "requests", r.q.RequestsOf, queries.RequestsOfParams{EntitlementID: entitlementID, Limit: atMost(limit)}, request)
}

func (r reader) Events(ctx context.Context, entitlementID string, limit int) ([]resale.Event, error) {
	return many(ctx, r, "events", r.q.Events, queries.EventsParams{EntitlementID: entitlementID, Limit: atMost(limit)}, event)
}

func (r reader) CustomerEvents(ctx context.Context, customerID string, limit int) ([]resale.Event, error) {
	return many(ctx, r, "events", r.q.CustomerEvents, queries.CustomerEventsParams{CustomerID: customerID, Limit: atMost(limit)}, event)
}

func (r reader) Evidence(ctx context.Context, id string) (resale.Evidence, error) {
	return one(ctx, r, "evidence", r.q.Evidence, id, evidence)
}

func (r reader) Notification(ctx context.Context, id string) (resale.Notification, error) {
	return one(ctx, r, "notification", r.q.Notification, id, notification)
}

func (r reader) Notifications(ctx context.Context, limit int) ([]resale.Notification, error) {
	return many(ctx, r, "notifications", r.q.Notifications, atMost(limit), notification)
}

func (r reader) WaitingNotifications(ctx context.Context, now time.Time, limit int) ([]resale.Notification, error) {
	return many(ctx, r, "notifications", r.q.WaitingNotifications,
		queries.WaitingNotificationsParams{Now: micros(now), Horizon: micros(now.Add(resale.MaxNotificationWait)), AtMost: atMost(limit)}, notification)
}

func (r reader) ParkedNotifications(ctx context.Context, limit int) ([]resale.Notification, error) {
	return many(ctx, r, "notifications", r.q.ParkedNotifications, atMost(limit), notification)
}

// ParkedNotificationsOf finds nothing for an empty id, which unreadable ones have.
func (r reader) ParkedNotificationsOf(ctx context.Context, bangoID string, limit int) ([]resale.Notification, error) {
	if bangoID == "" {
		return nil, nil
	}
	return many(ctx, r, "notifications", r.q.ParkedNotificationsOf,
		queries.ParkedNotificationsOfParams{BangoID: bangoID, Limit: atMost(limit)}, notification)
}

func (r reader) ManualRequests(ctx context.Context, limit int) ([]resale.Request, error) {
	return many(ctx, r, "requests", r.q.ManualRequests, atMost(limit), request)
}

func (r reader) Line(ctx context.Context) (resale.Line, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	row, err := r.q.Line(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return resale.Line{State: resale.LineOpen}, nil
	}
	return line(row), r.fault("line", err)
}

func (r reader) Abilities(ctx context.Context) ([]resale.Ability, error) {
	return many(ctx, r, "abilities", func(ctx context.Context, _ struct{}) ([]queries.Ability, error) { return r.q.Abilities(ctx) }, struct{}{}, ability)
}

func (r reader) AbilitiesOf(ctx context.Context, merchantKey string) ([]resale.Ability, error) {
	return many(ctx, r, "abilities", r.q.AbilitiesOf, merchantKey, ability)
}

// Job returns one that has never run for a name that is not known.
func (r reader) Job(ctx context.Context, name resale.JobName) (resale.Job, error) {
	j, err := one(ctx, r, "job", r.q.Job, string(name), backgroundJob)
	if resale.CodeOf(err) == resale.CodeNotFound {
		return resale.Job{Name: name, State: resale.JobIdle}, nil
	}
	return j, err
}

func (r reader) DriftOf(ctx context.Context, subject string) (resale.Drift, error) {
	return one(ctx, r, "difference", r.q.DriftOf, subject, drift)
}

func (r reader) Drift(ctx context.Context, id string) (resale.Drift, error) {
	return one(ctx, r, "difference", r.q.Drift, id, drift)
}

func (r reader) OpenDrift(ctx context.Context, after string, limit int) ([]resale.Drift, error) {
	return many(ctx, r, "differences", r.q.OpenDrift, queries.OpenDriftParams{After: after, AtMost: atMost(limit)}, drift)
}

func (r reader) DriftCount(ctx context.Context) (int64, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	n, err := r.q.CountOpenDrift(ctx)
	return n, r.fault("differences", err)
}

func (r reader) StaffByEmail(ctx context.Context, email string) (resale.Staff, error) {
	return one(ctx, r, "person", r.q.StaffByEmail, email, staff)
}

func (r reader) Staff(ctx context.Context, id string) (resale.Staff, error) {
	return one(ctx, r, "person", r.q.Staff, id, staff)
}

func (r reader) Session(ctx context.Context, idHash []byte) (resale.Session, error) {
	return one(ctx, r, "session", r.q.Session, idHash, session)
}

func (r reader) SetupLink(ctx context.Context, tokenHash []byte) (resale.SetupLink, error) {
	return one(ctx, r, "set-up link", r.q.SetupLink, tokenHash, setupLink)
}

func (r reader) Setting(ctx context.Context, name string) (string, error) {
	return one(ctx, r, "setting", r.q.Setting, name, func(value string) string { return value })
}

func (r reader) Preferences(ctx context.Context, staffID string) (map[resale.PreferenceName]string, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	rows, err := r.q.Preferences(ctx, staffID)
	if err != nil {
		return nil, r.fault("preferences", err)
	}
	set := make(map[resale.PreferenceName]string, len(rows))
	for _, row := range rows {
		set[resale.PreferenceName(row.Name)] = row.Value
	}
	return set, nil
}
