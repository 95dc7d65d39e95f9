package value

import (
	"reflect"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"
)

func TestConvert(t *testing.T) {
	L := lua.NewState()
	defer L.Close()
	for source, want := range map[string]any{
		`nil`: nil, `"a"`: "a", `1.5`: 1.5, `true`: true, `{}`: []any{},
		`{1, "b"}`: []any{1.0, "b"}, `{a={b={1}}}`: map[string]any{"a": map[string]any{"b": []any{1.0}}},
	} {
		if err := L.DoString("x = " + source); err != nil {
			t.Fatal(err)
		}
		got, err := ToGo(L.GetGlobal("x"))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %#v, %v; want %#v", source, got, err, want)
		}
		if back, err := ToGo(ToLua(L, got)); err != nil || !reflect.DeepEqual(back, want) {
			t.Errorf("%s comes back as %#v, %v", source, back, err)
		}
	}
	for source, want := range map[string]string{
		`{1, a=2}`: "both items and named fields", `{[1]=1, [3]=3}`: "with one at 3", `print`: "a function",
		`io.stdout`: "a userdata", `{[io.stdout]=1}`: "as a key", `(function() local t = {} t.t = t return t end)()`: "nested deeper",
	} {
		if err := L.DoString("x = " + source); err != nil {
			t.Fatal(err)
		}
		if got, err := ToGo(L.GetGlobal("x")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v; want %q", source, got, err, want)
		}
	}
}

// TestSharedTables checks that tables which hold each other many times over end
// in an error, and soon.
func TestSharedTables(t *testing.T) {
	L := lua.NewState()
	defer L.Close()
	if err := L.DoString("t = {} for i = 1, 10 do t[i] = t end"); err != nil {
		t.Fatal(err)
	}
	if _, err := ToGo(L.GetGlobal("t")); err == nil {
		t.Error("a table that holds itself was read")
	}
	if err := L.DoString("t = {1} for i = 1, 15 do t = {t, t, t, t} end"); err != nil {
		t.Fatal(err)
	}
	if _, err := ToGo(L.GetGlobal("t")); err == nil || !strings.Contains(err.Error(), "values") {
		t.Errorf("4^15 values: %v", err)
	}
}
