package registry

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/value"
)

// Help is the text of help(x): x is a function, an object, the name of
// something, or nil for an overview.
func Help(L *lua.LState, x lua.LValue) (string, error) {
	switch v := x.(type) {
	case *lua.LNilType:
		return overview(), nil
	case lua.LString:
		return byName(string(v))
	case *lua.LFunction:
		if d := Of(L, v); d != nil {
			return d.help(), nil
		}
		return "", luaerr.New(luaerr.ENOENT, "help", "help: nothing is known of that function; it is the script's own, or Lua's")
	}
	if name := TypeName(x); name != "" {
		return byName(name)
	}
	if t, ok := x.(*lua.LTable); ok {
		if f := owner(L, t); f != nil {
			return f.help(), nil
		}
	}
	return "", luaerr.New(luaerr.ETYPE, "help", "help: want a function, an object or a name, got %s", x.Type())
}

// owner is the module that a table of functions is.
func owner(L *lua.LState, t *lua.LTable) *Family {
	var found *Family
	t.ForEach(func(_, v lua.LValue) {
		fn, ok := v.(*lua.LFunction)
		if !ok || found != nil {
			return
		}
		if d := Of(L, fn); d != nil {
			_, family := Find(d.Path)
			if family.Module && family.Name != "" {
				found = family
			}
		}
	})
	return found
}

// byName is the text about what a path names. A global of a type is taken as
// the type, and a bare word also as the name of members.
func byName(name string) (string, error) {
	d, f := Find(name)
	path := name
	if d == nil && f == nil {
		path = typed(name)
		d, f = Find(path)
	}
	among := Members(path)
	switch {
	case d != nil:
		return d.help() + also(among, d), nil
	case f != nil:
		return f.help() + also(among, nil), nil
	case len(among) == 1:
		return among[0].help(), nil
	case len(among) > 1:
		var b strings.Builder
		fmt.Fprintf(&b, "%s is a member of several\n", name)
		list(&b, among)
		return strings.TrimRight(b.String(), "\n"), nil
	}
	e := luaerr.New(luaerr.ENOENT, "help", "help: nothing is called %q", name)
	hint := luaerr.DidYouMean(path, append(Paths(), memberNames()...))
	if hint == "" {
		hint = NoTopic
	}
	return "", e.WithHint(hint)
}

// NoTopic is the hint about a name that is like none that there is.
const NoTopic = "help() lists what there is"

// About is the text of help for a name.
func About(name string) (string, error) { return byName(name) }

// also names the members that are called like what was found.
func also(members []*Decl, found *Decl) string {
	var paths []string
	for _, d := range members {
		if d != found {
			paths = append(paths, d.Path)
		}
	}
	if len(paths) == 0 {
		return ""
	}
	return "\n  see also " + strings.Join(paths, ", ")
}

// help renders one declaration.
func (d *Decl) help() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n  %s\n", d.head(), d.Doc)
	if d.Errors != "" {
		fmt.Fprintf(&b, "  raises %s\n", d.Errors)
	}
	indent(&b, d.Example)
	return strings.TrimRight(b.String(), "\n")
}

// head is how it is called, or what it holds.
func (d *Decl) head() string {
	if d.Kind == KindField || d.Kind == KindValue {
		return d.Path + ": " + strings.TrimSpace(d.Text[strings.IndexByte(d.Text, ':')+1:])
	}
	return d.Path + d.Text[len(nameOf(d.Text)):]
}

func indent(b *strings.Builder, example string) {
	if example == "" {
		return
	}
	b.WriteByte('\n')
	for line := range strings.SplitSeq(strings.Trim(example, "\n"), "\n") {
		fmt.Fprintf(b, "    %s\n", line)
	}
}

// help renders a type or module with a line a member.
func (f *Family) help() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", f.Name, f.Doc)
	indent(&b, f.Example)
	list(&b, f.Members)
	return strings.TrimRight(b.String(), "\n")
}

// list writes a line a member, fields first.
func list(b *strings.Builder, all []*Decl) {
	wide := 0
	for _, d := range all {
		wide = max(wide, len(d.Path))
	}
	members := append([]*Decl(nil), all...)
	sort.SliceStable(members, func(i, j int) bool { return rank(members[i]) < rank(members[j]) })
	for _, d := range members {
		fmt.Fprintf(b, "  %-*s  %s\n", wide, d.Path, d.Summary())
	}
}

func rank(d *Decl) int {
	if d.Kind == KindField || d.Kind == KindValue {
		return 0
	}
	return 1
}

// overview lists globals, modules and types.
func overview() string {
	var b strings.Builder
	b.WriteString("functions\n")
	var globals []*Decl
	for _, f := range families {
		if f.Name == "" {
			globals = append(globals, f.Members...)
		}
	}
	list(&b, globals)
	for _, part := range []struct {
		title  string
		module bool
	}{{"modules", true}, {"types", false}} {
		fmt.Fprintf(&b, "%s\n", part.title)
		for _, f := range families {
			if f.Name != "" && f.Module == part.module {
				fmt.Fprintf(&b, "  %-14s  %s\n", f.Name, firstSentence(f.Doc))
			}
		}
	}
	b.WriteString("help(x) or help(\"name\") tells more of one of them")
	return b.String()
}

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

// Around calls run with a source that calls do, and "_" as it is. It is for
// a caller that can only run a source, but does so under a context: do then
// runs under that as well.
func (d *Display) Around(do func(), run func(source string) error) error {
	last := d.L.G.Global.RawGetString(LastName)
	began := false
	d.keep(d.L.NewFunction(func(*lua.LState) int {
		began = true
		d.keep(last)
		do()
		return 0
	}))
	err := run(LastName + "()")
	if !began {
		d.keep(last)
	}
	return err
}

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
