package field

import (
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Field is the one declaration of a field of a flow: its name in scripts,
// filters and output, its type and where it comes from.
type Field struct {
	Name  string
	Kind  Kind
	Unit  string  // of a Number: "s", "bytes", "" for none
	Doc   string  // one sentence
	Needs string  // the sysctl without which new flows lack it
	Min   float64 // of a Number, inclusive
	Max   float64
	Words func() []string // the values a Text may have, nil for free text
	Part  Part            // what must be decoded before Get
	// Get reads the field of a flow and tells whether it has it.
	Get func(*wire.Entry) (Value, bool)
	// Mask says that a filter may give value/mask.
	Mask bool
}

// Of reads the field of a row and tells whether the flow has it.
func (f *Field) Of(r *Row) (Value, bool) { return f.Get(r.Need(f.Part)) }

var byName = func() map[string]*Field {
	m := make(map[string]*Field, len(fields))
	for i := range fields {
		m[fields[i].Name] = &fields[i]
	}
	return m
}()

// Lookup returns the field of a name.
func Lookup(name string) (*Field, bool) {
	f, ok := byName[name]
	return f, ok
}

// Fields returns all fields in the order of the documentation.
func Fields() []Field { return fields }

// Names lists the names of all fields in the same order.
func Names() []string {
	names := make([]string, len(fields))
	for i := range fields {
		names[i] = fields[i].Name
	}
	return names
}

// Getters for the shapes that recur in the table.

func tupleAddr(dir wire.Direction, dst bool) func(*wire.Entry) (Value, bool) {
	return func(e *wire.Entry) (Value, bool) {
		t := tupleOf(e, dir)
		if dst {
			return Value{Addr: t.Dst}, !t.IsZero()
		}
		return Value{Addr: t.Src}, !t.IsZero()
	}
}

func tupleOf(e *wire.Entry, dir wire.Direction) *wire.Tuple {
	if dir == wire.Reply {
		return &e.Reply
	}
	return &e.Orig
}

func tuplePort(dir wire.Direction, dst bool) func(*wire.Entry) (Value, bool) {
	return func(e *wire.Entry) (Value, bool) {
		t := tupleOf(e, dir)
		if t.IsZero() || !wire.HasPorts(t.Proto) {
			return Value{}, false
		}
		if dst {
			return num(t.DstPort), true
		}
		return num(t.SrcPort), true
	}
}

// tupleICMP reads type (0), code (1) or identifier (2).
func tupleICMP(dir wire.Direction, part int) func(*wire.Entry) (Value, bool) {
	return func(e *wire.Entry) (Value, bool) {
		t := tupleOf(e, dir)
		if t.Proto != wire.ProtoICMP && t.Proto != wire.ProtoICMPv6 {
			return Value{}, false
		}
		typ, code, id := t.ICMP()
		return num([...]uint16{uint16(typ), uint16(code), id}[part]), true
	}
}

func num[T uint8 | uint16 | uint32 | uint64](n T) Value { return Value{Num: float64(n)} }

// present reads a number where the kernel sent it.
func present(has wire.Present, get func(*wire.Entry) float64) func(*wire.Entry) (Value, bool) {
	return func(e *wire.Entry) (Value, bool) {
		if !e.Has(has) {
			return Value{}, false
		}
		return Value{Num: get(e)}, true
	}
}

// status reads whether any bit of mask is set, or with not whether none is.
func status(mask wire.Status, not bool) func(*wire.Entry) (Value, bool) {
	return func(e *wire.Entry) (Value, bool) {
		return Value{On: e.Status&mask != 0 != not}, e.Has(wire.HasStatus)
	}
}

// counter sums packets or bytes over the given directions.
func counter(bytes bool, dirs ...wire.Direction) func(*wire.Entry) (Value, bool) {
	return func(e *wire.Entry) (Value, bool) {
		var n uint64
		for _, d := range dirs {
			if bytes {
				n += e.Counter[d].Bytes
			} else {
				n += e.Counter[d].Packets
			}
		}
		return num(n), e.Has(wire.HasCounters)
	}
}

// natEnd reads what one end is translated to, where it is.
func natEnd(bit wire.Status, end func(*wire.Entry) Value, port bool) func(*wire.Entry) (Value, bool) {
	return func(e *wire.Entry) (Value, bool) {
		if e.Status&bit == 0 || !e.Has(wire.HasReply) || port && !wire.HasPorts(e.Reply.Proto) {
			return Value{}, false
		}
		return end(e), true
	}
}

func tcpFlags(dir wire.Direction) func(*wire.Entry) (Value, bool) {
	return present(wire.HasTCP, func(e *wire.Entry) float64 { return float64(e.TCP().Flags[dir]) })
}

func wscale(dir wire.Direction) func(*wire.Entry) (Value, bool) {
	return present(wire.HasTCP, func(e *wire.Entry) float64 { return float64(e.TCP().WScale[dir]) })
}

func vtag(dir wire.Direction) func(*wire.Entry) (Value, bool) {
	return present(wire.HasSCTP, func(e *wire.Entry) float64 { return float64(e.VTags()[dir]) })
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
