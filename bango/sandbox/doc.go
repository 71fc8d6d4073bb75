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
//   - PATCH /v1/entitlement with entitlementBenefits SUSPENDED or NORMAL, to suspend and to resume; POST /v1/entitlement/cancel/{id}
//     and POST /v1/entitlement/revoke/{id} with a published reason, or OTHER, and custom properties beside it. Reason and properties
//     come back in the record's extensionData.
//   - Idempotency by X-RequestIdentifier: the same one again gets the first answer, to the byte, also when both arrive together.
//   - One live entitlement for each customer and merchant. The same create again while it is PENDING gets the same entitlement and
//     a new registration URL; otherwise it is a BAD_REQUEST that says that the maximum is reached.
//   - Merchants that ask the end user to sign up, that activate at once, and that refuse: see [Behaviour]. Merchants that end at once or
//     30 days later, that cannot suspend, and that take their time for a change: see [Merchant].
//   - An entitlement that is ACTIVE-ENDING is CANCELLED once its dateEnded has come, which is looked at every 500 ms.
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
//   - A request identifier with another method, path or body than before is a BAD_REQUEST. Identifiers have one scope, are looked at on
//     creates, updates and endings alone, and are remembered for the newest 20,000 of them, refusals included; a body that could not
//     be read is not one.
//   - A PENDING customer who creates anything else at that merchant, be it only with another notificationUrl, has reached the maximum.
//   - A new registration URL changes no date, and the older URLs stay valid while the entitlement is PENDING, up to 100 of them.
//   - customerIdentifier, merchantAccountKey, productKey and notificationUrl are required; of a report, customerIdentifier. An unknown
//     member (but beside the reason of an ending), a key in the wrong letter case, a string over 500 bytes (2,000 for the
//     notificationUrl, 4 KiB for extensionData), and a Content-Type other than application/json are a BAD_REQUEST. A body over 64 KiB
//     is a 413.
//   - An unknown merchant, product or offer is a BAD_REQUEST: "parameter is invalid".
//   - NOT_AVAILABLE comes with HTTP 400, NOT_FOUND with 404, ALREADY_EXISTS with 409. A refused create leaves no record.
//   - An entitlementId chosen by the caller may be any string, and is ALREADY_EXISTS once it is taken.
//   - offerKey, activationCode and extensionData are null for none, and parameters is null wherever nothing has to be done.
//     extensionData comes back in the form in which it was sent, a string or an object.
//   - A report lists in order of creation, without pages; where nothing matches, it is 200 with an empty list.
//   - Only what is ACTIVE can be suspended, and only what is SUSPENDED resumed; the same again is 200 with nothing changed and nobody
//     notified. Otherwise it is a BAD_REQUEST, also for what has ended, and for undoing a cancel by NORMAL.
//   - A cancel of what is PENDING or SUSPENDED takes effect at once, also at a merchant that ends later. Anything live can be revoked. An
//     ending of what has ended, and a cancel of what is ACTIVE-ENDING, is a BAD_REQUEST with HTTP 409.
//   - Where the merchant takes its time, the reply is 202 with OK and the record as it still is; dates, reason and notification come with
//     the change. Changes that are queued together are looked at one by one when their time comes; one that is not possible any more,
//     or has nothing to do, is dropped without a word. Until then a status that is reached already is 200, as without a queue.
//   - dateSuspended and dateResumed are those of the last time, and stay. dateEnded stays as announced when the announced end comes; a
//     revoke before that sets it anew.
//   - category and code of the reason are required; its description has up to 2,000 bytes, custom properties up to 4 KiB together. They
//     become members of extensionData, in place of those of the same name, and its members are sorted from then on; where it was a
//     string, that becomes its member extensionData.
//   - An end user who declines makes the entitlement CANCELLED, with TERMINATION_SUCCESS: there is no reason value for it.
//   - The order of a notification's fields after customerIdentifier.
//   - An operation that is not there is a BAD_REQUEST, which no client takes for a missing entitlement.
//
// # What it does not imitate
//
// Updates of anything else, among them the undoing of a cancel; reactivate; changes that need the end user once more; changes that a
// merchant makes by itself, and reports as failed; eligible products; the end at dateExpiry, which is only given back; FAILED;
// registration URLs that expire by time; message signing, TLS and the list of allowed IP addresses; rate limits and maintenance;
// several resellers; batch files and reports in files; anything of generation 2, its magic numbers included. extraInformation is read
// and compared, and nothing else.
//
// # Bounds
//
// It holds at most 20,000 entitlements, and refuses a create beyond that with NOT_AVAILABLE. The start page and the merchants' pages
// need no sign-in and show everything: put nothing real into a sandbox. Time limits for reading and writing are those of the server
// that it is given to.
package sandbox
