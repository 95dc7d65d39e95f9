package filter

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/filter/filtertest"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

func TestBranches(t *testing.T) {
	given := Params{"two": []any{"10.0.0.1", "10.0.0.2/32", "10.0.0.1"}, "long": many(100), "mark": map[string]any{"1": true, "2": true}, "ip": "10.0.0.9"}
	for _, c := range []struct {
		text string
		want []string
	}{
		{"src == 10.0.0.1 or dst == 10.0.0.2", []string{"src == 10.0.0.1", "dst == 10.0.0.2"}},
		{"assured and (src == 10.0.0.1 or (udp or tcp) and dst == 10.0.0.2)", []string{"assured and src == 10.0.0.1", "assured and (udp or tcp) and dst == 10.0.0.2"}},
		{"src == 10.0.0.1 or (dst == 10.0.0.2 or mark == 5)", []string{"src == 10.0.0.1", "dst == 10.0.0.2", "mark == 5"}},
		{"bytes > 5 and src in {10.0.0.1, 10.0.0.2} and assured", []string{"bytes > 5 and assured and src == 10.0.0.1", "bytes > 5 and assured and src == 10.0.0.2"}},
		{"src in $two", []string{"src == 10.0.0.1", "src == 10.0.0.2"}},
		{"mark in $mark and udp", []string{"udp and mark == 1", "udp and mark == 2"}},
		{"host == 10.0.0.1 and udp", []string{"udp and src == 10.0.0.1", "udp and dst == 10.0.0.1", "udp and rsrc == 10.0.0.1", "udp and rdst == 10.0.0.1"}},
		{"net == $ip", []string{"src == 10.0.0.9", "dst == 10.0.0.9", "rsrc == 10.0.0.9", "rdst == 10.0.0.9"}},
		{"zone in {1, 2}", []string{"zone == 1", "zone == 2"}},
		{"mark == 0x1/0x1 or mark == 0x2/0x2", []string{"mark == 0x1/0x1", "mark == 0x2/0x2"}},
		{"udp and family == 4 and dport in {53, 123}", []string{"udp and family == 4 and dport == 53", "udp and family == 4 and dport == 123"}},
		{"src == 10.0.0.1 and (udp and dport == 53 or tcp and dport == 80)", []string{"src == 10.0.0.1 and udp and dport == 53", "src == 10.0.0.1 and tcp and dport == 80"}},
		{"src == 10.0.0.1 and dport == 53 and proto in {udp, tcp}", []string{"src == 10.0.0.1 and dport == 53 and proto == udp", "src == 10.0.0.1 and dport == 53 and proto == tcp"}},
		{"tcp and (udp and src == 10.0.0.1 or dst == 10.0.0.1)", []string{"tcp and dst == 10.0.0.1"}},
		{"src in {10.0.0.1, 10.0.0.2, 10.0.0.3} and mark in {1, 2}", []string{"src in {10.0.0.1, 10.0.0.2, 10.0.0.3} and mark == 1", "src in {10.0.0.1, 10.0.0.2, 10.0.0.3} and mark == 2"}},

		{"src == 10.0.0.1", nil},
		{"tcp or udp", nil},
		{"assured or src == 10.0.0.1", nil},
		{"zone in {0, 1}", nil}, // zone 0 is left to nobody, because of split zones
		{"family == 4 or family == 6", nil},
		{"dport in {53, 80}", nil}, // the kernel compares ports with a protocol and a family
		{"udp and dport in {53, 80}", nil},
		{"src in {fd00::1, fd00::2}", nil},
		{"src in {10.0.0.1, 10.1.0.0/16}", nil},
		{"src not in {10.0.0.1, 10.0.0.2}", nil},
		{"not (src == 10.0.0.1 or dst == 10.0.0.1)", nil},
		{"src in $long", nil},
		{"host in {10.0.0.1, 10.0.0.2, 10.0.0.3}", nil}, // 12 branches
		{"src in 10.0.0.1..10.0.0.2", nil},
		{"mark == 5 and (mark == 0x1/0x1 or mark == 0x4/0x4)", nil}, // it has a mark already
		{"src == dst or sport == dport", nil},
		{"tcp and (udp and src == 10.0.0.1 or udp and dst == 10.0.0.1)", nil}, // nothing could match
	} {
		used := Params{}
		for name, v := range given {
			if strings.Contains(c.text, "$"+name) {
				used[name] = v
			}
		}
		f, err := Compile(c.text, used, env)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		var got []string
		for _, b := range f.Branches(8) {
			got = append(got, b.String())
		}
		if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
			t.Errorf("%s\n got %q\nwant %q", c.text, got, c.want)
		}
	}
	if got := (Filter{}).Branches(8); got != nil {
		t.Error(got)
	}
	cells := &Env{Fields: field.Columns(field.Flow.Fields()...)}
	if f, err := Compile("src in {10.0.0.1, 10.0.0.2}", nil, cells); err != nil || f.Branches(8) != nil {
		t.Errorf("rows that are cells: %v", err)
	}
}

