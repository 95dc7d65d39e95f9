package query

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/filter"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/fake"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// described renders how a table is read.
func described(a access) string {
	if a.keys != nil {
		return fmt.Sprint(len(a.keys), " keys")
	}
	var list []string
	for _, p := range a.parts {
		s := "[" + kernelText(&p.dump.Filter) + "]"
		if p.family != 0 {
			s = "family " + s
		}
		list = append(list, s)
	}
	if a.partition != conntrack.PartitionNone {
		list = append(list, "partition")
	}
	return strings.Join(list, " ")
}

// mixed is a kernel that says that it has so many entries, and of which each of
// a number of flows is one of a family and protocol by share.
func mixed(tb testing.TB, entries int, six, udp float64) *table {
	r := rand.New(rand.NewPCG(3, 3))
	k := &table{totals: wire.Totals{Entries: uint32(entries)}}
	for i := range 1200 {
		e := wire.Entry{}
		e.Orig = wire.Tuple{Src: wire.AddrFrom(netip.MustParseAddr("10.0.0.1")), Dst: wire.AddrFrom(netip.MustParseAddr("10.0.0.2")), Family: wire.FamilyIPv4,
			Proto: wire.ProtoTCP, SrcPort: uint16(1000 + i), DstPort: 443}
		if r.Float64() < six {
			e.Orig.Family, e.Orig.Src, e.Orig.Dst = wire.FamilyIPv6, wire.AddrFrom(netip.MustParseAddr("fd00::1")), wire.AddrFrom(netip.MustParseAddr("fd00::2"))
		}
		if r.Float64() < udp {
			e.Orig.Proto, e.Orig.DstPort = wire.ProtoUDP, 53
		}
		e.Reply, _ = e.Orig.Invert()
		e.Present, e.Timeout = wire.HasReply|wire.HasTimeout, 600
		k.msgs = append(k.msgs, message(tb, &e))
	}
	return k
}

const (
	small = 1000
	big   = 400_000
)

