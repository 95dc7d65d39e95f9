package ct

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// gen makes random scripts.
type gen struct {
	r    *rand.Rand
	file string // that flows may be saved to
	here string // the name of the namespace, for ct.ns
	made []*statement
}

// statement is one of a script, with what it may do at most.
type statement struct {
	text string
	// wrong statements must fail, and change nothing.
	wrong bool
	// reach tells which flows it may change or remove, and which may come.
	reach func(w *watched) reach
	// every flow that it may touch is deleted, unless that is more than most or
	// share allows, or one of them is protected.
	deletes bool
	expects bool   // it may change expectations
	policy  bool   // it may change timeout policies
	sysctl  string // it may change this
	taints  bool   // what it does cannot be taken back
	protect oracle // from now on what is not surely outside of this is left alone
	breaker int    // from now on so many changes are allowed
	deed    bool   // what it does counts for the breaker
	undoes  bool   // it takes back what others did
	saves   oracle // it writes these flows to the file
}

// reach is what a statement may do to flows.
type reach struct {
	touch, make map[wire.Tuple]bool
	most        int     // flows that it may touch and make together
	share       float64 // of the table, 0 for no bound
}

// everyone is the default bound of a plan.
const everyone = 10000

// statement makes one.
func (g *gen) statement() *statement {
	kinds := []struct {
		weight int
		make   func() *statement
	}{
		{22, g.change}, {12, g.wrongFilter}, {5, g.wrongChange}, {5, g.noFilter}, {6, g.sum}, {5, g.single}, {4, g.loop}, {7, g.create}, {4, g.flush}, {4, g.expect},
		{6, g.undo}, {6, g.protect}, {2, g.limitChanges}, {4, g.setSysctl}, {3, g.policy}, {3, g.elsewhere}, {4, g.look}, {4, g.wrongOther}, {6, g.restore}, {3, g.repeat}, {2, g.task},
	}
	total := 0
	for _, k := range kinds {
		total += k.weight
	}
	n := g.r.IntN(total)
	for _, k := range kinds {
		if n -= k.weight; n < 0 {
			s := k.make()
			g.made = append(g.made, s)
			return s
		}
	}
	return nil
}

// nobody reaches nothing.
func nobody(*watched) reach { return reach{} }

// selected are the flows that a filter selects now.
func selected(is oracle, most int, share float64) func(*watched) reach {
	return func(w *watched) reach {
		r := reach{touch: map[wire.Tuple]bool{}, most: most, share: share}
		for tup, e := range w.now.flows {
			if is(&e) == yes {
				r.touch[tup] = true
			}
		}
		return r
	}
}

// flows makes a query and what it selects at most. It is exact where it selects
// just that.
func (g *gen) flows() (text string, is oracle, most int, exact bool) {
	args, is := g.filter()
	text, most, exact = "flows:where("+args+")", everyone, true
	for range g.r.IntN(3) {
		switch g.r.IntN(6) {
		case 0:
			args, and := g.filter()
			text += ":where(" + args + ")"
			one := is
			is = func(e *wire.Entry) tri { return min(one(e), and(e)) }
		case 1:
			cond, not := g.condition(1)
			text += fmt.Sprintf(":unless(%q)", cond)
			one := is
			is = func(e *wire.Entry) tri { return min(one(e), holds(not(e) == no)) }
		case 2:
			n := 1 + g.r.IntN(5)
			text += fmt.Sprintf(":limit(%d)", n)
			most, exact = min(most, n), false
		case 3:
			text += pick(g.r, `:sort("src")`, `:sort("-mark, src")`)
		case 4:
			text, exact = text+":snapshot()", false
		case 5:
			text, exact = text+pick(g.r, `:top(3, "mark")`, `:sample("50%")`, `:distinct("src")`), false
		}
	}
	return text, is, most, exact
}

