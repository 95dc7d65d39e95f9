package json

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"
	"pgregory.net/rapid"

	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/luatest"
	"github.com/ctsh/ctsh/lua/registry"
	"github.com/ctsh/ctsh/lua/vm"
)

// newVM returns a state with json and a few objects of Go, its turn held.
func newVM(t testing.TB, stdout io.Writer) *vm.VM {
	v := vm.New(context.Background(), vm.Options{Stdout: stdout})
	t.Cleanup(v.Close)
	Open(v)
	v.Set("flow", flowType.New(v.L, flow{`{"b": [1, null], "a": "x\u009b", "big": 18446744073709551615}`}))
	v.Set("broken", flowType.New(v.L, flow{`{"b"`}))
	v.Set("long", lua.LString(strings.Repeat("x", maxText+1)))
	v.Set("plain", plainType.New(v.L, 7))
	return v
}

type flow struct{ text string }

func (f flow) MarshalJSON() ([]byte, error) { return []byte(f.text), nil }

var (
	flowType  = registry.NewType[flow]("testflow", "marshals itself")
	plainType = registry.NewType[int]("testplain", "prints itself").Text(func(n int) string { return "seven" })
)

func TestExamples(t *testing.T) {
	luatest.Examples(t, []*registry.Family{module.Family, nullType.Family}, func(t *testing.T, stdout io.Writer) *vm.VM {
		v := vm.New(context.Background(), vm.Options{Stdout: stdout})
		Open(v)
		return v
	})
}

