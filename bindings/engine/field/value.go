package field

import "github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"

// Kind is the type of a field.
type Kind uint8

// The kinds of values.
const (
	Text    Kind = iota // one of a set of words, or free text
	Number              // a number in the field's unit
	Flag                // true or false
	Address             // an IPv4 or IPv6 address
	Labels              // a set of label bits
	Parent              // the tuple of another flow
)

// Value is one field of one flow. Which member counts is the field's Kind:
// Text Str, Number Num, Flag On, Address Addr, Labels Bits, Parent Tuple.
// Values of one field are equal where the flows agree in it.
type Value struct {
	Str  string
	Num  float64
	Bits wire.Labels
	Addr wire.Addr
	On   bool
}
