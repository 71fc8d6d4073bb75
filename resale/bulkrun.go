package resale

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// BulkRunner takes bulk jobs on, a step at a time: each is a transaction with the place that it leaves, so that whoever dies is continued by any
// portal. Several portals on one database share the work under one lock.
//
// What is asked of Bango goes through the requests like everything else, and must not keep people waiting who ask for something themselves:
// requests get times that are apart, and no more than a few are due at once, so that senders are free for the others.
type BulkRunner struct {
	service   *Service
	perMinute int
}

const (
	// DefaultBulkPerMinute is how many rows of bulk jobs are asked of Bango in a minute. Bango publishes no limit; a person's clicks go beside it.
	DefaultBulkPerMinute = 240

	bulkTick    = time.Second // between two looks at what has to be done
	bulkAtOnce  = 4           // requests of bulk jobs that may be due or with Bango, at least: half of a portal's senders
	bulkUnknown = 200         // requests of one job that may be open, those that wait for another try included, at least
	bulkStep    = 100         // rows in one transaction
	maxJobs     = 100         // that are looked at in one step
)

// NewBulkRunner returns a runner that asks at most so many rows a minute.
func NewBulkRunner(s *Service, perMinute int) *BulkRunner {
	return &BulkRunner{service: s, perMinute: max(perMinute, 1)}
}

