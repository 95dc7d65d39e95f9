package fake

import (
	"encoding/binary"
	"math/big"
	"syscall"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// natRange is where a translation may go (linux struct nf_nat_range2).
type natRange struct {
	addrs, ports bool
	min, max     wire.Addr
	low, high    uint16
}

// setupNAT binds both ends of a new flow, destination first; an end without a
// wish gets the null binding (linux ctnetlink_setup_nat).
func (k *Kernel) setupNAT(f *flow, a *attrs) error {
	if !a.has(wire.AttrNATSrc) && !a.has(wire.AttrNATDst) {
		return nil
	}
	for _, src := range []bool{false, true} {
		b := a[wire.AttrNATDst]
		if src {
			b = a[wire.AttrNATSrc]
		}
		r, err := readNAT(b, f.e.Orig.Family)
		if err != nil {
			return err
		}
		if !k.bind(f, r, src) {
			return syscall.ENOMEM
		}
	}
	return nil
}

func readNAT(b []byte, family uint8) (r natRange, err error) {
	a, err := nest(b, map[int]policy{natV4Min: {min: 4}, natV4Max: {min: 4}, natV6Min: {min: 16},
		natV6Max: {min: 16}, natProto: {nest: true}})
	if err != nil {
		return r, err
	}
	low, high, size := natV4Min, natV4Max, 4
	if family == wire.FamilyIPv6 {
		low, high, size = natV6Min, natV6Max, 16
	}
	if a.has(low) {
		r.addrs = true
		if size == 4 {
			r.min = wire.Addr{10: 0xff, 11: 0xff}
		}
		copy(r.min[16-size:], a[low][:size])
		r.max = r.min
		if a.has(high) {
			copy(r.max[16-size:], a[high][:size])
		}
	}
	p, err := nest(a[natProto], map[int]policy{natPortMin: {min: 2}, natPortMax: {min: 2}})
	if err != nil {
		return r, err
	}
	if p.has(natPortMin) {
		r.ports, r.low, r.high = true, p.u16(natPortMin), p.u16(natPortMin)
	}
	if p.has(natPortMax) {
		r.ports, r.high = true, p.u16(natPortMax)
		if !p.has(natPortMin) {
			r.low = r.high
		}
	}
	return r, nil
}

// bind rewrites one end of the packets in the original direction, which shows
// in the reply tuple. It is false where no port is free.
func (k *Kernel) bind(f *flow, r natRange, src bool) bool {
	now := invert(f.e.Reply)
	t := now
	addr, port := &t.Dst, &t.DstPort
	bit, done := wire.StatusDstNAT, wire.StatusDstNATDone
	if src {
		addr, port = &t.Src, &t.SrcPort
		bit, done = wire.StatusSrcNAT, wire.StatusSrcNATDone
	}
	if r.addrs {
		*addr = r.pick(&now)
	}
	free := func() bool {
		other, _ := k.table.find(f.zone, invert(t))
		return other == nil || other.expired(k.now)
	}
	in := !r.ports || *port >= r.low && *port <= r.high
	if !in || !free() {
		low, high := int(r.low), int(r.high)
		if !r.ports {
			low, high = portClass(*port, src)
		}
		found := false
		for p := low; p <= high && !found; p++ {
			*port = uint16(p)
			found = free()
		}
		if !found && !r.ports {
			return false
		}
	}
	if t != now {
		f.e.Reply = invert(t)
		f.e.Status |= bit
	}
	f.e.Status |= done
	return true
}

// portClass is where a port that is taken may move to: sources stay in their
// class (linux nf_nat_l4proto_unique_tuple), destinations stay as they are.
func portClass(port uint16, src bool) (low, high int) {
	switch {
	case !src:
		return int(port), int(port)
	case port < 512:
		return 1, 511
	case port < 1024:
		return 600, 1023
	}
	return 1024, 65535
}

// pick chooses an address of the range by a hash of the flow's ends.
func (r *natRange) pick(t *wire.Tuple) wire.Addr {
	low, high := new(big.Int).SetBytes(r.min[:]), new(big.Int).SetBytes(r.max[:])
	n := new(big.Int).Sub(high, low)
	if n.Sign() <= 0 {
		return r.min
	}
	ends := wire.Tuple{Src: t.Src, Dst: t.Dst}
	h := binary.BigEndian.AppendUint32(nil, hash(&ends, 7))
	step := new(big.Int).Mod(new(big.Int).SetBytes(h), n.Add(n, big.NewInt(1)))
	var a wire.Addr
	step.Add(step, low).FillBytes(a[:])
	return a
}
