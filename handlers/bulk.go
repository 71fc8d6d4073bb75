package handlers

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"latchkey/resale"
	"latchkey/views"
)

const (
	bulkPath = "/bulk"

	// maxBulkBody bounds the body of the one form that may carry a file, in bytes.
	maxBulkBody = resale.MaxBulkFile + maxBody

	uploadTime   = time.Minute // what sending such a body may take
	maxBulkParts = 1000        // of such a form
	bulkJobs     = 20          // on a page
	csvPage      = 500         // rows that are read at once for a file
	csvTime      = 15 * time.Second
)

// sized lets people of the portal send a file to the one address that takes files; everything else keeps the server's limits. It is asked
// before the body is read, when no more than the cookie's signature can be looked at: whoever has none sends no more than anybody.
func (a *App) sized(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	path, _, _ := bytes.Cut(h.RequestURI(), []byte("?"))
	if string(h.Method()) != post || string(path) != bulkPath {
		return fasthttp.RequestConfig{}
	}
	var id []byte
	if a.sessions.codec.Decode(a.sessions.cookie, string(h.Cookie(a.sessions.cookie)), &id) != nil {
		return fasthttp.RequestConfig{}
	}
	return fasthttp.RequestConfig{MaxRequestBodySize: 2 * maxBulkBody, ReadTimeout: uploadTime} // twice: see bodyLimit
}

// tooLarge returns why the body of a request is larger than the route takes, or nil.
func (r route) tooLarge(body int) error {
	switch {
	case r.method == post && r.path == bulkPath:
		if body > maxBulkBody {
			return &refusal{status: http.StatusRequestEntityTooLarge, message: "This is more than 5 MiB, so it was not taken. Split the file."}
		}
	case body > maxBody:
		return errTooLarge
	}
	return nil
}

// listBulk shows the bulk jobs and the form for another.
func (a *App) listBulk(c *fiber.Ctx) error {
	page, err := a.bulkPage(c)
	if err != nil {
		return err
	}
	return a.show(c, views.Bulk(page))
}

func (a *App) bulkPage(c *fiber.Ctx) (views.BulkPage, error) {
	ctx := c.UserContext()
	page := views.BulkPage{Frame: a.frame(c), Reasons: a.service.Reasons()}
	before, err := bulkPlace(c.Query("before"))
	if err != nil {
		return page, err
	}
	page.First = before == 0
	// One more than is shown tells whether there is a next page.
	if page.Jobs, err = a.store.BulkJobs(ctx, before, bulkJobs+1); err != nil {
		return page, err
	}
	if len(page.Jobs) > bulkJobs {
		page.Jobs = page.Jobs[:bulkJobs]
		page.Next = page.Jobs[bulkJobs-1].Number
	}
	page.Products, err = a.store.Products(ctx)
	return page, err
}

// bulkPlace is where a page of a list begins; 0 for the first.
func bulkPlace(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 {
		return 0, resale.Invalid("after", "No page of the list has this address. Start at its first page.")
	}
	return n, nil
}

// bulkForm is what the form for a bulk job holds, whichever way it was sent.
type bulkForm struct {
	values map[string][]string
	file   []byte
	name   string // of the file
}

// readBulkForm reads a form of ours, with or without a file, or what a list sends: repeated fields.
func readBulkForm(c *fiber.Ctx) (bulkForm, error) {
	f := bulkForm{values: map[string][]string{}}
	kind, params, err := mime.ParseMediaType(string(c.Request().Header.ContentType()))
	if err != nil || len(c.Request().Header.ContentEncoding()) > 0 {
		return f, errNotAForm
	}
	switch kind {
	case fiber.MIMEApplicationForm:
		for name, value := range c.Context().PostArgs().All() {
			f.values[string(name)] = append(f.values[string(name)], string(value))
		}
		return f, nil
	case fiber.MIMEMultipartForm:
	default:
		return f, errNotAForm
	}
	parts := multipart.NewReader(bytes.NewReader(c.Request().Body()), params["boundary"])
	for n := 0; ; n++ {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return f, nil
		}
		if err != nil || n == maxBulkParts {
			return f, resale.Invalid("file", "The form could not be read to its end. Send it again.")
		}
		content, err := io.ReadAll(part) // no more than the body
		if err != nil {
			return f, resale.Invalid("file", "The form could not be read to its end. Send it again.")
		}
		if part.FormName() == "file" {
			f.file, f.name = content, part.FileName()
			continue
		}
		f.values[part.FormName()] = append(f.values[part.FormName()], string(content))
	}
}

// text returns a field of one line.
func (f bulkForm) text(name string) (string, error) {
	values := f.values[name]
	switch {
	case len(values) == 0:
		return "", nil
	case len(values) > 1:
		return "", resale.Invalid(name, "The form has more than one %s.", words(name))
	case len(values[0]) > maxField:
		return "", resale.Invalid(name, "The %s is longer than %d characters.", words(name), maxField)
	case !printable(values[0]):
		return "", resale.Invalid(name, "The %s has characters in it that cannot be shown.", words(name))
	}
	return values[0], nil
}

