package plan

import (
	"context"
	"fmt"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/query"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Plan is a change that can be looked at before it is made.
type Plan struct {
	// Op is what to do in words: "delete", "update mark=0x10/0xff", "create".
	Op string
	// Target is what it is done to, in words.
	Target string

	query  *query.Query // the flows to find when applied, or
	flows  []wire.Flow  // the flows to act on
	change func(*wire.Flow) (wire.Request, error)
	// direct are requests that need no flow: create, flush, expectations.
	direct []wire.Request
	// act is a change that is not a request: a sysctl.
	act func() error
}

// Delete plans to delete the flows that q selects.
func Delete(q query.Query) *Plan {
	return &Plan{Op: "delete", Target: q.String(), query: &q, change: deletion}
}

// DeleteFlow plans to delete one flow, by tuple, zone and id.
func DeleteFlow(f wire.Flow) *Plan {
	return &Plan{Op: "delete", Target: f.Orig.String(), flows: []wire.Flow{f}, change: deletion}
}

func deletion(f *wire.Flow) (wire.Request, error) { return wire.NewDelete(f.Key()) }

// Update plans to change the flows that q selects.
func Update(q query.Query, c Change) (*Plan, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	return &Plan{Op: "update " + c.String(), Target: q.String(), query: &q, change: c.request}, nil
}

// UpdateFlow plans to change one flow.
func UpdateFlow(f wire.Flow, c Change) (*Plan, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	return &Plan{Op: "update " + c.String(), Target: f.Orig.String(), flows: []wire.Flow{f}, change: c.request}, nil
}

// Query is what p looks its flows up by when it is applied, false where it
// names them or needs none.
func (p *Plan) Query() (q query.Query, ok bool) {
	if p.query == nil {
		return q, false
	}
	return *p.query, true
}

// On is p for flows that were found already.
func (p *Plan) On(flows []wire.Flow) *Plan {
	found := *p
	found.query, found.flows = nil, flows
	return &found
}

// Direct plans requests that need no look at the table. A request that cannot
// be said is refused here, not when it is applied.
func Direct(op string, reqs ...wire.Request) (*Plan, error) {
	for _, r := range reqs {
		if _, err := r.Append(nil, 1, 0); err != nil {
			return nil, err
		}
	}
	p := &Plan{Op: op, direct: reqs}
	switch {
	case len(reqs) == 1:
		if t := reqs[0].Target(); !t.IsZero() {
			p.Target = t.String()
		}
	default:
		p.Target = fmt.Sprintf("%d requests", len(reqs))
	}
	return p, nil
}

// Act plans a change that does not go through connection tracking, such as
// that of a sysctl.
func Act(op, target string, act func() error) *Plan {
	return &Plan{Op: op, Target: target, act: act}
}

// String renders the plan in one line.
func (p *Plan) String() string {
	if p.Target == "" {
		return "plan: " + p.Op
	}
	return "plan: " + p.Op + " " + p.Target
}

// Options bound an application.
type Options struct {
	Max         int // refuse a plan that would touch more flows, 10 000 when 0
	Batch       int // messages a send, 128 when 0
	StopOnError bool
	DryRun      bool // find and count, change nothing
	Guard       Protection
	Progress    func(conntrack.BatchResult)
}

// DefaultMax is the guard of a plan that was given none.
const DefaultMax = 10000

// Result says what became of a plan. Matched = Applied + Gone + Failed +
// Unknown + Protected, except after a dry run or an early end.
type Result struct {
	Op      string
	Matched int
	Applied int
	Gone    int // vanished before they were reached
	Failed  int
	Unknown int // sent, but the kernel's answer was lost
	// Protected were left out: the user's own session, and what was said to be
	// protected.
	Protected int
	Errors    []*conntrack.Error
	Took      time.Duration
	DryRun    bool
}

// String renders the result in one line.
func (r *Result) String() string {
	if r.DryRun {
		s := fmt.Sprintf("%s: dry run, %d matched", r.Op, r.Matched)
		if r.Protected > 0 {
			s += fmt.Sprintf(", %d protected", r.Protected)
		}
		return s + ", nothing changed"
	}
	s := fmt.Sprintf("%s: %d matched, %d applied", r.Op, r.Matched, r.Applied)
	for _, c := range []struct {
		n    int
		what string
	}{{r.Gone, "gone"}, {r.Failed, "failed"}, {r.Unknown, "unknown"}, {r.Protected, "protected"}} {
		if c.n > 0 {
			s += fmt.Sprintf(", %d %s", c.n, c.what)
		}
	}
	return s + " in " + r.Took.Round(10*time.Microsecond).String()
}

// GuardError says that a plan goes too far. Nothing was changed.
type GuardError struct {
	Op  string
	Max int
}

// Error implements error.
func (e *GuardError) Error() string {
	return fmt.Sprintf("%s: more than %d flows match, nothing was changed; look at the plan, then apply{max=...} to allow more", e.Op, e.Max)
}

// Preview returns up to n of the flows that the plan would touch now.
func (p *Plan) Preview(ctx context.Context, guard Protection, n int) (list []wire.Flow, err error) {
	found, _, err := p.collect(ctx, &guard, n)
	for f := range found.all() {
		list = append(list, *f)
	}
	return list, err
}
