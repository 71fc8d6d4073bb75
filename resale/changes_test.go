package resale

import (
	"slices"
	"testing"
)

func heard(l *Listener) bool {
	select {
	case <-l.Signal:
		return true
	default:
		return false
	}
}

func TestHubTellsOnlyWhoListens(t *testing.T) {
	hub := NewHub()
	one, other := hub.Listen("entitlement:1"), hub.Listen("entitlement:2")
	hub.Publish(Change{Topics: []string{"entitlement:1", TopicEntitlements}, Refs: []string{"AAAA-CCCC"}})
	if !heard(one) || heard(other) {
		t.Fatal("the change reached the wrong listener")
	}
	if refs, all := one.Take(); !slices.Equal(refs, []string{"AAAA-CCCC"}) || all {
		t.Errorf("took %v, %v", refs, all)
	}
	hub.Publish(Change{Topics: []string{TopicEverything}})
	if !heard(one) || !heard(other) {
		t.Error("not everybody heard that something may have been missed")
	}
	if _, all := one.Take(); !all {
		t.Error("the listener was not told to read everything again")
	}
	one.Close()
	one.Close()
	hub.Publish(Change{Topics: []string{"entitlement:1"}})
	if heard(one) {
		t.Error("a closed listener still hears")
	}
	if hub.Listeners() != 1 {
		t.Errorf("%d listeners are left, not 1", hub.Listeners())
	}
}

func TestHubNeverWaitsForASlowListener(t *testing.T) {
	hub := NewHub()
	slow := hub.Listen(TopicEntitlements)
	for i := range 1000 {
		hub.Publish(Change{Topics: []string{TopicEntitlements}, Refs: []string{newRef(), string(rune('A' + i%26))}})
	}
	if !heard(slow) || heard(slow) {
		t.Error("a thousand changes must be one signal")
	}
	if refs, all := slow.Take(); !all || len(refs) > maxRefs {
		t.Errorf("it is told of %d refs and all=%v; it must read everything again", len(refs), all)
	}
}

func TestHubShutdownEndsListening(t *testing.T) {
	hub := NewHub()
	before := hub.Listen(TopicEntitlements)
	hub.Shutdown()
	hub.Shutdown()
	after := hub.Listen(TopicEntitlements)
	for _, l := range []*Listener{before, after} {
		if _, open := <-l.Signal; open {
			t.Error("the signal is still open")
		}
		l.Close()
	}
	hub.Publish(Change{Topics: []string{TopicEntitlements}})
}
