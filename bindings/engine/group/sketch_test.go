package group

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ctsh/ctsh/bindings/engine/field"
)

// only is the one number of an ungrouped table.
func only(t *testing.T, tab *Table) (n float64) {
	t.Helper()
	err := tab.Each(func(r *field.Row) error {
		v, ok := tab.Fields().Fields()[0].Of(r)
		if !ok {
			t.Fatal("absent")
		}
		n = v.Num
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestPercentiles(t *testing.T) {
	rnd := rand.New(rand.NewPCG(9, 10))
	for name, draw := range map[string]func() float64{
		"bytes":     func() float64 { return math.Floor(math.Exp(rnd.Float64() * 36)) },
		"seconds":   func() float64 { return rnd.ExpFloat64() * 30 },
		"ports":     func() float64 { return float64(rnd.IntN(65536)) },
		"small":     func() float64 { return float64(rnd.IntN(100)) },
		"mostly 0":  func() float64 { return max(0, float64(rnd.IntN(100))-90) },
		"0 and 0.5": func() float64 { return max(0, float64(rnd.IntN(100))/2-40) },
		"negative":  func() float64 { return rnd.NormFloat64() * 1000 },
		"-whole":    func() float64 { return -float64(rnd.IntN(100000)) },
	} {
		for _, n := range []int{1, 2, exactValues, exactValues + 1, 50_000} {
			var list []float64
			for range n {
				list = append(list, draw())
			}
			sorted := slices.Clone(list)
			slices.Sort(sorted)
			for _, p := range []float64{0, 1, 50, 90, 99.9, 100} {
				tab := mustNew(t, nil, Options{}, Aggregate{Name: "p", Func: "pct", Of: columns[1], Arg: p})
				r := newCellRow()
				for _, v := range list {
					tab.Add(r.set(0, v))
				}
				got, want := only(t, tab), sorted[rank(p, uint64(n))]
				off := 0.01 * math.Abs(want)
				if n <= exactValues {
					off = 0
				}
				if name == "small" || name == "mostly 0" {
					off = 0 // whole numbers below 128 stay exact
				}
				if math.Abs(got-want) > off {
					t.Errorf("%v %% of %d %s: %v, want %v", p, n, name, got, want)
				}
				if est := tab.Estimated(); (len(est) == 1) != (n > exactValues) {
					t.Errorf("%d values: estimated %v", n, est)
				}
			}
		}
	}
}

func TestRank(t *testing.T) {
	for _, c := range []struct {
		p    float64
		n    uint64
		want int
	}{{0, 10, 0}, {100, 10, 9}, {50, 10, 4}, {50, 11, 5}, {95, 100, 94}, {99.9, 1000, 998}, {1, 1, 0}, {90, 10, 8}, {91, 10, 9}} {
		if got := rank(c.p, c.n); got != c.want {
			t.Errorf("rank of %v %% of %d is %d, want %d", c.p, c.n, got, c.want)
		}
	}
}

func TestOrdered(t *testing.T) {
	list := []float64{math.Inf(-1), -math.MaxFloat64, -1e9, -2, -1, -1e-300, 0, 1e-300, 1, 1.5, 1e18, math.MaxFloat64, math.Inf(1)}
	for i, n := range list {
		if unordered(ordered(n)) != n {
			t.Errorf("%v comes back as %v", n, unordered(ordered(n)))
		}
		if i > 0 && ordered(n) <= ordered(list[i-1]) {
			t.Errorf("%v is not behind %v", n, list[i-1])
		}
		if n-n == 0 && n != 0 && math.Abs(n) > 1e-290 {
			if m := middle(ordered(n)>>countBits, true); math.Abs(m-n) > 0.01*math.Abs(n) {
				t.Errorf("%v is taken for %v", n, m)
			}
		}
	}
}

func TestUniq(t *testing.T) {
	for _, kind := range []string{"number", "text"} {
		of := columns[1]
		if kind == "text" {
			of = columns[2]
		}
		tab := mustNew(t, nil, Options{}, Aggregate{Name: "u", Func: "uniq", Of: of})
		r := newCellRow()
		worst, squares, looks := 0.0, 0.0, 0
		for i := 1; i <= 300_000; i++ {
			r.set(0, float64(i))
			if kind == "text" {
				r.cells[2] = field.Cell{Value: field.Value{Str: fmt.Sprint("name ", i)}, Has: true}
			}
			tab.Add(&r.Row)
			if i < exactDistinct || i%997 == 0 {
				tab.Add(&r.Row) // again
				got := only(t, tab)
				off := math.Abs(got-float64(i)) / float64(i)
				if i < exactDistinct && off != 0 {
					t.Fatalf("%d %ss: %v", i, kind, got)
				}
				if est := tab.Estimated(); (len(est) == 1) != (i >= exactDistinct) {
					t.Fatalf("%d %ss: estimated %v", i, kind, est)
				}
				if i >= exactDistinct {
					worst, squares, looks = max(worst, off), squares+off*off, looks+1
				}
			}
		}
		t.Logf("%s: worst error %.2f %%, root mean square %.2f %%", kind, 100*worst, 100*math.Sqrt(squares/float64(looks)))
		if worst > 0.07 { // six standard deviations
			t.Errorf("%s: error %.2f %%", kind, 100*worst)
		}
	}
}

// The estimate has no bias: the mean of many sketches is much closer than one,
// also where they are small.
func TestUniqBias(t *testing.T) {
	for _, n := range []int{exactDistinct, 5_000, 20_000, 40_000, 100_000} {
		const sketches = 60
		sum := 0.0
		for s := range sketches {
			tab := mustNew(t, nil, Options{}, Aggregate{Name: "u", Func: "uniq", Of: columns[1]})
			r := newCellRow()
			for i := range n {
				tab.Add(r.set(0, float64(s*1_000_000+i)))
			}
			sum += only(t, tab)
		}
		off := sum/sketches/float64(n) - 1
		t.Logf("%d: bias %.3f %%", n, 100*off)
		if math.Abs(off) > 0.009 { // 1.15 % / sqrt(60) is 0.15 %: six of them
			t.Errorf("%d values: mean is off by %.2f %%", n, 100*off)
		}
	}
}
