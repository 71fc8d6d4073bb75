package bango_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"latchkey/bango"
)

// What is read from a list is what is set, and nothing else.
func TestParseWire(t *testing.T) {
	for list, want := range map[string]func(*bango.Wire){
		"":         func(*bango.Wire) {},
		" ,\n,\r ": func(*bango.Wire) {},
		"updatePath=/entitlement/{id}, updateMethod = PUT": func(w *bango.Wire) { w.UpdatePath, w.UpdateMethod = "/entitlement/{id}", "PUT" },
		"suspended=OFF\r\nnormal=ON\n\n":                   func(w *bango.Wire) { w.Suspended, w.Normal = "OFF", "ON" },
		"undoProperty=status\nundoValue=ACTIVE":            func(w *bango.Wire) { w.UndoProperty, w.UndoValue = "status", "ACTIVE" },
		"undoProperty=none":                                func(w *bango.Wire) { w.UndoProperty = bango.None },
		"productsPath=/reseller-7/products":                func(w *bango.Wire) { w.ProductsPath = "/reseller-7/products" },
		"createPath=/a=b":                                  func(w *bango.Wire) { w.CreatePath = "/a=b" },
		`createPath="/a,b" , echoMethod=POST`:              func(w *bango.Wire) { w.CreatePath, w.EchoMethod = "/a,b", "POST" },
		`signature="{created}\n{body}"`:                    func(w *bango.Wire) { w.Signature = "{created}\n{body}" },
		"signature={body}{created}":                        func(w *bango.Wire) { w.Signature = "{body}{created}" },
		"accepted=QUEUED":                                  func(w *bango.Wire) { w.Accepted = "QUEUED" },
		"http.NOT_FOUND=404":                               func(w *bango.Wire) { w.HTTP["NOT_FOUND"] = bango.Statuses{From: 404, To: 404} },
		"http.NOT_AVAILABLE=202-501":                       func(w *bango.Wire) { w.HTTP["NOT_AVAILABLE"] = bango.Statuses{From: 202, To: 501} },
	} {
		expected := bango.DefaultWire()
		want(&expected)
		got, err := bango.ParseWire(bango.DefaultWire(), list)
		if err != nil || !reflect.DeepEqual(got, expected) {
			t.Errorf("%q: %v\ngot  %+v\nwant %+v", list, err, got, expected)
		}
	}
}

// What is refused is refused by name, with what was expected, and sets nothing.
func TestParseWireRefuses(t *testing.T) {
	for list, want := range map[string][]string{
		"cancelpath=/c/{id}":                     {`"cancelpath" is not known`, "cancelPath", "http.NOT_FOUND"},
		"http.NEW=200":                           {`"http.NEW" is not known`, "http.OK"},
		"suspended=OFF,cancelPath=cancel/{id}":   {"cancelPath", "begins with a slash"},
		"readPath=/entitlement":                  {"readPath", "has {id}"},
		"createPath=/entitlement/{id}":           {"createPath", "without {id}"},
		"createPath=/e?a=b":                      {"createPath", "a path"},
		"createPath=/e/%zz":                      {"createPath", "a path"},
		"createPath=/e/{name}":                   {"createPath", "a path"},
		"createPath=":                            {`createPath: ""`, "a path"},
		"createPath=none":                        {"createPath", "a path"},
		"productsPath=/p/{id}":                   {"productsPath", "without {id} nor none"},
		"updateMethod=GET":                       {"updateMethod", "POST, PUT or PATCH"},
		"cancelMethod=post":                      {"cancelMethod", "POST, PUT or PATCH"},
		"echoMethod=PATCH":                       {"echoMethod", "GET or POST"},
		"suspended=A B":                          {"suspended", "without spaces"},
		"undoProperty=entitlementId":             {"undoProperty", "other than entitlementId"},
		"signature={body}":                       {"signature", "{created} and {body}"},
		"signature={created}{body}{path}":        {"signature", "no other braces"},
		"accepted=BAD_REQUEST":                   {"accepted", "no meaning yet"},
		"http.OK=200-299,http.OK=200":            {"http.OK is set twice"},
		"http.OK=200-500":                        {"http.OK", "within 200-299"},
		"http.CLIENT_ACTION_REQUIRED=400":        {"http.CLIENT_ACTION_REQUIRED", "within 200-299"},
		"http.NOT_FOUND=404-200":                 {"http.NOT_FOUND", "range"},
		"http.NOT_FOUND=4xx":                     {"http.NOT_FOUND", "404 or 200-499"},
		"http.NOT_FOUND=99":                      {"http.NOT_FOUND", "within 100-599"},
		"suspended":                              {`"suspended" is not name=value`},
		"suspended=A,B":                          {`"B" is not name=value`, "double quotes"},
		`suspended="A`:                           {"suspended", "no end"},
		`suspended="A"B`:                         {"suspended", "follows"},
		"suspended=A\nsuspended=B":               {"suspended is set twice"},
		"suspended=A,normal=B,http.NOT_FOUND=?0": {"http.NOT_FOUND"},
	} {
		before := bango.DefaultWire()
		got, err := bango.ParseWire(before, list)
		if err == nil || !reflect.DeepEqual(got, before) || !reflect.DeepEqual(before, bango.DefaultWire()) {
			t.Errorf("%q: %v, %+v", list, err, got)
			continue
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%q: %v, which does not say %q", list, err, w)
			}
		}
	}
}

