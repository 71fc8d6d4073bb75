package resale

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// ParseBulkText reads references and identifiers that a person pasted: one a line, or apart by commas, semicolons or spaces.
func ParseBulkText(text string) ([]BulkItem, error) {
	var items []BulkItem
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n,;\u00a0", r) }) {
		input, err := bulkInput(word)
		if err != nil {
			return nil, err
		}
		items = append(items, BulkItem{Input: input})
		if len(items) > MaxBulkRows {
			return nil, Invalid("refs", "These are more than %d, and a job takes no more. Split them.", MaxBulkRows)
		}
	}
	return items, nil
}

// bulkInput returns what names an entitlement, without the mark that keeps a spreadsheet from calculating with it.
func bulkInput(s string) (string, error) {
	s = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(s), "'"))
	switch {
	case len(s) > maxBulkInput:
		return "", Invalid("refs", "%.40q… is longer than %d characters, so it is no reference or identifier.", s, maxBulkInput)
	case !printable(s):
		return "", Invalid("refs", "%.40q has characters in it that cannot be shown.", s)
	}
	return s, nil
}

// Columns of files, in small letters. The first ones are those of Bango's batch files. src: Gen 2 reseller-batch-processor, Gen 1 batch create
const (
	colAction      = "action"
	colBangoID     = "entitlementid"
	colCategory    = "reasoncategory"
	colCode        = "reasoncode"
	colDescription = "reasondescription"
	colProduct     = "productkey"
	colNotify      = "notificationurl"
	colExpiry      = "dateexpiry"
	colCustomer    = "customeridentifier"
	colData        = "extensiondata"
	colName        = "entitlementdisplayname"
	colRef         = "ref"
	colInput       = "input" // of our own result files
)

// bulkActions are Bango's words for what a row of a batch file asks for.
var bulkActions = map[string]RequestKind{"SUSPEND": KindSuspend, "RESUME": KindResume, "CANCEL": KindCancel, "REVOKE": KindRevoke, "UPDATE": KindUpdate}

// ParseBulkFile reads a CSV file: one of Bango's batch files, each row of which says by itself what it asks for, or any file with a column ref,
// entitlementId or customerIdentifier, or with references or identifiers alone in its first column. The text is UTF-8 or, as Bango writes
// it, Windows-1252. What is wrong with a row of a batch file is said of the row; what is wrong with the file is an error.
func (s *Service) ParseBulkFile(file []byte) ([]BulkItem, error) {
	text := bytes.TrimPrefix(file, []byte("\ufeff"))
	if !utf8.Valid(text) {
		decoded, err := charmap.Windows1252.NewDecoder().Bytes(text)
		if err != nil {
			return nil, Invalid("file", "The file is neither UTF-8 nor Windows-1252.")
		}
		text = decoded
	}
	if bytes.IndexByte(text, 0) >= 0 {
		return nil, Invalid("file", "The file is not CSV. Save it as CSV, in UTF-8 or Windows-1252.")
	}
	r := csv.NewReader(bytes.NewReader(text))
	r.FieldsPerRecord, r.ReuseRecord, r.TrimLeadingSpace = -1, true, true
	if line, _, _ := bytes.Cut(text, []byte("\n")); bytes.IndexByte(line, ',') < 0 && bytes.IndexByte(line, ';') >= 0 {
		r.Comma = ';' // as spreadsheets write where a comma is part of a number
	}
	var f bulkFile
	for line := 0; ; line++ {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, Invalid("file", "The file is not CSV: %s.", csvFault(err))
		}
		if line == 0 {
			if f.head(cells); f.columns != nil {
				continue
			}
		}
		if !slices.ContainsFunc(cells, func(c string) bool { return strings.TrimSpace(c) != "" }) {
			continue
		}
		at, _ := r.FieldPos(0)
		item, err := f.item(cells, s.reasons, s.now())
		if err != nil {
			var fault *Error
			if errors.As(err, &fault) {
				return nil, Invalid("file", "Line %d: %s", at, fault.Message)
			}
			return nil, err
		}
		if f.items = append(f.items, item); len(f.items) > MaxBulkRows {
			return nil, Invalid("file", "The file has more than %d rows, and a job takes no more. Split it.", MaxBulkRows)
		}
	}
	if len(f.items) == 0 {
		return nil, Invalid("file", "The file has no rows.")
	}
	return f.items, nil
}

// bulkFile is a file that is being read.
type bulkFile struct {
	columns []string // nil where the file has no header
	names   []string // as the file writes them
	items   []BulkItem
}

