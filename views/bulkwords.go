package views

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"latchkey/resale"
)

// BulkPage lists the bulk jobs and has the form for another.
type BulkPage struct {
	Frame
	Jobs     []resale.BulkJob // newest first
	First    bool             // the first page: nothing is newer
	Next     int64            // the before= of the next page, 0 on the last
	Reasons  resale.ReasonList
	Products []resale.Product // by merchant name, then product name
	Form     BulkForm
	Fault    *resale.Error // why the form was not accepted; nil for none
}

// BulkForm is what the form for a bulk job holds.
type BulkForm struct {
	Act         string // a kind of request, or ActOfFile
	Reason      string // CATEGORY/CODE
	Description string
	ProductID   string
	Refs        string // pasted, or handed over by a list
	View        string // the query of the list, where HasView
	HasView     bool
	FileName    string // of a file that has to be chosen again
}

// ActOfFile is the choice that each row of a file says by itself what is to be done.
const ActOfFile = "file"

// BulkJobPage is a bulk job with one page of its rows.
type BulkJobPage struct {
	Frame
	Job     resale.BulkJob
	Rows    []resale.BulkRow
	Verdict resale.BulkVerdict  // which rows are shown; empty for all
	State   resale.BulkRowState // likewise
	After   int64               // the row after which this page begins, 0 for the first
	Next    int64               // that of the next, 0 on the last
	Events  []resale.Event      // newest first
	Typed   string              // what was typed to confirm
	Fault   *resale.Error       // why it was not changed; nil for none
}

// bulkActs are the choices of the form, with what each does.
var bulkActs = []struct{ act, words string }{
	{string(resale.KindSuspend), "Suspend: no access until resumed"},
	{string(resale.KindResume), "Resume: access again"},
	{string(resale.KindCancel), "Cancel: end softly"},
	{string(resale.KindRevoke), "Revoke: end at once"},
	{string(resale.KindUndo), "Keep: take cancellations back"},
	{string(resale.KindRefresh), "Fresh link: a new one from the merchant"},
	{string(resale.KindUpdate), "Change the product"},
	{string(resale.KindCheck), "Check: read Bango’s record back"},
	{ActOfFile, "What the file says: Bango’s batch columns"},
}

// bulkStates are what people call how far a job is.
var bulkStates = map[resale.BulkState]string{
	resale.BulkJudging: "Dry run under way", resale.BulkReady: "Waits to be confirmed", resale.BulkRunning: "Running", resale.BulkPaused: "Paused",
	resale.BulkStopping: "Cancelling the rest", resale.BulkFinished: "Finished", resale.BulkDiscarded: "Discarded",
}

var bulkVerdicts = map[resale.BulkVerdict]string{
	resale.WillChange: "will change", resale.AlreadySo: "already so", resale.NotAllowed: "not allowed", resale.NotKnown: "unknown",
	resale.Twice: "twice in the list",
}

var bulkRowStates = map[resale.BulkRowState]string{
	resale.RowTodo: "to go", resale.RowAsked: "with Bango", resale.RowDone: "done", resale.RowRefused: "refused", resale.RowManual: "with a person",
	resale.RowSkipped: "skipped", resale.RowStopped: "cancelled",
}

// bulkOutcomes are what people call the outcome of a row whose request is open.
var bulkOutcomes = map[string]string{
	string(resale.Queued): "stored", string(resale.Sending): "with Bango", string(resale.Waiting): "not done yet", string(resale.Unsure): "not known yet",
}

func bulkAddress(j resale.BulkJob) string { return "/bulk/" + j.ID }

func bulkAction(j resale.BulkJob, what string) templ.SafeURL {
	return templ.SafeURL(bulkAddress(j) + "/" + what)
}

// bulkRowsAddress is where rows of a verdict, or with an outcome, are.
func bulkRowsAddress(j resale.BulkJob, v resale.BulkVerdict, s resale.BulkRowState, after int64) templ.SafeURL {
	q := url.Values{}
	if v != "" {
		q.Set("verdict", string(v))
	}
	if s != "" {
		q.Set("outcome", string(s))
	}
	if after > 0 {
		q.Set("after", strconv.FormatInt(after, 10))
	}
	if len(q) == 0 {
		return templ.SafeURL(bulkAddress(j))
	}
	return templ.SafeURL(bulkAddress(j) + "?" + q.Encode())
}

