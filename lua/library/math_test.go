package library

import (
	"fmt"
	"strings"
	"testing"
)

func TestMathDifferential(t *testing.T) {
	m := newMaker()
	var es []string
	digits := func(e string) string {
		return fmt.Sprintf("(function(x, y) return ('%%.12g'):format(x), y end)(%s)", e)
	}
	for range 400 {
		x, y := m.small(), m.small()
		for name := range functions {
			if e := "math." + name + "(" + x + ")"; name != "deg" && name != "rad" && name != "floor" {
				es = append(es, digits(e))
			} else {
				es = append(es, e)
			}
		}
		for name := range functions2 {
			es = append(es, digits(fmt.Sprintf("math.%s(%s, %s)", name, x, y)))
		}
		es = append(es, fmt.Sprintf("math.modf(%s)", x), fmt.Sprintf("math.frexp(%s)", x), fmt.Sprintf("math.max(%s, %s, %s)", x, y, m.small()),
			fmt.Sprintf("math.min(%s, '%s', %s)", x, y, m.small()))
	}
	for i := range 600 {
		es = append(es, fmt.Sprintf("math.log10(1e%d)", i-300), fmt.Sprintf("10 ^ %d == 1e%d, 2 ^ %d", i%23, i%23, i%60))
	}
	es = append(es, "math.modf(1/0)", "math.modf(-1/0)", "math.modf(0/0)", "math.huge", "-math.huge", "math.pi", "math.fmod(5, 0)", "math.fmod(1/0, 2)", "math.fmod(-6, 3) == 0", "math.max()", "math.min()",
		"math.max('x')", "math.floor('010')", "math.floor('0x1F')", "math.floor(' 7.9 ')", "math.floor({})", "math.abs()", "math.sqrt(-1)", "math.max(0/0, 1)", "math.max(1, 0/0)", "math.ldexp(1, 2000)", "math.ldexp('3', '4')",
		"math.random(0)", "math.random(2, 1)", "math.random(1, 2, 3)", "math.random('x')", "math.random(1) == 1", "math.random(5, 5)", "math.random(-3, -3)", "math.random(1.9)", "math.randomseed()")
	compare(t, es)
}

func TestRandom(t *testing.T) {
	L := state(t, nil, IO{})
	for source, want := range map[string]string{
		// Every value of a range comes up, and none else.
		"local seen, n = {}, 0 for i = 1, 2000 do local r = math.random(-2, 3) assert(r >= -2 and r <= 3 and r % 1 == 0) if not seen[r] then seen[r] = true n = n + 1 end end return n": "6",
		"for i = 1, 2000 do local r = math.random() assert(r >= 0 and r < 1) end return 'ok'":                                                                                           "ok",
		"math.randomseed(5) local a, b = math.random(), math.random(1000) math.randomseed(5) return tostring(a == math.random() and b == math.random(1000))":                            "true",
		"math.randomseed(5) local a = math.random() math.randomseed(5.5) return tostring(a == math.random())":                                                                           "false",
		"for i = 1, 100 do local r = math.random(2 ^ 60) assert(r >= 1 and r <= 2 ^ 60) end return 'ok'":                                                                                "ok",
		"for i = 1, 100 do local r = math.random(-2 ^ 53, 2 ^ 53) assert(r >= -2 ^ 53 and r <= 2 ^ 53) end return 'ok'":                                                                 "ok",
	} {
		if got, err := eval(L, source); err != nil || got != want {
			t.Errorf("%s: %s %v, want %s", source, got, err, want)
		}
	}
	for _, args := range []string{"0", "-1", "2, 1", "1/0", "-1/0, 1/0", "0/0", "1, 0/0", "-1.7e308, 1.7e308"} {
		if _, err := eval(L, "return math.random("+args+")"); err == nil || !strings.Contains(err.Error(), "no whole number") {
			t.Errorf("random(%s): %v", args, err)
		}
	}
}

func TestBit(t *testing.T) {
	L := state(t, nil, IO{})
	for source, want := range map[string]string{
		"bit.tobit(-1)": "4294967295", "bit.tobit(0xffffffff)": "4294967295", "bit.tobit(-2^31)": "2147483648", "bit.bnot(0)": "4294967295", "bit.bnot(0xff)": "4294967040",
		"bit.band(0xff0, 0x0ff)": "240", "bit.band(-1, 7)": "7", "bit.bor(1, 2, 4)": "7", "bit.bxor(0xff, 0x0f)": "240", "bit.bxor(5)": "5", "bit.band(-256, 0xffff, 0xff00)": "65280",
		"bit.lshift(1, 31)": "2147483648", "bit.lshift(3, 31)": "2147483648", "bit.rshift(-1, 28)": "15", "bit.arshift(0x80000000, 31)": "4294967295", "bit.arshift(0x40000000, 30)": "1",
		"bit.rol(0x12345678, 12)": "1164411171", "bit.ror(0x12345678, 12)": "1736516421", "bit.bswap(0x12345678)": "2018915346",
		"bit.tohex(255)": "000000ff", "bit.tohex(-1)": "ffffffff", "bit.tohex(255, 4)": "00ff", "bit.tohex(0xabcdef, -6)": "ABCDEF", "bit.tohex(0xabc, 2)": "bc", "bit.tohex(5, 0)": "",
	} {
		if got, err := eval(L, "return "+source); err != nil || got != want {
			t.Errorf("%s = %s %v, want %s", source, got, err, want)
		}
	}
	for source, want := range map[string]string{
		"bit.band(1, 2^32)": "bit.band: 4294967296 is out of range", "bit.band(-2^31-1)": "out of range", "bit.bor(1.5)": "whole number", "bit.bnot('1')": "whole number",
		"bit.bnot()": "whole number, got nil", "bit.bnot(0/0)": "whole number", "bit.bnot(1/0)": "whole number", "bit.lshift(1, 32)": `"n" of bit.lshift: 32 is out of range`, "bit.lshift(1, -1)": "out of range",
		"bit.rol(1)": "got nil", "bit.tohex(1, 9)": "out of range", "bit.bnot(1, 2)": "at most 1", "bit.lshift(1, 2, 3)": "at most 2",
	} {
		if _, err := eval(L, "return "+source); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", source, err, want)
		}
	}
}

func TestAllow(t *testing.T) {
	for _, s := range []string{"none", "all", "exec", "net", "fs", "exec,net", "exec,fs", "net,fs"} {
		if a, err := ParseAllow(s); err != nil || a.String() != s {
			t.Errorf("%s: %v %v", s, a, err)
		}
	}
	if a, err := ParseAllow(" fs, exec,net"); err != nil || a != AllowAll {
		t.Errorf("%v %v", a, err)
	}
	for s, want := range map[string]string{"": "nothing to allow", "fs,": "nothing to allow", "exce": `did you mean "exec"?`, "fs;net": "nothing to allow", "All": `did you mean "all"?`, "all,fs": "nothing to allow"} {
		if _, err := ParseAllow(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", s, err, want)
		}
	}
}
