package resale

import (
	"context"
	"time"
)

// DriftKind is how our records and Bango's differ about one entitlement.
type DriftKind string

const (
	MissingHere  DriftKind = "missing here"  // Bango has it, we do not
	MissingThere DriftKind = "missing there" // we have it, Bango does not
	Differs      DriftKind = "differs"       // status or product
)

// DriftState is whether somebody still has to decide.
type DriftState string

const (
	DriftOpen  DriftState = "open"
	DriftTaken DriftState = "taken" // what Bango says was taken over
	DriftGone  DriftState = "gone"  // it went away by itself
)

// Drift is one line of the comparison of our records with Bango's. Nothing changes before somebody takes over what Bango says.
type Drift struct {
	ID            string // UUIDv7
	Subject       string // Bango's id of the entitlement; unique
	Kind          DriftKind
	State         DriftState
	EntitlementID string // ours; empty where it is missing here
	OursStatus    Status // as it was when they were compared
	OursProduct   string
	Fact          Fact   // what Bango says; empty but for the id where it is missing there
	Source        string // where that was read, for people
	Found         time.Time
	Settled       time.Time
	SettledBy     string // by name
}

// compare returns how our standing differs from what Bango's record says, and false where it does not. A record that is older than what we
// know differs for that reason alone.
func compare(ours Standing, known bool, f Fact) (Drift, bool) {
	d := Drift{Subject: f.BangoID, EntitlementID: ours.EntitlementID, OursStatus: ours.Status, OursProduct: ours.ProductKey, Fact: f}
	switch {
	case !known:
		d.Kind = MissingHere
		return d, !Status(f.Status).Ended()
	case f.DateLastUpdated.Before(ours.DateLastUpdated):
		return d, false
	}
	d.Kind = Differs
	return d, f.Status != "" && string(ours.Status) != f.Status || f.ProductKey != "" && f.ProductKey != ours.ProductKey
}

// noteDrift stores a difference, in place of one about the same entitlement that is not newer.
func (s *Service) noteDrift(ctx context.Context, tx Tx, d Drift) error {
	known, err := tx.DriftOf(ctx, d.Subject)
	switch {
	case err == nil && known.State == DriftOpen && d.Kind != MissingThere && d.Fact.DateLastUpdated.Before(known.Fact.DateLastUpdated):
		return nil
	case err == nil:
		d.ID = known.ID
	case CodeOf(err) == CodeNotFound:
		d.ID = newID()
	default:
		return err
	}
	d.State, d.Found, d.Settled, d.SettledBy = DriftOpen, s.now(), time.Time{}, ""
	tx.Announce(Change{Topics: []string{TopicReconciliation}})
	return tx.SaveDrift(ctx, d)
}

// noteMissingThere stores that Bango has no record of an entitlement that it once told us of.
func (s *Service) noteMissingThere(ctx context.Context, tx Tx, e Entitlement) error {
	if e.Status.Ended() || e.Status == Refused {
		return nil // it is over, for both
	}
	return s.noteDrift(ctx, tx, Drift{Subject: e.BangoID, Kind: MissingThere, EntitlementID: e.ID, OursStatus: e.Status, OursProduct: e.ProductKey,
		Fact: Fact{Source: FromRecord, BangoID: e.BangoID}, Source: "read back from Bango"})
}

// noDrift notes that a difference has gone, if there was one.
func (s *Service) noDrift(ctx context.Context, tx Tx, bangoID string) error {
	d, err := tx.DriftOf(ctx, bangoID)
	if CodeOf(err) == CodeNotFound || err == nil && d.State != DriftOpen {
		return nil
	}
	if err != nil {
		return err
	}
	return s.gone(ctx, tx, d)
}

// noDriftBy notes that a difference has gone by what a record says, unless it was found in a newer one.
func (s *Service) noDriftBy(ctx context.Context, tx Tx, f Fact) error {
	d, err := tx.DriftOf(ctx, f.BangoID)
	if CodeOf(err) == CodeNotFound || err == nil && (d.State != DriftOpen || d.Fact.DateLastUpdated.After(f.DateLastUpdated)) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.gone(ctx, tx, d)
}

func (s *Service) gone(ctx context.Context, tx Tx, d Drift) error {
	d.State, d.Settled, d.SettledBy = DriftGone, s.now(), Automatic.Name
	tx.Announce(Change{Topics: []string{TopicReconciliation}})
	return tx.SaveDrift(ctx, d)
}

