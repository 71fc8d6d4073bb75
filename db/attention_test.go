package db_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"latchkey/db"
	"latchkey/resale"
)

func TestAttentionIsListedByPages(t *testing.T) {
	each(t, func(d *desk) {
		owners := []string{"", "ana", "ben"}
		d.write(func(ctx context.Context, tx resale.Tx) error {
			for i := range 130 {
				a := resale.Attention{Subject: newID(), Sort: resale.AboutNotification, Kind: resale.AttentionKinds[i%len(resale.AttentionKinds)], State: resale.AttentionOpen,
					Since: at(i / 7), OwnerID: owners[i%len(owners)]}
				if i%13 == 0 {
					a.State = resale.AttentionPutOff
				}
				if err := tx.SaveAttention(ctx, resale.Attention{}, a); err != nil {
					return err
				}
			}
			return tx.SaveAttention(ctx, resale.Attention{}, resale.Attention{Subject: "later", Sort: resale.AboutLine, State: resale.AttentionLater, Due: at(1)})
		})
		order := func(a, b resale.AttentionRow) int {
			if a.Kind != b.Kind {
				return a.Kind.Rank() - b.Kind.Rank()
			}
			if !a.Since.Equal(b.Since) {
				return a.Since.Compare(b.Since)
			}
			return len(a.Subject) - len(b.Subject)
		}
		ana, nobody := "ana", ""
		counts, err := d.AttentionCounts(d.Context())
		if err != nil || counts.Total() != 120 || counts.Snoozed != 10 {
			t.Errorf("counted are %+v, %v", counts, err)
		}
		for _, tt := range []struct {
			filter resale.AttentionFilter
			want   int
		}{
			{resale.AttentionFilter{State: resale.AttentionOpen}, 120},
			{resale.AttentionFilter{State: resale.AttentionPutOff}, 10},
			{resale.AttentionFilter{State: resale.AttentionOpen, Kind: resale.AttentionFailed}, int(counts.Open[resale.AttentionFailed])},
			{resale.AttentionFilter{State: resale.AttentionOpen, Owner: &ana}, 40},
			{resale.AttentionFilter{State: resale.AttentionOpen, Owner: &nobody}, 40},
			{resale.AttentionFilter{State: resale.AttentionOpen, Owner: &ana, Kind: resale.AttentionStuck}, 4},
		} {
			var all []resale.AttentionRow
			f := tt.filter
			for f.Limit = 9; ; {
				rows, err := d.ListAttention(d.Context(), f)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, rows...)
				if len(rows) < f.Limit {
					break
				}
				f.After = rows[len(rows)-1].Position()
			}
			seen := map[string]bool{}
			for _, row := range all {
				if f.Kind != "" && row.Kind != f.Kind || f.Owner != nil && row.OwnerID != *f.Owner || row.State != f.State || seen[row.Subject] {
					t.Errorf("%+v shows %+v", tt.filter, row)
				}
				seen[row.Subject] = true
			}
			if len(all) != tt.want || !slices.IsSortedFunc(all, order) {
				t.Errorf("%+v shows %d lines, not %d, in order: %v", tt.filter, len(all), tt.want, slices.IsSortedFunc(all, order))
			}
		}
	})
}

func TestAFailedWriteLeavesAttentionAlone(t *testing.T) {
	each(t, func(d *desk) {
		e := d.stored(1)
		release := d.hold() // so that both are in one transaction
		ended := make(chan error, 2)
		change := func(status resale.Status, err error) {
			ended <- d.Write(d.Context(), func(ctx context.Context, tx resale.Tx) error {
				before, readErr := tx.LockEntitlement(ctx, e.ID)
				after := before
				after.Status = status
				return errors.Join(readErr, tx.UpdateEntitlement(ctx, before, after), err)
			})
		}
		go change(resale.Failed, errors.New("it is taken back"))
		release()
		if err := <-ended; err == nil {
			t.Error("it did not fail")
		}
		if _, err := d.Attention(d.Context(), e.ID); resale.CodeOf(err) != resale.CodeNotFound {
			t.Errorf("a change that was taken back needs attention: %v", err)
		}
		change(resale.Failed, nil)
		counts, err := d.AttentionCounts(d.Context())
		if errors.Join(<-ended, err) != nil || counts.Total() != 1 {
			t.Errorf("%+v, %v", counts, err)
		}
	})
}

func TestWhatNeededAttentionBeforeIsLookedAt(t *testing.T) {
	each(t, func(d *desk) {
		var want []string
		for i, status := range []resale.Status{resale.Failed, resale.Unknown, resale.Pending, resale.Refused, resale.Active, resale.Active} {
			e := d.entitlement(i)
			e.Status = status
			d.write(func(ctx context.Context, tx resale.Tx) error { return tx.InsertEntitlement(ctx, e) })
			if i < 5 {
				want = append(want, e.ID)
			}
			if i == 4 || i == 0 {
				d.write(func(ctx context.Context, tx resale.Tx) error {
					return tx.InsertRequest(ctx, resale.Request{ID: newID(), EntitlementID: e.ID, Kind: resale.KindSuspend, State: resale.Manual})
				})
			}
		}
		n := resale.Notification{ID: newID(), Digest: []byte("1"), State: resale.NotificationParked}
		d.write(func(ctx context.Context, tx resale.Tx) error {
			if _, _, err := tx.ReceiveNotification(ctx, n); err != nil {
				return err
			}
			if err := tx.SetLine(ctx, resale.Line{State: resale.LineDown, Since: at(1)}); err != nil {
				return err
			}
			return tx.SaveDrift(ctx, resale.Drift{ID: newID(), Subject: "b-1", State: resale.DriftOpen})
		})
		want = append(want, n.ID, "line", "drift")
		if err := d.Store.Close(); err != nil {
			t.Fatal(err)
		}
		p, end, err := db.Migrations(d.Context(), d.database)
		if err == nil {
			_, err = p.DownTo(d.Context(), 4)
		}
		if err := errors.Join(err, end(), db.Migrate(d.Context(), d.database)); err != nil {
			t.Fatal(err)
		}
		after := openDesk(d, d.database)
		due, err := after.DueAttention(d.Context(), time.Now(), 100)
		var got []string
		for _, a := range due {
			got = append(got, a.Subject)
		}
		slices.Sort(got)
		slices.Sort(want)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%v are looked at, not %v, %v", got, want, err)
		}
	})
}

func TestOldestByStatus(t *testing.T) {
	each(t, func(d *desk) {
		for _, n := range []int{5, 3, 9} {
			d.stored(n)
		}
		e := d.stored(1)
		after := e
		after.Status, after.Updated = resale.Active, at(20)
		d.write(func(ctx context.Context, tx resale.Tx) error { return tx.UpdateEntitlement(ctx, e, after) })
		oldest, err := d.OldestByStatus(d.Context())
		if err != nil || len(oldest) != 2 || !oldest[resale.Requested].Equal(at(3)) || !oldest[resale.Active].Equal(at(20)) {
			t.Errorf("%v, %v", oldest, err)
		}
	})
}
