package resale

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// BulkState is how far a bulk job is.
type BulkState string

const (
	BulkJudging   BulkState = "judging"   // the dry run: the set is read and each row judged
	BulkReady     BulkState = "ready"     // judged; waits for a person to confirm by the number
	BulkRunning   BulkState = "running"   // row after row is asked of Bango
	BulkPaused    BulkState = "paused"    // nothing more is asked; what was asked settles
	BulkStopping  BulkState = "stopping"  // the rows that are left are taken out
	BulkFinished  BulkState = "finished"  // every row has its outcome
	BulkDiscarded BulkState = "discarded" // nothing was asked and nothing will be
)

// Verdict is what the dry run says of a row.
type BulkVerdict string

const (
	WillChange BulkVerdict = "change"      // it will be asked of Bango
	AlreadySo  BulkVerdict = "already"     // nothing is left to do
	NotAllowed BulkVerdict = "not_allowed" // it cannot be done, for the reason given
	NotKnown   BulkVerdict = "unknown"     // no such entitlement, or more than one may be meant
	Twice      BulkVerdict = "twice"       // an earlier row has the same entitlement
)

// BulkVerdicts lists them in the order in which pages show them.
var BulkVerdicts = []BulkVerdict{WillChange, AlreadySo, NotAllowed, NotKnown, Twice}

// BulkRowState is what became of a row that was to change; empty for every other row.
type BulkRowState string

const (
	RowTodo    BulkRowState = "todo"    // its turn has not come
	RowAsked   BulkRowState = "asked"   // its request is stored, and says how far it is
	RowDone    BulkRowState = "done"    // Bango did it
	RowRefused BulkRowState = "refused" // Bango said no
	RowManual  BulkRowState = "manual"  // a person decides
	RowSkipped BulkRowState = "skipped" // it was not any more as in the dry run when its turn came; nothing was asked
	RowStopped BulkRowState = "stopped" // somebody cancelled the rest; nothing was asked
)

// BulkRowStates lists them in the order in which pages show them.
var BulkRowStates = []BulkRowState{RowTodo, RowAsked, RowDone, RowRefused, RowManual, RowSkipped, RowStopped}

// BulkKinds are the acts that a bulk job may have.
var BulkKinds = []RequestKind{KindSuspend, KindResume, KindCancel, KindRevoke, KindUndo, KindRefresh, KindUpdate, KindCheck}

// Ask is what a bulk job, or one row of it, asks for.
type Ask struct {
	Kind        RequestKind `json:",omitempty"` // empty where each row has its own
	Reason      Reason      `json:",omitzero"`
	Terms       Terms       `json:",omitzero"`  // of an update
	MerchantKey string      `json:",omitempty"` // of an update: whose product it is; empty for the entitlement's own merchant
}

// BulkItem is one line of what was given: an entitlement by its ref, Bango's id or its customer's identifier.
type BulkItem struct {
	Input string
	Ask   Ask    `json:",omitzero"`  // its own, zero for the job's
	Fault string `json:",omitempty"` // why it cannot be asked, whatever the entitlement
}

const (
	MaxBulkRows = 20_000  // of one job
	MaxBulkFile = 5 << 20 // bytes of one file, or of what is pasted

	maxBulkInput = 300 // bytes that name one entitlement
)

// BulkCounts are the rows of a job by verdict, and by what became of them.
type BulkCounts struct {
	Given                                                int64 // rows that were given; 0 where the set is a view of the list
	Rows                                                 int64 // judged so far
	Change, Already, NotAllowed, Unknown, Twice          int64
	Todo, Asked, Done, Refused, Manual, Skipped, Stopped int64
}

// Of returns the number of rows with a verdict.
func (c BulkCounts) Of(v BulkVerdict) int64 {
	if n := c.verdict(v); n != nil {
		return *n
	}
	return 0
}

// In returns the number of rows in a state.
func (c BulkCounts) In(s BulkRowState) int64 {
	if n := c.state(s); n != nil {
		return *n
	}
	return 0
}

// Settled returns how many of the rows that were to change have their outcome.
func (c BulkCounts) Settled() int64 { return c.Change - c.Todo - c.Asked }

func (c *BulkCounts) verdict(v BulkVerdict) *int64 {
	return map[BulkVerdict]*int64{WillChange: &c.Change, AlreadySo: &c.Already, NotAllowed: &c.NotAllowed, NotKnown: &c.Unknown, Twice: &c.Twice}[v]
}

