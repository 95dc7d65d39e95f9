package plan

import (
	"context"
	"errors"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/journal"
	"github.com/ctsh/ctsh/bindings/engine/restore"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Conflict is what becomes of a flow that is to be made again while one with
// its addresses is there.
type Conflict uint8

// What may become of it. In no case a flow that is there is removed.
const (
	ConflictSkip   Conflict = iota // the one that is there stays as it is
	ConflictUpdate                 // it gets mark, labels and timeout
	ConflictFail                   // it stays, and counts as a failure
)

// reviveWindow is how many flows are taken down and made at once, and one in
// checkEvery of them is read again at the end.
const (
	reviveWindow = 1000
	checkEvery   = 100
)

// reviver makes flows again.
type reviver struct {
	a        *application
	conflict Conflict
	opt      restore.Options     // Age is that of each flow
	lost     map[wire.Tuple]bool // that did not come back, and may be masters
	child    bool                // the window is of flows with masters
	b        *conntrack.Batch
	reqs     []wire.Request
	sent     int   // before the window at hand
	undone   []int // of the window at hand
	exists   []int
	fresh    map[int]aged // of the window, to be read again
	checks   []aged       // of all windows
	made     int
	taken    int // down
	met      int // that were there, and got mark, labels and timeout
}

// aged is a flow with the time that had passed, at a time, since it was as it is
// here.
type aged struct {
	entry wire.Entry
	age   time.Duration
	at    time.Time
}

func newReviver(ctx context.Context, a *application, conflict Conflict, opt restore.Options) (*reviver, error) {
	r := &reviver{a: a, conflict: conflict, opt: opt, fresh: map[int]aged{}, lost: map[wire.Tuple]bool{}}
	how := a.opt.batch(func(n int, e *conntrack.Error) {
		r.undone = append(r.undone, n-r.sent)
		if errors.Is(e, syscall.EEXIST) {
			r.exists = append(r.exists, n-r.sent)
		} else {
			r.lost[r.reqs[n-r.sent].Target()] = true
		}
	})
	how.ExistsOK = conflict != ConflictFail
	var err error
	r.b, err = a.k.Batch(ctx, how)
	return r, err
}

// add makes a flow that was as e says so long ago. One whose master cannot come
// back is made if the table has the master, else without it.
func (r *reviver) add(ctx context.Context, e *wire.Entry, age time.Duration, problem *restore.MasterError) error {
	opt := r.opt
	opt.Age = age
	if e.Has(wire.HasMaster) && !r.child {
		// What became of the masters is to be known.
		if err := r.flush(ctx); err != nil {
			return err
		}
		r.child = true
	}
	if problem != nil || e.Has(wire.HasMaster) && r.lost[r.master(e)] {
		var there wire.Entry
		found, err := r.a.k.Get(ctx, wire.Get{Key: wire.Key{Tuple: r.master(e)}}, &there)
		if err != nil {
			return err
		}
		if opt.NoMaster = !found || problem != nil && problem.Cycle; opt.NoMaster {
			r.a.res.example("flows whose master is gone come back without it, such as ", e.Orig)
		}
	}
	req, err := restore.Request(e, opt)
	if err == nil {
		err = req.Check()
	}
	var expired *restore.ExpiredError
	switch {
	case errors.As(err, &expired):
		r.a.res.Expired++
		r.lost[r.moved(e.Orig)] = true
		return nil
	case err != nil:
		r.lost[r.moved(e.Orig)] = true
		r.a.res.refuse(&conntrack.Error{Op: "restore flow", Flow: e.Orig, Reason: err.Error()})
		return nil //nolint:nilerr // it is told with the others that failed
	}
	r.a.res.lose(restore.Losses(e, opt))
	if r.made++; r.made%checkEvery == 1 {
		r.fresh[len(r.reqs)] = aged{*e, age, time.Now()}
	}
	if r.reqs = append(r.reqs, req); len(r.reqs) < r.a.pace.portion(reviveWindow) {
		return nil
	}
	return r.flush(ctx)
}

// master is the tuple of the master of e, in the zone where the kernel looks for it.
func (r *reviver) master(e *wire.Entry) wire.Tuple {
	return r.moved(restore.MasterOf(e))
}

// moved is a tuple in the zone where its flow comes back.
func (r *reviver) moved(t wire.Tuple) wire.Tuple {
	if r.opt.Zone != nil {
		t.Zone = *r.opt.Zone
	}
	return t
}

// flush takes the flows down and makes them.
func (r *reviver) flush(ctx context.Context) error {
	if len(r.reqs) == 0 {
		return nil
	}
	err := r.a.pace.wait(ctx, len(r.reqs))
	if err == nil {
		err = r.a.log.intend(journal.Create, nil, r.reqs, nil)
	}
	if err == nil {
		r.taken += len(r.reqs)
		err = sendAll(r.b, r.reqs)
	}
	if bad := r.a.log.settle(r.undone); err == nil {
		err = bad
	}
	if err == nil && r.conflict == ConflictUpdate {
		err = r.meet(ctx)
	}
	r.remember()
	for _, i := range r.undone {
		delete(r.fresh, i)
	}
	for _, was := range r.fresh {
		r.checks = append(r.checks, was)
	}
	clear(r.fresh)
	r.sent += len(r.reqs)
	r.a.opt.Progress(r.sent, r.a.revived)
	r.reqs, r.undone, r.exists = r.reqs[:0], r.undone[:0], r.exists[:0]
	return err
}

// remember notes which flows of the window are made again.
func (r *reviver) remember() {
	if r.a.remade == nil {
		return
	}
	now := time.Now()
	for i, req := range r.reqs {
		if !slices.Contains(r.undone, i) {
			r.a.remade.remember(req.Target(), now)
		}
	}
}

// meet gives the flows that are there what those had that could not be made.
func (r *reviver) meet(ctx context.Context) error {
	had := map[wire.Tuple]*wire.Entry{}
	var flows []wire.Flow
	for _, i := range r.exists {
		e := &r.reqs[i].(*wire.Create).Entry
		had[e.Orig] = e
		flows = append(flows, wire.Flow{Orig: e.Orig, Reply: e.Reply, Present: wire.HasReply})
	}
	r.met += len(flows)
	return r.a.changeNow(ctx, flows, meeting{had})
}

// close ends it, and reads some of the flows again.
func (r *reviver) close(ctx context.Context, err error) error {
	if err == nil {
		err = r.flush(ctx)
	}
	exists := r.a.res.Exists
	err = r.a.close(r.b, err, r.taken)
	r.a.res.Exists -= r.met // what became of them is counted
	if r.conflict == ConflictFail {
		r.a.res.Failed, r.a.res.Exists = r.a.res.Failed+r.a.res.Exists-exists, exists
	}
	if err == nil {
		err = r.check(ctx)
	}
	return err
}

// check reads some of the flows again.
func (r *reviver) check(ctx context.Context) error {
	keys := make([]wire.Key, len(r.checks))
	for i := range r.checks {
		opt := r.opt
		opt.Age = r.checks[i].age
		req, err := restore.Request(&r.checks[i].entry, opt)
		if err != nil {
			return err
		}
		keys[i] = wire.Key{Tuple: req.Entry.Orig, Split: req.Entry.SplitZone()}
	}
	var now wire.Entry
	return r.a.k.Fetch(ctx, keys, false, func(i int, v *wire.View) error {
		if v == nil {
			return nil // it may have ended already
		}
		v.Entry(&now)
		was, opt := &r.checks[i], r.opt
		opt.Age = was.age + time.Since(was.at)
		if _, err := restore.Request(&was.entry, opt); err != nil {
			return nil //nolint:nilerr // its time has run out meanwhile
		}
		r.a.res.Checked++
		if names := restore.Differs(&was.entry, &now, opt); len(names) > 0 {
			r.a.res.Differs++
			r.a.res.example("not as before in some flows: "+strings.Join(names, ", ")+"; in ", now.Orig)
		}
		return nil
	})
}
