package filter

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/suggest"
)

// operand is one side of a comparison, typed: a function of the row, a
// constant, or a word that only the other side can explain.
type operand struct {
	kind    field.Kind
	unit    string // of a number
	pos     int
	field   *field.Field   // where it is one
	either  []*field.Field // where it is any of several
	literal *constant
	word    string // where it is a word that is no field

	whole func(*field.Row) (uint32, bool) // of a number where it is whole and small
	num   func(*field.Row) (float64, bool)
	wide  func(*field.Row) (wire.AddrWords, bool) // of an address, the same as addr
	addr  func(*field.Row) (wire.Addr, bool)
	text  func(*field.Row) (string, bool)
}

// what names an operand in messages.
func (o *operand) what() string {
	switch {
	case o.word != "":
		return "the word " + show(o.word)
	case o.literal != nil:
		return o.literal.what()
	case len(o.either) > 0 && o.kind == field.Address, o.kind == field.Address:
		return "an address"
	case o.kind == field.Number:
		return (&constant{unit: o.unit}).what()
	case o.kind == field.Flag:
		return "true or false"
	case o.kind == field.Labels:
		return "a set of labels"
	}
	return "a text"
}

// either lists the words that match any end of either tuple.
var either = map[string][]string{
	"host": {"src", "dst", "rsrc", "rdst"},
	"net":  {"src", "dst", "rsrc", "rdst"},
	"port": {"sport", "dport", "rsport", "rdport"},
}

// either returns the fields that a word such as host means, none where the
// rows are not flows.
func (c *compiler) either(word string) (list []*field.Field) {
	for _, name := range either[word] {
		f, ok := c.set.Lookup(name)
		if !ok {
			return nil
		}
		list = append(list, f)
	}
	return list
}

// words lists everything that can stand for a field.
func words(set *field.Set) []string {
	list := set.Names()
	if set == field.Flow {
		list = append(list, "host", "net", "port", "label")
	}
	return list
}

// fieldOperand reads a field of the row.
func fieldOperand(f *field.Field, pos int) *operand {
	o := &operand{kind: f.Kind, unit: f.Unit, pos: pos, field: f}
	switch f.Kind {
	case field.Number:
		o.whole, o.num = f.WordReader(), f.NumberReader()
	case field.Address:
		o.readAddr(f.AddressReader())
	case field.Text, field.Parent:
		o.text = f.TextReader()
	}
	return o
}

// readAddr makes o an address that is read by a function.
func (o *operand) readAddr(wide func(*field.Row) (wire.AddrWords, bool)) {
	o.wide = wide
	o.addr = func(r *field.Row) (wire.Addr, bool) { a, ok := wide(r); return a.Addr(), ok }
}

// operand types a value.
func (c *compiler) operand(v Val) (*operand, error) {
	switch v := v.(type) {
	case *Word:
		return c.word(v), nil
	case *Literal:
		k, err := readLiteral(v.Raw)
		if err != nil {
			return nil, &Error{Pos: v.Pos, Msg: err.Error()}
		}
		return &operand{literal: &k, pos: v.Pos}, nil
	case *Text:
		if v.Value == "" {
			return nil, &Error{Pos: v.Pos, Msg: "empty text: nothing could match"}
		}
		return &operand{literal: &constant{kind: constText, text: v.Value}, pos: v.Pos}, nil
	case *Param:
		return c.scalarParam(v)
	case *Given:
		k, err := constantOf(v.Value)
		if err != nil {
			return nil, &Error{Msg: err.Error()}
		}
		return &operand{literal: k}, nil
	case *Call:
		return c.call(v)
	}
	return c.arith(v.(*Arith))
}

func (c *compiler) word(v *Word) *operand {
	name := v.Name
	if name == "label" {
		name = "labels"
	}
	if f, ok := c.set.Lookup(name); ok {
		return fieldOperand(f, v.Pos)
	}
	if list := c.either(name); list != nil {
		return &operand{pos: v.Pos, either: list, kind: list[0].Kind}
	}
	if name == "true" || name == "false" {
		k := &constant{kind: constBool}
		if name == "true" {
			k.num = 1
		}
		return &operand{literal: k, pos: v.Pos}
	}
	return &operand{word: v.Name, pos: v.Pos}
}

// scalarParam types a parameter that stands for one value.
func (c *compiler) scalarParam(p *Param) (*operand, error) {
	given, err := c.param(p)
	if err != nil {
		return nil, err
	}
	k, err := constantOf(given)
	if err != nil {
		return nil, &Error{Pos: p.Pos, Msg: fmt.Sprintf("parameter $%s: %s", p.Name, err)}
	}
	return &operand{literal: k, pos: p.Pos}, nil
}

