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

func TestKeys(t *testing.T) {
	given := Params{"list": []any{"10.0.0.1", "10.0.0.2/32"}, "map": map[string]any{"53": true, "80": true}, "one": "10.0.0.1", "wide": []any{"10.0.0.0/8"}}
	const ends = "src == 10.0.0.1 and dst == 10.0.0.2"
	for _, c := range []struct{ text, want string }{
		{"udp and zone == 0 and " + ends + " and sport == 9 and dport == 53", "udp 10.0.0.1:9 > 10.0.0.2:53"},
		{"proto == 17 and assured and bytes > 5 and zone == 0 and " + ends + " and sport == 9 and dport == 53", "udp 10.0.0.1:9 > 10.0.0.2:53"},
		{"udp and zone == 7 and " + ends + " and sport == 9 and dport == 53", "udp 10.0.0.1:9 > 10.0.0.2:53 zone 7 split; udp 10.0.0.1:9 > 10.0.0.2:53"},
		{"udp and zone in {0, 7} and " + ends + " and sport == 9 and dport == 53", "udp 10.0.0.1:9 > 10.0.0.2:53; udp 10.0.0.1:9 > 10.0.0.2:53 zone 7 split"},
		{"protonum in {6, 17} and proto in {udp, sctp} and zone == 0 and " + ends + " and sport == 9 and dport in {53, 80}", "udp 10.0.0.1:9 > 10.0.0.2:53; udp 10.0.0.1:9 > 10.0.0.2:80"},
		{"udp and zone == 0 and src in $list and dst == 10.0.0.2 and sport == 9 and dport == 53", "udp 10.0.0.1:9 > 10.0.0.2:53; udp 10.0.0.2:9 > 10.0.0.2:53"},
		{"udp and zone == 0 and src == $one and dst == 10.0.0.2 and sport == 9 and dport in $map", "udp 10.0.0.1:9 > 10.0.0.2:53; udp 10.0.0.1:9 > 10.0.0.2:80"},
		{"zone == 0 and rsrc == fd00::1 and rdst == fd00::2 and rsport == 9 and rdport == 53 and tcp", "reply tcp [fd00::1]:9 > [fd00::2]:53"},
		{"icmp and zone == 0 and " + ends + " and icmp_type == 8 and icmp_code == 0 and icmp_id in {1, 2}", "icmp 10.0.0.1 > 10.0.0.2 type 8 code 0 id 1; icmp 10.0.0.1 > 10.0.0.2 type 8 code 0 id 2"},
		{"icmp and zone == 0 and rsrc == 10.0.0.2 and rdst == 10.0.0.1 and ricmp_type == 0 and ricmp_code == 0 and ricmp_id == 1", "reply icmp 10.0.0.2 > 10.0.0.1 type 0 code 0 id 1"},
		{"icmpv6 and zone == 0 and src == fd00::1 and dst == fd00::2 and icmp_type == 128 and icmp_code == 0 and icmp_id == 1", "icmpv6 fd00::1 > fd00::2 type 128 code 0 id 1"},
		{"proto == 50 and zone == 0 and " + ends, "esp 10.0.0.1 > 10.0.0.2"},
		{"zone == 0 and (udp and " + ends + " and sport == 9 and dport == 53 or proto == esp and " + ends + ")", "udp 10.0.0.1:9 > 10.0.0.2:53; esp 10.0.0.1 > 10.0.0.2"},
		{"zone == 0 and (udp or tcp) and " + ends + " and sport == 9 and (dport == 53 or dport == 53)", "udp 10.0.0.1:9 > 10.0.0.2:53; tcp 10.0.0.1:9 > 10.0.0.2:53"},
		{"proto == esp and zone == 0 and src in {10.0.0.1, fd00::1} and dst in {10.0.0.2, fd00::2}", "esp 10.0.0.1 > 10.0.0.2; esp fd00::1 > fd00::2"},
		{"proto == esp and zone == 0 and src == 10.0.0.1 and dst in {fd00::2, fd00::3}", "none"},
		{"udp and zone == 0 and " + ends + " and sport == 9.5 and dport == 53", "none"},
		{"(udp and " + ends + " or tcp and dst == 10.0.0.9) and proto == esp and zone == 0 and " + ends, "none"},

		{"udp and " + ends + " and sport == 9 and dport == 53", "open"},
		{"udp and ozone == 0 and " + ends + " and sport == 9 and dport == 53", "open"},
		{"zone == 0 and " + ends + " and sport == 9 and dport == 53", "open"},
		{"udp and zone == 0 and src == 10.0.0.1 and sport == 9 and dport == 53", "open"},
		{"udp and zone == 0 and " + ends + " and sport == 9", "open"},
		{"udp and zone == 0 and " + ends + " and sport == 9 and dport != 53", "open"},
		{"udp and zone == 0 and " + ends + " and sport == 9 and dport not in {53, 80}", "open"},
		{"udp and zone == 0 and " + ends + " and sport == 9 and dport in 53..54", "open"},
		{"udp and zone == 0 and " + ends + " and sport == 9 and port == 53", "open"},
		{"udp and zone == 0 and src in $wide and dst == 10.0.0.2 and sport == 9 and dport == 53", "open"},
		{"udp and zone == 0 and src == 10.0.0.1 and rdst == 10.0.0.2 and sport == 9 and dport == 53", "open"},
		{"icmp and zone == 0 and " + ends + " and icmp_type == 8 and icmp_code == 0", "open"},
		{"icmp and zone == 0 and src == fd00::1 and dst == fd00::2 and icmp_type == 8 and icmp_code == 0 and icmp_id == 1", "open"},
		{"gre and zone == 0 and " + ends + " and gre_key == 5", "open"},
		{"zone == 0 and (udp or assured) and " + ends + " and sport == 9 and dport == 53", "open"},
		{"not (udp and zone == 0 and " + ends + " and sport == 9 and dport == 53)", "open"},
		{"udp and zone == 0 and " + ends + " and sport in {1, 2, 3} and dport in {4, 5, 6}", "open"}, // 9 keys
		{"udp and zone == 0 and " + ends + " and sport == 1 and dport in {1, 2, 3, 4, 5, 6, 7, 8, 9}", "open"},
		{"zone == 0 and (proto == 1 or proto == 2 or proto == 3 or proto == 4 or proto == 5 or proto == 6 or proto == 7 or proto == 8 or proto == 9) and " + ends, "open"},
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
		if got := keyText(f.Keys(8)); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.text, got, c.want)
		}
	}
	if got := keyText(new(Filter).Keys(8)); got != "open" {
		t.Errorf("every flow: %s", got)
	}
	cells := &Env{Fields: field.Columns(field.Flow.Fields()...)}
	if f, err := Compile("proto == esp and zone == 0 and "+ends, nil, cells); err != nil || keyText(f.Keys(8)) != "open" {
		t.Errorf("rows that are cells: %s, %v", keyText(f.Keys(8)), err)
	}
}

