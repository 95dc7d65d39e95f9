package field

import "github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"

// Of reads the field of a row and tells whether it is there.
func (f *Field) Of(r *Row) (Value, bool) { return f.row(r) }

// Reader returns the function that reads the field of a row.
func (f *Field) Reader() func(*Row) (Value, bool) { return f.row }

// withValues makes the functions of fields that read a value of any kind out of
// those that read their own kind.
func withValues(list []Field) []Field {
	for i := range list {
		list[i].row = list[i].value()
	}
	return list
}

// value reads the field as a Value, the zero one where it is not there.
func (f *Field) value() func(*Row) (Value, bool) {
	switch word, num, addr, on, text := f.word, f.num, f.addr, f.on, f.text; {
	case word != nil:
		return func(r *Row) (Value, bool) {
			if n, ok := word(r); ok {
				return Value{Num: float64(n)}, true
			}
			return Value{}, false
		}
	case num != nil:
		return func(r *Row) (Value, bool) {
			if n, ok := num(r); ok {
				return Value{Num: n}, true
			}
			return Value{}, false
		}
	case addr != nil:
		return func(r *Row) (Value, bool) {
			if a, ok := addr(r); ok {
				return Value{Addr: a.Addr()}, true
			}
			return Value{}, false
		}
	case on != nil:
		return func(r *Row) (Value, bool) {
			if on, ok := on(r); ok {
				return Value{On: on}, true
			}
			return Value{}, false
		}
	case text != nil:
		return func(r *Row) (Value, bool) {
			if s, ok := text(r); ok {
				return Value{Str: s}, true
			}
			return Value{}, false
		}
	}
	bits := f.bits
	return func(r *Row) (Value, bool) {
		if b, ok := bits(r); ok {
			return Value{Bits: b}, true
		}
		return Value{}, false
	}
}

// The readers below return a value as it is and not as a [Value], which is four
// times as fast. What they read of a field of another kind is nothing.

// WordReader returns the function that reads a number that is whole and not above
// 32 bits, nil where f may be another.
func (f *Field) WordReader() func(*Row) (uint32, bool) { return f.word }

// NumberReader returns the function that reads a number in the unit of f.
func (f *Field) NumberReader() func(*Row) (float64, bool) {
	switch {
	case f.num != nil:
		return f.num
	case f.word != nil:
		word := f.word
		return func(r *Row) (float64, bool) { n, ok := word(r); return float64(n), ok }
	}
	read := f.Reader()
	return func(r *Row) (float64, bool) { v, ok := read(r); return v.Num, ok }
}

// AddressReader returns the function that reads an address.
func (f *Field) AddressReader() func(*Row) (wire.AddrWords, bool) {
	if f.addr != nil {
		return f.addr
	}
	read := f.Reader()
	return func(r *Row) (wire.AddrWords, bool) {
		v, ok := read(r)
		return v.Addr.Words(), ok
	}
}

// FlagReader returns the function that reads whether a flag is set.
func (f *Field) FlagReader() func(*Row) (on, ok bool) {
	if f.on != nil {
		return f.on
	}
	read := f.Reader()
	return func(r *Row) (on, ok bool) { v, ok := read(r); return v.On, ok }
}

// TextReader returns the function that reads a text.
func (f *Field) TextReader() func(*Row) (string, bool) {
	if f.text != nil {
		return f.text
	}
	read := f.Reader()
	return func(r *Row) (string, bool) { v, ok := read(r); return v.Str, ok }
}