// Run works until ctx is done.
func (r *BulkRunner) Run(ctx context.Context) {
	ticker := time.NewTicker(bulkTick)
	defer ticker.Stop()
	for {
		more, err := r.Step(ctx)
		if err != nil && ctx.Err() == nil {
			r.service.log.Error("a bulk job could not go on; it is tried again", "err", err)
		}
		if more && err == nil && ctx.Err() == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// atOnce is how many requests may be due or with Bango: as many as go in a tick, and a few at least.
func (r *BulkRunner) atOnce() int { return max(bulkAtOnce, r.perMinute/int(time.Minute/bulkTick)) }

// mayBeOpen is how many requests of one job may be open.
func (r *BulkRunner) mayBeOpen() int { return max(bulkUnknown, 2*r.atOnce()) }

// Step takes one step of each job that has one to take. Jobs are asked one after the other, the oldest first. It reports whether there is another
// step to take at once.
func (r *BulkRunner) Step(ctx context.Context) (more bool, err error) {
	jobs, err := r.service.store.ActiveBulkJobs(ctx, maxJobs)
	if err != nil || len(jobs) == 0 {
		return false, err
	}
	line, err := r.service.store.Line(ctx)
	if err != nil {
		return false, err
	}
	// What is with Bango already counts, whichever job it is of.
	open := make([][]BulkRow, len(jobs))
	room := r.atOnce()
	for i, j := range jobs {
		if j.Counts.Asked == 0 {
			continue
		}
		if open[i], err = r.service.store.BulkRows(ctx, BulkFilter{JobID: j.ID, State: RowAsked, Limit: r.mayBeOpen()}); err != nil {
			return false, err
		}
		for _, row := range open[i] {
			if row.Request.State == Queued || row.Request.State == Sending {
				room--
			}
		}
	}
	asking, judging := line.State != LineOpen, false
	var failed error
	for i, j := range jobs {
		var again bool
		var err error
		switch {
		case j.State == BulkJudging && judging:
			continue
		case j.State == BulkJudging:
			judging = true
			again, err = r.judge(ctx, j)
		default:
			mine := 0
			if j.State == BulkRunning && j.Counts.Todo > 0 && !asking {
				asking = true
				mine = min(room, r.mayBeOpen()-len(open[i]))
			}
			again, err = r.advance(ctx, j, open[i], mine)
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", j.Name(), err))
		}
		more = more || again && err == nil
	}
	return more, failed
}

// judge judges the next rows of a job's set. Nothing is locked meanwhile, since each row is judged again when its turn comes.
func (r *BulkRunner) judge(ctx context.Context, j BulkJob) (more bool, err error) {
	s := r.service
	set, next, err := s.nextOfSet(ctx, j)
	if CodeOf(err) == CodeNotFound { // another portal may have judged them just now
		now, readErr := s.store.BulkJob(ctx, j.ID)
		if readErr == nil && (now.State != j.State || now.Cursor != j.Cursor) {
			return true, nil
		}
	}
	if err != nil {
		return false, err
	}
	now := s.now()
	rows := make([]BulkRow, len(set))
	abilities := map[string][]Ability{}
	here := map[string]int64{} // rows of this step by entitlement
	for i, item := range set {
		row := BulkRow{JobID: j.ID, N: j.Counts.Rows + int64(i) + 1, Input: item.Input, Ask: item.Ask, Judged: now}
		e, why, err := s.resolve(ctx, item)
		if err != nil {
			return false, err
		}
		if row.Verdict, row.Why = NotKnown, why; why == "" {
			row.EntitlementID, row.Ref, row.CustomerIdentifier = e.ID, e.Ref, e.CustomerIdentifier
			row.ProductKey, row.Status = e.ProductKey, e.Status
			first, seen := here[e.ID]
			if !seen {
				if first, err = s.store.BulkRowOf(ctx, j.ID, e.ID); err != nil {
					return false, err
				}
			}
			switch {
			case first > 0:
				row.Verdict, row.Why = Twice, fmt.Sprintf("row %d has it already", first)
			case item.Fault != "":
				row.Verdict, row.Why = NotAllowed, item.Fault
			default:
				if row.Verdict, row.Why, _, err = s.judge(ctx, s.store, j.askOf(row), e, abilities); err != nil {
					return false, err
				}
			}
			if first == 0 {
				first = row.N
			}
			here[e.ID] = first
		}
		if row.Verdict == WillChange {
			row.State = RowTodo
		}
		rows[i] = row
	}
	err = s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		more = false
		if err := tx.LockNamed(ctx, bulkLockName); err != nil {
			return err
		}
		stored, err := tx.BulkJob(ctx, j.ID)
		if err != nil || stored.State != BulkJudging || stored.Cursor != j.Cursor {
			return err // another portal was faster, or somebody discarded it
		}
		after := stored
		after.Cursor, after.Updated = next, now
		if after.Counts.Rows+int64(len(rows)) > MaxBulkRows {
			after.State = BulkDiscarded
			after.Message = fmt.Sprintf("More than %d entitlements are in this view. Narrow it, then make another job.", MaxBulkRows)
			if err := tx.SaveBulkJob(ctx, after); err != nil {
				return err
			}
			return s.noteBulk(ctx, tx, after, Automatic, EventBulkStopped, "discarded it: the view has more than a job takes")
		}
		for _, row := range rows {
			if err := tx.InsertBulkRow(ctx, row); err != nil {
				return err
			}
			after.Counts.Rows++
			*after.Counts.verdict(row.Verdict)++
			if row.State != "" {
				*after.Counts.state(row.State)++
			}
		}
		if after.View == nil && len(set) > 0 {
			chunk, _ := strconv.ParseInt(j.Cursor, 10, 64)
			if err := tx.DeleteBulkChunk(ctx, j.ID, chunk); err != nil {
				return err
			}
		}
		if more = true; next == "" { // there may be another job to judge
			after.State = BulkReady
			text := fmt.Sprintf("finished the dry run: of %d rows, %d will change", after.Counts.Rows, after.Counts.Change)
			if err := s.noteBulk(ctx, tx, after, Automatic, EventBulkJudged, text); err != nil {
				return err
			}
		}
		tx.Announce(Change{Topics: []string{TopicBulk}})
		return tx.SaveBulkJob(ctx, after)
	})
	return more, err
}

