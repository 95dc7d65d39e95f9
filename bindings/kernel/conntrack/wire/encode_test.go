package wire

import "encoding/binary"

// What the kernel says of these is never written by the product; the tests
// write it to read it back.

// appendExpect appends the message that ParseExpect reads, in the kernel's
// order (linux ctnetlink_exp_dump_expect).
func appendExpect(b []byte, e *Expect, h Header) []byte {
	w := newBuilder(b, SubsysExpect, h.Msg(), h.Seq, 0, e.Tuple.Family)
	w.reply(h)
	w.tuple(attrExpTuple, &e.Tuple, false)
	w.tuple(attrExpMask, &e.Mask, false)
	w.tuple(attrExpMaster, &e.Master, false)
	w.expectNAT(e)
	if e.HasTimeout {
		w.uint32(attrExpTimeout, e.Timeout)
	}
	if e.HasID {
		w.uint32(attrExpID, e.ID)
	}
	if e.Tuple.Zone != 0 {
		w.uint16(attrExpZone, e.Tuple.Zone)
	}
	w.uint32(attrExpFlags, uint32(e.Flags))
	w.uint32(attrExpClass, e.Class)
	if e.Helper != "" {
		w.string(attrExpHelper, e.Helper)
	}
	if e.Fn != "" {
		w.string(attrExpFn, e.Fn)
	}
	return w.finish()
}

// appendCPUStats appends the message that ParseCPUStats reads.
func appendCPUStats(b []byte, c *CPUStats, h Header) []byte {
	w := newBuilder(b, SubsysConntrack, MsgGetStatsCPU, h.Seq, 0, FamilyUnspec)
	w.reply(h)
	w.resID(uint16(c.CPU))
	for s := StatSearched; s < statCount; s++ {
		if v, ok := c.Get(s); ok {
			w.uint32(int(s), v)
		}
	}
	return w.finish()
}

// appendTotals appends the message that ParseTotals reads.
func appendTotals(b []byte, t Totals, h Header) []byte {
	w := newBuilder(b, SubsysConntrack, MsgGetStats, h.Seq, 0, FamilyUnspec)
	w.reply(h)
	w.uint32(attrStatsEntries, t.Entries)
	if t.HasMax {
		w.uint32(attrStatsMax, t.Max)
	}
	return w.finish()
}

// appendExpectCPUStats appends the message that ParseExpectCPUStats reads.
func appendExpectCPUStats(b []byte, c ExpectCPUStats, h Header) []byte {
	w := newBuilder(b, SubsysExpect, MsgExpGetStatsCPU, h.Seq, 0, FamilyUnspec)
	w.reply(h)
	w.resID(uint16(c.CPU))
	w.uint32(1, c.New)
	w.uint32(2, c.Create)
	w.uint32(3, c.Delete)
	return w.finish()
}

// appendTimeout appends the message that ParseTimeout reads.
func appendTimeout(b []byte, t *Timeout, h Header) []byte {
	w := newBuilder(b, SubsysTimeout, h.Msg(), h.Seq, 0, FamilyUnspec)
	w.reply(h)
	if t.Name != "" {
		w.string(attrTimeoutName, t.Name)
	}
	w.timeout(t)
	w.uint32(attrTimeoutUse, t.Use)
	return w.finish()
}

// reply makes the message one of the kernel: flags and port as in h, and no
// NLM_F_REQUEST.
func (w *builder) reply(h Header) {
	binary.NativeEndian.PutUint16(w.b[w.start+6:], h.Flags)
	binary.NativeEndian.PutUint32(w.b[w.start+12:], h.PortID)
}

// resID sets nfgenmsg.res_id.
func (w *builder) resID(v uint16) { binary.BigEndian.PutUint16(w.b[w.start+18:], v) }