func TestScripts(t *testing.T) {
	var out bytes.Buffer
	v := newVM(t, &out)
	deep := func(n int) string { return strings.Repeat("{", n) + strings.Repeat("}", n) }
	for _, c := range []struct{ code, want string }{
		{`json.encode(0), json.encode(-0), json.encode(2^53), json.encode(-2^53), json.encode(2^60), json.encode(1e300), json.encode(1e-9), json.encode(0.1), json.encode(123456.75)`,
			"0 0 9007199254740992 -9007199254740992 1.152921504606847e+18 1e+300 1e-09 0.1 123456.75"},
		{`json.encode(true), json.encode("a/b<&>"), json.encode(json.null)`, `true "a/b<&>" null`},
		{`json.encode('"\\\b\f\n\r\t\0\127\194\155\226\128\168\226\128\174é😀')`, `"\"\\\b\f\n\r\t\u0000\u007f\u009b\u2028\u202eé😀"`},
		{`json.encode({1, {}, {x = {}}}), json.encode(json.array({})), json.encode({json.array{}, json.array{1}})`, `[1,{},{"x":{}}] [] [[],[1]]`},
		{`json.encode({b = 1, a = 2, B = 3, [""] = 4, ["é"] = 5})`, `{"":4,"B":3,"a":2,"b":1,"é":5}`},
		{`json.encode({a = {1, 2}, b = {}, c = json.array()}, {indent = 1})`, "{\n \"a\": [\n  1,\n  2\n ],\n \"b\": {},\n \"c\": []\n}"},
		{`json.encode(flow)`, `{"a":"x\u009b","b":[1,null],"big":"18446744073709551615"}`}, {`json.encode({plain, flow}, {indent = 1})`, "[\n \"seven\",\n {\n  \"a\": \"x\\u009b\",\n  \"b\": [\n   1,\n   null\n  ],\n  \"big\": \"18446744073709551615\"\n }\n]"},
		{`json.encode(broken)`, `line 1, column 5: want ":", got the end of the text`},
		{`json.encode("\255x", {replace = true}), json.encode({["\255"] = "\237\160\128"}, {replace = true})`, `"` + "\ufffd" + `x" {"` + "\ufffd" + `":"` + "\ufffd\ufffd\ufffd" + `"}`},
		{`json.encode({a = {"ok", "\255"}})`, "json.encode: value.a[2] has bytes that are no UTF-8, from byte 1 on; json.encode(value, {replace = true}) replaces them"},
		{`json.encode({["a b"] = {x = print}})`, `value["a b"].x is a function, which JSON has no form for`}, {`json.encode({1 / 0})`, "value[1] is infinite"}, {`json.encode(nil)`, "want a value, got nil"}, {`json.encode()`, "want a value"},
		{`json.encode({1, nil, 3})`, "value is a list of 2 items, but has none at 2; put json.null there"}, {`json.encode({1, x = 2})`, `value has both items and named fields, such as "x"`},
		{`json.encode({[80] = 3})`, "value is a list of 1 items, but has none at 1"}, {`json.encode({a = {[1.5] = 3}})`, "value.a has the key 1.5"}, {`json.encode({[true] = 3})`, "value has true as a key"}, {`json.encode({[2 ^ 40] = 3})`, "has the key 1099511627776"},
		{`json.encode(json.array{x = 1})`, `value is a json.array with the named field "x"`}, {`json.array(setmetatable({}, {}))`, "it has a metatable already"}, {`json.array(json.array{1}) ~= nil`, "true"},
		{`t = {} t.a = {t} json.encode({x = t})`, "value.x.a[1] is value.x itself"}, {`t = {} t.t = t json.encode(t)`, "value.t is value itself"},
		{`t = {} x = t for i = 1, 99 do x.x = {} x = x.x end return #json.encode(t)`, "596"}, {`t = {} x = t for i = 1, 100 do x.x = {} x = x.x end return #json.encode(t)`, ".x.x.x is nested deeper than 100"},
		{`t = {} for i = 1, 60 do t = {t, t} end json.encode(t)`, "longer than 16 MiB"}, {`json.encode({("x"):rep(2 ^ 24), ("x"):rep(2 ^ 24)})`, "longer than 16 MiB"}, {`json.encode(("\1"):rep(2 ^ 22))`, "longer than"},
		{`t = {} for i = 1, 99 do t = {t} end return #json.encode(t, {indent = 8})`, "78806"}, {`t = {} for i = 1, 3e4 do t[i] = i end for i = 1, 99 do t = {t} end json.encode(t, {indent = 8})`, "longer than 16 MiB"},

		{`json.decode("1"), json.decode(" -0.5e1 "), json.decode("\ttrue\r\n"), json.decode('"x"'), json.decode("false")`, "1 -5 true x false"}, {`json.decode("null")`, ""}, {`json.decode("null", {null = true})`, "null"},
		{`("%d"):format(json.decode("9007199254740992")), json.decode("9007199254740993"), type(json.decode("9007199254740993")), json.decode("-9007199254740993")`, "9007199254740992 9007199254740993 string -9007199254740993"},
		{`json.decode("12345678901234567890.5"), type(json.decode("1e300")), json.decode("1e400"), json.decode("1E-400"), type(json.decode("0.1234567890123456789"))`, "12345678901234567890.5 number 1e400 0 number"},
		{`json.decode('"\\u00e9\\ud83d\\ude00\\n\\/\\u0000"') == "é😀\n/\0"`, "true"},
		{`t = json.decode('{"a": [1, [], {}], "b": {"c": null}}') return json.encode(t), t.b.c == nil, #t.a, json.encode(t.a[2])`, `{"a":[1,[],{}],"b":{}} true 3 []`},
		{`t = json.decode('{"c": null}', {null = true}) return json.encode(t), t.c == json.null, tostring(t.c)`, `{"c":null} true null`},
		{`json.decode('[null,1]')[1] == json.null and #json.decode('[null,null]') == 2`, "true"},
		{`for k, x in pairs(json.decode('{"z": 1, "a": 2, "m": 3}')) do print(k, x) end`, "z\t1\na\t2\nm\t3\n"},
		{`json.decode("")`, "line 1, column 1: want a value, got the end of the text"}, {`json.decode("[1,]")`, `column 4: want a value, got "]"`}, {`json.decode("[1 2]")`, `want "," or "]", got "2"`}, {`json.decode("{,}")`, `want a key in double quotes, got ","`},
		{`json.decode("é")`, `got "é"`}, {`json.decode("[\n 1,\n é]")`, "line 3, column 2"}, {`json.decode("[\"é\", x]")`, "line 1, column 7"}, {`json.decode("{'a': 1}")`, `want a key in double quotes, got "'"`},
		{`json.decode("{\"a\" 1}")`, `want ":", got "1"`}, {`json.decode("1 1")`, "want the end of the text"}, {`json.decode("01")`, `want the end of the text, got "1"`}, {`json.decode("-")`, "want a digit, got the end"}, {`json.decode("1.")`, "want a digit"}, {`json.decode("1e+")`, "want a digit"}, {`json.decode("+1")`, "want a value"},
		{`json.decode("NaN")`, "want a value"}, {`json.decode("nul")`, "want a value"}, {`json.decode("nullx")`, "want the end"}, {`json.decode("\239\187\1911")`, "want a value"}, {`json.decode("\0")`, `got "\x00"`}, {`json.decode("1\0")`, "want the end of the text"},
		{`json.decode('"a')`, "want the quote that ends a string, got the end"}, {`json.decode('"a\nb"')`, `the control character '\n' inside a string`}, {`json.decode('"\\x"')`, "want an escape"}, {`json.decode('"\\u12g4"')`, "want an escape"}, {`json.decode('"\\u1')`, "want an escape"}, {`json.decode('"\\')`, "want an escape"},
		{`json.decode('"\\ud83d"')`, "half of a surrogate pair"}, {`json.decode('"\\ude00\\ud83d"')`, "half of a surrogate pair"}, {`json.decode('"\\ud83d\\u0041"')`, "half of a surrogate pair"}, {`json.decode('"\255"')`, "column 2: the byte 0xff is no UTF-8"},
		{`json.decode('{"a": 1, "b": {"a": 2}, "a": null}')`, `column 25: the key "a" is there twice`}, {`json.decode('{"a": null, "a": 1}')`, "there twice"}, {`json.decode('{"a": null, "a": null}')`, "there twice"},
		{`json.encode(json.decode(("["):rep(100) .. ("]"):rep(100))) == ("["):rep(100) .. ("]"):rep(100)`, "true"}, {`json.decode(("["):rep(101) .. ("]"):rep(101))`, "column 101: nested deeper than 100"}, {`json.decode(("["):rep(2 ^ 24))`, "deeper than"}, {`json.decode(("{\"a\":"):rep(2 ^ 20))`, "deeper than"},
		{`json.decode(long)`, "16777217 bytes of text, at most 16777216"}, {`json.decode("[" .. ("{},"):rep(1e6) .. "1]")`, "more than 1000000 values"}, {`#json.decode("[" .. ("1,"):rep(1e6 - 2) .. "1]")`, "999999"},
		{`json.decode('` + deep(2) + `')`, "want a key"}, {`json.decode(1)`, "want a string"},
	} {
		out.Reset()
		values, err := v.Show(context.Background(), "t", c.code)
		got := out.String() + strings.Join(values, " ")
		if err != nil {
			got = err.Error()
		}
		if got != c.want && (err == nil || !strings.Contains(got, c.want)) {
			t.Errorf("%s:\ngot  %.300s\nwant %s", c.code, got, c.want)
		}
	}
	if v.Panics() > 0 {
		t.Errorf("%d panics", v.Panics())
	}
}

