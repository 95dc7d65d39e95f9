package query

import (
	"context"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/filter"
	"github.com/ctsh/ctsh/bindings/engine/group"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

var update = flag.Bool("update", false, "write testdata/explain anew")

// proven is a machine of which all is known.
func proven(timestamp int64) Learned {
	return Learned{
		Sysctl: func(_ *Space, name string) (int64, bool) {
			v, ok := map[string]int64{"nf_conntrack_acct": 1, "nf_conntrack_timestamp": timestamp, "nf_conntrack_max": 156_000}[name]
			return v, ok
		},
		Probe: func(string) string { return "ok" },
	}
}

// unproven is one on which the kernel filters no tuples.
func unproven() Learned {
	know := proven(1)
	know.Probe = func(what string) string {
		if what == "tuple" {
			return "broken"
		}
		return "ok"
	}
	return know
}

// TestExplain explains the worked examples of the design against a table of
// 131000 flows.
func TestExplain(t *testing.T) {
	ok := must(t)
	k := mixed(t, 131_000, 0.2, 0.3)
	more, _ := pool(t, rand.New(rand.NewPCG(4, 4)), 3000)
	k.msgs = append(k.msgs, more...)
	able, untupled := filter.Able(everything), filter.Able(func(context.Context, filter.Filter) filter.Ability {
		return filter.Ability{Family: true, Mark: true, Status: true}
	})
	src := New(&Flows{Spaces: []*Space{space("host", k, able)}})
	weak := New(&Flows{Spaces: []*Space{space("host", k, untupled)}})
	given := func(text string, params filter.Params) Query {
		f, err := filter.Compile(text, params, nil)
		if err != nil {
			t.Fatal(err)
		}
		return ok(src.Where(f))
	}
	me := where(t, src, "tcp and src == 198.51.100.4 and dst == 192.0.2.1 and sport == 50022 and dport == 22 and zone == 0")
	total := func(q Query, by, fn, of string) Query {
		a := group.Aggregate{Name: fn, Func: fn}
		text := fn + "(" + quote(of) + ")"
		if of == "" {
			a.Name, text = "n", fn+"()"
		} else {
			a.Of = columns(t, q, of)[0].Field
		}
		return ok(q.By(columns(t, q, by), 0).Aggregate([]group.Aggregate{a}, text))
	}
	top := func(q Query, by string) Query { return q.Top(10, columns(t, q, by)[0]) }
	both := New(&Flows{Spaces: []*Space{space("host", k, able), space("blue", k, able)}, Verb: ":all_ns()"})
	country := asked("cc", none)
	country.Fields = []*field.Field{columns(t, src, "src")[0].Field}
	for name, c := range map[string]struct {
		q    Query
		know Learned
	}{
		"section-6":            {ok(where(t, src, "udp and dport == 53 and src in 10.0.0.0/8 and age > 5m").In(me, true)), proven(1)},
		"section-6-no-probe":   {ok(where(t, weak, "udp and dport == 53 and src in 10.0.0.0/8 and age > 5m").In(me, true)), unproven()},
		"stale-udp":            {where(t, src, "udp and unreplied and age > 2m"), proven(1)},
		"stale-udp-no-stamp":   {where(t, src, "udp and unreplied and age > 2m"), proven(0)},
		"dns-backends":         {given("udp and dnat and dport == 53 and nat_dst not in $1", filter.Params{"1": []any{"10.0.0.53", "10.0.1.53"}}), proven(1)},
		"top-talkers":          {top(total(src, "src", "sum", "bytes"), "sum"), proven(1)},
		"talkers-now":          {top(total(ok(src.Delta(2*time.Second)), "src", "sum", "rate"), "sum"), proven(1)},
		"banned":               {ok(given("host == $1", filter.Params{"1": "203.0.113.9"}).In(me, true)), proven(1)},
		"nat-source":           {given("nat_src == $1 and nat_sport == $2", filter.Params{"1": "203.0.113.7", "2": 51342.0}).Select(columns(t, src, "src, sport, dst, dport, age")), proven(0)},
		"idle":                 {where(t, src, "tcp and state == ESTABLISHED and idle > 2h and not local_end"), proven(1)},
		"mark":                 {where(t, src, "mark == 0x10/0xff"), proven(1)},
		"half-open":            {where(t, total(where(t, src, "tcp and state in {SYN_SENT, SYN_RECV}"), "src", "count", ""), "n > 200"), proven(1)},
		"nearly-full":          {where(t, src, "not assured").Sort(keysOf(t, src, "-idle")).Limit(26_200), proven(1)},
		"accounting":           {src, proven(1)},
		"me":                   {me, proven(1)},
		"plus":                 {ok(where(t, src, "mark == 1").Plus(where(t, src, "mark == 2"))).Limit(5), proven(1)},
		"alternatives":         {where(t, src, "mark in {1, 2}"), proven(1)},
		"functions":            {ok(src.WhereFunc(selecting("busy", every), false).With([]Added{country})), proven(1)},
		"namespaces":           {where(t, both, "udp"), proven(1)},
		"snapshot":             {where(t, New(frozen("flows:snapshot()", nil)), "bytes > 1MB").Limit(3), proven(1)},
		"dying":                {where(t, New(&Flows{Spaces: []*Space{space("", k, able)}, Table: wire.TableDying}), "udp and mark == 1"), proven(1)},
		"nothing-is-known":     {where(t, src, "udp and bytes > 1MB"), Learned{}},
		"delta-of-a-selection": {where(t, ok(where(t, src, "dst == 10.0.0.2").Delta(time.Second)), "rate > 1MB"), proven(1)},
	} {
		x, err := c.q.Explain(context.Background(), c.know)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := "ct> " + c.q.String() + ":explain()\n" + x.String() + "\n"
		for _, line := range strings.Split(got, "\n") {
			if strings.TrimRight(line, " ") != line {
				t.Errorf("%s: %q ends in blanks", name, line)
			}
		}
		path := filepath.Join("testdata", "explain", name+".golden")
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(path)
		if err != nil || string(want) != got {
			t.Errorf("%s:\n%s\nwant\n%s\n%v", name, got, want, err)
		}
	}
}

func TestAmount(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1k", 1249: "1.2k", 9949: "9.9k", 9999: "10k", 10_000: "10k", 131_072: "131k", 999_999: "999k", 1_000_000: "1.0M", 2_560_000: "2.6M"} {
		if got := amount(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}
