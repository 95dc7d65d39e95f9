package plan

import (
	"context"
	"errors"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
)

// Apply makes the change. What the kernel refuses for single flows is in the
// result; the error is about the plan as a whole, and the result then says how
// far it came.
func (p *Plan) Apply(ctx context.Context, k conntrack.Kernel, opt Options) (*Result, error) {
	began := time.Now()
	if opt.Max == 0 {
		opt.Max = DefaultMax
	}
	res := &Result{Op: p.Op, DryRun: opt.DryRun}
	defer func() { res.Took = time.Since(began) }()

	if p.act != nil {
		return res, p.applyAct(res)
	}
	flows, protected, err := p.collect(ctx, &opt.Guard, opt.Max+1)
	if err == nil {
		err = p.refuseFlush(ctx, &opt.Guard)
	}
	if err != nil {
		return res, err
	}
	todo := flows.n + len(p.direct)
	res.Matched, res.Protected = todo+protected, protected
	if todo > opt.Max {
		return res, &GuardError{p.Op, opt.Max}
	}
	if opt.DryRun || todo == 0 {
		return res, nil
	}
	if len(p.direct) == 1 {
		return res, p.applyOne(ctx, k, res)
	}
	return res, p.applyMany(ctx, k, opt, flows, res)
}

// applyAct runs a change that is not a request.
func (p *Plan) applyAct(res *Result) error {
	res.Matched = 1
	if res.DryRun {
		return nil
	}
	if err := p.act(); err != nil {
		res.Failed = 1
		return err
	}
	res.Applied = 1
	return nil
}

// applyOne sends a single request; its refusal is an error of the plan.
func (p *Plan) applyOne(ctx context.Context, k conntrack.Kernel, res *Result) error {
	err := k.Do(ctx, p.direct[0])
	var refused *conntrack.Error
	switch {
	case err == nil:
		res.Applied = 1
	case errors.As(err, &refused):
		res.Failed, res.Errors = 1, []*conntrack.Error{refused}
	}
	return err
}

func (p *Plan) applyMany(ctx context.Context, k conntrack.Kernel, opt Options, flows *pages, res *Result) error {
	b, err := k.Batch(ctx, conntrack.BatchOptions{Size: opt.Batch, StopOnError: opt.StopOnError, Progress: opt.Progress})
	if err != nil {
		return err
	}
	for f := range flows.all() {
		req, err := p.change(f)
		if err == nil {
			err = b.Add(req)
		}
		if err != nil {
			return finish(b, res, err)
		}
	}
	for _, req := range p.direct {
		if err := b.Add(req); err != nil {
			return finish(b, res, err)
		}
	}
	return finish(b, res, nil)
}

// finish closes the batch and moves its totals into res.
func finish(b *conntrack.Batch, res *Result, err error) error {
	got, closeErr := b.Close()
	res.Applied, res.Gone = got.Applied, got.Gone
	res.Failed, res.Unknown = got.Failed+got.Exists, got.Unknown
	res.Errors = got.Errors
	if err != nil {
		return err
	}
	return closeErr
}
