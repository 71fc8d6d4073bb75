package reports

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// MaxRow is the longest row that is read, in bytes of UTF-8. Bango publishes no bound; the columns are short but for ExtensionData. A
// longer row is a quote that nobody closed, and would take the rest of the file into memory.
const MaxRow = 256 << 10

// ErrRowTooLong ends a stream that has a row longer than MaxRow: where the next one begins can no longer be known.
var ErrRowTooLong = fmt.Errorf("a row is longer than %d bytes: probably a quote was opened and never closed", MaxRow)

// Row is one entitlement as a report has it. Empty strings and zero times were empty, NULL or not among the columns. The strings of a row
// share one piece of memory: whoever keeps a short one of very many rows should clone it.
type Row struct {
	BangoID               string // Bango's entitlementId
	CustomerIdentifier    string
	MerchantKey           string
	ProductKey            string
	OfferKey              string // v1
	DisplayName           string
	Status                string // PENDING, ACTIVE, ACTIVE-ENDING, … as in the API; a word that is not documented is as it came
	ActivationCode        string // v1
	MerchantEntitlementID string // v2
	ExtensionDataFormat   string // v2; such as XML
	ExtensionData         string // v2

	// In UTC.
	Created     time.Time
	Activated   time.Time
	Suspended   time.Time // v2: only if still suspended at the end of the report's period
	Expiry      time.Time
	LastUpdated time.Time
	Ended       time.Time

	Line int // in the file, where the row begins; the header is line 1
}

// RowError is what is wrong with one row. The stream goes on behind it.
type RowError struct {
	Line int // where the row begins
	Err  error
}