// param returns what was given for a parameter. Nothing and the empty string
// are refused: somebody whose variable is empty does not mean every flow.
func (c *compiler) param(p *Param) (any, error) {
	given, ok := c.params[p.Name]
	c.used[p.Name] = true
	switch s, text := given.(string); {
	case !ok:
		return nil, &Error{Pos: p.Pos, Msg: fmt.Sprintf("parameter $%s was not given", p.Name)}
	case given == nil:
		return nil, &Error{Pos: p.Pos, Msg: fmt.Sprintf("parameter $%s is nil", p.Name)}
	case text && s == "":
		return nil, &Error{Pos: p.Pos, Msg: fmt.Sprintf("parameter $%s is an empty string", p.Name)}
	}
	return given, nil
}

// constantOf types one value that came from code. Text that reads as a
// literal is one.
func constantOf(given any) (*constant, error) {
	switch v := given.(type) {
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("%v is no number to compare with", v)
		}
		return &constant{num: v}, nil
	case bool:
		k := &constant{kind: constBool}
		if v {
			k.num = 1
		}
		return k, nil
	case string:
		if k, err := readLiteral(v); err == nil {
			k.text = v
			return &k, nil
		}
		return &constant{kind: constText, text: v}, nil
	case wire.Addr:
		return &constant{kind: constAddr, addr: v.Netip()}, nil
	}
	return nil, fmt.Errorf("cannot compare with %T", given)
}

// number makes a constant or word a number for field f, nil where it is
// compared with a computed value.
func (c *compiler) number(o *operand, f *field.Field, wantUnit string) (float64, error) {
	fail := func(format string, args ...any) (float64, error) {
		return 0, &Error{Pos: o.pos, Msg: fmt.Sprintf(format, args...)}
	}
	word := o.word
	if o.literal != nil && o.literal.kind == constText {
		word = o.literal.text
	}
	port := f != nil && strings.HasSuffix(f.Name, "port")
	switch {
	case word != "" && port:
		if n, ok := c.env.service(word); ok {
			return float64(n), nil
		}
		return 0, &Error{Pos: o.pos, Msg: "unknown service " + show(word), Hint: hint(word, names(c.env.Services))}
	case word != "":
		return fail("want %s, got %s", (&constant{unit: wantUnit}).what(), show(word))
	case o.literal.kind != constNumber:
		return fail("want %s, got %s", (&constant{unit: wantUnit}).what(), o.literal.what())
	}
	k := o.literal
	if k.unit != "" && k.unit != wantUnit && (k.unit != "share" || wantUnit != "") {
		return fail("%s is compared with %s", k.what(), (&constant{unit: wantUnit}).what())
	}
	if f != nil && (k.num < f.Min || k.num > f.Max) {
		return fail("%s: %s is out of range %s to %s", f.Name, plain(k.num), plain(f.Min), plain(f.Max))
	}
	return k.num, nil
}

func plain(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

// hint is "did you mean" for a word, "" where nothing is close.
func hint(word string, among []string) string {
	return strings.TrimPrefix(suggest.Hint(word, among), "; ")
}

// textFor makes a constant or word a text of field f: its one spelling where
// the field has a list of words.
func (c *compiler) textFor(o *operand, f *field.Field) (string, error) {
	s := o.word
	if k := o.literal; k != nil {
		switch {
		case k.kind == constText || k.text != "":
			s = k.text
		case k.kind == constNumber && k.unit == "":
			s = plain(k.num)
		default:
			return "", &Error{Pos: o.pos, Msg: fmt.Sprintf("want a text, got %s", k.what())}
		}
	}
	if f == nil {
		return s, nil
	}
	if f.Name == "proto" {
		p, ok := wire.ParseProto(strings.ToLower(s))
		if !ok {
			return "", &Error{Pos: o.pos, Msg: "unknown protocol " + show(s), Hint: hint(s, wire.ProtoNames())}
		}
		return wire.ProtoName(p), nil
	}
	if f.Words == nil {
		return s, nil
	}
	list := f.Words()
	for _, w := range list {
		if strings.EqualFold(w, s) {
			return w, nil
		}
	}
	return "", &Error{Pos: o.pos, Msg: fmt.Sprintf("unknown %s %s", f.Name, show(s)), Hint: hint(s, list)}
}

// address makes a constant an address.
func address(o *operand) (wire.Addr, error) {
	if o.literal == nil || o.literal.kind != constAddr {
		msg := "want an address, got " + o.what()
		if o.literal != nil && o.literal.kind == constPrefix {
			msg += `; a network is matched with "in"`
		}
		return wire.Addr{}, &Error{Pos: o.pos, Msg: msg}
	}
	return addrOf(o.literal.addr), nil
}
