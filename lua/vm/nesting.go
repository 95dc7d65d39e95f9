package vm

import "strings"

// blocks are the words that open (1) and close (-1) a block. A loop counts by
// its do, a condition by its if.
var blocks = map[string]int{"function": 1, "if": 1, "do": 1, "repeat": 1, "end": -1, "until": -1}

// tooDeep returns the line where brackets and blocks are nested deeper than
// limit, 0 if nowhere. It knows just enough of the language to leave strings
// and comments alone; what is no Lua at all is for the parser to refuse.
func tooDeep(source string, limit int) (line int) {
	depth, i := 0, 0
	for i < len(source) {
		c, step := source[i], 1
		switch {
		case c == '{' || c == '(':
			depth++
		case c == '}' || c == ')' || c == ']':
			depth--
		case c == '"' || c == '\'':
			step = quoted(source[i:])
		case strings.HasPrefix(source[i:], "--"):
			if step = 2 + longBracket(source[i+2:]); step == 2 {
				step = untilNewline(source[i:])
			}
		case c == '[':
			if n := longBracket(source[i:]); n > 0 {
				step = n
			} else {
				depth++
			}
		case isLetter(c):
			for step < len(source)-i && (isLetter(source[i+step]) || isDigit(source[i+step])) {
				step++
			}
			depth += blocks[source[i:i+step]]
		}
		if depth > limit {
			return strings.Count(source[:i], "\n") + 1
		}
		depth = max(0, depth)
		i += step
	}
	return 0
}

func isLetter(c byte) bool { return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// quoted is the length of the string that s begins with, to its closing quote
// or the end of the line.
func quoted(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '\n':
			return i
		case s[0]:
			return i + 1
		}
	}
	return len(s)
}

// longBracket is the length of the [[ ]] or [==[ ]==] that s begins with, 0 if
// with none.
func longBracket(s string) int {
	if !strings.HasPrefix(s, "[") {
		return 0
	}
	level := 1
	for level < len(s) && s[level] == '=' {
		level++
	}
	if level >= len(s) || s[level] != '[' {
		return 0
	}
	closing := "]" + s[1:level] + "]"
	if end := strings.Index(s[level+1:], closing); end >= 0 {
		return level + 1 + end + len(closing)
	}
	return len(s)
}

func untilNewline(s string) int {
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		return i
	}
	return len(s)
}