// TestInterruption checks that what takes long can be ended.
func TestInterruption(t *testing.T) {
	v := newVM(t, io.Discard)
	if err := v.Run("t", `big = {} for i = 1, 5e5 do big[i] = i end text = json.encode(big)`); err != nil {
		t.Fatal(err)
	}
	for _, code := range []string{"while true do pcall(json.encode, big) end", "while true do pcall(json.decode, text) end"} {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		begin := time.Now()
		_, err := v.Show(ctx, "t", code)
		cancel()
		if !errors.Is(err, luaerr.ETIMEDOUT) || time.Since(begin) > 20*time.Second {
			t.Errorf("%s: %v after %s", code, err, time.Since(begin))
		}
	}
}

// convert calls encode or decode from Go.
func convert(v *vm.VM, x any, name string) (lua.LValue, error) {
	arg, ok := x.(lua.LValue)
	if !ok {
		arg = lua.LString(x.(string))
	}
	fn := v.L.GetField(v.L.GetGlobal("json"), name).(*lua.LFunction)
	results, err := v.Call(v.L, fn, 1, arg)
	if err != nil {
		return nil, err
	}
	return results[0], nil
}

// plain turns a Lua value into a Go one that can be compared.
func plain(v lua.LValue) any {
	t, ok := v.(*lua.LTable)
	if !ok {
		if _, null := nullType.Is(v); null {
			return nil
		}
		return v
	}
	m := map[any]any{}
	t.ForEach(func(k, x lua.LValue) { m[k] = plain(x) })
	return m
}

