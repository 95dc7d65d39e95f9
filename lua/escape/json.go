package escape

import (
	"bytes"
	"unicode/utf8"
)

// JSON returns encoded JSON without a character that a terminal acts on: those
// that JSON allows raw inside a string are written as \u escapes, which mean
// the same. Bytes that are not UTF-8 become U+FFFD. Space between values stays.
func JSON(b []byte) []byte {
	at := bytes.IndexFunc(b, func(r rune) bool { return r >= 0x7f })
	if at < 0 {
		return b
	}
	out := append(make([]byte, 0, len(b)+16), b[:at]...)
	for rest := b[at:]; len(rest) > 0; {
		r, n := utf8.DecodeRune(rest)
		if r >= 0x7f && acts(r) || r == utf8.RuneError && n == 1 {
			out = appendUnit(out, r)
		} else {
			out = append(out, rest[:n]...)
		}
		rest = rest[n:]
	}
	return out
}
