package plan

import (
	"context"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/journal"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// fresh is how old the look at a flow may be when it is changed. The disk may
// have taken longer for the journal: then flows are read once more. Tests change
// it.
var fresh = 6 * time.Millisecond

// looks is how often flows are read once more: the machine may hold up that too.
const looks = 3

// confirm reads the flows of a window once more, and leaves out the requests
// about those that are not to be changed any more.
func (j *flowJob) confirm(ctx context.Context, a *application, w *looked, reqs []wire.Request, order []int) (_ []wire.Request, _ []int, err error) {
	w.at = time.Now()
	flows := make([]wire.Flow, len(order))
	for n, i := range order {
		flows[n] = w.now[i]
	}
	late := &looked{}
	place := make([]int, 0, len(reqs))
	updates := j.step.kind() == journal.Update
	err = j.sort(ctx, a, flows, late, func(n int, now *wire.Flow, _ *wire.View) {
		if was := &flows[n]; updates && (now.Mark != was.Mark || now.Labels != was.Labels) {
			late.changed++ // the request was made of what it had, which is what was taken down
			return
		}
		place = append(place, n)
	})
	if err != nil {
		place = place[:0]
	}
	a.res.Gone, a.res.Changed, a.res.Protected = a.res.Gone+late.gone, a.res.Changed+late.changed, a.res.Protected+late.protected
	for n, i := range place {
		reqs[n], order[n] = reqs[i], order[i]
	}
	if bad := a.log.only(place); err == nil {
		err = bad
	}
	return reqs[:len(place)], order[:len(place)], err
}
