package resale

import (
	"context"
	"fmt"
	"hash/maphash"
	"iter"
	"slices"
	"time"
)

// Report is one of Bango's report files, as facts.
type Report struct {
	Source   string                 // its name, for people
	Complete bool                   // it lists all that was active at End, so that what it does not list is missing there
	End      time.Time              // of its period; what changed later it cannot know
	Facts    iter.Seq2[Fact, error] // an error is of one row, which is passed over
}

// ReportResult is what came of a comparison with a report.
type ReportResult struct {
	Rows         int64 // that could be read
	Unreadable   int64
	FirstFault   error // of the unreadable
	MissingHere  int64
	MissingThere int64
	Differs      int64
	Adopted      int64
}

// reportBatch is how many rows are compared in one transaction.
const reportBatch = 500

// ImportReport compares one of Bango's reports with what is here, and stores each difference for people to decide. With adopt, what is
// missing here is taken over at once, which is how a new portal begins. It holds a batch of rows and eight bytes for each entitlement of the
// report, so that a million rows stay far below 100 MB.
func (s *Service) ImportReport(ctx context.Context, by Actor, r Report, adopt bool) (result ReportResult, err error) {
	seed := maphash.MakeSeed()
	var listed []uint64
	merchants := map[string]bool{}
	batch := make([]Fact, 0, reportBatch)
	flush := func() error {
		before := result
		err := s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
			result = before
			return s.compareBatch(ctx, tx, by, r, batch, adopt, &result)
		})
		batch = batch[:0]
		return err
	}
	for f, fault := range r.Facts {
		if fault != nil {
			if result.Unreadable++; result.FirstFault == nil {
				result.FirstFault = fault
			}
			continue
		}
		result.Rows++
		listed = append(listed, maphash.String(seed, f.BangoID))
		merchants[f.MerchantKey] = true
		if batch = append(batch, f); len(batch) == reportBatch {
			if err := flush(); err != nil {
				return result, err
			}
		}
	}
	if err := flush(); err != nil {
		return result, err
	}
	if r.Complete && result.Unreadable == 0 {
		slices.Sort(listed)
		isListed := func(bangoID string) bool {
			_, found := slices.BinarySearch(listed, maphash.String(seed, bangoID))
			return found
		}
		if err := s.findMissingThere(ctx, r, merchants, isListed, &result); err != nil {
			return result, err
		}
		if err := s.findNoLongerThere(ctx, r, merchants, isListed); err != nil {
			return result, err
		}
	}
	return result, s.noteImport(ctx, by, r, result)
}

// newestOfEach returns the last news of each entitlement: an Event report has a row for each event.
func newestOfEach(facts []Fact) []Fact {
	at := make(map[string]int, len(facts))
	newest := make([]Fact, 0, len(facts))
	for _, f := range facts {
		switch i, twice := at[f.BangoID]; {
		case !twice:
			at[f.BangoID] = len(newest)
			newest = append(newest, f)
		case !f.DateLastUpdated.Before(newest[i].DateLastUpdated):
			newest[i] = f
		}
	}
	return newest
}