func TestAccess(t *testing.T) {
	named := "udp and src == 10.0.0.1 and dst == 10.0.0.2 and sport == 4000 and dport == 53"
	tupleless := func(context.Context, filter.Filter) filter.Ability {
		return filter.Ability{Family: true, Mark: true, Status: true, Zone: true}
	}
	for _, c := range []struct {
		text     string
		able     filter.Able
		entries  int
		six, udp float64
		want     string
	}{
		// Everything, and what no kernel filters.
		{"", everything, small, 0.5, 0.5, "[]"},
		{"", everything, big, 0.5, 0.5, "[] partition"},
		{"", everything, big, 0.1, 0.5, "[]"},
		{"", everything, big, 0.9, 0.5, "[]"},
		{"", nil, big, 0.5, 0.5, "[]"},
		{"bytes > 1MB", everything, small, 0.5, 0.5, "[]"},
		{"bytes > 1MB", everything, big, 0.5, 0.5, "[] partition"},
		{"src in 10.0.0.0/8", everything, small, 0.5, 0.5, "[family=4]"},
		// What is left to it where it can.
		{"mark == 0x10/0xff", everything, small, 0, 0, "[mark=0x10/0xff]"},
		{"mark == 0x10/0xff", nil, small, 0, 0, "[]"},
		{"mark == 5", everything, big, 0.5, 0.5, "[mark=0x5]"},
		{"zone == 3", everything, small, 0, 0, "[zone=3]"},
		{"zone == 0", everything, small, 0, 0, "[]"},
		{"unreplied and assured", everything, small, 0, 0, "[status=0x4/0x6]"},
		{"family == 6", everything, big, 0.5, 0.5, "[family=6]"},
		{"dst == 10.0.0.2 and udp", everything, small, 0, 0, "[family=4 proto=17 orig.dst=10.0.0.2]"},
		{"dst == 10.0.0.2 and udp", tupleless, small, 0, 0, "[family=4]"},
		{"rsrc == 10.0.0.2", everything, small, 0, 0, "[family=4 reply.src=10.0.0.2]"},
		{"dst == fd00::2 and udp and dport == 53", everything, small, 0, 0, "[family=6 proto=17 orig.dport=53]"},
		{"dst == fd00::2", everything, small, 0, 0, "[family=6]"},
		// By name.
		{named + " and zone == 0", everything, small, 0, 0, "1 keys"},
		{named + " and zone == 0", nil, small, 0, 0, "1 keys"},
		{named + " and zone == 0 and bytes > 1MB", nil, small, 0, 0, "1 keys"},
		{named + " and zone == 5", nil, small, 0, 0, "2 keys"},
		{strings.ReplaceAll(named, "sport == 4000", "sport in {1, 2, 3}") + " and zone == 0", nil, small, 0, 0, "3 keys"},
		{"zone == 0 and udp and rsrc == 10.0.0.1 and rdst == 10.0.0.2 and rsport == 1 and rdport == 2", nil, small, 0, 0, "1 keys"},
		{"zone == 0 and (" + named + " or " + strings.ReplaceAll(named, "4000", "4001") + ")", nil, small, 0, 0, "2 keys"},
		{named, everything, small, 0, 0, "[family=4 proto=17 orig.src=10.0.0.1 orig.dst=10.0.0.2 orig.sport=4000 orig.dport=53]"}, // the zone is open
		{strings.ReplaceAll(named, "sport == 4000", "sport in 1..3") + " and zone == 0", everything, small, 0, 0, "[family=4 proto=17 orig.src=10.0.0.1 orig.dst=10.0.0.2 orig.dport=53]"},
		// One alternative after the other.
		{"mark == 1 or mark == 2", everything, small, 0, 0, "[mark=0x1] [mark=0x2]"},
		{"mark == 1 or mark == 2", nil, small, 0, 0, "[]"},
		{"mark in {1, 2, 3, 4}", everything, small, 0, 0, "[mark=0x1] [mark=0x2] [mark=0x3] [mark=0x4]"},
		{"mark in {1, 2, 3, 4, 5}", everything, small, 0, 0, "[]"},
		{"mark == 1 or bytes > 1MB", everything, small, 0, 0, "[]"},
		{"host == 10.0.0.1", everything, small, 0, 0, "[family=4 orig.src=10.0.0.1] [family=4 orig.dst=10.0.0.1] [family=4 reply.src=10.0.0.1] [family=4 reply.dst=10.0.0.1]"},
		{"host == 10.0.0.1", tupleless, small, 0, 0, "[family=4]"},
		{"mark == 9 and (src == 10.0.0.1 or src == 10.0.0.2)", everything, small, 0, 0, "[mark=0x9]"}, // one pass is enough
		{"src == 10.0.0.1 or src == 10.0.0.2", everything, big, 0, 0, "[family=4 orig.src=10.0.0.1] [family=4 orig.src=10.0.0.2]"},
		// One family after the other.
		{"udp and dport == 53", everything, small, 0, 0, "family [family=4 proto=17 orig.dport=53] family [family=6 proto=17 orig.dport=53]"},
		{"udp and dport == 53", tupleless, small, 0, 0, "[]"},
		{"udp", everything, small, 0.3, 0.1, "[]"}, // not worth it
		{"udp", everything, big, 0.3, 0.1, "family [family=4 proto=17] family [family=6 proto=17]"},
		{"udp", everything, big, 0.1, 0.95, "[]"},
		{"udp", everything, big, 0.5, 0.95, "[] partition"},
		{"udp and unreplied", everything, small, 0.3, 0.1, "[status=0x0/0x2]"},
		{"proto == 253", everything, big, 0.3, 0.1, "family [family=4 proto=253] family [family=6 proto=253]"},
	} {
		k := mixed(t, c.entries, c.six, c.udp)
		var f filter.Filter
		if c.text != "" {
			f = compiled(t, New(&Flows{}), c.text)
		}
		if got := described(space("", k, c.able).access(context.Background(), wire.TableConntrack, f)); got != c.want {
			t.Errorf("%q of %d flows, %.0f %% IPv6, %.0f %% UDP: %s\nwant %s", c.text, c.entries, 100*c.six, 100*c.udp, got, c.want)
		}
	}
	// Other lists are filtered by family only, and not asked for one flow.
	k := mixed(t, big, 0.5, 0.5)
	for text, want := range map[string]string{"mark == 5": "[]", "src == 10.0.0.1 and mark == 5": "[family=4]", named + " and zone == 0": "[family=4]"} {
		a := space("", k, everything).access(context.Background(), wire.TableDying, compiled(t, New(&Flows{}), text))
		if got := described(a); got != want || a.parts[0].dump.Table != wire.TableDying {
			t.Errorf("dying, %s: %s, want %s", text, got, want)
		}
	}
	// A count that fails decides nothing.
	k.fail = errors.New("no")
	if got := described(space("", k, everything).access(context.Background(), wire.TableConntrack, filter.Filter{})); got != "[]" {
		t.Error(got)
	}
}

