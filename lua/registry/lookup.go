package registry

import (
	"sort"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// known finds the declaration of a function value. It is kept in the registry
// of a state.
type known map[*lua.LFunction]*Decl

const knownKey = "ctsh.registry"

// remember notes what a function was declared as, and returns it.
func remember(L *lua.LState, d *Decl, fn *lua.LFunction) *lua.LFunction {
	ud, ok := L.G.Registry.RawGetString(knownKey).(*lua.LUserData)
	if !ok {
		ud = &lua.LUserData{Value: known{}, Env: L.Env, Metatable: lua.LNil}
		L.G.Registry.RawSetString(knownKey, ud)
	}
	ud.Value.(known)[fn] = d
	return fn
}

// Of returns the declaration of a function, nil where it has none.
func Of(L *lua.LState, fn *lua.LFunction) *Decl {
	if ud, ok := L.G.Registry.RawGetString(knownKey).(*lua.LUserData); ok {
		return ud.Value.(known)[fn]
	}
	return nil
}

// Find returns what a path names: a member ("fs.read", "flows:where",
// "flow.src"), or a type or module ("fs").
func Find(path string) (*Decl, *Family) {
	for _, f := range families {
		if f.Name == path && f.Name != "" {
			return nil, f
		}
	}
	for _, f := range families {
		for _, d := range f.Members {
			if d.Path == path || loose(d.Path) == loose(path) {
				return d, f
			}
		}
	}
	return nil, nil
}

// loose is a path without the difference between a field and a method.
func loose(path string) string { return strings.ReplaceAll(path, ":", ".") }

// typed is a path with the type of a value in the place of its name:
// "query:delete" for "flows:delete", where flows is a query. Others stay.
func typed(path string) string {
	i := strings.LastIndexAny(path, ":.")
	if i <= 0 {
		return path
	}
	d, _ := Find(path[:i])
	if d == nil || d.Kind != KindValue || len(d.Type().Type) != 1 {
		return path
	}
	if _, f := Find(d.Type().Type[0].Base); f == nil || f.Module {
		return path
	}
	return d.Type().Type[0].Base + path[i:]
}

// Members lists what is called name inside a type or module.
func Members(name string) []*Decl {
	var list []*Decl
	for _, f := range families {
		for _, d := range f.Members {
			if f.Name != "" && d.Path != f.Name && nameOf(d.Text) == name {
				list = append(list, d)
			}
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Path < list[j].Path })
	return list
}

// memberNames are the names of what is inside types and modules.
func memberNames() []string {
	var names []string
	for _, f := range families {
		if f.Name == "" {
			continue
		}
		for _, d := range f.Members {
			names = append(names, nameOf(d.Text))
		}
	}
	sort.Strings(names)
	return names
}

// stock is the name of a function of Lua's own library, "" where it has none.
func stock(L *lua.LState, fn *lua.LFunction) string {
	name := ""
	L.G.Global.ForEach(func(k, v lua.LValue) {
		if v == fn {
			name = k.String()
		}
		module, ok := v.(*lua.LTable)
		if !ok || module == L.G.Global || name != "" {
			return
		}
		module.ForEach(func(key, v lua.LValue) {
			if v == fn {
				name = k.String() + "." + key.String()
			}
		})
	})
	return name
}

// Paths lists every path there is, in order.
func Paths() []string {
	var paths []string
	for _, f := range families {
		if f.Name != "" {
			paths = append(paths, f.Name)
		}
		for _, d := range f.Members {
			paths = append(paths, d.Path)
		}
	}
	sort.Strings(paths)
	return paths
}