// The table has every field of Wire, each default can be set as it stands there, and each row says where it comes from.
func TestWireSettings(t *testing.T) {
	for generation, base := range map[int]bango.Wire{1: bango.DefaultWire(), 2: bango.Generation2Wire()} {
		rows := bango.WireSettings(generation)
		seen := map[string]bool{}
		for _, row := range rows {
			if seen[row.Name] || row.Source == "" || row.Meaning == "" || !slices.Contains([]bango.Mark{bango.Documented, bango.Inferred, bango.NotFound}, row.Mark) {
				t.Errorf("generation %d: %+v", generation, row)
			}
			seen[row.Name] = true
			w := base
			if err := w.Set(row.Name, row.Default); err != nil {
				t.Errorf("generation %d: the default of %s cannot be set: %v", generation, row.Name, err)
			}
		}
		fields := reflect.TypeFor[bango.Wire]()
		for i := range fields.NumField() {
			name := fields.Field(i).Name
			if name != "Generation" && name != "HTTP" && !seen[strings.ToLower(name[:1])+name[1:]] {
				t.Errorf("%s has no name", name)
			}
		}
		if n := fields.NumField() - 2 + len(base.HTTP); len(rows) != n {
			t.Errorf("%d rows, want %d", len(rows), n)
		}
	}
	// What is documented of generation 2's own is little: no path of it is.
	for _, row := range bango.WireSettings(2) {
		if strings.HasSuffix(row.Name, "Path") && row.Mark != bango.NotFound {
			t.Errorf("%s of generation 2 is said to be %s", row.Name, row.Mark)
		}
	}
}

// A copy of a Wire is a Wire of its own.
func TestWireCopies(t *testing.T) {
	one := bango.DefaultWire()
	other := one
	if err := other.Set("http.NOT_FOUND", "404"); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(one, bango.DefaultWire()) {
		t.Error("the original has changed")
	}
}

