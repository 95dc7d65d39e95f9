package vm

import (
	"io"
	"runtime"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/library"
	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/registry"
)

// prelude are the globals of every script that are ours. pcall and xpcall are
// not among them: they hand over what they get, whatever it is.
var prelude = registry.NewModule[*VM]("", "").
	Func("print(...: any)", "writes its arguments to standard output, with tabs between them", (*VM).print).
	Example(`ct> print("a", 1, nil)
a	1	nil`).
	Func("exit(code: int 0..255 = 0)", "ends the script, through every protected call, once its tasks have been told", (*VM).exit).
	Example(`ct> type(exit)
function`).
	Func("assert(condition?: any, message?: any, ...: any) -> any", "returns its arguments, or raises the message where the condition is false or nil", (*VM).assert).
	Example(`ct> assert(1 + 1 == 2, "arithmetic is broken")
true
arithmetic is broken
ct> assert(nil, "no flow")
no flow`).
	Func("error(message?: any, level: int 0..1000 = 1)", "raises an error. A text gets the position of the caller in front, of its caller with level 2, none with level 0; a table is raised as it is", (*VM).raise).
	Example(`ct> error("no flow")
prompt:1: no flow
ct> select(2, pcall(error, {code = 7})).code
7`).
	Func("collectgarbage(what: string = \"collect\", arg?: any) -> number", `"count" is the KiB in use by the program; the rest does nothing, because memory is freed by itself`, (*VM).collectGarbage).
	Example(`ct> collectgarbage("count") > 0
true`).
	Func("loadstring(source: text, name?: string) -> function | nil, text", "compiles a piece of Lua; nil and the reason where it is none", func(v *VM, c *registry.Call) int {
		return v.loadText(c, c.Text(1))
	}).
	Example(`ct> loadstring("return 1 + 1")()
2`).
	Func("load(reader: function, name?: string) -> function | nil, text", "compiles what a function returns piece by piece, until it returns nothing", (*VM).loadReader).
	Example(`ct> pieces = {"return ", "7"}
ct> load(function() return table.remove(pieces, 1) end)()
7`).
	Func("require(module: string) -> any", "loads a module once: from the embedded library, beside the script, or along $CTSH_PATH, ~/.config/ctsh/lib and /usr/share/ctsh/lib", (*VM).require).
	Raises("ENOENT where there is none").
	Example(`ct> require("no.such.module")
prompt:1: require: no module "no.such.module"; looked in ...`).
	Func("help(what?: any)", "tells what a function, object or name is for; without an argument what there is", (*VM).help).
	Raises("ENOENT for a name that nothing has").
	Example(`ct> help("exit")
exit(code: int 0..255 = 0)
  ends the script, through every protected call, once its tasks have been told

    ct> type(exit)
    function`)

// print writes its arguments, as tostring makes them, in one write.
func (v *VM) print(c *registry.Call) int {
	var b strings.Builder
	for i := range c.Len() {
		if i > 0 {
			b.WriteByte('\t')
		}
		b.WriteString(library.ToString(c.L, c.Get(i+1)))
	}
	b.WriteByte('\n')
	v.write(c, b.String())
	return 0
}

func (v *VM) write(c *registry.Call, text string) {
	if _, err := io.WriteString(v.opt.Stdout, text); err != nil {
		c.Raise(luaerr.New(luaerr.EIO, c.Op(), "%w", err))
	}
}

func (v *VM) help(c *registry.Call) int {
	text, err := registry.Help(c.L, c.Get(1))
	c.Raise(err)
	v.write(c, text+"\n")
	return 0
}

func (v *VM) exit(c *registry.Call) int {
	e := &luaerr.Exit{Status: c.Int(1)}
	v.Tasks.Stop(e)
	luaerr.Raise(c.L, e)
	return 0
}

// raise is error. Called by pcall itself it has no position to tell; the stock
// one puts a blank there.
func (v *VM) raise(c *registry.Call) int {
	message := c.Get(1)
	if s, ok := message.(lua.LString); ok && c.Int(2) > 0 {
		if where := strings.TrimSpace(c.L.Where(c.Int(2))); where != "" && !strings.HasPrefix(where, "[G]") {
			message = lua.LString(where+" ") + s
		}
	}
	c.L.Error(message, 0)
	return 0
}

// assert raises its second argument as it is, also when that is an object.
func (v *VM) assert(c *registry.Call) int {
	if c.Len() == 0 {
		c.Bad("condition", "a value is missing")
	}
	if lua.LVAsBool(c.Get(1)) {
		return c.L.GetTop()
	}
	if !c.Has(2) {
		c.L.RaiseError("assertion failed!")
	}
	if s, ok := c.Get(2).(lua.LString); ok {
		c.L.Error(s, 0)
	}
	c.L.Error(c.Get(2), 1)
	return 0
}

func (v *VM) collectGarbage(c *registry.Call) int {
	if c.Text(1) != "count" {
		return c.Return(lua.LNumber(0))
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return c.Return(lua.LNumber(float64(m.HeapAlloc) / 1024))
}

func (v *VM) loadReader(c *registry.Call) int {
	fn := c.Func(1)
	var b strings.Builder
	for b.Len() <= maxSource {
		c.L.Push(fn)
		c.L.Call(0, 1)
		piece, ok := c.L.Get(-1).(lua.LString)
		c.L.Pop(1)
		if !ok || piece == "" {
			break
		}
		b.WriteString(string(piece))
	}
	return v.loadText(c, b.String())
}

// loadText returns a function, or like Lua's loadstring nil and a message.
func (v *VM) loadText(c *registry.Call, source string) int {
	name := "loadstring"
	if c.Has(2) {
		name = strings.TrimLeft(c.Text(2), "=@")
	}
	if strings.HasPrefix(source, "\x1b") {
		return c.Return(lua.LNil, lua.LString("compiled chunks are not read"))
	}
	fn, err := v.load(name, source)
	if err != nil {
		return c.Return(lua.LNil, lua.LString(err.Error()))
	}
	return c.Return(fn)
}
