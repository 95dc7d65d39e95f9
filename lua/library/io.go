package library

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/value"
)

// IO are the streams of a script.
type IO struct {
	Stdin          io.Reader // nil is empty
	Stdout, Stderr io.Writer // nil discards

	// Block runs fn, which may wait but does not touch Lua, while others may:
	// nil just runs it.
	Block func(fn func())
}

// ioLib is the io library of one state.
type ioLib struct {
	IO
	methods       *lua.LTable // the metatable of files
	input, output *lua.LUserData
}

// OpenIO makes the global io: files, by name, and the streams of the script.
// There is no popen: exec runs programs. What waits, for a terminal or a pipe,
// ends when the script is interrupted.
func OpenIO(L *lua.LState, opt IO) {
	l := &ioLib{IO: opt, methods: L.NewTable()}
	if l.Block == nil {
		l.Block = func(fn func()) { fn() }
	}
	if l.Stdin == nil {
		l.Stdin = strings.NewReader("")
	}
	if l.Stdout == nil {
		l.Stdout = io.Discard
	}
	if l.Stderr == nil {
		l.Stderr = io.Discard
	}
	m := L.RegisterModule(lua.IoLibName, nil).(*lua.LTable)
	for name, fn := range map[string]lua.LGFunction{
		"close": l.close, "flush": l.flush, "input": l.setInput, "lines": l.lines, "open": l.open, "output": l.setOutput,
		"read": l.read, "tmpfile": l.tmpFile, "type": l.typeOf, "write": l.write,
	} {
		m.RawSetString(name, L.NewFunction(fn))
	}
	l.methods.RawSetString("__index", l.methods)
	for name, fn := range map[string]func(*ioArgs, *file) int{
		"__tostring": fileToString, "close": fileClose, "flush": fileFlush, "lines": fileLines, "read": fileRead,
		"seek": fileSeek, "setvbuf": fileFlush, "write": fileWrite,
	} {
		l.methods.RawSetString(name, L.NewFunction(func(L *lua.LState) int {
			a := &ioArgs{tableArgs{stringArgs{L, "file:" + name}}, l, 1}
			return fn(a, a.file(1))
		}))
	}
	l.input = l.standard(L, &file{name: "stdin", r: l.Stdin})
	l.output = l.standard(L, &file{name: "stdout", w: l.Stdout})
	m.RawSetString("stdin", l.input)
	m.RawSetString("stdout", l.output)
	m.RawSetString("stderr", l.standard(L, &file{name: "stderr", w: l.Stderr}))
}

// ioArgs are the arguments of a call; skip is 1 for a method.
type ioArgs struct {
	tableArgs
	lib  *ioLib
	skip int
}

func (l *ioLib) args(L *lua.LState, op string) *ioArgs {
	return &ioArgs{tableArgs{stringArgs{L, op}}, l, 0}
}

// file returns an argument that is a file, also a closed one.
func (a *ioArgs) file(n int) *file {
	if ud, ok := a.L.Get(n).(*lua.LUserData); ok {
		if f, ok := ud.Value.(*file); ok {
			return f
		}
	}
	a.bad(n, "file", "want a file, got %s", value.Describe(a.L.Get(n)))
	return nil
}

// object makes a file known to Lua.
func (l *ioLib) object(L *lua.LState, f *file) *lua.LUserData {
	ud := L.NewUserData()
	ud.Value, ud.Metatable = f, l.methods
	return ud
}

// standard makes a stream known to Lua, which cannot be closed.
func (l *ioLib) standard(L *lua.LState, f *file) *lua.LUserData {
	f.standard, f.waits = true, f.r != nil
	f.prepare(l)
	return l.object(L, f)
}

// modes are those of fopen; a "b" behind or in them has no meaning here.
var modes = map[string]int{
	"r": os.O_RDONLY, "w": os.O_WRONLY | os.O_CREATE | os.O_TRUNC, "a": os.O_WRONLY | os.O_CREATE | os.O_APPEND,
	"r+": os.O_RDWR, "w+": os.O_RDWR | os.O_CREATE | os.O_TRUNC, "a+": os.O_RDWR | os.O_CREATE | os.O_APPEND,
}

// open is io.open: the file, or nil and what went wrong.
func (l *ioLib) open(L *lua.LState) int {
	a := l.args(L, "io.open")
	mode := "r"
	if L.Get(2) != lua.LNil {
		mode = a.text(2, "mode")
	}
	flags, ok := modes[withoutB(mode)]
	if !ok {
		a.bad(2, "mode", "%q; want r, w or a, with + to read and write", mode)
	}
	f, err := a.openFile(a.text(1, "file"), flags)
	if err != nil {
		return outcome(L, err)
	}
	L.Push(l.object(L, f))
	return 1
}

