package json

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/registry"
	"github.com/ctsh/ctsh/lua/vm"
)

// Bounds of both directions.
const (
	maxText   = 16 << 20
	maxDepth  = 100
	maxValues = 1_000_000
	maxWhole  = 1 << 53 // up to which a Lua number holds every whole one
)

// host is the module of one script.
type host struct {
	vm    *vm.VM
	null  *lua.LUserData
	array *lua.LTable // the metatable that marks an array
}

// Open sets the global json.
func Open(v *vm.VM) {
	h := &host{vm: v, null: nullType.New(v.L, null{}), array: v.L.CreateTable(0, 0)}
	v.Set("json", module.Table(v.L, h))
}

// null is what json.null holds.
type null struct{}

var nullType = registry.NewType[null]("null", "the null of JSON where nil will not do: as an item of an array, or as a member that must be written. It counts as true in a condition").
	Example("ct> json.encode({1, json.null, gone = nil})\n[1,null]").
	Text(func(null) string { return "null" }).
	Equal(func(null, null) bool { return true })

var module = registry.NewModule[*host]("json", "reads and writes JSON, strictly. At most 16 MiB of text, 1 000 000 values and 100 levels").
	Example(`
ct> t = json.decode('{"name": "web", "ports": [80, 443]}')
ct> t.name, t.ports[2]
web
443
ct> json.encode(t)
{"name":"web","ports":[80,443]}`).
	Func("encode(value: any, options?: {indent?: int 0..8 = 0, replace?: bool}) -> text",
		"writes a value. Keys come in order, so that equal values make equal text. A list becomes an array, any other table an object; the empty table is {} unless json.array marked it. "+
			"An object of ctsh is written with its fields, or as text. With indent, nested values go on lines of their own, indented by that many spaces a level. With replace, bytes that are no UTF-8 become U+FFFD", encode).
	Raises("ETYPE for NaN, an infinity, a function, bytes that are no UTF-8, a list with gaps, a table that holds itself or is both list and object; EFBIG beyond the bounds").
	Example(`
ct> json.encode({b = {1, 2.5, "x"}, a = true, c = {}, d = json.array{}})
{"a":true,"b":[1,2.5,"x"],"c":{},"d":[]}
ct> json.encode({1, {a = 1}}, {indent = 2})
[
  1,
  {
    "a": 1
  }
]
ct> json.encode({rate = {0 / 0}})
prompt:1: json.encode: value.rate[1] is NaN, which JSON has no form for`).
	Func("decode(text: text, options?: {null?: bool}) -> any",
		"reads a value. null is nil, so a member that is null is not there, but inside an array it is json.null; with the option null it is json.null everywhere. "+
			"A number beyond 2^53 that is written in full stays text, digit for digit", decode).
	Raises("EPARSE with line and column; also for a key that is there twice and bytes that are no UTF-8; EFBIG beyond the bounds").
	Example(`
ct> json.decode('{"id": 18446744073709551615, "up": null}').id
18446744073709551615
ct> json.decode('[null, 1]')[1] == json.null
true
ct> json.decode('{"a": 1,\n "a": 2}')
prompt:1: json.decode: line 2, column 2: the key "a" is there twice`).
	Func("array(list?: table) -> table", "marks a table as an array, also while it is empty, and returns it; decode marks those that it makes", array).
	Raises("ETYPE if the table has a metatable of another kind").
	Example(`
ct> json.encode({}), json.encode(json.array())
{}
[]`).
	Value("null: null", "the null of JSON", func(_ *lua.LState, h *host) lua.LValue { return h.null })

func array(h *host, c *registry.Call) int {
	t := c.Table(1).T
	if t == nil {
		t = c.L.CreateTable(0, 0)
	}
	if t.Metatable != lua.LNil && t.Metatable != lua.LValue(h.array) {
		c.Bad("list", "it has a metatable already")
	}
	t.Metatable = h.array
	return c.Return(t)
}
