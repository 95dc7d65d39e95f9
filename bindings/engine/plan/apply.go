package plan

import (
	"context"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
)

// application is a plan at work.
type application struct {
	k   conntrack.Kernel
	opt Options
	res *Result
	// touched are flows that exist and are to be changed, made are those to be
	// made, revived those of them that come from a file or a journal. What is
	// protected is in none.
	touched, made, revived int
	pace                   pace
	log                    *log
	remade                 remade // nil where it does not matter
}

// Apply makes the change. What the kernel refuses for single flows is in the
// result; the error is about the plan as a whole, and the result then says how
// far it came. A plan that was refused by a guard, or whose journal cannot be
// written, changed nothing.
func (p *Plan) Apply(ctx context.Context, k conntrack.Kernel, opt Options) (*Result, error) {
	began := time.Now()
	a := &application{k: k, opt: opt.withDefaults(), res: &Result{Op: p.Op(), DryRun: opt.DryRun}, pace: pace{rate: opt.Rate}}
	err := a.apply(ctx, p)
	a.res.Took = time.Since(began)
	return a.res, err
}

func (a *application) apply(ctx context.Context, p *Plan) error {
	if a.opt.Fast {
		return a.fast(ctx, p)
	}
	if done, err := a.stream(ctx, p); done || err != nil {
		return err
	}
	var jobs []job
	for _, s := range p.steps {
		j, err := s.find(ctx, a)
		if err != nil {
			return err
		}
		jobs = append(jobs, j)
	}
	if err := a.guard(ctx); err != nil {
		return err
	}
	a.res.Matched = a.touched + a.made + a.res.Protected + a.res.Expired
	if a.opt.DryRun || a.touched+a.made == 0 {
		return nil
	}
	if a.opt.Allow != nil {
		if err := a.opt.Allow(a.touched + a.made); err != nil {
			return err
		}
	}
	a.log = newLog(a, p)
	for _, j := range jobs {
		if err := j.run(ctx, a); err != nil {
			return a.log.end(a.res, err)
		}
	}
	if err := a.log.end(a.res, nil); err != nil {
		return err
	}
	return a.verify(ctx, jobs)
}

// bounded is how many of the changes count towards Max.
func (a *application) bounded() int {
	if a.opt.Max == 0 {
		return a.touched + a.made - a.revived
	}
	return a.touched + a.made
}

// guard refuses what goes too far. Nothing has been changed yet.
func (a *application) guard(ctx context.Context) error {
	if a.bounded() > a.opt.most() {
		return &GuardError{Op: a.res.Op, Max: a.opt.most()}
	}
	if a.opt.Share == 0 && a.revived == 0 {
		return nil
	}
	table, err := a.k.Count(ctx)
	if err != nil {
		return err
	}
	if share := a.opt.Share; share > 0 && float64(a.touched) > share*float64(table.Entries) {
		return &ShareError{a.res.Op, a.touched, int(table.Entries), share}
	}
	// What exists already takes no room twice, so only what cannot fit in any
	// case is refused here.
	if table.HasMax && a.revived > int(table.Max) {
		return &RoomError{a.res.Op, a.revived, int(table.Entries), int(table.Max)}
	}
	return nil
}

// verifier is a job that can look at what it did.
type verifier interface {
	verify(ctx context.Context, a *application) error
}

// verify looks, some time after the last change, at what became of the flows.
func (a *application) verify(ctx context.Context, jobs []job) error {
	if a.opt.Verify == 0 {
		return nil
	}
	late := pace{rate: 1 / a.opt.Verify.Seconds()}
	_ = late.wait(ctx, 1)
	if err := late.wait(ctx, 1); err != nil {
		return err
	}
	for _, j := range jobs {
		if v, ok := j.(verifier); ok {
			if err := v.verify(ctx, a); err != nil {
				return err
			}
		}
	}
	return nil
}
