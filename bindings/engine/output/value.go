package output

import (
	"net/netip"
	"strconv"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// column is a field with what is looked up once. Its values are read as what
// they are: a field.Value is 64 bytes, and copying one for each of the fields
// of a flow costs more than writing the text.
type column struct {
	*field.Field
	form *form
	key  string // in front of a value: in JSON from the comma to the colon

	// The reader of the kind. Of numbers it is word where there is one; labels
	// have none.
	word   func(*field.Row) (uint32, bool)
	number func(*field.Row) (float64, bool)
	flag   func(*field.Row) (on, ok bool)
	addr   func(*field.Row) (wire.AddrWords, bool)
	text   func(*field.Row) (string, bool)

	yes, no string // flags with their key
}

func columnsOf(fields []*field.Field, form *form) []column {
	cols := make([]column, len(fields))
	for i, f := range fields {
		c := &cols[i]
		c.Field, c.form = f, form
		if form.keys {
			c.key = string(append(appendQuoted([]byte{','}, f.Name), ':'))
		}
		switch f.Kind {
		case field.Number:
			c.word, c.number = f.WordReader(), f.NumberReader()
		case field.Flag:
			c.flag = f.FlagReader()
			c.yes, c.no = c.key+form.yes, c.key+form.no
		case field.Address:
			c.addr = f.AddressReader()
		case field.Text, field.Parent:
			c.text = f.TextReader()
		}
	}
	return cols
}

// exact bounds the whole numbers that a field holds exactly, and every reader
// of JSON.
const exact = 1 << 53

// append appends the key and the value of a row and tells whether the row has
// it. Nothing is appended otherwise.
func (c *column) append(b []byte, r *field.Row) ([]byte, bool) {
	switch {
	case c.word != nil:
		n, ok := c.word(r)
		if !ok {
			return b, false
		}
		return appendUint(append(b, c.key...), uint64(n)), true
	case c.flag != nil:
		on, ok := c.flag(r)
		switch {
		case !ok:
			return b, false
		case on:
			return append(b, c.yes...), true
		}
		return append(b, c.no...), true
	case c.addr != nil:
		words, ok := c.addr(r)
		if !ok {
			return b, false
		}
		a := words.Addr()
		b = append(append(b, c.key...), c.form.quote...)
		return append(appendIP(b, &a), c.form.quote...), true
	case c.number != nil:
		n, ok := c.number(r)
		if !ok || !finite(n) {
			return b, false
		}
		return c.form.number(append(b, c.key...), c.Field, n), true
	case c.text != nil:
		s, ok := c.text(r)
		if !ok {
			return b, false
		}
		return c.form.text(append(b, c.key...), s), true
	}
	v, ok := c.Of(r)
	if !ok {
		return b, false
	}
	return c.form.labels(append(b, c.key...), v.Bits), true
}

// form is how a format writes values.
type form struct {
	keys    bool   // in front of them
	quote   string // around an address
	yes, no string
	number  func([]byte, *field.Field, float64) []byte
	text    func([]byte, string) []byte
	labels  func([]byte, wire.Labels) []byte
}

// finite is false for infinities and NaN, which no text format has a word for:
// they count as absent.
func finite(n float64) bool { return n-n == 0 }

// appendNumber appends a finite number. What field.Append does for most of them
// is done here, without a field.Value.
func appendNumber(b []byte, f *field.Field, n float64) []byte {
	if f.Unit != "s" && n >= 0 && n <= exact {
		if whole := uint64(n); float64(whole) == n {
			return appendUint(b, whole)
		}
	}
	return f.Append(b, field.Value{Num: n})
}

// appendIP appends an address.
func appendIP(b []byte, a *wire.Addr) []byte {
	if a.Is4() {
		return appendIPv4(b, a)
	}
	return netip.AddrFrom16(*a).AppendTo(b)
}

func appendIPv4(b []byte, a *wire.Addr) []byte {
	for i, octet := range a[12:] {
		if i > 0 {
			b = append(b, '.')
		}
		b = appendUint(b, uint64(octet))
	}
	return b
}

// appendUint appends a number. Most are small: octets, flags, zones, states.
func appendUint(b []byte, n uint64) []byte {
	switch {
	case n < 10:
		return append(b, '0'+byte(n))
	case n < 100:
		return append(b, '0'+byte(n/10), '0'+byte(n%10))
	case n < 1000:
		return append(b, '0'+byte(n/100), '0'+byte(n/10%10), '0'+byte(n%10))
	}
	return strconv.AppendUint(b, n, 10)
}
