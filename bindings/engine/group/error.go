package group

import (
	"fmt"

	"github.com/ctsh/ctsh/bindings/engine/field"
)

// Error says what is wrong with a grouping.
type Error struct {
	Msg  string
	Hint string // what to do, "" for none
}

// Error implements error, in one line.
func (e *Error) Error() string {
	s := "group: " + e.Msg
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}

// notNumber is the complaint about a field of another kind.
func notNumber(what string, f *field.Field) *Error {
	return &Error{
		Msg:  fmt.Sprintf("%s of %s: want a number, %s is %s", what, f.Name, f.Name, kindNames[f.Kind]),
		Hint: "count and uniq take any field",
	}
}

var kindNames = map[field.Kind]string{
	field.Text: "text", field.Number: "a number", field.Flag: "a flag",
	field.Address: "an address", field.Labels: "a set of labels", field.Parent: "a flow",
}