// verb makes a change of flows.
func (g *gen) verb() (text string, deletes, taints bool) {
	switch g.r.IntN(12) {
	case 0:
		return fmt.Sprintf(":mark(%d)", g.r.IntN(5)), false, false
	case 1:
		return `:mark("0x2/0x3")`, false, false
	case 2:
		return fmt.Sprintf(`:update{mark = %d, timeout = "2h"}`, g.r.IntN(5)), false, false
	case 3:
		return pick(g.r, `:label("+7")`, `:label("-7", "+9")`, `:update{labels = {7, 9}}`, `:update{labels = {}}`), false, false
	case 4:
		return pick(g.r, `:timeout("5m")`, `:timeout(7000)`), false, false
	case 5:
		return pick(g.r, `:update{status = "ASSURED"}`, `:update{status = "FIXED_TIMEOUT", mark = 3}`, `:update{helper = false}`, `:timeout(0)`), false, true
	case 6:
		return ":zero()", false, true
	}
	return ":delete()", true, false
}

// apply makes the options of apply, and what bounds they set.
func (g *gen) apply(most int) (text string, bound int, share float64, plain, taints bool) {
	plain = true
	bound = most
	var list []string
	for range g.r.IntN(3) {
		switch g.r.IntN(8) {
		case 0, 1:
			n := 1 + g.r.IntN(12)
			if strings.Contains(strings.Join(list, ","), "max") {
				continue
			}
			list, bound = append(list, fmt.Sprintf("max = %d", n)), min(bound, n)
		case 2:
			if share == 0 {
				share = pick(g.r, 0.1, 0.5, 1)
				list = append(list, fmt.Sprintf("share = %v", share))
			}
		case 3:
			list = append(list, pick(g.r, "rate = 1e6", `rate = "900k/s"`))
		case 4:
			list = append(list, fmt.Sprintf("batch = %d", 1+g.r.IntN(250)))
		case 5:
			list = append(list, pick(g.r, `on_error = "stop"`, `on_error = "skip"`))
			plain = false
		case 6:
			list, plain, taints = append(list, pick(g.r, "fast = true", "journal = false")), false, true
		case 7:
			list = append(list, "verify = 0.001")
		}
	}
	if len(list) == 0 {
		return pick(g.r, ":apply()", ":apply{}"), bound, share, plain, taints
	}
	return ":apply{" + strings.Join(list, ", ") + "}", bound, share, plain, taints
}

// change applies a change of what a filter selects.
func (g *gen) change() *statement {
	from, is, most, exact := g.flows()
	verb, deletes, taints := g.verb()
	how, bound, share, plain, loses := g.apply(everyone)
	if most < everyone { // a limit leaves out the others, max refuses all
		plain = false
	}
	s := &statement{text: g.keep(from + verb + how), reach: selected(is, min(bound, most), share), deletes: deletes && exact && plain, taints: taints || loses, deed: true}
	return s
}

// keep stores the result of an expression for an undo.
func (g *gen) keep(expr string) string { return fmt.Sprintf("r[%d] = %s", len(g.made)+1, expr) }

func (g *gen) wrongFilter() *statement {
	bad := pick(g.r, badFilters...)
	good, _ := g.filter()
	verb, _, _ := g.verb()
	how, _, _, _, _ := g.apply(everyone)
	text := pick(g.r, "flows:where("+bad+")", "flows:where("+good+"):where("+bad+")", "flows:unless("+bad+")", "flows:where("+bad+"):where("+good+")",
		"flows:where(ct.all):where("+bad+")", "(flows:where("+good+") + flows:where("+bad+"))", "flows:where(flows:where("+bad+"))")
	return &statement{text: text + verb + how, wrong: true, reach: nobody}
}

