package filter

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/filter/filtertest"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

func TestTerms(t *testing.T) {
	const acct, stamp = "nf_conntrack_acct", "nf_conntrack_timestamp"
	for _, c := range []struct {
		text  string
		rung  Rung
		part  field.Part
		needs string
		exact int
	}{
		{"udp", Wire, field.PartOrig, "", 1}, {"assured", Wire, field.PartStatus, "", 1}, {"not assured", Wire, field.PartStatus, "", 1}, {"not udp", Wire, field.PartOrig, "", 0},
		{"dport == 53", Wire, field.PartOrig, "", 1}, {"53 == dport", Wire, field.PartOrig, "", 1}, {"dport == https", Wire, field.PartOrig, "", 1}, {"dport > 53", Wire, field.PartOrig, "", 0},
		{"mark == 0x1/0x1", Wire, field.PartMark, "", 1}, {"src in 10.0.0.0/8", Wire, field.PartOrig, "", 0}, {"src in {10.0.0.1}", Wire, field.PartOrig, "", 1}, {"host == 10.0.0.1", Wire, field.PartOrig | field.PartReply, "", 0},
		{"state == ESTABLISHED", Wire, field.PartOrig | field.PartProto, "", 1}, {"label == web", Wire, field.PartLabels, "", 0}, {"zone == 0", Wire, field.PartOrig | field.PartReply, "", 1},
		{"bytes > 5", Wire, field.PartCounters, acct, 0}, {"has(bytes)", Wire, field.PartCounters, acct, 0}, {"has(age)", Go, field.PartTimes, stamp, 0}, {"start > 5", Wire, field.PartTimes, stamp, 0},
		{"age > 5m", Go, field.PartTimes, stamp, 0}, {"bytes / age > 5", Go, field.PartCounters | field.PartTimes, acct + " " + stamp, 0}, {"dir == out", Go, field.PartOrig | field.PartReply, "", 1}, {"local_end", Go, field.PartOrig | field.PartReply, "", 1},
		{"sport == dport", Go, field.PartOrig, "", 0}, {"src != rdst", Go, field.PartOrig | field.PartReply, "", 0}, {"bytes - rbytes > 5", Go, field.PartCounters, acct, 0}, {"net(src, 24) == 10.0.0.0", Go, field.PartOrig, "", 0},
		{"net(src, 24) in 10.0.0.0/8", Go, field.PartOrig, "", 0}, {`helper ~ "f*"`, Go, field.PartExtra, "", 0}, {"lower(helper) == ftp", Go, field.PartExtra, "", 0},
		{"udp or assured", Wire, field.PartOrig | field.PartStatus, "", 0}, {"udp or age > 5m", Go, field.PartOrig | field.PartTimes, stamp, 0}, {"not (udp or bytes > 5 and sport == dport)", Go, field.PartOrig | field.PartCounters, acct, 0},
		{"mark & 3 == 1", Go, field.PartMark, "", 0},
	} {
		f, err := Compile(c.text, nil, env)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		list := f.Terms()
		if len(list) != 1 {
			t.Errorf("%s: %d terms", c.text, len(list))
			continue
		}
		got := list[0]
		if got.Text != f.String() || got.Rung != c.rung || got.Part != c.part || strings.Join(got.Needs, " ") != c.needs || len(got.Exact) != c.exact {
			t.Errorf("%s: %+v, want %+v", c.text, got, c)
		}
		if f.Parts() != c.part || strings.Join(f.Needs(), " ") != c.needs {
			t.Errorf("%s: parts %b needs %v", c.text, f.Parts(), f.Needs())
		}
	}
}

