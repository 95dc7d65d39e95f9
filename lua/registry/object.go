package registry

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/value"
)

// ShowKey is where a metatable holds the function that a prompt calls to show
// an object.
const ShowKey = "__show"

// Type makes Lua objects of Go values: fields that are read when asked for,
// methods, operators, and how an object prints. It is filled once, at start,
// and then only read. Reading a field costs a map look-up and a call, no
// reflection.
type Type[T any] struct {
	*Family
	key     *lua.LUserData // finds the metatable in the registry of a state
	fields  map[string]func(*lua.LState, T) lua.LValue
	methods map[string]method[T]
	names   []string
	more    func(*lua.LState, T, string) (lua.LValue, bool)
	others  func(T) []string
	text    func(T) string
	show    func(*Call, T) string
	length  func(*Call, T) int
	plus    [2]func(*Call, T, T) int // by operators
	equal   func(a, b T) bool
	call    method[T]
}

type method[T any] struct {
	decl *Decl
	fn   func(T, *Call) int
}

// NewType declares a type. Its name is what scripts call such an object:
// "flow".
func NewType[T any](name, doc string) *Type[T] {
	return &Type[T]{Family: newFamily(name, doc, false), key: &lua.LUserData{Value: name},
		fields: map[string]func(*lua.LState, T) lua.LValue{}, methods: map[string]method[T]{}}
}

// Field declares `name: type`. get returns nil where the object lacks it.
func (t *Type[T]) Field(text, doc string, get func(*lua.LState, T) lua.LValue) *Type[T] {
	d := t.add(KindField, text, doc)
	name := nameOf(d.Text)
	t.fields[name] = get
	t.names = append(t.names, name)
	return t
}

// Method declares a method. Its arguments are counted without the object.
func (t *Type[T]) Method(sig, doc string, fn func(T, *Call) int) *Type[T] {
	d := t.add(KindMethod, sig, doc)
	name := nameOf(sig)
	t.methods[name] = method[T]{d, fn}
	t.names = append(t.names, name)
	return t
}

// More adds fields that differ from object to object: get returns one, or
// false where there is none of that name, and names lists them for
// suggestions.
func (t *Type[T]) More(get func(*lua.LState, T, string) (lua.LValue, bool), names func(T) []string) *Type[T] {
	t.more, t.others = get, names
	return t
}

// Example gives the last member an example, or before the first one the type.
func (t *Type[T]) Example(text string) *Type[T] { t.example(text); return t }

// Raises says what the last member raises beyond a bad argument.
func (t *Type[T]) Raises(text string) *Type[T] { t.last().Errors = text; return t }

// Since says with which version the last member came.
func (t *Type[T]) Since(version string) *Type[T] { t.last().Since = version; return t }

// Text sets what tostring and .. use.
func (t *Type[T]) Text(fn func(T) string) *Type[T] { t.text = fn; return t }

// Show sets what a prompt shows of an object, where that is more than its
// text. It may take its time.
func (t *Type[T]) Show(fn func(*Call, T) string) *Type[T] { t.show = fn; return t }

// Plus sets what + does with two objects of the type.
func (t *Type[T]) Plus(fn func(c *Call, a, b T) int) *Type[T] { t.plus[0] = fn; return t }

// Minus sets what - does with two objects of the type.
func (t *Type[T]) Minus(fn func(c *Call, a, b T) int) *Type[T] { t.plus[1] = fn; return t }

// Len sets what # does.
func (t *Type[T]) Len(fn func(*Call, T) int) *Type[T] { t.length = fn; return t }

// Equal sets what == does.
func (t *Type[T]) Equal(fn func(a, b T) bool) *Type[T] { t.equal = fn; return t }

// Call sets what a call of the object does.
func (t *Type[T]) Call(sig, doc string, fn func(T, *Call) int) *Type[T] {
	d := t.add(KindMethod, sig, doc)
	d.Path = t.Name
	t.call = method[T]{d, fn}
	return t
}

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

// described says what a value is, for messages: an object by its type.
func described(v lua.LValue) string {
	if name := TypeName(v); name != "" {
		return article(name)
	}
	return value.Describe(v)
}

// TypeName is what an object of a declared type is called, "" for any other
// value.
func TypeName(v lua.LValue) string {
	ud, ok := v.(*lua.LUserData)
	if !ok {
		return ""
	}
	mt, ok := ud.Metatable.(*lua.LTable)
	if !ok {
		return ""
	}
	name, _ := mt.RawGetString("__metatable").(lua.LString)
	return string(name)
}