// nextOfSet returns the next rows of a job's set, and where the ones after them begin; empty after the last.
func (s *Service) nextOfSet(ctx context.Context, j BulkJob) (set []BulkItem, next string, err error) {
	if j.View == nil {
		chunk := int64(0)
		if j.Cursor != "" {
			if chunk, err = strconv.ParseInt(j.Cursor, 10, 64); err != nil {
				return nil, "", err
			}
		}
		if set, err = s.store.BulkChunk(ctx, j.ID, chunk); err != nil {
			return nil, "", err
		}
		if j.Counts.Rows+int64(len(set)) < j.Counts.Given {
			next = strconv.FormatInt(chunk+1, 10)
		}
		return set, next, nil
	}
	view := *j.View
	view.Limit = bulkChunk
	if j.Cursor != "" {
		var micros int64
		var id string
		if _, err := fmt.Sscanf(j.Cursor, "%d %s", &micros, &id); err != nil {
			return nil, "", fmt.Errorf("%q is not a place in a list", j.Cursor)
		}
		view.After = &ListPosition{Updated: time.UnixMicro(micros).UTC(), ID: id}
	}
	page, err := s.store.ListEntitlements(ctx, view)
	if err != nil {
		return nil, "", err
	}
	for _, e := range page {
		set = append(set, BulkItem{Input: e.Ref})
	}
	if len(page) == bulkChunk {
		last := page[len(page)-1]
		next = fmt.Sprintf("%d %s", last.Updated.UnixMicro(), last.ID)
	}
	return set, next, nil
}

// askOf is what a row asks for.
func (j BulkJob) askOf(row BulkRow) Ask {
	if row.Ask.Kind != "" {
		return row.Ask
	}
	return j.Ask
}

// resolve finds the one entitlement that a row can mean: by its ref, by Bango's id, or by its customer's identifier where the customer has no
// more than one that is live. why says why there is none.
func (s *Service) resolve(ctx context.Context, item BulkItem) (e Entitlement, why string, err error) {
	if item.Input == "" {
		return e, "the row names no entitlement", nil
	}
	var meant []Entitlement
	add := func(found Entitlement, err error) error {
		if err == nil && !slices.ContainsFunc(meant, func(m Entitlement) bool { return m.ID == found.ID }) {
			meant = append(meant, found)
		}
		if CodeOf(err) == CodeNotFound {
			return nil
		}
		return err
	}
	if ref, ok := ParseRef(item.Input); ok {
		if err := add(s.store.EntitlementByRef(ctx, ref)); err != nil {
			return e, "", err
		}
	}
	if err := add(s.store.EntitlementByBangoID(ctx, item.Input)); err != nil {
		return e, "", err
	}
	why = "nothing has this reference or identifier"
	switch customer, err := s.store.CustomerKnownAs(ctx, item.Input); {
	case err == nil:
		services, err := s.store.EntitlementsOf(ctx, customer.ID, maxServices)
		if err != nil {
			return e, "", err
		}
		of := services
		if live := slices.DeleteFunc(slices.Clone(services), func(e Entitlement) bool { return !e.Status.Live() }); len(live) > 0 {
			of = live
		}
		why = "the customer has no entitlement"
		if len(of) == 1 {
			if err := add(of[0], nil); err != nil {
				return e, "", err
			}
		} else if len(of) > 1 {
			return e, "the customer has " + manyRefs(of), nil
		}
	case CodeOf(err) != CodeNotFound:
		return e, "", err
	}
	switch len(meant) {
	case 1:
		return meant[0], "", nil
	case 0:
		return e, why, nil
	}
	return e, "more than one may be meant: " + manyRefs(meant), nil
}

// maxServices is how many entitlements of a customer are looked at to find the one that is meant.
const maxServices = 50

// manyRefs names some entitlements of which one may be meant.
func manyRefs(of []Entitlement) string {
	var refs []string
	for _, e := range of[:min(len(of), 3)] {
		refs = append(refs, e.Ref)
	}
	if len(of) > 3 {
		refs = append(refs, fmt.Sprintf("%d more", len(of)-3))
	}
	return strings.Join(refs, ", ") + "; name one of them by its reference"
}

