package resale

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Reconciler does what nobody waits for: it reads open questions back from Bango on a schedule, tries the effects of notifications that
// failed, and runs the other jobs. Several portals on one database share the work: a job's steps are leased, one at a time.
type Reconciler struct {
	service *Service
	every   time.Duration
}

// NewReconciler returns a reconciler that looks at open questions once in every.
func NewReconciler(s *Service, every time.Duration) *Reconciler {
	return &Reconciler{service: s, every: every}
}

const (
	jobTick = time.Second // between two looks at what has to be done
	jobPage = 200         // entitlements, or differences, in one step of a job

	checksPerMinute = 60               // read-backs of a schedule, whatever waits for one
	checksAhead     = 10 * time.Minute // how far ahead they are given a time; the rest waits for the next run

	usualLeast   = 10 * time.Minute // a product's usual time from creation to active is not taken for shorter
	usualDefault = time.Hour        // where too few are known
	usualSample  = 500              // newest active entitlements that tell it
	usualEnough  = 5                // of one product
	endGrace     = 5 * time.Minute  // after the date on which an entitlement was to end
)

// Run works until ctx is done.
func (r *Reconciler) Run(ctx context.Context) {
	ticker := time.NewTicker(jobTick)
	defer ticker.Stop()
	for {
		more, err := r.Step(ctx)
		if err != nil && ctx.Err() == nil {
			r.service.log.Error("reconciliation could not go on; it is tried again", "err", err)
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

// Step looks at what needs attention by now, tries the notifications that wait, and takes a step of each job that has one to take. It reports whether there is another step to
// take at once.
func (r *Reconciler) Step(ctx context.Context) (more bool, err error) {
	if more, err = r.attend(ctx); err != nil {
		return false, fmt.Errorf("what needs attention: %w", err)
	}
	if _, err := r.service.RetryNotifications(ctx); err != nil {
		return false, err
	}
	for _, job := range []struct {
		name JobName
		step func(context.Context, Tx, Job) (Job, error)
	}{{JobReconcile, r.reconcile}, {JobRepoint, r.repoint}, {JobTake, r.take}} {
		running, err := r.stepJob(ctx, job.name, job.step)
		if err != nil {
			return false, fmt.Errorf("%s: %w", job.name, err)
		}
		more = more || running
	}
	return more, nil
}

// stepJob takes one step of a job, if it runs or is due to: a transaction with the cursor that it leaves, so that whoever dies is continued by
// any portal. It reports whether the job goes on.
func (r *Reconciler) stepJob(ctx context.Context, name JobName, step func(context.Context, Tx, Job) (Job, error)) (running bool, err error) {
	due := func(j Job, now time.Time) bool {
		return j.State == JobRunning || name == JobReconcile && (!j.NextRun.After(now) || j.NextRun.After(now.Add(r.every))) // a clock set back
	}
	j, err := r.service.store.Job(ctx, name)
	if err != nil || !due(j, r.service.now()) {
		return false, err
	}
	err = r.service.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		running = false
		if err := tx.LockNamed(ctx, "job "+string(name)); err != nil {
			return err
		}
		j, err := tx.Job(ctx, name)
		now := r.service.now()
		if err != nil || !due(j, now) {
			return err
		}
		if j.State == JobIdle {
			j = Job{Name: name, State: JobRunning, Actor: Automatic, Slot: j.Slot, Started: now}
		}
		if j, err = step(ctx, tx, j); err != nil {
			return err
		}
		running = j.State == JobRunning
		if j.Updated = now; !running {
			j.Cursor = ""
			if name == JobReconcile {
				j.NextRun = now.Add(r.every)
			}
		}
		tx.Announce(Change{Topics: []string{TopicReconciliation}})
		return tx.SaveJob(ctx, j)
	})
	r.service.wakeSender()
	return running && err == nil, err
}

// startJob makes a job run from its beginning, unless it runs already.
func (s *Service) startJob(ctx context.Context, name JobName, by Actor) error {
	return s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		if err := tx.LockNamed(ctx, "job "+string(name)); err != nil {
			return err
		}
		j, err := tx.Job(ctx, name)
		if err != nil || j.State == JobRunning {
			return err
		}
		now := s.now()
		tx.Announce(Change{Topics: []string{TopicReconciliation}})
		return tx.SaveJob(ctx, Job{Name: name, State: JobRunning, Actor: by, Slot: j.Slot, Started: now, Updated: now, NextRun: j.NextRun})
	})
}