func (t *Type[T]) metatable(L *lua.LState) *lua.LTable {
	if mt, ok := L.G.Registry.RawGet(t.key).(*lua.LTable); ok {
		return mt
	}
	mt := L.NewTable()
	methods := L.NewTable()
	for name, m := range t.methods {
		methods.RawSetString(name, t.bind(L, m))
	}
	mt.RawSetString("__index", L.NewFunction(func(L *lua.LState) int { return t.index(L, methods) }))
	mt.RawSetString("__newindex", L.NewFunction(func(L *lua.LState) int {
		luaerr.Raise(L, luaerr.New(luaerr.EFIELD, "", "cannot set field %q: %s is read-only", L.Get(2).String(), article(t.Name)))
		return 0
	}))
	mt.RawSetString("__metatable", lua.LString(t.Name))
	t.operators(L, mt)
	L.G.Registry.RawSet(t.key, mt)
	return mt
}

// bind makes a Lua function of a method.
func (t *Type[T]) bind(L *lua.LState, m method[T]) *lua.LFunction {
	return remember(L, m.decl, L.NewFunction(func(L *lua.LState) int {
		self, ok := t.Is(L.Get(1))
		if !ok {
			e := luaerr.New(luaerr.ETYPE, m.decl.Path, "%s is a method of %s", m.decl.Path, article(t.Name))
			luaerr.Raise(L, e.WithHint("call it with a colon: x:"+nameOf(m.decl.Text)+"(...)"))
		}
		c := &Call{L: L, decl: m.decl, skip: 1}
		c.check()
		return m.fn(self, c)
	}))
}

func (t *Type[T]) index(L *lua.LState, methods *lua.LTable) int {
	self, _ := t.Is(L.Get(1))
	name, ok := L.Get(2).(lua.LString)
	if get := t.fields[string(name)]; ok && get != nil {
		L.Push(get(L, self))
		return 1
	}
	if m := methods.RawGetString(string(name)); ok && m != lua.LNil {
		L.Push(m)
		return 1
	}
	names := t.names
	if t.more != nil {
		if v, found := t.more(L, self, string(name)); ok && found {
			L.Push(v)
			return 1
		}
		names = append(t.others(self), names...)
	}
	text := L.Get(2).String()
	e := luaerr.New(luaerr.EFIELD, "", "%s has no field or method %q", article(t.Name), text)
	luaerr.Raise(L, e.WithHint(luaerr.DidYouMean(text, names)))
	return 0
}

func (t *Type[T]) operators(L *lua.LState, mt *lua.LTable) {
	text := func(v lua.LValue) string {
		self, ok := t.Is(v)
		switch {
		case !ok:
			return v.String()
		case t.text == nil:
			return t.Name
		}
		return t.text(self)
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
		decl := &Decl{Path: "#" + t.Name, Kind: KindMethod, Text: "len()"}
		mt.RawSetString("__len", L.NewFunction(func(L *lua.LState) int {
			self, _ := t.Is(L.Get(1))
			return t.length(&Call{L: L, decl: decl, skip: 1}, self)
		}))
	}
	for i, op := range [...]struct{ key, sign string }{{"__add", "+"}, {"__sub", "-"}} {
		if fn := t.plus[i]; fn != nil {
			decl := &Decl{Path: op.sign, Kind: KindMethod, Text: "operator(other: any)"}
			mt.RawSetString(op.key, L.NewFunction(func(L *lua.LState) int {
				a, okA := t.Is(L.Get(1))
				b, okB := t.Is(L.Get(2))
				if !okA || !okB {
					luaerr.Raise(L, luaerr.New(luaerr.ETYPE, op.sign, "%s %s %s: both must be %s",
						described(L.Get(1)), op.sign, described(L.Get(2)), article(t.Name)))
				}
				return fn(&Call{L: L, decl: decl, skip: 1}, a, b)
			}))
		}
	}
	if t.show != nil {
		decl := &Decl{Path: t.Name, Kind: KindMethod, Text: "show()"}
		mt.RawSetString(ShowKey, L.NewFunction(func(L *lua.LState) int {
			self, _ := t.Is(L.Get(1))
			L.Push(lua.LString(t.show(&Call{L: L, decl: decl, skip: 1}, self)))
			return 1
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
	if t.call.fn != nil {
		mt.RawSetString("__call", t.bind(L, t.call))
	}
}
