package ct

import (
	"fmt"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// create makes a flow, or meets one that is there.
func (g *gen) create() *statement {
	tup := wire.Tuple{Family: wire.FamilyIPv4, Proto: wire.ProtoUDP, Dst: address("192.0.2.53"), SrcPort: 4000, DstPort: 53}
	src := fmt.Sprintf("10.77.%d.%d", pick(g.r, 0, 0, 20), 1+g.r.IntN(4))
	tup.Src = address(src)
	more := ""
	if g.r.IntN(4) == 0 {
		tup.Zone, more = 7, ", zone = 7"
	}
	upsert := g.r.IntN(2) == 0
	if upsert {
		more += ", upsert = true"
	}
	if g.r.IntN(2) == 0 {
		more += fmt.Sprintf(", mark = %d", g.r.IntN(5))
	}
	meets := func(*watched) reach {
		r := reach{make: map[wire.Tuple]bool{tup: true}, most: 1}
		if upsert {
			r.touch = r.make
		}
		return r
	}
	text := fmt.Sprintf(`ct.create{proto = "udp", src = %q, sport = 4000, dst = "192.0.2.53", dport = 53, timeout = "10m"%s}:apply()`, src, more)
	return &statement{text: g.keep(text), reach: meets, deed: true}
}

func (g *gen) flush() *statement {
	if g.r.IntN(2) == 0 {
		bad := pick(g.r, "ct.flush()", "ct.flush{}", "ct.flush{yes = false}", `ct.flush("yes")`, "ct.flush{yes = 1}", "ct.flush(true)", "ct.flush{yes = nil}", `ct.flush{yes = "true"}`)
		return &statement{text: bad + ":apply()", wrong: true, reach: nobody}
	}
	how, bound, share, plain, taints := g.apply(everyone)
	return &statement{text: g.keep("ct.flush{yes = true}" + how), reach: selected(func(*wire.Entry) tri { return yes }, bound, share), deletes: plain, taints: taints, deed: true}
}

func (g *gen) expect() *statement {
	text := pick(g.r,
		`local m = flows:where{helper = "ftp"}:first() if m then ct.expect{master = m, proto = "tcp", dst = "10.77.8.1", dport = 2021}:apply() end`,
		`local m = flows:where{helper = "ftp"}:first() if m then ct.expect{master = m, proto = "tcp", dport = 2022, permanent = true}:apply{journal = false} end`,
		`local m = flows:where("udp"):first() if m then ct.expect{master = m, proto = "udp", dport = 2022}:apply() end`,
		`expects:where(ct.all):delete():apply()`, `expects:where("dport == 2021"):delete():apply{max = 1}`, `local e = expects:first() if e then e:delete():apply() end`,
		`local e = expects:first() if e then e:timeout_to("100s"):apply() end`)
	return &statement{text: text, reach: nobody, expects: true, deed: true}
}

func (g *gen) undo() *statement {
	k := 1 + g.r.IntN(len(g.made)+1)
	s := &statement{} // what the script takes back of its own counts for no breaker
	if g.r.IntN(3) == 0 {
		s.text = g.keep(pick(g.r, "ct.undo():apply()", "ct.undo(nil, {force = true}):apply()", "ct.undo():apply{max = 3}"))
		s.reach = func(w *watched) reach { return reach{touch: w.ever, make: w.ever, most: everyone} }
	} else {
		s.text = fmt.Sprintf("if r[%d] then %s end", k, g.keep(fmt.Sprintf("r[%d]:undo():apply()", k)))
		s.reach = func(w *watched) reach { return reach{touch: w.by[k], make: w.by[k], most: everyone} }
	}
	s.undoes = true
	return s
}

func (g *gen) protect() *statement {
	if g.r.IntN(3) == 0 {
		bad := pick(g.r, `nil`, `""`, `{}`, `"srcc == 1"`, `{srcc = 1}`, `"mark == $1"`, `"mark == $1", nil`, `5`, `nowhere`, `function() return true end`)
		return &statement{text: "ct.protect(" + bad + ")", wrong: true, reach: nobody}
	}
	if g.r.IntN(8) == 0 {
		return &statement{text: "ct.protect(ct.all)", reach: nobody, protect: func(*wire.Entry) tri { return yes }}
	}
	text, is := g.condition(1)
	return &statement{text: fmt.Sprintf("ct.protect(%q)", text), reach: nobody, protect: is}
}

func (g *gen) limitChanges() *statement {
	if g.r.IntN(3) == 0 {
		return &statement{text: pick(g.r, `ct.breaker(0, "1h")`, `ct.breaker(5)`, `ct.breaker(5, 0)`, `ct.breaker(-1, "1m")`, `ct.breaker("x", "1m")`, `ct.breaker()`, `ct.breaker(nil, "1m")`), wrong: true, reach: nobody}
	}
	n := 1 + g.r.IntN(20)
	return &statement{text: fmt.Sprintf(`ct.breaker(%d, "1h")`, n), reach: nobody, breaker: n}
}

func (g *gen) setSysctl() *statement {
	if g.r.IntN(3) == 0 {
		return &statement{text: pick(g.r, `sys.set("nf_conntrack_udp_timout", 5)`, `sys.set("nf_conntrack_udp_timeout", "soon")`, `sys.set("nf_conntrack_udp_timeout")`, `sys.set()`,
			`sys.set("nf_conntrack_udp_timeout", nil)`, `sys.set("", 1)`, `sys.set(nil, 1)`, `sys.set("kernel.panic", 1)`, `sys.set("../../kernel/panic", 1)`, `sys.set("nf_conntrack_acct", "")`) + ":apply()", wrong: true, reach: nobody}
	}
	key := pick(g.r, watchedKeys...)
	value := pick(g.r, "0", "1", "true")
	if key == "nf_conntrack_udp_timeout" || key == "nf_conntrack_tcp_timeout_close" {
		value = pick(g.r, "33", `"2m"`)
	}
	return &statement{text: g.keep(fmt.Sprintf("sys.set(%q, %s):apply()", key, value)), reach: nobody, sysctl: key, deed: true}
}

func (g *gen) policy() *statement {
	if g.r.IntN(3) == 0 {
		return &statement{text: pick(g.r, `ct.timeouts.add("", {proto = "udp", states = {replied = 5}})`, `ct.timeouts.add("x", {})`, `ct.timeouts.add("x", {proto = "nope", states = {}})`,
			`ct.timeouts.add("x", {proto = "udp", states = {repied = 5}})`, `ct.timeouts.delete("nope")`, `ct.timeouts.delete("")`, `ct.timeouts.delete(nil)`,
			`ct.timeouts.replace("nope", {proto = "udp", states = {replied = 5}})`, `ct.timeouts.add(nil, {proto = "udp", states = {replied = 5}})`) + ":apply()", wrong: true, reach: nobody}
	}
	return &statement{text: g.keep(pick(g.r, `ct.timeouts.add("some", {proto = "udp", states = {replied = "20s"}}):apply()`, `ct.timeouts.add("other", {proto = "tcp", states = {established = "1h"}}):apply()`,
		`ct.timeouts.replace("some", {proto = "udp", states = {replied = "40s"}}):apply()`, `ct.timeouts.delete("some"):apply()`)), reach: nobody, policy: true, deed: true}
}

// elsewhere goes through ct.ns, which here leads to the same table.
func (g *gen) elsewhere() *statement {
	if g.r.IntN(4) == 0 {
		a, _ := g.filter()
		return &statement{text: fmt.Sprintf("(flows:where(%s):delete() + ct.ns(%q).flows:where(ct.all):delete()):apply()", a, g.here), wrong: true, reach: nobody}
	}
	text, is := g.condition(2)
	verb, deletes, taints := g.verb()
	how, bound, share, plain, loses := g.apply(everyone)
	return &statement{text: g.keep(fmt.Sprintf("ct.ns(%q).flows:where(%q)%s%s", g.here, text, verb, how)), reach: selected(is, bound, share), deletes: deletes && plain, taints: taints || loses, deed: true}
}

// restore saves flows, or brings back those that were saved.
func (g *gen) restore() *statement {
	if g.r.IntN(2) == 0 {
		from, is, _, _ := g.flows()
		return &statement{text: fmt.Sprintf("%s:save(%q)", from, g.file), reach: nobody, saves: is}
	}
	conflict := pick(g.r, "skip", "update", "fail")
	zone, more := -1, ""
	if g.r.IntN(4) == 0 {
		zone = pick(g.r, 0, 7, 9)
		more = fmt.Sprintf(", zone = %d", zone)
	}
	how, bound, share, _, loses := g.apply(everyone)
	return &statement{text: g.keep(fmt.Sprintf("ct.restore(%q, {on_conflict = %q%s})%s", g.file, conflict, more, how)), taints: loses, deed: true, reach: func(w *watched) reach {
		r := reach{make: map[wire.Tuple]bool{}, most: bound, share: share}
		for tup := range w.saved {
			if zone >= 0 {
				tup.Zone = uint16(zone)
			}
			r.make[tup] = true
		}
		if conflict == "update" {
			r.touch = r.make
		}
		return r
	}}
}

// wrongOther are mistakes of all other kinds.
func (g *gen) wrongOther() *statement {
	list := []string{"stats:delete():apply()", `stats:where("cpu == 0"):delete():apply()`, "ct.journal():delete():apply()", `ct.journal():where("op == delete"):delete():apply()`,
		`flows:where("udp"):select("src"):delete():apply()`, `flows:where("udp"):by("src"):count():delete():apply()`, `flows:where("udp"):delete().apply()`, `flows:where("udp"):delete():aply()`,
		"flows.nothing:delete():apply()", "flows:delete{}:apply()", "expects:delete():apply()", "expects:limit(1):delete():apply()", "ct.create{}:apply()", "ct.create(nil):apply()", "ct.create():apply()",
		`ct.create{proto = "udp", src = "10.77.20.1"}:apply()`, `ct.create{proto = "udp", src = "10.77.20.1", sport = 1, dst = "10.77.20.2", dport = 2}:apply()`,
		`ct.create{proto = "udp", src = "10.77.20.1", sport = 1, dst = "10.77.20.2", dport = 2, timeout = 0}:apply()`, `ct.create{proto = "udp", src = "", sport = 1, dst = "10.77.20.2", dport = 2, timeout = 5}:apply()`,
		`ct.create{proto = "udp", src = "10.77.20.1", sport = 1, dst = "10.77.20.2", dport = 70000, timeout = 5}:apply()`, `ct.restore(""):apply()`, `ct.restore("/nowhere/at/all"):apply()`, "ct.restore(nil):apply()",
		"ct.get{}:delete():apply()", "ct.get{src = nil}:delete():apply()", "ct.expect{}:apply()", `ct.expect{master = 5, proto = "tcp"}:apply()`, `(flows:where("udp"):delete() + nil):apply()`,
		`(flows:where("udp"):delete() + flows):apply()`, `(flows:where("udp"):delete() - flows:where("tcp"):delete()):apply()`, `ct.undo("zzzzzzzzzz"):apply()`, `ct.undo(""):apply()`, "ct.undo({}):apply()", `ct.undo("x", {forse = true}):apply()`,
		`ct.ns("").flows:where(ct.all):delete():apply()`, `ct.ns("no-such-namespace").flows:where(ct.all):delete():apply()`, "ct.ns(nil).flows:where(ct.all):delete():apply()",
		`flows:where(ct.all):delete():apply(5)`, `flows:where(ct.all):delete():apply("max")`, `flows:where(ct.all):delete():apply{5}`, `flows:where(ct.all):delete():apply(nil, 5)`, "ct.alll:delete():apply()",
		`flows:in_ns(""):where(ct.all):delete():apply()`, `flows:table("nothing"):where(ct.all):delete():apply()`, `flows:where("udp"):first():update{}:apply()`, `flows:where("udp"):first():delete(5):apply()`,
		`flows:where(ct.all, "udp"):delete():apply()`, `flows:unless(ct.all):delete():apply()`, `flows:where(ct):delete():apply()`, `flows:where(print):delete(1):apply()`}
	return &statement{text: pick(g.r, list...), wrong: true, reach: nobody}
}
