package handlers

import (
	"bufio"
	"context"
	"encoding/csv"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"latchkey/resale"
)

const (
	maxExports    = 4 // at once, each of which reads the store again and again
	exportRead    = 20 * time.Second
	exportRecheck = 5 * time.Second
)

// readRows reads one part of a file, from after on; next is empty at the end.
type readRows func(ctx context.Context, after string) (rows [][]string, next string, err error)

// exportEntitlements streams what the list with the same query shows, whole: each entitlement that is in the view while its part is read is in
// the file once, however many change meanwhile, since they are read by their ids, which never change.
func (a *App) exportEntitlements(c *fiber.Ctx) error {
	f, err := resale.ParseFilter(queryValues(c))
	if err != nil {
		return err
	}
	if f, err = f.Resolve(c.UserContext(), a.store, time.Now().UTC()); err != nil {
		return err
	}
	header := []string{"ref", "status", "customerIdentifier", "customerName", "merchantAccountKey", "merchantName", "productKey", "productName", "offerKey",
		"entitlementId", "created", "createdBy", "changed", "linkOpened", "linkOpenedAt", "dateActivated", "dateSuspended", "dateResumed", "dateEnded",
		"dateExpiry", "reasonCategory", "reasonCode", "reasonDescription", "message"}
	return a.export(c, "entitlements", f.Query(), header, func(ctx context.Context, after string) ([][]string, string, error) {
		found, next, err := a.store.WalkEntitlements(ctx, f, after)
		if err != nil || len(found) == 0 {
			return nil, next, err
		}
		reasons, err := a.reasonsOf(ctx, found)
		rows := make([][]string, len(found))
		for i, r := range found {
			why := reasons[r.ID]
			rows[i] = []string{r.Ref, string(r.Status), r.CustomerIdentifier, r.CustomerName, r.MerchantKey, r.MerchantName, r.ProductKey, r.ProductName,
				r.OfferKey, r.BangoID, stamp(r.Created), r.CreatedBy, stamp(r.Updated), strconv.FormatInt(r.Opened, 10), stamp(r.OpenedAt),
				stamp(r.DateActivated), stamp(r.DateSuspended), stamp(r.DateResumed), stamp(r.DateEnded), stamp(r.DateExpiry),
				why.Category, why.Code, why.Description, r.Message}
		}
		return rows, next, err
	})
}

// exportCustomers streams all customers, or those that match q.
func (a *App) exportCustomers(c *fiber.Ctx) error {
	q, err := query(c, "q")
	if err != nil {
		return err
	}
	const page = 500
	of := ""
	if q != "" {
		of = "q=" + q
	}
	return a.export(c, "customers", of, []string{"customerIdentifier", "name", "email", "phone", "created"}, func(ctx context.Context, after string) (rows [][]string, next string, err error) {
		var found []resale.Customer
		if q != "" {
			found, err = a.findCustomers(ctx, q)
		} else {
			found, err = a.store.ListCustomers(ctx, resale.CustomerFilter{After: after, Limit: page})
		}
		if err != nil {
			return nil, "", err
		}
		for _, c := range found {
			rows = append(rows, []string{c.Identifier, c.Name, c.Email, c.Phone, stamp(c.Created)})
		}
		if q == "" && len(found) == page {
			next = found[page-1].ID
		}
		return rows, next, nil
	})
}

// export streams a CSV file as RFC 4180 has it. A file that is not whole ends in a broken connection, so that nobody takes it for one that is.
func (a *App) export(c *fiber.Ctx, what, of string, header []string, read readRows) error {
	c.Set(fiber.HeaderContentType, "text/csv; charset=utf-8; header=present")
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="latchkey-`+what+time.Now().UTC().Format("-2006-01-02T1504Z")+`.csv"`)
	if c.Method() == fiber.MethodHead {
		return nil
	}
	select {
	case a.exports <- struct{}{}:
	default:
		return &refusal{status: http.StatusServiceUnavailable, message: "Other files are being written just now. Try again in a minute."}
	}
	x, err := a.service.BeginExport(c.UserContext(), resale.StaffActor(who(c)), what, of)
	if err != nil {
		<-a.exports
		return err
	}
	// From here on c belongs to somebody else's request: the stream has only what was taken from it before.
	session, _ := c.Locals(keySession).(string)
	f := &file{conn: c.Context().Conn(), life: a.life, read: read, recheck: exportRecheck, allowed: func(ctx context.Context) bool {
		person, err := a.service.WatchSession(ctx, session)
		return err == nil && person.Role.AtLeast(resale.Supervisor)
	}}
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		defer func() { <-a.exports }()
		rows, err := f.write(w, header)
		if err != nil {
			a.log.Warn("a file was broken off", "of", what, "rows", rows, "err", err)
			f.conn.Close()
		}
		ctx, cancel := context.WithTimeout(context.Background(), exportRead)
		defer cancel()
		if err := a.service.EndExport(ctx, x, rows, err == nil); err != nil {
			a.log.Error("how many rows left is not written down", "of", what, "rows", rows, "err", err)
		}
	})
	return nil
}

// file is a CSV file on its way.
type file struct {
	conn    net.Conn
	life    context.Context // of the server
	read    readRows
	allowed func(context.Context) bool
	recheck time.Duration // how often it is looked whether the person may still have it
}

// write writes the file page by page, each read for itself, and returns how many rows were written before the end or a failure.
func (f *file) write(w *bufio.Writer, header []string) (rows int64, err error) {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	out.Write(header) // an error stays in out and shows in its flush
	checked := time.Now()
	for after := ""; ; {
		ctx, cancel := context.WithTimeout(f.life, exportRead)
		if time.Since(checked) > f.recheck {
			if checked = time.Now(); !f.allowed(ctx) {
				cancel()
				return rows, errSignedOut
			}
		}
		page, next, err := f.read(ctx, after)
		cancel()
		if err != nil {
			return rows, err
		}
		for _, row := range page {
			for i, cell := range row {
				row[i] = harmless(cell)
			}
			out.Write(row)
		}
		out.Flush()
		if err := out.Error(); err != nil {
			return rows, err
		}
		// Without a deadline of its own for each flush, the server's would cut the file.
		if err := f.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
			return rows, err
		}
		if err := w.Flush(); err != nil {
			return rows, err
		}
		rows += int64(len(page))
		if after = next; after == "" {
			return rows, nil
		}
	}
}

// harmless keeps a spreadsheet from taking a cell for a formula: an apostrophe in front makes it text. Phone numbers that begin with + have it,
// too. Spaces in front do not hide a formula everywhere, and some spreadsheets take the wide forms of the signs as well.
func harmless(cell string) string {
	begins := strings.TrimLeft(cell, " \u00a0\u3000\ufeff")
	if begins != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", []rune(begins)[0]) {
		return "'" + cell
	}
	return cell
}

// stamp is a time in UTC as ISO 8601 has it, empty for none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