// compareAnswered notes what an answer shows of how the entitlement differs from Bango's record, or that it does no longer.
func (s *Service) compareAnswered(ctx context.Context, tx Tx, r Request, before Entitlement, o outcome, f Fact) error {
	switch {
	case o.rejected:
		return s.noteDrift(ctx, tx, Drift{Subject: before.BangoID, Kind: Differs, EntitlementID: before.ID, OursStatus: before.Status,
			OursProduct: before.ProductKey, Fact: f, Source: "read back from Bango"})
	case o.absent:
		return s.noteMissingThere(ctx, tx, o.after)
	case r.Kind == KindCheck && o.request.State == Done && o.after.BangoID != "":
		return s.noDrift(ctx, tx, o.after.BangoID)
	}
	return nil
}

// TakeBangos takes over what Bango says of one difference: what is missing here is adopted, what is missing there is marked as not existing, and
// what differs follows Bango's record, which the audit tells as corrected by reconciliation. Supervisors may.
func (s *Service) TakeBangos(ctx context.Context, by Actor, driftID string) error {
	if err := by.must(Supervisor); err != nil {
		return err
	}
	return s.store.Write(ctx, func(ctx context.Context, tx Tx) error { return s.take(ctx, tx, by, driftID) })
}

// TakeAllBangos does so with all differences, in the background. Supervisors may.
func (s *Service) TakeAllBangos(ctx context.Context, by Actor) error {
	if err := by.must(Supervisor); err != nil {
		return err
	}
	return s.startJob(ctx, JobTake, by)
}

// driftLock is held by whoever compares, adopts or takes over: two at once must not do it twice, nor find what is being taken over.
const driftLock = "drift"

// take takes over what Bango says of one difference, unless somebody did already.
func (s *Service) take(ctx context.Context, tx Tx, by Actor, driftID string) error {
	if err := tx.LockNamed(ctx, driftLock); err != nil {
		return err
	}
	d, err := tx.Drift(ctx, driftID)
	if err != nil || d.State != DriftOpen {
		return err
	}
	if d.Kind == MissingHere {
		if _, err := s.adopt(ctx, tx, by, d.Fact, "adopted from Bango's records: corrected by reconciliation"); err != nil {
			return err
		}
	} else if err := s.correct(ctx, tx, by, d); err != nil {
		return err
	}
	d.State, d.Settled, d.SettledBy = DriftTaken, s.now(), by.Name
	tx.Announce(Change{Topics: []string{TopicReconciliation}})
	return tx.SaveDrift(ctx, d)
}

// correct makes an entitlement what Bango says it is. A person has looked at it, so that even an ending is taken back.
func (s *Service) correct(ctx context.Context, tx Tx, by Actor, d Drift) error {
	before, err := tx.LockEntitlement(ctx, d.EntitlementID)
	if err != nil {
		return err
	}
	if before, err = s.recognise(ctx, tx, before, d.Fact); err != nil {
		return err
	}
	after := before
	switch {
	case foreign(before, d.Fact):
		return Conflict("", "Bango's record speaks of another customer or merchant than %s, so it cannot be taken over. Compare them at Bango.", before.Ref)
	case d.Kind == Differs && d.Fact.DateLastUpdated.Before(before.DateLastUpdated),
		d.Kind == MissingThere && latest(before.CheckedAt, before.NotifiedAt).After(d.Found):
		return Conflict("", "Bango has told of %s since this was found. Check it with Bango; what is still different then can be taken over.", before.Ref)
	case d.Kind == MissingThere:
		after.Status, after.Message = Refused, "Bango has no record of this: corrected by reconciliation."
		after.RegistrationURL, after.RegistrationExpires = "", time.Time{}
	default:
		after = before.with(d.Fact)
	}
	if after != before {
		after.Updated = s.now()
	}
	if _, err := s.change(ctx, tx, before, &after, false); err != nil {
		return err
	}
	event := Event{ID: newID(), EntitlementID: before.ID, CustomerID: before.CustomerID, At: s.now(), Actor: by, Kind: EventCorrected,
		Text: "took over what Bango says: corrected by reconciliation"}
	event.moved(before, after)
	tx.Announce(changeOf(after))
	return tx.AddEvent(ctx, event)
}