// typed returns what the form holds, to be shown again.
func (f bulkForm) typed() views.BulkForm {
	get := func(name string) string {
		value, _ := f.text(name)
		return value
	}
	form := views.BulkForm{Act: get("act"), Reason: get("reason"), Description: get("reason_description"), ProductID: get("product"), FileName: f.name}
	if category, code := get("reason_category"), get("reason_code"); category != "" || code != "" {
		form.Reason = category + "/" + code
	}
	if _, form.HasView = f.values["view"]; form.HasView {
		form.View = get("view")
	}
	form.Refs = strings.Join(append(slices.Clone(f.values["ref"]), f.values["refs"]...), "\n")
	if !utf8.ValidString(form.Refs) || len(form.Refs) > resale.MaxBulkFile {
		form.Refs = ""
	}
	return form
}

// bulkView reads the view of the list that a set is, as the address of the list has it.
func bulkView(view string) (*resale.EntitlementFilter, error) {
	filter, err := resale.ParseQuery(strings.TrimPrefix(view, "?"))
	return &filter, err
}

// startBulk takes a set and begins its dry run. Without an act it shows the form with the set in it, which is how a list hands its set over.
func (a *App) startBulk(c *fiber.Ctx) error {
	f, err := readBulkForm(c)
	if errors.Is(err, errNotAForm) {
		return err
	}
	var j resale.BulkJob
	typed := f.typed()
	handOver := err == nil && typed.Act == "" && f.file == nil && (typed.HasView || len(f.values["ref"]) > 0)
	if err == nil && !handOver {
		var n resale.NewBulk
		if n, err = a.newBulk(f, typed); err == nil {
			j, err = a.service.StartBulk(c.UserContext(), resale.StaffActor(who(c)), n)
		}
	}
	fault := faultOf(err)
	if fault == nil && !handOver {
		if err != nil {
			return err
		}
		return seeOther(c, bulkPath+"/"+j.ID)
	}
	page, err := a.bulkPage(c)
	if err != nil {
		return err
	}
	page.Form, page.Fault = typed, fault
	if handOver {
		return a.show(c, views.Bulk(page))
	}
	return a.render(c, statusOf[fault.Code], views.Bulk(page))
}

// newBulk is what the form asks for.
func (a *App) newBulk(f bulkForm, typed views.BulkForm) (n resale.NewBulk, err error) {
	for _, name := range []string{"act", "reason", "reason_category", "reason_code", "reason_description", "product", "view"} {
		if _, err := f.text(name); err != nil {
			return n, err
		}
	}
	n = resale.NewBulk{Kind: resale.RequestKind(typed.Act), ProductID: typed.ProductID, Source: "pasted"}
	if n.Kind == views.ActOfFile {
		n.Kind = ""
	}
	if n.Kind.NeedsReason() {
		n.Reason.Category, n.Reason.Code, _ = strings.Cut(typed.Reason, "/")
		n.Reason.Description = typed.Description
	}
	hasFile := len(f.file) > 0 || f.name != ""
	sets := 0
	for _, given := range []bool{hasFile, strings.TrimSpace(typed.Refs) != "", typed.HasView} {
		if given {
			sets++
		}
	}
	switch {
	case sets > 1:
		return n, resale.Invalid("refs", "Give the set in one way: paste it, choose a file, or take the list.")
	case hasFile:
		n.Source = "the file " + f.name
		n.Items, err = a.service.ParseBulkFile(f.file)
	case typed.HasView:
		n.Source = "the list: " + views.ViewWords(typed.View)
		n.View, err = bulkView(typed.View)
	default:
		if refs := strings.Join(append(slices.Clone(f.values["ref"]), f.values["refs"]...), "\n"); refs != "" {
			n.Items, err = resale.ParseBulkText(refs)
		}
	}
	return n, err
}

// showBulkJob is a job with its rows.
func (a *App) showBulkJob(c *fiber.Ctx) error {
	page, err := a.bulkJobPage(c)
	if err != nil {
		return err
	}
	return a.show(c, views.BulkJob(page))
}

