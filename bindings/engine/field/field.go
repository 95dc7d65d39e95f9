package field

import (
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Field is the one declaration of a value that can be asked of a row: its name
// in scripts, filters and output, its type and where it comes from. It is a
// field of a flow, or a column that a query computed.
type Field struct {
	Name  string
	Kind  Kind
	Unit  string  // of a Number: "s", "bytes", "" for none
	Doc   string  // one sentence
	Needs string  // the sysctl without which new flows lack it
	Min   float64 // of a Number, inclusive
	Max   float64
	Words func() []string // the values a Text may have, nil for free text
	Part  Part            // what of a message must be decoded to tell it
	// Mask says that a filter may give value/mask.
	Mask bool
	// Whole says that a table does not cut its text: part of a name is another one.
	Whole bool
	// Derived says that it is worked out of other fields and of the machine. It
	// is not part of a whole flow in JSON and CSV, but can be selected.
	Derived bool

	// Where the values come from: row, and in a field that the kernel tells the
	// one that goes with its kind.
	word func(*Row) (uint32, bool)         // a Number that is whole and small
	num  func(*Row) (float64, bool)        // any other Number
	addr func(*Row) (wire.AddrWords, bool) // an Address
	on   func(*Row) (bool, bool)           // a Flag
	text func(*Row) (string, bool)         // a Text or Parent
	bits func(*Row) (wire.Labels, bool)    // Labels
	row  func(*Row) (Value, bool)          // of any kind
}

// Compute makes a field of a function. What the function needs decoded is in
// f.Part.
func Compute(f Field, get func(*Row) (Value, bool)) *Field {
	f.word, f.num, f.addr, f.on, f.text, f.bits = nil, nil, nil, nil, nil, nil
	f.row = get
	return &f
}

// stateNames lists every connection state of any protocol once.
func stateNames() []string {
	var names []string
	seen := map[string]bool{}
	for _, p := range []uint8{wire.ProtoTCP, wire.ProtoSCTP, wire.ProtoDCCP} {
		for _, n := range wire.States(p) {
			if !seen[n] {
				seen[n] = true
				names = append(names, n)
			}
		}
	}
	return names
}
