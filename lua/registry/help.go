package registry

import (
	"fmt"
	"sort"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
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