func (c *BulkCounts) state(s BulkRowState) *int64 {
	return map[BulkRowState]*int64{RowTodo: &c.Todo, RowAsked: &c.Asked, RowDone: &c.Done, RowRefused: &c.Refused, RowManual: &c.Manual,
		RowSkipped: &c.Skipped, RowStopped: &c.Stopped}[s]
}

// BulkJob is one act for many entitlements. Its set is frozen while it is judged: what runs are exactly those rows.
type BulkJob struct {
	ID          string // UUIDv7
	Number      int64  // what people call it
	Ask         Ask
	Source      string             // where the set is from, for people
	View        *EntitlementFilter // the view of the list that the set is; nil where it was given
	State       BulkState
	Cursor      string // where judging goes on
	Counts      BulkCounts
	Slot        time.Time // the last request that was given a time
	Message     string    // why it was discarded, or why it does not go on
	Actor       Actor     // who made it
	ConfirmedBy Actor     // in whose name it runs; zero before that
	Created     time.Time
	Confirmed   time.Time
	Updated     time.Time
}

// Name is what to call the job in a sentence.
func (j BulkJob) Name() string { return fmt.Sprintf("bulk job %d", j.Number) }

// Active reports whether something of it happens by itself.
func (j BulkJob) Active() bool {
	return j.State == BulkJudging || j.State == BulkRunning || j.State == BulkStopping || j.State == BulkPaused && j.Counts.Asked > 0
}

// BulkRow is one row of the frozen set.
type BulkRow struct {
	JobID              string
	N                  int64 // in the order in which it was given, from 1
	Input              string
	Ask                Ask    // its own, zero for the job's
	EntitlementID      string // empty where none was found, and so the next three
	Ref                string
	CustomerIdentifier string
	ProductKey         string
	Status             Status // when it was judged
	Verdict            BulkVerdict
	Why                string // of the verdict, in a few words
	State              BulkRowState
	RequestID          string
	Message            string // what became of it
	Judged             time.Time
	Asked              time.Time
	Settled            time.Time

	StatusNow Status  // the entitlement's, as it is stored now
	Request   Request // its state, message and time alone; zero where nothing was asked
}

// Outcome tells what became of a row in a word: its state or, while Bango has not settled it, its request's.
func (r BulkRow) Outcome() string {
	if r.State == RowAsked && r.Request.State.Open() {
		return string(r.Request.State)
	}
	return string(r.State)
}

// Says is what there is to say of a row: Bango's words or ours.
func (r BulkRow) Says() string {
	if r.State == RowAsked {
		return r.Request.Message
	}
	if r.Message != "" {
		return r.Message
	}
	return r.Why
}

// BulkFilter says which rows of a job a page shows: of a verdict, in a state, or all.
type BulkFilter struct {
	JobID   string
	Verdict BulkVerdict
	State   BulkRowState // not together with Verdict
	After   int64        // the row's number where the page before ended
	Limit   int
}

// BulkReader reads bulk jobs.
type BulkReader interface {
	BulkJob(ctx context.Context, id string) (BulkJob, error)
	BulkJobs(ctx context.Context, before int64, limit int) ([]BulkJob, error) // newest first, with numbers below before; 0: from the newest
	ActiveBulkJobs(ctx context.Context, limit int) ([]BulkJob, error)         // oldest first: those that a runner has work with
	BulkChunk(ctx context.Context, jobID string, n int64) ([]BulkItem, error)
	BulkRows(ctx context.Context, f BulkFilter) ([]BulkRow, error)
	// BulkRowOf returns the number of the row that has the entitlement, 0 for none.
	BulkRowOf(ctx context.Context, jobID, entitlementID string) (int64, error)
	BulkEvents(ctx context.Context, jobID string, limit int) ([]Event, error) // newest first
}

// BulkTx changes bulk jobs.
type BulkTx interface {
	InsertBulkJob(ctx context.Context, j BulkJob) (BulkJob, error) // gives it its number; the caller holds the lock named bulkLockName
	SaveBulkJob(ctx context.Context, j BulkJob) error
	InsertBulkChunk(ctx context.Context, jobID string, n int64, items []BulkItem) error
	DeleteBulkChunk(ctx context.Context, jobID string, n int64) error
	InsertBulkRow(ctx context.Context, r BulkRow) error
	SaveBulkRow(ctx context.Context, r BulkRow) error // its state, request, message and times
}