func withoutB(mode string) string {
	for i := 1; i < len(mode); i++ {
		if mode[i] == 'b' {
			return mode[:i] + mode[i+1:]
		}
	}
	return mode
}

// openFile opens a file. Where that waits for someone at the other end, it
// waits without the turn.
func (a *ioArgs) openFile(name string, flags int) (*file, error) {
	const perm = 0o666
	f := &file{name: name}
	if info, err := os.Stat(name); err == nil {
		f.waits = !info.Mode().IsRegular() && !info.IsDir()
	}
	var opened *os.File
	var err error
	if !f.waits {
		opened, err = os.OpenFile(name, flags, perm)
	} else if opened, err = a.openSlowly(name, flags); err != nil && !errors.As(err, new(*fs.PathError)) {
		luaerr.Raise(a.L, err)
	}
	if err != nil {
		return nil, err
	}
	f.use(opened, flags)
	f.prepare(a.lib)
	return f, nil
}

func (a *ioArgs) openSlowly(name string, flags int) (*os.File, error) {
	type result struct {
		f   *os.File
		err error
	}
	done := make(chan result, 1)
	go func() {
		f, err := os.OpenFile(name, flags, 0)
		done <- result{f, err}
	}()
	r, err := await(a.lib, a.L, done)
	if err != nil { // nobody will use it
		go func() {
			if r := <-done; r.f != nil {
				_ = r.f.Close()
			}
		}()
		return nil, err
	}
	return r.f, r.err
}

// tmpFile is io.tmpfile: a file without a name.
func (l *ioLib) tmpFile(L *lua.LState) int {
	opened, err := os.CreateTemp("", "lua_")
	if err == nil {
		err = os.Remove(opened.Name())
	}
	if err != nil {
		return outcome(L, err)
	}
	f := &file{name: "tmpfile"}
	f.use(opened, os.O_RDWR)
	f.prepare(l)
	L.Push(l.object(L, f))
	return 1
}

// typeOf is io.type: "file", "closed file", or nil for anything else.
func (l *ioLib) typeOf(L *lua.LState) int {
	if L.GetTop() == 0 {
		l.args(L, "io.type").bad(1, "value", "a value is missing")
	}
	kind := lua.LNil
	if ud, ok := L.Get(1).(*lua.LUserData); ok {
		if f, ok := ud.Value.(*file); ok {
			kind = lua.LString("file")
			if f.closed {
				kind = lua.LString("closed file")
			}
		}
	}
	L.Push(kind)
	return 1
}

func (l *ioLib) close(L *lua.LState) int {
	a := l.args(L, "io.close")
	if L.GetTop() == 0 {
		return fileClose(a, l.output.Value.(*file))
	}
	return fileClose(a, a.file(1))
}

func (l *ioLib) flush(L *lua.LState) int {
	return fileFlush(l.args(L, "io.flush"), l.output.Value.(*file))
}

func (l *ioLib) read(L *lua.LState) int {
	return fileRead(l.args(L, "io.read"), l.input.Value.(*file))
}

func (l *ioLib) write(L *lua.LState) int {
	return fileWrite(l.args(L, "io.write"), l.output.Value.(*file))
}

func (l *ioLib) setInput(L *lua.LState) int {
	return l.redirect(l.args(L, "io.input"), &l.input, os.O_RDONLY)
}

func (l *ioLib) setOutput(L *lua.LState) int {
	return l.redirect(l.args(L, "io.output"), &l.output, modes["w"])
}

// redirect makes a file the one that io.read or io.write uses, and returns the
// one that it is.
func (l *ioLib) redirect(a *ioArgs, stream **lua.LUserData, flags int) int {
	switch v := a.L.Get(1).(type) {
	case *lua.LNilType:
	case *lua.LUserData:
		a.file(1)
		*stream = v
	default:
		f, err := a.openFile(a.text(1, "file"), flags)
		if err != nil {
			a.raise(luaerr.From("", err).Code, "%s", reason(err))
		}
		*stream = l.object(a.L, f)
	}
	a.L.Push(*stream)
	return 1
}

// lines is io.lines: an iterator over the lines of a file, which is closed
// behind the last.
func (l *ioLib) lines(L *lua.LState) int {
	a := l.args(L, "io.lines")
	if L.Get(1) == lua.LNil {
		return fileLines(a, l.input.Value.(*file))
	}
	f, err := a.openFile(a.text(1, "file"), os.O_RDONLY)
	if err != nil {
		a.raise(luaerr.From("", err).Code, "%s", reason(err))
	}
	return iterate(a, f, true)
}