// compareBatch compares rows with what is here, in one query for all of them and a few for each that differs.
func (s *Service) compareBatch(ctx context.Context, tx Tx, by Actor, r Report, rows []Fact, adopt bool, result *ReportResult) error {
	if err := tx.LockNamed(ctx, driftLock); err != nil {
		return err
	}
	facts := newestOfEach(rows)
	ids := make([]string, len(facts))
	for i, f := range facts {
		ids[i] = f.BangoID
	}
	standings, err := tx.Standings(ctx, ids)
	if err != nil {
		return err
	}
	for _, f := range facts {
		ours, known := standings[f.BangoID]
		d, differs := compare(ours, known, f)
		d.Source = r.Source
		switch {
		case !differs && (ours.Drifted || !known):
			err = s.noDriftBy(ctx, tx, f)
		case !differs:
		case d.Kind == MissingHere && adopt:
			adopted, fault := s.adopt(ctx, tx, by, f, "adopted from "+r.Source)
			if CodeOf(fault) == CodeConflict || CodeOf(fault) == CodeInvalid {
				result.Rows--
				if result.Unreadable++; result.FirstFault == nil {
					result.FirstFault = fault
				}
				continue
			}
			if err = fault; adopted {
				result.Adopted++
			}
		default:
			if d.Kind == MissingHere {
				result.MissingHere++
			} else {
				result.Differs++
			}
			err = s.noteDrift(ctx, tx, d)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// activeStatuses are those that a report of what is active lists. src: Gen 2 active-change-event-reports
var activeStatuses = []Status{Active, ActiveEnding, Suspended}

// findMissingThere looks for lives of the report's merchants that it should list and does not.
func (s *Service) findMissingThere(ctx context.Context, r Report, merchants map[string]bool, listed func(bangoID string) bool, result *ReportResult) error {
	for _, status := range activeStatuses {
		for at := (*ListPosition)(nil); ; {
			rows, err := s.store.ListEntitlements(ctx, EntitlementFilter{Status: status, After: at, Limit: reportBatch})
			if err != nil {
				return err
			}
			var missing []Entitlement
			for _, row := range rows {
				e := row.Entitlement
				if e.BangoID != "" && merchants[e.MerchantKey] && e.DateActivated.Before(r.End) && e.DateLastUpdated.Before(r.End) && !listed(e.BangoID) {
					missing = append(missing, e)
				}
			}
			result.MissingThere += int64(len(missing))
			if len(missing) > 0 {
				err = s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
					for _, e := range missing {
						err := s.noteDrift(ctx, tx, Drift{Subject: e.BangoID, Kind: MissingThere, EntitlementID: e.ID, OursStatus: e.Status,
							OursProduct: e.ProductKey, Fact: Fact{Source: FromRecord, BangoID: e.BangoID}, Source: "not in " + r.Source})
						if err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					return err
				}
			}
			if len(rows) < reportBatch {
				break
			}
			at = &ListPosition{Updated: rows[len(rows)-1].Updated, ID: rows[len(rows)-1].ID}
		}
	}
	return nil
}

// findNoLongerThere looks for what was missing here and is in Bango's records no longer either: there is nothing left to take over.
func (s *Service) findNoLongerThere(ctx context.Context, r Report, merchants map[string]bool, listed func(bangoID string) bool) error {
	for after := ""; ; {
		open, err := s.store.OpenDrift(ctx, after, reportBatch)
		if err != nil {
			return err
		}
		err = s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
			for _, d := range open {
				if d.Kind != MissingHere || !merchants[d.Fact.MerchantKey] || !slices.Contains(activeStatuses, Status(d.Fact.Status)) ||
					!d.Fact.DateLastUpdated.Before(r.End) || listed(d.Subject) {
					continue
				}
				if err := s.noDrift(ctx, tx, d.Subject); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || len(open) < reportBatch {
			return err
		}
		after = open[len(open)-1].ID
	}
}

// noteImport leaves behind what came of a comparison, for the page that shows the differences.
func (s *Service) noteImport(ctx context.Context, by Actor, r Report, result ReportResult) error {
	return s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		now := s.now()
		tx.Announce(Change{Topics: []string{TopicReconciliation}})
		return tx.SaveJob(ctx, Job{Name: JobImport, State: JobIdle, Actor: by, Done: result.Rows, Started: now, Updated: now,
			Found: result.MissingHere + result.MissingThere + result.Differs, Message: r.Source + ": " + result.String()})
	})
}

// String tells the result in a sentence.
func (r ReportResult) String() string {
	said := fmt.Sprintf("%d rows compared, %d missing here, %d missing at Bango, %d differ, %d adopted.", r.Rows, r.MissingHere, r.MissingThere,
		r.Differs, r.Adopted)
	if r.Unreadable > 0 {
		said += fmt.Sprintf(" %d rows could not be taken: %v", r.Unreadable, r.FirstFault)
	}
	return said
}
