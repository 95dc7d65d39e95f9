package query

import (
	"context"
	"slices"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
)

// Report is what a run has to tell beside its rows.
type Report struct {
	// Notes are sentences about what is not exact or not whole.
	Notes []string
	ctx   context.Context
}

func (r *Report) note(text string) { r.Notes = append(r.Notes, text) }

// add takes over what another run had to tell.
func (r *Report) add(other Report) { r.Notes = append(r.Notes, other.Notes...) }

// Each calls fn for every row of q, with a row that is used again: who keeps
// it copies it. An error of fn ends the query and is returned;
// conntrack.ErrStop ends it without one.
func (q Query) Each(ctx context.Context, fn func(*field.Row) error) (Report, error) {
	p := q.Pipe(ctx, fn)
	err := q.source.Each(ctx, Ask{Filter: q.filter, tell: p.report.add}, p.Push)
	if err == nil {
		err = p.End() // which may note something
	}
	return p.report, err
}

// Count counts the rows of q. Where nothing must be known of a row, none is
// decoded.
func (q Query) Count(ctx context.Context) (n int, err error) {
	if f, ok := q.source.(*Flows); ok && q.filter.IsAll() && len(q.stages) == 0 {
		return f.count(ctx)
	}
	_, err = q.Each(ctx, func(*field.Row) error { n++; return nil })
	return n, err
}

// Pipe is the stages of a query at work on rows that somebody else reads.
type Pipe struct {
	first  sink
	report Report
}

// Pipe starts the stages of q. The rows that come out go to fn.
func (q Query) Pipe(ctx context.Context, fn func(*field.Row) error) *Pipe {
	p := &Pipe{report: Report{ctx: ctx}}
	p.first = last(fn)
	for i := len(q.stages) - 1; i >= 0; i-- {
		p.first = q.stages[i].start(&p.report, p.first)
	}
	return p
}

// Push takes one row. conntrack.ErrStop says that no more are wanted.
func (p *Pipe) Push(r *field.Row) error { return p.first.row(r) }

// End says that there are no more rows, and passes on what the stages held
// back.
func (p *Pipe) End() error { return unstopped(p.first.end()) }

// Report is what there is to tell after End.
func (p *Pipe) Report() Report { return p.report }

// last is the sink at the end.
type last func(*field.Row) error

func (fn last) row(r *field.Row) error { return fn(r) }
func (fn last) end() error             { return nil }

// Split cuts q before the first function of a script: what can run anywhere,
// and what must run where the script does. Without such a function the second
// part has no stages.
func (q Query) Split() (head, tail Query) {
	head, tail = q, q
	for i, s := range q.stages {
		w, adds := s.(*withStage)
		if _, selects := s.(*funcStage); selects || adds && w.calls() {
			head.stages, tail.stages = q.stages[:i], q.stages[i:]
			return head, tail
		}
	}
	tail.stages = nil
	return head, tail
}

// Calls tells whether q calls functions of a script.
func (q Query) Calls() bool {
	_, tail := q.Split()
	return len(tail.stages) > 0
}

// Parts are what q asks of the rows of its source when sink is asked of the
// rows that come out.
func (q Query) Parts(sink field.Part) field.Part {
	for i := len(q.stages) - 1; i >= 0; i-- {
		n, replaced := q.stages[i].asks()
		if replaced {
			sink = 0
		}
		sink |= n.parts
	}
	return sink | q.filter.Parts()
}

// Needs lists the sysctls without which flows lack what q asks for.
func (q Query) Needs() (list []string) {
	add := func(n needs) {
		for _, s := range n.sysctls {
			if !slices.Contains(list, s) {
				list = append(list, s)
			}
		}
	}
	switch s := q.source.(type) {
	case *union:
		for _, part := range s.parts {
			add(needs{sysctls: part.Needs()})
		}
	case *delta:
		add(needs{sysctls: append(s.q.Needs(), "nf_conntrack_acct")})
	case *Frozen:
		return nil // it holds what there was
	}
	add(needsOfFilter(&q.filter))
	for _, s := range q.stages {
		n, _ := s.asks()
		add(n)
	}
	return list
}

// emit passes rows that were held back on, until no more are wanted.
func emit(next sink, each func(fn func(*field.Row) error) error) error {
	if err := each(next.row); err != nil && err != conntrack.ErrStop { //nolint:errorlint // it is passed on as it is
		return err
	}
	return next.end()
}