// judge says what becomes of an entitlement that is asked for something, and the request that asks where it will change. abilities are those
// of merchants that were looked up before.
func (s *Service) judge(ctx context.Context, from Reader, ask Ask, e Entitlement, abilities map[string][]Ability) (BulkVerdict, string, Request, error) {
	r := Request{Kind: ask.Kind, Reason: ask.Reason}
	requests, err := from.RequestsOf(ctx, e.ID, 1000)
	if err != nil {
		return "", "", r, err
	}
	if ask.Kind == KindCheck {
		if slices.ContainsFunc(requests, func(o Request) bool { return o.Kind == KindCheck && o.State.Open() }) {
			return AlreadySo, "a check is under way", r, nil
		}
		return WillChange, "", r, nil
	}
	i := slices.IndexFunc(acts, func(a act) bool { return a.kind == ask.Kind })
	if i < 0 {
		return NotAllowed, fmt.Sprintf("%.40q cannot be done in bulk", ask.Kind), r, nil
	}
	underWay := slices.ContainsFunc(requests, func(o Request) bool { return o.State.Open() && o.Kind != KindCheck })
	if !underWay && ask.Kind.reached(e.Status) {
		return AlreadySo, "it is " + string(e.Status) + " already", r, nil
	}
	known, looked := abilities[e.MerchantKey]
	if !looked {
		if known, err = from.AbilitiesOf(ctx, e.MerchantKey); err != nil {
			return "", "", r, err
		}
		abilities[e.MerchantKey] = known
	}
	if why := acts[i].whyNot(e, requests, Supervisor, known); why != "" {
		return NotAllowed, why, r, nil
	}
	switch ask.Kind {
	case KindRefresh: // everything must be as in the create
		for _, o := range requests {
			if o.Kind == KindCreate {
				r.Terms = o.Terms
			}
		}
	case KindUpdate:
		t, why, err := s.bulkTerms(ctx, ask, e)
		if err != nil {
			return "", "", r, err
		}
		if why != "" {
			return NotAllowed, why, r, nil
		}
		if t == (Terms{}) {
			return AlreadySo, "nothing is different from what it is now", r, nil
		}
		r.Terms = t
	}
	return WillChange, "", r, nil
}

// bulkTerms returns what of the terms is different from what the entitlement has, or why they cannot be asked for.
func (s *Service) bulkTerms(ctx context.Context, ask Ask, e Entitlement) (t Terms, why string, err error) {
	t = ask.Terms
	if ask.MerchantKey != "" && ask.MerchantKey != e.MerchantKey {
		return t, "the product is of another merchant", nil
	}
	if t.ProductKey == e.ProductKey {
		t.ProductKey = ""
	}
	if t.ProductKey != "" {
		if _, err := s.store.ProductByKeys(ctx, e.MerchantKey, t.ProductKey); err != nil {
			if CodeOf(err) == CodeNotFound {
				return t, "its merchant has no product " + clip(t.ProductKey, 60) + " in the catalogue", nil
			}
			return t, "", err
		}
	}
	t, err = s.onlyNew(ctx, e, t)
	var fault *Error
	if errors.As(err, &fault) && fault.Code == CodeInvalid {
		return t, fault.Message, nil
	}
	return t, "", err
}

