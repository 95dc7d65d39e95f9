package filter

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/filter/filtertest"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// FuzzPlanned asks of any filter what a planner does: whatever it says, no
// flow may be missed.
func FuzzPlanned(f *testing.F) {
	r := rand.New(rand.NewPCG(2, 1))
	for range 50 {
		f.Add(filtertest.Text(r), uint64(7))
	}
	for _, text := range []string{
		"zone in $1 and tcp and src == 10.0.0.1 and dst == 192.0.2.1 and sport == 4000 and dport == https", "src in $1 or dst == 192.0.2.1", "host == 10.0.0.1 and (tcp or mark == 42)",
		"icmp and zone == 0 and src == 10.0.0.1 and dst == 10.0.0.2 and icmp_id in {1, 2} and icmp_type == 8 and icmp_code == 0", "not (src == 10.0.0.1) or not assured", "age > 5m and bytes / packets > 1",
	} {
		f.Add(text, uint64(1))
	}
	f.Fuzz(func(t *testing.T, text string, seed uint64) {
		used := Params{}
		if strings.Contains(text, "$1") {
			used["1"] = []any{"10.0.0.1", "0"}
		}
		flt, err := Compile(text, used, env)
		if err != nil {
			return
		}
		keys, whole := flt.Keys(16)
		branches := flt.Branches(8)
		if terms := flt.Terms(); len(terms) == 0 {
			t.Fatalf("%s has no terms", flt)
		}
		r := rand.New(rand.NewPCG(seed, 0))
		for i := range 8 {
			e := flow()
			if i > 0 {
				e = tracked(r)
			}
			var row field.Row
			row.ResetEntry(e)
			selected := flt.Match(&row) == True
			if selected && whole && !slices.ContainsFunc(keys, func(k wire.Key) bool { return Answers(&k, &e.Flow) }) {
				t.Fatalf("%s selects %s / %s, which is not among %s", flt, e.Orig, e.Reply, keyText(keys, true))
			}
			if branches != nil && selected != slices.ContainsFunc(branches, func(b Filter) bool { return b.Match(&row) == True }) {
				t.Fatalf("%s and its branches %v differ on %s", flt, branches, e.Orig)
			}
		}
	})
}
