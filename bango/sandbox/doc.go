// Package sandbox simulates the Bango platform: the Resale API, generation 1, as a reseller sees it, and the merchants behind it, with
// registration pages that a person can use. It is one [http.Handler] with all of its state in memory, for tests, for a
// demonstration, and for trying a client before there are credentials.
//
// It shares no code with any client. Its wire format is written down once more from Bango's documentation, and it is stricter than
// Bango may be, so that a mistake in a client shows here.
//
// # What it imitates
//
//   - GET /v1/echo/{id}, POST /v1/entitlement, GET /v1/entitlement/{id} and POST /v1/entitlement/report, with HTTP Basic.
//   - Idempotency by X-RequestIdentifier: the same one again gets the first answer, to the byte, also when both arrive together.
//   - One live entitlement for each customer and merchant. The same create again while it is PENDING gets the same entitlement and
//     a new registration URL; otherwise it is a BAD_REQUEST that says that the maximum is reached.
//   - Merchants that ask the end user to sign up, that activate at once, and that refuse: see [Behaviour].
//   - A registration page for each token at /merchant/{merchantAccountKey}/register/{token}, on which the end user signs up, declines
//     or leaves. [Sandbox.Complete] does the same without a browser.
//   - Notifications to the notificationUrl of every change, also of an activation at once, so that one may arrive before the
//     reply to the create does. They come in order for each entitlement, and again until an answer of 2xx: 10 attempts, after
//     waits of 500 ms, doubled each time, up to 30 s. No redirect is followed, and an attempt ends after 10 s. Retry-After is
//     not looked at. The notificationUrl may lead anywhere that this machine reaches, so give the credentials to nobody else.
//
// # Own choices
//
// Bango's public pages leave these open. They are choices, not facts:
//
//   - A request identifier with another body than before is a BAD_REQUEST. Identifiers have one scope, are looked at on
//     creates alone, and are remembered for the newest 20,000 creates, refusals included; a body that could not be read is not one.
//   - A PENDING customer who creates anything else at that merchant, be it only with another notificationUrl, has reached the maximum.
//   - A new registration URL changes no date, and the older URLs stay valid while the entitlement is PENDING, up to 100 of them.
//   - customerIdentifier, merchantAccountKey, productKey and notificationUrl are required; of a report, customerIdentifier. An unknown
//     member, a key in the wrong letter case, a string over 500 bytes (2,000 for the notificationUrl, 4 KiB for extensionData), and
//     a Content-Type other than application/json are a BAD_REQUEST. A body over 64 KiB is a 413.
//   - An unknown merchant, product or offer is a BAD_REQUEST: "parameter is invalid".
//   - NOT_AVAILABLE comes with HTTP 400, NOT_FOUND with 404, ALREADY_EXISTS with 409. A refused create leaves no record.
//   - An entitlementId chosen by the caller may be any string, and is ALREADY_EXISTS once it is taken.
//   - offerKey, activationCode and extensionData are null for none, and parameters is null wherever nothing has to be done.
//     extensionData comes back in the form in which it was sent, a string or an object.
//   - A report lists in order of creation, without pages; where nothing matches, it is 200 with an empty list.
//   - An end user who declines makes the entitlement CANCELLED, with TERMINATION_SUCCESS: there is no reason value for it.
//   - The order of a notification's fields after customerIdentifier.
//   - An operation that is not there is a BAD_REQUEST, which no client takes for a missing entitlement.
//
// # What it does not imitate
//
// Updates, suspend, resume, cancel, revoke and reactivate; changes that a merchant makes by itself; eligible products; the end at
// dateExpiry, which is only given back; FAILED; registration URLs that expire by time; message signing, TLS and the list of allowed
// IP addresses; rate limits and maintenance; several resellers; batch files and reports in files; anything of generation 2, its
// magic numbers included. extraInformation is read and compared, and nothing else.
//
// # Bounds
//
// It holds at most 20,000 entitlements, and refuses a create beyond that with NOT_AVAILABLE. The start page and the merchants' pages
// need no sign-in and show everything: put nothing real into a sandbox. Time limits for reading and writing are those of the server
// that it is given to.
package sandbox