// TopicBulk is the topic of all bulk jobs.
const TopicBulk = "bulk"

// bulkLockName is what whoever changes a bulk job locks: there is one at a time.
const bulkLockName = "bulk"

// bulkChunk is how many rows are stored together until they are judged, and judged in one step.
const bulkChunk = 200

// NewBulk is what the form for a bulk job asks for.
type NewBulk struct {
	Kind      RequestKind // empty: each item has its own act
	Reason    Reason
	ProductID string // of an update
	Items     []BulkItem
	View      *EntitlementFilter // in place of Items
	Source    string
}

// StartBulk stores a bulk job and its set. Nothing is asked of Bango before somebody confirms it. Supervisors may.
func (s *Service) StartBulk(ctx context.Context, by Actor, n NewBulk) (BulkJob, error) {
	if err := by.must(Supervisor); err != nil {
		return BulkJob{}, err
	}
	n.Reason.Description = strings.TrimSpace(n.Reason.Description)
	j := BulkJob{ID: newID(), Ask: Ask{Kind: n.Kind, Reason: n.Reason}, Source: n.Source, View: n.View, State: BulkJudging, Actor: by,
		Created: s.now(), Updated: s.now(), Counts: BulkCounts{Given: int64(len(n.Items))}}
	own := slices.ContainsFunc(n.Items, func(i BulkItem) bool { return i.Ask.Kind != "" || i.Fault != "" })
	switch {
	case n.Kind == "" && !own:
		return BulkJob{}, Invalid("act", "Choose what is to be done.")
	case n.Kind != "" && own:
		return BulkJob{}, Invalid("act", "The file says by itself what is to be done. Choose “What the file says”, or take its column action out.")
	case n.Kind != "" && !slices.Contains(BulkKinds, n.Kind):
		return BulkJob{}, Invalid("act", "%.40q cannot be done in bulk.", n.Kind)
	case len(n.Items) == 0 && n.View == nil:
		return BulkJob{}, Invalid("refs", "Name at least one entitlement: paste references or identifiers, or choose a file.")
	case len(n.Items) > MaxBulkRows:
		return BulkJob{}, Invalid("refs", "These are %d rows, and a job takes %d. Split them.", len(n.Items), MaxBulkRows)
	case !printable(n.Source) || len(n.Source) > 300:
		return BulkJob{}, Invalid("file", "The file's name has characters in it that cannot be shown, or is too long.")
	}
	if n.Kind != "" {
		if err := n.Reason.check(n.Kind, s.reasons); err != nil {
			return BulkJob{}, err
		}
	}
	if n.Kind == KindUpdate {
		if n.ProductID == "" {
			return BulkJob{}, Invalid("product", "Choose the product that they change to.")
		}
		p, err := s.store.Product(ctx, n.ProductID)
		if err != nil {
			return BulkJob{}, err
		}
		j.Ask.Terms.ProductKey, j.Ask.MerchantKey = p.Key, p.Merchant.Key
	}
	err := s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		if err := tx.LockNamed(ctx, bulkLockName); err != nil {
			return err
		}
		var err error
		if j, err = tx.InsertBulkJob(ctx, j); err != nil {
			return err
		}
		chunk := int64(0)
		for items := range slices.Chunk(n.Items, bulkChunk) {
			if err := tx.InsertBulkChunk(ctx, j.ID, chunk, items); err != nil {
				return err
			}
			chunk++
		}
		return s.noteBulk(ctx, tx, j, by, EventBulkMade, "made it: "+j.asks()+", "+j.Source)
	})
	return j, err
}

// asks tells what the job asks for, with its reason.
func (j BulkJob) asks() string {
	switch j.Ask.Kind {
	case "":
		return "what each row says"
	case KindUpdate:
		return "update, " + j.Ask.Terms.changes()
	}
	return string(j.Ask.Kind) + because(j.Ask.Reason)
}

// noteBulk writes an event of the job as a whole, and tells pages.
func (s *Service) noteBulk(ctx context.Context, tx Tx, j BulkJob, by Actor, kind EventKind, text string) error {
	tx.Announce(Change{Topics: []string{TopicBulk}})
	return tx.AddEvent(ctx, Event{ID: newID(), BulkID: j.ID, At: s.now(), Actor: by, Kind: kind, Text: text})
}

