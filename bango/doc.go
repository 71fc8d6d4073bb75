// Package bango is a client for the reseller side of the Bango Resale API: the whole of generation 1, and generation 2 as far as it is
// published.
//
// It makes one attempt per call and says plainly what that attempt showed. A success is a [Reply]; everything else is an
// [Error] whose [Outcome] tells apart what the caller must treat differently: Bango said no, Bango was never reached, or,
// most important, nobody knows what happened. The zero Outcome is that last one, so that what was not thought of is never
// taken for a success.
//
// One attempt means that the bytes of a write leave once at most. Where a kept-alive connection turns out to be closed, net/http
// takes a new one by itself, but only for a write of which nothing has left, or for a read, which changes nothing. A Transport of
// the caller's that speaks HTTP/2 may do more.
//
// What it does not do: it never retries (a retry belongs into a queue that survives a crash, with the same request
// identifier), never follows a redirect, never logs, and never judges whether a registration URL is safe to open. It knows echo,
// create, read, report, update, suspend, resume, cancel, its undo, revoke, the eligible products, the activation info and the
// notification. In generation 1, a fresh registration URL is a create again, with a new request identifier; in generation 2 it is the
// activation info. Reactivate, which Bango withdrew in 2019, is left out. Calls are signed where Config.SigningKey is set.
//
// Answers are read leniently: a field that is missing, null, not documented or not of the documented type counts as empty. What an
// answer must have to be believed is checked after that.
//
// The API is documented at developer.bango.com, generation 2 at developer.bango.info; comments name the page that a fact comes from.
// What those pages leave open is data in [Wire], which [ParseWire] sets by name and [WireSettings] lists with the source of each. Of
// generation 2 no path is published: those of [Generation2Wire] are guesses after the form of generation 1, to be set to what Bango
// tells at onboarding. What has no path there (the eligible products) or no property (the undo of a cancel) is an [Error] that says so,
// until it is set.
package bango
