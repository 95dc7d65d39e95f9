package conformance

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// newFlow is a message that creates a flow.
func newFlow(t wire.Tuple, flags uint16) message {
	m := ct(wire.MsgNew, wire.FlagCreate|wire.FlagExcl, t.Family, tuple(wire.AttrTupleOrig, t), tuple(wire.AttrTupleReply, back(t)), attr32(wire.AttrTimeout, 100))
	m.flags = m.flags&^wire.FlagAck | flags
	return m
}

// dumpTests are about dumps.
var dumpTests = []test{
	{"many datagrams", func(h *harness) {
		const n = 700
		b, err := h.w.Kernel.Batch(h.ctx, conntrack.BatchOptions{})
		if err != nil {
			h.t.Fatal(err)
		}
		for i := range uint16(n) {
			if err := b.Add(entry(udp(1000+i, 53))); err != nil {
				h.t.Fatal(err)
			}
		}
		res, err := b.Close()
		if err != nil || res.Applied != n {
			h.t.Fatalf("batch: %+v %v", res, err)
		}
		ports := h.ports()
		h.equal("flows", len(ports), n)
		h.equal("different flows", len(slices.Compact(ports)), n)
		for _, part := range []conntrack.Partition{conntrack.PartitionFamily, conntrack.PartitionAssured} {
			count := 0
			if _, err := h.w.Kernel.Dump(h.ctx, &wire.Dump{}, conntrack.DumpOptions{Partition: part}, func(*wire.View) error {
				count++
				return nil
			}); err != nil {
				h.t.Fatal(err)
			}
			h.equal(fmt.Sprintf("flows by partition %d", part), count, n)
		}
	}},
	{"one at a time on a socket", func(h *harness) {
		for i := range uint16(100) {
			h.do(entry(udp(1000+i, 53)))
		}
		r := h.raw()
		dump := ct(wire.MsgGet, wire.FlagDump, 0)
		r.send(join(dump.bytes(1), dump.bytes(2)))
		var refused, done bool
		if _, err := r.receive(func(a answer) bool {
			refused = refused || a.Type == wire.TypeError && a.Seq == 2 && a.errno == syscall.EBUSY
			done = done || a.Type == wire.TypeDone && a.Seq == 1
			return refused && done
		}); err != nil {
			h.t.Fatal(err)
		}
		h.equal("flows by the next dump", len(r.ask(ct(wire.MsgGet, wire.FlagDump, 0))), 101)
	}},
	{"the end is a message of its own", func(h *harness) {
		h.create(tcp(1, 80))
		list := h.raw().ask(ct(wire.MsgGet, wire.FlagDump, 0))
		h.equal("messages", len(list), 2)
		h.equal("flags of the flow", list[0].Flags, uint16(wire.FlagMulti))
		h.equal("type of the end", list[1].Type, uint16(wire.TypeDone))
		h.equal("flags of the end", list[1].Flags&wire.FlagMulti, uint16(wire.FlagMulti))
	}},
	{"stopped by the caller", func(h *harness) {
		for i := range uint16(300) {
			h.do(entry(udp(1000+i, 53)))
		}
		seen := 0
		_, err := h.w.Kernel.Dump(h.ctx, &wire.Dump{}, conntrack.DumpOptions{}, func(*wire.View) error {
			seen++
			return conntrack.ErrStop
		})
		h.equal("flows seen", seen, 1)
		if err != nil {
			h.t.Error(err)
		}
		h.equal("flows by the next dump", len(h.ports()), 300)
	}},
}

