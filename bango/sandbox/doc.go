// Package sandbox simulates the Bango platform: the Resale API, generations 1 and 2, as a reseller sees it, and the merchants behind it,
// with registration pages that a person can use. It is one [http.Handler] with all of its state in memory, for tests, for a
// demonstration, and for trying a client before there are credentials.
//
// It shares no code with any client. Its wire format is written down once more from Bango's documentation, and it is stricter than
// Bango may be, so that a mistake in a client shows here.
//
// # What it imitates
//
//   - GET /v1/echo/{id}, POST /v1/entitlement, GET /v1/entitlement/{id} and POST /v1/entitlement/report, with HTTP Basic.
//   - PATCH /v1/entitlement of productKey, offerKey, customerIdentifier, notificationUrl, dateExpiry, entitlementDisplayName and
//     extensionData: what is not given stays. PRODUCT_UPDATE and METADATA_UPDATE tell what changed, at the new notificationUrl where
//     that is what changed. It cannot set the status to CANCELLED or REVOKED.
//   - PATCH /v1/entitlement with entitlementBenefits SUSPENDED or NORMAL, to suspend and to resume, and to undo a cancel before its
//     dateEnded; POST /v1/entitlement/cancel/{id} and POST /v1/entitlement/revoke/{id} with a published reason, or OTHER, and custom
//     properties beside it. Reason and properties come back in the record's extensionData.
//   - The products that a customer can have, with X-CustomerIdentifier.
//   - Idempotency by X-RequestIdentifier: the same one again gets the first answer, to the byte, also when both arrive together.
//   - One live entitlement for each customer and merchant. The same create again while it is PENDING gets the same entitlement and
//     a new registration URL; otherwise it is a BAD_REQUEST that says that the maximum is reached.
//   - Merchants that ask the end user to sign up, that activate at once, and that refuse: see [Behaviour]. Merchants that end at once or
//     30 days later, that cannot suspend, that take their time for a change, that ask the end user about another product, and whose
//     registration URLs expire: see [Merchant]. What merchants change by themselves: see [MerchantAction].
//   - An entitlement that is ACTIVE-ENDING is CANCELLED once its dateEnded has come, and one whose dateExpiry has come is, too, with the
//     reason CUSTOMER_CANCELLED, EXPIRED. Both are looked for every 500 ms, and whenever [Sandbox.MoveClock] moves the clock.
//   - A registration page for each token at /merchant/{merchantAccountKey}/register/{token}, on which the end user signs up, declines
//     or leaves. [Sandbox.Complete] does the same without a browser. Where the URL has expired it says so, and the entitlement stays
//     PENDING.
//   - Notifications to the notificationUrl of every change, also of an activation at once, so that one may arrive before the
//     reply to the create does. They come in order for each entitlement, and again until an answer of 2xx: 10 attempts, after
//     waits of 500 ms, doubled each time, up to 30 s. No redirect is followed, and an attempt ends after 10 s. Retry-After is
//     not looked at. The notificationUrl may lead anywhere that this machine reaches, so give the credentials to nobody else.
//   - Several resellers that do not see each other's entitlements, with credentials of their own: see [Reseller]. The limit for a
//     customer and a merchant is each reseller's own.
//   - A limit of calls, answered with TOO_MANY_REQUESTS, and the signing of messages, each where [Config] says so.
//   - Generation 2, below /v2, with its test merchant BANGO_US, MUSIC and MUSIC_PREMIUM: urlExpiry, activationInfo with the same URL,
//     the magic numbers of a create and of activationInfo, the list of reasons, of which none need be given, suspend and resume as
//     operations, and HTTP 409 for an ending of what has ended. BANGO_US_ASYNC is made up, and changes 5 s after its 202.
//
// # Faults on demand
//
// [Faults] lists what can go wrong on purpose: every row of the fault matrix that is not simply a sandbox that is stopped or does
// what it should. A fault strikes by a rule, from [Sandbox.SetFault] or the page at /control, or by a header of one call, which belongs
// to the sandbox alone:
//
//		X-Sandbox-Fault: reset
//		X-Sandbox-Fault: reset;executed
//		X-Sandbox-Fault: latency-short;value=2s
//
//	  - A call is struck by its header, else by the first rule that fits, else not at all; one without valid credentials never is.
//	    A header that cannot be understood is a BAD_REQUEST.
//	  - "Executed" is what the fault hides: the call was carried out, and its answer is delayed, lost or spoiled. Otherwise nothing happened,
//	    and the same request again is carried out then. What is answered by a fault is not what is remembered for a request identifier.
//	  - A fault of notifications in a header is for the next notification of the customer and merchant that the call is about.
//	  - A notification that is late, or held back for the next one, no longer comes in order. Where a merchant activates at once, its
//	    notification may be early anyway; the fault notification-early makes it so.
//	  - Faults of the connection need HTTP/1; with HTTP/2 a stream ends instead. They leave the server's time limits behind, and end after
//	    5 minutes at the latest.
//
// # Own choices
//
// Bango's public pages leave these open. They are choices, not facts:
//
//   - A request identifier with another method, path or body than before is a BAD_REQUEST. Identifiers have one scope for each reseller,
//     are looked at on creates, updates and endings alone, and are remembered for the newest 20,000 of them, refusals included; a body
//     that could not be read is not one.
//   - A PENDING customer who creates anything else at that merchant, be it only with another notificationUrl, has reached the maximum. So
//     has one whose entitlement waits because of an update.
//   - A new registration URL changes no date, and the older URLs stay valid for their time while the entitlement is PENDING, up to 100 of
//     them. An expired one is HTTP 410 in the browser.
//   - customerIdentifier, merchantAccountKey, productKey and notificationUrl are required; of a report, customerIdentifier. An unknown
//     member (but beside the reason of an ending), a key in the wrong letter case, a string over 500 bytes (2,000 for the
//     notificationUrl, 4 KiB for extensionData), and a Content-Type other than application/json are a BAD_REQUEST. A body over 64 KiB
//     is a 413.
//   - An unknown merchant, product or offer is a BAD_REQUEST: "parameter is invalid".
//   - NOT_AVAILABLE comes with HTTP 400, NOT_FOUND with 404, ALREADY_EXISTS with 409, TOO_MANY_REQUESTS with 429 and a Retry-After. A
//     refused create leaves no record.
//   - An entitlementId chosen by the caller may be any string, and is ALREADY_EXISTS once it is taken, by whomever.
//   - offerKey, activationCode and extensionData are null for none, and parameters is null wherever nothing has to be done.
//     extensionData comes back in the form in which it was sent, a string or an object.
//   - A report lists in order of creation, without pages; where nothing matches, it is 200 with an empty list.
//   - Only what is ACTIVE can be suspended, and only what is SUSPENDED resumed; the same again is 200 with nothing changed and nobody
//     notified. Otherwise it is a BAD_REQUEST, also for what has ended.
//   - An undo, by entitlementBenefits NORMAL or by status ACTIVE, makes what is ACTIVE-ENDING ACTIVE, takes dateEnded away, leaves the
//     reason in extensionData, and is told as METADATA_UPDATE. status and entitlementBenefits are updated alone. Generation 2 has the
//     former alone.
//   - Anything live can be updated. Null, or an empty string, takes an offer, a date, custom data or the name away, of which the last becomes
//     the product's; productKey, customerIdentifier and notificationUrl cannot be taken away. extensionData replaces what was there. With
//     another product, an offer that it does not have falls away where none is given, and a name that was the product's follows. An update
//     that changes nothing is 200, and nobody is notified; one that changes the product and other things is told twice, in that order.
//     A new customerIdentifier must not bring a customer above the maximum.
//   - Where the end user has to agree to another product, the entitlement must be ACTIVE or PENDING. Without their agreement it is ACTIVE
//     with the former product, which is told as PRODUCT_UPDATE as well. The same update again gets a new registration URL. What else is
//     in the update holds at once.
//   - A cancel of what is PENDING or SUSPENDED takes effect at once, also at a merchant that ends later. Anything live can be revoked. An
//     ending of what has ended, and a cancel of what is ACTIVE-ENDING, is a BAD_REQUEST with HTTP 409.
//   - Where the merchant takes its time, the reply is 202 with OK and the record as it still is; dates, reason and notification come with
//     the change. Changes that are queued together are looked at one by one when their time comes; one that is not possible any more,
//     or has nothing to do, is dropped without a word. Until then a status that is reached already is 200, as without a queue. An update
//     of notificationUrl alone does not reach the merchant, and one that the end user has to agree to is not queued.
//   - dateSuspended and dateResumed are those of the last time, and stay. dateEnded stays as announced when the announced end comes; a
//     revoke before that sets it anew, and so does a dateExpiry.
//   - category and code of the reason are required in generation 1, and in generation 2 where the other is given; its description has up
//     to 2,000 bytes, custom properties up to 4 KiB together. They become members of extensionData, in place of those of the same name,
//     and its members are sorted from then on; where it was a string, that becomes its member extensionData.
//   - An end user who declines makes the entitlement CANCELLED, with TERMINATION_SUCCESS: there is no reason value for it.
//   - What becomes FAILED, and what comes back from there, is told as METADATA_UPDATE. FAILED counts as ended until then.
//   - A merchant's change by itself leaves extensionData as it is, and happens at once and without the end user.
//   - Notifications that were not delivered before an update of notificationUrl go to the new one, too.
//   - The path GET /v1/products/{resellerIdentifier}, in which the identifier is the user name, another is NOT_FOUND, and productStatus is
//     always AVAILABLE. The list has all products of merchants that take new customers, and of which the customer has nothing.
//   - The signature is over the header Created and the body, one right after the other, with PKCS #1 v1.5; Created is the only header that
//     may be named. What does not fit is UNAUTHORIZED.
//   - The limit is for each minute that begins with a call. A call without valid credentials does not count.
//   - The clock that can be moved is for dates, ends, expiry and queued changes. Signatures and the limit go by the true time.
//   - Generation 2's base path, all of its paths and methods, which are those of generation 1, with GET activationInfo/{id}, POST
//     suspend/{id} and POST resume/{id}, with an empty object as body, below /v2/entitlement; that merchants and entitlements of a generation are not there for the
//     other; that a 201 and activationInfo have the responseCode OK; that activationInfo of what is not PENDING is a BAD_REQUEST, and
//     that its URL is a new one once the former has expired; that an unknown magic number is a BAD_REQUEST, and that other operations
//     do not look at it. URLs of BANGO_US last 24 hours. What expires is CANCELLED in generation 2, too.
//   - The order of a notification's fields after customerIdentifier.
//   - An operation that is not there is a BAD_REQUEST, which no client takes for a missing entitlement.
//
// # What it does not imitate
//
// Reactivate; suspending, resuming and ending with a part for the end user; a create that leaves a FAILED record; TLS and the list of
// allowed IP addresses; maintenance; batch files and reports in files; what generation 2 adds to the record, such as sharedCustomerId and
// externalEntitlementId, and the metadata of its errors; magic numbers of other operations. extraInformation is read and compared, and an
// activation code made; neither does anything.
//
// # Bounds
//
// It holds at most 20,000 entitlements, and refuses a create beyond that with NOT_AVAILABLE. The start page, the page of faults, the
// entitlements' and the merchants' pages need no sign-in, show everything of every reseller, and let whoever reaches them change it: put nothing real into a
// sandbox. Time limits for reading and writing are those of the server that it is given to.
package sandbox
