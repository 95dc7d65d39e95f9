package filter

import (
	"fmt"
	"strconv"
	"strings"
)

// Error says what is wrong with a filter, and where.
type Error struct {
	Text string // the filter, "" where it is not a text
	Pos  int    // byte offset in it, or
	Key  string // the key of a filter that is a table
	Msg  string
	Hint string // what to do, "" for none
}

// Error implements error, in one line.
func (e *Error) Error() string {
	s := "filter: "
	if e.Key != "" {
		s += e.Key + ": "
	}
	s += e.Msg
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}

// Excerpt shows the place in the text with a caret below it, "" where there is
// no text.
func (e *Error) Excerpt() string {
	if e.Text == "" {
		return ""
	}
	pos := min(e.Pos, len(e.Text))
	start := strings.LastIndexByte(e.Text[:pos], '\n') + 1
	line, _, _ := strings.Cut(e.Text[start:], "\n")
	return fmt.Sprintf("%s\n%s^", strings.ReplaceAll(line, "\t", " "), strings.Repeat(" ", len([]rune(e.Text[start:pos]))))
}

// show quotes what a user wrote, cut where it is long.
func show(s string) string {
	const most = 40
	if len(s) > most {
		return strconv.Quote(strings.ToValidUTF8(s[:most], "")) + "..."
	}
	return strconv.Quote(s)
}
