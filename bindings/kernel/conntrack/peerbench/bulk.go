package main

import (
	"bytes"
	"fmt"
	"os"

	timo "github.com/ti-mo/conntrack"

	"github.com/mdlayher/netlink"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

const bulkMark, newMark = 5, 6

// marked gives a flow of a bulk change its mark.
func marked(_ int, c *wire.Create) {
	c.Entry.Mark, c.Entry.Present = bulkMark, c.Entry.Present|wire.HasMark
}

// refill makes the table hold the bulk flows and no others.
func (b *bench) refill(w *world) func() error {
	return func() error {
		if err := w.flush(); err != nil {
			return err
		}
		return w.fill(0, b.bulk, marked)
	}
}

// left checks how many flows have a mark.
func (b *bench) left(w *world, mark uint32, want int) error {
	n := 0
	_, err := w.kernel.Dump(b.ctx, byMark(mark), conntrack.DumpOptions{}, func(*wire.View) error { n++; return nil })
	return counted(err, n, want)
}

func byMark(mark uint32) *wire.Dump {
	return &wire.Dump{Filter: wire.Filter{Mark: &wire.Masked32{Value: mark, Mask: ^uint32(0)}}}
}

// create makes the bulk flows.
func (b *bench) create() error {
	w, err := b.newWorld(b.bulk)
	if err != nil {
		return err
	}
	defer w.close()
	if err := b.refill(w)(); err != nil {
		return err
	}
	saved, err := w.output("conntrack", "-L", "-o", "save")
	if err != nil {
		return err
	}
	if err := counted(nil, bytes.Count(saved, []byte("\n")), b.bulk); err != nil {
		return err
	}
	file := b.ctsh + ".save"
	if err := os.WriteFile(file, saved, 0o600); err != nil {
		return err
	}
	t, err := b.alternate(
		contender{w.flush, func() error { return w.fill(0, b.bulk, marked) }},
		contender{w.flush, func() error { return w.silent("conntrack", "-R", file) }})
	if err != nil {
		return err
	}
	r := row{Name: fmt.Sprintf("create %d", b.bulk), Ours: t[0], Unit: "s", Peer: t[1], Versus: "conntrack -R", Note: rate(b.bulk, t[0])}
	b.rows = append(b.rows, r.budget("peer >= 4", r.ofUs() >= 4))
	return nil
}

func rate(n int, seconds float64) string { return fmt.Sprintf("%.0f k/s", float64(n)/seconds/1000) }

// delete finds the bulk flows by their mark and deletes them one by one.
func (b *bench) delete() error {
	w, err := b.newWorld(b.bulk)
	if err != nil {
		return err
	}
	defer w.close()
	refill := b.refill(w)
	t, err := b.alternate(
		contender{refill, func() error {
			batch, err := w.kernel.Batch(b.ctx, conntrack.BatchOptions{})
			if err != nil {
				return err
			}
			if _, err := w.kernel.Dump(b.ctx, byMark(bulkMark), conntrack.DumpOptions{Ahead: true}, batch.AddDelete); err != nil {
				return err
			}
			res, err := batch.Close()
			return counted(err, res.Applied, b.bulk)
		}},
		contender{refill, func() error { return w.silent("conntrack", "-D", "-m", fmt.Sprint(bulkMark)) }})
	if err != nil {
		return err
	}
	if err := b.left(w, bulkMark, 0); err != nil {
		return err
	}
	r := row{Name: fmt.Sprintf("delete %d by mark", b.bulk), Ours: t[0], Unit: "s", Peer: t[1], Versus: "conntrack -D -m", Note: rate(b.bulk, t[0])}
	b.rows = append(b.rows, r.budget("peer >= 3", r.ofUs() >= 3))
	return nil
}

// update finds the bulk flows and gives them another mark.
func (b *bench) update() error {
	w, err := b.newWorld(b.bulk)
	if err != nil {
		return err
	}
	defer w.close()
	refill := b.refill(w)
	check := func(err error) error {
		if err != nil {
			return err
		}
		return b.left(w, newMark, b.bulk)
	}
	t, err := b.alternate(
		contender{refill, func() error {
			batch, err := w.kernel.Batch(b.ctx, conntrack.BatchOptions{})
			if err != nil {
				return err
			}
			var f wire.Flow
			mark := &wire.Masked32{Value: newMark, Mask: ^uint32(0)}
			_, err = w.kernel.Dump(b.ctx, byMark(bulkMark), conntrack.DumpOptions{Ahead: true}, func(v *wire.View) error {
				v.Flow(&f)
				return batch.Add(&wire.Update{Key: f.Key(), Mark: mark})
			})
			if err != nil {
				return err
			}
			res, err := batch.Close()
			return counted(err, res.Applied, b.bulk)
		}},
		contender{func() error { return check2(check, refill) }, func() error { return w.updateByTimo(b.bulk) }})
	if err != nil {
		return err
	}
	r := row{Name: fmt.Sprintf("update %d marks", b.bulk), Ours: t[0], Unit: "s", Peer: t[1], Versus: "ti-mo/conntrack", Note: rate(b.bulk, t[0])}
	b.rows = append(b.rows, r.budget("peer >= 6", r.ofUs() >= 6))
	return check(nil)
}

// check2 checks what the run before left, and makes the table anew.
func check2(check func(error) error, refill func() error) error {
	if err := check(nil); err != nil {
		return err
	}
	return refill()
}

// updateByTimo is the same with another library.
func (w *world) updateByTimo(want int) error {
	c, err := timo.Dial(&netlink.Config{NetNS: w.ns.FD()})
	if err != nil {
		return err
	}
	defer c.Close()
	flows, err := c.DumpFilter(timo.NewFilter().Mark(bulkMark).MarkMask(0xffffffff), nil)
	if err != nil {
		return err
	}
	if err := counted(nil, len(flows), want); err != nil {
		return err
	}
	for _, f := range flows {
		// Only what names the flow, and the mark: the rest would be set too.
		err := c.Update(timo.Flow{TupleOrig: f.TupleOrig, TupleReply: f.TupleReply, Zone: f.Zone, Timeout: f.Timeout, Mark: newMark})
		if err != nil {
			return err
		}
	}
	return nil
}