// Every method and path set differently at once: each operation has its own.
func TestWireOfEveryOperation(t *testing.T) {
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+string(body)))
	}))
	defer server.Close()
	wire, err := bango.ParseWire(bango.DefaultWire(), `echoMethod=POST,echoPath=/1/{id},createMethod=PUT,createPath=/2,readMethod=POST,
		readPath=/3/{id},reportPath=/4,updateMethod=POST,updatePath=/5/{id},suspendMethod=PUT,suspendPath=/6/{id},resumeMethod=PATCH,resumePath=/7,
		cancelMethod=PUT,cancelPath=/8,revokeMethod=PATCH,revokePath=/9,productsMethod=POST,productsPath=/10,activationMethod=POST,
		activationPath=/11/{id},undoProperty=status,undoValue=ACTIVE`)
	if err != nil {
		t.Fatal(err)
	}
	c, ctx := newClient(t, server.URL, bango.Config{Wire: wire}), t.Context()
	c.Echo(ctx, "e1")
	c.Create(ctx, "r", bango.CreateRequest{})
	c.Read(ctx, "e1")
	c.Report(ctx, bango.ReportFilter{})
	c.Update(ctx, "r", "e1", bango.Update{ProductKey: "P"})
	c.UndoCancel(ctx, "r", "e1")
	c.Suspend(ctx, "r", "e1")
	c.Resume(ctx, "r", "e1")
	c.Cancel(ctx, "r", "e1", bango.Reason{Code: "OTHER"})
	c.Revoke(ctx, "r", "e1", bango.Reason{})
	c.EligibleProducts(ctx, "cust-001")
	c.Activation(ctx, "e1")
	want := []string{
		`POST /v1/1/e1`,
		`PUT /v1/2 {"customerIdentifier":"","merchantAccountKey":"","productKey":"","offerKey":null,"notificationUrl":""}`,
		`POST /v1/3/e1`,
		`POST /v1/4 {"customerIdentifier":"","productKey":null,"status":null}`,
		`POST /v1/5/e1 {"entitlementId":"e1","productKey":"P"}`,
		`POST /v1/5/e1 {"entitlementId":"e1","status":"ACTIVE"}`,
		`PUT /v1/6/e1 {}`,
		`PATCH /v1/7 {"entitlementId":"e1"}`,
		`PUT /v1/8 {"entitlementId":"e1","cancelReasonCode":"OTHER"}`,
		`PATCH /v1/9 {"entitlementId":"e1"}`,
		`POST /v1/10`,
		`POST /v1/11/e1`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// None takes a default away: a suspend is an update again, and a cancel cannot be undone.
func TestWireOfNone(t *testing.T) {
	var got string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = r.Method + " " + r.URL.Path + " " + string(body)
	}))
	defer server.Close()
	wire, err := bango.ParseWire(bango.Generation2Wire(), "suspendPath=none")
	if err != nil {
		t.Fatal(err)
	}
	newClient(t, server.URL, bango.Config{Wire: wire}).Suspend(t.Context(), "r", "e1")
	if want := `PATCH /v1/entitlement {"entitlementId":"e1","entitlementBenefits":"SUSPENDED"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	got = ""
	c := newClient(t, server.URL, bango.Config{Wire: bango.Wire{UndoProperty: bango.None}})
	if _, err := c.UndoCancel(t.Context(), "r", "e1"); !bango.Impossible(err) || got != "" {
		t.Errorf("undo of a cancel: %v, sent %q", err, got)
	}
}

// The HTTP statuses that a responseCode is believed with, and the code of what is queued, can be set.
func TestWireOfOutcomes(t *testing.T) {
	for name, c := range map[string]struct {
		list, code string
		status     int
		want       bango.Outcome
	}{
		"NOT_FOUND with a 400":               {"", "NOT_FOUND", 400, bango.OutcomeNotFound},
		"NOT_FOUND, of a 404 alone":          {"http.NOT_FOUND=404", "NOT_FOUND", 400, bango.OutcomeUnknown},
		"NOT_FOUND, of a 404 alone, with it": {"http.NOT_FOUND=404", "NOT_FOUND", 404, bango.OutcomeNotFound},
		"NOT_AVAILABLE with a 501":           {"", "NOT_AVAILABLE", 501, bango.OutcomeUnknown},
		"NOT_AVAILABLE, up to 501":           {"http.NOT_AVAILABLE=200-501", "NOT_AVAILABLE", 501, bango.OutcomeRefused},
		"queued":                             {"", "OK", 202, bango.OutcomeAccepted},
		"queued by a code of its own":        {"accepted=QUEUED", "QUEUED", 202, bango.OutcomeAccepted},
		"that code with a 200":               {"accepted=QUEUED", "QUEUED", 200, bango.OutcomeUnknown},
		"OK where that code is set":          {"accepted=QUEUED", "OK", 202, bango.OutcomeUnknown},
		"OK with a 202, said to be done":     {"accepted=QUEUED,http.OK=200-202", "OK", 202, bango.OutcomeDone},
	} {
		wire, err := bango.ParseWire(bango.DefaultWire(), c.list)
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(c.status)
			io.WriteString(w, created(c.code))
		}))
		defer server.Close()
		if got, _, failed := create(t, newClient(t, server.URL, bango.Config{Wire: wire})); got != c.want {
			t.Errorf("%s: %s, want %s (%v)", name, got, c.want, failed)
		}
	}
}

// An own entitlementId is the one that the answer must be about.
func TestOwnEntitlementID(t *testing.T) {
	client := answers(t, 200, created("OK"))
	for id, want := range map[string]bango.Outcome{"": bango.OutcomeDone, entitlementID: bango.OutcomeDone, "own-1": bango.OutcomeMismatch} {
		with := order
		with.EntitlementID = id
		reply, err := client.Create(t.Context(), "request-1", with)
		if got, _, failed := judged(t, reply, err); got != want {
			t.Errorf("%q: %s, want %s (%v)", id, got, want, failed)
		}
	}
}
