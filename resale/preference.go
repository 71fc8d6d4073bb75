package resale

import "context"

// PreferenceName names something that each member of staff sets for themselves. A name is a constant beside what uses it.
type PreferenceName string

const (
	preferenceOpened    PreferenceName = "opened"    // what the person opened last: topics, the newest first
	preferenceDismissed PreferenceName = "dismissed" // requests whose outcome the person has taken note of, the newest first
)

// maxPreference bounds the value of a preference, in bytes.
const maxPreference = 2048

// Preferences returns what a person has set for themselves.
func (s *Service) Preferences(ctx context.Context, by Actor) (map[PreferenceName]string, error) {
	if err := by.must(Viewer); err != nil {
		return nil, err
	}
	return s.store.Preferences(ctx, by.ID)
}

// Prefer keeps a person's choice. Whoever may read may.
func (s *Service) Prefer(ctx context.Context, by Actor, name PreferenceName, value string) error {
	if err := by.must(Viewer); err != nil {
		return err
	}
	if len(value) > maxPreference || !printable(value) {
		return Invalid(string(name), "The choice is longer than %d characters, or has some in it that cannot be shown.", maxPreference)
	}
	return s.store.Write(ctx, func(ctx context.Context, tx Tx) error { return tx.SetPreference(ctx, by.ID, name, value) })
}
