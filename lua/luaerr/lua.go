package luaerr

import (
	"errors"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// fields are the names a script can read from an error object.
var fields = []string{"code", "op", "msg", "hint", "where", "trace"}

// metaKey finds the metatable of error objects in the registry of a state.
var metaKey = &lua.LUserData{Value: "luaerr"}

// ToLua returns err as a Lua value: an error object with the readable fields
// code, op, msg, hint, where and trace (absent ones are nil). An [Exit] stays
// one, opaque to the script.
func ToLua(L *lua.LState, err error) *lua.LUserData {
	ud := L.NewUserData()
	ud.Metatable = metatable(L)
	var exit *Exit
	if errors.As(err, &exit) {
		ud.Value = exit
	} else {
		ud.Value = From("", err)
	}
	return ud
}

// FromLua returns the error that a Lua value carries, *Error or *Exit, or nil
// when the value is no error object.
func FromLua(lv lua.LValue) error {
	if ud, ok := lv.(*lua.LUserData); ok {
		switch e := ud.Value.(type) {
		case *Error:
			return e
		case *Exit:
			return e
		}
	}
	return nil
}

// Raise raises err in the script and does not return. An error without a
// position gets the one of the innermost Lua frame.
func Raise(L *lua.LState, err error) {
	var lv *lua.LUserData
	var exit *Exit
	if errors.As(err, &exit) {
		lv = ToLua(L, exit)
	} else {
		e := From("", err)
		if e.Where == "" {
			positioned := *e
			positioned.Where = Where(L)
			e = &positioned
		}
		lv = ToLua(L, e)
	}
	L.Error(lv, 1)
}

// Where returns the position "file:line" of the innermost Lua frame of the
// thread, or "" when there is none.
func Where(L *lua.LState) string {
	for level := 0; ; level++ {
		if _, ok := L.GetStack(level); !ok {
			return ""
		}
		if s := L.Where(level); s != "" && !strings.HasPrefix(s, "[G]") {
			return strings.TrimSuffix(s, ":")
		}
	}
}

// metatable returns the metatable of error objects, made on first use in a state.
func metatable(L *lua.LState) *lua.LTable {
	if mt, ok := L.G.Registry.RawGet(metaKey).(*lua.LTable); ok {
		return mt
	}
	mt := L.CreateTable(0, 5)
	mt.RawSetString("__index", L.NewFunction(index))
	mt.RawSetString("__newindex", L.NewFunction(newIndex))
	mt.RawSetString("__tostring", L.NewFunction(toString))
	mt.RawSetString("__concat", L.NewFunction(concat))
	mt.RawSetString("__metatable", lua.LString("error"))
	L.G.Registry.RawSet(metaKey, mt)
	return mt
}

// index reads a field of an error object.
func index(L *lua.LState) int {
	key := L.Get(2).String()
	var e *Error
	ok := errors.As(FromLua(L.Get(1)), &e)
	if !ok {
		e = &Error{}
	}
	var s string
	switch key {
	case "code":
		s = string(e.Code)
		if s == "" {
			s = string(ESCRIPT)
		}
	case "op":
		s = e.Op
	case "msg":
		s = e.Msg
	case "hint":
		s = e.Hint
	case "where":
		s = e.Where
	case "trace":
		s = e.Trace
	default:
		Raise(L, New(EFIELD, "", "unknown field %q of an error", key).WithHint(DidYouMean(key, fields)))
	}
	if s == "" {
		L.Push(lua.LNil)
	} else {
		L.Push(lua.LString(s))
	}
	return 1
}

// newIndex refuses every assignment.
func newIndex(L *lua.LState) int {
	Raise(L, New(EFIELD, "", "cannot set field %q: an error is read-only", L.Get(2).String()))
	return 0
}

// toString prints an error object as one line.
func toString(L *lua.LState) int {
	L.Push(lua.LString(text(L.Get(1))))
	return 1
}

// concat joins an error object with a neighbour, as text.
func concat(L *lua.LState) int {
	L.Push(lua.LString(text(L.Get(1)) + text(L.Get(2))))
	return 1
}

// text is the plain text of a value next to an error object.
func text(lv lua.LValue) string {
	if err := FromLua(lv); err != nil {
		return err.Error()
	}
	return lv.String()
}
