package main

import (
	"fmt"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// exact measures what concerns one flow of the big table. Ours is the time
// within the process, of many in a row.
func (b *bench) exact() error {
	w, err := b.bigTable()
	if err != nil {
		return err
	}
	defer w.close()
	const n = 1000
	each := func(do func(i int, key wire.Key) error) (float64, error) {
		start := time.Now()
		for i := range n {
			if err := do(i, wire.Key{Tuple: newFlow(10*i + 5).Entry.Orig}); err != nil {
				return 0, err
			}
		}
		return time.Since(start).Seconds() / n, nil
	}
	mark := &wire.Masked32{Value: 77, Mask: ^uint32(0)}
	for _, c := range []struct {
		name string
		do   func(i int, key wire.Key) error
	}{
		{"get", func(_ int, key wire.Key) error {
			var e wire.Entry
			ok, err := w.kernel.Get(b.ctx, wire.Get{Key: key}, &e)
			if err == nil && !ok {
				err = fmt.Errorf("%s is not there", key.Tuple)
			}
			return err
		}},
		{"update", func(_ int, key wire.Key) error {
			return w.kernel.Do(b.ctx, &wire.Update{Key: key, Mark: mark})
		}},
		{"delete", func(_ int, key wire.Key) error {
			d, err := wire.NewDelete(key)
			if err != nil {
				return err
			}
			return w.kernel.Do(b.ctx, d)
		}},
	} {
		ours, err := each(c.do)
		if err != nil {
			return err
		}
		args := []string{"-D"}
		if c.name == "update" {
			args = []string{"-U", "-m", "78"}
		}
		if c.name == "get" {
			args = []string{"-G"}
		}
		start := time.Now()
		t := newFlow(10*n + 10 + 5).Entry.Orig
		err = w.silent("conntrack", append(args, "-p", "tcp", "-s", t.Src.String(), "-d", t.Dst.String(),
			"--sport", fmt.Sprint(t.SrcPort), "--dport", fmt.Sprint(t.DstPort))...)
		if err != nil {
			return err
		}
		r := row{Name: c.name, Ours: ours, Unit: "s", Peer: time.Since(start).Seconds(), Versus: "conntrack " + args[0] + " of one tuple"}
		if c.name == "delete" {
			r = r.budget("<= 0.2 ms, peer >= 100", ours <= 0.2e-3 && r.ofUs() >= 100)
		} else {
			r = r.budget("<= 0.2 ms", ours <= 0.2e-3)
		}
		b.rows = append(b.rows, r)
	}
	return nil
}
