package json

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// short are the escapes of one letter, and what they stand for.
const short, meant = `"\/bfnrt`, "\"\\/\b\f\n\r\t"

// string reads a string, of which the first quote is next. What it returns
// shares no memory with the text.
func (d *decoder) string() (string, error) {
	begin := d.at + 1
	var b []byte // nil until there is an escape
	for i := begin; ; {
		if i >= len(d.text) {
			d.at = i
			return "", d.unexpected("the quote that ends a string")
		}
		c := d.text[i]
		switch {
		case c == '"':
			d.at = i + 1
			if b == nil {
				return strings.Clone(d.text[begin:i]), nil
			}
			return string(append(b, d.text[begin:i]...)), nil
		case c == '\\':
			b = append(b, d.text[begin:i]...)
			d.at = i
			r, err := d.escape()
			if err != nil {
				return "", err
			}
			b = utf8.AppendRune(b, r)
			i, begin = d.at, d.at
		case c < ' ':
			return "", d.wrong(i, "the control character %q inside a string must be written as an escape", c)
		case c < utf8.RuneSelf:
			i++
		default:
			r, n := utf8.DecodeRuneInString(d.text[i:])
			if r == utf8.RuneError && n == 1 {
				return "", d.wrong(i, "the byte 0x%02x is no UTF-8", c)
			}
			i += n
		}
	}
}

// escape reads an escape.
func (d *decoder) escape() (rune, error) {
	begin := d.at
	if d.at++; d.at < len(d.text) {
		if i := strings.IndexByte(short, d.text[d.at]); i >= 0 {
			d.at++
			return rune(meant[i]), nil
		}
	}
	r, ok := d.hex(begin)
	if !ok {
		return 0, d.wrong(begin, `want an escape such as \n or \u00e9`)
	}
	if !utf16.IsSurrogate(r) {
		return r, nil
	}
	low, ok := d.hex(d.at)
	if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
		return 0, d.wrong(begin, "half of a surrogate pair stands for no character")
	}
	return r, nil
}

// hex reads \uXXXX at a place in the text.
func (d *decoder) hex(at int) (rune, bool) {
	if !strings.HasPrefix(d.text[at:], `\u`) || len(d.text) < at+6 {
		return 0, false
	}
	n, err := strconv.ParseUint(d.text[at+2:at+6], 16, 16)
	if err != nil {
		return 0, false
	}
	d.at = at + 6
	return rune(n), true
}