// adopt makes an entitlement of ours from Bango's record, with its customer and its line of the catalogue where they are not known. It
// reports false where it is known already. The caller holds driftLock.
func (s *Service) adopt(ctx context.Context, tx Tx, by Actor, f Fact, text string) (adopted bool, err error) {
	if _, err := tx.EntitlementByBangoID(ctx, f.BangoID); CodeOf(err) != CodeNotFound {
		return false, err
	}
	if f.CustomerIdentifier == "" || f.MerchantKey == "" || f.ProductKey == "" {
		return false, Conflict("", "Bango's record %s names no customer, merchant or product, so it cannot be adopted.", clip(f.BangoID, 60))
	}
	// All of it is looked at before anything is stored: what cannot be adopted leaves nothing behind, whatever else the transaction does.
	named, err := Customer{Identifier: f.CustomerIdentifier}.normalised()
	if err != nil {
		return false, err
	}
	row, err := CatalogueRow{MerchantKey: f.MerchantKey, ProductKey: f.ProductKey}.normalised()
	if err != nil {
		return false, err
	}
	if called, err := (CatalogueRow{MerchantKey: row.MerchantKey, ProductKey: row.ProductKey, ProductName: f.DisplayName}).normalised(); err == nil {
		row = called // or else its key is its name
	}
	customer, err := OwnerOf(ctx, tx, named.Identifier, f.DateCreated)
	if CodeOf(err) == CodeNotFound {
		customer = named
		customer.ID, customer.Created = newID(), s.now()
		if err := tx.InsertCustomer(ctx, customer); err != nil {
			return false, err
		}
		err = tx.AddEvent(ctx, Event{ID: newID(), CustomerID: customer.ID, At: customer.Created, Actor: by, Kind: EventCustomerAdded,
			Text: "added the customer, whom Bango's records name"})
	}
	if err != nil {
		return false, err
	}
	product, err := tx.ProductByKeys(ctx, row.MerchantKey, row.ProductKey)
	if CodeOf(err) == CodeNotFound {
		if row.MerchantName, err = merchantName(ctx, tx, row.MerchantKey); err != nil {
			return false, err
		}
		if err := tx.UpsertCatalogue(ctx, row); err != nil {
			return false, err
		}
		product, err = tx.ProductByKeys(ctx, row.MerchantKey, row.ProductKey)
	}
	if err != nil {
		return false, err
	}
	ref, err := freeRef(ctx, tx)
	if err != nil {
		return false, err
	}
	now := s.now()
	e := Entitlement{ID: newID(), Ref: ref, CustomerID: customer.ID, ProductID: product.ID, CustomerIdentifier: f.CustomerIdentifier,
		MerchantKey: f.MerchantKey, ProductKey: f.ProductKey, Status: Unknown, NotifyToken: newToken(), SignupToken: newToken(),
		FormToken: newToken(), CreatedBy: by.Name, Created: now, Updated: now, CheckedAt: now}
	e = e.with(f)
	if err := tx.InsertEntitlement(ctx, e); err != nil {
		return false, err
	}
	linked, err := s.linkParked(ctx, tx, e)
	if err != nil {
		return false, err
	}
	if linked {
		if _, err := s.askCheck(ctx, tx, e, Automatic, now); err != nil {
			return false, err
		}
	}
	tx.Announce(changeOf(e))
	return true, tx.AddEvent(ctx, Event{ID: newID(), EntitlementID: e.ID, CustomerID: e.CustomerID, At: now, Actor: by, Kind: EventAdopted,
		Text: text, To: e.Status})
}

// merchantName is what a merchant is called, its key where it is new.
func merchantName(ctx context.Context, r Reader, key string) (string, error) {
	products, err := r.Products(ctx)
	for _, p := range products {
		if p.Merchant.Key == key {
			return p.Merchant.Name, err
		}
	}
	return key, err
}

// freeRef returns a reference that no entitlement has. Among a million the same one comes up twice now and then, and that must not undo a
// whole batch of them.
func freeRef(ctx context.Context, r Reader) (string, error) {
	for {
		ref := newRef()
		if _, err := r.EntitlementByRef(ctx, ref); err != nil {
			if CodeOf(err) == CodeNotFound {
				err = nil
			}
			return ref, err
		}
	}
}
