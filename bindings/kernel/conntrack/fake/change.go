package fake

import (
	"encoding/binary"
	"syscall"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// change applies an update step by step: what was done before a step that is
// refused stays done (linux ctnetlink_change_conntrack).
func (k *Kernel) change(f *flow, a *attrs) error {
	if a.has(wire.AttrNATSrc) || a.has(wire.AttrNATDst) || a.has(wire.AttrTupleMaster) {
		return syscall.EOPNOTSUPP
	}
	if err := k.changeHelper(f, a); err != nil {
		return err
	}
	if a.has(wire.AttrTimeout) {
		if f.e.Status&wire.StatusFixedTimeout != 0 {
			return syscall.EPERM
		}
		f.setTimeout(a.u32(wire.AttrTimeout), k.now)
	}
	for _, step := range []func(*attrs) error{f.writeStatus, f.writeProtoInfo} {
		if err := step(a); err != nil {
			return err
		}
	}
	f.writeMark(a)
	for _, step := range []func(*attrs) error{f.writeSeqAdj, f.writeSynProxy, f.writeLabels} {
		if err := step(a); err != nil {
			return err
		}
	}
	return nil
}

// readHelp reads the name out of CTA_HELP.
func readHelp(b []byte) (string, error) {
	a, err := nest(b, map[int]policy{helpName: {text: true, max: 15}})
	if err != nil {
		return "", err
	}
	if !a.has(helpName) {
		return "", syscall.EINVAL
	}
	return a.text(helpName), nil
}

// changeHelper removes the helper with its expectations, or confirms it: it
// cannot be exchanged, nor given to a flow that was born without.
func (k *Kernel) changeHelper(f *flow, a *attrs) error {
	if !a.has(wire.AttrHelp) {
		return nil
	}
	name, err := readHelp(a[wire.AttrHelp])
	if err != nil {
		return err
	}
	switch {
	case f.master != nil:
		if f.helper != nil && f.helper.name == name {
			return nil
		}
		return syscall.EBUSY
	case name == "":
		if f.helper != nil {
			k.dropExpects(f)
			f.helper = nil
		}
		return nil
	}
	h := findHelper(name, f.e.Orig.Family, f.e.Orig.Proto)
	switch {
	case h == nil, !f.ext.help:
		return syscall.EOPNOTSUPP
	case f.helper != h:
		return syscall.EBUSY
	}
	return nil
}

// Bits that no request changes (linux IPS_UNCHANGEABLE_MASK).
const unchangeable = wire.StatusSrcNAT | wire.StatusDstNAT | wire.StatusSrcNATDone | wire.StatusDstNATDone |
	wire.StatusExpected | wire.StatusConfirmed | wire.StatusDying | wire.StatusSeqAdjust |
	wire.StatusTemplate | wire.StatusNATClash | wire.StatusOffload | wire.StatusHWOffload

// writeStatus sets the status bits that may be set. The whole word is
// compared with what is there.
func (f *flow) writeStatus(a *attrs) error {
	if !a.has(wire.AttrStatus) {
		return nil
	}
	status := wire.Status(a.u32(wire.AttrStatus))
	differ := status ^ f.e.Status
	if differ&(wire.StatusExpected|wire.StatusConfirmed|wire.StatusDying) != 0 ||
		differ&(wire.StatusSeenReply|wire.StatusAssured)&^status != 0 {
		return syscall.EBUSY
	}
	f.e.Status |= status & (1<<16 - 1) &^ unchangeable
	return nil
}

// writeMark computes (old & ^mask) ^ mark.
func (f *flow) writeMark(a *attrs) {
	if !a.has(wire.AttrMark) {
		return
	}
	mask := ^uint32(0)
	if a.has(wire.AttrMarkMask) {
		mask = a.u32(wire.AttrMarkMask)
	}
	f.e.Mark = f.e.Mark&^mask ^ a.u32(wire.AttrMark)
}

// writeLabels computes (old & ^mask) ^ labels, and clears the words that were
// not given.
func (f *flow) writeLabels(a *attrs) error {
	if !a.has(wire.AttrLabels) {
		return nil
	}
	data, mask := a[wire.AttrLabels], a[wire.AttrLabelsMask]
	switch {
	case len(data)%4 != 0, mask != nil && (len(mask) == 0 || len(mask) != len(data)):
		return syscall.EINVAL
	case !f.ext.labels:
		return syscall.ENOSPC
	}
	var given, cleared [16]byte
	for i := range cleared {
		cleared[i] = 0xff
	}
	copy(given[:], data)
	copy(cleared[:], mask)
	for i := range f.e.Labels {
		f.e.Labels[i] = f.e.Labels[i]&^binary.NativeEndian.Uint64(cleared[8*i:]) ^
			binary.NativeEndian.Uint64(given[8*i:])
	}
	return nil
}

// words32 reads big-endian words of a nest, all of which must be there.
func words32(b []byte, types ...int) ([]uint32, error) {
	rules := map[int]policy{}
	for _, t := range types {
		rules[t] = policy{min: 4}
	}
	a, err := nest(b, rules)
	if err != nil {
		return nil, err
	}
	words := make([]uint32, len(types))
	for i, t := range types {
		if !a.has(t) {
			return nil, syscall.EINVAL
		}
		words[i] = a.u32(t)
	}
	return words, nil
}

func (f *flow) writeSeqAdj(a *attrs) error {
	if !f.ext.seqAdj {
		return nil
	}
	for dir := range f.e.SeqAdj {
		b := a[wire.AttrSeqAdjOrig+dir]
		if b == nil {
			continue
		}
		w, err := words32(b, adjCorrection, adjBefore, adjAfter)
		if err != nil {
			return err
		}
		f.e.SeqAdj[dir] = wire.SeqAdj{Correction: w[0], Before: w[1], After: w[2]}
		f.e.Status |= wire.StatusSeqAdjust
	}
	return nil
}

func (f *flow) writeSynProxy(a *attrs) error {
	if !a.has(wire.AttrSynProxy) || !f.ext.synProxy {
		return nil
	}
	w, err := words32(a[wire.AttrSynProxy], synISN, synITS, synTSOff)
	if err != nil {
		return err
	}
	f.e.SynProxy = wire.SynProxy{ISN: w[0], ITS: w[1], TSOff: w[2]}
	return nil
}

// writeProtoInfo sets the state and details of the flow's own protocol; the
// nest of another one is ignored.
func (f *flow) writeProtoInfo(a *attrs) error {
	if !a.has(wire.AttrProtoInfo) {
		return nil
	}
	in, err := nest(a[wire.AttrProtoInfo], map[int]policy{infoTCP: {nest: true}, infoSCTP: {nest: true}})
	switch {
	case err != nil:
		return err
	case f.e.Orig.Proto == wire.ProtoTCP && in.has(infoTCP):
		return f.writeTCP(in[infoTCP])
	case f.e.Orig.Proto == wire.ProtoSCTP && in.has(infoSCTP):
		return f.writeSCTP(in[infoSCTP])
	}
	return nil
}

func (f *flow) writeTCP(b []byte) error {
	in, err := nest(b, map[int]policy{tcpState: {min: 1}, tcpScaleOrig: {min: 1}, tcpScaleReply: {min: 1},
		tcpFlagsOrig: {min: 2}, tcpFlagsReply: {min: 2}})
	switch {
	case err != nil:
		return err
	case in.has(tcpState) && in.u8(tcpState) > 9:
		return syscall.ERANGE
	}
	if in.has(tcpState) {
		f.e.State = in.u8(tcpState)
	}
	info := f.e.TCP()
	for dir, typ := range []int{tcpFlagsOrig, tcpFlagsReply} {
		if p := in[typ]; p != nil {
			mask := wire.TCPFlags(p[1])
			info.Flags[dir] = info.Flags[dir]&^mask | wire.TCPFlags(p[0])&mask
		}
	}
	if in.has(tcpScaleOrig) && in.has(tcpScaleReply) && info.Flags[0]&info.Flags[1]&wire.TCPWindowScale != 0 {
		info.WScale = [2]uint8{in.u8(tcpScaleOrig), in.u8(tcpScaleReply)}
	}
	f.e.SetTCP(info)
	return nil
}

func (f *flow) writeSCTP(b []byte) error {
	in, err := nest(b, map[int]policy{sctpState: {min: 1}, sctpTagOrig: {min: 4}, sctpTagReply: {min: 4}})
	switch {
	case err != nil:
		return err
	case !in.has(sctpState), !in.has(sctpTagOrig), !in.has(sctpTagReply):
		return syscall.EINVAL
	}
	f.e.State = in.u8(sctpState)
	f.e.SetVTags([2]uint32{in.u32(sctpTagOrig), in.u32(sctpTagReply)})
	return nil
}
