package resale

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// MaxImportRows bounds one file, so that reading it takes bounded memory and storing it a bounded time.
const MaxImportRows = 200_000

// ImportCustomers reads a CSV file with the header customerIdentifier,name,email,phone and adds its customers; those that are known
// get the file's name, e-mail and phone. Either the whole file is taken or, with an error that names line and column, nothing.
// It is for the operator's own commands and asks for no rights.
func (s *Service) ImportCustomers(ctx context.Context, file io.Reader) (added, changed int, err error) {
	var customers []Customer
	line := map[string]int{}
	err = readCSV(file, []string{"customerIdentifier", "name", "email", "phone"}, func(at int, cells []string) error {
		c, err := Customer{Identifier: cells[0], Name: cells[1], Email: cells[2], Phone: cells[3]}.normalised()
		if err != nil {
			return err
		}
		if first, twice := line[c.Identifier]; twice {
			return Invalid("customer_identifier", "%q stands in line %d already.", c.Identifier, first)
		}
		line[c.Identifier] = at
		customers = append(customers, c)
		return nil
	})
	if err != nil {
		return 0, 0, err
	}
	now := s.now()
	err = s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		added, changed = 0, 0
		anyFormer, err := tx.AnyFormerIdentifiers(ctx)
		if err != nil {
			return err
		}
		for _, c := range customers {
			known, err := tx.CustomerByIdentifier(ctx, c.Identifier)
			switch {
			case CodeOf(err) == CodeNotFound:
				c.ID, c.Created = newID(), now
				if anyFormer {
					if err := unclaimed(ctx, tx, c.Identifier, c.ID); err != nil {
						return err
					}
				}
				if err := tx.InsertCustomer(ctx, c); err != nil {
					return err
				}
				added++
			case err != nil:
				return err
			default:
				c.ID, c.Created = known.ID, known.Created
				if c == known {
					continue
				}
				if err := tx.UpdateCustomer(ctx, c); err != nil {
					return err
				}
				changed++
			}
		}
		return nil
	})
	return added, changed, err
}

// ImportCatalogue reads a CSV file with the header merchantAccountKey,merchantName,productKey,productName,offerKey,offerName and adds or
// renames what it lists; what it does not list stays. Either the whole file is taken or, with an error that names line and column, nothing.
// It is for the operator's own commands and asks for no rights.
func (s *Service) ImportCatalogue(ctx context.Context, file io.Reader) (rows int, err error) {
	var catalogue []CatalogueRow
	header := []string{"merchantAccountKey", "merchantName", "productKey", "productName", "offerKey", "offerName"}
	err = readCSV(file, header, func(_ int, c []string) error {
		r, err := CatalogueRow{MerchantKey: c[0], MerchantName: c[1], ProductKey: c[2], ProductName: c[3], OfferKey: c[4], OfferName: c[5]}.normalised()
		catalogue = append(catalogue, r)
		return err
	})
	if err != nil {
		return 0, err
	}
	return len(catalogue), s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		for _, r := range catalogue {
			if err := tx.UpsertCatalogue(ctx, r); err != nil {
				return err
			}
		}
		return nil
	})
}

// readCSV calls row with the line number and the cells of each line below the header. An error names the line and, where it is known,
// the column.
func readCSV(file io.Reader, header []string, row func(line int, cells []string) error) error {
	r := csv.NewReader(file)
	r.FieldsPerRecord = -1 // counted below, to say which line and how many
	r.ReuseRecord = true
	wanted := strings.Join(header, ",")
	first, err := r.Read()
	if errors.Is(err, io.EOF) {
		return Invalid("", "The file is empty; its first line must be %s", wanted)
	}
	if err != nil {
		return Invalid("", "The file is not CSV: %s.", csvFault(err))
	}
	first = slices.Clone(first)
	first[0] = strings.TrimPrefix(first[0], "\ufeff") // spreadsheets write one
	if !slices.Equal(first, header) {
		return Invalid("", "Line 1 must be %s, but is %s", wanted, clip(strings.Join(first, ","), 200))
	}
	for rows := 1; ; rows++ {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return Invalid("", "The file is not CSV: %s.", csvFault(err))
		}
		line, _ := r.FieldPos(0)
		if rows > MaxImportRows {
			return Invalid("", "The file has more than %d lines; split it.", MaxImportRows)
		}
		if len(cells) != len(header) {
			return Invalid("", "Line %d has %d columns, not %d.", line, len(cells), len(header))
		}
		if err := row(line, cells); err != nil {
			return atCell(r, line, header, err)
		}
	}
}

// atCell adds the place in the file to what is wrong with a line.
func atCell(r *csv.Reader, line int, header []string, err error) error {
	var fault *Error
	if !errors.As(err, &fault) {
		return err
	}
	name := fault.Field
	if name == "customer_identifier" { // as the form calls it
		name = "customerIdentifier"
	}
	if i := slices.Index(header, name); i >= 0 {
		l, column := r.FieldPos(i)
		return &Error{Code: fault.Code, Field: name, Message: fmt.Sprintf("Line %d, column %d (%s): %s", l, column, name, fault.Message)}
	}
	return &Error{Code: fault.Code, Field: name, Message: fmt.Sprintf("Line %d: %s", line, fault.Message)}
}

// csvFault says where a file stops being CSV.
func csvFault(err error) string {
	var p *csv.ParseError
	if errors.As(err, &p) {
		return fmt.Sprintf("line %d, column %d: %v", p.Line, p.Column, p.Err)
	}
	return err.Error()
}
