package reports_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"latchkey/bango/reports"
)

func TestANameSaysKindPeriodAndMerchant(t *testing.T) {
	day := func(year int, month time.Month, day int) time.Time { return at(year, month, day, 0, 0, 0) }
	for path, want := range map[string]reports.Name{
		"AR_V1_W_20200810.csv": {Kind: reports.Active, Frequency: reports.Weekly, Start: day(2020, 8, 10), End: day(2020, 8, 17)},
		"ER_V1_W_20200816.csv": {Kind: reports.Event, Frequency: reports.Weekly, Start: day(2020, 8, 10), End: day(2020, 8, 17)}, // a Sunday
		"CR_V1_M_202009.csv":   {Kind: reports.Change, Frequency: reports.Monthly, Start: day(2020, 9, 1), End: day(2020, 10, 1)},
		"AR_V1_M_202012.csv":   {Kind: reports.Active, Frequency: reports.Monthly, Start: day(2020, 12, 1), End: day(2021, 1, 1)},
		"ER_V1_D_20200229.csv": {Kind: reports.Event, Frequency: reports.Daily, Start: day(2020, 2, 29), End: day(2020, 3, 1)},
		reports.Folder("BANGO_US", reports.Daily) + "ER_V1_D_20201231.csv": {Kind: reports.Event, Frequency: reports.Daily,
			Start: day(2020, 12, 31), End: day(2021, 1, 1), Merchant: "BANGO_US"},
		"/copy/EntitlementReports/BANGO/Monthly/AR_V1_M_202001.csv": {Kind: reports.Active, Frequency: reports.Monthly,
			Start: day(2020, 1, 1), End: day(2020, 2, 1), Merchant: "BANGO"},
		"CorrelationReports/BANGO/Daily/AR_V1_D_20200101.csv": {Kind: reports.Active, Frequency: reports.Daily,
			Start: day(2020, 1, 1), End: day(2020, 1, 2)},
	} {
		got, err := reports.ParseName(path)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %s%v", path, diff, err)
		}
	}
	for _, path := range []string{"", "AR_V1_W_20200810.csv/", "SR_V1_W_20200810.csv", "AR_V2_W_20200810.csv", "AR_V1_Y_2020.csv",
		"AR_V1_D_202008.csv", "AR_V1_M_20200810.csv", "AR_V1_D_20200230.csv", "AR_V1_M_202013.csv", "AR_V1_D_2020081.csv", "AR_V1_D_20200810.csv.gz",
		"xAR_V1_D_20200810.csv"} {
		if got, err := reports.ParseName(path); err == nil || got != (reports.Name{}) {
			t.Errorf("%s is taken for %+v", path, got)
		}
	}
}
