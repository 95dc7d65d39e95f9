package plan

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/engine/journal"
	"github.com/ctsh/ctsh/bindings/engine/record"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Lately is how many seconds ago a packet counts as lately in a Preview.
const Lately = 10

// previewGroups is how many groups a Preview names.
const previewGroups = 5

// Preview is what a plan would do now.
type Preview struct {
	Plan string // the plan in words
	Amounts
	Steps     []Step // what of it is whose, where the plan has several steps
	Table     int    // flows in the table
	Protected int    // flows it would leave out
	// Active moved a packet in the last Lately seconds; of Unsure flows that
	// cannot be told.
	Active, Unsure int
	// Damage says where the good part of a journal ends that would be taken back,
	// nil where all of it is good. The rest is not counted.
	Damage *record.DamageError
	Groups []Group // the largest, largest first
	Others int     // flows of the other groups
	Flows  []wire.Entry
}

// Step is one step of a plan, and what it touches.
type Step struct {
	What string
	Amounts
}

// Group is flows that have protocol, service and state in common.
type Group struct {
	Name string // "tcp https ESTABLISHED"
	N    int
}

// groupKey is what flows are grouped by.
type groupKey struct {
	proto, state uint8
	port         uint16
}

// Preview looks at what p would do now, with up to n of the flows that it would
// touch. It changes nothing and knows no guard but protection.
func (p *Plan) Preview(ctx context.Context, k conntrack.Kernel, guard Protection, n int) (*Preview, error) {
	view := &Preview{Plan: p.String()}
	groups := map[groupKey]int{}
	for _, s := range p.steps {
		before := view.Amounts
		switch s := s.(type) {
		case *flowStep:
			if err := view.flows(ctx, s, &guard, n, groups); err != nil {
				return nil, err
			}
		case *undoStep:
			if err := view.undo(s, guard.World, groups); err != nil {
				return nil, err
			}
		case *restoreStep:
			if err := s.from.Each(func(e *wire.Entry) error { view.group(&e.Flow, groups); return nil }); err != nil {
				return nil, err
			}
			there, err := s.there(ctx, k)
			if err != nil {
				return nil, err
			}
			view.Touched += there
			view.Again += s.from.Len() - there
		default:
			a := &application{k: k, res: &Result{}}
			if _, err := s.find(ctx, a); err != nil {
				return nil, err
			}
			view.Requests += a.made
		}
		if op, target := s.words(); len(p.steps) > 1 {
			view.Steps = append(view.Steps, Step{strings.TrimSpace(op + " " + target), view.minus(before)})
		}
	}
	view.rank(groups)
	table, err := k.Count(ctx)
	view.Table = int(table.Entries)
	return view, err
}

// add looks at a flow.
func (v *Preview) add(r *field.Row, groups map[groupKey]int) {
	if ago, ok := idleField.Of(r); !ok {
		v.Unsure++
	} else if ago.Num < Lately {
		v.Active++
	}
	v.group(&r.Need(field.PartOrig|field.PartProto|field.PartStatus).Flow, groups)
}

// group puts a flow to those that are like it.
func (*Preview) group(f *wire.Flow, groups map[groupKey]int) {
	key := groupKey{proto: f.Orig.Proto}
	if wire.HasPorts(f.Orig.Proto) {
		key.port = f.Orig.DstPort
	}
	if f.Has(wire.HasState) {
		key.state = f.State + 1
	}
	groups[key]++
}

var (
	idleField, _ = field.Flow.Lookup("idle")
	svcField, _  = field.Flow.Lookup("svc")
)

