package resale

import (
	"context"
	"slices"
	"time"
)

// AbilitySetting says who decides whether a merchant can do something.
type AbilitySetting string

const (
	AbilityLearned AbilitySetting = ""    // its answers do
	AbilityYes     AbilitySetting = "yes" // an admin said that it can
	AbilityNo      AbilitySetting = "no"  // an admin said that it cannot
)

// Ability is whether a merchant can do one kind of thing. A request that a merchant does not support always gets the same answer on its
// route, NOT_AVAILABLE, so that it can be learned. src: Gen 2 help; the code is inferred
type Ability struct {
	MerchantKey string
	Kind        RequestKind
	Setting     AbilitySetting
	Refusals    int64  // NOT_AVAILABLE in a row
	Message     string // Bango's words with the last one
	SetBy       string // who set it, by name
	Updated     time.Time
}

// constantRefusals is how many NOT_AVAILABLE in a row, without a success, make it constant.
const constantRefusals = 2

// Missing reports whether the merchant cannot do it, as far as we know.
func (a Ability) Missing() bool {
	return a.Setting == AbilityNo || a.Setting == AbilityLearned && a.Refusals >= constantRefusals
}

// LearnedKinds are the kinds of request that a merchant may be unable to do.
var LearnedKinds = []RequestKind{KindSuspend, KindResume, KindUpdate, KindUndo, KindCancel, KindRevoke}

// learn notes what an answer says of the merchant's abilities.
func (s *Service) learn(ctx context.Context, tx Tx, merchantKey string, k RequestKind, a Answer) error {
	if !slices.Contains(LearnedKinds, k) || !a.NotAvailable && a.Verdict != VerdictDone && a.Verdict != VerdictAction {
		return nil
	}
	before, err := abilityOf(ctx, tx, merchantKey, k)
	if err != nil {
		return err
	}
	after := before
	after.Refusals, after.Message = 0, ""
	if a.NotAvailable {
		after.Refusals, after.Message = min(before.Refusals+1, constantRefusals), a.Message
	}
	if after == before {
		return nil
	}
	after.Updated = s.now()
	return tx.SetAbility(ctx, after)
}

func abilityOf(ctx context.Context, r Reader, merchantKey string, k RequestKind) (Ability, error) {
	known, err := r.AbilitiesOf(ctx, merchantKey)
	for _, a := range known {
		if a.Kind == k {
			return a, err
		}
	}
	return Ability{MerchantKey: merchantKey, Kind: k}, err
}

// SetAbility says whether a merchant can do something, or leaves it to the merchant's answers, which are then looked at anew. Admins may.
func (s *Service) SetAbility(ctx context.Context, by Actor, merchantKey string, k RequestKind, to AbilitySetting) error {
	if err := by.must(Admin); err != nil {
		return err
	}
	if !slices.Contains(LearnedKinds, k) {
		return NotFound("ability")
	}
	if to != AbilityLearned && to != AbilityYes && to != AbilityNo {
		return Invalid("setting", "%.20q is not a choice. Choose whether the merchant can do it, or that its answers decide.", to)
	}
	products, err := s.store.Products(ctx)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(products, func(p Product) bool { return p.Merchant.Key == merchantKey }) {
		return NotFound("merchant")
	}
	return s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		a, err := abilityOf(ctx, tx, merchantKey, k)
		if err != nil {
			return err
		}
		a.Setting, a.SetBy, a.Updated = to, by.Name, s.now()
		a.Refusals, a.Message = 0, ""
		tx.Announce(Change{Topics: []string{TopicEverything}})
		return tx.SetAbility(ctx, a)
	})
}
