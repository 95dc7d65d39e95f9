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
	loose := strings.NewReplacer(":", ".").Replace(path)
	for _, f := range families {
		for _, d := range f.Members {
			if d.Path == path || strings.NewReplacer(":", ".").Replace(d.Path) == loose {
				return d, f
			}
		}
	}
	return nil, nil
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