// TestBranchesOfJoined splits filters that came together with parameters of
// the same name.
func TestBranchesOfJoined(t *testing.T) {
	f, err := Compile("bytes > $1", Params{"1": "5kB"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"dst in $1", "src in $1"} {
		g, err := Compile(text, Params{"1": []any{"10.0.0.1", "10.0.0.2"}}, nil)
		if err == nil && text == "dst in $1" {
			f, err = f.Unless(g)
		} else if err == nil {
			f, err = f.And(g)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	list := f.Branches(8)
	if len(list) != 2 || list[1].String() != "bytes > 5kB and not dst in {10.0.0.1, 10.0.0.2} and src == 10.0.0.2" || len(list[1].Exact()) != 1 {
		t.Fatalf("%v", list)
	}
	e := flow()
	e.Counter[0].Bytes, e.Present = 6000, e.Present|wire.HasCounters
	var row field.Row
	row.ResetEntry(e)
	if list[0].Match(&row) != True || list[1].Match(&row) != False || f.Match(&row) != True {
		t.Error("a branch matches otherwise")
	}
}

// TestBranchesAreWhole compares filters with their branches on flows made at
// random.
func TestBranchesAreWhole(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	flows := make([]*wire.Entry, 300)
	for i := range flows {
		flows[i] = tracked(r)
	}
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	exact := func() string {
		return pick("src == 10.0.0.1", "dst == 10.1.0.2", "rsrc == 10.0.0.2", "mark == 1", "mark == 2", "mark == 0x1/0x1", "zone == 1", "zone == 2",
			"host == 10.0.0.3", "port == 22 and udp and dst == 10.0.0.1", "udp and src == 10.0.0.2 and dport == 53", "src == fd00::1", "(dst == 10.0.0.3 or mark == 3)", "src in {10.0.0.1, 10.1.0.1}", "family == 4 and tcp and sport == 1000")
	}
	split, selected := 0, 0
	for range 6000 {
		var list []string
		for range 2 + r.IntN(3) {
			list = append(list, exact())
		}
		text := atom(strings.Join(list, " or "))
		if r.IntN(3) == 0 {
			text = pick("src", "dst", "host", "rdst") + pick(" in ", " in ", " not in ") + pick("{10.0.0.1, 10.0.0.2}", "{10.0.0.1, 10.1.0.2, 10.1.0.2}", "$p", "{10.0.0.1, fd00::1}", "10.0.0.0/24")
		}
		for range r.IntN(3) {
			text += " and " + atom(filtertest.Text(r))
		}
		used := Params{}
		if strings.Contains(text, "$p") {
			used["p"] = []any{"10.0.0.2", "10.1.0.3/32"}
		}
		f, err := Compile(text, used, nil)
		if err != nil {
			if !strings.Contains(err.Error(), "no flow could match") {
				t.Fatalf("%s: %v", text, err)
			}
			continue
		}
		branches := f.Branches(8)
		if len(branches) > 8 {
			t.Fatalf("%s: %d branches", f, len(branches))
		}
		if branches == nil {
			continue
		}
		split++
		for _, e := range flows {
			var row field.Row
			row.ResetEntry(e)
			got := false
			for i := range branches {
				got = got || branches[i].Match(&row) == True
			}
			if want := f.Match(&row) == True; got != want {
				t.Fatalf("%s on %s / %s: %v, but its branches %v say %v", f, e.Orig, e.Reply, want, branches, got)
			} else if want {
				selected++
			}
		}
	}
	t.Logf("%d filters split, %d flows selected", split, selected)
	if split < 1000 || selected < 10_000 {
		t.Error("the test tests too little")
	}
}
