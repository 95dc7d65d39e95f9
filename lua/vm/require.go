package vm

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/value"
)

// openPackage makes require and the two tables of package that libraries look
// at: loaded (modules by name) and preload (functions that make them).
func (v *VM) openPackage() {
	loaded, _ := v.L.G.Registry.RawGetString("_LOADED").(*lua.LTable)
	pkg := v.L.NewTable()
	pkg.RawSetString("loaded", loaded)
	pkg.RawSetString("preload", v.L.NewTable())
	pkg.RawSetString("path", lua.LString(""))
	pkg.RawSetString("cpath", lua.LString(""))
	pkg.RawSetString("config", lua.LString("/\n;\n?\n!\n-\n"))
	loaded.RawSetString("package", pkg)
	v.Set("package", pkg)
	loading := map[string]bool{}
	v.Set("require", value.Func(v.L, "require", func(a *value.Args) int {
		name := a.String(1, "module")
		if m := loaded.RawGetString(name); m != lua.LNil {
			return a.Return(m)
		}
		if loading[name] {
			a.Raise(luaerr.New(luaerr.ESCRIPT, "require", "module %q needs itself", name))
		}
		loading[name] = true
		defer delete(loading, name)
		return a.Return(v.loadModule(a, pkg, loaded, name))
	}))
}

// loadModule finds, runs and remembers a module.
func (v *VM) loadModule(a *value.Args, pkg, loaded *lua.LTable, name string) lua.LValue {
	var fn *lua.LFunction
	if preload, ok := pkg.RawGetString("preload").(*lua.LTable); ok {
		fn, _ = preload.RawGetString(name).(*lua.LFunction)
	}
	if fn == nil {
		source, path, err := v.findModule(name)
		a.Raise(err)
		fn, err = v.load(path, source)
		a.Raise(err)
	}
	results, err := v.Call(a.L, fn, 1, lua.LString(name))
	a.Raise(err)
	if results[0] != lua.LNil {
		loaded.RawSetString(name, results[0])
	} else if loaded.RawGetString(name) == lua.LNil {
		loaded.RawSetString(name, lua.LTrue)
	}
	return loaded.RawGetString(name)
}

// findModule looks for a.b as a/b.lua and a/b/init.lua in the embedded library,
// the directory of the script and the search path.
func (v *VM) findModule(name string) (source, path string, err error) {
	base := strings.ReplaceAll(name, ".", "/")
	if !fs.ValidPath(base) || base == "." || strings.ContainsAny(name, "/\\\x00") {
		return "", "", luaerr.New(luaerr.ENOENT, "require", "%q is not the name of a module", name)
	}
	where := []string{"the embedded library"}
	if v.opt.Stdlib != nil {
		if source, path, err = readModule(v.opt.Stdlib, "", base); path != "" {
			return source, path, err
		}
	}
	for _, dir := range append([]string{v.opt.Dir}, v.opt.Path...) {
		if dir == "" {
			continue
		}
		if source, path, err = readModule(os.DirFS(dir), dir, base); path != "" {
			return source, path, err
		}
		where = append(where, dir)
	}
	return "", "", luaerr.New(luaerr.ENOENT, "require", "no module %q; looked in %s", name, strings.Join(where, ", "))
}

// readModule returns the path "" where the module is not in the directory.
func readModule(dir fs.FS, root, base string) (source, path string, err error) {
	for _, rel := range []string{base + ".lua", base + "/init.lua"} {
		b, err := fs.ReadFile(dir, rel)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			err = luaerr.From("require", err)
		}
		return string(b), filepath.Join(root, rel), err
	}
	return "", "", nil
}