// sendTests are about several messages in one send.
var sendTests = []test{
	{"in order, each for itself", func(h *harness) {
		h.create(tcp(3, 80))
		r := h.raw()
		bad := newFlow(tcp(4, 80), wire.FlagAck)
		bad.attrs = bad.attrs[:len(bad.attrs)-8] // no timeout
		r.send(join(newFlow(tcp(1, 80), wire.FlagAck).bytes(1), newFlow(tcp(2, 80), wire.FlagAck).bytes(2),
			newFlow(tcp(3, 80), wire.FlagAck).bytes(3), bad.bytes(4), newFlow(tcp(5, 80), wire.FlagAck).bytes(5)))
		list, err := r.receive(func(a answer) bool { return a.Seq == 5 })
		if err != nil {
			h.t.Fatal(err)
		}
		want := []syscall.Errno{0, 0, syscall.EEXIST, syscall.EINVAL, 0}
		for i, a := range list {
			if int(a.Seq) != i+1 || a.errno != want[i] {
				h.t.Errorf("answer %d is to %d: %s, want %s", i+1, a.Seq, name(a.errno), name(want[i]))
			}
		}
		h.wantPorts(h.ports(), "flows", 1, 2, 3, 5)
	}},
	{"without ACK only errors answer", func(h *harness) {
		r := h.raw()
		r.send(join(newFlow(tcp(1, 80), 0).bytes(1), newFlow(tcp(1, 80), 0).bytes(2), newFlow(tcp(2, 80), wire.FlagAck).bytes(3)))
		list, err := r.receive(func(a answer) bool { return a.Seq == 3 })
		if err != nil {
			h.t.Fatal(err)
		}
		h.equal("answers", len(list), 2)
		h.equal("first answer is to", list[0].Seq, uint32(2))
		h.equal("its verdict", list[0].errno, syscall.EEXIST)
	}},
	{"an acknowledgement is capped", func(h *harness) {
		list := h.raw().ask(newFlow(tcp(1, 80), wire.FlagAck))
		h.equal("flags", list[0].Flags, uint16(wire.FlagCapped))
		h.equal("length", list[0].Len, uint32(16+20))
	}},
	{"without REQUEST nothing is done", func(h *harness) {
		m := newFlow(tcp(1, 80), wire.FlagAck)
		m.flags &^= wire.FlagRequest
		h.raw().want(0, m, "create")
		h.gone(tcp(1, 80))
	}},
	{"a wrong length drops the rest", func(h *harness) {
		for _, length := range []uint32{15, 1 << 20} {
			h.do(&wire.Flush{All: true})
			bad := newFlow(tcp(2, 80), wire.FlagAck).bytes(2)
			binary.NativeEndian.PutUint32(bad, length)
			r := h.raw()
			r.send(join(newFlow(tcp(1, 80), wire.FlagAck).bytes(1), bad, newFlow(tcp(3, 80), wire.FlagAck).bytes(3)))
			list, err := r.receive(nil)
			if err != nil {
				h.t.Fatal(err)
			}
			h.equal("answers", len(list), 1)
			h.wantPorts(h.ports(), "flows", 1)
		}
	}},
	{"a header without family is nothing", func(h *harness) {
		b := ct(wire.MsgDelete, 0, 2).bytes(9)[:16]
		binary.NativeEndian.PutUint32(b, 16)
		h.create(tcp(1, 80))
		r := h.raw()
		r.send(b)
		list, err := r.receive(func(answer) bool { return true })
		if err != nil || list[0].errno != 0 {
			h.t.Fatalf("%v %v", list, err)
		}
		h.get(tcp(1, 80))
	}},
	{"256 acknowledgements fit the receive buffer", func(h *harness) {
		r := h.raw()
		var b []byte
		for i := range uint16(400) {
			b = append(b, newFlow(udp(1000+i, 53), wire.FlagAck).bytes(uint32(i))...)
		}
		r.send(b)
		list, err := r.receive(nil)
		if !errors.Is(err, syscall.ENOBUFS) {
			h.t.Errorf("first receive: %v, want ENOBUFS", err)
		}
		list, err = r.receive(nil)
		h.equal("acknowledgements", len(list), 256)
		if err != nil {
			h.t.Error(err)
		}
		h.equal("flows", len(h.ports()), 400)
	}},
	{"a datagram has a longest size", func(h *harness) {
		err := h.raw().s.Send(make([]byte, 300_000))
		if !errors.Is(err, syscall.EMSGSIZE) {
			h.t.Errorf("300 kB: %v, want EMSGSIZE", err)
		}
	}},
	{"a dump between other messages", func(h *harness) {
		r := h.raw()
		r.send(join(newFlow(tcp(1, 80), wire.FlagAck).bytes(1), ct(wire.MsgGet, wire.FlagDump, 0).bytes(2), newFlow(tcp(2, 80), wire.FlagAck).bytes(3)))
		var seqs []uint32
		if _, err := r.receive(func(a answer) bool {
			if a.Type == wire.TypeError || a.Type == wire.TypeDone {
				seqs = append(seqs, a.Seq)
			}
			return len(seqs) == 3
		}); err != nil {
			h.t.Fatal(err)
		}
		slices.Sort(seqs)
		if !slices.Equal(seqs, []uint32{1, 2, 3}) {
			h.t.Errorf("verdicts on %v", seqs)
		}
	}},
	{"a batch counts", func(h *harness) {
		b, err := h.w.Kernel.Batch(h.ctx, conntrack.BatchOptions{Size: 10})
		if err != nil {
			h.t.Fatal(err)
		}
		for i := range uint16(25) {
			if err := b.Add(entry(udp(1000+i%20, 53))); err != nil {
				h.t.Fatal(err)
			}
		}
		for i := range uint16(30) {
			if err := b.Add(mustDelete(h, wire.Key{Tuple: udp(1000+i, 53)})); err != nil {
				h.t.Fatal(err)
			}
		}
		res, err := b.Close()
		if err != nil {
			h.t.Fatal(err)
		}
		h.equal("sent", res.Sent, 55)
		h.equal("applied", res.Applied, 40)
		h.equal("exists", res.Exists, 5)
		h.equal("gone", res.Gone, 10)
	}},
}

