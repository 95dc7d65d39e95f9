package query

import (
	"context"
	"fmt"
	"strings"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/filter"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Learned is what is known of the machine, for an explanation.
type Learned struct {
	// Sysctl reads a sysctl of a namespace.
	Sysctl func(s *Space, name string) (int64, bool)
	// Probe is the word of the probe about what the kernel filters by: family,
	// mark, status, zone or tuple.
	Probe func(what string) string
}

// Explanation says how a query is going to be run.
type Explanation struct{ Lines []ExplainedLine }

// ExplainedLine is one fact: on which rung, what, and what is to know of it.
type ExplainedLine struct{ Rung, What, Note string }

// String renders an explanation in lines.
func (x Explanation) String() string {
	wide := 0
	for _, l := range x.Lines {
		if l.Note != "" {
			wide = max(wide, len([]rune(l.What)))
		}
	}
	var b strings.Builder
	for i, l := range x.Lines {
		label := l.Rung
		if i > 0 && x.Lines[i-1].Rung == label {
			label = ""
		}
		line := fmt.Sprintf("%-8s %-*s", label, min(wide, 60), l.What)
		if l.Note != "" {
			line += "   " + l.Note
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func (x *Explanation) add(rung, what, note string) {
	if what == "" {
		what = "-"
	}
	x.Lines = append(x.Lines, ExplainedLine{rung, what, note})
}

// Explain tells how q is going to be run. It reads a sample of the table.
func (q Query) Explain(ctx context.Context, know Learned) (Explanation, error) {
	var x Explanation
	var flows *Flows
	switch s := q.source.(type) {
	case *Flows:
		flows = s
	case *delta:
		x, err := s.q.Explain(ctx, know)
		if err != nil {
			return x, err
		}
		x.Lines[0].Note = strings.TrimPrefix(x.Lines[0].Note+"   read twice, "+s.every.String()+" apart", "   ")
		x.behind(q, know)
		return x, nil
	case *union:
		for _, part := range s.parts {
			one, err := part.Explain(ctx, know)
			if err != nil {
				return x, err
			}
			x.Lines = append(x.Lines, one.Lines...)
		}
		x.add("then", "both, each row once", "")
		x.behind(q, know)
		return x, nil
	default:
		x.add("source", q.source.String(), "")
		x.behind(q, know)
		return x, nil
	}
	s := flows.Spaces[0]
	totals, err := s.Kernel.Count(ctx)
	if err != nil {
		return x, s.named(err)
	}
	a := s.access(ctx, flows.Table, q.filter)
	x.source(flows, a, totals, know)
	x.kernel(q.filter, a, int(totals.Entries), know)
	x.terms(q, s, know)
	x.functions(q)
	x.decode(q)
	x.stages(q, s, know)
	return x, x.match(ctx, s, flows.Table, q.filter, a, int(totals.Entries))
}

// source says what is read, and in which way.
func (x *Explanation) source(flows *Flows, a access, totals wire.Totals, know Learned) {
	s := flows.Spaces[0]
	what := flows.Table.String() + " table"
	if s.Name != "" {
		what += ", netns " + s.Name
	}
	if flows.Table == wire.TableConntrack { // the others are not counted
		what += ", " + amount(int(totals.Entries)) + " entries"
		limit := int64(totals.Max)
		if !totals.HasMax && know.Sysctl != nil {
			limit, _ = know.Sysctl(s, "nf_conntrack_max")
		}
		if limit > 0 {
			what += fmt.Sprintf(" (%d %% of max)", int64(totals.Entries)*100/limit)
		}
	}
	if n := len(flows.Spaces) - 1; n > 0 {
		what += fmt.Sprintf(", and %s more", plural(n, "namespace"))
	}
	note := ""
	switch {
	case a.keys != nil:
		note = plural(len(a.keys), "GET") + ", no dump"
	case len(a.parts) > 1 && a.parts[0].family != 0:
		note = "2 filtered dumps, one a family"
	case len(a.parts) > 1:
		note = fmt.Sprintf("%d filtered dumps, one an alternative", len(a.parts))
	case a.partition != conntrack.PartitionNone:
		note = "on two sockets, one a family"
	}
	x.add("source", what, note)
}

// kernel says what the kernel is asked to leave out.
func (x *Explanation) kernel(f filter.Filter, a access, entries int, know Learned) {
	if a.keys != nil {
		for i := range a.keys {
			if i == 3 && len(a.keys) > 4 {
				x.add("kernel", fmt.Sprintf("and %d more", len(a.keys)-i), "")
				break
			}
			x.add("kernel", a.keys[i].Tuple.String(), "GET")
		}
		return
	}
	if len(a.parts) == 1 {
		every := filter.Ability{Family: true, Mark: true, Status: true, Zone: true, Tuple: true}
		if a.parts[0].dump.Table != wire.TableConntrack {
			every = a.parts[0].able // no kernel can do more
		}
		could := f.Push(every)
		if one := f.PushFamily(every, wire.FamilyIPv4); could.Family == 0 && selective(&one) && !selective(&could) {
			could = one
			could.Family = 0 // each in turn
		}
		does := a.parts[0].dump.Filter
		left := missing(&could, &does)
		switch {
		case does.IsZero() && could.IsZero():
			x.add("kernel", "", "")
			return
		case does.IsZero():
			x.add("kernel", "", "could take "+kernelText(&could)+": "+reason(left, entries, know))
			return
		case len(left) > 0:
			x.add("kernel", kernelText(&does), kernelNote(&does, know)+"   no "+strings.Join(left, ", ")+": "+reason(left, entries, know))
			return
		}
	}
	for _, p := range a.parts {
		x.add("kernel", kernelText(&p.dump.Filter), kernelNote(&p.dump.Filter, know))
	}
}

// reason says why something is not left to the kernel: the probe's word, or
// that it is not worth it.
func reason(left []string, entries int, know Learned) string {
	if know.Probe != nil {
		for _, what := range left {
			if word := know.Probe(what); word != "ok" {
				return "probe " + what + ": " + word
			}
		}
	}
	return fmt.Sprintf("not worth it for %d entries", entries)
}

// terms says what is decided here, by the rung.
func (x *Explanation) terms(q Query, s *Space, know Learned) {
	for _, rung := range []filter.Rung{filter.Wire, filter.Go} {
		n := len(x.Lines)
		for _, t := range q.filter.Terms() {
			if t.Rung == rung {
				x.add(rung.String(), t.Text, needsNote(t.Needs, s, know))
			}
		}
		if len(x.Lines) == n {
			x.add(rung.String(), "", "")
		}
	}
}

// needsNote says what a sysctl that is off makes unknown.
func needsNote(list []string, s *Space, know Learned) string {
	var notes []string
	for _, key := range list {
		note := "needs " + key + "=1"
		if know.Sysctl != nil && s != nil {
			if v, ok := know.Sysctl(s, key); ok && v == 0 {
				note += "   off: unknown, so never selected"
			} else if ok {
				note += "   on"
			}
		}
		notes = append(notes, note)
	}
	return strings.Join(notes, ", ")
}

// functions lists the functions of the script that are called.
func (x *Explanation) functions(q Query) {
	n := len(x.Lines)
	add := func(name string, fields []*field.Field) {
		note := "with the row"
		if fields != nil {
			note = "with " + strings.Join(field.NamesOf(fields), ", ")
		}
		x.add("lua", name, note)
	}
	for _, s := range q.stages {
		switch s := s.(type) {
		case *funcStage:
			add(s.fn.Name, s.fn.Fields)
		case *withStage:
			for _, c := range s.cols {
				if c.Bind != nil {
					add(c.Text, c.Fields)
				}
			}
		}
	}
	if len(x.Lines) == n {
		x.add("lua", "", "")
	}
}

// behind lists what is done to the rows of a source that is a query itself, or
// needs no plan.
func (x *Explanation) behind(q Query, know Learned) {
	if !q.filter.IsAll() {
		x.add("then", "where("+quote(q.filter.String())+")", "")
	}
	var s *Space
	if list := q.Spaces(); len(list) > 0 {
		s = list[0]
	}
	x.stages(q, s, know)
}

// stages lists what is done to the rows, verb by verb.
func (x *Explanation) stages(q Query, s *Space, know Learned) {
	for _, st := range q.stages {
		if text := strings.TrimPrefix(st.text(), ":"); text != "" {
			n, _ := st.asks()
			x.add("then", text, needsNote(n.sysctls, s, know))
		}
	}
}

// attributes are the parts of a flow as the kernel sends them.
var attributes = []struct {
	part field.Part
	name string
	n    int // attributes
}{
	{field.PartOrig, "original tuple", 2}, {field.PartReply, "reply tuple", 1}, {field.PartStatus, "status", 1},
	{field.PartMark, "mark", 1}, {field.PartTimeout, "timeout", 1}, {field.PartCounters, "counters", 2},
	{field.PartTimes, "timestamp", 1}, {field.PartProto, "protocol state", 1}, {field.PartLabels, "labels", 1},
	{field.PartIdentity, "id, use", 2}, {field.PartExtra, "helper, master", 2},
}

// decode lists what of each message is looked at.
func (x *Explanation) decode(q Query) {
	var sink field.Part
	if q.flows {
		sink = field.PartAll
	}
	parts := q.Parts(sink)
	var names []string
	n, all := 0, 0
	for _, a := range attributes {
		all += a.n
		if parts&a.part != 0 {
			n += a.n
			names = append(names, a.name)
		}
	}
	what := strings.Join(names, ", ")
	if n == all {
		what = "everything of a flow that is shown"
		if f := q.filter.Parts(); f != 0 {
			names = names[:0]
			for _, a := range attributes {
				if f&a.part != 0 {
					names = append(names, a.name)
				}
			}
			what = strings.Join(names, ", ") + "; " + what
		}
	}
	x.add("decode", what, fmt.Sprintf("%d of %d attributes", n, all))
}

// match estimates from a sample how many flows are selected.
func (x *Explanation) match(ctx context.Context, s *Space, table wire.Table, f filter.Filter, a access, entries int) error {
	if a.keys != nil {
		x.add("match", "at most "+amount(len(a.keys)), "")
		return nil
	}
	most := max(1000, entries/50)
	var row field.Row
	row.In(s.world())
	seen, hits := 0, 0
	_, err := s.Kernel.Dump(ctx, &wire.Dump{Table: table}, conntrack.DumpOptions{}, func(v *wire.View) error {
		row.Reset(v)
		if f.Match(&row) == filter.True {
			hits++
		}
		if seen++; seen == most {
			return conntrack.ErrStop
		}
		return nil
	})
	switch {
	case err != nil:
		return s.named(err)
	case seen < most:
		x.add("match", fmt.Sprintf("%d of %d", hits, seen), "")
	default:
		x.add("match", "~"+amount(hits*max(entries, seen)/seen), fmt.Sprintf("estimated from a sample of %s", amount(seen)))
	}
	return nil
}

// amount renders a count in three digits: 999, 1.2k, 131k.
func amount(n int) string {
	switch {
	case n < 1000:
		return fmt.Sprint(n)
	case n < 10_000:
		return strings.Replace(fmt.Sprintf("%.1fk", float64(n)/1e3), ".0k", "k", 1)
	case n < 1_000_000:
		return fmt.Sprintf("%dk", n/1000)
	}
	return fmt.Sprintf("%.1fM", float64(n)/1e6)
}
