package luatest

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/registry"
	"github.com/ctsh/ctsh/lua/vm"
)

type lamp struct{ on bool }

var lampType = registry.NewType[*lamp]("lamp", "a lamp").
	Example("ct> lamps.lamp().on\nfalse").
	Field("on: bool", "whether it is on", func(_ *lua.LState, l *lamp) lua.LValue { return lua.LBool(l.on) }).
	Method("switch() -> lamp", "turns it on or off", func(l *lamp, c *registry.Call) int {
		l.on = !l.on
		return c.Return(c.L.Get(1))
	}).
	Example("ct> l = lamps.lamp()\nct> l:switch().on,\n..> l:switch().on\ntrue\nfalse\nct> print('a')\n..> l:swich()\na\nprompt:2: a lamp has no ... did you mean \"switch\"?\n")

var lamps = registry.NewModule[int]("lamps", "lamps").
	Example("ct> lamps.lamp()\nlamp").
	Func("lamp() -> lamp", "makes a lamp", func(_ int, c *registry.Call) int { return c.Return(lampType.New(c.L, &lamp{})) }).
	Example("\nct> x = lamps.lamp()\nct> x\n...\n").
	Value("kinds: int", "how many there are", func(*lua.LState, int) lua.LValue { return lua.LNumber(7) })

func newLamps(_ *testing.T, stdout io.Writer) *vm.VM {
	v := vm.New(context.Background(), vm.Options{Stdout: stdout})
	v.Set("lamps", lamps.Table(v.L, 0))
	return v
}

func TestExamples(t *testing.T) {
	Examples(t, []*registry.Family{lampType.Family, lamps.Family}, newLamps)
}

func TestWhatNeedsAnExample(t *testing.T) {
	var paths []string
	for _, f := range []*registry.Family{lampType.Family, lamps.Family, registry.NewModule[int]("", "globals").Family} {
		for _, e := range examples(f) {
			paths = append(paths, e.path)
		}
	}
	if got := strings.Join(paths, " "); got != "lamp lamp:switch lamps lamps.lamp" {
		t.Error(got)
	}
}

func TestTranscriptsThatAreWrong(t *testing.T) {
	for _, text := range []string{"", "\n\n", "1\nct> 1", "..> 1", "ct> 1\n1\n..> 2"} {
		if steps, err := parse(text); err == nil {
			t.Errorf("%q was read as %q", text, steps)
		}
	}
}

func TestDifferences(t *testing.T) {
	var out bytes.Buffer
	v := newLamps(t, &out)
	defer v.Close()
	v.Tasks.Lock()
	defer v.Tasks.Unlock()
	for _, c := range []struct{ text, want string }{
		{"ct> 1\n2", "ct> 1\n- 2\n+ 1\n"},
		{"ct> print('a\\nb\\nc')\n..> return 4\na\nx\ny\n...\n5", "ct> print('a\\nb\\nc')\n..> return 4\n  a\n- x\n- y\n- ...\n- 5\n+ b\n+ c\n+ 4\n"},
		{"ct> print('a\\nb\\nc')\na\nc", "ct> print('a\\nb\\nc')\n  a\n+ b\n  c\n"},
		{"ct> nil\nnil", "ct> nil\n- nil\n"},
		{"ct> nil", ""},
		{"ct> error('x')", "ct> error('x')\n+ prompt:1: x\n"},
		{"ct> (('x '):rep(2))\nx x", ""},
	} {
		steps, err := parse(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if got := steps[0].check(v, &out); got != c.want {
			t.Errorf("%q:\n%s\nwant\n%s", c.text, got, c.want)
		}
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"a", "a", true}, {"a", "b", false}, {"a|b", "a", false}, {"a", "a|b", false},
		{"...", "a|b|c", true}, {"a|...", "a", true}, {"...|c", "a|b|c", true}, {"...|c", "a|b", false},
		{"a|...|b|...|c", "a|b|b|x|c", true}, {"a|...|b|...|c", "a|x|c", false}, {"...|...", "", true},
		{"a...", "abc", true}, {"a...c", "abc", true}, {"a...c", "ac", true}, {"a...c", "ab", false},
		{"a...b...c", "a b x c", true}, {"a...b...b", "a b", false}, {"x...", "abc", false}, {"aa...aa", "aaa", false},
		{strings.Repeat("...|a|", 200) + "b", strings.Repeat("a|", 2000) + "c", false},
	} {
		split := func(s string) []string {
			if s == "" {
				return nil
			}
			return strings.Split(s, "|")
		}
		if got := matchLines(split(c.pattern), split(c.text)); got != c.want {
			t.Errorf("%.40q on %.40q: %v", c.pattern, c.text, got)
		}
	}
}
