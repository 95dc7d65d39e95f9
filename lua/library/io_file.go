package library

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/value"
)

// file is an open file or stream. Reading goes through a buffer, writing does
// not.
type file struct {
	name     string
	os       *os.File // nil for a stream
	r        io.Reader
	w        io.Writer
	buf      *bufio.Reader // of r
	slow     *slowReader   // below buf, nil for one that never waits
	waits    bool          // for somebody at the other end
	standard bool
	closed   bool
	busy     bool // a task waits for it
}

// use gives a file what was opened.
func (f *file) use(opened *os.File, flags int) {
	f.os = opened
	if flags&os.O_WRONLY == 0 {
		f.r = opened
	}
	if flags&(os.O_WRONLY|os.O_RDWR) != 0 {
		f.w = opened
	}
}

func (f *file) prepare(l *ioLib) {
	switch {
	case f.r == nil:
	case f.waits:
		f.slow = &slowReader{r: f.r, lib: l}
		f.buf = bufio.NewReader(f.slow)
	default:
		f.buf = bufio.NewReader(f.r)
	}
}

// enter begins a call that uses a file, which no other task may meanwhile.
func (a *ioArgs) enter(f *file) (leave func()) {
	switch {
	case f.closed:
		a.raise(luaerr.ETYPE, "%s: the file is closed", a.op)
	case f.busy:
		a.raise(luaerr.ETYPE, "%s: another task uses the file", a.op)
	}
	f.busy = true
	if f.slow != nil {
		f.slow.L = a.L
	}
	return func() { f.busy = false }
}

// refused is the result of an operation that a file was not opened for.
func refused(L *lua.LState) int {
	L.Push(lua.LNil)
	L.Push(lua.LString("Bad file descriptor"))
	L.Push(lua.LNumber(9))
	return 3
}

// failure is the result of one that failed, without the name of the file; an
// interruption goes on.
func (a *ioArgs) failure(err error) int {
	var e *luaerr.Error
	var exit *luaerr.Exit
	if errors.As(err, &e) || errors.As(err, &exit) {
		luaerr.Raise(a.L, err)
	}
	var p *os.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return outcome(a.L, err)
}

func fileToString(a *ioArgs, f *file) int {
	s := fmt.Sprintf("file (%p)", f)
	if f.closed {
		s = "file (closed)"
	}
	a.L.Push(lua.LString(s))
	return 1
}

func fileClose(a *ioArgs, f *file) int {
	defer a.enter(f)()
	if f.standard {
		a.L.Push(lua.LNil)
		a.L.Push(lua.LString("cannot close standard file"))
		return 2
	}
	f.closed = true
	return outcome(a.L, f.os.Close())
}

// fileFlush has nothing to do, as setvbuf has not: what is written is out.
func fileFlush(a *ioArgs, f *file) int {
	defer a.enter(f)()
	a.L.Push(lua.LTrue)
	return 1
}

// fileWrite writes strings and numbers, at once.
func fileWrite(a *ioArgs, f *file) int {
	defer a.enter(f)()
	var b strings.Builder
	for n := a.skip + 1; n <= a.L.GetTop(); n++ {
		var s string
		switch v := a.L.Get(n).(type) {
		case lua.LString:
			s = string(v)
		case lua.LNumber:
			s = FormatNumber(float64(v))
		default:
			a.bad(n-a.skip, "", "want a string or number, got %s", value.Describe(v))
		}
		if len(s) > MaxString-b.Len() {
			a.tooLong()
		}
		b.WriteString(s)
	}
	if f.w == nil {
		return refused(a.L)
	}
	if err := f.rewind(); err != nil {
		return a.failure(err)
	}
	if err := a.output(f, b.String()); err != nil {
		return a.failure(err)
	}
	a.L.Push(lua.LTrue)
	return 1
}

// output writes to a file. What waits goes on behind the back of a script that
// was interrupted, and nothing may follow it.
func (a *ioArgs) output(f *file, s string) error {
	if !f.waits {
		_, err := io.WriteString(f.w, s)
		return err
	}
	done := make(chan error, 1)
	go func() {
		_, err := io.WriteString(f.w, s)
		done <- err
	}()
	written, err := await(a.lib, a.L, done)
	if err != nil {
		f.closed = true
		go func() {
			_ = errors.Join(<-done, f.os.Close())
		}()
		return err
	}
	return written
}

// rewind moves a file back to where reading has come, from where the buffer
// has.
func (f *file) rewind() error {
	if f.os == nil || f.waits || f.buf == nil || f.buf.Buffered() == 0 {
		return nil
	}
	_, err := f.os.Seek(-int64(f.buf.Buffered()), io.SeekCurrent)
	f.buf.Reset(f.r)
	return err
}

// fileSeek moves in a file and returns the place, in bytes from the start.
func fileSeek(a *ioArgs, f *file) int {
	defer a.enter(f)()
	whence, offset := "cur", 0
	if a.L.Get(2) != lua.LNil {
		whence = a.text(2, "whence")
	}
	if a.L.Get(3) != lua.LNil {
		offset = a.integer(3, "offset")
	}
	from := map[string]int{"set": io.SeekStart, "cur": io.SeekCurrent, "end": io.SeekEnd}
	w, ok := from[whence]
	if !ok {
		a.bad(2, "whence", "want set, cur or end, got %q", whence)
	}
	if f.os == nil || f.waits {
		a.L.Push(lua.LNil)
		a.L.Push(lua.LString("Illegal seek"))
		a.L.Push(lua.LNumber(29))
		return 3
	}
	if err := f.rewind(); err != nil {
		return a.failure(err)
	}
	at, err := f.os.Seek(int64(offset), w)
	if err != nil {
		return a.failure(err)
	}
	if f.buf != nil {
		f.buf.Reset(f.r) // forgets that the end was seen
	}
	a.L.Push(lua.LNumber(at))
	return 1
}