func keyText(keys []wire.Key, ok bool) string {
	if !ok {
		return "open"
	}
	if len(keys) == 0 {
		return "none"
	}
	var list []string
	for _, k := range keys {
		s := k.Tuple.String()
		if k.Split {
			s += " split"
		}
		if k.Dir == wire.Reply {
			s = "reply " + s
		}
		list = append(list, s)
	}
	return strings.Join(list, "; ")
}

// tracked makes flows as a kernel holds them: also translated ones, and in
// zones of one direction.
func tracked(r *rand.Rand) *wire.Entry {
	e := filtertest.Flow(r)
	if e.Orig.Family == wire.FamilyIPv6 && r.IntN(4) == 0 {
		e.Orig.Proto = wire.ProtoICMPv6
		e.Orig.SetICMP(128, 0, uint16(r.IntN(3)))
		e.Reply, _ = e.Orig.Invert()
	}
	if r.IntN(3) == 0 {
		e.Reply.Dst, e.Status = e.Reply.Src, e.Status|wire.StatusSrcNAT
	}
	switch r.IntN(4) {
	case 0:
		e.Orig.Zone = 0
	case 1:
		e.Reply.Zone = 0
	}
	return e
}

// naming makes the text of a filter that nearly always names flows whole, one
// of them like.
func naming(r *rand.Rand, like *wire.Entry, used Params) string {
	dir := wire.Direction(r.IntN(2))
	n, tuple := keyFields[dir], like.Orig
	if dir == wire.Reply {
		tuple = like.Reply
	}
	one := func(name string, value, other any) string {
		switch r.IntN(7) {
		case 0:
			return fmt.Sprintf("%s in {%v, %v}", name, value, other)
		case 1:
			return fmt.Sprintf("(%s == %v or %s == %v)", name, value, name, other)
		case 2:
			param := fmt.Sprintf("p%d", len(used))
			used[param] = []any{fmt.Sprint(other), fmt.Sprint(value)}
			return fmt.Sprintf("%s in $%s", name, param)
		case 3:
			return fmt.Sprintf("%v == %s", value, name)
		}
		return fmt.Sprintf("%s == %v", name, value)
	}
	list := []string{
		one("zone", like.Zone(), r.IntN(3)), one(n.src, tuple.Src, tuple.Dst), one(n.dst, tuple.Dst, tuple.Src),
		[]string{flagOf(tuple.Proto), one("proto", wire.ProtoName(tuple.Proto), "udp"), one("protonum", tuple.Proto, 50)}[r.IntN(3)],
	}
	typ, code, id := tuple.ICMP()
	if wire.HasPorts(tuple.Proto) || r.IntN(4) == 0 {
		list = append(list, one(n.sport, tuple.SrcPort, 0), one(n.dport, tuple.DstPort, 53))
	}
	if tuple.Proto == wire.ProtoICMP || tuple.Proto == wire.ProtoICMPv6 || r.IntN(4) == 0 {
		list = append(list, one(n.icmpType, typ, 128), one(n.icmpCode, code, 0), one(n.icmpID, id, 1))
	}
	if r.IntN(3) == 0 {
		list = append(list, atom(filtertest.Text(r)))
	}
	if r.IntN(10) == 0 {
		list = slices.Delete(list, 0, 1)
	}
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return strings.Join(list, " and ")
}

