package reports_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"latchkey/bango/reports"
)

const (
	headerV1 = "BangoEntitlementId,BangoUserId,ResellerCustomerId,ProductKey,DisplayName,MerchantKey,ResellerKey,Status,ActivationCode," +
		"OfferKey,DateCreated,DateActivated,DateExpiry,DateEnded,DateLastUpdated,DateSuspended"
	headerV2 = "ResellerCustomerId,BangoEntitlementId,Status,MerchantAccountKey,MerchantEntitlementId,ProductKey,DisplayName,CreatedDate," +
		"ActivatedDate,SuspendedDate,ExpiryDate,LastUpdated,EndDate,ExtensionDataFormat,ExtensionData"
	headerLeast = "ResellerCustomerId,BangoEntitlementId,Status,MerchantAccountKey,ProductKey,LastUpdated" // what is needed
)

// read returns all rows of a report, and the errors of its rows and its end as lines of text.
func read(t *testing.T, r io.Reader) (rows []reports.Row, wrong []string) {
	t.Helper()
	reader, err := reports.NewReader(r)
	if err != nil {
		t.Fatal(err)
	}
	for {
		row, err := reader.Next()
		var rowError *reports.RowError
		switch {
		case err == io.EOF:
			return rows, wrong
		case errors.As(err, &rowError):
			if row.Line != rowError.Line {
				t.Errorf("the row is of line %d, its error of line %d", row.Line, rowError.Line)
			}
			wrong = append(wrong, err.Error())
		case err != nil:
			if _, again := reader.Next(); again != err {
				t.Errorf("after the end by %v: %v", err, again)
			}
			return rows, append(wrong, "end: "+err.Error())
		default:
			rows = append(rows, row)
		}
	}
}

func at(year int, month time.Month, day, hour, minute, second int) time.Time {
	return time.Date(year, month, day, hour, minute, second, 0, time.UTC)
}

func TestEveryFormIsRead(t *testing.T) {
	created, updated := at(2017, 1, 16, 10, 30, 5), at(2017, 2, 3, 4, 5, 6)
	for name, c := range map[string]struct {
		file string
		want []reports.Row
	}{
		"v1": {headerV1 + "\r\n" +
			`"e-1",4711,"cust-1","BangoMusic","Bango Music","BANGO","SHOP","Active","CODE","TestOffer","2017-01-16T10:30:05Z",` +
			`"2017-01-16T10:30:05Z",NULL,NULL,"2017-02-03T04:05:06Z",NULL` + "\r\n" +
			`"e-2",NULL,"cust-2","BangoMusic","","BANGO","SHOP","Cancelled","","","2017-01-16T10:30:05Z",NULL,NULL,` +
			`2017-02-03T04:05:06Z,2017-02-03T04:05:06Z,NULL` + "\r\n",
			[]reports.Row{
				{BangoID: "e-1", CustomerIdentifier: "cust-1", MerchantKey: "BANGO", ProductKey: "BangoMusic", OfferKey: "TestOffer",
					DisplayName: "Bango Music", Status: "ACTIVE", ActivationCode: "CODE", Created: created, Activated: created,
					LastUpdated: updated, Line: 2},
				{BangoID: "e-2", CustomerIdentifier: "cust-2", MerchantKey: "BANGO", ProductKey: "BangoMusic", Status: "CANCELLED",
					Created: created, LastUpdated: updated, Ended: updated, Line: 3}}},
		"generation 2, Windows-1252": {headerV2 + "\r\n" +
			"ren\xe9,e-1,Active-Ending,BANGO_US,m-1,MUSIC,\"Caf\xe9 \x805, \"\"plus\"\"\",16/01/2017 10:30:05,16/01/2017 10:30:05,,," +
			"03/02/2017 04:05:06,31/12/2030 23:59:59,XML,\"<a>\r\n</a>\"\r\n" +
			"c2,e-2,Suspended,BANGO_US,,MUSIC,,16/01/2017 10:30:05,,03/02/2017 04:05:06,31/12/2030 23:59:59,03/02/2017 04:05:06,,,\r\n",
			[]reports.Row{
				{BangoID: "e-1", CustomerIdentifier: "rené", MerchantKey: "BANGO_US", ProductKey: "MUSIC", DisplayName: `Café €5, "plus"`,
					Status: "ACTIVE-ENDING", MerchantEntitlementID: "m-1", ExtensionDataFormat: "XML", ExtensionData: "<a>\n</a>",
					Created: created, Activated: created, LastUpdated: updated, Ended: at(2030, 12, 31, 23, 59, 59), Line: 2},
				{BangoID: "e-2", CustomerIdentifier: "c2", MerchantKey: "BANGO_US", ProductKey: "MUSIC", Status: "SUSPENDED",
					Created: created, Suspended: updated, Expiry: at(2030, 12, 31, 23, 59, 59), LastUpdated: updated, Line: 4}}},
		"v2, another order, letter case and more columns, UTF-8": {
			"\ufeffNew,STATUS, lastupdated ,bangoEntitlementID,MerchantAccountKey,productkey,resellercustomerid,DateExpiry\n" +
				"1,pending,2017-02-03T04:05:06.5Z,e-1,BANGO,BangoMusic,René €,2017-02-03T04:05:06\n\n2,Brand New,03/02/2017 04:05:06,e-2,B,P,C,",
			[]reports.Row{
				{BangoID: "e-1", CustomerIdentifier: "René €", MerchantKey: "BANGO", ProductKey: "BangoMusic", Status: "PENDING",
					LastUpdated: updated.Add(time.Second / 2), Expiry: updated, Line: 2},
				{BangoID: "e-2", CustomerIdentifier: "C", MerchantKey: "B", ProductKey: "P", Status: "Brand New", LastUpdated: updated, Line: 4}}},
		"no rows": {headerV2, nil},
	} {
		t.Run(name, func(t *testing.T) {
			// One byte at a time, so that no form depends on how the bytes arrive.
			for _, r := range []io.Reader{strings.NewReader(c.file), iotest.OneByteReader(strings.NewReader(c.file))} {
				rows, wrong := read(t, r)
				if diff := cmp.Diff(c.want, rows); diff != "" || wrong != nil {
					t.Errorf("%s\n%v", diff, wrong)
				}
			}
		})
	}
}