// advance notes what became of the rows that were asked, asks at most so many more, and takes out what is left of a job that was cancelled.
// open are the rows that were asked, as they are.
func (r *BulkRunner) advance(ctx context.Context, j BulkJob, open []BulkRow, room int) (more bool, err error) {
	s := r.service
	settled := slices.ContainsFunc(open, func(row BulkRow) bool { return !row.Request.State.Open() })
	over := j.Counts.Todo == 0 && j.Counts.Asked == 0
	if room = min(room, r.turns(j, s.now())); !settled && !over && room <= 0 && j.State != BulkStopping {
		return false, nil
	}
	mayNot := ""
	if room > 0 {
		if mayNot, err = s.mayNotGoOn(ctx, j); err != nil {
			return false, err
		}
	}
	err = s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		more = false
		if err := tx.LockNamed(ctx, bulkLockName); err != nil {
			return err
		}
		j, err := tx.BulkJob(ctx, j.ID)
		if err != nil || j.State != BulkRunning && j.State != BulkPaused && j.State != BulkStopping {
			return err
		}
		if err := s.settleBulk(ctx, tx, &j, r.mayBeOpen()); err != nil {
			return err
		}
		switch now := s.now(); {
		case j.State == BulkStopping:
			err = s.stopRows(ctx, tx, &j)
		case j.State == BulkRunning && mayNot != "":
			j.State, j.Message = BulkPaused, mayNot
			err = s.noteBulk(ctx, tx, j, Automatic, EventBulkPaused, "paused it: "+mayNot)
		case j.State == BulkRunning:
			n := min(room, r.turns(j, now))
			err = r.askRows(ctx, tx, &j, min(n, bulkStep), now)
			more = n > bulkStep && j.Counts.Todo > 0
		}
		if err != nil {
			return err
		}
		more = more || j.State == BulkStopping && j.Counts.Todo > 0
		if j.Counts.Todo == 0 && j.Counts.Asked == 0 {
			j.State = BulkFinished
			if err := s.noteBulk(ctx, tx, j, Automatic, EventBulkFinished, "finished it: "+j.Counts.results()); err != nil {
				return err
			}
		}
		j.Updated = s.now()
		tx.Announce(Change{Topics: []string{TopicBulk}})
		return tx.SaveBulkJob(ctx, j)
	})
	s.wakeSender()
	return more, err
}

// mayNotGoOn says why a job does not go on in the name of whoever answers for it; empty where it does.
func (s *Service) mayNotGoOn(ctx context.Context, j BulkJob) (string, error) {
	person, err := s.store.Staff(ctx, j.ConfirmedBy.ID)
	if CodeOf(err) == CodeNotFound {
		return "", nil
	}
	if err == nil && (person.Disabled || !person.Role.AtLeast(Supervisor)) {
		return j.ConfirmedBy.Name + " is not a supervisor any more. Somebody who is can let it go on.", nil
	}
	return "", err
}

// turns is how many rows of a job may be given a time before the next tick.
func (r *BulkRunner) turns(j BulkJob, now time.Time) int {
	if j.State != BulkRunning {
		return 0
	}
	n := 0
	for at := r.next(j.Slot, now); at.Before(now.Add(bulkTick)) && n < int(j.Counts.Todo); at = at.Add(r.apart()) {
		n++
	}
	return n
}

// apart is the time between two requests of bulk jobs.
func (r *BulkRunner) apart() time.Duration { return time.Minute / time.Duration(r.perMinute) }

// next is when the row after the one at slot is asked.
func (r *BulkRunner) next(slot, now time.Time) time.Time {
	if slot.After(now.Add(2 * bulkTick)) {
		return now // the clock was set back
	}
	return latest(slot.Add(r.apart()), now)
}

// settleBulk notes what became of rows that were asked.
func (s *Service) settleBulk(ctx context.Context, tx Tx, j *BulkJob, atMost int) error {
	asked, err := tx.BulkRows(ctx, BulkFilter{JobID: j.ID, State: RowAsked, Limit: atMost})
	if err != nil {
		return err
	}
	states := map[RequestState]BulkRowState{Done: RowDone, Denied: RowRefused, Manual: RowManual}
	for _, row := range asked {
		state, settled := states[row.Request.State]
		if !settled {
			continue
		}
		row.Message, row.Settled = row.Request.Message, row.Request.Updated
		if err := j.move(ctx, tx, row, state); err != nil {
			return err
		}
	}
	return nil
}

