package main

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"latchkey/db"
	"latchkey/resale"
)

const (
	reportV1 = "BangoEntitlementId,BangoUserId,ResellerCustomerId,ProductKey,DisplayName,MerchantKey,ResellerKey,Status,ActivationCode,OfferKey," +
		"DateCreated,DateActivated,DateExpiry,DateEnded,DateLastUpdated,DateSuspended\r\n"
	reportGeneration2 = "ResellerCustomerId,BangoEntitlementId,Status,MerchantAccountKey,MerchantEntitlementId,ProductKey,DisplayName,CreatedDate," +
		"ActivatedDate,SuspendedDate,ExpiryDate,LastUpdated,EndDate,ExtensionDataFormat,ExtensionData\r\n"
)

// v1 is a row of the form that ended in 2019, active since January 2017.
func v1(bangoID, customer, status, updated string) string {
	return `"` + bangoID + `",17,"` + customer + `","BangoMusic","Bango Music","BANGO","ME","` + status + `","","",` +
		"2017-01-16T10:30:05Z,2017-01-16T10:31:00Z,NULL,NULL," + updated + ",NULL\r\n"
}

// generation2 is a row of the form of today.
func generation2(bangoID, customer, status, updated, data string) string {
	return customer + "," + bangoID + "," + status + ",BANGO,m-" + bangoID + ",BangoMusic,Bango Music,16/01/2017 10:30:05,16/01/2017 10:31:00,,," + updated +
		",,XML," + data + "\r\n"
}