func TestEveryStatusOfTheReportsIsTheWordOfTheAPI(t *testing.T) {
	for word, want := range map[string]string{"Pending": "PENDING", "Active": "ACTIVE", "Active-Ending": "ACTIVE-ENDING",
		"Suspended": "SUSPENDED", "Cancelled": "CANCELLED", "Revoked": "REVOKED", "Failed": "FAILED", "ACTIVE-ENDING": "ACTIVE-ENDING",
		"Active_Ending": "Active_Ending", "Dormant": "Dormant"} {
		rows, wrong := read(t, strings.NewReader(headerLeast+"\nc,e,"+word+",Active,p,03/02/2017 04:05:06\n"))
		if len(rows) != 1 || rows[0].Status != want || rows[0].MerchantKey != "Active" || wrong != nil {
			t.Errorf("%s: %+v, %v; want %s", word, rows, wrong, want)
		}
	}
}

func TestABadRowIsToldAndTheNextIsRead(t *testing.T) {
	const good = "c,e,Active,m,p,03/02/2017 04:05:06\n"
	for _, c := range []struct{ row, want string }{
		{"c,e,Active,m,p,31/02/2017 04:05:06", `line 3: LastUpdated is "31/02/2017 04:05:06", which is not a date`},
		{"c,e,Active,m,p,2017-02-03", `line 3: LastUpdated is "2017-02-03", which is not a date`},
		{"c,e,Active,m,p,02/13/2017 04:05:06", `line 3: LastUpdated is "02/13/2017 04:05:06", which is not a date`},
		{"c,e,Active,m,p,NULL", `line 3: LastUpdated is empty`},
		{`NULL,"",Active,m,p,03/02/2017 04:05:06`, `line 3: BangoEntitlementId is empty`}, // the first one found
		{"NULL,e,Active,m,p,03/02/2017 04:05:06", `line 3: ResellerCustomerId is empty`},
		{"c,e,Active,m,p", `line 3: it has 5 columns, the header has 6`},
		{"c,e,Active,m,p,03/02/2017 04:05:06,", `line 3: it has 7 columns, the header has 6`},
		{`c,e,Active,m,p"p,03/02/2017 04:05:06`, `line 3: bare " in non-quoted-field`},
		{`c,e,Active,"m"m,p,03/02/2017 04:05:06`, `line 3: extraneous or missing " in quoted-field`},
		{"c\x00,e,Active,m,p,03/02/2017 04:05:06", `line 3: ResellerCustomerId has bytes that are not text`},
	} {
		rows, wrong := read(t, strings.NewReader(headerLeast+"\n"+good+c.row+"\n"+good))
		if len(rows) != 2 || len(rows) == 2 && (rows[0].Line != 2 || rows[1].Line != 4) || len(wrong) != 1 || wrong[0] != c.want {
			t.Errorf("%s: %d rows, %q", c.row, len(rows), wrong)
		}
	}
	_, wrong := read(t, strings.NewReader("\ufeff"+headerLeast+"\nren\xe9,e,Active,m,p,03/02/2017 04:05:06\n"))
	if len(wrong) != 1 || wrong[0] != "line 2: ResellerCustomerId has bytes that are not text" {
		t.Errorf("Windows-1252 in a file that says UTF-8: %q", wrong)
	}
}

