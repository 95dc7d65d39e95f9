package library

import (
	"math"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/value"
)

// keptBuffer is the largest buffer that stays for the next call of format.
const keptBuffer = 4096

func (l *stringLib) format(L *lua.LState) int {
	a := stringArgs{L, "string.format"}
	f := a.text(1, "format")
	out := l.buf[:0]
	l.buf = nil // a __tostring may call format again
	arg := 1
	for {
		i := strings.IndexByte(f, '%')
		if i < 0 {
			out = a.append(out, f)
			break
		}
		out = a.append(out, f[:i])
		f = f[i+1:]
		if strings.HasPrefix(f, "%") {
			out = a.append(out, "%")
			f = f[1:]
			continue
		}
		var sp spec
		n, fault := sp.read(f)
		if fault != "" {
			a.raise(luaerr.EPARSE, `bad argument "format" of %s: %s`, a.op, fault)
		}
		f = f[n:]
		if arg++; arg > L.GetTop() {
			a.bad(arg, "", "want a value for %%%c, got none", sp.verb)
		}
		out = a.convert(out, &sp, arg)
	}
	L.Push(lua.LString(out))
	if cap(out) <= keptBuffer {
		l.buf = out
	}
	return 1
}

// append adds text to the result.
func (a stringArgs) append(out []byte, text string) []byte {
	if len(text) > MaxString-len(out) {
		a.tooLong()
	}
	return append(out, text...)
}

// convert adds the n-th argument.
func (a stringArgs) convert(out []byte, sp *spec, n int) []byte {
	switch sp.verb {
	case 's':
		text := a.textOf(a.L.Get(n))
		if sp.precision >= 0 && sp.precision < len(text) {
			text = text[:sp.precision]
		}
		if len(text) >= sp.width {
			return a.append(out, text)
		}
		return sp.pad(out, text)
	case 'q':
		return a.quote(out, a.text(n, ""))
	case 'c':
		c := byte(a.wide(sp, n))
		return sp.pad(out, string([]byte{c}))
	case 'd', 'i':
		f := a.whole(sp, n)
		if f < math.MinInt64 || f >= 1<<63 {
			a.bad(n, "", "%s does not fit the 64 bits of %%%c", lua.LNumber(f), sp.verb)
		}
		return sp.signed(out, int64(f))
	case 'o', 'u', 'x', 'X':
		return sp.unsigned(out, a.wide(sp, n))
	}
	return sp.float(out, a.float(n, ""))
}

// whole returns a number without its fraction, for the conversions to which
// only such mean something.
func (a stringArgs) whole(sp *spec, n int) float64 {
	f := math.Trunc(a.float(n, ""))
	if math.IsInf(f, 0) || f != f {
		a.bad(n, "", "want a finite number for %%%c, got %s", sp.verb, value.Describe(a.L.Get(n)))
	}
	return f
}

// wide returns 64 bits; negative numbers are their two's complement, as in C.
func (a stringArgs) wide(sp *spec, n int) uint64 {
	f := a.whole(sp, n)
	switch {
	case f < math.MinInt64 || f >= 1<<64:
		a.bad(n, "", "%s does not fit the 64 bits of %%%c", lua.LNumber(f), sp.verb)
	case f < 0:
		return uint64(int64(f))
	}
	return uint64(f)
}

// quote adds text so that Lua reads it back as it was.
func (a stringArgs) quote(out []byte, text string) []byte {
	out = a.append(out, `"`)
	for {
		i := strings.IndexAny(text, "\"\\\n\r\x00")
		if i < 0 {
			return a.append(a.append(out, text), `"`)
		}
		out = a.append(out, text[:i])
		switch text[i] {
		case '\r':
			out = a.append(out, `\r`)
		case 0:
			out = a.append(out, `\000`)
		default:
			out = a.append(a.append(out, `\`), text[i:i+1])
		}
		text = text[i+1:]
	}
}
