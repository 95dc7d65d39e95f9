package output

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/field"
)

func TestTable(t *testing.T) {
	local := time.Local
	time.Local = time.UTC
	defer func() { time.Local = local }()
	sample := columnsFor("src:address", "name:text", "bytes:number:bytes", "age:number:s", "ok:flag")
	rows := [][]any{
		{addrOf("10.0.0.1"), "resolver-of-the-office", 1_500_000, 7500, true},
		{addrOf("192.0.2.200"), "web", 999, 3.21, false},
		{nil, nil, nil, nil, nil},
	}
	hist := columnsFor("from:number", "n:number")
	counts := [][]any{{0, 10}, {1, 300}, {2, 1}, {3, 0}, {4, nil}}
	for _, c := range []struct {
		name string
		opt  Options
		rows [][]any
		want string
	}{
		{"plain", Options{Fields: sample}, rows, `
src          name                      bytes   age  ok
10.0.0.1     resolver-of-the-office  1500000  7500  yes
192.0.2.200  web                         999  3.21  no
-            -                             -     -  -
`},
		{"human", Options{Fields: sample, Human: true}, rows, `
src          name                     bytes    age  ok
10.0.0.1     resolver-of-the-office  1.5 MB   2h5m  yes
192.0.2.200  web                      999 B  3.2 s  no
-            -                            -      -  -
`},
		{"text shrinks first", Options{Fields: sample, Human: true, Width: 45}, rows, `
src          name           bytes    age  ok
10.0.0.1     resolver-of…  1.5 MB   2h5m  yes
192.0.2.200  web            999 B  3.2 s  no
-            -                  -      -  -
`},
		{"names are whole", Options{Fields: field.Columns(&field.Field{Name: "id", Kind: field.Text, Whole: true}, &field.Field{Name: "name", Kind: field.Text}).Fields(), Width: 20},
			[][]any{{"1ngn4q21tf", "resolver-of-the-office"}}, `
id          name
1ngn4q21tf  resolve…
`},
		{"columns drop from the right", Options{Fields: sample, Human: true, Width: 30}, rows, `
src          name        bytes
10.0.0.1     resolver…  1.5 MB
192.0.2.200  web         999 B
-            -               -
2 columns do not fit: age, ok
`},
		{"one column is left", Options{Fields: sample[1:], Width: 5}, [][]any{{nil, "eth0", 1, 2, true}}, `
name
eth0
3 columns do not fit: bytes, age, ok
`},
		{"one column drops", Options{Fields: columnsFor("bytes:number", "age:number"), Width: 6}, [][]any{{1, 2}}, `
bytes
    1
1 column does not fit: age
`},
		{"a number is not cut", Options{Fields: hist[:1], Width: 3}, [][]any{{123456}}, `
  from
123456
`},
		{"a lone text is cut", Options{Fields: columnsFor("name:text"), Width: 4}, [][]any{{"resolver"}}, `
name
res…
`},
		{"colour", Options{Fields: hist, Color: true}, counts[4:], "\n\x1b[1mfrom  n\x1b[0m\n   4  \x1b[2m-\x1b[0m\n"},
		{"colour of what does not fit", Options{Fields: hist, Color: true, Width: 5}, counts[:1],
			"\n\x1b[1mfrom\x1b[0m\n   0\n\x1b[2m1 column does not fit: n\x1b[0m\n"},
		{"bars", Options{Fields: hist, Bar: "n"}, counts, `
from    n
   0   10  #
   1  300  ##############################
   2    1  #
   3    0
   4    -
`},
		{"bars take what is left", Options{Fields: hist, Bar: "n", Width: 21}, counts[:2], `
from    n
   0   10  #
   1  300  ##########
`},
		{"no room for bars", Options{Fields: hist, Bar: "n", Width: 11}, counts[:2], `
from    n
   0   10
   1  300
`},
		{"wide characters", Options{Fields: columnsFor("name:text", "bytes:number")}, [][]any{{"漢字", 1}, {"größe", 22}}, `
name   bytes
漢字       1
größe     22
`},
		{"wide characters are cut between", Options{Fields: columnsFor("name:text", "bytes:number"), Width: 15}, [][]any{{"漢字漢字漢", 1}, {"größen und maße", 22}}, `
name      bytes
漢字漢…       1
größen …     22
`},
		{"no line ends in blanks", Options{Fields: sample[:2]}, [][]any{{addrOf("10.0.0.1"), ""}, {addrOf("10.0.0.1"), "x"}}, `
src       name
10.0.0.1
10.0.0.1  x
`},
		{"columns that no row has are left out", Options{Fields: columnsFor("a:text", "from:number", "b:flag", "n:number", "c:text"), Omit: true, Bar: "n"},
			[][]any{{nil, 1, nil, 2, nil}, {nil, nil, nil, 4, "x"}}, `
from  n  c
   1  2  -  ###############
   -  4  x  ##############################
`},
		{"all columns stay when no row has any", Options{Fields: hist, Omit: true, Bar: "n"}, [][]any{{nil, nil}}, `
from  n
   -  -
`},
		{"nothing without rows", Options{Fields: hist}, nil, "\n"},
		{"moments", Options{Fields: columnsFor("start:number:s", "n:number"), Human: true}, [][]any{{1_795_443_210.713811, 0.25}, {-1, 1234567}}, `
              start        n
2026-11-23 14:13:30     0.25
               -1 s  1234567
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.opt.Format = "table"
			if got := "\n" + write(t, c.opt, c.rows...); got != c.want {
				t.Errorf("got:%s\nwant:%s", got, c.want)
			}
		})
	}
}

// TestTableRowsAfterTheMeasured checks that later rows keep the widths, that
// text is cut then only where there is a limit, and numbers never.
func TestTableRowsAfterTheMeasured(t *testing.T) {
	var rows [][]any
	for range measured {
		rows = append(rows, []any{"ab", 5, "z"})
	}
	rows = append(rows, []any{"abcdefgh", 123456789, "z"}, []any{"a", 50, "z"})
	fields := columnsFor("s:text", "n:number", "end:text")
	for width, want := range map[int]string{
		0:  "abcdefgh  123456789  z\na   50  z\n",
		40: "a…  123456789  z\na   50  z\n",
	} {
		got := write(t, Options{Format: "table", Fields: fields, Width: width}, rows...)
		if !strings.HasSuffix(got, "ab  5  z\n"+want) {
			t.Errorf("width %d:\n%s", width, got[len(got)-60:])
		}
	}
	// A column that was left out stays out.
	sparse := slices.Clone(rows)
	for i := range measured {
		sparse[i] = []any{nil, 5, "z"}
	}
	if got := write(t, Options{Format: "table", Fields: fields, Omit: true}, sparse...); !strings.HasSuffix(got, "5  z\n123456789  z\n50  z\n") {
		t.Errorf("left out: %q", got[len(got)-60:])
	}
	// A bar that grows beyond the longest of the measured rows stays there.
	got := write(t, Options{Format: "table", Fields: columnsFor("n:number"), Bar: "n"}, oneLarger()...)
	if !strings.HasSuffix(got, "\n9  "+strings.Repeat("#", longestBar)+"\n") {
		t.Errorf("bar of a later row: %q", got[len(got)-60:])
	}
}

// oneLarger are rows of which the largest comes after the measured ones.
func oneLarger() (rows [][]any) {
	for range measured {
		rows = append(rows, []any{5})
	}
	return append(rows, []any{9})
}

// TestFit checks for random widths that what is shown fits unless it is one
// number, that only text shrinks and the widest first, and that a column is
// dropped only where it cannot be shown.
func TestFit(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for range 20_000 {
		n := 1 + r.IntN(6)
		want, shrinks := make([]int, n), make([]bool, n)
		for i := range want {
			want[i], shrinks[i] = 1+r.IntN(40), r.IntN(2) == 0
		}
		limit := r.IntN(120)
		got := fit(want, shrinks, limit)
		what := fmt.Sprintf("fit(%v, %v, %d) = %v", want, shrinks, limit, got)
		if len(got) == 0 || len(got) > n {
			t.Fatal(what)
		}
		total, least := -gap, -gap
		for i := range got {
			total += gap + got[i]
			narrow := want[i]
			if shrinks[i] {
				narrow = min(narrow, narrowest)
			}
			least += gap + narrow
			if got[i] > want[i] || !shrinks[i] && got[i] != want[i] || len(got) > 1 && got[i] < narrow {
				t.Fatal(what)
			}
			for j := range got {
				if shrinks[i] && shrinks[j] && got[i] < want[i] && got[j] > got[i]+1 {
					t.Fatalf("%s: column %d could have given more", what, j)
				}
			}
		}
		if limit == 0 {
			if len(got) != n || total != sum(want) {
				t.Fatal(what)
			}
			continue
		}
		if total > limit && (len(got) > 1 || shrinks[0]) {
			t.Fatalf("%s is %d wide", what, total)
		}
		if len(got) < n && len(got) > 0 {
			next := want[len(got)]
			if shrinks[len(got)] {
				next = min(next, narrowest)
			}
			if least+gap+next <= limit {
				t.Fatalf("%s: one more would fit", what)
			}
		}
	}
}

func sum(widths []int) int {
	total := -gap
	for _, w := range widths {
		total += gap + w
	}
	return total
}

func TestHuman(t *testing.T) {
	for _, c := range []struct {
		unit string
		n    float64
		want string
	}{
		{"bytes", 0, "0 B"}, {"bytes", 999, "999 B"}, {"bytes", 512.34, "512.3 B"}, {"bytes", 1000, "1 kB"}, {"bytes", 1500, "1.5 kB"},
		{"bytes", 999_949, "999.9 kB"}, {"bytes", 999_950, "1 MB"}, {"bytes", 1.5e6, "1.5 MB"}, {"bytes", 23456789, "23.5 MB"},
		{"bytes", 7e9, "7 GB"}, {"bytes", 3.3e12, "3.3 TB"}, {"bytes", 1 << 53, "9 PB"}, {"bytes", 1e21, "1000 EB"}, {"bytes", -1500, "-1.5 kB"},
		{"s", 0, "0 s"}, {"s", 0.25, "0.25 s"}, {"s", 0.0004, "0 s"}, {"s", 3.21, "3.2 s"}, {"s", 59.94, "59.9 s"}, {"s", 59.96, "1m"}, {"s", 60, "1m"},
		{"s", 61, "1m1s"}, {"s", 3599.7, "1h"}, {"s", 3600, "1h"}, {"s", 3601, "1h"}, {"s", 7500, "2h5m"}, {"s", 432000, "5d"}, {"s", 86399, "23h59m"},
		{"s", 90000, "1d1h"}, {"s", -90, "-1m30s"}, {"s", 8589934, "99d10h"},
		{"", 5, "5"}, {"", 1234567, "1234567"}, {"", 12.3456, "12.35"}, {"", 0.5, "0.5"}, {"", 0.012345, "0.0123"}, {"", 1e-9, "0.000000001"},
		{"", 1e-30, "0"}, {"", -2.5, "-2.5"}, {"", 1e20, "100000000000000000000"},
	} {
		fields := columnsFor("x:number:" + c.unit)
		got := write(t, Options{Format: "table", Fields: fields, Human: true}, []any{c.n})
		if got = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(got), "x\n")); got != c.want {
			t.Errorf("%v %s: %q, want %q", c.n, c.unit, got, c.want)
		}
	}
}