// values draws Lua values that JSON has a form for.
func values(L *lua.LState, depth int) *rapid.Generator[lua.LValue] {
	kinds := []*rapid.Generator[lua.LValue]{
		rapid.Map(rapid.Bool(), func(b bool) lua.LValue { return lua.LBool(b) }),
		rapid.Map(rapid.String(), func(s string) lua.LValue { return lua.LString(strings.ToValidUTF8(s, "?")) }),
		rapid.Map(rapid.Float64().Filter(func(f float64) bool { return !math.IsInf(f, 0) && !math.IsNaN(f) }), func(f float64) lua.LValue { return lua.LNumber(f) }),
		rapid.Map(rapid.Int64Range(-maxWhole, maxWhole), func(n int64) lua.LValue { return lua.LNumber(n) }),
	}
	if depth > 0 {
		kinds = append(kinds, rapid.Custom(func(t *rapid.T) lua.LValue {
			list := L.NewTable()
			for _, x := range rapid.SliceOfN(values(L, depth-1), 0, 5).Draw(t, "items") {
				list.Append(x)
			}
			return list
		}), rapid.Custom(func(t *rapid.T) lua.LValue {
			object := L.NewTable()
			for k, x := range rapid.MapOfN(rapid.String(), values(L, depth-1), 0, 5).Draw(t, "members") {
				object.RawSetString(strings.ToValidUTF8(k, "?"), x)
			}
			return object
		}))
	}
	return rapid.OneOf(kinds...)
}

// TestRoundTrip checks that what was written reads back as it was, and the
// same again in the same text.
func TestRoundTrip(t *testing.T) {
	v := newVM(t, io.Discard)
	rapid.Check(t, func(t *rapid.T) {
		x := values(v.L, 4).Draw(t, "value")
		text, err := convert(v, x, "encode")
		if err != nil {
			t.Fatal(err)
		}
		back, err := convert(v, text.String(), "decode")
		if err != nil || !reflect.DeepEqual(plain(x), plain(back)) {
			t.Fatalf("%s: %v, %v", text, plain(back), err)
		}
		again, err := convert(v, back, "encode")
		if err != nil || again != text {
			t.Fatalf("%s, then %s, %v", text, again, err)
		}
		if !json.Valid([]byte(text.String())) {
			t.Fatalf("not valid: %s", text)
		}
	})
}

// FuzzDecode checks that no text does more than fail, and that what is read is
// what encoding/json takes, except for what is refused on purpose.
func FuzzDecode(f *testing.F) {
	for _, text := range []string{`{"a":[1,-2.5e3,"x\u00e9\ud83d\ude00",true,null,{}]}`, "[[[[", `"\ud800"`, "1e400", "18446744073709551615", `{"a":1,"a":2}`, "\xff", " \n1\t", "-0", `{"":{"":{}}}`} {
		f.Add(text)
	}
	v := newVM(f, io.Discard)
	f.Fuzz(func(t *testing.T, text string) {
		x, err := convert(v, text, "decode")
		if v.Panics() > 0 {
			t.Fatal("a panic")
		}
		valid := json.Valid([]byte(text))
		var own *luaerr.Error
		switch {
		case err == nil && (!valid || !utf8.ValidString(text)):
			t.Fatalf("%q was read", text)
		case err != nil && (!errors.As(err, &own) || own.Code != luaerr.EPARSE || !strings.Contains(own.Msg, "line ")):
			t.Fatalf("%q: %v", text, err)
		case err != nil && valid:
			for _, purpose := range []string{"is there twice", "no UTF-8", "surrogate pair", "nested deeper"} {
				if strings.Contains(own.Msg, purpose) {
					return
				}
			}
			t.Fatalf("%q was refused: %v", text, err)
		case err != nil || x == lua.LNil:
			return
		}
		again, err := convert(v, x, "encode")
		if err != nil {
			t.Fatalf("%q does not go back: %v", text, err)
		}
		back, err := convert(v, again.String(), "decode")
		if err != nil || !reflect.DeepEqual(plain(back), plain(x)) {
			t.Fatalf("%q became %s, %v", text, again, err)
		}
	})
}

func BenchmarkEncode(b *testing.B) { benchmark(b, "encode") }
func BenchmarkDecode(b *testing.B) { benchmark(b, "decode") }

func benchmark(b *testing.B, name string) {
	text := `{"flows":[` + strings.Repeat(`{"src":"10.0.0.1","dst":"192.0.2.7","sport":51342,"dport":443,"proto":"tcp","bytes":1234567.5,"nat":null},`, 999) + `{}]}`
	v := newVM(b, io.Discard)
	x, err := convert(v, text, "decode")
	if err != nil {
		b.Fatal(err)
	}
	var arg any = x
	if name == "decode" {
		arg = text
	}
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := convert(v, arg, name); err != nil {
			b.Fatal(err)
		}
	}
}
