package registry

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ctsh/ctsh/lua/value"
	lua "github.com/yuin/gopher-lua"
)

// Display shows values at a prompt, and keeps the last one as the global "_".
type Display struct {
	L        *lua.LState
	call     Caller
	tostring *lua.LFunction // the library's, whatever is put in its place
}

// Caller calls a function protected, as a VM does.
type Caller func(L *lua.LState, fn *lua.LFunction, want int, args ...lua.LValue) ([]lua.LValue, error)

// LastName is the global that holds the last value that was shown.
const LastName = "_"

// NewDisplay returns a display for a state whose libraries are open. From now
// on LastName is a global that is known, nil at first.
func NewDisplay(L *lua.LState, call Caller) *Display {
	d := &Display{L: L, call: call}
	d.tostring, _ = L.G.Global.RawGetString("tostring").(*lua.LFunction)
	L.SetGlobal(LastName, lua.LNil)
	return d
}

// Show returns values as text, nil ones left out. The first one that is shown
// becomes the last value. Where showing it fails there is none: who goes on
// with "_" must have seen what that is.
func (d *Display) Show(values []lua.LValue) (texts []string, err error) {
	for _, v := range values {
		if v == lua.LNil {
			continue
		}
		if len(texts) == 0 {
			d.keep(lua.LNil)
		}
		text, err := d.text(v)
		if err != nil {
			return texts, err
		}
		if texts = append(texts, text); len(texts) == 1 {
			d.keep(v)
		}
	}
	return texts, nil
}

func (d *Display) keep(v lua.LValue) { d.L.G.Global.RawSetString(LastName, v) }

// text is what is shown of one value: what its type says, its tostring, or in
// the place of an address what it is.
func (d *Display) text(v lua.LValue) (string, error) {
	if show, ok := d.L.GetMetaField(v, ShowKey).(*lua.LFunction); ok {
		return d.result(show, v)
	}
	switch v := v.(type) {
	case *lua.LFunction:
		return d.function(v), nil
	case *lua.LTable:
		if d.L.GetMetaField(v, "__tostring") == lua.LNil {
			return d.table(v)
		}
	}
	return d.result(d.tostring, v)
}

func (d *Display) result(fn *lua.LFunction, v lua.LValue) (string, error) {
	results, err := d.call(d.L, fn, 1, v)
	if err != nil {
		return "", err
	}
	return results[0].String(), nil
}

// function is how a function is called and what it does.
func (d *Display) function(fn *lua.LFunction) string {
	if decl := Of(d.L, fn); decl != nil {
		return decl.head() + "\n  " + decl.Summary()
	}
	return d.named(fn)
}

// named is a function in few words.
func (d *Display) named(fn *lua.LFunction) string {
	if decl := Of(d.L, fn); decl != nil {
		return "function " + decl.Path
	}
	if fn.IsG {
		return strings.TrimSpace("function " + stock(d.L, fn))
	}
	params := "..."
	if names := value.Parameters(fn); names != nil {
		params = strings.Join(names, ", ")
	}
	return fmt.Sprintf("function(%s) at %s:%d", params, fn.Proto.SourceName, fn.Proto.LineDefined)
}

// What is shown of a table.
const (
	tableItems = 20 // at most so many items,
	tableText  = 60 // of so much text each,
	tableLine  = 76 // in one line where they fit into it
)

// table is what a table holds, one level deep: its list, then its other keys
// in order.
func (d *Display) table(t *lua.LTable) (string, error) {
	var items []string
	add := func(prefix string, v lua.LValue) error {
		text, err := d.item(v)
		items = append(items, prefix+text)
		return err
	}
	length := 0
	for t.RawGetInt(length+1) != lua.LNil {
		length++
	}
	for i := 1; i <= min(length, tableItems); i++ {
		if err := add("", t.RawGetInt(i)); err != nil {
			return "", err
		}
	}
	keys, others := firstKeys(t, length, tableItems-len(items))
	for _, k := range keys {
		if err := add(keyText(k)+" = ", t.RawGet(k)); err != nil {
			return "", err
		}
	}
	if more := length + others - len(items); more > 0 {
		items = append(items, fmt.Sprintf("... %d more", more))
	}
	if line := "{" + strings.Join(items, ", ") + "}"; utf8.RuneCountInString(line) <= tableLine {
		return line, nil
	}
	return "{\n  " + strings.Join(items, ",\n  ") + "\n}", nil
}

// firstKeys are the first keys of a table beyond its list, at most so many, and
// how many there are.
func firstKeys(t *lua.LTable, length, most int) (keys []lua.LValue, n int) {
	t.ForEach(func(k, _ lua.LValue) {
		if i, ok := k.(lua.LNumber); ok && i == lua.LNumber(int(i)) && i >= 1 && int(i) <= length {
			return
		}
		n++
		at, _ := slices.BinarySearchFunc(keys, k, compareKeys)
		if keys = slices.Insert(keys, at, k); len(keys) > most {
			keys = keys[:most]
		}
	})
	return keys, n
}

// compareKeys orders numbers by value before text by its bytes before the
// rest.
func compareKeys(a, b lua.LValue) int {
	x, isNumber := a.(lua.LNumber)
	y, both := b.(lua.LNumber)
	if isNumber && both {
		return cmp.Compare(x, y)
	}
	return cmp.Or(cmp.Compare(keyRank(a), keyRank(b)), strings.Compare(a.String(), b.String()))
}

func keyRank(k lua.LValue) int {
	switch k.(type) {
	case lua.LNumber:
		return 0
	case lua.LString:
		return 1
	}
	return 2
}

// keyText is a key as it stands in a table constructor.
func keyText(k lua.LValue) string {
	switch k := k.(type) {
	case lua.LString:
		if word := string(k); word != "" && isName(word) {
			return word
		}
		return "[" + cut(strconv.Quote(string(k))) + "]"
	case lua.LNumber, lua.LBool:
		return "[" + k.String() + "]"
	}
	return "[" + k.Type().String() + "]"
}

func isName(word string) bool {
	return (word[0] < '0' || word[0] > '9') &&
		strings.IndexFunc(word, func(r rune) bool { return r >= utf8.RuneSelf || r == '-' || !isWord(byte(r)) }) < 0
}

// item is what is shown of a value in a table, in one line.
func (d *Display) item(v lua.LValue) (string, error) {
	switch v := v.(type) {
	case lua.LString:
		return cut(strconv.Quote(string(v))), nil
	case *lua.LFunction:
		return d.named(v), nil
	case *lua.LTable:
		if d.L.GetMetaField(v, "__tostring") == lua.LNil {
			if k, _ := v.Next(lua.LNil); k == lua.LNil {
				return "{}", nil
			}
			return "{...}", nil
		}
	case *lua.LUserData:
	case lua.LNumber:
	default:
		if v.Type() == lua.LTThread {
			return "thread", nil
		}
		return v.String(), nil
	}
	text, err := d.result(d.tostring, v)
	first, _, _ := strings.Cut(text, "\n")
	return cut(first), err
}

// cut shortens the text of an item.
func cut(text string) string {
	n := 0
	for i := range text {
		if n++; n > tableText {
			return text[:i] + "..."
		}
	}
	return text
}
