package library

import (
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
)

const degree = math.Pi / 180

// functions of one number.
var functions = map[string]func(float64) float64{
	"abs": math.Abs, "acos": math.Acos, "asin": math.Asin, "atan": math.Atan, "ceil": math.Ceil, "cos": math.Cos,
	"cosh": math.Cosh, "deg": func(x float64) float64 { return x / degree }, "exp": math.Exp, "floor": math.Floor,
	"log": math.Log, "log10": log10, "rad": func(x float64) float64 { return x * degree }, "sin": math.Sin,
	"sinh": math.Sinh, "sqrt": math.Sqrt, "tan": math.Tan, "tanh": math.Tanh,
}

// functions2 are those of two. mod is an old name of fmod.
var functions2 = map[string]func(x, y float64) float64{
	"atan2": math.Atan2, "fmod": math.Mod, "mod": math.Mod, "pow": math.Pow,
	"ldexp": func(x, n float64) float64 { return math.Ldexp(x, int(max(-1<<20, min(n, 1<<20)))) },
}

// OpenMath makes the global math ours. Random numbers differ from run to run
// until math.randomseed was called.
func OpenMath(L *lua.LState) {
	m := L.RegisterModule(lua.MathLibName, nil).(*lua.LTable)
	for name, fn := range functions {
		m.RawSetString(name, L.NewFunction(func(L *lua.LState) int {
			L.Push(lua.LNumber(fn(stringArgs{L, "math." + name}.float(1, "x"))))
			return 1
		}))
	}
	for name, fn := range functions2 {
		m.RawSetString(name, L.NewFunction(func(L *lua.LState) int {
			a := stringArgs{L, "math." + name}
			L.Push(lua.LNumber(fn(a.float(1, "x"), a.float(2, "y"))))
			return 1
		}))
	}
	r := &random{rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))}
	for name, fn := range map[string]lua.LGFunction{"frexp": mathFrexp, "max": mathMax, "min": mathMin, "modf": mathModf,
		"random": r.random, "randomseed": r.seed} {
		m.RawSetString(name, L.NewFunction(fn))
	}
	m.RawSetString("pi", lua.LNumber(math.Pi))
	m.RawSetString("huge", lua.LNumber(math.Inf(1)))
}

// log10 is exact for powers of ten, which that of Go is not.
func log10(x float64) float64 {
	const near = 1e-9
	y := math.Log10(x)
	n := math.Round(y)
	if math.Abs(y-n) < near {
		if power, err := strconv.ParseFloat("1e"+strconv.Itoa(int(n)), 64); err == nil && power == x {
			return n
		}
	}
	return y
}

func mathFrexp(L *lua.LState) int {
	m, e := math.Frexp(stringArgs{L, "math.frexp"}.float(1, "x"))
	L.Push(lua.LNumber(m))
	L.Push(number(e))
	return 2
}

// mathModf splits a number at the point; what is infinite has no fraction.
func mathModf(L *lua.LState) int {
	x := stringArgs{L, "math.modf"}.float(1, "x")
	whole, fraction := math.Modf(x)
	if math.IsInf(x, 0) {
		fraction = math.Copysign(0, x)
	}
	L.Push(lua.LNumber(whole))
	L.Push(lua.LNumber(fraction))
	return 2
}

func mathMax(L *lua.LState) int {
	return extreme(stringArgs{L, "math.max"}, func(x, best float64) bool { return x > best })
}

func mathMin(L *lua.LState) int {
	return extreme(stringArgs{L, "math.min"}, func(x, best float64) bool { return x < best })
}

// extreme returns the argument that is better than all before it.
func extreme(a stringArgs, better func(x, best float64) bool) int {
	best := a.float(1, "")
	for i := 2; i <= a.L.GetTop(); i++ {
		if x := a.float(i, ""); better(x, best) {
			best = x
		}
	}
	a.L.Push(lua.LNumber(best))
	return 1
}

// random are the random numbers of one state.
type random struct{ *rand.Rand }

// random returns a number from 0 up to 1, a whole one from 1 to m, or one from
// m to n.
func (r *random) random(L *lua.LState) int {
	a := stringArgs{L, "math.random"}
	if L.GetTop() == 0 {
		L.Push(lua.LNumber(r.Float64()))
		return 1
	}
	if L.GetTop() > 2 {
		a.raise(luaerr.ETYPE, "wrong number of arguments of %s, got %d", a.op, L.GetTop())
	}
	lo, hi, last := 1.0, math.Trunc(a.float(1, "m")), "m"
	if L.GetTop() == 2 {
		lo, hi, last = hi, math.Trunc(a.float(2, "n")), "n"
	}
	if size := hi - lo; !(size >= 0) || math.IsInf(size, 0) {
		a.bad(L.GetTop(), last, "there is no whole number from %s to %s", FormatNumber(lo), FormatNumber(hi))
	}
	L.Push(lua.LNumber(min(hi, lo+math.Floor(r.Float64()*(hi-lo+1)))))
	return 1
}

// seed makes the numbers to come depend on nothing else.
func (r *random) seed(L *lua.LState) int {
	r.Rand = rand.New(rand.NewPCG(math.Float64bits(stringArgs{L, "math.randomseed"}.float(1, "seed")), 0))
	return 0
}
