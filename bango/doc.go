// Package bango is a client for the reseller side of the Bango Resale API, generation 1.
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
// identifier), never follows a redirect, never logs, and never judges whether a registration URL is safe to open. It
// knows echo, create, read, report, suspend, resume, cancel, revoke and the notification; an update of anything else, say of the
// product, is to come. A fresh registration URL is a create again, with a new request identifier.
//
// Answers are read leniently: a field that is missing, null, not documented or not of the documented type counts as empty. What an
// answer must have to be believed is checked after that.
//
// The API is documented at developer.bango.com; comments name the page that a fact comes from. What those pages leave open
// is data in [Wire].
package bango
