package output

import (
	"encoding/json"
	"strconv"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/lua/escape"
)

// AppendJSON appends one object with the fields that the row has, in their
// order: numbers as numbers and as strings above 2^53, where a reader would
// round them, flags as true and false, labels as a list of names, all else as
// strings. Fields that the row lacks are left out. A [Writer] writes the same
// objects faster.
func AppendJSON(b []byte, fields []*field.Field, r *field.Row) []byte {
	start := len(b)
	for _, f := range fields {
		v, ok := f.Of(r)
		if !ok || f.Kind == field.Number && !finite(v.Num) {
			continue
		}
		b = append(appendQuoted(append(b, ','), f.Name), ':')
		switch f.Kind {
		case field.Number:
			b = appendJSONNumber(b, f, v.Num)
		case field.Flag:
			b = strconv.AppendBool(b, v.On)
		case field.Address:
			b = append(appendIP(append(b, '"'), &v.Addr), '"')
		case field.Labels:
			b = appendLabelList(b, v.Bits)
		default:
			b = appendQuoted(b, v.Str)
		}
	}
	return closed(b, start)
}

// closed makes an object of the members from start on, each of which has a
// comma in front.
func closed(b []byte, start int) []byte {
	if len(b) == start {
		return append(b, "{}"...)
	}
	b[start] = '{'
	return append(b, '}')
}

// appendJSONNumber appends a number, as a string where readers would round it.
func appendJSONNumber(b []byte, f *field.Field, n float64) []byte {
	if n > exact || n < -exact {
		return append(appendNumber(append(b, '"'), f, n), '"')
	}
	return appendNumber(b, f, n)
}

func appendLabelList(b []byte, l wire.Labels) []byte {
	b = append(b, '[')
	texts, first := labelTexts(), true
	for bit, rest, ok := nextLabel(l); ok; bit, rest, ok = nextLabel(rest) {
		if !first {
			b = append(b, ',')
		}
		b, first = appendQuoted(b, texts[bit]), false
	}
	return append(b, ']')
}

// plainJSON tells of the ASCII characters that stand for themselves in a JSON
// string. Like encoding/json, < > and & do not: the text may end up in a web
// page.
var plainJSON = func() (plain [256]bool) {
	for c := ' '; c < 0x7f; c++ {
		plain[c] = true
	}
	for _, c := range `"\<>&` {
		plain[c] = false
	}
	return plain
}()

const hex = "0123456789abcdef"

// appendQuoted appends s as a JSON string without a character that a terminal
// acts on. Other than ASCII text is rare and left to the encoder.
func appendQuoted(b []byte, s string) []byte {
	start := len(b)
	b = append(b, '"')
	done := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if plainJSON[c] {
			continue
		}
		b = append(b, s[done:i]...)
		done = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '<', '>', '&':
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			text, _ := json.Marshal(s) // a string always encodes
			return append(b[:start], escape.JSON(text)...)
		}
	}
	return append(append(b, s[done:]...), '"')
}

// objects writes rows as JSON: an array, or an object a line.
type objects struct {
	sink
	cols  []column
	array bool
	begun bool
}

// Row implements Writer.
func (o *objects) Row(r *field.Row) error {
	b := o.buf
	switch {
	case !o.array:
	case o.begun:
		b = append(b, ",\n"...)
	default:
		b = append(b, "[\n"...)
	}
	o.begun = true
	start := len(b)
	for i := range o.cols {
		b, _ = o.cols[i].append(b, r)
	}
	b = closed(b, start)
	if !o.array {
		b = append(b, '\n')
	}
	o.buf = b
	return o.spill()
}

var jsonForm = form{keys: true, quote: `"`, yes: "true", no: "false", number: appendJSONNumber, text: appendQuoted, labels: appendLabelList}

// Close implements Writer.
func (o *objects) Close() error {
	switch {
	case !o.array:
	case o.begun:
		o.buf = append(o.buf, "\n]\n"...)
	default:
		o.buf = append(o.buf, "[\n]\n"...)
	}
	return o.Flush()
}