func (a *App) bulkJobPage(c *fiber.Ctx) (views.BulkJobPage, error) {
	ctx := c.UserContext()
	page := views.BulkJobPage{Frame: a.frame(c), Verdict: resale.BulkVerdict(c.Query("verdict")), State: resale.BulkRowState(c.Query("outcome"))}
	id, err := pathID(c, "bulk job")
	if err != nil {
		return page, err
	}
	if page.Job, err = a.store.BulkJob(ctx, id); err != nil {
		return page, err
	}
	switch {
	case page.Verdict != "" && !slices.Contains(resale.BulkVerdicts, page.Verdict):
		return page, resale.Invalid("verdict", "%.40q is not a verdict.", page.Verdict)
	case page.State != "" && !slices.Contains(resale.BulkRowStates, page.State):
		return page, resale.Invalid("outcome", "%.40q is not an outcome.", page.State)
	case page.State != "":
		page.Verdict = "" // only what was to change has an outcome
	}
	if page.After, err = bulkPlace(c.Query("after")); err != nil {
		return page, err
	}
	page.Rows, err = a.store.BulkRows(ctx, resale.BulkFilter{JobID: id, Verdict: page.Verdict, State: page.State, After: page.After, Limit: pageSize + 1})
	if err != nil {
		return page, err
	}
	if len(page.Rows) > pageSize {
		page.Rows = page.Rows[:pageSize]
		page.Next = page.Rows[pageSize-1].N
	}
	page.Events, err = a.store.BulkEvents(ctx, id, maxEvents)
	return page, err
}

// confirmBulk lets a job run for whoever typed the number of rows that will change.
func (a *App) confirmBulk(c *fiber.Ctx) error {
	return a.changeBulk(c, func(ctx context.Context, by resale.Actor, id string) (string, error) {
		form := readForm(c)
		typed := form.text("count")
		if form.err != nil {
			return typed, form.err
		}
		return typed, a.service.ConfirmBulk(ctx, by, id, typed)
	})
}

// steerBulk pauses a job, lets it go on, or cancels the rest.
func (a *App) steerBulk(do func(ctx context.Context, by resale.Actor, id string) error) fiber.Handler {
	return func(c *fiber.Ctx) error {
		return a.changeBulk(c, func(ctx context.Context, by resale.Actor, id string) (string, error) { return "", do(ctx, by, id) })
	}
}

// changeBulk changes a job and leads back to its page; why it was not changed is said there.
func (a *App) changeBulk(c *fiber.Ctx, change func(ctx context.Context, by resale.Actor, id string) (typed string, err error)) error {
	id, err := pathID(c, "bulk job")
	if err != nil {
		return err
	}
	typed, err := change(c.UserContext(), resale.StaffActor(who(c)), id)
	fault := faultOf(err)
	if fault == nil {
		if err != nil {
			return err
		}
		return seeOther(c, bulkPath+"/"+id)
	}
	page, err := a.bulkJobPage(c)
	if err != nil {
		return err
	}
	page.Fault, page.Typed = fault, typed
	return a.render(c, statusOf[fault.Code], views.BulkJob(page))
}

// bulkColumns head the file of a job's rows.
var bulkColumns = []string{"row", "input", "ref", "customerIdentifier", "productKey", "action", "verdict", "why", "statusInDryRun", "statusNow", "outcome",
	"message", "judgedAt", "askedAt", "settledAt"}

// bulkCSV streams the rows of a job as a file, a page at a time. It has those that are judged so far.
func (a *App) bulkCSV(c *fiber.Ctx) error {
	ctx := c.UserContext()
	id, err := pathID(c, "bulk job")
	if err != nil {
		return err
	}
	job, err := a.store.BulkJob(ctx, id)
	if err != nil {
		return err
	}
	filter := resale.BulkFilter{JobID: id, Limit: csvPage}
	rows, err := a.store.BulkRows(ctx, filter) // before the status is sent, so that a failure has a page
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, "text/csv; charset=utf-8")
	c.Set(fiber.HeaderContentDisposition, fmt.Sprintf(`attachment; filename="bulk-job-%d.csv"`, job.Number))
	if c.Method() == fiber.MethodHead {
		return nil
	}
	conn := c.Context().Conn()
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) { // from here on c belongs to somebody else's request
		out := csv.NewWriter(w)
		out.Write(bulkColumns) // an error stays in w and shows in its flush
		for {
			for _, row := range rows {
				out.Write(bulkLine(job, row))
			}
			if out.Flush(); conn.SetWriteDeadline(time.Now().Add(writeTimeout)) != nil || w.Flush() != nil || len(rows) < csvPage {
				return
			}
			filter.After = rows[len(rows)-1].N
			reading, cancel := context.WithTimeout(context.Background(), csvTime)
			rows, err = a.store.BulkRows(reading, filter)
			cancel()
			if err != nil {
				a.log.Error("the file of a bulk job was cut off", "job", id, "err", err)
				conn.Close() // the only way to say that it is not whole
				return
			}
		}
	})
	return nil
}

// bulkLine is a row in the file.
func bulkLine(j resale.BulkJob, r resale.BulkRow) []string {
	kind := r.Ask.Kind
	if kind == "" {
		kind = j.Ask.Kind
	}
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339)
	}
	line := []string{strconv.FormatInt(r.N, 10), r.Input, r.Ref, r.CustomerIdentifier, r.ProductKey, string(kind), string(r.Verdict), r.Why, string(r.Status),
		string(r.StatusNow), r.Outcome(), "", at(r.Judged), at(r.Asked), at(r.Settled)}
	if r.State != "" {
		line[11] = r.Says()
	}
	for i, s := range line {
		line[i] = harmless(s)
	}
	return line
}
