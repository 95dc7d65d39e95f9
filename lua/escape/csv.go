package escape

import "strings"

// CSV returns s as a whole cell of a CSV file, ready to stand between commas.
// It is escaped as for a terminal. A cell that a spreadsheet would take for a
// formula, because it begins with = + - or @, gets an apostrophe in front (one
// that begins with a tab or carriage return begins with its escape instead). A
// cell that needs quotes has them. Numbers of our own are no text and need no
// escape.
func CSV(s string) string {
	s = Terminal(s)
	if s == "" {
		return s
	}
	if strings.IndexByte("=+-@", s[0]) >= 0 {
		s = "'" + s
	} else if !strings.ContainsAny(s, `,;"`) && s[0] != ' ' && s[len(s)-1] != ' ' {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}