func TestABadRowHoldsWhatCouldBeRead(t *testing.T) {
	reader, err := reports.NewReader(strings.NewReader(headerLeast + "\nc,e,Active,m,p,yesterday\n"))
	if err != nil {
		t.Fatal(err)
	}
	row, err := reader.Next()
	want := reports.Row{BangoID: "e", CustomerIdentifier: "c", MerchantKey: "m", ProductKey: "p", Status: "ACTIVE", Line: 2}
	if diff := cmp.Diff(want, row); diff != "" || err == nil {
		t.Errorf("%s\n%v", diff, err)
	}
}

func TestAFileThatIsNoReportSaysWhy(t *testing.T) {
	for _, c := range []struct{ file, want string }{
		{"", "it is empty: not even a header is there"},
		{"\ufeff", "it is empty: not even a header is there"},
		{"\n\n", "it is empty: not even a header is there"},
		{"ResellerCustomerId,BangoEntitlementId,ProductKey,DisplayName\n", "it is not an Active, Change or Event report: its header lacks " +
			"MerchantAccountKey (or MerchantKey), Status, LastUpdated (or DateLastUpdated)"},
		{headerLeast + ",DateLastUpdated\n", "its columns LastUpdated and DateLastUpdated are the same"},
		{headerLeast + ",status\n", "its columns Status and status are the same"},
		{`a"b` + "\n", `its header cannot be read: parse error on line 1, column 2: bare " in non-quoted-field`},
	} {
		reader, err := reports.NewReader(strings.NewReader(c.file))
		if err == nil || err.Error() != c.want || reader != nil {
			t.Errorf("%.20q: %v, %v", c.file, reader, err)
		}
	}
	broken := errors.New("the disk is gone")
	if _, err := reports.NewReader(iotest.ErrReader(broken)); err != broken {
		t.Errorf("%v", err)
	}
}

func TestAStreamThatBreaksOffIsNotTheEnd(t *testing.T) {
	broken := errors.New("the connection is gone")
	const half = headerLeast + "\nc,e,Active,m,p,03/02/2017 04:05:06\nc,e,Acti"
	for _, rest := range []string{"", `"`} { // a bare quote is malformed as well
		rows, wrong := read(t, io.MultiReader(strings.NewReader(half+rest), iotest.ErrReader(broken)))
		if len(rows) > 1 || len(wrong) != 1 || wrong[0] != "end: "+broken.Error() {
			t.Errorf("%d rows, %q", len(rows), wrong)
		}
	}
}

// report is a generated file of generation 2 that is never in memory as a whole.
type report struct {
	rows, done int
	pending    bytes.Buffer
}

func (r *report) Read(p []byte) (int, error) {
	for r.pending.Len() < len(p) && r.done < r.rows {
		if r.done == 0 {
			r.pending.WriteString(headerV2 + "\r\n")
		}
		r.done++
		fmt.Fprintf(&r.pending, "cust-%d,1c0f3c1e-0000-4000-8000-%012d,Active,BANGO_US,m-%d,MUSIC,\"Bango M\xfcsic, \"\"plus\"\"\","+
			"16/01/2017 10:30:05,16/01/2017 10:30:05,,31/12/2030 23:59:59,03/02/2017 04:05:06,,XML,"+
			"\"<order id=\"\"%d\"\"/>\"\r\n", r.done, r.done, r.done, r.done)
	}
	return r.pending.Read(p)
}

