package filter

import (
	"errors"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/label"
)

// Env is what the words of a filter mean on this machine. A nil function knows
// no word.
type Env struct {
	// Fields are what the rows have, those of a flow where it is nil.
	Fields *field.Set
	// Label returns the bit of a label by its name.
	Label func(name string) (bit int, err error)
	// Service returns the port of a service by its name.
	Service func(name string) (port uint16, ok bool)
	// Services lists the names, for suggestions.
	Services func() []string
	// ServiceName returns the name of a port.
	ServiceName func(port uint16) (name string, ok bool)
}

// Params are the values of the parameters of a filter, by name: "1" for $1. A
// value is a string, a float64, a bool, a wire.Addr, a list of them, or a map
// whose keys count.
type Params map[string]any

// fields are what the rows have.
func (e *Env) fields() *field.Set {
	if e == nil || e.Fields == nil {
		return field.Flow
	}
	return e.Fields
}

// label resolves a label: a name, or the number of a bit.
func (e *Env) label(name string) (bit int, err error) {
	if n, err := wholeNumber(name, label.Bits-1); err == nil {
		return int(n), nil
	}
	if e.Label == nil {
		return 0, errors.New("labels have no names here")
	}
	return e.Label(name)
}

func (e *Env) service(name string) (port uint16, ok bool) {
	if e.Service == nil {
		return 0, false
	}
	return e.Service(name)
}

func names(list func() []string) []string {
	if list == nil {
		return nil
	}
	return list()
}
