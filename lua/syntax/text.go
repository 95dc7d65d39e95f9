package syntax

import (
	"strings"
)

// CheckText looks at what the parser hides: an escape such as "\256" is a
// byte with fewer bits to it, for Lua it is an error. It knows just enough of
// the language to leave comments and long strings alone.
func CheckText(source, name string) error {
	for i := 0; i < len(source); {
		switch c := source[i]; {
		case c == '"' || c == '\'':
			end, bad := quoted(source, i)
			if bad > 0 {
				return refusal(name, 1+strings.Count(source[:bad], "\n"), "%q is no byte: at most \\255", source[bad:bad+4])
			}
			i = end
		case strings.HasPrefix(source[i:], "--"):
			if n := longBracket(source[i+2:]); n > 0 {
				i += 2 + n
			} else if n := strings.IndexByte(source[i:], '\n'); n >= 0 {
				i += n
			} else {
				return nil
			}
		case c == '[':
			i += max(1, longBracket(source[i:]))
		default:
			i++
		}
	}
	return nil
}

// quoted returns where the string that starts at from ends, and where in it is
// a bad escape, 0 for nowhere.
func quoted(s string, from int) (end, bad int) {
	for i := from + 1; i < len(s); i++ {
		switch s[i] {
		case s[from]:
			return i + 1, 0
		case '\n':
			return i, 0
		case '\\':
			if i+3 < len(s) && s[i+1:i+4] > "255" && s[i+1:i+4] <= "999" && digits(s[i+1:i+4]) {
				return 0, i
			}
			i++
		}
	}
	return len(s), 0
}

func digits(s string) bool { return strings.Trim(s, "0123456789") == "" }

// longBracket is the length of the [[ ]] or [==[ ]==] that s begins with, 0 if
// with none.
func longBracket(s string) int {
	level := len(s) - len(strings.TrimLeft(strings.TrimPrefix(s, "["), "="))
	if level == 0 || level >= len(s) || s[0] != '[' || s[level] != '[' {
		return 0
	}
	closing := "]" + s[1:level] + "]"
	if end := strings.Index(s[level+1:], closing); end >= 0 {
		return level + 1 + end + len(closing)
	}
	return len(s)
}
