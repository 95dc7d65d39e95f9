package json

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/registry"
)

func decode(h *host, c *registry.Call) int {
	d := &decoder{host: h, L: c.L, ctx: h.vm.Context(), op: c.Op(), null: c.Table(2).Bool("null"), text: c.Text(1)}
	v, err := d.document()
	c.Raise(err)
	return c.Return(v)
}

// decoder reads one text.
type decoder struct {
	*host
	L    *lua.LState
	ctx  context.Context
	op   string
	null bool // null is json.null, also where nil would do
	text string

	at      int
	depth   int
	values  int
	items   []lua.LValue      // of the arrays that are being read
	members []member          // of the objects that are being read
	names   map[string]string // keys seen: those of objects in a list are the same
}

type member struct {
	key   string
	at    int
	value lua.LValue
}

// document reads a text that is one value.
func (d *decoder) document() (lua.LValue, error) {
	if len(d.text) > maxText {
		return nil, luaerr.New(luaerr.Code("EFBIG"), d.op, "%d bytes of text, at most %d are read", len(d.text), maxText)
	}
	d.names = map[string]string{}
	v, err := d.value()
	if err != nil {
		return nil, err
	}
	if d.peek() != 0 || d.at < len(d.text) {
		return nil, d.unexpected("the end of the text")
	}
	if v == lua.LValue(d.host.null) && !d.null {
		return lua.LNil, nil
	}
	return v, nil
}

// peek skips space and returns the next byte, 0 at the end.
func (d *decoder) peek() byte {
	for d.at < len(d.text) {
		switch c := d.text[d.at]; c {
		case ' ', '\t', '\n', '\r':
			d.at++
		default:
			return c
		}
	}
	return 0
}

// take takes a byte if it is the next one behind space.
func (d *decoder) take(c byte) bool {
	if d.peek() != c {
		return false
	}
	d.at++
	return true
}

// wrong is an error at a place in the text.
func (d *decoder) wrong(at int, format string, args ...any) error {
	before := d.text[:at]
	line := strings.Count(before, "\n") + 1
	column := utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
	return luaerr.New(luaerr.EPARSE, d.op, "line %d, column %d: %s", line, column, fmt.Sprintf(format, args...))
}

func (d *decoder) unexpected(want string) error {
	if d.at >= len(d.text) {
		return d.wrong(len(d.text), "want %s, got the end of the text", want)
	}
	_, n := utf8.DecodeRuneInString(d.text[d.at:])
	return d.wrong(d.at, "want %s, got %q", want, d.text[d.at:d.at+n])
}

// words are the values that are words.
var words = []struct {
	text  string
	value lua.LValue
}{{"true", lua.LTrue}, {"false", lua.LFalse}, {"null", nil}}

func (d *decoder) value() (lua.LValue, error) {
	if d.values++; d.values%1024 == 0 {
		if err := luaerr.Interrupted(d.ctx); err != nil {
			return nil, err
		}
	}
	if d.values > maxValues {
		return nil, luaerr.New(luaerr.Code("EFBIG"), d.op, "more than %d values", maxValues)
	}
	switch c := d.peek(); {
	case c == '{' || c == '[':
		if d.depth == maxDepth {
			return nil, d.wrong(d.at, "nested deeper than %d", maxDepth)
		}
		d.depth++
		defer func() { d.depth-- }()
		if d.at++; c == '[' {
			return d.list()
		}
		return d.object()
	case c == '"':
		s, err := d.string()
		return lua.LString(s), err
	case c == '-' || c >= '0' && c <= '9':
		return d.number()
	}
	for _, w := range words {
		if !strings.HasPrefix(d.text[d.at:], w.text) {
			continue
		}
		d.at += len(w.text)
		if w.value == nil {
			return d.host.null, nil
		}
		return w.value, nil
	}
	return nil, d.unexpected("a value")
}

// list reads an array behind its bracket.
func (d *decoder) list() (lua.LValue, error) {
	base := len(d.items)
	for !d.take(']') {
		if len(d.items) > base && !d.take(',') {
			return nil, d.unexpected(`"," or "]"`)
		}
		v, err := d.value()
		if err != nil {
			return nil, err
		}
		d.items = append(d.items, v)
	}
	t := d.L.CreateTable(len(d.items)-base, 0)
	for i, v := range d.items[base:] {
		t.RawSetInt(i+1, v)
	}
	d.items = d.items[:base]
	t.Metatable = d.array
	return t, nil
}

// object reads an object behind its brace.
func (d *decoder) object() (lua.LValue, error) {
	base := len(d.members)
	for !d.take('}') {
		if len(d.members) > base && !d.take(',') {
			return nil, d.unexpected(`"," or "}"`)
		}
		if d.peek() != '"' {
			return nil, d.unexpected("a key in double quotes")
		}
		m := member{at: d.at}
		var err error
		if m.key, err = d.string(); err != nil {
			return nil, err
		}
		if known, ok := d.names[m.key]; ok {
			m.key = known
		} else {
			d.names[m.key] = m.key
		}
		if !d.take(':') {
			return nil, d.unexpected(`":"`)
		}
		if m.value, err = d.value(); err != nil {
			return nil, err
		}
		d.members = append(d.members, m)
	}
	members := d.members[base:]
	d.members = d.members[:base]
	return d.fill(members)
}

// fill makes the table of an object.
func (d *decoder) fill(members []member) (lua.LValue, error) {
	t := d.L.CreateTable(0, len(members))
	for _, m := range members {
		if t.RawGetString(m.key) != lua.LNil {
			return nil, d.wrong(m.at, "the key %q is there twice", m.key)
		}
		t.RawSetString(m.key, m.value)
	}
	if !d.null {
		for _, m := range members {
			if m.value == lua.LValue(d.host.null) {
				t.RawSetString(m.key, lua.LNil)
			}
		}
	}
	return t, nil
}

// number reads a number, or as text what a Lua number cannot hold.
func (d *decoder) number() (lua.LValue, error) {
	begin := d.at
	if d.text[d.at] == '-' {
		d.at++
	}
	digits := func() bool {
		from := d.at
		for d.at < len(d.text) && d.text[d.at] >= '0' && d.text[d.at] <= '9' {
			d.at++
		}
		return d.at > from
	}
	is := func(set string) bool { return d.at < len(d.text) && strings.IndexByte(set, d.text[d.at]) >= 0 }
	if is("0") {
		d.at++
	} else if !digits() {
		return nil, d.unexpected("a digit")
	}
	whole := d.at
	if is(".") {
		if d.at++; !digits() {
			return nil, d.unexpected("a digit")
		}
	}
	scaled := is("eE")
	if scaled {
		if d.at++; is("+-") {
			d.at++
		}
		if !digits() {
			return nil, d.unexpected("a digit")
		}
	}
	text := d.text[begin:d.at]
	if n, ok := held(text, d.text[begin:whole], scaled); ok {
		return n, nil
	}
	return lua.LString(strings.Clone(text)), nil
}

// held is the Lua number for a number, false where there is none that is it:
// for one that is out of range, or written in full and beyond 2^53.
func held(text, whole string, scaled bool) (lua.LNumber, bool) {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || scaled {
		return lua.LNumber(n), err == nil
	}
	i, err := strconv.ParseInt(whole, 10, 64)
	return lua.LNumber(n), err == nil && i <= maxWhole && i >= -maxWhole
}
