package json

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/escape"
	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/registry"
	"github.com/ctsh/ctsh/lua/value"
)

func encode(h *host, c *registry.Call) int {
	o := c.Table(2)
	e := &encoder{host: h, L: c.L, ctx: h.vm.Context(), op: c.Op(), indent: o.Int("indent"), replace: o.Bool("replace")}
	c.Raise(e.value(c.Get(1)))
	return c.Return(lua.LString(e.buf))
}

// encoder writes one value.
type encoder struct {
	*host
	L       *lua.LState
	ctx     context.Context
	op      string
	indent  int
	replace bool

	buf    []byte
	path   []lua.LValue // keys that lead to the value at hand
	open   []lua.LValue // tables and objects that it is in
	values int
}

// where is the place of the value at hand, as a script would write it, without
// its middle where it is long.
func (e *encoder) where() string {
	var b strings.Builder
	b.WriteString("value")
	for _, k := range e.path {
		s, ok := k.(lua.LString)
		switch {
		case !ok:
			fmt.Fprintf(&b, "[%s]", k)
		case isName(string(s)):
			b.WriteString("." + string(s))
		default:
			fmt.Fprintf(&b, "[%q]", string(s))
		}
	}
	const most = 200
	s := b.String()
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most/2]+"..."+s[len(s)-most/2:], "")
	}
	return s
}