// policyTests are about timeout policies.
var policyTests = []test{
	{"life", func(h *harness) {
		p := policyOf(h, "conf-a", wire.ProtoTCP, "established", 77)
		h.do(&wire.TimeoutAdd{Timeout: p})
		list, err := h.w.Kernel.Timeouts(h.ctx)
		if err != nil || len(list) != 1 {
			h.t.Fatalf("%v %v", list, err)
		}
		h.equal("name", list[0].Name, "conf-a")
		h.equal("protocol", list[0].Proto, uint8(wire.ProtoTCP))
		h.seconds(&list[0], "established", 77)
		h.seconds(&list[0], "syn_sent", 120)
		h.seconds(&list[0], "unacknowledged", 300)
		h.equal("use", list[0].Use, uint32(1))
		h.refuse(syscall.EEXIST, &wire.TimeoutAdd{Timeout: p})
		h.raw().want(syscall.EBUSY, message{wire.SubsysTimeout, wire.MsgTimeoutNew, wire.FlagRequest | wire.FlagAck, 0, 0,
			join(attrText(1, "conf-a"), attr16(2, 2), attr(3, wire.ProtoTCP), nest(4))}, "neither EXCL nor REPLACE")
		q := policyOf(h, "conf-a", wire.ProtoTCP, "close", 5)
		h.do(&wire.TimeoutAdd{Timeout: q, Replace: true})
		got := h.policy(wire.TimeoutGet{Name: "conf-a"})
		h.seconds(&got, "close", 5)
		h.seconds(&got, "established", 432000)
		h.refuse(syscall.EINVAL, &wire.TimeoutAdd{Timeout: policyOf(h, "conf-a", wire.ProtoUDP, "replied", 5), Replace: true})
		h.do(wire.TimeoutDelete{Name: "conf-a"})
		h.refuse(syscall.ENOENT, wire.TimeoutDelete{Name: "conf-a"})
		var none wire.Timeout
		found, err := h.w.Kernel.GetTimeout(h.ctx, wire.TimeoutGet{Name: "conf-a"}, &none)
		if found || err != nil {
			h.t.Errorf("get after the delete: %v %v", found, err)
		}
	}},
	{"every protocol", func(h *harness) {
		for _, proto := range []uint8{wire.ProtoTCP, wire.ProtoUDP, wire.ProtoUDPLite, wire.ProtoICMP, wire.ProtoICMPv6,
			wire.ProtoSCTP, wire.ProtoGRE, 255} {
			states := wire.TimeoutStates(proto)
			p := policyOf(h, fmt.Sprintf("p%d", proto), proto, states[0], 9)
			h.do(&wire.TimeoutAdd{Timeout: p})
			got := h.policy(wire.TimeoutGet{Name: p.Name})
			for i, state := range states {
				if sec, ok := got.Get(state); !ok || i == 0 && sec != 9 {
					h.t.Errorf("%s %s is %d %v", wire.ProtoName(proto), state, sec, ok)
				}
			}
			def := h.policy(wire.TimeoutDefaultGet{Family: 2, Proto: proto})
			for _, state := range states[1:] {
				a, _ := def.Get(state)
				b, _ := got.Get(state)
				h.equal("default of "+wire.ProtoName(proto)+" "+state, b, a)
			}
		}
		h.raw().want(syscall.EOPNOTSUPP, message{wire.SubsysTimeout, wire.MsgTimeoutNew, wire.FlagRequest | wire.FlagAck, 0, 0,
			join(attrText(1, "dccp"), attr16(2, 2), attr(3, wire.ProtoDCCP), nest(4))}, "dccp")
		h.do(wire.TimeoutFlush{})
		list, err := h.w.Kernel.Timeouts(h.ctx)
		if err != nil || len(list) != 0 {
			h.t.Errorf("after a flush: %v %v", list, err)
		}
	}},
	{"defaults", func(h *harness) {
		p := policyOf(h, "", wire.ProtoUDP, "unreplied", 33)
		if err := p.Set("replied", 99); err != nil {
			h.t.Fatal(err)
		}
		h.do(&wire.TimeoutDefaultSet{Timeout: p})
		got := h.policy(wire.TimeoutDefaultGet{Family: 2, Proto: wire.ProtoUDP})
		h.seconds(&got, "unreplied", 33)
		h.seconds(&got, "replied", 99)
		h.do(&wire.TimeoutAdd{Timeout: policyOf(h, "u", wire.ProtoUDP, "unreplied", 5)})
		got = h.policy(wire.TimeoutGet{Name: "u"})
		h.seconds(&got, "replied", 99)
	}},
	{"in use", func(h *harness) {
		if h.w.AttachPolicy == nil {
			h.t.Skip("no way to attach a policy here (needs iptables with the CT target)")
		}
		h.do(&wire.TimeoutAdd{Timeout: policyOf(h, "used", wire.ProtoTCP, "close", 5)})
		h.w.AttachPolicy("used")
		if use := h.policy(wire.TimeoutGet{Name: "used"}).Use; use < 2 {
			h.t.Errorf("use is %d", use)
		}
		h.refuse(syscall.EBUSY, wire.TimeoutDelete{Name: "used"})
		h.do(wire.TimeoutFlush{})
		h.policy(wire.TimeoutGet{Name: "used"})
	}},
	{"what a policy needs", func(h *harness) {
		r := h.raw()
		msg := func(typ uint8, attrs ...[]byte) message {
			return message{wire.SubsysTimeout, typ, wire.FlagRequest | wire.FlagAck, 0, 0, join(attrs...)}
		}
		n, l3, l4, data := attrText(1, "x"), attr16(2, 2), attr(3, wire.ProtoTCP), nest(4)
		r.want(syscall.EINVAL, msg(wire.MsgTimeoutNew, l3, l4, data), "no name")
		r.want(syscall.EINVAL, msg(wire.MsgTimeoutNew, n, l4, data), "no family")
		r.want(syscall.EINVAL, msg(wire.MsgTimeoutNew, n, l3, data), "no protocol")
		r.want(syscall.EINVAL, msg(wire.MsgTimeoutNew, n, l3, l4), "no data")
		r.want(0, msg(wire.MsgTimeoutNew, n, l3, l4, data), "empty data")
		r.want(syscall.EINVAL, msg(wire.MsgTimeoutGet), "get without name")
		r.want(syscall.EINVAL, msg(wire.MsgTimeoutNew, attrText(1, "a name that is longer than 31 bytes"), l3, l4, data), "long name")
		r.want(syscall.EINVAL, msg(wire.MsgTimeoutNew, attr(1, 'x'), l3, l4, data), "name without NUL")
	}},
}

