package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"latchkey/bango"
)

// certifyCmd goes through what Bango certifies before it lets a reseller go live, and through what else the portal relies on.
type certifyCmd struct {
	portalFlags
	Merchant string        `default:"BANGO" placeholder:"KEY" help:"merchantAccountKey of the merchant to test with."`
	Product  string        `default:"BangoMusic" placeholder:"KEY" help:"productKey of what is created."`
	Offer    string        `placeholder:"KEY" help:"offerKey to create it with. Default: none."`
	Wait     time.Duration `default:"10m" placeholder:"DURATION" help:"How long to wait for the person who signs up at the merchant."`
	Auto     bool          `help:"Sign up without a person, which only the sandbox's merchants allow. A sandbox on this machine needs no flag."`
	Evidence string        `placeholder:"DIR" help:"Folder to make for the evidence. Default: latchkey-certification- and the time."`
}

func (c *certifyCmd) Run(ctx context.Context, s streams) error {
	r, err := c.open(ctx, s.out)
	if err != nil {
		return err
	}
	defer r.inbox.close()
	return r.certify(ctx)
}

// open makes everything ready for a run.
func (c *certifyCmd) open(ctx context.Context, out io.Writer) (*certification, error) {
	set, err := c.settings()
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC()
	r := &certification{set: set, merchant: c.Merchant, product: c.Product, offer: c.Offer, auto: c.Auto || set.links.AllowLoopback,
		out: out, reason: testReason(set.bangoWire.Generation), tag: now.Format("20060102T150405") + "-" + strings.ToLower(rand.Text()[:6]), made: map[string]bool{},
		patience: patience{person: c.Wait, merchant: time.Minute, notification: 30 * time.Second, between: 2 * time.Second}}
	if r.client, err = bango.New(set.bango()); err != nil {
		return nil, fmt.Errorf("LATCHKEY_BANGO_URL: %w", err)
	}
	wrong := set.bango()
	wrong.Password = rand.Text()
	if r.stranger, err = bango.New(wrong); err != nil {
		return nil, fmt.Errorf("LATCHKEY_BANGO_URL: %w", err)
	}
	r.evidence, err = newEvidence(cmp.Or(c.Evidence, "latchkey-certification-"+now.Format("20060102T150405Z")),
		append(slices.Concat(set.webhookKeys, set.webhookPasswords), set.bangoPassword, set.webhookOAuth.IntrospectionPassword))
	if err != nil {
		return nil, err
	}
	r.inbox = openInbox(ctx, set)
	r.evidence.hide(r.inbox.token)
	return r, nil
}

// patience is how long a certification waits, and for whom.
type patience struct {
	person       time.Duration // to sign up
	merchant     time.Duration // to carry out a change that Bango has queued
	notification time.Duration
	between      time.Duration // between two looks at a record
}

// certification is one run through the cases, and what the later ones know from the earlier ones.
type certification struct {
	set                      settings
	client, stranger         *bango.Client // the stranger has a wrong password
	merchant, product, offer string
	auto                     bool
	evidence                 *evidence
	inbox                    *inbox
	patience                 patience
	out                      io.Writer
	tag                      string // part of every identifier, so that no run meets the traces of another
	requests                 int    // made so far

	now       string          // the case that runs
	requestID string          // of the first create
	create    *bango.Reply    // the answer to it
	id        string          // what it made
	reason    bango.Reason    // of every ending
	ending    bool            // the cancel was for a date to come
	revoked   string          // the entitlement that was revoked
	made      map[string]bool // entitlements that this run has seen made
	customers []string        // that they may have been made for
}

// verdict is how a case ended.
type verdict string

const (
	held         verdict = "held"
	failed       verdict = "FAILED"
	notSupported verdict = "not supported" // by the merchant, which is no failure
	notChecked   verdict = "not checked"   // for a reason that is no failure
	notReached   verdict = "not reached"   // because a case that it builds upon did not hold
)

// certCase is one thing that must be so.
type certCase struct {
	name       string
	documented bool   // by Bango, for certification; otherwise it is ours
	after      string // the case whose effect it builds upon; empty for none
	expected   string
	// run says what it saw; an error that is no [aside] means that the case failed.
	run func(r *certification, ctx context.Context) (seen string, err error)
}

