package query

import (
	"slices"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// kept is a row that outlives its turn.
type kept struct {
	flow  wire.Flow
	whole *wire.Entry // where the flow has what a wire.Flow cannot hold
	cells []field.Cell
	rates *field.Rates
	world *field.World
	about any
}

// beyond is what a wire.Flow cannot hold.
const beyond = wire.HasMaster | wire.HasSeqAdj | wire.HasSynProxy | wire.HasSecCtx | wire.HasEventTime

// keep copies a row; flow tells whether it shows one.
func keep(r *field.Row, flow bool) (k kept) {
	k.cells, k.world, k.about = slices.Clone(r.Cells()), r.World(), r.About()
	if x := r.Rates(); x != nil {
		rates := *x
		k.rates = &rates
	}
	if !flow {
		return k
	}
	e := r.Need(field.PartAll)
	k.flow = e.Flow
	if e.Present&beyond != 0 || e.HelpInfo != nil || e.Flow.Helper == wire.HelperOther {
		whole := *e
		k.whole = &whole
	}
	return k
}

// show makes r show the row again.
func (k *kept) show(r *field.Row, flow bool) {
	if flow {
		if k.whole != nil {
			r.ResetEntry(k.whole)
		} else {
			r.ResetFlow(&k.flow)
		}
	}
	r.In(k.world)
	r.ResetCells(k.cells)
	r.SetRates(k.rates)
	r.SetAbout(k.about)
}
