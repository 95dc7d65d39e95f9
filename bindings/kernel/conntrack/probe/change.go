package probe

import (
	"errors"
	"fmt"
	"slices"
	"syscall"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// flushFamily checks that a flush of one family spares the other. The kernel
// looks at the family only where nfgenmsg.version is set.
func flushFamily(l *lab) Verdict {
	if err := errors.Join(l.create(tcp4(1, 80)), l.create(tcp6(2, 80))); err != nil {
		return failed(err)
	}
	if err := l.kernel.Do(l.ctx, &wire.Flush{Filter: wire.Filter{Family: wire.FamilyIPv4}}); err != nil {
		return failed(err)
	}
	switch got, _, err := l.ports(&wire.Dump{}); {
	case err != nil:
		return failed(err)
	case slices.Equal(got, []uint16{2}):
		return Verdict{State: OK}
	case len(got) == 0:
		return Verdict{Broken, "a flush of one family deletes both"}
	default:
		return Verdict{Broken, fmt.Sprintf("a flush of IPv4 left the flows with ports %v", got)}
	}
}

// deleteByID checks that a delete spares the flow when the id is another's.
func deleteByID(l *lab) Verdict {
	if err := l.create(tcp4(1, 80)); err != nil {
		return failed(err)
	}
	var e wire.Entry
	if ok, err := l.kernel.Get(l.ctx, wire.Get{Key: wire.Key{Tuple: tcp4(1, 80)}}, &e); err != nil || !ok {
		return Verdict{Unknown, fmt.Sprintf("the flow could not be read back: %v", err)}
	}
	key := e.Key()
	key.ID++
	d, err := wire.NewDelete(key)
	if err != nil {
		return failed(err)
	}
	switch err := l.kernel.Do(l.ctx, d); {
	case errors.Is(err, syscall.ENOENT):
		return Verdict{State: OK}
	case err == nil:
		return Verdict{Broken, "a delete with the id of another flow deletes all the same"}
	default:
		return failed(err)
	}
}

// readAndZero checks the dump that resets counters.
func readAndZero(l *lab) Verdict {
	if err := l.create(tcp4(1, 80)); err != nil {
		return failed(err)
	}
	got, _, err := l.ports(&wire.Dump{Zero: true})
	return selects(err, got, []uint16{1}, -1)
}

// dying checks that the list of undelivered destroy events can be read.
func dying(l *lab) Verdict {
	if _, _, err := l.ports(&wire.Dump{Table: wire.TableDying}); err != nil {
		return failed(err)
	}
	return Verdict{State: OK}
}

// labels updates the labels of a flow that no rule gave the room for: a kernel
// with labels says ENOSPC.
func labels(l *lab) Verdict {
	if err := l.create(tcp4(1, 80)); err != nil {
		return failed(err)
	}
	err := l.kernel.Do(l.ctx, &wire.Update{Key: wire.Key{Tuple: tcp4(1, 80)}, Labels: &wire.Labels{1}})
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return Verdict{OK, "only flows made while a rule of their namespace uses labels can carry any"}
	case err == nil:
		return Verdict{State: OK}
	}
	return failed(err)
}

// nat makes a translated flow.
func nat(l *lab) Verdict {
	to := tcp4(0, 0).Dst
	err := l.create(tuple(wire.ProtoTCP, "10.0.0.1", "10.0.0.3", 1, 80), func(c *wire.Create) {
		c.DstNAT = &wire.NAT{Min: to, Max: to}
	})
	if err != nil {
		return failed(err)
	}
	var status wire.Status
	_, err = l.kernel.Dump(l.ctx, &wire.Dump{}, conntrack.DumpOptions{}, func(v *wire.View) error {
		var f wire.Flow
		v.Flow(&f)
		status = f.Status
		return nil
	})
	switch {
	case err != nil:
		return failed(err)
	case status&wire.StatusDstNAT == 0:
		return Verdict{Absent, "the translation is ignored: this kernel has no NAT (CONFIG_NF_NAT)"}
	}
	return Verdict{OK, "packets are rewritten only where their namespace has a chain of type nat, even an empty one"}
}

// dccp makes a flow of protocol 33: a kernel without a tracker for it keeps no
// ports.
func dccp(l *lab) Verdict {
	t := tuple(wire.ProtoDCCP, "10.0.0.1", "10.0.0.2", 1, 80)
	if err := l.create(t); err != nil {
		return Verdict{Absent, "a DCCP flow cannot be made: " + err.Error()}
	}
	switch got, _, err := l.ports(&wire.Dump{}); {
	case err != nil:
		return failed(err)
	case slices.Equal(got, []uint16{1}):
		return Verdict{State: OK}
	}
	return Verdict{Absent, "protocol 33 is tracked as any other: one flow a pair of addresses, without ports"}
}