// TestWaysAgree reads flows in every way of [TestAccess] and finds each once.
func TestWaysAgree(t *testing.T) {
	m := newMaker(t, 21, 400)
	flows := m.sources[4].rows
	ways := map[string]int{}
	for range 600 {
		f, ok := m.filter(m.sources[4].q)
		if !ok {
			continue
		}
		want := flows.match(f, filter.True).shown(true)
		slices.Sort(want)
		for _, src := range m.sources[4:] {
			s := src.q.Spaces()[0]
			a := s.access(context.Background(), wire.TableConntrack, f)
			ways[fmt.Sprint(a.keys != nil, len(a.parts))]++
			got := run(t, must(t)(src.q.Where(f)))
			slices.Sort(got)
			if differ(got, want) >= 0 {
				t.Errorf("%s, %s: %d rows, want %d", f, described(a), len(got), len(want))
			}
		}
	}
	if len(ways) < 4 {
		t.Errorf("%v: the test tests too little", ways)
	}
	t.Logf("keys?, parts: %v", ways)
}

// TestGetOrDump reads a named flow where another may hide it.
func TestGetOrDump(t *testing.T) {
	msgs, flows := pool(t, rand.New(rand.NewPCG(3, 4)), 60)
	i := slices.IndexFunc(flows, func(e wire.Entry) bool { return e.Orig.Proto == wire.ProtoUDP && e.Zone() == 0 })
	meant := &flows[i]
	text := func(e *wire.Entry, r string) string {
		o := &e.Orig
		if r != "" {
			o = &e.Reply
		}
		return fmt.Sprintf("udp and %[1]ssrc == %[2]s and %[1]sdst == %[3]s and %[1]ssport == %[4]d and %[1]sdport == %[5]d and zone == 0", r, o.Src, o.Dst, o.SrcPort, o.DstPort)
	}
	hides := *meant
	hides.Orig, hides.Reply = meant.Reply, meant.Orig
	want := shown(&held(flows[i : i+1])[0], true)
	for _, c := range []struct {
		name        string
		text        string
		get         func(wire.Key) *wire.Entry
		gets, dumps int
		want        []string
	}{
		{"there", text(meant, ""), nil, 1, 0, []string{want}},
		{"by reply", text(meant, "r"), nil, 1, 0, []string{want}},
		{"by both, once", "(" + text(meant, "") + ") or (" + text(meant, "r") + ")", nil, 2, 0, []string{want}},
		{"something else is asked too", text(meant, "") + fmt.Sprintf(" and mark != %d", meant.Mark), nil, 1, 0, nil},
		{"gone", text(meant, ""), func(wire.Key) *wire.Entry { return nil }, 1, 0, nil},
		{"hidden", text(meant, ""), func(wire.Key) *wire.Entry { return &hides }, 1, 1, []string{want}},
		{"the second hidden", "(" + text(meant, "") + ") or (" + strings.ReplaceAll(text(meant, ""), "sport == ", "sport == 1") + ")", func(k wire.Key) *wire.Entry {
			if k.Tuple == meant.Orig {
				return meant
			}
			return &hides
		}, 2, 1, []string{want}},
	} {
		k := &table{msgs: msgs, get: c.get}
		got := run(t, where(t, New(&Flows{Spaces: []*Space{space("", k, nil)}}), c.text))
		if differ(got, c.want) >= 0 || len(k.gets) != c.gets || len(k.dumps) != c.dumps {
			t.Errorf("%s: %d gets and %d dumps, want %d and %d: %v", c.name, len(k.gets), len(k.dumps), c.gets, c.dumps, got)
		}
	}
	// The message of a flow that is read by name is decoded whole.
	k := &table{msgs: msgs}
	if _, err := where(t, New(&Flows{Spaces: []*Space{space("x", k, nil)}}), text(meant, "")).Each(context.Background(), func(r *field.Row) error {
		if r.World().Netns != "x" || r.Need(field.PartAll).Orig != meant.Orig {
			t.Error("another flow")
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// TestSpacesRead reads several namespaces, and names the one that fails.
func TestSpacesRead(t *testing.T) {
	msgs, flows := pool(t, rand.New(rand.NewPCG(3, 5)), 20)
	own := errors.New("dump flows: a bad day")
	named := "udp and src == 10.0.0.1 and dst == 10.0.0.2 and sport == 4000 and dport == 53 and zone == 0"
	for _, c := range []struct {
		names [3]string
		fails int
		text  string // of the filter
		rows  int
		err   string
	}{
		{[3]string{"", "blue", "green"}, -1, "", 60, ""},
		{[3]string{"", "blue", "green"}, 1, "", 40, "dump flows: a bad day (in namespace blue)"},
		{[3]string{"", "blue", "green"}, 0, "", 20, "dump flows: a bad day"},
		{[3]string{"a", "d", "f"}, 1, "", 40, "dump flows: a bad day (in namespace d)"},
		{[3]string{"", "blue", "green"}, 2, named, 0, "dump flows: a bad day (in namespace green)"},
	} {
		f := &Flows{Verb: ":all_ns()"}
		for i, name := range c.names {
			k := &table{msgs: msgs}
			if i == c.fails {
				k.fail = own
			}
			f.Spaces = append(f.Spaces, space(name, k, everything))
		}
		q := New(f)
		if c.text != "" {
			q = where(t, q, c.text)
		}
		text := func(err error) string {
			if err == nil {
				return ""
			}
			if !errors.Is(err, own) {
				t.Errorf("%v is something else", err)
			}
			return err.Error()
		}
		at, n := map[string]int{}, 0
		_, err := q.Each(context.Background(), func(r *field.Row) error { n++; at[r.World().Netns]++; return nil })
		if n != c.rows || text(err) != c.err || n == 60 && (len(at) != 3 || at[c.names[2]] != len(flows)) {
			t.Errorf("%v: %d rows %v, %v", c, n, at, err)
		}
		if c.text != "" {
			continue
		}
		if n, err := q.Count(context.Background()); n != c.rows || text(err) != c.err {
			t.Errorf("%v: counted %d, %v", c, n, err)
		}
		if c.fails == 0 {
			for _, q := range []Query{q, must(t)(q.Delta(1)), must(t)(q.Plus(q))} {
				if _, err := q.Explain(context.Background(), Learned{}); text(err) != c.err {
					t.Errorf("explain %s: %v", q, err)
				}
			}
		}
	}
	// What names its namespace is left as it is, and so is an error of the sink.
	for _, text := range []string{"network namespace blue is gone", `open network namespace "blue": gone`} {
		k := &table{fail: errors.New(text)}
		if _, err := New(&Flows{Spaces: []*Space{space("blue", k, nil)}}).Each(context.Background(), nil); err == nil || err.Error() != text {
			t.Error(err)
		}
	}
	if _, err := New(&Flows{Spaces: []*Space{space("blue", &table{msgs: msgs}, nil)}}).Each(context.Background(), func(*field.Row) error { return own }); err != own { //nolint:errorlint // it is passed on as it is
		t.Error(err)
	}
}

// TestFake reads a kernel with all that the client does.
func TestFake(t *testing.T) {
	k := fake.New(fake.Options{})
	client := k.Client()
	defer client.Close()
	_, flows := pool(t, rand.New(rand.NewPCG(3, 6)), 300)
	made := 0
	for i := range flows {
		flows[i].Timeout += 600
		flows[i].Present &^= wire.HasSecCtx
		switch err := client.Do(context.Background(), &wire.Create{Entry: flows[i]}); {
		case err == nil:
			made++
		case !errors.Is(err, syscall.EEXIST): // both ways at once
			t.Fatalf("%s: %v", flows[i].Orig, err)
		}
	}
	all := New(&Flows{Spaces: []*Space{space("", client, nil)}})
	kept := rows{}
	if _, err := all.Each(context.Background(), func(r *field.Row) error { kept = append(kept, r.Hold(field.PartAll)); return nil }); err != nil || len(kept) != made || made < len(flows)/2 {
		t.Fatalf("%d flows, %v", len(kept), err)
	}
	if n, err := all.Count(context.Background()); err != nil || n != made {
		t.Errorf("counted %d, %v", n, err)
	}
	m := &maker{T: t, Rand: rand.New(rand.NewPCG(3, 7))}
	for range 300 {
		f, ok := m.filter(all)
		if !ok {
			continue
		}
		want := kept.match(f, filter.True).shown(true)
		slices.Sort(want)
		for _, able := range []filter.Able{nil, everything} {
			got := run(t, must(t)(New(&Flows{Spaces: []*Space{space("", client, able)}}).Where(f)))
			slices.Sort(got)
			if differ(got, want) >= 0 {
				t.Errorf("%s: %d rows, want %d", f, len(got), len(want))
			}
		}
	}
}
