package main

import (
	"fmt"
	"os"
)

// plan measures changes as scripts make them: the whole process, with guards and
// journal, against the command that people use for the same.
func (b *bench) plan() error {
	w, err := b.newWorld(b.bulk)
	if err != nil {
		return err
	}
	defer w.close()
	refill := b.refill(w)
	if err := refill(); err != nil {
		return err
	}
	text, saved := b.ctsh+".text", b.ctsh+".flows"
	list, err := w.output("conntrack", "-L", "-o", "save")
	if err != nil {
		return err
	}
	if err := os.WriteFile(text, list, 0o600); err != nil {
		return err
	}
	script := func(format string, args ...any) func() error {
		return func() error { return w.silent(b.ctsh, "-e", fmt.Sprintf(format, args...)) }
	}
	if err := script(`flows:save(%q)`, saved)(); err != nil {
		return err
	}
	apply := func(what, options string) func() error {
		return script(`local r = flows:where{mark = %d}:%s:apply{max = 1e6%s} assert(r.applied == %d, r)`, bulkMark, what, options, b.bulk)
	}
	gone := func() error {
		if err := refill(); err != nil {
			return err
		}
		return apply("delete()", "")()
	}
	t, err := b.alternate(
		contender{refill, apply("delete()", "")},
		contender{refill, apply("delete()", ", journal = false")},
		contender{refill, apply("delete()", `, share = "100%"`)}, // found first, then read again
		contender{refill, func() error { return w.silent("conntrack", "-D", "-m", fmt.Sprint(bulkMark)) }},
		contender{refill, apply(fmt.Sprintf("mark(%d)", newMark), "")},
		contender{refill, func() error { return w.updateByTimo(b.bulk) }},
		contender{gone, script(`local r = ct.undo():apply() assert(r.applied == %d, r)`, b.bulk)},
		contender{w.flush, script(`local r = ct.restore(%q):apply() assert(r.applied == %d, r)`, saved, b.bulk)},
		contender{w.flush, func() error { return w.silent("conntrack", "-R", text) }})
	if err != nil {
		return err
	}
	add := func(name string, ours, peer float64, versus, budget string, want float64) {
		r := row{Name: name, Ours: ours, Unit: "s", Peer: peer, Versus: versus, Note: rate(b.bulk, ours)}
		if budget != "" {
			r = r.budget(budget, r.ofUs() >= want)
		}
		b.rows = append(b.rows, r)
	}
	add(fmt.Sprintf("delete %d, journaled", b.bulk), t[0], t[3], "conntrack -D -m", "peer >= 2", 2)
	add("the same without journal", t[1], t[3], "conntrack -D -m", "", 0)
	add("the same, journaled, found first and read again", t[2], t[3], "conntrack -D -m", "", 0)
	add("update the marks, journaled", t[4], t[5], "ti-mo/conntrack", "", 0)
	add("undo the deletion", t[6], t[8], "conntrack -R", "", 0)
	add("restore from a file, journaled", t[7], t[8], "conntrack -R", "peer >= 0.5", 0.5)
	return nil
}
