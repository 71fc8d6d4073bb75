package views

import (
	"net/url"

	"latchkey/resale"
)

// reconciliationTopic is empty for the answer to a form: its address cannot be read again.
func reconciliationTopic(p ReconciliationPage) string {
	if p.Fault != nil {
		return ""
	}
	return resale.TopicReconciliation
}

// anyRuns reports whether something on the page gets on by itself.
func anyRuns(p ReconciliationPage) bool {
	return p.Questions.State == resale.JobRunning || p.Take.State == resale.JobRunning || p.Repoint.State == resale.JobRunning
}

func reconciliationAddress(after string) string {
	if after == "" {
		return "/reconciliation"
	}
	return "/reconciliation?after=" + url.QueryEscape(after)
}

func differenceCount(n int64) string {
	if n == 0 {
		return "No differences"
	}
	return plural(n, "difference", "differences")
}

func takeAllMeans(n int64) string {
	it := "It becomes what Bango says it is"
	if n != 1 {
		it = "Each becomes what Bango says it is"
	}
	return it + ": what is missing here is taken into the portal, what Bango has no record of counts as refused, and status and product follow Bango’s. " +
		"Nothing changes at Bango, and it cannot be taken back here."
}

// takeMeans tells what becomes of one difference that is taken over.
func takeMeans(d Difference) string {
	switch d.Kind {
	case resale.MissingHere:
		return "Take it into the portal as it is at Bango"
	case resale.MissingThere:
		return "Count it as refused: nothing exists at Bango"
	}
	return "Make it here what it is at Bango"
}