// head takes the first line for a header if it has a column that we know.
func (f *bulkFile) head(cells []string) {
	var columns []string
	for _, c := range cells {
		columns = append(columns, strings.ToLower(strings.TrimSpace(c)))
	}
	for _, known := range []string{colAction, colBangoID, colCustomer, colRef, colInput} {
		if slices.Contains(columns, known) {
			f.columns, f.names = columns, slices.Clone(cells)
			return
		}
	}
}

// cell is what a row has in a column, empty for none.
func (f *bulkFile) cell(cells []string, column string) string {
	if i := slices.Index(f.columns, column); i >= 0 && i < len(cells) {
		return strings.TrimSpace(cells[i])
	}
	return ""
}

// item reads a row.
func (f *bulkFile) item(cells []string, reasons ReasonList, now time.Time) (BulkItem, error) {
	if f.columns == nil {
		input, err := bulkInput(cells[0])
		return BulkItem{Input: input}, err
	}
	isBatch := slices.Contains(f.columns, colAction)
	named := []string{colRef, colBangoID, colCustomer, colInput}
	if isBatch && slices.Contains(f.columns, colBangoID) {
		named = []string{colBangoID} // here customerIdentifier is what an update changes
	}
	var item BulkItem
	for _, column := range named {
		input, err := bulkInput(f.cell(cells, column))
		if err != nil {
			return item, err
		}
		if input != "" {
			item.Input = input
			break
		}
	}
	if !isBatch {
		return item, nil
	}
	action := strings.ToUpper(f.cell(cells, colAction))
	item.Ask.Kind = bulkActions[action]
	switch {
	case action == "CREATE":
		item.Fault = "CREATE is not done in bulk; make new entitlements from the customer's page"
	case action == "":
		item.Fault = "the row has no action"
	case item.Ask.Kind == "":
		item.Fault = "the action " + clip(action, 40) + " is not known"
	case item.Ask.Kind.NeedsReason():
		item.Ask.Reason = Reason{Category: f.cell(cells, colCategory), Code: f.cell(cells, colCode), Description: f.cell(cells, colDescription)}
		item.fault(item.Ask.Reason.check(item.Ask.Kind, reasons))
	case item.Ask.Kind == KindUpdate:
		f.terms(cells, &item, now)
	}
	if item.Fault != "" { // nothing of it is asked for
		item.Ask = Ask{}
	}
	return item, nil
}

// fault notes why a row cannot be asked for.
func (i *BulkItem) fault(err error) {
	var fault *Error
	if errors.As(err, &fault) {
		i.Fault = fault.Message
	}
}

// terms reads what a row of a batch file changes.
func (f *bulkFile) terms(cells []string, item *BulkItem, now time.Time) {
	for i, column := range f.columns {
		known := []string{colAction, colBangoID, colProduct, colExpiry, colCustomer, colData, colName, colCategory, colCode, colDescription}
		if i >= len(cells) || strings.TrimSpace(cells[i]) == "" || slices.Contains(known, column) {
			continue
		}
		if column == colNotify {
			item.Fault = "where notifications go is the portal's own; leave notificationUrl empty"
			return
		}
		item.Fault = "the column " + clip(f.names[i], 40) + " is not known here"
		return
	}
	t := Terms{ProductKey: f.cell(cells, colProduct), CustomerIdentifier: f.cell(cells, colCustomer), DisplayName: f.cell(cells, colName),
		ExtensionData: f.cell(cells, colData)}
	if t.ExtensionData != "" && !strings.HasPrefix(t.ExtensionData, "{") {
		t.ExtensionData = "{" + t.ExtensionData + "}" // Bango's files have the members alone
	}
	if expiry := f.cell(cells, colExpiry); expiry != "" {
		at, err := time.Parse(time.RFC3339, expiry)
		if err != nil {
			at, err = time.Parse(time.DateOnly, expiry)
		}
		if err != nil {
			item.Fault = "dateExpiry is " + clip(expiry, 40) + "; it must be like 2030-07-06T15:30:22Z"
			return
		}
		t.DateExpiry = at
	}
	if len(t.ProductKey) > MaxIdentifier || len(t.CustomerIdentifier) > MaxIdentifier || !printable(t.ProductKey+t.CustomerIdentifier) {
		item.Fault = "productKey or customerIdentifier is too long, or has characters in it that cannot be shown"
		return
	}
	var err error
	if t, err = t.normalised(now); err != nil {
		item.fault(err)
		return
	}
	if item.Ask.Terms = t; t == (Terms{}) {
		item.Fault = "the row changes nothing"
	}
}