// Reconcile asks for open questions to be read back now. Agents may.
func (s *Service) Reconcile(ctx context.Context, by Actor) error {
	if err := by.must(Agent); err != nil {
		return err
	}
	return s.startJob(ctx, JobReconcile, by)
}

// openStatuses are the statuses in which an entitlement may be an open question, in the order in which they are looked at.
var openStatuses = []Status{Unknown, Failed, ActiveEnding, Pending}

// reconcile looks at one page of the entitlements that may be an open question, and asks for Bango's record of those that are. The cursor is
// the status and where its list goes on.
func (r *Reconciler) reconcile(ctx context.Context, tx Tx, j Job) (Job, error) {
	s := r.service
	now := s.now()
	status, at := openStatuses[0], (*ListPosition)(nil)
	if j.Cursor != "" {
		var err error
		if status, at, err = parseCursor(j.Cursor); err != nil {
			return j, err
		}
	}
	usual, err := usualTimes(ctx, tx)
	if err != nil {
		return j, err
	}
	rows, err := tx.ListEntitlements(ctx, EntitlementFilter{Status: status, After: at, Limit: jobPage})
	if err != nil {
		return j, err
	}
	slot := latest(j.Slot, now)
	if slot.After(now.Add(2 * checksAhead)) {
		slot = now // the clock was set back
	}
	for _, row := range rows {
		j.Done++
		since, open := openSince(row.Entitlement, now, usual)
		next := slot.Add(time.Minute / checksPerMinute)
		if !open || next.After(now.Add(checksAhead)) || !dueAgain(now, since, latest(row.CheckedAt, row.NotifiedAt), r.every) {
			continue
		}
		tried, err := lastTry(ctx, tx, row.ID)
		if err != nil {
			return j, err
		}
		if !dueAgain(now, since, tried, r.every) {
			continue
		}
		asked, err := s.askCheck(ctx, tx, row.Entitlement, Automatic, next)
		if err != nil {
			return j, err
		}
		if asked {
			j.Found++
			slot = next
		}
	}
	j.Slot = slot
	switch last := slices.Index(openStatuses, status) == len(openStatuses)-1; {
	case len(rows) == jobPage:
		row := rows[len(rows)-1]
		j.Cursor = cursor(status, row.Updated, row.ID)
	case !last:
		j.Cursor = cursor(openStatuses[slices.Index(openStatuses, status)+1], time.Time{}, "")
	default:
		j.State = JobIdle
		j.Message = fmt.Sprintf("Looked at: %d. Read back from Bango: %d.", j.Done, j.Found)
	}
	return j, nil
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// cursor and parseCursor write and read "STATUS microseconds id"; the last two are missing at the beginning of a list.
func cursor(s Status, updated time.Time, id string) string {
	if id == "" {
		return string(s)
	}
	return fmt.Sprintf("%s %d %s", s, updated.UnixMicro(), id)
}

func parseCursor(c string) (Status, *ListPosition, error) {
	word, rest, more := strings.Cut(c, " ")
	status, ok := ParseStatus(word)
	if ok && !more {
		return status, nil, nil
	}
	var micros int64
	var id string
	if _, err := fmt.Sscanf(rest, "%d %s", &micros, &id); !ok || err != nil {
		return "", nil, fmt.Errorf("%q is not a place in a list", c)
	}
	return status, &ListPosition{Updated: time.UnixMicro(micros).UTC(), ID: id}, nil
}

// openSince returns since when Bango's record should be read back although nobody asked, and false where it should not: what is not known, what
// failed, what should have ended, and what has been pending for longer than is usual.
func openSince(e Entitlement, now time.Time, usual map[string]time.Duration) (since time.Time, open bool) {
	switch e.Status {
	case Unknown, Failed:
		return latest(e.Created, e.DateLastUpdated), true
	case ActiveEnding:
		if e.DateEnded.IsZero() { // nobody said when, so that no end of it is late
			return latest(e.Created, e.DateLastUpdated), true
		}
		return e.DateEnded, !now.Before(e.DateEnded.Add(endGrace))
	case Pending:
		since = e.Created.Add(cmp.Or(usual[e.ProductID], usualDefault))
		return since, !now.Before(since)
	}
	return time.Time{}, false
}

// dueAgain reports whether an open question should be read back again. The longer it has been one, the seldomer: one that waits for months
// costs a call now and then, not one every time.
func dueAgain(now, since, checked time.Time, every time.Duration) bool {
	if checked.After(now.Add(every)) {
		return true // the clock was set back
	}
	return now.Sub(checked) >= max(every, now.Sub(since)/4)
}

// lastTry returns when reading an entitlement back last came to an end, whatever came of it.
func lastTry(ctx context.Context, r Reader, entitlementID string) (time.Time, error) {
	requests, err := r.RequestsOf(ctx, entitlementID, 20)
	for _, request := range requests { // newest first
		if request.Kind == KindCheck && !request.State.Open() {
			return request.Updated, err
		}
	}
	return time.Time{}, err
}

// usualTimes returns how long it usually takes from creation to active, by our id of the product: twice the median of those that became
// active last. A product of which too few are known is missing.
func usualTimes(ctx context.Context, r Reader) (map[string]time.Duration, error) {
	rows, err := r.ListEntitlements(ctx, EntitlementFilter{Status: Active, Limit: usualSample})
	if err != nil {
		return nil, err
	}
	took := map[string][]time.Duration{}
	for _, e := range rows {
		if !e.DateCreated.IsZero() && e.DateActivated.After(e.DateCreated) {
			took[e.ProductID] = append(took[e.ProductID], e.DateActivated.Sub(e.DateCreated))
		}
	}
	usual := map[string]time.Duration{}
	for product, times := range took {
		if len(times) >= usualEnough {
			slices.Sort(times)
			usual[product] = max(2*times[len(times)/2], usualLeast)
		}
	}
	return usual, nil
}

// Repoint asks for Bango to be told where notifications go now, for every life that was created under another public URL. Admins may.
func (s *Service) Repoint(ctx context.Context, by Actor) error {
	if err := by.must(Admin); err != nil {
		return err
	}
	return s.startJob(ctx, JobRepoint, by)
}

// ToPoint returns how many lives Bango still notifies at another public URL than ours.
func (s *Service) ToPoint(ctx context.Context) (int64, error) {
	return s.store.CountToPoint(ctx, s.publicURL)
}

// repoint asks for one page of lives to be told. One that something else is under way for is looked at again in the next run. The cursor is
// the id of the last one.
func (r *Reconciler) repoint(ctx context.Context, tx Tx, j Job) (Job, error) {
	s := r.service
	lives, err := tx.EntitlementsToPoint(ctx, s.publicURL, j.Cursor, jobPage)
	if err != nil {
		return j, err
	}
	for _, e := range lives {
		j.Done++
		j.Cursor = e.ID
		if e, err = tx.LockEntitlement(ctx, e.ID); err != nil {
			return j, err
		}
		requests, err := tx.RequestsOf(ctx, e.ID, 20)
		if err != nil {
			return j, err
		}
		if slices.ContainsFunc(requests, func(r Request) bool { return r.State.Open() && r.Kind != KindCheck }) {
			continue
		}
		j.Found++
		err = s.insertRequest(ctx, tx, e, j.Actor, Request{Kind: KindUpdate, Terms: Terms{NotificationBase: s.publicURL}},
			"asked Bango to notify us at our new address")
		if err != nil {
			return j, err
		}
	}
	if len(lives) < jobPage {
		j.State = JobIdle
		j.Message = fmt.Sprintf("Looked at: %d. Bango is told of the new address: %d.", j.Done, j.Found)
	}
	return j, nil
}

// take takes over what Bango says of one page of differences. One that cannot be taken over is passed over and stays open. The cursor is the
// id of the last one.
func (r *Reconciler) take(ctx context.Context, tx Tx, j Job) (Job, error) {
	open, err := tx.OpenDrift(ctx, j.Cursor, jobPage)
	if err != nil {
		return j, err
	}
	for _, d := range open {
		j.Done++
		j.Cursor = d.ID
		switch err := r.service.take(ctx, tx, j.Actor, d.ID); {
		case err == nil:
			j.Found++
		case CodeOf(err) != CodeConflict && CodeOf(err) != CodeInvalid:
			return j, err
		}
	}
	if len(open) < jobPage {
		j.State = JobIdle
		j.Message = fmt.Sprintf("Looked at: %d. Taken over: %d.", j.Done, j.Found)
	}
	return j, nil
}
