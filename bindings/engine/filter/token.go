package filter

import (
	"strings"
)

// tokenKind sorts tokens.
type tokenKind uint8

const (
	tokEnd     tokenKind = iota
	tokWord              // src, tcp, and
	tokLiteral           // 80, 10MB, 5m, 10.0.0.0/8, fd00::1, 0x10/0xff, 1..9
	tokString            // "text"
	tokParam             // $1, $name
	tokMark              // == ( { ,
)

// token is a piece of a filter.
type token struct {
	kind tokenKind
	text string // of a string, without its quotes
	pos  int    // byte offset
	end  int
}

// marks of more than one byte, before those that begin them.
var marks = []string{"==", "!=", "~=", "<=", ">=", "&&", "||", ".."}

// singles are the marks of one byte.
const singles = "=<>!~(){},+-*/&|"

// lexer splits a filter.
type lexer struct {
	text string
	at   int
}

// next returns the next token.
func (l *lexer) next() (token, error) {
	for l.at < len(l.text) && strings.IndexByte(" \t\r\n", l.text[l.at]) >= 0 {
		l.at++
	}
	start := l.at
	rest := l.text[start:]
	take := func(kind tokenKind, n int) (token, error) {
		l.at = start + n
		return token{kind, rest[:n], start, l.at}, nil
	}
	if rest == "" {
		return take(tokEnd, 0)
	}
	switch c := rest[0]; {
	case c == '"' || c == '\'':
		return l.quoted(start)
	case c == '$':
		n := 1
		for n < len(rest) && isWord(rest[n]) {
			n++
		}
		if n == 1 {
			return token{}, &Error{Pos: start, Msg: "a parameter is written $1 or $name"}
		}
		return take(tokParam, n)
	case isDigit(c) || addressAhead(rest):
		return take(tokLiteral, literalLen(rest))
	case isLetter(c):
		n := 1
		for n < len(rest) && isWord(rest[n]) {
			n++
		}
		return take(tokWord, n)
	}
	for _, m := range marks {
		if strings.HasPrefix(rest, m) {
			return take(tokMark, len(m))
		}
	}
	if strings.IndexByte(singles, rest[0]) >= 0 {
		return take(tokMark, 1)
	}
	return token{}, &Error{Pos: start, Msg: "unexpected " + show(firstRune(rest))}
}

// quoted reads a string. A backslash keeps the byte behind it.
func (l *lexer) quoted(start int) (token, error) {
	quote := l.text[start]
	var b strings.Builder
	for i := start + 1; i < len(l.text); i++ {
		switch c := l.text[i]; {
		case c == '\\' && i+1 < len(l.text):
			i++
			b.WriteByte(l.text[i])
		case c == quote:
			l.at = i + 1
			return token{tokString, b.String(), start, l.at}, nil
		default:
			b.WriteByte(c)
		}
	}
	return token{}, &Error{Pos: start, Msg: "a string without its closing quote"}
}

func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isLetter(c byte) bool { return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' }
func isWord(c byte) bool   { return isLetter(c) || isDigit(c) }
func isHex(c byte) bool    { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }

// addressAhead tells whether s begins with an IPv6 address that does not begin
// with a digit: ::1, fd00::1.
func addressAhead(s string) bool {
	n := 0
	for n < len(s) && n < 5 && isHex(s[n]) {
		n++
	}
	return n < 5 && n < len(s) && s[n] == ':' && (n > 0 || strings.HasPrefix(s, "::"))
}

// literalLen is how much of s is one literal. A slash belongs to it where it
// makes a network or a mask: behind an address, and between hexadecimal
// numbers; elsewhere it divides.
func literalLen(s string) int {
	n := 0
	for n < len(s) && (isWord(s[n]) || s[n] == '.' || s[n] == ':') {
		n++
	}
	body := s[:n]
	address := strings.Contains(body, ":") || strings.Count(body, ".") >= 3 && !strings.Contains(body, "..")
	masked := strings.HasPrefix(body, "0x")
	switch {
	case n+1 < len(s) && s[n] == '/' && isDigit(s[n+1]) && (address || masked || strings.HasPrefix(s[n+1:], "0x")):
		n++
		for n < len(s) && isWord(s[n]) {
			n++
		}
	case n < len(s) && s[n] == '%':
		n++
	}
	return n
}

func firstRune(s string) string {
	for _, r := range s {
		return string(r)
	}
	return ""
}