// undo looks at what a journal brings back, as it was when it was taken down.
func (v *Preview) undo(s *undoStep, world *field.World, groups map[groupKey]int) error {
	v.Damage = s.r.Damage()
	var then field.World
	if world != nil {
		then = *world
	}
	var row field.Row
	row.In(&then)
	return s.forward(func(c journal.Change) error {
		switch c.Kind {
		case journal.Create:
			v.Unmade++
			return nil
		case journal.Update:
			v.Back++
			return nil
		case journal.Action:
			v.Reverts++
			return nil
		}
		v.Again++
		var msg wire.View
		if err := msg.Reset(c.Payload); err != nil {
			return err
		}
		then.Now = uint64(c.At.Wall.UnixNano())
		row.Reset(&msg)
		v.add(&row, groups)
		return nil
	})
}

// flows looks at the flows of a step.
func (v *Preview) flows(ctx context.Context, s *flowStep, guard *Protection, n int, groups map[groupKey]int) error {
	see := func(r *field.Row) error {
		if guard.Covers(r) {
			v.Protected++
			return nil
		}
		v.Touched++
		v.add(r, groups)
		if len(v.Flows) < n {
			v.Flows = append(v.Flows, *r.Need(field.PartAll))
		}
		return nil
	}
	row := guard.row()
	for i := range s.flows {
		row.ResetFlow(&s.flows[i])
		_ = see(row)
	}
	if s.query == nil {
		return nil
	}
	_, err := s.query.Each(ctx, see)
	return err
}

// rank names the largest groups.
func (v *Preview) rank(groups map[groupKey]int) {
	for key, n := range groups {
		f := wire.Flow{Orig: wire.Tuple{Proto: key.proto, DstPort: key.port}}
		name := wire.ProtoName(key.proto)
		if wire.HasPorts(key.proto) {
			row := field.Row{}
			row.ResetFlow(&f)
			if word, ok := svcField.Of(&row); ok {
				name += " " + svcField.Format(word)
			} else {
				name += fmt.Sprintf(" %d", key.port)
			}
		}
		if key.state > 0 {
			name += " " + wire.StateName(key.proto, key.state-1)
		}
		v.Groups = append(v.Groups, Group{name, n})
	}
	slices.SortFunc(v.Groups, func(a, b Group) int { return cmp.Or(b.N-a.N, strings.Compare(a.Name, b.Name)) })
	for _, g := range v.Groups[min(len(v.Groups), previewGroups):] {
		v.Others += g.N
	}
	v.Groups = v.Groups[:min(len(v.Groups), previewGroups)]
}

// Share is the part of the table that the plan touches, 0 to 1.
func (v *Preview) Share() float64 { return min(1, float64(v.Touched)/float64(max(v.Table, 1))) }

// String renders the preview in a few lines.
func (v *Preview) String() string {
	var b strings.Builder
	for i, step := range v.Steps {
		lead := "plan: "
		if i > 0 {
			lead = " then "
		}
		fmt.Fprintf(&b, "%s%s: %s\n", lead, step.What, step.words(v.Table))
	}
	if len(v.Steps) == 0 {
		fmt.Fprintln(&b, v.Plan)
	}
	b.WriteString(v.words(v.Table))
	if v.Protected > 0 {
		fmt.Fprintf(&b, "; %d more are protected and left out", v.Protected)
	}
	width := 0
	for _, g := range v.Groups {
		width = max(width, len(g.Name))
	}
	for _, g := range v.Groups {
		fmt.Fprintf(&b, "\n  %-*s  %d", width, g.Name, g.N)
	}
	if v.Others > 0 {
		fmt.Fprintf(&b, "\n  %-*s  %d", width, "others", v.Others)
	}
	when := ""
	if v.Again > 0 {
		when = " before they were deleted"
	}
	if v.Active > 0 {
		fmt.Fprintf(&b, "\n%s moved packets in the last %d s%s", plural(v.Active, "flow"), Lately, when)
	}
	if v.Unsure > 0 {
		fmt.Fprintf(&b, "\nof %s it is not known when a packet passed last%s", plural(v.Unsure, "flow"), when)
	}
	if v.Damage != nil {
		b.WriteString("\n" + damaged(v.Damage))
	}
	return b.String()
}
