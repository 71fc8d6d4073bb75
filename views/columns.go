package views

import (
	"slices"
	"strings"
)

// Column is a column of the list of entitlements.
type Column string

const (
	ColumnCustomer   Column = "customer"
	ColumnIdentifier Column = "identifier"
	ColumnProduct    Column = "product"
	ColumnMerchant   Column = "merchant"
	ColumnOffer      Column = "offer"
	ColumnStatus     Column = "status"
	ColumnReason     Column = "reason"
	ColumnRef        Column = "ref"
	ColumnBangoID    Column = "bango_id"
	ColumnCreated    Column = "created"
	ColumnCreatedBy  Column = "created_by"
	ColumnOpened     Column = "opened"
	ColumnEnds       Column = "ends"
	ColumnChanged    Column = "changed"
)

// columns are all of them in the order in which the list has them, with their headings.
var columns = []struct {
	column  Column
	heading string
}{
	{ColumnCustomer, "Customer"}, {ColumnIdentifier, "Identifier"}, {ColumnProduct, "Product"}, {ColumnMerchant, "Merchant"}, {ColumnOffer, "Offer"},
	{ColumnStatus, "Status"}, {ColumnReason, "Reason"}, {ColumnRef, "Reference"}, {ColumnBangoID, "Bango’s id"}, {ColumnCreated, "Created"},
	{ColumnCreatedBy, "Created by"}, {ColumnOpened, "Link opened"}, {ColumnEnds, "Ends"}, {ColumnChanged, "Changed"},
}

// usualColumns are those of whoever has chosen none.
var usualColumns = []Column{ColumnCustomer, ColumnProduct, ColumnStatus, ColumnRef, ColumnChanged}

// ParseColumns puts chosen columns in the order of the list, each once. unknown is the first that is none.
func ParseColumns(chosen []string) (known []Column, unknown string) {
	for _, c := range columns {
		if slices.Contains(chosen, string(c.column)) {
			known = append(known, c.column)
		}
	}
	for _, word := range chosen {
		if !slices.Contains(known, Column(word)) {
			return known, word
		}
	}
	return known, ""
}

// FormatColumns writes columns as they are kept; the usual ones are kept as nothing, so that they follow what is usual.
func FormatColumns(of []Column) string {
	if slices.Equal(of, usualColumns) {
		return ""
	}
	words := make([]string, len(of))
	for i, c := range of {
		words[i] = string(c)
	}
	return strings.Join(words, ",")
}

// ReadColumns reads what was kept. What is not known any more is left out.
func ReadColumns(kept string) []Column {
	known, _ := ParseColumns(strings.Split(kept, ","))
	if len(known) == 0 {
		return usualColumns
	}
	return known
}

func heading(of Column) string {
	for _, c := range columns {
		if c.column == of {
			return c.heading
		}
	}
	return ""
}

// Wide reports whether the list has more columns than the usual width of a page.
func (p EntitlementsPage) Wide() bool { return len(p.Columns) > 8 }