func (g *gen) wrongChange() *statement {
	from, _, _, _ := g.flows()
	verb := pick(g.r, ":update{}", ":update()", `:update{mark = "1/0"}`, ":update{mark = -1}", `:update{mark = "x"}`, ":mark()", ":mark(nil)", `:mark("")`, ":update{mrak = 1}", `:label("nolabel!")`,
		`:label()`, `:label("+7", "-7")`, ":timeout(-1)", `:timeout("x")`, ":timeout()", `:update{status = "DYING"}`, `:update{status = "NONE"}`, `:update{helper = "ftp"}`, ":delete(1)", `:delete("x")`,
		":remove()", ":update{timeout = 1e9}", ":update{labels = 5}", ":update(5)", ":zero(1)")
	if strings.HasSuffix(verb, "()") && g.r.IntN(2) == 0 || g.r.IntN(3) > 0 {
		return &statement{text: from + verb + ":apply()", wrong: true, reach: nobody}
	}
	how := pick(g.r, "max = 0", "max = -5", `max = "many"`, "max = 1.5", "max = 0/0", "mx = 5", "share = 2", `share = "120%"`, "batch = 0", "batch = 251", `on_error = "x"`, "verify = 0", `rate = "fast"`,
		"fast = 1", "max = {}", "max = 3e9", `journal = "no"`)
	good, _, _ := g.verb()
	return &statement{text: from + good + ":apply{" + how + "}", wrong: true, reach: nobody}
}

func (g *gen) noFilter() *statement {
	verb, _, _ := g.verb()
	return &statement{text: pick(g.r, unnarrowed...) + verb + ":apply()", wrong: true, reach: nobody}
}

// sum applies two plans as one.
func (g *gen) sum() *statement {
	a, isA, mostA, _ := g.flows()
	b, isB, mostB, _ := g.flows()
	verbA, _, taintsA := g.verb()
	verbB, _, taintsB := g.verb()
	how, bound, share, _, loses := g.apply(everyone)
	either := func(e *wire.Entry) tri { return max(isA(e), isB(e)) }
	if mostA+mostB < bound {
		bound = mostA + mostB
	}
	return &statement{text: g.keep("(" + a + verbA + " + " + b + verbB + ")" + how), reach: func(w *watched) reach {
		// The first step may make that the second selects what it has found no
		// more, never that it selects others.
		return selected(either, bound, share)(w)
	}, taints: taintsA || taintsB || loses, deed: true}
}

// single applies a change of one flow that was read.
func (g *gen) single() *statement {
	from, is, _, _ := g.flows()
	verb := pick(g.r, ":delete()", ":update{mark = 3}", `:label("+9")`, ":get():delete()")
	how, bound, share, _, loses := g.apply(1)
	return &statement{text: fmt.Sprintf("local f = %s:first() if f then %s end", from, g.keep("f"+verb+how)), reach: selected(is, min(bound, 1), share), taints: loses, deed: true}
}

func (g *gen) loop() *statement {
	from, is, most, _ := g.flows()
	verb := pick(g.r, ":delete()", ":update{mark = 2}", `:label("+9")`)
	body := pick(g.r, "for f in %s:limit(6):iter() do f%s:apply() end", "for _, f in ipairs(%s:limit(6):list()) do f%s:apply{max = 1} end", "%s:limit(6):each(function(f) f%s:apply() end)")
	return &statement{text: fmt.Sprintf(body, from, verb), reach: selected(is, min(most, 6), 0), deed: true}
}

// repeat applies one plan twice, or looks at it in between.
func (g *gen) repeat() *statement {
	from, is, most, _ := g.flows()
	verb, _, taints := g.verb()
	how, bound, share, _, loses := g.apply(everyone)
	between := pick(g.r, "", "p:preview(3) ", "tostring(p) ", "local n = p.n ", "p:explain() ")
	if most < everyone { // each time others
		most *= 2
	}
	return &statement{text: fmt.Sprintf("local p = %s%s %sp%s %sp%s", from, verb, between, how, between, how), reach: selected(is, min(2*bound, most), 2*share), taints: taints || loses, deed: true}
}

// task applies a change in a task of its own.
func (g *gen) task() *statement {
	s := g.change()
	s.text = "spawn(function() " + s.text + " end):wait()"
	return s
}

// look makes plans and never applies them.
func (g *gen) look() *statement {
	from, _, _, _ := g.flows()
	verb, _, _ := g.verb()
	return &statement{text: fmt.Sprintf(pick(g.r, "local p = %s%s", "local p = %s%s local n = p.n", "print(%s%s:preview(5))", "tostring(%s%s)", "print(%s%s:explain())", "local v = %s%s:preview(2).flows"),
		from, verb), reach: nobody}
}
