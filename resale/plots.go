package resale

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"time"
)

// PlotDays is how many days plots show, today included.
const PlotDays = 30

// Plots are the figures of the last days. Each of them is the length of a list, see [LifeFilter].
type Plots struct {
	ProductID   string // of the product that they are about, empty for all
	First, Last Day
	Days        []DayFigures // every day, oldest first

	// Of what was asked for on those days:
	Created, Opened, Active int64
	Direct                  int64  // of the active, those whose link was not opened
	ToOpen                  Spread // from creation until the link was opened
	FromOpen                Spread // from then until active
	ToActive                Spread // from creation until active

	Waiting []WaitingFigures // PENDING now, youngest first
	Reasons []ReasonFigures  // of the endings of those days, most frequent first
}

// DayFigures are those of one day.
type DayFigures struct {
	Day              Day
	Activated, Ended int64
}

// WaitingFigures are how many are PENDING since Since at the earliest and before Before. A zero time bounds nothing.
type WaitingFigures struct {
	Since, Before time.Time
	N             int64
	More          bool // there are more than N
}

// ReasonFigures are how many ended for one reason, category/code; empty where we gave none.
type ReasonFigures struct {
	Reason string
	N      int64
}

// Spread is how long something took: N times in all, half of them within Median, nine of ten within P90. Times are kept in classes, so that
// they cost little to keep; they are right to a 16th.
type Spread struct {
	N           int64
	Median, P90 time.Duration
}

// Empty reports whether there is nothing to plot.
func (p Plots) Empty() bool {
	n := p.Created + int64(len(p.Reasons))
	for _, d := range p.Days {
		n += d.Activated + d.Ended
	}
	for _, w := range p.Waiting {
		n += w.N
	}
	return n == 0
}

// DayTally and TimeTally are what is kept, as it is read.
type (
	DayTally struct {
		Step   Step
		Day    Day
		Detail string
		N      int64
	}
	TimeTally struct {
		Step   Step
		Detail string
		N      int64
	}
)

// LifeFilter says which entitlements the list behind a figure shows, and where the page before ended. Since is included, Before is not.
type LifeFilter struct {
	Kind          LifeList
	ProductID     string // empty for all
	Reason        string // of LifeEndedFor
	Since, Before time.Time
	After         *ListPosition // Updated is the time of the step
	Limit         int
}

// LifeList names a list behind figures.
type LifeList string

const (
	LifeCreated   LifeList = "created"   // asked for in that time
	LifeOpened    LifeList = "opened"    // of those, whose link was opened
	LifeActive    LifeList = "active"    // of those, what became active
	LifeActivated LifeList = "activated" // became active in that time
	LifeEnded     LifeList = "ended"     // ended in that time
	LifeEndedFor  LifeList = "ended_for" // for one reason
	LifeWaiting   LifeList = "waiting"   // PENDING since that time
)

// LifeLists are all of them.
var LifeLists = []LifeList{LifeCreated, LifeOpened, LifeActive, LifeActivated, LifeEnded, LifeEndedFor, LifeWaiting}

// LifeRow is a line of such a list. At is when the step was made.
type LifeRow struct {
	EntitlementRow
	At time.Time
}

// PlotReader reads what plots are drawn from. The tallies are kept, not counted.
type PlotReader interface {
	DayTallies(ctx context.Context, productID string, first, last Day) ([]DayTally, error)     // of activations and endings
	CohortTallies(ctx context.Context, productID string, first, last Day) ([]TimeTally, error) // of the rest, by creation
	// CountWaiting counts what is PENDING since then, at most so many.
	CountWaiting(ctx context.Context, productID string, since, before time.Time, atMost int) (int64, error)
	Lives(ctx context.Context, f LifeFilter) ([]LifeRow, error) // by the time of the step, newest first
}

// maxWaiting bounds how many PENDING are counted of each age.
const maxWaiting = 100_000

// waitingAges bound the classes of what is PENDING.
var waitingAges = []time.Duration{time.Hour, 24 * time.Hour, 3 * 24 * time.Hour, 7 * 24 * time.Hour}

