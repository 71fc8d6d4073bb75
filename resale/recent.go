package resale

import (
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"
)

const (
	maxOpened    = 8  // things that a person opened last
	maxDismissed = 40 // outcomes that a person has taken note of; an older one shows again, which is better than losing a new one
)

// NoteOpened keeps that a person opened the page of a customer or an entitlement, which its topic names. Whoever may read may.
func (s *Service) NoteOpened(ctx context.Context, by Actor, topic string) error {
	kind, id, _ := strings.Cut(topic, ":")
	if topic != TopicCustomer(id) && topic != TopicEntitlement(id) || uuid.Validate(id) != nil {
		return Invalid("topic", "%.60q is neither a customer nor an entitlement.", kind)
	}
	return s.putFirst(ctx, by, preferenceOpened, topic, maxOpened)
}

// Opened returns what a person opened last, the newest first. What is no longer there is left out.
func (s *Service) Opened(ctx context.Context, by Actor) ([]Hit, error) {
	set, err := s.Preferences(ctx, by)
	if err != nil {
		return nil, err
	}
	topics := strings.Fields(set[preferenceOpened])
	ids := make([]string, len(topics))
	for i, topic := range topics {
		_, ids[i], _ = strings.Cut(topic, ":")
	}
	hits, err := s.store.HitsByID(ctx, ids)
	slices.SortFunc(hits, func(a, b Hit) int { return slices.Index(ids, a.ID) - slices.Index(ids, b.ID) })
	return hits, err
}

// Dismiss keeps that a person has taken note of what came of a request, so that their pages need not tell it again. Whoever may read may.
func (s *Service) Dismiss(ctx context.Context, by Actor, requestID string) error {
	if uuid.Validate(requestID) != nil {
		return Invalid("request", "%.60q is not the id of a request.", requestID)
	}
	return s.putFirst(ctx, by, preferenceDismissed, requestID, maxDismissed)
}

// Dismissed returns the requests that [Service.Dismiss] was called for, out of a person's preferences.
func Dismissed(set map[PreferenceName]string) []string {
	return strings.Fields(set[preferenceDismissed])
}

// putFirst puts an item in front of a person's list, once.
func (s *Service) putFirst(ctx context.Context, by Actor, name PreferenceName, item string, most int) error {
	set, err := s.Preferences(ctx, by)
	if err != nil || strings.HasPrefix(set[name]+" ", item+" ") {
		return err // it is in front: the page was only read again
	}
	return s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		set, err := tx.Preferences(ctx, by.ID)
		if err != nil {
			return err
		}
		items := slices.DeleteFunc(strings.Fields(set[name]), func(known string) bool { return known == item })
		items = append([]string{item}, items...)
		return tx.SetPreference(ctx, by.ID, name, strings.Join(items[:min(len(items), most)], " "))
	})
}
