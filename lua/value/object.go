package value

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
)

// Type makes Lua objects of Go values: fields that are read when asked for,
// methods, and how an object prints. It is filled once, at start, and then
// only read. Reading a field costs a map look-up and a call, no reflection.
type Type[T any] struct {
	name    string
	key     *lua.LUserData // finds the metatable in the registry of a state
	fields  map[string]func(*lua.LState, T) lua.LValue
	methods map[string]func(*Args, T) int
	names   []string
	text    func(T) string
	length  func(*Args, T) int
	equal   func(a, b T) bool
}

// NewType returns a type without fields. Its name is what scripts call such an
// object: "flow".
func NewType[T any](name string) *Type[T] {
	return &Type[T]{name: name, key: &lua.LUserData{Value: name}, fields: map[string]func(*lua.LState, T) lua.LValue{}, methods: map[string]func(*Args, T) int{}}
}

// Field adds a field.
func (t *Type[T]) Field(name string, get func(*lua.LState, T) lua.LValue) *Type[T] {
	t.fields[name] = get
	t.names = append(t.names, name)
	return t
}

// Method adds a method; its arguments are counted without the object.
func (t *Type[T]) Method(name string, fn func(*Args, T) int) *Type[T] {
	t.methods[name] = fn
	t.names = append(t.names, name)
	return t
}

// Text sets what tostring returns.
func (t *Type[T]) Text(fn func(T) string) *Type[T] { t.text = fn; return t }

// Len sets what # does.
func (t *Type[T]) Len(fn func(*Args, T) int) *Type[T] { t.length = fn; return t }

// Equal sets what == does.
func (t *Type[T]) Equal(fn func(a, b T) bool) *Type[T] { t.equal = fn; return t }

// Names lists fields and methods.
func (t *Type[T]) Names() []string { return t.names }

// New returns v as an object.
func (t *Type[T]) New(L *lua.LState, v T) *lua.LUserData {
	return &lua.LUserData{Value: v, Env: L.Env, Metatable: t.metatable(L)}
}

// Is returns the Go value of an object of this type.
func (t *Type[T]) Is(v lua.LValue) (T, bool) {
	if ud, ok := v.(*lua.LUserData); ok {
		x, ok := ud.Value.(T)
		return x, ok
	}
	var zero T
	return zero, false
}

func (t *Type[T]) metatable(L *lua.LState) *lua.LTable {
	if mt, ok := L.G.Registry.RawGet(t.key).(*lua.LTable); ok {
		return mt
	}
	mt := L.NewTable()
	methods := L.NewTable()
	for name, fn := range t.methods {
		op := t.name + ":" + name
		methods.RawSetString(name, L.NewFunction(func(L *lua.LState) int {
			self, ok := t.Is(L.Get(1))
			if !ok {
				luaerr.Raise(L, luaerr.New(luaerr.ETYPE, op, "%s is a method: call it with a colon, on a %s", op, t.name))
			}
			return fn(&Args{L: L, Op: op, skip: 1}, self)
		}))
	}
	mt.RawSetString("__index", L.NewFunction(func(L *lua.LState) int {
		self, _ := t.Is(L.Get(1))
		name := L.Get(2).String()
		if get, ok := t.fields[name]; ok {
			L.Push(get(L, self))
			return 1
		}
		if m := methods.RawGetString(name); m != lua.LNil {
			L.Push(m)
			return 1
		}
		e := luaerr.New(luaerr.EFIELD, "", "unknown field %q of a %s", name, t.name)
		luaerr.Raise(L, e.WithHint(luaerr.DidYouMean(name, t.names)))
		return 0
	}))
	mt.RawSetString("__newindex", L.NewFunction(func(L *lua.LState) int {
		luaerr.Raise(L, luaerr.New(luaerr.EFIELD, "", "cannot set field %q: a %s is read-only", L.Get(2).String(), t.name))
		return 0
	}))
	mt.RawSetString("__metatable", lua.LString(t.name))
	t.operators(L, mt)
	L.G.Registry.RawSet(t.key, mt)
	return mt
}

func (t *Type[T]) operators(L *lua.LState, mt *lua.LTable) {
	text := func(v lua.LValue) string {
		if self, ok := t.Is(v); ok && t.text != nil {
			return t.text(self)
		}
		if _, ok := t.Is(v); ok {
			return t.name
		}
		return v.String()
	}
	mt.RawSetString("__tostring", L.NewFunction(func(L *lua.LState) int {
		L.Push(lua.LString(text(L.Get(1))))
		return 1
	}))
	mt.RawSetString("__concat", L.NewFunction(func(L *lua.LState) int {
		L.Push(lua.LString(text(L.Get(1)) + text(L.Get(2))))
		return 1
	}))
	if t.length != nil {
		mt.RawSetString("__len", L.NewFunction(func(L *lua.LState) int {
			self, _ := t.Is(L.Get(1))
			return t.length(&Args{L: L, Op: "#" + t.name, skip: 1}, self)
		}))
	}
	if t.equal != nil {
		mt.RawSetString("__eq", L.NewFunction(func(L *lua.LState) int {
			a, okA := t.Is(L.Get(1))
			b, okB := t.Is(L.Get(2))
			L.Push(lua.LBool(okA && okB && t.equal(a, b)))
			return 1
		}))
	}
}
