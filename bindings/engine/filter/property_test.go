package filter

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/filter/filtertest"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

func naiveCmp(e *Cmp, row *field.Row) Tri {
	if w, ok := e.L.(*Word); ok && either[w.Name] != nil {
		t := naiveIn(&In{X: e.L, Items: []Val{e.R}}, row)
		if e.Op == "!=" {
			return True - t
		}
		return t
	}
	if l, ok := e.R.(*Literal); ok && strings.Contains(l.Raw, "/") { // a mask
		v, has := value("mark", row)
		if !has {
			return Unknown
		}
		want, mask, _ := strings.Cut(l.Raw, "/")
		a, _ := strconv.ParseUint(want, 0, 32)
		b, _ := strconv.ParseUint(mask, 0, 32)
		return truth((uint64(v.Num)&b == a) == (e.Op == "=="))
	}
	l, ok := naiveVal(e.L, row)
	if !ok {
		return Unknown
	}
	r, _ := naiveVal(e.R, row)
	switch l := l.(type) {
	case float64:
		r := r.(float64)
		return truth(map[string]bool{"==": l == r, "!=": l != r, "<": l < r, "<=": l <= r, ">": l > r, ">=": l >= r}[e.Op])
	case string:
		return truth((l == r) == (e.Op == "=="))
	}
	return truth((l == r) == (e.Op == "=="))
}

func naiveIn(e *In, row *field.Row) Tri {
	names := []string{e.X.(*Word).Name}
	if list := either[names[0]]; list != nil {
		names = list
	}
	t := False
	for _, name := range names {
		v, has := naiveVal(&Word{Name: name}, row)
		if !has {
			t = max(t, Unknown)
			continue
		}
		for _, item := range e.Items {
			if naiveMember(v, item) {
				t = True
			}
		}
	}
	return t
}

func naiveMember(v any, item Val) bool {
	if w, ok := item.(*Word); ok {
		return v == w.Name
	}
	raw := item.(*Literal).Raw
	lo, hi, isRange := strings.Cut(raw, "..")
	switch v := v.(type) {
	case float64:
		if !isRange {
			hi = lo
		}
		a, _ := strconv.ParseFloat(lo, 64)
		b, _ := strconv.ParseFloat(hi, 64)
		return a <= v && v <= b
	case netip.Addr:
		if isRange {
			return !v.Less(netip.MustParseAddr(lo)) && !netip.MustParseAddr(hi).Less(v)
		}
		if strings.Contains(raw, "/") {
			return netip.MustParsePrefix(raw).Contains(v)
		}
		return v == netip.MustParseAddr(raw)
	}
	return false
}

// naiveVal is a value as float64, netip.Addr or string.
func naiveVal(v Val, row *field.Row) (any, bool) {
	switch v := v.(type) {
	case *Word:
		f, ok := field.Flow.Lookup(v.Name)
		if !ok {
			return v.Name, true
		}
		got, has := f.Of(row)
		switch f.Kind {
		case field.Number:
			return got.Num, has
		case field.Address:
			return got.Addr.Netip(), has
		}
		return got.Str, has
	case *Literal:
		if a, err := netip.ParseAddr(v.Raw); err == nil {
			return a, true
		}
		for suffix, times := range map[string]float64{"kB": 1000, "KiB": 1024, "m": 60} {
			if digits, ok := strings.CutSuffix(v.Raw, suffix); ok {
				n, _ := strconv.ParseFloat(digits, 64)
				return n * times, true
			}
		}
		n, _ := strconv.ParseFloat(v.Raw, 64)
		return n, true
	case *Arith: // bytes / packets
		a, ok1 := naiveVal(v.L, row)
		b, ok2 := naiveVal(v.R, row)
		if !ok1 || !ok2 || b.(float64) == 0 {
			return nil, false
		}
		return a.(float64) / b.(float64), true
	case *Call:
		if v.Fn == "net" {
			a, ok := naiveVal(v.Args[0], row)
			bits := 16
			if ok && a.(netip.Addr).Is6() {
				bits = 64
			}
			if !ok {
				return nil, false
			}
			p, _ := a.(netip.Addr).Prefix(bits)
			return p.Addr(), true
		}
		a, ok1 := naiveVal(v.Args[0], row)
		b, ok2 := naiveVal(v.Args[1], row)
		if !ok1 || !ok2 {
			return nil, false
		}
		return math.Max(a.(float64), b.(float64)), true
	}
	panic("not made by filtertest")
}

// TestAgainstNaive compares compiled filters with a plain evaluator, decoding
// part by part from a message and whole from an entry.
func TestAgainstNaive(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 2))
	flows := make([]*wire.Entry, 200)
	for i := range flows {
		flows[i] = filtertest.Flow(r)
	}
	var counts [3]int
	refused := 0
	for range 3000 {
		text := filtertest.Text(r)
		f, err := Compile(text, nil, nil)
		if err != nil {
			if !strings.Contains(err.Error(), "no flow could match") {
				t.Fatalf("%s: %v", text, err)
			}
			refused++
			continue
		}
		expr, _ := Parse(text)
		again, err := Compile(f.String(), nil, nil)
		if err != nil || again.String() != f.String() {
			t.Fatalf("%s prints as %s, which reads as %v %v", text, f, again, err)
		}
		for range 20 {
			e := flows[r.IntN(len(flows))]
			var row field.Row
			row.ResetEntry(e)
			want := naive(expr, &row)
			counts[want]++
			if got := f.Match(&row); got != want {
				t.Fatalf("%s on %s: %d, want %d", text, e.Orig, got, want)
			}
			if got := again.Match(&row); got != want {
				t.Fatalf("%s, printed as %s, on %s: %d, want %d", text, f, e.Orig, got, want)
			}
		}
	}
	if counts[True] < 5000 || counts[False] < 5000 || counts[Unknown] < 1000 || refused > 300 {
		t.Errorf("%v results, %d filters refused: the test tests too little", counts, refused)
	}
}

func FuzzCompile(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 50 {
		f.Add(filtertest.Text(r))
	}
	for _, text := range []string{"src in $1", "label == web", `helper ~ "f*"`, "svc(dport) == https", "(bytes + 1) * 2 > 3", "dport == 0x10/0xff"} {
		f.Add(text)
	}
	entry := flow()
	f.Fuzz(func(t *testing.T, text string) {
		given := Params{}
		if strings.Contains(text, "$1") {
			given["1"] = "10.0.0.1"
		}
		flt, err := Compile(text, given, env)
		if err != nil {
			if e := err.(*Error); e.Pos < 0 || e.Pos > len(text) { //nolint:errorlint // Compile returns it as it is
				t.Fatalf("position %d of %q", e.Pos, text)
			} else if e.Excerpt() == "" && text != "" {
				t.Fatalf("no excerpt of %q", text)
			}
			return
		}
		if flt.IsAll() {
			t.Fatalf("%q selects everything", text)
		}
		var row field.Row
		row.ResetEntry(entry)
		printed := flt.String()
		again, err := Compile(printed, nil, env)
		if err != nil || again.String() != printed || again.Match(&row) != flt.Match(&row) {
			t.Fatalf("%q prints as %q, which reads as %v %v", text, printed, again, err)
		}
	})
}
