package filter

import (
	"strings"

	"github.com/ctsh/ctsh/bindings/engine/field"
)

// glob compiles x ~ "pattern", in which * stands for any text and ? for any
// byte. Case does not count.
func (c *compiler) glob(e *Glob) (pred, error) {
	l, err := c.operand(e.X)
	if err != nil {
		return nil, err
	}
	switch {
	case l.word != "":
		return nil, c.unknownField(l.word, l.pos)
	case l.text == nil:
		return nil, &Error{Pos: l.pos, Msg: "a pattern is matched against a text, not " + l.what()}
	case e.Pattern == "":
		return nil, &Error{Pos: e.Pos, Msg: "empty pattern: nothing could match"}
	}
	get, pattern := l.text, strings.ToLower(e.Pattern)
	return func(r *field.Row) Tri {
		s, ok := get(r)
		if !ok {
			return Unknown
		}
		return truth(globMatch(pattern, s))
	}, nil
}

// globMatch matches s, whatever its case, with a pattern in lower case. It
// goes back to the last star only, so that it takes len(pattern) * len(s)
// steps at most.
func globMatch(pattern, s string) bool {
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == lower(s[i])):
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c | 0x20
	}
	return c
}
