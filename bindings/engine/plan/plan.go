package plan

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ctsh/ctsh/bindings/engine/query"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Plan is a change that can be looked at before it is made: one step, or
// several that are made one after the other.
type Plan struct{ steps []step }

// step is one change of a plan.
type step interface {
	// words are what is done, and to what.
	words() (op, target string)
	// find looks up what the step acts on now, and counts it in a's result.
	find(ctx context.Context, a *application) (job, error)
}

// job is a step whose flows were found.
type job interface {
	// run makes the change. What the kernel refuses for single flows is counted
	// in a's result; the error is about the step as a whole.
	run(ctx context.Context, a *application) error
}

// Delete plans to delete the flows that q selects.
func Delete(q query.Query) *Plan { return onQuery(q, deletion{}) }

// DeleteFlow plans to delete one flow, by tuple, zone and id.
func DeleteFlow(f wire.Flow) *Plan { return onFlows(f.Orig.String(), []wire.Flow{f}, deletion{}) }

// Update plans to change the flows that q selects.
func Update(q query.Query, c Change) (*Plan, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	return onQuery(q, update{c}), nil
}

// UpdateFlow plans to change one flow.
func UpdateFlow(f wire.Flow, c Change) (*Plan, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	return onFlows(f.Orig.String(), []wire.Flow{f}, update{c}), nil
}

// Zero plans to reset the counters of the flows that q selects, and to keep
// what they were: each flow is read and reset in one step.
func Zero(q query.Query) *Plan { return onQuery(q, zero{}) }

func onQuery(q query.Query, e effect) *Plan {
	return &Plan{[]step{&flowStep{effect: e, target: q.String(), query: &q}}}
}

func onFlows(target string, flows []wire.Flow, e effect) *Plan {
	return &Plan{[]step{&flowStep{effect: e, target: target, flows: flows}}}
}

// Direct plans requests that need no look at the table. A request that cannot
// be said is refused here, not when it is applied.
func Direct(op string, reqs ...wire.Request) (*Plan, error) {
	for _, r := range reqs {
		if _, err := r.Append(nil, 1, 0); err != nil {
			return nil, err
		}
	}
	return &Plan{[]step{&directStep{op, reqs}}}, nil
}

// Act plans a change outside the tables of connection tracking.
func Act(op, target string, act Action) *Plan {
	return &Plan{[]step{&actStep{op, target, act}}}
}

// Plus is the plan to do what p does and then what other does.
func (p *Plan) Plus(other *Plan) *Plan {
	return &Plan{slices.Concat(p.steps, other.steps)}
}

// Touches tells whether p changes or removes flows that are there, so that a
// Protection matters to it.
func (p *Plan) Touches() bool {
	return slices.ContainsFunc(p.steps, func(s step) bool {
		switch s := s.(type) {
		case *flowStep, *undoStep:
			return true
		case *restoreStep:
			return s.opt.Conflict == ConflictUpdate
		case *directStep:
			return slices.ContainsFunc(s.reqs, func(r wire.Request) bool { return upsert(r) != nil })
		}
		return false
	})
}

// Resolve is p with the flows looked up by find where a query calls functions
// of a script: those must run where the script does.
func (p *Plan) Resolve(find func(q query.Query) []wire.Flow) *Plan {
	found := &Plan{slices.Clone(p.steps)}
	for i, s := range p.steps {
		if f, ok := s.(*flowStep); ok && f.query != nil && f.query.Calls() {
			named := *f
			named.query, named.asked, named.flows = nil, f.query, find(*f.query)
			found.steps[i] = &named
		}
	}
	return found
}

// Queries are what p looks its flows up by.
func (p *Plan) Queries() (list []query.Query) {
	for _, s := range p.steps {
		if f, ok := s.(*flowStep); ok && f.query != nil {
			list = append(list, *f.query)
		}
	}
	return list
}

// Op is what p does, in words: "delete", "update mark=0x10/0xff".
func (p *Plan) Op() string {
	op, _ := p.steps[0].words()
	for _, s := range p.steps[1:] {
		if other, _ := s.words(); other != op {
			return fmt.Sprintf("%d steps", len(p.steps))
		}
	}
	return op
}

// targetSteps is how many steps are named as what a plan is about.
const targetSteps = 5

// target is what the plan is about: its first steps, without what Op says of all.
func (p *Plan) target() string {
	var list []string
	for _, s := range p.steps[:min(len(p.steps), targetSteps)] {
		op, target := s.words()
		if op != p.Op() {
			target = strings.TrimSpace(op + " " + target)
		}
		list = append(list, target)
	}
	if more := len(p.steps) - len(list); more > 0 {
		list = append(list, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(list, "; ")
}

// String renders the plan, in one line where it is one step.
func (p *Plan) String() string {
	lines := make([]string, len(p.steps))
	for i, s := range p.steps {
		op, target := s.words()
		lines[i] = strings.TrimSpace(op + " " + target)
	}
	return "plan: " + strings.Join(lines, "\n then ")
}

// Deletes tells whether p deletes flows.
func (p *Plan) Deletes() bool {
	return slices.ContainsFunc(p.steps, func(s step) bool {
		f, ok := s.(*flowStep)
		if ok {
			_, ok = f.effect.(deletion)
		}
		return ok
	})
}
