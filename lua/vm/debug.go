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
	for _, name := range []string{"traceback", "getinfo"} {
		safe.RawSetString(name, stock.RawGetString(name))
	}
	v.Set("debug", safe)
	v.L.G.Registry.RawGetString("_LOADED").(*lua.LTable).RawSetString("debug", safe)
}
