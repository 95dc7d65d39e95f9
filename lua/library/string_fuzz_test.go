package library

import (
	"testing"

	lua "github.com/yuin/gopher-lua"
)

// FuzzString calls the functions that read a small language of their own and
// checks that they return or raise, and never panic.
func FuzzString(f *testing.F) {
	for _, text := range []string{"%5.2f|%-8s|%q", "%%%d%i%u%c%x%X%o", "%#+ 0-12.3g%E", "%", "%.", "%0", "(%w+)=%1", "%b()%f[%a]", "^.-$", "%0%1%%", "\x00%s"} {
		f.Add(text, "a=a (x) 12 \x00\xff", 42.5)
		f.Add(text, text, -1e300)
	}
	L := baseState(f)
	OpenString(L)
	table := L.GetGlobal("string").(*lua.LTable)
	f.Fuzz(func(t *testing.T, text, s string, n float64) {
		for name, args := range map[string][]lua.LValue{
			"format": {lua.LString(text), lua.LNumber(n), lua.LString(s), lua.LNumber(n), lua.LTrue},
			"find":   {lua.LString(s), lua.LString(text), lua.LNumber(n)},
			"match":  {lua.LString(s), lua.LString(text), lua.LString(s)},
			"gsub":   {lua.LString(s), lua.LString(text), lua.LString(text), lua.LNumber(n)},
			"sub":    {lua.LString(s), lua.LNumber(n), lua.LString(text)},
			"byte":   {lua.LString(s), lua.LNumber(n), lua.LNumber(-n)},
			"rep":    {lua.LString(s), lua.LString(text)},
		} {
			guarded := L.NewFunction(func(L *lua.LState) int {
				defer func() {
					r := recover()
					if _, ok := r.(*lua.ApiError); r != nil && !ok {
						t.Errorf("string.%s(%q): panic: %v", name, args, r)
					}
					if r != nil {
						panic(r)
					}
				}()
				return table.RawGetString(name).(*lua.LFunction).GFunction(L)
			})
			if err := L.CallByParam(lua.P{Fn: guarded, NRet: 1, Protect: true}, args...); err != nil {
				continue
			}
			if got, ok := L.Get(-1).(lua.LString); ok && len(got) > MaxString {
				t.Errorf("string.%s(%q) returned %d bytes", name, args, len(got))
			}
			L.Pop(1)
		}
	})
}
