package resale

import "time"

// JobName is one of the jobs that run in the background, each in one portal at a time.
type JobName string

const (
	JobReconcile JobName = "reconcile" // reads open questions back from Bango
	JobRepoint   JobName = "repoint"   // tells Bango where notifications go now that the public address has changed
	JobTake      JobName = "take"      // takes over what Bango says wherever it differs
	JobImport    JobName = "import"    // compares Bango's report files with what is here; runs in the command that reads them
)

// JobState is how far a job is.
type JobState string

const (
	JobIdle    JobState = "idle"    // waits for NextRun, or to be asked for
	JobRunning JobState = "running" // in steps, each a transaction that leaves the cursor behind: whoever dies is continued
)

// Job is a job's progress, kept in the database: any portal may take the next step.
type Job struct {
	Name    JobName
	State   JobState
	Cursor  string    // where the next step goes on
	Done    int64     // what was looked at in this run, or the last one
	Found   int64     // of that, what something was done about
	Message string    // what came of it, for people
	Actor   Actor     // who asked for it
	Slot    time.Time // the last call to Bango that was given a time: the next one gets a later one
	Started time.Time
	Updated time.Time
	NextRun time.Time // zero where it runs only when asked for
}
