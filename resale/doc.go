// Package resale is what reselling is: customers, a catalogue, entitlements and the two things that are known of each.
//
// Two state machines, never merged:
//
//   - [Status] is Bango's word for an entitlement, and only a reply, a notification or a read-back from Bango moves it.
//     [Apply] is that rule, a pure function from an entitlement and one [Fact] to an entitlement and what changed.
//   - [RequestState] is what we asked of Bango and what we know of the answer. A request is committed before it is sent,
//     and its identifier never changes, so that sending it again is safe. Not knowing is a state that the [Sender] resolves.
//
// The package knows no HTTP server and no SQL. Storage is the [Store] interface; Bango is the [Upstream] interface, whose
// one adapter to package bango is in bango.go. Read status.go, fact.go, request.go, service.go and act.go, in that order.
package resale
