package syntax

import (
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"
)

// TestGiven checks what the table of a filter tells of its fields.
func TestGiven(t *testing.T) {
	for source, want := range map[string]string{
		`q:where{a = x, b = 1}`: "a b", `q:where({a = 1, b = "x", c = true})`: "nil", `q:unless{a = {1, y}, b = f()}`: "a#2 b", `q:where{a = {f()}}`: "a",
		`q:where{a = {1, 2}}`: "nil", `q:where(t)`: "nil", `q:where{x, a = y}`: "nil", `q:where{[k] = 1}`: "nil", `q:other{a = x}`: "nil", `on("new", {a = x}, f)`: "a", `off("new", {a = x}, f)`: "nil",
		`q:where{a = x}:where{b = y}`: "b",
	} {
		L := lua.NewState()
		prelude := `local seen = "nil" local q = {} local function take(self, t) if type(t) == "table" and t["(given)"] then seen = t["(given)"] end return self end
			q.where, q.unless, q.other = take, take, take local function f() return 1 end local on, off, t, x, y, k = take, take, {}, nil, 2, "k" `
		chunk, err := parse.Parse(strings.NewReader(prelude+source+" return seen"), "t")
		if err != nil {
			t.Fatal(err)
		}
		proto, err := Compile(chunk, "t", nil)
		if err != nil {
			t.Fatal(err)
		}
		L.Push(L.NewFunctionFromProto(proto))
		L.Call(0, 1)
		if got := L.Get(-1).String(); got != want {
			t.Errorf("%s: %s, want %s", source, got, want)
		}
		L.Close()
	}
}