// changeBulk lets f change a job that nobody else changes meanwhile. f returns the event's kind and text, an empty text for no change.
func (s *Service) changeBulk(ctx context.Context, by Actor, id string, f func(*BulkJob) (EventKind, string, error)) error {
	if err := by.must(Supervisor); err != nil {
		return err
	}
	return s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		if err := tx.LockNamed(ctx, bulkLockName); err != nil {
			return err
		}
		j, err := tx.BulkJob(ctx, id)
		if err != nil {
			return err
		}
		kind, text, err := f(&j)
		if err != nil || text == "" {
			return err
		}
		j.Updated = s.now()
		if err := tx.SaveBulkJob(ctx, j); err != nil {
			return err
		}
		return s.noteBulk(ctx, tx, j, by, kind, text)
	})
}

// ConfirmBulk lets a job run whose dry run is over. typed is the number of rows that will change, as the person typed it. Confirming twice
// counts once. Supervisors may.
func (s *Service) ConfirmBulk(ctx context.Context, by Actor, id, typed string) error {
	return s.changeBulk(ctx, by, id, func(j *BulkJob) (EventKind, string, error) {
		switch {
		case j.State == BulkJudging:
			return "", "", Conflict("", "The dry run is not over yet. Confirm once it is.")
		case j.State == BulkDiscarded:
			return "", "", Conflict("", "This job was discarded. Make another one.")
		case j.State != BulkReady:
			return "", "", nil // a second click, or a colleague
		case j.Counts.Change == 0:
			return "", "", Conflict("", "No row would change, so there is nothing to confirm.")
		}
		number := strings.NewReplacer(",", "", ".", "", " ", "", "\u00a0", "", "'", "").Replace(typed)
		if number != fmt.Sprint(j.Counts.Change) {
			return "", "", Invalid("count", "%.20q is not the number of rows that will change. To confirm, type %d.", typed, j.Counts.Change)
		}
		j.State, j.ConfirmedBy, j.Confirmed = BulkRunning, by, s.now()
		return EventBulkConfirmed, fmt.Sprintf("confirmed it by the number: %d will change", j.Counts.Change), nil
	})
}

// PauseBulk lets nothing more of a job be asked of Bango; what was asked settles. Supervisors may.
func (s *Service) PauseBulk(ctx context.Context, by Actor, id string) error {
	return s.changeBulk(ctx, by, id, func(j *BulkJob) (EventKind, string, error) {
		if j.State == BulkPaused {
			return "", "", nil
		}
		if j.State != BulkRunning {
			return "", "", Conflict("", "Only a job that runs can be paused; this one is %s.", j.State)
		}
		j.State = BulkPaused
		return EventBulkPaused, fmt.Sprintf("paused it with %d to go", j.Counts.Todo), nil
	})
}

// ResumeBulk lets a paused job go on, in the name of whoever resumes it. Supervisors may.
func (s *Service) ResumeBulk(ctx context.Context, by Actor, id string) error {
	return s.changeBulk(ctx, by, id, func(j *BulkJob) (EventKind, string, error) {
		if j.State == BulkRunning {
			return "", "", nil
		}
		if j.State != BulkPaused {
			return "", "", Conflict("", "Only a job that is paused can go on; this one is %s.", j.State)
		}
		j.State, j.Message, j.ConfirmedBy = BulkRunning, "", by
		return EventBulkResumed, fmt.Sprintf("let it go on with %d to go", j.Counts.Todo), nil
	})
}

// CancelBulk takes the rows out that were not asked of Bango yet, or discards a job that was never confirmed. What was asked stays asked.
// Supervisors may.
func (s *Service) CancelBulk(ctx context.Context, by Actor, id string) error {
	return s.changeBulk(ctx, by, id, func(j *BulkJob) (EventKind, string, error) {
		switch j.State {
		case BulkJudging, BulkReady:
			j.State = BulkDiscarded
			return EventBulkStopped, "discarded it; nothing was asked of Bango", nil
		case BulkRunning, BulkPaused:
			j.State = BulkStopping
			return EventBulkStopped, fmt.Sprintf("cancelled the rest: %d", j.Counts.Todo), nil
		}
		return "", "", nil
	})
}
