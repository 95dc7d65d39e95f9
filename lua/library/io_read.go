package library

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
)

// errTooLong says that one read would give more than MaxString bytes.
var errTooLong = luaerr.New(luaerr.ETYPE, "", "more than %d bytes at once; read a file in parts", MaxString)

// fileRead reads what its arguments say: a number of bytes, "*l" for a line,
// "*a" for the rest, "*n" for a number. At the end of the file that is nil,
// and what would follow is left out.
func fileRead(a *ioArgs, f *file) int {
	defer a.enter(f)()
	top := a.L.GetTop()
	if f.buf == nil {
		return refused(a.L)
	}
	if top == a.skip {
		a.L.Push(lua.LString("*l"))
		top++
	}
	for n := a.skip + 1; n <= top; n++ {
		v, err := a.readOne(f, n)
		switch {
		case errors.Is(err, io.EOF):
			a.L.Push(lua.LNil)
			return a.L.GetTop() - top
		case err != nil:
			return a.failure(err)
		}
		a.L.Push(v)
	}
	return a.L.GetTop() - top
}

// readOne reads what the n-th argument says. The error is io.EOF where
// there is nothing of it.
func (a *ioArgs) readOne(f *file, n int) (lua.LValue, error) {
	if _, ok := a.L.Get(n).(lua.LNumber); ok {
		return f.bytes(a.integer(n, "count"))
	}
	switch format := a.text(n, "format"); strings.TrimPrefix(format, "*") {
	case "l":
		return f.line()
	case "a":
		all, err := f.limited(MaxString + 1)
		if len(all) > MaxString {
			return lua.LNil, errTooLong
		}
		return lua.LString(all), err
	case "n":
		return f.number()
	default:
		a.bad(n-a.skip, "format", "want *l, *a, *n or a number, got %q", format)
		return lua.LNil, nil
	}
}

// limited reads up to n bytes.
func (f *file) limited(n int64) ([]byte, error) {
	var b bytes.Buffer
	_, err := io.Copy(&b, io.LimitReader(f.buf, n))
	return b.Bytes(), err
}

// bytes reads up to n bytes; none only asks whether there are any.
func (f *file) bytes(n int) (lua.LValue, error) {
	if n > MaxString {
		return lua.LNil, errTooLong
	}
	if n <= 0 {
		_, err := f.buf.Peek(1)
		return lua.LString(""), err
	}
	b, err := f.limited(int64(n))
	if len(b) == 0 && err == nil {
		err = io.EOF
	}
	return lua.LString(b), err
}

// line reads a line and leaves its end out.
func (f *file) line() (lua.LValue, error) {
	var b []byte
	for {
		part, err := f.buf.ReadSlice('\n')
		if len(b)+len(part) > MaxString {
			return lua.LNil, errTooLong
		}
		b = append(b, part...)
		switch {
		case err == nil:
			return lua.LString(b[:len(b)-1]), nil
		case errors.Is(err, io.EOF) && len(b) > 0:
			return lua.LString(b), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return lua.LNil, err
		}
	}
}

// number reads a number in any form that tonumber knows. What is none is nil.
func (f *file) number() (lua.LValue, error) {
	const longest = 200
	var b []byte
	for len(b) < longest {
		c, err := f.buf.ReadByte()
		if errors.Is(err, io.EOF) && len(b) > 0 {
			break
		}
		if err != nil {
			return lua.LNil, err
		}
		switch {
		case len(b) == 0 && strings.IndexByte(blanks, c) >= 0:
			continue
		case !continues(b, c):
			if err := f.buf.UnreadByte(); err != nil {
				return lua.LNil, err
			}
		default:
			b = append(b, c)
			continue
		}
		break
	}
	n, ok := readNumber(string(b))
	if !ok {
		return lua.LNil, io.EOF
	}
	return lua.LNumber(n), nil
}

// continues tells whether a byte may follow those of a number.
func continues(b []byte, c byte) bool {
	hex := len(b) > 1 && bytes.ContainsAny(b, "xX")
	switch {
	case c >= '0' && c <= '9', c == '.':
		return true
	case c == '+' || c == '-':
		return len(b) == 0 || !hex && b[len(b)-1]|0x20 == 'e'
	case c|0x20 == 'x':
		return !hex && strings.TrimLeft(string(b), "+-") == "0"
	case c|0x20 >= 'a' && c|0x20 <= 'f' && hex:
		return true
	}
	return c|0x20 == 'e' && len(b) > 0
}

// fileLines returns an iterator over the lines of a file.
func fileLines(a *ioArgs, f *file) int {
	a.enter(f)()
	return iterate(a, f, false)
}

// iterate returns an iterator over lines that may close the file at the end.
func iterate(a *ioArgs, f *file, closes bool) int {
	lib, op := a.lib, a.op
	a.L.Push(a.L.NewFunction(func(L *lua.LState) int {
		a := lib.args(L, op)
		defer a.enter(f)()
		if f.buf == nil {
			a.raise(luaerr.ETYPE, "%s: the file was not opened to be read", op)
		}
		line, err := f.line()
		if errors.Is(err, io.EOF) {
			err = nil
			if closes {
				f.closed, err = true, f.os.Close()
			}
		}
		if err != nil {
			luaerr.Raise(L, luaerr.From(op, err))
		}
		L.Push(line)
		return 1
	}))
	return 1
}
