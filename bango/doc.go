// Package bango is a client for the reseller side of the Bango Resale API, generation 1.
//
// It makes one attempt per call and says plainly what that attempt showed. A success is a [Reply]; everything else is an
// [Error] whose [Outcome] tells apart what the caller must treat differently: Bango said no, Bango was never reached, or,
// most important, nobody knows what happened. The zero Outcome is that last one, so that what was not thought of is never
// taken for a success.
//
// What it does not do: it never retries (a retry belongs into a queue that survives a crash, with the same request
// identifier), never follows a redirect, never logs, and never judges whether a registration URL is safe to open. It
// knows echo, create, read, report and the notification; updates and endings are to come.
//
// The API is documented at developer.bango.com; comments name the page that a fact comes from. What those pages leave open
// is data in [Wire].
package bango