// aside ends a case without a failure.
type aside struct {
	verdict verdict
	why     string
}

func (a aside) Error() string { return a.why }

// result is a line of the table.
type result struct {
	certCase
	seen    string
	verdict verdict
	took    time.Duration
}

func (r result) kind() string {
	if r.documented {
		return "documented"
	}
	return "ours"
}

// certify runs the cases, ends what is left over at Bango, and prints and keeps what was found. An error says that not all held.
func (r *certification) certify(ctx context.Context) error {
	ended := map[string]verdict{}
	var results []result
	for _, c := range certCases {
		res := r.try(ctx, c, ended)
		ended[c.name] = res.verdict
		results = append(results, res)
	}
	r.now = "cleanup"
	left := r.cleanUp(ctx)
	table(r.out, results)
	fmt.Fprintf(r.out, "\n%s\n", left)
	if err := r.evidence.summarise(r, results, left); err != nil {
		return err
	}
	fmt.Fprintf(r.out, "The evidence is in %s\n", r.evidence.folder)
	bad := 0
	for _, res := range results {
		if res.verdict == failed || res.verdict == notReached {
			bad++
		}
	}
	switch {
	case ctx.Err() != nil:
		return errors.New("the certification was interrupted")
	case bad > 0:
		return fmt.Errorf("%d of %d cases did not hold; the table says what was expected and what was seen", bad, len(results))
	}
	return nil
}

// try runs one case, if what it builds upon held.
func (r *certification) try(ctx context.Context, c certCase, ended map[string]verdict) result {
	res := result{certCase: c}
	switch before := ended[c.after]; {
	case ctx.Err() != nil:
		res.verdict, res.seen = notReached, "interrupted"
		return res
	case c.after == "" || before == held:
	case before == failed || before == notReached:
		res.verdict, res.seen = notReached, fmt.Sprintf("needs %q", c.after)
		return res
	default:
		res.verdict, res.seen = before, fmt.Sprintf("like %q", c.after)
		return res
	}
	r.now = c.name
	began := time.Now()
	seen, err := c.run(r, ctx)
	res.took, res.verdict, res.seen = time.Since(began), held, seen
	var other aside
	switch {
	case errors.As(err, &other):
		res.verdict, res.seen = other.verdict, other.why
	case err != nil && ctx.Err() != nil:
		res.verdict, res.seen = notReached, "interrupted"
	case err != nil:
		res.verdict, res.seen = failed, err.Error()
	}
	return res
}

func table(out io.Writer, results []result) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RESULT\tCASE\tKIND\tMS\tEXPECTED\tSEEN")
	for _, r := range results {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\n", r.verdict, r.name, r.kind(), r.took.Milliseconds(), r.expected, oneLineOf(r.seen))
	}
	w.Flush()
}

// oneLineOf keeps words of Bango's from breaking a table.
func oneLineOf(s string) string { return strings.Join(strings.Fields(s), " ") }

// call makes one call and keeps its evidence. requestID is empty for a read.
func (r *certification) call(requestID string, do func() (*bango.Reply, error)) (*bango.Reply, error) {
	reply, err := do()
	var failure *bango.Error
	switch {
	case err == nil:
		r.evidence.exchange(r.now, requestID, reply.Exchange)
	case errors.As(err, &failure):
		r.evidence.exchange(r.now, requestID, failure.Exchange)
	}
	return reply, err
}

// newRequestID returns an X-RequestIdentifier that nobody has used.
func (r *certification) newRequestID() string {
	r.requests++
	return fmt.Sprintf("latchkey-cert-%s-%d", r.tag, r.requests)
}

// customer returns the identifier of one of this run's customers.
func (r *certification) customer(n int) string { return fmt.Sprintf("latchkey-cert-%s-c%d", r.tag, n) }

// ask creates an entitlement, and remembers it so that it is not left over.
func (r *certification) ask(ctx context.Context, requestID, customer, product string) (*bango.Reply, error) {
	in := bango.CreateRequest{CustomerIdentifier: customer, MerchantAccountKey: r.merchant, ProductKey: product, NotificationURL: r.inbox.url}
	if r.offer != "" {
		in.OfferKey = &r.offer
	}
	if !slices.Contains(r.customers, customer) {
		r.customers = append(r.customers, customer)
	}
	reply, err := r.call(requestID, func() (*bango.Reply, error) { return r.client.Create(ctx, requestID, in) })
	if err == nil {
		r.made[reply.Record.EntitlementID] = true
	}
	return reply, err
}

