package escape

import "unicode/utf8"

// Terminal returns s on one line and without a character that a terminal acts
// on: what is escaped reads \n, \t, \r, \x1b or \u202e, and a byte that is not
// UTF-8 reads \xff. A backslash stays one: the result is for reading, not for
// reading back.
func Terminal(s string) string {
	at := harmless(s)
	if at == len(s) {
		return s
	}
	b := make([]byte, at, len(s)+16)
	copy(b, s)
	for rest := s[at:]; rest != ""; {
		r, n := utf8.DecodeRuneInString(rest)
		switch {
		case r == utf8.RuneError && n == 1:
			b = appendByte(b, rest[0])
		case acts(r):
			b = appendRune(b, r)
		default:
			b = append(b, rest[:n]...)
		}
		rest = rest[n:]
	}
	return string(b)
}

// harmless is the length of the part in front that needs no escape.
func harmless(s string) int {
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if acts(rune(c)) {
				return i
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 || acts(r) {
			return i
		}
		i += n
	}
	return len(s)
}

// acts tells whether a character does something instead of being shown.
func acts(r rune) bool {
	switch {
	case r < 0x20, r >= 0x7f && r <= 0x9f: // C0, DEL, C1
		return true
	case r < 0x61c:
		return false
	case r == 0x2028, r == 0x2029: // line and paragraph separator
		return true
	case r == 0x61c, r == 0x200e, r == 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069: // direction
		return true
	}
	return false
}

const hex = "0123456789abcdef"

// appendRune appends the escape of a character below U+10000.
func appendRune(b []byte, r rune) []byte {
	switch r {
	case '\n':
		return append(b, `\n`...)
	case '\t':
		return append(b, `\t`...)
	case '\r':
		return append(b, `\r`...)
	}
	if r < utf8.RuneSelf {
		return appendByte(b, byte(r))
	}
	return appendUnit(b, r)
}

func appendByte(b []byte, c byte) []byte { return append(b, '\\', 'x', hex[c>>4], hex[c&15]) }

func appendUnit(b []byte, r rune) []byte {
	return append(b, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}
