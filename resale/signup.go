package resale

import "context"

// Signup is what the end user's page shows: no more than the product and where things stand.
type Signup struct {
	Entitlement Entitlement
	Product     Product
}

// Signup returns what the signup link leads to. Opening it changes nothing, since mail and chat programs open links by themselves.
func (s *Service) Signup(ctx context.Context, token string) (Signup, error) {
	e, err := s.store.EntitlementBySignupToken(ctx, token)
	if err != nil {
		return Signup{}, err
	}
	p, err := s.store.Product(ctx, e.ProductID)
	return Signup{Entitlement: e, Product: p}, err
}

// Continue records that the end user goes on to the merchant and returns the registration URL, or "" where there is nowhere to go
// (any more): the page then tells why.
func (s *Service) Continue(ctx context.Context, token string) (registrationURL string, err error) {
	known, err := s.store.EntitlementBySignupToken(ctx, token)
	if err != nil {
		return "", err
	}
	err = s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		registrationURL = ""
		e, err := tx.LockEntitlement(ctx, known.ID)
		if err != nil || e.RegistrationURL == "" {
			return err
		}
		after := e
		after.Opened++
		after.OpenedAt = s.now()
		if err := tx.UpdateEntitlement(ctx, e, after); err != nil {
			return err
		}
		registrationURL = e.RegistrationURL
		tx.Announce(changeOf(e))
		return tx.AddEvent(ctx, Event{ID: newID(), EntitlementID: e.ID, CustomerID: e.CustomerID, At: after.OpenedAt,
			Actor: TheCustomer, Kind: EventContinued, Text: "opened the signup link and went on to register"})
	})
	return registrationURL, err
}