// putReports writes files below a folder, by their names.
func putReports(t *testing.T, folder string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		name = filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestImportReports(t *testing.T) {
	folder := t.TempDir()
	env := map[string]string{"LATCHKEY_DATABASE": filepath.Join(folder, "latchkey.db"), "LATCHKEY_PUBLIC_URL": "https://portal.example"}
	files := map[string]string{
		// 0xEB is ë in Windows-1252.
		"old/AR_V1_D_20170301.csv": reportV1 + v1("b-1", "cust-1", "ACTIVE", "2017-01-16T10:31:00Z") + v1("b-2", "Zo\xeb", "SUSPENDED", "2017-02-01T00:00:00Z"),
		"new/AR_V1_D_20170302.csv": reportGeneration2 + generation2("b-1", "cust-1", "Active-Ending", "02/03/2017 09:00:00", "<a>1</a>"),
		"new/AR_V1_D_20170301.csv": reportGeneration2 + generation2("b-9", "cust-9", "Active", "01/03/2017 09:00:00", ""), // not the newest
		"new/CR_V1_D_20170303.csv": reportGeneration2 + generation2("b-8", "cust-8", "Active", "03/03/2017 09:00:00", ""), // must be named
		"new/notes.csv":            "nothing",
		"bad.csv":                  "a,b\n",
		"broken/AR_V1_D_20170304.csv": reportGeneration2 + generation2("b-1", "cust-1", "Active", "31/02/2017 09:00:00", "") + "too,short\r\n" +
			generation2("b-3", "cust-3", "Active", "03/03/2017 09:00:00", "")}
	putReports(t, folder, files)
	report := func(name string) string { return filepath.Join(folder, filepath.FromSlash(name)) }
	imports := func(want string, args ...string) {
		t.Helper()
		exit, out, errs := run(t, env, "", append([]string{"import", "reports"}, args...)...)
		if exit != 0 || out != want || errs != "" {
			t.Errorf("%v: exit %d, %q, %q; want %q", args, exit, out, errs, want)
		}
	}
	differences := func(want map[string]resale.DriftKind) {
		t.Helper()
		inStore(t, env["LATCHKEY_DATABASE"], func(ctx context.Context, store *db.Store) {
			open, err := store.OpenDrift(ctx, "", 100)
			got := map[string]resale.DriftKind{}
			for _, d := range open {
				got[d.Subject] = d.Kind
			}
			if err != nil || !maps.Equal(got, want) {
				t.Errorf("the differences are %v, %v; want %v", got, err, want)
			}
		})
	}

	imports(report("old/AR_V1_D_20170301.csv")+": 2 rows compared, 2 missing here, 0 missing at Bango, 0 differ, 0 adopted.\n", report("old"))
	differences(map[string]resale.DriftKind{"b-1": resale.MissingHere, "b-2": resale.MissingHere})

	imports(report("old/AR_V1_D_20170301.csv")+": 2 rows compared, 0 missing here, 0 missing at Bango, 0 differ, 2 adopted.\n", "--adopt", report("old"))
	inStore(t, env["LATCHKEY_DATABASE"], func(ctx context.Context, store *db.Store) {
		e, err := store.EntitlementByBangoID(ctx, "b-2")
		if err != nil || e.CustomerIdentifier != "Zoë" || e.Status != resale.Suspended || e.DateActivated.Format("2006-01-02 15:04:05") != "2017-01-16 10:31:00" {
			t.Errorf("adopted %+v, %v", e, err)
		}
		job, err := store.Job(ctx, resale.JobImport)
		if err != nil || job.Message != "AR_V1_D_20170301.csv: 2 rows compared, 0 missing here, 0 missing at Bango, 0 differ, 2 adopted." {
			t.Errorf("the page says %q, %v", job.Message, err)
		}
	})

	// Of a folder, the newest Active report; b-2 is in it no longer, and b-1 has changed.
	imports(report("new/AR_V1_D_20170302.csv")+": 1 rows compared, 0 missing here, 1 missing at Bango, 1 differ, 0 adopted.\n", report("new"))
	differences(map[string]resale.DriftKind{"b-1": resale.Differs, "b-2": resale.MissingThere})
	inStore(t, env["LATCHKEY_DATABASE"], func(ctx context.Context, store *db.Store) {
		d, err := store.DriftOf(ctx, "b-1")
		if err != nil || d.Fact.Status != "ACTIVE-ENDING" || d.Fact.ExtensionData != `"\u003ca\u003e1\u003c/a\u003e"` || d.Source != "AR_V1_D_20170302.csv" {
			t.Errorf("the difference is %+v, %v", d, err)
		}
	})

	// A Change report lists what changed, so that the rest is not missing at Bango.
	imports(report("new/CR_V1_D_20170303.csv")+": 1 rows compared, 1 missing here, 0 missing at Bango, 0 differ, 0 adopted.\n", report("new/CR_V1_D_20170303.csv"))

	exit, out, errs := run(t, env, "", "import", "reports", report("broken"))
	want := report("broken/AR_V1_D_20170304.csv") + ": 1 rows compared, 1 missing here, 0 missing at Bango, 0 differ, 0 adopted. 2 rows could not be taken: line 2: "
	if exit != 0 || !strings.HasPrefix(out, want) || !strings.Contains(out, "31/02/2017") || errs != "" {
		t.Errorf("with rows that cannot be read: exit %d, %q, %q", exit, out, errs)
	}
}

func TestImportReportsFaults(t *testing.T) {
	folder := t.TempDir()
	env := map[string]string{"LATCHKEY_DATABASE": filepath.Join(folder, "latchkey.db"), "LATCHKEY_PUBLIC_URL": "https://portal.example"}
	unclosed := reportGeneration2 + generation2("b-1", "cust-1", "Active", "03/03/2017 09:00:00", "") + "\"" + strings.Repeat("never closed\n", 30_000)
	putReports(t, folder, map[string]string{"empty/notes.txt": "nothing", "header/AR_V1_D_20170304.csv": "a,b\n", "cut/AR_V1_D_20170304.csv": unclosed})
	for name, tt := range map[string]struct {
		args  []string
		words []string
	}{
		"no such folder":     {[]string{filepath.Join(folder, "missing")}, []string{"missing", "cannot be listed"}},
		"nothing in it":      {[]string{filepath.Join(folder, "empty")}, []string{"empty", "holds no report file", "AR_V1_D_20261123.csv"}},
		"no report":          {[]string{filepath.Join(folder, "header")}, []string{"AR_V1_D_20170304.csv", "its header lacks"}},
		"a bucket, no key":   {[]string{"s3://bucket/EntitlementReports"}, []string{"s3://bucket/EntitlementReports", "access key"}},
		"a bucket by http":   {[]string{"s3://bucket/x", "--s3-endpoint", "http://s3.example"}, []string{"s3://bucket/x"}},
		"a key that is away": {[]string{"s3://bucket/x", "--s3-access-key-file", filepath.Join(folder, "key")}, []string{"key"}},
		"an address":         {[]string{"https://reports.example/x.csv"}, []string{"must be a path on disk or begin with s3://"}},
		"a quote left open":  {[]string{filepath.Join(folder, "cut")}, []string{"AR_V1_D_20170304.csv", "a quote was opened and never closed"}},
	} {
		exit, out, errs := run(t, env, "", append([]string{"import", "reports"}, tt.args...)...)
		if exit != 1 || out != "" {
			t.Errorf("%s: exit %d, %q", name, exit, out)
		}
		t.Run(name, func(t *testing.T) { oneLine(t, errs, tt.words...) })
	}
	// What was read before the file broke is kept: it is true.
	inStore(t, env["LATCHKEY_DATABASE"], func(ctx context.Context, store *db.Store) {
		if d, err := store.DriftOf(ctx, "b-1"); err != nil || d.Kind != resale.MissingHere {
			t.Errorf("the difference is %+v, %v", d, err)
		}
	})
}
