package sandbox

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const controlCalls = 50 // on the control page

// controlPages serves the page on which a person sets and clears faults.
func (s *Sandbox) controlPages(mux *http.ServeMux, crossSite *http.CrossOriginProtection) {
	mux.HandleFunc("GET /control", func(w http.ResponseWriter, r *http.Request) {
		form := FaultRule{Fault: r.URL.Query().Get("fault"), Times: 1}
		if faultNamed(form.Fault) == nil {
			form.Fault = faults[0].Name
		}
		s.showControl(w, http.StatusOK, control{Form: form, Times: strconv.Itoa(form.Times)})
	})
	mux.Handle("POST /control/set", crossSite.Handler(http.HandlerFunc(s.setByForm)))
	mux.Handle("POST /control/clock", crossSite.Handler(http.HandlerFunc(s.clockByForm)))
	mux.Handle("POST /control/clear", crossSite.Handler(http.HandlerFunc(s.clearByForm)))
}

// control is what the page shows.
type control struct {
	Problem    string // with what was sent; empty for none
	Form       FaultRule
	Times      string // of the form, as it was sent
	Rules      []activeRule
	Calls      []Call // the newest first
	Faults     []Fault
	Operations []string
	Merchants  []Merchant
	Now        time.Time // by the sandbox's own clock
}

func (s *Sandbox) showControl(w http.ResponseWriter, status int, page control) {
	page.Faults, page.Operations, page.Merchants, page.Now = Faults(), operations, s.config.Merchants, s.Now()
	s.mu.Lock()
	page.Rules = slices.Clone(s.rules)
	page.Calls = s.calls.all()
	s.mu.Unlock()
	page.Calls = page.Calls[max(0, len(page.Calls)-controlCalls):]
	slices.Reverse(page.Calls)
	show(w, status, "control.html", page)
}

// setByForm puts the rule of the form in force, or shows the form again with what is wrong with it.
func (s *Sandbox) setByForm(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	problem := ""
	if err := r.ParseForm(); err != nil {
		problem = "The form did not arrive whole."
	}
	field := func(name string) string { return strings.TrimSpace(r.PostFormValue(name)) }
	rule := FaultRule{Fault: field("fault"), Operation: field("operation"), Customer: field("customer"), Merchant: field("merchant"),
		Executed: field("executed") != "", Value: field("value")}
	if times, err := strconv.Atoi(field("times")); problem == "" && err != nil {
		problem = "How often is to be a whole number; 0 is until it is cleared."
	} else if problem == "" {
		rule.Times = times
		if err := s.SetFault(rule); err != nil {
			problem = strings.TrimPrefix(err.Error(), "sandbox: ") + "."
		}
	}
	if problem != "" {
		s.showControl(w, http.StatusBadRequest, control{Problem: problem, Form: rule, Times: field("times")})
		return
	}
	http.Redirect(w, r, "/control", http.StatusSeeOther)
}

// moves are the ways in which the form moves the clock.
var moves = map[string]time.Duration{"hour": time.Hour, "day": 24 * time.Hour, "month": 31 * 24 * time.Hour}

// clockByForm moves the sandbox's clock on, so that ends and expiries come while somebody watches.
func (s *Sandbox) clockByForm(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	by, known := moves[r.PostFormValue("by")]
	if !known {
		s.showControl(w, http.StatusBadRequest, control{Problem: "The clock moves on by an hour, a day or a month.", Form: FaultRule{Fault: faults[0].Name}, Times: "1"})
		return
	}
	s.MoveClock(by)
	http.Redirect(w, r, "/control", http.StatusSeeOther)
}

// clearByForm ends the rule of the form, or all. One that has meanwhile come to its end needs nothing.
func (s *Sandbox) clearByForm(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	if of := r.PostFormValue("rule"); of == "all" {
		s.ClearFaults()
	} else if id, err := strconv.Atoi(of); err == nil {
		s.clearFault(id)
	}
	http.Redirect(w, r, "/control", http.StatusSeeOther)
}

// prepare is the address of the page with a fault chosen in the form.
func prepare(f Fault) string { return "/control?" + url.Values{"fault": {f.Name}}.Encode() + "#set" }

// described says what a rule is about, in words for people.
func described(rule activeRule) string {
	f := faultNamed(rule.Fault)
	about := []string{"every call"}
	switch {
	case f.Notification:
		about[0] = "every notification"
	case rule.Operation != anyOperation:
		about[0] = "every " + rule.Operation
	}
	if rule.Customer != "" {
		about = append(about, "of customer "+rule.Customer)
	}
	if rule.Merchant != "" {
		about = append(about, "at "+rule.Merchant)
	}
	text := strings.Join(about, " ")
	if rule.Value != "" {
		text += ", set to " + rule.Value
	}
	if f.Execution == EitherWay {
		text += map[bool]string{true: ", executed", false: ", not executed"}[rule.Executed]
	}
	return text
}
