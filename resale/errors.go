package resale

import (
	"errors"
	"fmt"
)

// Code tells machines what kind of failure an [Error] is; the handlers map it to an HTTP status.
type Code string

const (
	CodeInvalid   Code = "invalid"   // the input is wrong: Field names where, Message says why
	CodeNotFound  Code = "not_found" // there is no such thing, or the asker may not know of it
	CodeForbidden Code = "forbidden" // the asker's role does not allow it
	CodeConflict  Code = "conflict"  // it exists already, or changed meanwhile
	CodeBusy      Code = "busy"      // too much at once; the same call may go through in a moment
	CodeInternal  Code = "internal"  // ours to mend; the cause is for the log alone
)

// Error is a failure with a sentence for people. Err, the cause, is for the log and never shown.
type Error struct {
	Code    Code
	Field   string // the form field or CSV column at fault, where there is one
	Message string // a clear sentence: what happened and what to do
	Err     error
}

func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %v", e.Message, e.Err)
	}
	return e.Message
}

func (e *Error) Unwrap() error { return e.Err }

// Invalid says that the input of one field is wrong.
func Invalid(field, format string, args ...any) *Error {
	return &Error{Code: CodeInvalid, Field: field, Message: fmt.Sprintf(format, args...)}
}

// NotFound says that the named thing does not exist.
func NotFound(what string) *Error {
	return &Error{Code: CodeNotFound, Message: "There is no such " + what + "."}
}

// Conflict says that what was asked clashes with what is there.
func Conflict(field, format string, args ...any) *Error {
	return &Error{Code: CodeConflict, Field: field, Message: fmt.Sprintf(format, args...)}
}

// CodeOf returns the code of the first [Error] in err's chain, CodeInternal for any other error and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}