// bulkAsks tells what a job does, in a few words.
func bulkAsks(j resale.BulkJob) string {
	switch j.Ask.Kind {
	case "":
		return "What the file says"
	case resale.KindUpdate:
		return "Change the product to " + j.Ask.Terms.ProductKey
	case resale.KindCheck:
		return "Check with Bango"
	}
	return actWords[j.Ask.Kind].name
}

// bulkSentence tells in plain words where a job stands.
func bulkSentence(j resale.BulkJob) string {
	c := j.Counts
	switch j.State {
	case resale.BulkJudging:
		if c.Given > 0 {
			return fmt.Sprintf("The dry run has judged %s of %s rows. Nothing is asked of Bango.", grouped(c.Rows), grouped(c.Given))
		}
		return fmt.Sprintf("The dry run has judged %s rows so far. Nothing is asked of Bango.", grouped(c.Rows))
	case resale.BulkReady:
		if c.Change == 0 {
			return fmt.Sprintf("Of %s, none would change. Nothing was asked of Bango.", plural(c.Rows, "row", "rows"))
		}
		return fmt.Sprintf("Of %s, %s will change. Nothing was asked of Bango yet.", plural(c.Rows, "row", "rows"), grouped(c.Change))
	case resale.BulkRunning, resale.BulkPaused, resale.BulkStopping:
		return fmt.Sprintf("%s of %s settled, %s with Bango, %s to go.", grouped(c.Settled()), grouped(c.Change), grouped(c.Asked), grouped(c.Todo))
	case resale.BulkDiscarded:
		return "Nothing was asked of Bango."
	}
	said := fmt.Sprintf("%s of %s done", grouped(c.Done), grouped(c.Change))
	for _, state := range []resale.BulkRowState{resale.RowRefused, resale.RowManual, resale.RowSkipped, resale.RowStopped} {
		if n := c.In(state); n > 0 {
			said += ", " + grouped(n) + " " + bulkRowStates[state]
		}
	}
	return said + "."
}

// bulkSet tells where a job's set is from, and the reason that each is asked for.
func bulkSet(j resale.BulkJob) string {
	said := "The set: " + j.Source + "."
	if r := reasonText(j.Ask.Reason); r != "" {
		said += " The reason: " + r
		if j.Ask.Reason.Description != "" {
			said += ", “" + j.Ask.Reason.Description + "”"
		}
		said += "."
	}
	return said
}

// bulkMeans tells what confirming does, for those acts that cannot be taken back.
func bulkMeans(j resale.BulkJob) string {
	switch j.Ask.Kind {
	case resale.KindRevoke:
		return "Each customer loses access at once, and it cannot be started again."
	case resale.KindCancel:
		return "Each ends at the end of its paid period, or at once where the merchant has none, and cannot be started again."
	case "":
		return "Each row is asked for as the file says; endings cannot be taken back."
	}
	return ""
}

// bulkOutcome is what became of a row, in a word or two.
func bulkOutcome(j resale.BulkJob, r resale.BulkRow) string {
	kind := j.Ask.Kind
	if r.Ask.Kind != "" {
		kind = r.Ask.Kind
	}
	// Bango took it, and nothing has happened since.
	if r.State == resale.RowDone && r.StatusNow == r.Status && (resale.Request{Kind: kind, State: resale.Done}).Unconfirmed(r.StatusNow) {
		return "accepted, the merchant has yet to confirm"
	}
	if words := bulkOutcomes[r.Outcome()]; words != "" {
		return words
	}
	return bulkRowStates[r.State]
}

// bulkTopic is empty for the answer to a form: its address cannot be read again.
func bulkTopic(fault *resale.Error) string {
	if fault != nil {
		return ""
	}
	return resale.TopicBulk
}

// ViewWords tells what a view of the list is filtered by.
func ViewWords(view string) string {
	values, err := url.ParseQuery(strings.TrimPrefix(view, "?"))
	if err != nil || len(values) == 0 {
		return "all entitlements"
	}
	var said []string
	for _, part := range strings.Split(values.Encode(), "&") {
		name, value, _ := strings.Cut(part, "=")
		if value, err := url.QueryUnescape(value); err == nil && value != "" && name != "after" {
			said = append(said, name+" "+value)
		}
	}
	if said == nil {
		return "all entitlements"
	}
	return strings.Join(said, ", ")
}
