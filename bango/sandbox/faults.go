package sandbox

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// Fault is one thing that can go wrong on demand, with a call of the API or with a notification.
type Fault struct {
	Name         string // in kebab-case
	Text         string // one sentence for people
	Row          int    // of the fault matrix, 2 to 27; 0 for what is no row of it
	Notification bool   // it strikes notifications; otherwise it strikes calls
	Execution    Execution
	Setting      string // what a rule's Value is, in words; empty where nothing can be set
	Value        string // what is used where the rule has none
}

// Execution says whether a call that a fault strikes is carried out.
type Execution int

const (
	NotExecuted Execution = iota // never
	Executed                     // always, before the fault strikes
	EitherWay                    // only where the rule says Executed; a delayed call is otherwise carried out after the delay
)

var executionNames = [...]string{"not executed", "executed", "executed or not"}

// String says it in words for people.
func (x Execution) String() string { return executionNames[x] }

// Faults returns all faults, those of calls first, in the order of the fault matrix. Four of its rows have none: a refused connection
// (1) is a sandbox that is stopped, a success (9) and a registration (10) are what happens without a fault, and a question that stays
// open for 24 hours (26) is any of these for so long.
func Faults() []Fault {
	all := make([]Fault, 0, len(faults))
	for _, f := range faults {
		all = append(all, f.Fault)
	}
	return all
}

// FaultRule says when a fault strikes.
type FaultRule struct {
	Fault     string // name of one of Faults
	Operation string // create, read, report, update, cancel, revoke or echo; empty or any for each of them, and for a notification
	Customer  string // customerIdentifier; empty for each
	Merchant  string // merchantAccountKey; empty for each
	Times     int    // how many calls or notifications it strikes; 0 until it is cleared
	Executed  bool   // the call is carried out all the same, where Execution is EitherWay
	Value     string // the fault's setting; empty for its default
}

const (
	anyOperation = "any"
	maxRules     = 100
	faultHeader  = "X-Sandbox-Fault" // name, or name;executed, or name;value=…: a fault for this one call
)

// operationNames are the operations of rules, by the method and the path of their route below the base of their generation.
var operationNames = map[string]string{"POST /entitlement": "create", "GET /entitlement/{id}": "read", "POST /entitlement/report": "report",
	"PATCH /entitlement": "update", "POST /entitlement/suspend/{id}": "update", "POST /entitlement/resume/{id}": "update",
	"POST /entitlement/cancel/{id}": "cancel", "POST /entitlement/revoke/{id}": "revoke", "GET /entitlement/activationInfo/{id}": "read",
	"GET /products/{resellerIdentifier}": "products", "GET /echo/{id}": "echo"}

// operationOf returns the operation that a call is for, empty for none.
func operationOf(r *http.Request) string {
	method, path, _ := strings.Cut(r.Pattern, " ")
	return operationNames[method+" "+strings.TrimPrefix(strings.TrimPrefix(path, "/v1"), "/v2")]
}

// operations are the choices for a rule, in the order in which people see them.
var operations = []string{anyOperation, "create", "read", "report", "update", "cancel", "revoke", "products", "echo"}

// activeRule is a rule that is in force. Its Times is how many are left.
type activeRule struct {
	ID int
	FaultRule
}

// SetFault puts a rule in force, behind those that are: each call, and each notification, is struck by the first that fits and by no
// other. The error says what is wrong with the rule, and then nothing has changed. At most 100 are in force.
func (s *Sandbox) SetFault(rule FaultRule) error {
	rule, err := rule.checked()
	if err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.rules) >= maxRules {
		return fmt.Errorf("sandbox: %d faults are set already; clear some first", maxRules)
	}
	s.ruleCount++
	s.rules = append(s.rules, activeRule{s.ruleCount, rule})
	return nil
}

// checked returns the rule with its defaults filled in, or what is wrong with it.
func (rule FaultRule) checked() (FaultRule, error) {
	f := faultNamed(rule.Fault)
	if f == nil {
		return rule, fmt.Errorf("there is no fault %.60q", rule.Fault)
	}
	rule.Operation, rule.Value = cmp.Or(rule.Operation, anyOperation), cmp.Or(rule.Value, f.Value)
	switch {
	case !slices.Contains(operations, rule.Operation):
		return rule, fmt.Errorf("there is no operation %.60q; there are %s", rule.Operation, strings.Join(operations, ", "))
	case f.Notification && rule.Operation != anyOperation:
		return rule, fmt.Errorf("%s strikes notifications, which belong to no operation", f.Name)
	case rule.Times < 0:
		return rule, fmt.Errorf("%d times is less than none", rule.Times)
	case rule.Executed && f.Execution == NotExecuted:
		return rule, fmt.Errorf("%s has no variant in which the call is carried out", f.Name)
	case rule.Value != "" && f.check == nil:
		return rule, fmt.Errorf("%s has nothing to set", f.Name)
	case len(rule.Value) > maxText || len(rule.Customer) > maxText || len(rule.Merchant) > maxText:
		return rule, fmt.Errorf("a value of %s is longer than %d bytes", f.Name, maxText)
	}
	if f.check != nil {
		if err := f.check(rule.Value); err != nil {
			return rule, fmt.Errorf("%s cannot be set to %.60q: %w", f.Name, rule.Value, err)
		}
	}
	rule.Executed = rule.Executed || f.Execution == Executed
	return rule, nil
}