// ReadDays reads the plots that the first page shows: the days, and what became of what was asked for.
func ReadDays(ctx context.Context, r PlotReader, productID string, now time.Time) (Plots, error) {
	p := Plots{ProductID: productID, Last: DayOf(now)}
	p.First = p.Last - PlotDays + 1
	for d := p.First; d <= p.Last; d++ {
		p.Days = append(p.Days, DayFigures{Day: d})
	}
	days, err := r.DayTallies(ctx, productID, p.First, p.Last)
	if err != nil {
		return p, err
	}
	reasons := map[string]int64{}
	for _, t := range days {
		day := &p.Days[t.Day-p.First]
		if t.Step == StepActivated {
			day.Activated += t.N
		} else {
			day.Ended += t.N
			reasons[t.Detail] += t.N
		}
	}
	for reason, n := range reasons {
		p.Reasons = append(p.Reasons, ReasonFigures{reason, n})
	}
	slices.SortFunc(p.Reasons, func(a, b ReasonFigures) int { return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Reason, b.Reason)) })

	cohort, err := r.CohortTallies(ctx, productID, p.First, p.Last)
	if err != nil {
		return p, err
	}
	classes := map[Step]map[int]int64{StepToOpen: {}, StepToActive: {}, StepFromOpen: {}}
	for _, t := range cohort {
		if t.Step == StepCreated {
			p.Created += t.N
		} else if class, err := strconv.Atoi(t.Detail); err == nil && classes[t.Step] != nil {
			classes[t.Step][class] += t.N
		}
	}
	p.ToOpen, p.ToActive, p.FromOpen = spread(classes[StepToOpen]), spread(classes[StepToActive]), spread(classes[StepFromOpen])
	p.Opened, p.Active, p.Direct = p.ToOpen.N, p.ToActive.N, p.ToActive.N-p.FromOpen.N
	return p, nil
}

// ReadPlots reads all plots.
func ReadPlots(ctx context.Context, r PlotReader, productID string, now time.Time) (Plots, error) {
	p, err := ReadDays(ctx, r, productID, now)
	if err != nil {
		return p, err
	}
	before, minute := time.Time{}, now.UTC().Truncate(time.Minute) // so that an address names whole minutes
	for i := range len(waitingAges) + 1 {
		w := WaitingFigures{Before: before}
		if i < len(waitingAges) {
			w.Since = minute.Add(-waitingAges[i])
		}
		if w.N, err = r.CountWaiting(ctx, productID, w.Since, w.Before, maxWaiting+1); err != nil {
			return p, err
		}
		if w.More = w.N > maxWaiting; w.More {
			w.N = maxWaiting
		}
		p.Waiting, before = append(p.Waiting, w), w.Since
	}
	return p, nil
}

// spread finds the middle and the ninth tenth of times by class.
func spread(classes map[int]int64) Spread {
	var s Spread
	for _, n := range classes {
		s.N += n
	}
	seen := int64(0)
	for _, class := range slices.Sorted(maps.Keys(classes)) {
		seen += classes[class]
		if s.Median == 0 && 2*seen >= s.N {
			s.Median = classTime(class)
		}
		if 10*seen >= 9*s.N {
			s.P90 = classTime(class)
			break
		}
	}
	return s
}

// CountLives returns how long a list is, by the figures that are kept, and whether there are more than that.
func CountLives(ctx context.Context, r PlotReader, f LifeFilter) (n int64, more bool, err error) {
	if f.Kind == LifeWaiting {
		n, err = r.CountWaiting(ctx, f.ProductID, f.Since, f.Before, maxWaiting+1)
		return min(n, maxWaiting), n > maxWaiting, err
	}
	first, last := DayOf(f.Since), DayOf(f.Before)-1
	if f.Kind == LifeCreated || f.Kind == LifeOpened || f.Kind == LifeActive {
		cohort, err := r.CohortTallies(ctx, f.ProductID, first, last)
		step := map[LifeList]Step{LifeCreated: StepCreated, LifeOpened: StepToOpen, LifeActive: StepToActive}[f.Kind]
		for _, t := range cohort {
			if t.Step == step {
				n += t.N
			}
		}
		return n, false, err
	}
	days, err := r.DayTallies(ctx, f.ProductID, first, last)
	for _, t := range days {
		if t.Step == StepActivated == (f.Kind == LifeActivated) && (f.Kind != LifeEndedFor || t.Detail == f.Reason) {
			n += t.N
		}
	}
	return n, false, err
}
