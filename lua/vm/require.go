package vm

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/registry"
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
	v.modules = modules{loaded: loaded, pkg: pkg, loading: map[string]bool{}}
}

// modules is what require remembers.
type modules struct {
	loaded, pkg *lua.LTable
	loading     map[string]bool
}

func (v *VM) require(c *registry.Call) int {
	m, name := &v.modules, c.Text(1)
	if x := m.loaded.RawGetString(name); x != lua.LNil {
		return c.Return(x)
	}
	if m.loading[name] {
		c.Raise(luaerr.New(luaerr.ESCRIPT, "require", "module %q needs itself", name))
	}
	m.loading[name] = true
	defer delete(m.loading, name)
	return c.Return(v.loadModule(c, name))
}

// loadModule finds, runs and remembers a module.
func (v *VM) loadModule(c *registry.Call, name string) lua.LValue {
	pkg, loaded := v.modules.pkg, v.modules.loaded
	var fn *lua.LFunction
	if preload, ok := pkg.RawGetString("preload").(*lua.LTable); ok {
		fn, _ = preload.RawGetString(name).(*lua.LFunction)
	}
	if fn == nil {
		source, path, err := v.findModule(name)
		c.Raise(err)
		fn, err = v.load(path, source)
		c.Raise(err)
	}
	results, err := v.Call(c.L, fn, 1, lua.LString(name))
	c.Raise(err)
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
		embedded := func(path string) ([]byte, error) { return fs.ReadFile(v.opt.Stdlib, path) }
		if source, path, err = readModule(embedded, "", base); path != "" {
			return source, path, err
		}
	}
	for _, dir := range append([]string{v.opt.Dir}, v.opt.Path...) {
		if dir == "" {
			continue
		}
		if source, path, err = readModule(v.readFile, dir, base); path != "" {
			return source, path, err
		}
		where = append(where, dir)
	}
	return "", "", luaerr.New(luaerr.ENOENT, "require", "no module %q; looked in %s", name, strings.Join(where, ", "))
}

// readModule returns the path "" where the module is not in the directory.
func readModule(read func(path string) ([]byte, error), dir, base string) (source, path string, err error) {
	for _, rel := range []string{base + ".lua", base + "/init.lua"} {
		path := filepath.Join(dir, rel)
		b, err := read(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			err = luaerr.From("require", err)
		}
		return string(b), path, err
	}
	return "", "", nil
}

// readFile reads a file through the descriptor that opened it, and no more of
// it than shows that it is too long.
func (v *VM) readFile(path string) ([]byte, error) {
	open := v.opt.Open
	if open == nil {
		open = func(path string) (io.ReadCloser, error) { return os.Open(path) }
	}
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxSource+1))
}
