package nft

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/registry"
)

// showing makes a prompt show lines for a list.
func showing(L *lua.LState, t *lua.LTable, lines []string) *lua.LTable {
	mt := L.CreateTable(0, 1)
	mt.RawSetString(registry.ShowKey, L.NewFunction(func(L *lua.LState) int {
		L.Push(lua.LString(strings.Join(lines, "\n")))
		return 1
	}))
	t.Metatable = mt
	return t
}