// flagOf is the condition that a flow has a protocol.
func flagOf(proto uint8) string {
	if slices.Contains(wire.ProtoNames(), wire.ProtoName(proto)) {
		return wire.ProtoName(proto)
	}
	return fmt.Sprintf("protonum == %d", proto)
}

func atom(s string) string { return "(" + s + ")" }

// TestKeysMissNothing compares what filters select among flows made at random
// with the flows that their keys name.
func TestKeysMissNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 7))
	flows := make([]*wire.Entry, 1000)
	for i := range flows {
		flows[i] = tracked(r)
	}
	whole, open, selected, replies := 0, 0, 0, 0
	for range 2500 {
		used := Params{}
		text := atom(naming(r, flows[r.IntN(len(flows))], used))
		if r.IntN(3) == 0 {
			text += " or " + atom(naming(r, flows[r.IntN(len(flows))], used))
		}
		for name := range used { // of what was left out
			if !strings.Contains(text, "$"+name) {
				delete(used, name)
			}
		}
		f, err := Compile(text, used, nil)
		if err != nil {
			if !strings.Contains(err.Error(), "no flow could match") {
				t.Fatalf("%s: %v", text, err)
			}
			continue
		}
		if r.IntN(3) == 0 { // of filters that were joined too
			other, err := Compile(atom(filtertest.Text(r)), nil, nil)
			if err != nil {
				continue
			}
			join := Filter.And
			if r.IntN(2) == 0 {
				join = Filter.Unless
			}
			if f, err = join(f, other); err != nil {
				continue
			}
		}
		keys, ok := f.Keys(64)
		if !ok {
			open++
			continue
		}
		if len(keys) > 64 {
			t.Fatalf("%s: %d keys", f, len(keys))
		}
		whole++
		for _, e := range flows {
			var row field.Row
			row.ResetEntry(e)
			if f.Match(&row) != True {
				continue
			}
			selected++
			i := slices.IndexFunc(keys, func(k wire.Key) bool { return Answers(&k, &e.Flow) })
			if i < 0 {
				t.Fatalf("%s %v selects %s / %s, which is not among %s", f, used, e.Orig, e.Reply, keyText(keys, true))
			}
			if keys[i].Dir == wire.Reply {
				replies++
			}
		}
	}
	t.Logf("%d filters name %d flows, %d of them by their reply; %d leave something open", whole, selected, replies, open)
	if whole < 1000 || open < 100 || selected < 800 || replies < 300 {
		t.Error("the test tests too little")
	}
}

func BenchmarkKeys(b *testing.B) {
	for name, params := range map[string]Params{"one": {"1": "10.0.0.1"}, "10000": {"1": many(10_000)}} {
		f, err := Compile("udp and zone == 0 and src in $1 and dst == 10.0.0.2 and sport == 9 and dport == 53", params, env)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if keys, ok := f.Keys(64); ok != (len(keys) == 1) {
					b.Fatal(keys)
				}
			}
		})
	}
}

func many(n int) (list []any) {
	for i := range n {
		list = append(list, fmt.Sprintf("10.%d.%d.1", 1+i/256, i%256))
	}
	return list
}
