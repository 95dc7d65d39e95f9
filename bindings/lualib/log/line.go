package log

import (
	"slices"
	"strings"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/registry"
)

// Bounds of a line. Its fields are those of the journal's entries and of people
// who read it; its bytes are before escapes, which make six of one at most.
const (
	maxFields = 100
	maxBytes  = 64 << 10
	maxDepth  = 16
)

// line is what one call says. Its message and values are as the script gave
// them: each sink escapes for itself.
type line struct {
	level   level
	message string
	fields  []field // by key
}

// field has a string, a float64, a bool, or a table as []any or map[string]any.
type field struct {
	key   string
	value any
}

// readLine takes a call apart. Objects are asked for their text, so that this
// may run the script's own code.
func readLine(c *registry.Call, lv level, fields *lua.LTable) *line {
	r := &reader{L: c.L, left: maxBytes}
	ln := &line{level: lv, message: r.text(c.Get(1))}
	if fields == nil {
		return ln
	}
	for k, v := fields.Next(lua.LNil); k != lua.LNil; k, v = fields.Next(k) {
		key, ok := k.(lua.LString)
		if !ok {
			c.Bad("fields", "unexpected item %s: want named fields", k)
		}
		if len(ln.fields) == maxFields {
			c.Bad("fields", "more than %d fields", maxFields)
		}
		ln.fields = append(ln.fields, field{r.cut(string(key)), r.value(v, 0)})
	}
	slices.SortStableFunc(ln.fields, func(a, b field) int { return strings.Compare(a.key, b.key) })
	return ln
}

// reader makes Go values of Lua values until a line is full. What does not fit
// is an ellipsis.
type reader struct {
	L    *lua.LState
	left int // bytes
}

const ellipsis = "..."

// cost is what a value takes besides its text.
const cost = 8

// cut takes a text, or as much as fits of it.
func (r *reader) cut(s string) string {
	if len(s) > r.left {
		n := r.left
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n] + ellipsis
	}
	r.left = max(0, r.left-len(s))
	return s
}

// text is what tostring makes of a value, that of a table the JSON of it.
func (r *reader) text(v lua.LValue) string {
	switch x := r.value(v, 0).(type) {
	case string:
		return x
	default:
		return string(encode(x))
	}
}

// value is a value as a field has it.
func (r *reader) value(v lua.LValue, depth int) any {
	if r.left < cost {
		return ellipsis
	}
	r.left -= cost
	switch v := v.(type) {
	case lua.LString:
		return r.cut(string(v))
	case lua.LBool:
		return bool(v)
	case lua.LNumber:
		return number(float64(v))
	case *lua.LUserData:
		return r.cut(r.L.ToStringMeta(v).String())
	case *lua.LTable:
		if r.L.GetMetaField(v, "__tostring") != lua.LNil {
			return r.cut(r.L.ToStringMeta(v).String())
		}
		if depth == maxDepth {
			return ellipsis
		}
		return r.table(v, depth+1)
	}
	return v.Type().String()
}

// table makes a list of a table that has items only, else a map, also of an
// empty one.
func (r *reader) table(t *lua.LTable, depth int) any {
	var list []any
	var named map[string]any
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		if named == nil && k == lua.LNumber(len(list)+1) {
			list = append(list, r.value(v, depth))
		} else {
			if named == nil {
				named = make(map[string]any, len(list))
				for i, x := range list {
					named[lua.LNumber(i+1).String()] = x
				}
			}
			key, _ := r.value(k, maxDepth).(string)
			if key == "" {
				key = k.String()
			}
			named[key] = r.value(v, depth)
		}
		if r.left < cost {
			break
		}
	}
	switch {
	case named != nil:
		return named
	case len(list) == 0:
		return map[string]any{}
	}
	return list
}