func (r *certification) read(ctx context.Context, id string) (*bango.Reply, error) {
	return r.call("", func() (*bango.Reply, error) { return r.client.Read(ctx, id) })
}

func (r *certification) report(ctx context.Context, customer string) (*bango.Reply, error) {
	return r.call("", func() (*bango.Reply, error) {
		return r.client.Report(ctx, bango.ReportFilter{CustomerIdentifier: customer})
	})
}

// wanted says whether a record is as it is to become.
type wanted func(bango.Record) bool

// is wants one of the statuses.
func is(statuses ...string) wanted {
	return func(record bango.Record) bool { return slices.Contains(statuses, record.Status) }
}

// reads reads a record until it is as wanted.
func (r *certification) reads(ctx context.Context, id string, atMost time.Duration, want wanted) (*bango.Reply, error) {
	limit := time.NewTimer(atMost)
	defer limit.Stop()
	for {
		reply, err := r.read(ctx, id)
		if err == nil && want(reply.Record) {
			return reply, nil
		}
		pause := time.NewTimer(r.patience.between)
		select {
		case <-pause.C:
			continue
		case <-limit.C:
		case <-ctx.Done():
		}
		pause.Stop()
		if err == nil {
			err = fmt.Errorf("after %s it is %s", atMost, reply.Record.Status)
		}
		return nil, err
	}
}

// change makes a write to an entitlement and returns its record once it is as wanted: at once, or, where Bango has queued the
// change for the merchant, after reading it back.
func (r *certification) change(ctx context.Context, id string, do func(requestID string) (*bango.Reply, error), want wanted) (*bango.Reply, error) {
	requestID := r.newRequestID()
	reply, err := r.call(requestID, func() (*bango.Reply, error) { return do(requestID) })
	switch {
	case err != nil:
		return nil, err
	case want(reply.Record):
		return reply, nil
	case reply.Outcome == bango.OutcomeAccepted:
		return r.reads(ctx, id, r.patience.merchant, want)
	}
	return nil, fmt.Errorf("HTTP %d %s, and the status is %s", reply.Exchange.Status, reply.ResponseCode, reply.Record.Status)
}

// unsupported turns the refusal of what a merchant never does into an [aside].
func unsupported(err error) error {
	var refusal *bango.Error
	if errors.As(err, &refusal) && refusal.ResponseCode == "NOT_AVAILABLE" {
		return aside{notSupported, err.Error()}
	}
	return err
}

// cleanUpTime is how long the end may take, also after an interruption.
const cleanUpTime = 20 * time.Second

// cleanUp cancels what this run has left at Bango, as well as it can, and says what it did. It looks for what was made unseen, too.
func (r *certification) cleanUp(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
	defer cancel()
	for _, customer := range r.customers {
		if reply, err := r.report(ctx, customer); err == nil {
			for _, record := range reply.Records {
				r.made[record.EntitlementID] = true
			}
		}
	}
	var cancelled, left []string
	for id := range r.made {
		reply, err := r.read(ctx, id)
		if err == nil && slices.Contains(over, reply.Record.Status) {
			continue
		}
		requestID := r.newRequestID()
		reply, err = r.call(requestID, func() (*bango.Reply, error) { return r.client.Cancel(ctx, requestID, id, r.reason) })
		if err == nil && (reply.Outcome == bango.OutcomeAccepted || slices.Contains(over, reply.Record.Status)) {
			cancelled = append(cancelled, id)
		} else if !notThere(err) {
			left = append(left, id)
		}
	}
	slices.Sort(left)
	switch {
	case len(left) > 0:
		return "Left over at Bango, since it could not be cancelled; cancel it by hand: " + strings.Join(left, ", ")
	case len(cancelled) > 0:
		return fmt.Sprintf("Left over at Bango, and cancelled now: %d.", len(cancelled))
	}
	return "Nothing is left over at Bango."
}

func notThere(err error) bool {
	var failure *bango.Error
	return errors.As(err, &failure) && failure.Outcome == bango.OutcomeNotFound
}