// Error says where and what.
func (e *RowError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap returns what is wrong.
func (e *RowError) Unwrap() error { return e.Err }

// column is what a part of Row is called in the two forms, and where it goes.
type column struct {
	v1, v2 string
	needed bool // the column, and a value in each row
	text   func(*Row) *string
	date   func(*Row) *time.Time
}

// columns are the published ones. Of v2 in generation 1 only the first two are known; generation 2 begins the same and is taken for the
// rest. A name of either form is therefore understood in both.
// src: resale/reporting/entitlement (v1), resale/reporting/entitlementv2, Gen 2 active-change-event-reports (v2)
var columns = []column{
	{v1: "BangoEntitlementId", v2: "BangoEntitlementId", needed: true, text: func(r *Row) *string { return &r.BangoID }},
	{v1: "ResellerCustomerId", v2: "ResellerCustomerId", needed: true, text: func(r *Row) *string { return &r.CustomerIdentifier }},
	{v1: "MerchantKey", v2: "MerchantAccountKey", needed: true, text: func(r *Row) *string { return &r.MerchantKey }},
	{v1: "ProductKey", v2: "ProductKey", needed: true, text: func(r *Row) *string { return &r.ProductKey }},
	{v1: "Status", v2: "Status", needed: true, text: func(r *Row) *string { return &r.Status }},
	{v1: "OfferKey", v2: "OfferKey", text: func(r *Row) *string { return &r.OfferKey }},
	{v1: "DisplayName", v2: "DisplayName", text: func(r *Row) *string { return &r.DisplayName }},
	{v1: "ActivationCode", v2: "ActivationCode", text: func(r *Row) *string { return &r.ActivationCode }},
	{v1: "MerchantEntitlementId", v2: "MerchantEntitlementId", text: func(r *Row) *string { return &r.MerchantEntitlementID }},
	{v1: "ExtensionDataFormat", v2: "ExtensionDataFormat", text: func(r *Row) *string { return &r.ExtensionDataFormat }},
	{v1: "ExtensionData", v2: "ExtensionData", text: func(r *Row) *string { return &r.ExtensionData }},
	{v1: "DateCreated", v2: "CreatedDate", date: func(r *Row) *time.Time { return &r.Created }},
	{v1: "DateActivated", v2: "ActivatedDate", date: func(r *Row) *time.Time { return &r.Activated }},
	{v1: "DateSuspended", v2: "SuspendedDate", date: func(r *Row) *time.Time { return &r.Suspended }},
	{v1: "DateExpiry", v2: "ExpiryDate", date: func(r *Row) *time.Time { return &r.Expiry }},
	{v1: "DateLastUpdated", v2: "LastUpdated", needed: true, date: func(r *Row) *time.Time { return &r.LastUpdated }},
	{v1: "DateEnded", v2: "EndDate", date: func(r *Row) *time.Time { return &r.Ended }},
}

// statuses are the words of the API; reports of generation 2 spell them Pending, Active-Ending and so on.
// src: resale/entitlements, Gen 2 active-change-event-reports
var statuses = []string{"PENDING", "ACTIVE", "ACTIVE-ENDING", "SUSPENDED", "CANCELLED", "REVOKED", "FAILED"}

// Reader reads the rows of one report. It holds one row at a time, whatever the size of the file.
type Reader struct {
	input *input
	csv   *csv.Reader
	cells []cell
	row   Row // what cells point into
	err   error
}

// cell is a column of this file.
type cell struct {
	column
	at   int    // in a record
	name string // as the file has it
}

// NewReader reads the header of a report and finds out by it which columns come in which order: those of v1, of v2 or of generation 2,
// in any letter case; others are passed over. Missing ones that are needed are named in the error.
//
// The text is Windows-1252, as Bango writes it, or UTF-8 if it begins with a byte order mark.
func NewReader(r io.Reader) (*Reader, error) {
	buffered := bufio.NewReader(r)
	mark := []byte("\ufeff")
	switch begin, err := buffered.Peek(len(mark)); {
	case bytes.Equal(begin, mark):
		buffered.Discard(len(mark)) // cannot fail: they are there
		r = buffered
	case err != nil && err != io.EOF:
		return nil, err
	default:
		r = charmap.Windows1252.NewDecoder().Reader(buffered)
	}
	in := &input{from: r, left: MaxRow}
	reader := &Reader{input: in, csv: csv.NewReader(in)}
	reader.csv.ReuseRecord = true // FieldsPerRecord stays 0: every row must have as many as the header
	header, err := reader.csv.Read()
	switch {
	case in.err != nil:
		return nil, in.err
	case err == io.EOF:
		return nil, errors.New("it is empty: not even a header is there")
	case err != nil:
		return nil, fmt.Errorf("its header cannot be read: %w", err)
	}
	if err := reader.find(header); err != nil {
		return nil, err
	}
	return reader, nil
}

// find looks up the columns of a header.
func (r *Reader) find(header []string) error {
	var missing []string
	for _, c := range columns {
		known := cell{column: c, at: -1}
		for at, name := range header {
			name = strings.TrimSpace(name)
			switch {
			case !strings.EqualFold(name, c.v1) && !strings.EqualFold(name, c.v2):
			case known.at >= 0:
				return fmt.Errorf("its columns %s and %s are the same", known.name, name)
			default:
				known.at, known.name = at, strings.Clone(name)
			}
		}
		if known.at >= 0 {
			r.cells = append(r.cells, known)
		} else if c.needed && c.v1 == c.v2 {
			missing = append(missing, c.v2)
		} else if c.needed {
			missing = append(missing, c.v2+" (or "+c.v1+")")
		}
	}
	if missing != nil {
		return fmt.Errorf("it is not an Active, Change or Event report: its header lacks %s", strings.Join(missing, ", "))
	}
	return nil
}

// Next returns the next row, or io.EOF behind the last one. With a *RowError the row holds what could be read of it, at least its Line, and
// the stream goes on. Any other error is the stream's end and comes again.
func (r *Reader) Next() (Row, error) {
	if r.err != nil {
		return Row{}, r.err
	}
	r.row = Row{}
	r.input.left = MaxRow
	record, err := r.csv.Read()
	var malformed *csv.ParseError
	switch {
	case r.input.err != nil: // before all else: a row that was cut off looks malformed too
		r.err = r.input.err
		return Row{}, r.err
	case errors.As(err, &malformed):
		r.row.Line = malformed.StartLine
		err = malformed.Err
		if err == csv.ErrFieldCount {
			err = fmt.Errorf("it has %d columns, the header has %d", len(record), r.csv.FieldsPerRecord)
		}
		return r.row, &RowError{Line: r.row.Line, Err: err}
	case err != nil:
		r.err = err
		return Row{}, r.err
	}
	r.row.Line, _ = r.csv.FieldPos(0)
	for _, c := range r.cells {
		if wrong := c.read(record[c.at], &r.row); wrong != nil && err == nil {
			err = &RowError{Line: r.row.Line, Err: wrong}
		}
	}
	known := func(word string) bool { return strings.EqualFold(word, r.row.Status) }
	if i := slices.IndexFunc(statuses, known); i >= 0 {
		r.row.Status = statuses[i]
	}
	return r.row, err
}

// read puts a value into its place. NULL is none; that a quoted "NULL" is the same cannot be helped, and a needed one is told.
func (c *cell) read(value string, row *Row) error {
	if value == "NULL" {
		value = ""
	}
	switch {
	case value == "" && c.needed:
		return fmt.Errorf("%s is empty", c.name)
	case value == "":
		return nil
	case !utf8.ValidString(value) || strings.ContainsRune(value, 0):
		return fmt.Errorf("%s has bytes that are not text", c.name)
	case c.date != nil:
		at, ok := date(value)
		if !ok {
			return fmt.Errorf("%s is %.40q, which is not a date", c.name, value)
		}
		*c.date(row) = at
		return nil
	}
	*c.text(row) = value
	return nil
}

// date reads both forms, 2017-01-16T10:30:05Z (v1) and dd/MM/yyyy HH:mm:ss (v2), as UTC. The first may have a fraction or no zone.
func date(value string) (time.Time, bool) {
	layout := time.RFC3339
	switch {
	case len(value) == len("02/01/2006 15:04:05") && value[2] == '/':
		layout = "02/01/2006 15:04:05"
	case len(value) == len("2006-01-02T15:04:05"):
		layout = "2006-01-02T15:04:05"
	}
	at, err := time.Parse(layout, value)
	return at.UTC(), err == nil
}

// input hands on no more than one row may have, and remembers why it ended: encoding/csv reports what it finds in half a row instead.
type input struct {
	from io.Reader
	left int   // bytes that the present row may still take
	err  error // not io.EOF
}

// Read is io.Reader's.
func (i *input) Read(p []byte) (int, error) {
	if i.left <= 0 {
		i.err = ErrRowTooLong
		return 0, i.err
	}
	n, err := i.from.Read(p[:min(len(p), i.left)])
	i.left -= n
	if err != nil && err != io.EOF {
		i.err = err
	}
	return n, err
}