// move puts a row into a state and keeps the job's counts.
func (j *BulkJob) move(ctx context.Context, tx Tx, row BulkRow, to BulkRowState) error {
	*j.Counts.state(row.State)--
	*j.Counts.state(to)++
	row.State = to
	return tx.SaveBulkRow(ctx, row)
}

// askRows stores the requests of the next rows. A row that is not any more as it was judged is judged again, and never asked for blindly.
func (r *BulkRunner) askRows(ctx context.Context, tx Tx, j *BulkJob, n int, now time.Time) error {
	if n <= 0 {
		return nil
	}
	s := r.service
	rows, err := tx.BulkRows(ctx, BulkFilter{JobID: j.ID, State: RowTodo, Limit: n})
	if err != nil {
		return err
	}
	abilities := map[string][]Ability{}
	for _, row := range rows {
		e, err := tx.LockEntitlement(ctx, row.EntitlementID)
		if err != nil {
			return err
		}
		ask := j.askOf(row)
		verdict, why, request, err := s.judge(ctx, tx, ask, e, abilities)
		if err != nil {
			return err
		}
		if row.Message = row.changed(e, verdict, why); row.Message != "" {
			row.Settled = now
			if err := j.move(ctx, tx, row, RowSkipped); err != nil {
				return err
			}
			continue
		}
		j.Slot = r.next(j.Slot, now)
		request.ID, request.NotBefore = newID(), j.Slot
		text := "asked to check with Bango"
		if i := slices.IndexFunc(acts, func(a act) bool { return a.kind == ask.Kind }); i >= 0 {
			text = acts[i].ask
		}
		if ask.Kind == KindUpdate {
			text += request.Terms.changes()
		}
		if err := s.insertRequest(ctx, tx, e, j.ConfirmedBy, request, text+", in "+j.Name()+because(ask.Reason)); err != nil {
			return err
		}
		row.RequestID, row.Asked = request.ID, now
		if err := j.move(ctx, tx, row, RowAsked); err != nil {
			return err
		}
	}
	return nil
}

// changed says what is not any more as it was in the dry run; empty where the row may be asked for.
func (row BulkRow) changed(e Entitlement, verdict BulkVerdict, why string) string {
	said := ""
	switch {
	case e.Status != row.Status:
		said = fmt.Sprintf("It was %s in the dry run and is %s now.", row.Status, e.Status)
	case e.ProductKey != row.ProductKey:
		said = "It has another product than in the dry run."
	case e.CustomerIdentifier != row.CustomerIdentifier:
		said = "It has another customer identifier than in the dry run."
	}
	switch {
	case verdict == AlreadySo:
		return strings.TrimSpace(said + " Nothing was left to do: " + why + ".")
	case verdict != WillChange:
		return strings.TrimSpace(said + " Nothing was asked: " + why + ".")
	case said != "":
		return said + " Nothing was asked; make another job if it is still meant."
	}
	return ""
}

// stopRows takes the next rows out of a job that was cancelled.
func (s *Service) stopRows(ctx context.Context, tx Tx, j *BulkJob) error {
	rows, err := tx.BulkRows(ctx, BulkFilter{JobID: j.ID, State: RowTodo, Limit: 5 * bulkStep})
	if err != nil {
		return err
	}
	for _, row := range rows {
		row.Settled = s.now()
		if err := j.move(ctx, tx, row, RowStopped); err != nil {
			return err
		}
	}
	return nil
}

// results tells what became of a job's rows.
func (c BulkCounts) results() string {
	var said []string
	for _, state := range BulkRowStates {
		if n := c.In(state); n > 0 {
			said = append(said, fmt.Sprintf("%d %s", n, map[BulkRowState]string{RowDone: "done", RowRefused: "refused", RowManual: "with a person",
				RowSkipped: "skipped", RowStopped: "cancelled", RowTodo: "to go", RowAsked: "asked"}[state]))
		}
	}
	return strings.Join(said, ", ")
}