func policyOf(h *harness, name string, proto uint8, state string, seconds uint32) wire.Timeout {
	h.t.Helper()
	p := wire.Timeout{Name: name, Family: wire.FamilyIPv4, Proto: proto}
	if proto == wire.ProtoICMPv6 {
		p.Family = wire.FamilyIPv6
	}
	if err := p.Set(state, seconds); err != nil {
		h.t.Fatal(err)
	}
	return p
}

func (h *harness) policy(req wire.Request) (p wire.Timeout) {
	h.t.Helper()
	found, err := h.w.Kernel.GetTimeout(h.ctx, req, &p)
	if err != nil || !found {
		h.t.Fatalf("%s: %v %v", req.Op(), found, err)
	}
	return p
}

func (h *harness) seconds(p *wire.Timeout, state string, want uint32) {
	h.t.Helper()
	got, ok := p.Get(state)
	if !ok || got != want {
		h.t.Errorf("%s is %d (%v), want %d", state, got, ok, want)
	}
}

// packetTests are about packets, which everything else does without.
var packetTests = []test{
	{"udp", func(h *harness) {
		h.w.Sysctl("nf_conntrack_acct", "1")
		h.w.Sysctl("nf_conntrack_timestamp", "1")
		t := h.w.UDP(false)
		e := h.get(t)
		h.equal("status", e.Status, wire.StatusConfirmed)
		h.equal("packets", e.Counter[0].Packets, uint64(1))
		h.equal("answers", e.Counter[1].Packets, uint64(0))
		if e.Counter[0].Bytes < 28 || e.Timeout > 30 {
			h.t.Errorf("bytes %d, timeout %d", e.Counter[0].Bytes, e.Timeout)
		}
		h.equal("has a start", e.Has(wire.HasStart), true)
		h.equal("has a syn proxy", e.Has(wire.HasSynProxy), false)
		t = h.w.UDP(true)
		e = h.get(t)
		h.equal("status", e.Status, wire.StatusConfirmed|wire.StatusSeenReply)
		h.equal("answers", e.Counter[1].Packets, uint64(1))
	}},
	{"taking the counters", func(h *harness) {
		h.w.Sysctl("nf_conntrack_acct", "1")
		t := h.w.UDP(true)
		e := &wire.Entry{}
		for i, want := range []uint64{1, 0} {
			if ok, err := h.w.Kernel.Get(h.ctx, wire.Get{Key: wire.Key{Tuple: t}, Zero: true}, e); err != nil || !ok {
				h.t.Fatal(ok, err)
			}
			h.equal(fmt.Sprintf("packets, reading %d", i+1), e.Counter[0].Packets, want)
		}
		t = h.w.UDP(true)
		h.dump(&wire.Dump{Zero: true})
		h.equal("packets after a dump", h.get(t).Counter[1], wire.Counters{})
	}},
	{"tcp", func(h *harness) {
		h.w.Sysctl("nf_conntrack_events", "1")
		ear := h.listen(conntrack.EventOptions{})
		t := h.w.TCP()
		e := h.get(t)
		h.equal("state", wire.StateName(wire.ProtoTCP, e.State), "TIME_WAIT")
		h.equal("status", e.Status, wire.StatusConfirmed|wire.StatusSeenReply|wire.StatusAssured)
		ear.until(func(ev *event) bool { return ev.entry.State == 7 })
		first := ear.events[0]
		h.equal("first event", first.kind, conntrack.EventNew)
		h.equal("its state", wire.StateName(wire.ProtoTCP, first.entry.State), "SYN_SENT")
		h.equal("its port", first.portID, uint32(0))
		assured := false
		for _, ev := range ear.events[1:] {
			h.equal("later event", ev.kind, conntrack.EventUpdate)
			h.equal("has counters", ev.entry.Has(wire.HasCounters), false)
			assured = assured || ev.entry.Status&wire.StatusAssured != 0 && wire.StateName(wire.ProtoTCP, ev.entry.State) == "ESTABLISHED"
		}
		h.equal("an event is ESTABLISHED and ASSURED", assured, true)
	}},
	{"a stream", func(h *harness) {
		t := h.w.UDP(true)
		h.w.Pass(2100 * time.Millisecond)
		if again := h.w.UDP(true); again != t {
			h.t.Skip("the second exchange took other ports")
		}
		e := h.get(t)
		h.equal("status", e.Status, wire.StatusConfirmed|wire.StatusSeenReply|wire.StatusAssured)
		if e.Timeout < 100 {
			h.t.Errorf("timeout is %d, want 120", e.Timeout)
		}
	}},
}
