package main

import (
	"bytes"
	"context"
	"fmt"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// rare are the flows of the big table that the filters look for: one in a
// thousand.
const (
	rareMark = 0xbeef
	rareZone = 9
)

var rareAddr = wire.Addr{10: 0xff, 11: 0xff, 12: 172, 13: 16, 14: 0, 15: 1}

// bigTable makes the mixed table.
func (b *bench) bigTable() (*world, error) {
	w, err := b.newWorld(b.flows)
	if err != nil {
		return nil, err
	}
	err = w.fill(0, b.flows, func(i int, c *wire.Create) {
		e := &c.Entry
		if i%1000 != 4 { // IPv4, TCP
			return
		}
		e.Mark, e.Present = rareMark, e.Present|wire.HasMark
		e.Orig.Src, e.Orig.Zone = rareAddr, rareZone
		e.Orig.Dst = wire.Addr{10: 0xff, 11: 0xff, 12: 172, 13: 17 + byte(i>>24), 14: byte(i >> 16), 15: byte(i >> 8)}
		e.Reply, _ = e.Orig.Invert()
	})
	if err != nil {
		_ = w.close()
		return nil, err
	}
	return w, nil
}

// dump reads the big table whole and in part.
func (b *bench) dump() error {
	w, err := b.bigTable()
	if err != nil {
		return err
	}
	defer w.close()

	count := func(opt conntrack.DumpOptions, req *wire.Dump, want int) contender {
		return contender{run: func() error {
			n := 0
			_, err := w.kernel.Dump(b.ctx, req, opt, func(*wire.View) error { n++; return nil })
			return counted(err, n, want)
		}}
	}
	hits := 0
	predicate := contender{run: func() error {
		hits = 0
		var orig wire.Tuple
		_, err := w.kernel.Dump(b.ctx, &wire.Dump{}, conntrack.DumpOptions{}, func(v *wire.View) error {
			if v.Tuple(wire.Original, &orig) && orig.DstPort == 53 && orig.Proto == wire.ProtoUDP {
				hits++
			}
			return nil
		})
		return counted(err, hits, 2*b.flows/10)
	}}
	full := contender{run: func() error {
		var f wire.Flow
		n := 0
		_, err := w.kernel.Dump(b.ctx, &wire.Dump{}, conntrack.DumpOptions{Ahead: true}, func(v *wire.View) error {
			v.Flow(&f)
			n++
			return nil
		})
		return counted(err, n, b.flows)
	}}
	raw := contender{run: func() error { n, err := w.rawDump(); return counted(err, n, b.flows) }}
	peer := contender{run: func() error { return w.silent("conntrack", "-L") }}
	whole := contender{run: func() error { return w.silent(b.ctsh, "-e", "flows:count()") }}
	filtered := contender{run: func() error { return w.silent(b.ctsh, "-e", `flows:where{proto="udp", dport=53}:count()`) }}

	t, err := b.alternate(raw, count(conntrack.DumpOptions{}, &wire.Dump{}, b.flows), predicate, full,
		count(conntrack.DumpOptions{Partition: conntrack.PartitionAssured}, &wire.Dump{}, b.flows),
		count(conntrack.DumpOptions{Partition: conntrack.PartitionFamily}, &wire.Dump{}, b.flows), whole, filtered, peer)
	if err != nil {
		return err
	}
	for i, name := range []string{"count", "one predicate", "every field, read ahead", "split by ASSURED", "split by family", "ctsh -e flows:count()", "ctsh -e flows:where{}:count()"} {
		r := row{Name: name, Ours: t[i+1], Unit: "s", Raw: t[0], Peer: t[8], Versus: "conntrack -L"}
		switch i {
		case 0, 1:
			r = r.budget("<= 1.06 raw, peer >= 1.9", r.ofRaw() <= 1.06 && r.ofUs() >= 1.9)
		case 3:
			r = r.budget("<= 0.95 raw", r.ofRaw() <= 0.95)
		}
		b.rows = append(b.rows, r)
	}

	var found memory
	if err := w.child("memory", &found, func() error { return nil }); err != nil {
		return err
	}
	if found.Flows != b.flows {
		return fmt.Errorf("%d flows were streamed, want %d", found.Flows, b.flows)
	}
	mib := float64(found.PeakKiB) / 1024
	b.rows = append(b.rows, row{Name: "memory of a streaming query", Ours: mib, Unit: "MiB"}.budget("<= 64 MiB", mib <= 64))
	return b.filters(w)
}

// filters are what the kernel selects.
func (b *bench) filters(w *world) error {
	zone := uint16(rareZone)
	want := b.flows / 1000
	for _, f := range []struct {
		name   string
		filter wire.Filter
		args   []string
		factor float64 // how many times as long the peer must take, 0 for no budget
	}{
		{"0.1 % by address", wire.Filter{Family: wire.FamilyIPv4, Orig: wire.TupleFilter{Tuple: wire.Tuple{Family: wire.FamilyIPv4, Src: rareAddr}, Bits: wire.FilterSrc}}, []string{"-s", "172.16.0.1"}, 10},
		{"0.1 % by zone", wire.Filter{Zone: &zone}, []string{"-w", fmt.Sprint(rareZone)}, 10},
		{"0.1 % by mark", wire.Filter{Mark: &wire.Masked32{Value: rareMark, Mask: ^uint32(0)}}, []string{"-m", fmt.Sprint(rareMark)}, 0},
	} {
		out, err := w.output("conntrack", append([]string{"-L"}, f.args...)...)
		if err != nil {
			return err
		}
		if err := counted(nil, bytes.Count(out, []byte("\n")), want); err != nil {
			return err
		}
		t, err := b.alternate(
			contender{run: func() error {
				n := 0
				_, err := w.kernel.Dump(b.ctx, &wire.Dump{Filter: f.filter}, conntrack.DumpOptions{}, func(*wire.View) error { n++; return nil })
				return counted(err, n, want)
			}},
			contender{run: func() error { return w.silent("conntrack", append([]string{"-L"}, f.args...)...) }})
		if err != nil {
			return err
		}
		r := row{Name: f.name, Ours: t[0], Unit: "s", Peer: t[1], Versus: "conntrack -L " + f.args[0]}
		if f.factor > 0 {
			r = r.budget(fmt.Sprintf("peer >= %g", f.factor), r.ofUs() >= f.factor)
		}
		b.rows = append(b.rows, r)
	}
	return nil
}

// counted is err, or an error where n is not what it must be.
func counted(err error, n, want int) error {
	if err == nil && n != want {
		err = fmt.Errorf("%d flows, want %d", n, want)
	}
	return err
}

// memory is what a process that streams the table needed.
type memory struct {
	Flows   int
	PeakKiB uint64
}

// streamOnce is the child that counts flows with a predicate.
func streamOnce(ready func(), _ <-chan struct{}) (any, error) {
	ready()
	k := conntrack.Open(nil)
	defer k.Close()
	var m memory
	var f wire.Flow
	_, err := k.Dump(context.Background(), &wire.Dump{}, conntrack.DumpOptions{}, func(v *wire.View) error {
		v.Flow(&f)
		m.Flows++
		return nil
	})
	_, m.PeakKiB = usage()
	return m, err
}
