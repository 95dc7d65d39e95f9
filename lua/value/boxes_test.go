package value

import (
	"fmt"
	"math"
	"slices"
	"testing"

	lua "github.com/yuin/gopher-lua"
)

func TestBoxes(t *testing.T) {
	var b Boxes
	for _, n := range []float64{0, 1, 255, 256, 65535, 65536, -1, 1.5, math.Inf(1), math.Inf(-1), 1 << 60} {
		for range 2 {
			if got := b.Number(n); got != lua.LNumber(n) {
				t.Errorf("%v became %v", n, got)
			}
		}
	}
	if n, ok := b.Number(math.NaN()).(lua.LNumber); !ok || !math.IsNaN(float64(n)) {
		t.Error("NaN is no number any more")
	}
	for i := range 3 * maxTexts {
		text := fmt.Sprint("text ", i)
		if got := b.Text([]byte(text)); got != lua.LString(text) {
			t.Fatalf("%q became %v", text, got)
		}
		if len(b.texts) > maxTexts {
			t.Fatalf("%d texts are kept", len(b.texts))
		}
	}
	p := []byte("10.0.0.1")
	if n := testing.AllocsPerRun(100, func() { b.Number(443); b.Text(p) }); n != 0 {
		t.Errorf("%v allocations for values that are there", n)
	}
}

func TestParameters(t *testing.T) {
	L := lua.NewState()
	defer L.Close()
	for code, want := range map[string][]string{
		"return function() end": {}, "return function(src, bytes) local x = 1 end": {"src", "bytes"}, "return function(a, ...) end": nil, "return print": nil,
	} {
		if err := L.DoString(code); err != nil {
			t.Fatal(err)
		}
		got := Parameters(L.Get(-1).(*lua.LFunction))
		if !slices.Equal(got, want) || (got == nil) != (want == nil) {
			t.Errorf("%s: %v, want %v", code, got, want)
		}
	}
}
