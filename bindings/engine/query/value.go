package query

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/suggest"
)

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

// Error says what is wrong with a filter.
type Error struct {
	Field string // the field it is about, "" for the whole filter
	Msg   string
}

// Error implements error.
func (e *Error) Error() string {
	if e.Field == "" {
		return "filter: " + e.Msg
	}
	return "filter: " + e.Field + ": " + e.Msg
}

// parse reads what a user gave for field f: a string, a float64 or a bool.
func (f *Field) parse(given any) (Value, error) {
	fail := func(msg string, args ...any) (Value, error) {
		return Value{}, &Error{f.Name, fmt.Sprintf(msg, args...)}
	}
	if s, ok := given.(string); ok && s == "" {
		return fail("empty string; leave the field out to select any")
	}
	switch f.Kind {
	case Flag:
		if on, ok := given.(bool); ok {
			return Value{On: on}, nil
		}
		return fail("want true or false, got %s", show(given))
	case Number:
		n, err := number(given)
		if err != nil {
			return fail("%s", err)
		}
		if n < f.Min || n > f.Max {
			return fail("%s is out of range %s to %s", show(given), show(f.Min), show(f.Max))
		}
		return Value{Num: n}, nil
	case Address:
		s, ok := given.(string)
		if !ok {
			return fail("want an address, got %s", show(given))
		}
		a, err := netip.ParseAddr(s)
		if err != nil {
			return fail("%q is not an IPv4 or IPv6 address", s)
		}
		if a.Zone() != "" {
			return fail("%q: connection tracking does not know interface zones", s)
		}
		return Value{Addr: wire.AddrFrom(a)}, nil
	case Text:
		return f.parseText(given)
	}
	return fail("cannot be compared for equality")
}

func (f *Field) parseText(given any) (Value, error) {
	s, ok := given.(string)
	if !ok {
		if n, isNum := given.(float64); isNum && f.Name == "proto" {
			s = strconv.FormatFloat(n, 'f', -1, 64)
		} else {
			return Value{}, &Error{f.Name, "want a string, got " + show(given)}
		}
	}
	switch {
	case f.Name == "proto":
		p, ok := wire.ParseProto(s)
		if !ok {
			return Value{}, &Error{f.Name, fmt.Sprintf("unknown protocol %q", s) + suggest.Hint(s, wire.ProtoNames())}
		}
		return Value{Str: wire.ProtoName(p)}, nil
	case f.Words != nil:
		words := f.Words()
		for _, w := range words {
			if strings.EqualFold(w, s) {
				return Value{Str: w}, nil
			}
		}
		return Value{}, &Error{f.Name, fmt.Sprintf("unknown %s %q", f.Name, s) + suggest.Hint(s, words)}
	}
	return Value{Str: s}, nil
}

// number reads a number as strictly as can be: no sign, blank, leading zero,
// exponent or NaN in text, no fraction or infinity in a float.
func number(given any) (float64, error) {
	switch v := given.(type) {
	case float64:
		if v != math.Trunc(v) || math.IsInf(v, 0) || math.IsNaN(v) {
			return 0, fmt.Errorf("%s is not a whole number", show(v))
		}
		return v, nil
	case string:
		digits, base := v, 10
		if hex, ok := strings.CutPrefix(v, "0x"); ok {
			digits, base = hex, 16
		} else if len(v) > 1 && v[0] == '0' {
			return 0, fmt.Errorf("%q has a leading zero", v)
		}
		n, err := strconv.ParseUint(digits, base, 53)
		if err != nil || strings.ContainsAny(digits, "+_") {
			return 0, fmt.Errorf("%q is not a number", v)
		}
		return float64(n), nil
	}
	return 0, fmt.Errorf("want a number, got %s", show(given))
}

// show renders what a user gave, for messages.
func show(given any) string {
	switch v := given.(type) {
	case nil:
		return "nil"
	case string:
		return strconv.Quote(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	case []any:
		return "a list"
	}
	return fmt.Sprintf("%T", given)
}
