package filter

import (
	"slices"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Keys lists the flows that f can select, where it names them whole by zone,
// protocol, addresses and what else the protocol has in its tuple, of the
// original or of the reply direction: each a single value or a small set. It is
// false where f leaves something open, or names more than most. There may be
// none: the kernel holds no flow from an IPv4 to an IPv6 address.
//
// What a key finds is matched again. Nothing that f selects is missed, with one
// exception that the caller can see: where [Answers] is false of what was
// found, another flow may stand behind it.
//
// A zone that is not 0 takes two keys. The zone field is also that of a flow
// which is in it with the other direction only, and in zone 0 with this one.
func (f *Filter) Keys(most int) ([]wire.Key, bool) {
	all := []way{{}}
	for _, p := range f.parts {
		c := newCompiler(p.params, p.env)
		if c.set != field.Flow {
			return nil, false
		}
		for _, x := range p.exact {
			if x.whole() {
				all = product(all, []way{{x.Field.Name: {x.Value}}}, most)
			}
		}
		for _, e := range conjuncts(p.expr) {
			switch e.(type) {
			case Or, *In: // the others are among the exact terms
				all = product(all, c.ways(e, most), most)
			}
		}
	}
	seen := map[wire.Key]bool{}
	keys := []wire.Key{}
	for _, w := range all {
		list, ok := w.keys(most)
		if !ok {
			return nil, false
		}
		for _, k := range list {
			if !seen[k] {
				seen[k] = true
				keys = append(keys, k)
			}
		}
		if len(keys) > most {
			return nil, false
		}
	}
	return keys, true
}

// Answers tells whether a flow that the kernel found is the one that a key
// names. The kernel finds a flow by either of its tuples (linux
// nf_conntrack_core.c, nf_conntrack_find_get), so it may be one whose other
// direction has that tuple. With split zones there can be two, of which the
// kernel returns the one that was made last: who then has to know all reads the
// table.
func Answers(k *wire.Key, f *wire.Flow) bool {
	if k.Dir == wire.Reply {
		return f.Reply == k.Tuple
	}
	return f.Orig == k.Tuple
}

// keyFields are the fields that name a flow, by direction.
var keyFields = [2]struct{ src, dst, sport, dport, icmpType, icmpCode, icmpID string }{
	{"src", "dst", "sport", "dport", "icmp_type", "icmp_code", "icmp_id"},
	{"rsrc", "rdst", "rsport", "rdport", "ricmp_type", "ricmp_code", "ricmp_id"},
}

// keys lists the flows that are met in this way, false where something is open
// or there are too many.
func (w way) keys(most int) ([]wire.Key, bool) {
	zones, ok := w.numbers("zone")
	protos, named := w.protos()
	if !ok || !named {
		return nil, false
	}
	if slices.ContainsFunc(zones, func(z uint16) bool { return z != 0 }) && !slices.Contains(zones, 0) {
		zones = append(zones, 0)
	}
	for dir := wire.Original; dir <= wire.Reply; dir++ {
		if list, ok := w.directed(dir, zones, protos, most); ok {
			return list, true
		}
	}
	return nil, false
}

// directed lists the keys of one direction.
func (w way) directed(dir wire.Direction, zones []uint16, protos []uint8, most int) (list []wire.Key, ok bool) {
	n := &keyFields[dir]
	src, dst := w[n.src], w[n.dst]
	if src == nil || dst == nil {
		return nil, false
	}
	for _, proto := range protos {
		ends, ok := w.ends(dir, proto, most)
		if !ok {
			return nil, false
		}
		for _, s := range src {
			for _, d := range dst {
				if s.Addr.Is4() != d.Addr.Is4() {
					continue
				}
				t := wire.Tuple{Src: s.Addr, Dst: d.Addr, Proto: proto, Family: wire.FamilyIPv6}
				if s.Addr.Is4() {
					t.Family = wire.FamilyIPv4
				}
				if len(list)+len(ends)*len(zones) > most {
					return nil, false
				}
				for _, e := range ends {
					t.SrcPort, t.DstPort = e[0], e[1]
					for _, z := range zones {
						t.Zone = z
						// The zone of this direction alone: another flow may have the
						// zone and, as its other direction, the tuple.
						k := wire.Key{Tuple: t, Dir: dir, Split: z != 0}
						if _, err := wire.NewDelete(k); err != nil {
							return nil, false // ICMP over IPv6 and the like: no request names it
						}
						list = append(list, k)
					}
				}
			}
		}
	}
	return list, true
}

// ends lists what a protocol has in the two port fields of a tuple, false where
// something of it is open. The second key of GRE is in no field.
func (w way) ends(dir wire.Direction, proto uint8, most int) ([][2]uint16, bool) {
	n := &keyFields[dir]
	switch {
	case wire.HasPorts(proto):
		src, ok1 := w.numbers(n.sport)
		dst, ok2 := w.numbers(n.dport)
		return pairs(src, dst, ok1 && ok2 && len(src)*len(dst) <= most)
	case proto == wire.ProtoICMP || proto == wire.ProtoICMPv6:
		types, ok1 := w.numbers(n.icmpType)
		codes, ok2 := w.numbers(n.icmpCode)
		ids, ok3 := w.numbers(n.icmpID)
		if !ok1 || !ok2 || !ok3 || len(types)*len(codes)*len(ids) > most {
			return nil, false
		}
		var both []uint16
		for _, t := range types {
			for _, c := range codes {
				both = append(both, t<<8|c)
			}
		}
		return pairs(ids, both, true)
	}
	return [][2]uint16{{}}, proto != wire.ProtoGRE
}

func pairs(a, b []uint16, ok bool) (list [][2]uint16, _ bool) {
	if !ok {
		return nil, false
	}
	for _, x := range a {
		for _, y := range b {
			list = append(list, [2]uint16{x, y})
		}
	}
	return list, true
}