func isName(s string) bool {
	for i, c := range []byte(s) {
		if c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

func (e *encoder) wrong(format string, args ...any) *luaerr.Error {
	return luaerr.New(luaerr.ETYPE, e.op, "%s %s", e.where(), fmt.Sprintf(format, args...))
}

func (e *encoder) value(v lua.LValue) error {
	if e.values++; e.values%1024 == 0 {
		if err := luaerr.Interrupted(e.ctx); err != nil {
			return err
		}
	}
	switch v := v.(type) {
	case lua.LBool:
		e.buf = strconv.AppendBool(e.buf, bool(v))
	case lua.LNumber:
		if err := e.number(float64(v)); err != nil {
			return err
		}
	case lua.LString:
		if err := e.text(string(v)); err != nil {
			return err
		}
	case *lua.LTable:
		if err := e.into(v, func() error { return e.table(v) }); err != nil {
			return err
		}
	case *lua.LUserData:
		if err := e.into(v, func() error { return e.object(v) }); err != nil {
			return err
		}
	default:
		return e.wrong("is %s, which JSON has no form for", value.Describe(v))
	}
	if len(e.buf) > maxText || e.values > maxValues {
		return e.tooLarge()
	}
	return nil
}

func (e *encoder) tooLarge() error {
	return luaerr.New(luaerr.Code("EFBIG"), e.op, "the text would be longer than %d MiB or of more than %d values", maxText>>20, maxValues)
}

// into writes a value that may hold others, unless it is in itself.
func (e *encoder) into(v lua.LValue, write func() error) error {
	if i := slices.Index(e.open, v); i >= 0 {
		inner := e.where()
		e.path = e.path[:i]
		return luaerr.New(luaerr.ETYPE, e.op, "%s is %s itself", inner, e.where())
	}
	if len(e.open) == maxDepth {
		return e.wrong("is nested deeper than %d", maxDepth)
	}
	e.open = append(e.open, v)
	err := write()
	e.open = e.open[:len(e.open)-1]
	return err
}

// number writes whole numbers in full as far as they are exact, and larger
// ones so that they read back as numbers.
func (e *encoder) number(n float64) error {
	switch abs := math.Abs(n); {
	case math.IsNaN(n):
		return e.wrong("is NaN, which JSON has no form for")
	case math.IsInf(n, 0):
		return e.wrong("is infinite, which JSON has no form for")
	case n == math.Trunc(n) && abs <= maxWhole:
		e.buf = strconv.AppendInt(e.buf, int64(n), 10)
	case abs > maxWhole || abs < 1e-6:
		e.buf = strconv.AppendFloat(e.buf, n, 'e', -1, 64)
	default:
		e.buf = strconv.AppendFloat(e.buf, n, 'f', -1, 64)
	}
	return nil
}

// table writes an array or an object.
func (e *encoder) table(t *lua.LTable) error {
	items, keys, err := e.shape(t)
	if err != nil {
		return err
	}
	if items > 0 || t.Metatable == lua.LValue(e.array) {
		e.buf = append(e.buf, '[')
		for i := 1; i <= items; i++ {
			if err := e.member(i == 1, lua.LNumber(i), t.RawGetInt(i)); err != nil {
				return err
			}
		}
		e.close(']', items)
		return nil
	}
	e.buf = append(e.buf, '{')
	slices.Sort(keys)
	for i, k := range keys {
		if err := e.member(i == 0, lua.LString(k), t.RawGetString(k)); err != nil {
			return err
		}
	}
	e.close('}', len(keys))
	return nil
}

// member writes an item, or a key and its value, behind a comma and on a line
// of its own where these are wanted.
func (e *encoder) member(first bool, key, v lua.LValue) error {
	if !first {
		e.buf = append(e.buf, ',')
	}
	e.line(len(e.path) + 1)
	e.path = append(e.path, key)
	if k, ok := key.(lua.LString); ok {
		if err := e.text(string(k)); err != nil {
			return err
		}
		e.buf = append(e.buf, ':')
		if e.indent > 0 {
			e.buf = append(e.buf, ' ')
		}
	}
	err := e.value(v)
	if err == nil {
		e.path = e.path[:len(e.path)-1]
	}
	return err
}

func (e *encoder) close(bracket byte, members int) {
	if members > 0 {
		e.line(len(e.path))
	}
	e.buf = append(e.buf, bracket)
}

// line begins a line, where values are to have lines of their own.
func (e *encoder) line(depth int) {
	if e.indent == 0 {
		return
	}
	e.buf = append(e.buf, '\n')
	for range depth * e.indent {
		e.buf = append(e.buf, ' ')
	}
}

// shape says what a table is: the number of its items, or its keys.
func (e *encoder) shape(t *lua.LTable) (items int, keys []string, err error) {
	last := 0
	t.ForEach(func(k, _ lua.LValue) {
		switch k := k.(type) {
		case lua.LString:
			keys = append(keys, string(k))
		case lua.LNumber:
			if k < 1 || k > math.MaxInt32 || k != lua.LNumber(int(k)) {
				err = e.wrong("has the key %s; keys of an object are strings", k).WithHint("use tostring(key)")
				return
			}
			items++
			last = max(last, int(k))
		default:
			err = e.wrong("has %s as a key; keys of an object are strings", value.Describe(k))
		}
	})
	switch {
	case err != nil:
	case items > 0 && len(keys) > 0:
		err = e.wrong("has both items and named fields, such as %q", slices.Min(keys))
	case last > items:
		gap := 1
		for t.RawGetInt(gap) != lua.LNil {
			gap++
		}
		err = e.wrong("is a list of %d items, but has none at %d", items, gap).WithHint("put json.null there, or make the keys strings")
	case len(keys) > 0 && t.Metatable == lua.LValue(e.array):
		err = e.wrong("is a json.array with the named field %q", slices.Min(keys))
	}
	return items, keys, err
}

// object writes what Go made: null, what marshals itself, or else its text.
func (e *encoder) object(ud *lua.LUserData) error {
	if _, ok := nullType.Is(ud); ok {
		e.buf = append(e.buf, "null"...)
		return nil
	}
	m, ok := ud.Value.(json.Marshaler)
	if !ok {
		return e.text(e.L.ToStringMeta(ud).String())
	}
	raw, err := m.MarshalJSON()
	if err != nil {
		return luaerr.From(e.op, fmt.Errorf("%s: %w", e.where(), err))
	}
	// Read back, it is written like everything else: in order and escaped.
	d := &decoder{host: e.host, L: e.L, ctx: e.ctx, op: e.op, null: true, text: string(raw)}
	v, err := d.document()
	if err != nil {
		return err
	}
	return e.value(v)
}

// text writes a string. Beyond what JSON asks for it escapes what a terminal
// acts on.
func (e *encoder) text(s string) error {
	if len(s) > maxText {
		return e.tooLarge()
	}
	begin, ascii := len(e.buf), true
	e.buf = append(e.buf, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			e.buf = append(e.buf, '\\', c)
		case c < ' ':
			if short := strings.IndexByte("\b\t\n\f\r", c); short >= 0 {
				e.buf = append(e.buf, '\\', "btnfr"[short])
			} else {
				e.buf = fmt.Appendf(e.buf, `\u%04x`, c)
			}
		case c < utf8.RuneSelf:
			ascii = ascii && c != 0x7f
			e.buf = append(e.buf, c)
		default:
			ascii = false
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 && !e.replace {
				return e.wrong("has bytes that are no UTF-8, from byte %d on", i+1).WithHint("json.encode(value, {replace = true}) replaces them")
			}
			e.buf = utf8.AppendRune(e.buf, r)
			i += n - 1
		}
		i++
	}
	if !ascii {
		e.buf = append(e.buf[:begin], escape.JSON(e.buf[begin:])...)
	}
	e.buf = append(e.buf, '"')
	return nil
}
