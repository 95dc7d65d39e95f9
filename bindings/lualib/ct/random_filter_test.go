package ct

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// tri is whether a flow meets a condition: no, unknown since it lacks what is
// asked for, yes.
type tri int

const (
	no      tri = 0
	unknown tri = 1
	yes     tri = 2
)

func holds(b bool) tri {
	if b {
		return yes
	}
	return no
}

// oracle tells of a flow whether a filter selects it. It is written down here once
// more, without the language of filters.
type oracle func(*wire.Entry) tri

// atom is a condition in all its forms: as text, as a field of a table and as an
// expression about f, "" where it has none.
type atom struct {
	text, table, lua string
	is               oracle
}

// atom makes a condition about one field.
func (g *gen) atom() atom {
	switch n := g.r.IntN(14); n {
	case 0, 1, 2:
		m := uint32(g.r.IntN(5))
		return atom{fmt.Sprintf("mark == %d", m), fmt.Sprintf("mark = %d", m), fmt.Sprintf("f.mark == %d", m), func(e *wire.Entry) tri { return holds(e.Mark == m) }}
	case 3:
		m := uint32(g.r.IntN(4))
		return atom{fmt.Sprintf("mark == 0x%x/0x3", m), fmt.Sprintf("mark = \"0x%x/0x3\"", m), "", func(e *wire.Entry) tri { return holds(e.Mark&3 == m) }}
	case 4:
		name := pick(g.r, "udp", "tcp", "sctp", "icmp")
		p, _ := wire.ParseProto(name)
		return atom{name, fmt.Sprintf("proto = %q", name), fmt.Sprintf("f.proto == %q", name), func(e *wire.Entry) tri { return holds(e.Orig.Proto == p) }}
	case 5:
		return g.portAtom()
	case 6, 7:
		return g.addressAtom()
	case 8:
		return g.flagAtom()
	case 9:
		four := g.r.IntN(2) == 0
		n := map[bool]int{true: 4, false: 6}[four]
		return atom{fmt.Sprintf("family == %d", n), fmt.Sprintf("family = %d", n), fmt.Sprintf("f.family == %d", n), func(e *wire.Entry) tri { return holds(e.Orig.Src.Is4() == four) }}
	case 10:
		z := uint16(pick(g.r, 0, 7))
		return atom{fmt.Sprintf("zone == %d", z), fmt.Sprintf("zone = %d", z), fmt.Sprintf("f.zone == %d", z), func(e *wire.Entry) tri { return holds(e.Zone() == z) }}
	case 11:
		return atom{"timeout > 1h", `timeout = ">1h"`, "f.timeout > 3600", func(e *wire.Entry) tri { return holds(e.Timeout > 3600) }}
	case 12:
		return atom{"label == 7", "", "", func(e *wire.Entry) tri { return holds(e.Labels.Bit(7)) }}
	}
	// What a flow lacks never selects, said in whatever way.
	return pick(g.r,
		atom{"bytes > 1", `bytes = ">1"`, "f.bytes ~= nil and f.bytes > 1", func(e *wire.Entry) tri {
			if !e.Has(wire.HasCounters) {
				return unknown
			}
			return holds(e.Counter[0].Bytes+e.Counter[1].Bytes > 1)
		}},
		atom{"state == ESTABLISHED", `state = "ESTABLISHED"`, `f.state == "ESTABLISHED"`, func(e *wire.Entry) tri {
			if !e.Has(wire.HasState) {
				return unknown
			}
			return holds(wire.StateName(e.Orig.Proto, e.State) == "ESTABLISHED")
		}},
		atom{"helper == ftp", `helper = "ftp"`, `f.helper == "ftp"`, func(e *wire.Entry) tri {
			if e.Helper == "" {
				return unknown
			}
			return holds(e.Helper == "ftp")
		}})
}

func (g *gen) portAtom() atom {
	at := func(is func(uint16) bool) oracle {
		return func(e *wire.Entry) tri {
			if !wire.HasPorts(e.Orig.Proto) {
				return unknown
			}
			return holds(is(e.Orig.DstPort))
		}
	}
	p := pick(g.r, 53, 443, 22, 21, 80, 5353, 9)
	switch g.r.IntN(3) {
	case 0:
		return atom{fmt.Sprintf("dport in {%d, 22}", p), fmt.Sprintf("dport = {%d, 22}", p), "", at(func(d uint16) bool { return d == 22 || int(d) == p })}
	case 1:
		return atom{"dport in 50..500", "", "", at(func(d uint16) bool { return d >= 50 && d <= 500 })}
	}
	return atom{fmt.Sprintf("dport == %d", p), fmt.Sprintf("dport = %d", p), fmt.Sprintf("f.dport == %d", p), at(func(d uint16) bool { return int(d) == p })}
}

func (g *gen) addressAtom() atom {
	if g.r.IntN(2) == 0 {
		a := pick(g.r, "10.77.0.1", "10.77.0.3", "10.77.1.1", "10.77.9.9", "fd00:77::1")
		want := address(a)
		return atom{"src == " + a, fmt.Sprintf("src = %q", a), fmt.Sprintf("f.src == %q", a), func(e *wire.Entry) tri { return holds(e.Orig.Src == want) }}
	}
	p := netip.MustParsePrefix(pick(g.r, "10.77.0.0/24", "10.77.0.0/16", "10.77.3.0/24", "fd00:77::/64", "172.16.0.0/12"))
	return atom{"src in " + p.String(), fmt.Sprintf("src = %q", p), "", func(e *wire.Entry) tri { return holds(p.Contains(e.Orig.Src.Netip())) }}
}

