package vm

import (
	lua "github.com/yuin/gopher-lua"
)

// openDebug keeps of the stock debug library what only looks: where a call is,
// and how it came there. The rest reaches past metatables and into the locals
// of other functions.
func (v *VM) openDebug() {
	v.open(lua.DebugLibName, lua.OpenDebug)
	stock := v.L.G.Global.RawGetString("debug").(*lua.LTable)
	safe := v.L.NewTable()
	safe.RawSetString("getinfo", stock.RawGetString("getinfo"))
	traceback := stock.RawGetString("traceback").(*lua.LFunction).GFunction
	safe.RawSetString("traceback", v.L.NewFunction(func(L *lua.LState) int {
		forgetTailCalls(L)
		return traceback(L)
	}))
	v.Set("debug", safe)
	v.L.G.Registry.RawGetString("_LOADED").(*lua.LTable).RawSetString("debug", safe)
}
