package library

import (
	"math/bits"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/registry"
)

const (
	word  = "int -2147483648..4294967295" // negative numbers are their two's complement
	shift = "n: int 0..31"
)

// bitModule has the functions of LuaJIT's library of that name, but results
// without a sign.
var bitModule = registry.NewModule[struct{}]("bit", "bits of numbers of 32 bits. Results are from 0 to 4294967295").
	Example("ct> bit.band(0x2a, 0xf)\n10").
	Func("tobit(x: "+word+") -> int", "the number as 32 bits", one(func(x uint32) uint32 { return x })).Example("ct> bit.tobit(-1)\n4294967295").
	Func("bnot(x: "+word+") -> int", "every bit turned round", one(func(x uint32) uint32 { return ^x })).Example("ct> bit.bnot(0)\n4294967295").
	Func("bswap(x: "+word+") -> int", "the bytes in the other order", one(bits.ReverseBytes32)).Example("ct> bit.bswap(1)\n16777216").
	Func("band(x: "+word+", ...: "+word+") -> int", "the bits that all have", all(func(x, y uint32) uint32 { return x & y })).Example("ct> bit.band(7, 6, 12)\n4").
	Func("bor(x: "+word+", ...: "+word+") -> int", "the bits that any has", all(func(x, y uint32) uint32 { return x | y })).Example("ct> bit.bor(1, 2, 8)\n11").
	Func("bxor(x: "+word+", ...: "+word+") -> int", "the bits that differ", all(func(x, y uint32) uint32 { return x ^ y })).Example("ct> bit.bxor(5, 6)\n3").
	Func("lshift(x: "+word+", "+shift+") -> int", "moved to the left", moved(func(x uint32, n int) uint32 { return x << n })).Example("ct> bit.lshift(1, 31)\n2147483648").
	Func("rshift(x: "+word+", "+shift+") -> int", "moved to the right, zeros behind", moved(func(x uint32, n int) uint32 { return x >> n })).Example("ct> bit.rshift(-1, 28)\n15").
	Func("arshift(x: "+word+", "+shift+") -> int", "moved to the right, the highest bit behind", moved(func(x uint32, n int) uint32 { return uint32(int32(x) >> n) })).Example("ct> bit.arshift(-2, 1)\n4294967295").
	Func("rol(x: "+word+", "+shift+") -> int", "turned to the left", moved(bits.RotateLeft32)).Example("ct> bit.rol(0x80000001, 1)\n3").
	Func("ror(x: "+word+", "+shift+") -> int", "turned to the right", moved(func(x uint32, n int) uint32 { return bits.RotateLeft32(x, -n) })).Example("ct> bit.ror(3, 1)\n2147483649").
	Func("tohex(x: "+word+", digits: int -8..8 = 8) -> text", "the last digits in hexadecimal; a negative number of them is in capital letters", toHex).Example("ct> bit.tohex(255, 4), bit.tohex(0xbeef, -4)\n00ff\nBEEF")

// OpenBit makes the global bit. An argument that is no whole number from
// -2147483648 to 4294967295 is refused.
func OpenBit(L *lua.LState) { L.SetGlobal("bit", bitModule.Table(L, struct{}{})) }

func one(fn func(uint32) uint32) func(struct{}, *registry.Call) int {
	return func(_ struct{}, c *registry.Call) int { return c.Return(lua.LNumber(fn(bitsOf(c, 1)))) }
}

func all(fn func(x, y uint32) uint32) func(struct{}, *registry.Call) int {
	return func(_ struct{}, c *registry.Call) int {
		x := bitsOf(c, 1)
		for i := 2; i <= c.Len(); i++ {
			x = fn(x, bitsOf(c, i))
		}
		return c.Return(lua.LNumber(x))
	}
}

func moved(fn func(x uint32, n int) uint32) func(struct{}, *registry.Call) int {
	return func(_ struct{}, c *registry.Call) int { return c.Return(lua.LNumber(fn(bitsOf(c, 1), c.Int(2)))) }
}

func bitsOf(c *registry.Call, n int) uint32 { return uint32(int64(c.Number(n))) }

func toHex(_ struct{}, c *registry.Call) int {
	x, n, alphabet := bitsOf(c, 1), c.Int(2), "0123456789abcdef"
	if n < 0 {
		alphabet, n = "0123456789ABCDEF", -n
	}
	digits := make([]byte, n)
	for i := n - 1; i >= 0; i-- {
		digits[i] = alphabet[x&15]
		x >>= 4
	}
	return c.Return(lua.LString(digits))
}
