package library

import (
	"context"
	"strings"
	"sync"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/pattern"
)

// MaxString is the longest string, in bytes, that one call makes.
const MaxString = 16 << 20

// maxBytes is how many numbers string.byte returns at most.
const maxBytes = 1 << 16

// stringLib is the string library of one state, whose threads run in turns.
type stringLib struct {
	cache   pattern.Cache
	matcher pattern.Matcher
	buf     []byte // of string.format, nil while that runs
	ctx     context.Context
	stop    func() error // asks ctx
}

// OpenString makes the global string, and the methods of strings, ours.
func OpenString(L *lua.LState) {
	fillNumbers()
	l := &stringLib{}
	table := L.RegisterModule(lua.StringLibName, nil).(*lua.LTable)
	for _, f := range []struct {
		name string
		fn   lua.LGFunction
	}{
		{"byte", stringByte}, {"char", stringChar}, {"dump", stringDump}, {"find", l.find}, {"format", l.format},
		{"gfind", l.gmatch}, {"gmatch", l.gmatch}, {"gsub", l.gsub}, {"len", stringLen}, {"lower", stringLower},
		{"match", l.match}, {"rep", stringRep}, {"reverse", stringReverse}, {"sub", stringSub}, {"upper", stringUpper},
	} {
		table.RawSetString(f.name, L.NewFunction(f.fn))
	}
	mt := L.CreateTable(0, 1)
	mt.RawSetString("__index", table)
	L.SetMetatable(lua.LString(""), mt)
}

// numbers are the small ones as Lua values: a conversion would allocate.
var numbers [256]lua.LValue

var fillNumbers = sync.OnceFunc(func() {
	for i := range numbers {
		numbers[i] = lua.LNumber(i)
	}
})

// number is a length, a position or a byte as a Lua value.
func number(n int) lua.LValue {
	if n >= 0 && n < len(numbers) {
		return numbers[n]
	}
	return lua.LNumber(n)
}

func stringByte(L *lua.LState) int {
	a := stringArgs{L, "string.byte"}
	s := a.text(1, "s")
	i := a.position(2, "i", 1, len(s))
	j := min(a.position(3, "j", i, len(s)), len(s))
	i = max(i, 1)
	if j-i >= maxBytes {
		a.raise(luaerr.ETYPE, "more than %d bytes at once", maxBytes)
	}
	for k := i; k <= j; k++ {
		L.Push(number(int(s[k-1])))
	}
	return max(0, j-i+1)
}

func stringChar(L *lua.LState) int {
	a := stringArgs{L, "string.char"}
	b := make([]byte, L.GetTop())
	for i := range b {
		c := a.integer(i+1, "")
		if c < 0 || c > 255 {
			a.bad(i+1, "", "%d is no byte, 0 to 255", c)
		}
		b[i] = byte(c)
	}
	L.Push(lua.LString(b))
	return 1
}

// stringDump refuses: functions have no form that could be read back.
func stringDump(L *lua.LState) int {
	stringArgs{L, "string.dump"}.raise(luaerr.ENOTSUP, "functions cannot be written out")
	return 0
}

func stringLen(L *lua.LState) int {
	L.Push(number(len(stringArgs{L, "string.len"}.text(1, "s"))))
	return 1
}

func stringLower(L *lua.LState) int {
	return stringCase(stringArgs{L, "string.lower"}, 'A', 'Z')
}

func stringUpper(L *lua.LState) int {
	return stringCase(stringArgs{L, "string.upper"}, 'a', 'z')
}

// stringCase changes the case of the bytes lo to hi, as the C locale does.
func stringCase(a stringArgs, lo, hi byte) int {
	s := a.text(1, "s")
	i := 0
	for i < len(s) && (s[i] < lo || s[i] > hi) {
		i++
	}
	if i < len(s) {
		var b strings.Builder
		b.Grow(len(s))
		for i := range len(s) {
			c := s[i]
			if c >= lo && c <= hi {
				c ^= 0x20
			}
			b.WriteByte(c)
		}
		s = b.String()
	}
	a.L.Push(lua.LString(s))
	return 1
}

func stringReverse(L *lua.LState) int {
	s := stringArgs{L, "string.reverse"}.text(1, "s")
	var b strings.Builder
	b.Grow(len(s))
	for i := len(s) - 1; i >= 0; i-- {
		b.WriteByte(s[i])
	}
	L.Push(lua.LString(b.String()))
	return 1
}

func stringSub(L *lua.LState) int {
	a := stringArgs{L, "string.sub"}
	s := a.text(1, "s")
	a.need(2, "i")
	i := max(a.position(2, "i", 1, len(s)), 1)
	j := min(a.position(3, "j", len(s), len(s)), len(s))
	if i > j {
		L.Push(lua.LString(""))
	} else {
		L.Push(piece(s, i-1, j))
	}
	return 1
}

func stringRep(L *lua.LState) int {
	a := stringArgs{L, "string.rep"}
	s := a.text(1, "s")
	n := a.integer(2, "n")
	if n <= 0 || s == "" {
		L.Push(lua.LString(""))
		return 1
	}
	if n > MaxString/len(s) {
		a.tooLong()
	}
	L.Push(lua.LString(strings.Repeat(s, n)))
	return 1
}

// piece is a part of a string as a Lua value. A small part of a large string
// is copied, so that a script that keeps it does not keep the whole.
func piece(s string, from, to int) lua.LValue {
	const large, small = 4096, 8
	part := s[from:to]
	if len(s) > large && len(part) < len(s)/small {
		part = strings.Clone(part)
	}
	return lua.LString(part)
}