// TestTermsOfJoined takes a filter apart that came together of several with
// parameters of the same name.
func TestTermsOfJoined(t *testing.T) {
	var f Filter
	for _, c := range []struct{ text, param string }{{"udp and ((dport == $1 and bytes > 5) and packets > 5)", "53"}, {"src == $1 and rbytes > 5", "10.0.0.1"}} {
		g, err := Compile(c.text, Params{"1": c.param}, env)
		if err == nil {
			f, err = f.And(g)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	g, err := Compile("age > $1 and mark == $2", Params{"1": "5m", "2": 7.0}, env)
	if err == nil {
		f, err = f.Unless(g)
	}
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	var exact []Exact
	for _, x := range f.Terms() {
		got = append(got, fmt.Sprint(x.Rung, " ", x.Text, " ", len(x.Exact)))
		exact = append(exact, x.Exact...)
	}
	want := []string{"wire udp 1", "wire dport == $1 1", "wire bytes > 5 0", "wire packets > 5 0", "wire src == $1 1", "wire rbytes > 5 0", "go not (age > $1 and mark == $2) 0"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if !slices.Equal(exact, f.Exact()) || exact[1].Value.Num != 53 {
		t.Errorf("%v, but the filter has %v", exact, f.Exact())
	}
	if needs := f.Needs(); !slices.Equal(needs, []string{"nf_conntrack_acct", "nf_conntrack_timestamp"}) {
		t.Error(needs)
	}
	if (&Filter{}).Terms() != nil || (&Filter{}).Parts() != field.PartNone || (&Filter{}).Needs() != nil {
		t.Error("every flow needs something")
	}
	if f.String() != "udp and ((dport == 53 and bytes > 5) and packets > 5) and src == 10.0.0.1 and rbytes > 5 and not (age > 5m and mark == 7)" {
		t.Error(f)
	}
}

// TestUnlessFlag negates a flag, which the kernel can decide like the flag.
func TestUnlessFlag(t *testing.T) {
	for _, c := range []struct{ text, where, err string }{
		{"assured", "tcp", ""}, {"assured == $1", "tcp", ""}, {"assured", "tcp and assured", "no flow could match"},
	} {
		used := Params{}
		if strings.Contains(c.text, "$1") {
			used["1"] = true
		}
		f, err := Compile(c.where, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		g, err := Compile(c.text, used, nil)
		if err != nil {
			t.Fatal(err)
		}
		f, err = f.Unless(g)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s unless %s: %v", c.where, c.text, err)
			}
			continue
		}
		k := f.Push(Ability{Status: true})
		if err != nil || k.Status == nil || k.Status.Mask != wire.StatusAssured || k.Status.Value != 0 {
			t.Errorf("%s unless %s: %+v, %v", c.where, c.text, k.Status, err)
			continue
		}
		if x := f.Terms()[1].Exact; len(x) != 1 || x[0] != f.Exact()[1] {
			t.Errorf("%s unless %s: %v, but the filter has %v", c.where, c.text, x, f.Exact())
		}
		if all, err := (Filter{}).Unless(g); err != nil || len(all.Exact()) != 1 {
			t.Errorf("all unless %s: %v, %v", c.text, all.Exact(), err)
		}
	}
}

func TestTermsOfCells(t *testing.T) {
	cols, err := Columns("src, bytes as sum", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Compile("sum > 5", nil, &Env{Fields: field.Columns(cols[0].Field, cols[1].Field)})
	if err != nil {
		t.Fatal(err)
	}
	if x := f.Terms()[0]; x.Rung != Go || x.Part != field.PartCells {
		t.Errorf("%+v", x)
	}
}

// TestTermsAreWhole compares filters made at random with what their terms,
// compiled one by one, say together.
func TestTermsAreWhole(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 9))
	compared := 0
	for range 2000 {
		f, err := Compile(filtertest.Text(r), nil, nil)
		if err != nil {
			continue
		}
		var row field.Row
		row.ResetEntry(tracked(r))
		all, parts, exact := True, field.PartNone, []Exact(nil)
		for _, x := range f.Terms() {
			g, err := Compile(x.Text, nil, nil)
			if err != nil {
				t.Fatalf("%s: term %s: %v", f, x.Text, err)
			}
			all, parts, exact = min(all, g.Match(&row)), parts|x.Part, append(exact, x.Exact...)
		}
		compared++
		same := func(a, b Exact) bool { return a.Field == b.Field && a.Value == b.Value && a.Mask == b.Mask }
		if all != f.Match(&row) || parts != f.Parts() || !slices.EqualFunc(exact, f.Exact(), same) {
			t.Fatalf("%s: %v %v %b %b %v %v", f, all, f.Match(&row), parts, f.Parts(), exact, f.Exact())
		}
	}
	if compared < 1500 {
		t.Error("the test tests too little")
	}
}