// FaultRules returns the rules in force, in the order in which they were set, each with the Times that are left.
func (s *Sandbox) FaultRules() []FaultRule {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]FaultRule, 0, len(s.rules))
	for _, rule := range s.rules {
		all = append(all, rule.FaultRule)
	}
	return all
}

// ClearFaults ends all rules. What they have already struck goes on: a notification that is late comes late.
func (s *Sandbox) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = nil
}

// clearFault ends one rule, if it is still there.
func (s *Sandbox) clearFault(id int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = slices.DeleteFunc(s.rules, func(rule activeRule) bool { return rule.ID == id })
}

func faultNamed(name string) *fault {
	if i := slices.IndexFunc(faults, func(f fault) bool { return f.Name == name }); i >= 0 {
		return &faults[i]
	}
	return nil
}

// firstRule returns the first rule that fits, counted down, and its fault; nil where none does. The caller holds the lock.
func (s *Sandbox) firstRule(notification bool, operation, customer, merchant string) (FaultRule, *fault) {
	fits := func(rule activeRule) bool {
		return faultNamed(rule.Fault).Notification == notification && (rule.Operation == anyOperation || rule.Operation == operation) &&
			(rule.Customer == "" || rule.Customer == customer) && (rule.Merchant == "" || rule.Merchant == merchant)
	}
	i := slices.IndexFunc(s.rules, fits)
	if i < 0 {
		return FaultRule{}, nil
	}
	rule := s.rules[i].FaultRule
	switch rule.Times {
	case 0:
	case 1:
		s.rules = slices.Delete(s.rules, i, i+1)
	default:
		s.rules[i].Times--
	}
	return rule, faultNamed(rule.Fault)
}

// strike answers a call that a fault strikes; false where none does, and the call is to be answered as usual.
func (s *Sandbox) strike(w http.ResponseWriter, r *http.Request, operation func(*http.Request) answer) bool {
	header := r.Header.Get(faultHeader)
	s.mu.Lock()
	none := len(s.rules) == 0
	s.mu.Unlock()
	if header == "" && none {
		return false
	}
	customer, merchant := s.subject(r)
	var rule FaultRule
	var f *fault
	if header == "" {
		s.mu.Lock()
		rule, f = s.firstRule(false, operationOf(r), customer, merchant)
		s.mu.Unlock()
	} else {
		var err error
		rule, err = parseFaultHeader(header)
		if f = faultNamed(rule.Fault); err == nil && f.Notification {
			// What the call brings about is notified during it or much later: the next notification of the same customer is meant.
			rule.Customer, rule.Merchant, rule.Times, f = customer, merchant, 1, nil
			if customer == "" {
				err = fmt.Errorf("%s strikes notifications, and this call is about no customer who is known", rule.Fault)
			} else {
				err = s.SetFault(rule)
			}
		}
		if err != nil {
			rule, f = FaultRule{}, &fault{effect: refusing(http.StatusBadRequest, codeBadRequest, messageInvalid+faultHeader+": "+err.Error())}
		}
	}
	if f == nil {
		return false
	}
	c := &struck{Sandbox: s, w: w, r: r, rule: rule, execute: func() answer { return operation(r) }}
	if rule.Executed && f.Execution != NotExecuted {
		c.answer = c.execute()
	}
	f.effect(c)
	return true
}

// parseFaultHeader reads name, name;executed and name;value=….
func parseFaultHeader(header string) (FaultRule, error) {
	name, more, _ := strings.Cut(header, ";")
	rule := FaultRule{Fault: strings.TrimSpace(name)}
	for part := range strings.SplitSeq(more, ";") {
		part = strings.TrimSpace(part)
		value, isValue := strings.CutPrefix(part, "value=")
		switch {
		case part == "":
		case part == "executed":
			rule.Executed = true
		case isValue:
			rule.Value = value
		default:
			return FaultRule{}, fmt.Errorf("%.60q is neither executed nor value=…", part)
		}
	}
	return rule.checked()
}

// subject returns whom a call is about, as far as its body or its entitlement says so. The body can be read again afterwards.
func (s *Sandbox) subject(r *http.Request) (customer, merchant string) {
	raw, _ := io.ReadAll(io.LimitReader(r.Body, maxBody+1)) // an error comes again to whoever reads it next
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(raw), r.Body), r.Body}
	var body struct{ CustomerIdentifier, MerchantAccountKey, EntitlementID string }
	_ = json.Unmarshal(raw, &body) // what is not there is empty, and fits no filter
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.byID[cmp.Or(r.PathValue("id"), body.EntitlementID)]; e != nil {
		return e.request.customerIdentifier, e.request.merchantAccountKey
	}
	return body.CustomerIdentifier, body.MerchantAccountKey
}
