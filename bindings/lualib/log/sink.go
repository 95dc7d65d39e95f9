package log

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ctsh/ctsh/lua/escape"
)

// text is the line for a terminal: time, level, message, k=v.
func (ln *line) text(now time.Time, colour bool) []byte {
	b := now.AppendFormat(nil, "2006-01-02 15:04:05.000 ")
	if colour {
		b = append(b, ln.level.colour()+ln.level.label()+"\x1b[0m"...)
	} else {
		b = append(b, ln.level.label()...)
	}
	b = append(append(b, ' '), escape.Terminal(ln.message)...)
	for _, f := range ln.fields {
		b = append(append(append(b, ' '), word(f.key)...), '=')
		if s, ok := f.value.(string); ok {
			b = append(b, word(s)...)
		} else {
			b = append(b, encode(f.value)...)
		}
	}
	return append(b, '\n')
}

// word is a text that ends at the next space: as it is, or in quotes.
func word(s string) string {
	if s == "" || strings.ContainsAny(s, ` ="\`) || escape.Terminal(s) != s {
		return strconv.Quote(s)
	}
	return s
}

// taken are the keys of a line of JSON that are not the script's.
var taken = []string{"time", "level", "msg"}

// json is the line as JSON: time, level and msg, then the fields.
func (ln *line) json(now time.Time) []byte {
	b := append([]byte(`{"time":`), encode(now.Format("2006-01-02T15:04:05.000Z07:00"))...)
	add := func(key string, value any) {
		b = append(append(append(b, ','), encode(key)...), ':')
		b = append(b, encode(value)...)
	}
	add("level", ln.level.name())
	add("msg", ln.message)
	used := names{}
	for _, f := range ln.fields {
		key := f.key
		if slices.Contains(taken, key) {
			key = "ctsh_" + key
		}
		add(used.free(key), f.value)
	}
	return append(b, "}\n"...)
}

// names are those that fields of one line have.
type names map[string]bool

// free takes a name, or one like it where it is taken.
func (n names) free(name string) string {
	is := name
	for i := 2; n[is]; i++ {
		is = name + "_" + strconv.Itoa(i)
	}
	n[is] = true
	return is
}