func (g *gen) flagAtom() atom {
	name := pick(g.r, "assured", "unreplied", "replied", "snat", "expected", "fixed_timeout")
	bit, inverse := map[string]wire.Status{"assured": wire.StatusAssured, "unreplied": wire.StatusSeenReply, "replied": wire.StatusSeenReply, "snat": wire.StatusSrcNAT,
		"expected": wire.StatusExpected, "fixed_timeout": wire.StatusFixedTimeout}[name], name == "unreplied"
	return atom{name, name + " = true", "f." + name, func(e *wire.Entry) tri { return holds((e.Status&bit != 0) != inverse) }}
}

// condition joins atoms to a text.
func (g *gen) condition(depth int) (string, oracle) {
	if depth == 0 || g.r.IntN(3) == 0 {
		a := g.atom()
		return a.text, a.is
	}
	left, l := g.condition(depth - 1)
	switch g.r.IntN(3) {
	case 0:
		return "not (" + left + ")", func(e *wire.Entry) tri { return yes - l(e) }
	case 1:
		right, r := g.condition(depth - 1)
		return "(" + left + ") and (" + right + ")", func(e *wire.Entry) tri { return min(l(e), r(e)) }
	}
	right, r := g.condition(depth - 1)
	return "(" + left + ") or (" + right + ")", func(e *wire.Entry) tri { return max(l(e), r(e)) }
}

// filter makes the arguments of where, in one of their forms.
func (g *gen) filter() (args string, is oracle) {
	switch g.r.IntN(12) {
	case 0:
		return "ct.all", func(*wire.Entry) tri { return yes }
	case 1, 2, 3:
		var fields []string
		is = func(*wire.Entry) tri { return yes }
		names := map[string]bool{}
		for range 1 + g.r.IntN(3) {
			a := g.atom()
			name, _, _ := strings.Cut(a.table, " ")
			if a.table == "" || names[name] {
				continue
			}
			names[name] = true
			fields = append(fields, a.table)
			other := is
			is = func(e *wire.Entry) tri { return min(other(e), a.is(e)) }
		}
		if len(fields) == 0 {
			return g.filter()
		}
		return "{" + strings.Join(fields, ", ") + "}", is
	case 4:
		for {
			if a := g.atom(); a.lua != "" {
				return "function(f) return " + a.lua + " end", func(e *wire.Entry) tri { return holds(a.is(e) == yes) }
			}
		}
	case 5:
		m := uint32(g.r.IntN(4))
		return fmt.Sprintf(`"mark == $1", %d`, m), func(e *wire.Entry) tri { return holds(e.Mark == m) }
	case 6:
		a, b := g.r.IntN(4), g.r.IntN(4)
		return fmt.Sprintf(`"mark in $some", {some = {%d, %d}}`, a, b), func(e *wire.Entry) tri { return holds(int(e.Mark) == a || int(e.Mark) == b) }
	case 7:
		return `"src in $1 and dport == $2", {"10.77.0.1", "10.77.1.0/24"}, "53"`, func(e *wire.Entry) tri {
			p := netip.MustParsePrefix("10.77.1.0/24")
			if !wire.HasPorts(e.Orig.Proto) {
				return unknown
			}
			return holds((e.Orig.Src == address("10.77.0.1") || p.Contains(e.Orig.Src.Netip())) && e.Orig.DstPort == 53)
		}
	case 8:
		text, is := g.condition(1)
		return fmt.Sprintf("flows:where(%q)", text), func(e *wire.Entry) tri { return holds(is(e) == yes) }
	}
	text, is := g.condition(2)
	return fmt.Sprintf("%q", text), is
}

// badFilters are arguments of where that are mistakes: each must be told.
var badFilters = []string{`nil`, `""`, `" "`, `{}`, `"srcc == 10.0.0.1"`, `{srcc = "10.0.0.1"}`, `"mark == $1"`, `"mark == $1", nil`, `"src == $1", ""`, `"mark in $m", {}`,
	`"mark in $m", {m = nil}`, `{src = nil}`, `{mark = nil, proto = "udp"}`, `"mark =="`, `"mark"`, `"== 1"`, `"dport == htps"`, `{dport = 70000}`, `{dport = {53, nil, 80}}`, `5`, `true`,
	`nowhere`, `os.nothing`, `{"udp"}`, `"mark == 1 and mark == 2"`, `{state = "ESTABLISHD"}`, `"src in $1", {}`, `"mark in {}"`, `"udp", 5`, `"src > 5m"`, `"src == 10.0.0.1/33"`,
	`{mark = {}}`, `{mark = ""}`, `"udp or"`, `"not"`, `"mark == 1 2"`, `{mark = "1/0"}`, `"family == 9"`, `{family = 9}`, `"mark == -1"`, `{timeout = "soon"}`, `stats`, `"prot == udp"`, `arg.x`}

// unnarrowed are all flows, which nobody has said: no change may be planned of
// them.
var unnarrowed = []string{"flows", "flows:limit(3)", "flows:skip(1)", `flows:sort("src")`, `flows:top(3, "mark")`, `flows:sample(1)`, `flows:distinct("src")`, "flows:snapshot()",
	"flows:where(flows)", "(flows + flows)", `(flows:where("udp") + flows)`, `flows:with{x = "mark + 1"}`, `flows:table("conntrack")`}

func pick[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }
