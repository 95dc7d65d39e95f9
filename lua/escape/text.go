package escape

import "strings"

// Text is Terminal for text of several lines: line ends and tabs stay, and a
// carriage return before a line end goes.
func Text(s string) string {
	if harmless(s) == len(s) {
		return s
	}
	var b strings.Builder
	for {
		i := strings.IndexAny(s, "\n\t")
		if i < 0 {
			return b.String() + Terminal(s)
		}
		b.WriteString(Terminal(strings.TrimSuffix(s[:i], "\r")))
		b.WriteByte(s[i])
		s = s[i+1:]
	}
}