func liveHeap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestMemoryDoesNotGrowWithTheFile(t *testing.T) {
	const size, bound = 200_000, 4 << 20 // the file is of 45 MB
	reader, err := reports.NewReader(&report{rows: size})
	if err != nil {
		t.Fatal(err)
	}
	before := liveHeap()
	for n := range size {
		row, err := reader.Next()
		if err != nil || row.Line != n+2 || row.DisplayName != `Bango Müsic, "plus"` {
			t.Fatalf("%+v, %v", row, err)
		}
		if n%20_000 == 0 || n == size-1 {
			if grown := liveHeap() - before; grown > bound {
				t.Fatalf("%d bytes more are live after %d rows", grown, n+1)
			}
		}
	}
	if _, err := reader.Next(); err != io.EOF {
		t.Error(err)
	}
}

// endless repeats a text for ever and counts what was read of it.
type endless struct {
	text string
	read int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.text[e.read%len(e.text):])
	e.read += n
	return n, nil
}

func TestARowWithoutEndEndsTheStream(t *testing.T) {
	for name, text := range map[string]string{"a quote never closed": "a\n", "no line end": "a", "empty lines": "\n", "columns": ","} {
		rest := &endless{text: strings.Repeat(text, 4096)}
		begin := headerLeast + "\nc,e,Active,m,p,03/02/2017 04:05:06\n"
		if text == "a\n" {
			begin += `"`
		}
		rows, wrong := read(t, io.MultiReader(strings.NewReader(begin), rest))
		if len(rows) != 1 || len(wrong) != 1 || wrong[0] != "end: "+reports.ErrRowTooLong.Error() || rest.read > reports.MaxRow+64<<10 {
			t.Errorf("%s: %d rows, %q, %d bytes read", name, len(rows), wrong, rest.read)
		}
		if _, err := reports.NewReader(rest); err != reports.ErrRowTooLong && text != "a\n" {
			t.Errorf("%s as the header: %v", name, err)
		}
	}
	long := strings.Repeat("x", reports.MaxRow-8<<10)
	rows, wrong := read(t, strings.NewReader(headerLeast+",ExtensionData\n"+
		strings.Repeat("c,e,Active,m,p,03/02/2017 04:05:06,"+long+"\n", 3))) // each may have that much anew
	if len(rows) != 3 || rows[2].ExtensionData != long || wrong != nil {
		t.Errorf("long rows: %d, %q", len(rows), wrong)
	}
}

func BenchmarkReader(b *testing.B) {
	reader, err := reports.NewReader(&endless{text: func() string {
		text, _ := io.ReadAll(&report{rows: 1000})
		return string(text)
	}()})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		reader.Next() // every thousandth is a header again, and so a bad row
	}
}

func FuzzReader(f *testing.F) {
	for _, header := range []string{headerV1, headerV2, headerLeast, "\ufeff" + headerLeast} {
		for _, row := range []string{"", "c,e,Active,m,p,03/02/2017 04:05:06\r\n", `"c",e,"Active""",m,p,NULL`, "\"c\n,", "\x00\xff\x81,\n\n,",
			`"e-1",4711,"c","p","","m","r","Active","","","2017-01-16T10:30:05Z",NULL,NULL,NULL,"2017-01-16T10:30:05+14:00",NULL` + "\n"} {
			f.Add([]byte(header + "\n" + row))
		}
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		reader, err := reports.NewReader(bytes.NewReader(file))
		if err != nil {
			if reader != nil || err.Error() == "" {
				t.Errorf("%v with %v", reader, err)
			}
			return
		}
		lines := bytes.Count(file, []byte("\n")) + 1
		for line := 1; ; {
			row, err := reader.Next()
			var wrong *reports.RowError
			switch {
			case err == io.EOF:
				return
			case errors.Is(err, reports.ErrRowTooLong) && len(file) > reports.MaxRow/3: // a byte may become three
				return
			case err != nil && !errors.As(err, &wrong):
				t.Fatal(err)
			case row.Line <= line || row.Line > lines:
				t.Fatalf("line %d after line %d of %d", row.Line, line, lines)
			}
			line = row.Line
			if err != nil {
				continue
			}
			for _, needed := range []string{row.BangoID, row.CustomerIdentifier, row.MerchantKey, row.ProductKey, row.Status} {
				if needed == "" || strings.ToValidUTF8(needed, "") != needed || strings.ContainsRune(needed, 0) {
					t.Errorf("accepted: %+v", row)
				}
			}
			for _, when := range []time.Time{row.Created, row.Activated, row.Suspended, row.Expiry, row.LastUpdated, row.Ended} {
				if when.Location() != time.UTC {
					t.Errorf("%v is not in UTC", when)
				}
			}
		}
	})
}
