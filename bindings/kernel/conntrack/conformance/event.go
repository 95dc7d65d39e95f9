package conformance

import (
	"errors"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// event is a copy of one that was received.
type event struct {
	kind   conntrack.EventKind
	portID uint32
	seq    uint32
	entry  wire.Entry
	expect wire.Expect
	has    map[int]bool // attributes
	lost   uint64
}

// ear collects events.
type ear struct {
	h      *harness
	l      *conntrack.Listener
	mu     sync.Mutex
	got    chan struct{}
	queue  []*event
	events []*event // those that were waited for
}

// listen opens a listener and collects.
func (h *harness) listen(opt conntrack.EventOptions) *ear {
	h.t.Helper()
	e := h.deaf(opt)
	e.start()
	return e
}

// deaf opens a listener that does not read yet.
func (h *harness) deaf(opt conntrack.EventOptions) *ear {
	h.t.Helper()
	l, err := h.w.Kernel.Listen(h.ctx, opt)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = l.Close() })
	return &ear{h: h, l: l, got: make(chan struct{}, 1)}
}

func (e *ear) start() {
	h := e.h
	done := make(chan error, 1)
	go func() { done <- e.l.Run(h.ctx, e.take) }()
	h.t.Cleanup(func() {
		_ = e.l.Close()
		if err := <-done; err != nil && !errors.Is(err, os.ErrClosed) && h.ctx.Err() == nil {
			h.t.Errorf("listener: %v", err)
		}
	})
}

func (e *ear) take(in *conntrack.Event) error {
	ev := &event{kind: in.Kind, portID: in.PortID, lost: in.Lost, has: map[int]bool{}}
	if in.View != nil {
		in.View.Entry(&ev.entry)
		ev.seq = in.View.Header().Seq
		for typ := range 28 {
			ev.has[typ] = in.View.Has(typ)
		}
	}
	if in.Expect != nil {
		ev.expect = *in.Expect
	}
	e.mu.Lock()
	e.queue = append(e.queue, ev)
	e.mu.Unlock()
	select {
	case e.got <- struct{}{}:
	default:
	}
	return nil
}

// next waits for one event.
func (e *ear) next() *event {
	e.h.t.Helper()
	limit := time.After(10 * time.Second)
	for {
		e.mu.Lock()
		if len(e.queue) > 0 {
			ev := e.queue[0]
			e.queue = e.queue[1:]
			e.mu.Unlock()
			e.events = append(e.events, ev)
			return ev
		}
		e.mu.Unlock()
		select {
		case <-e.got:
		case <-limit:
			e.h.t.Fatal("no event came")
		}
	}
}

// until waits for an event.
func (e *ear) until(is func(*event) bool) *event {
	e.h.t.Helper()
	for {
		if ev := e.next(); is(ev) {
			return ev
		}
	}
}

// want waits for an event of a kind.
func (e *ear) want(kind conntrack.EventKind) *event {
	e.h.t.Helper()
	ev := e.next()
	e.h.equal("event", ev.kind, kind)
	return ev
}

// carries fails the test unless the event has exactly these attributes beside
// the tuples, id and status.
func (e *ear) carries(what string, ev *event, attrs ...int) {
	e.h.t.Helper()
	want := map[int]bool{wire.AttrTupleOrig: true, wire.AttrTupleReply: true, wire.AttrID: true, wire.AttrStatus: true}
	for _, a := range attrs {
		want[a] = true
	}
	for typ := range 28 {
		if ev.has[typ] != want[typ] {
			e.h.t.Errorf("%s: attribute %d is there: %v, want %v", what, typ, ev.has[typ], want[typ])
		}
	}
}

// eventTests are about events.
var eventTests = []test{
	{"life of a flow", func(h *harness) {
		ear := h.listen(conntrack.EventOptions{})
		key := wire.Key{Tuple: tcp(1, 80)}
		r := h.raw()
		r.want(0, newFlow(key.Tuple, wire.FlagAck), "create")
		ev := ear.want(conntrack.EventNew)
		ear.carries("new", ev, wire.AttrTimeout, wire.AttrMark, wire.AttrProtoInfo, wire.AttrSynProxy)
		h.equal("tuple", ev.entry.Orig, key.Tuple)
		h.equal("sequence number", ev.seq, uint32(0))
		if ev.portID == 0 {
			h.t.Error("no port id of who made it")
		}
		id := h.get(key.Tuple).ID
		h.equal("id", ev.entry.ID, id)
		h.update(&wire.Update{Key: key, Mark: &wire.Masked32{Value: 9, Mask: ^uint32(0)}})
		ev = ear.want(conntrack.EventUpdate)
		ear.carries("update", ev, wire.AttrTimeout, wire.AttrMark, wire.AttrProtoInfo, wire.AttrSynProxy)
		h.equal("mark", ev.entry.Mark, uint32(9))
		h.do(mustDelete(h, key))
		ev = ear.want(conntrack.EventDestroy)
		ear.carries("destroy", ev, wire.AttrTimeout, wire.AttrMark, wire.AttrProtoInfo)
		h.equal("id", ev.entry.ID, id)
		h.equal("destroyed flow has tcp details", ev.entry.Has(wire.HasTCP), false)
	}},
	{"with accounting, timestamps, helper and zone", func(h *harness) {
		h.w.Sysctl("nf_conntrack_acct", "1")
		h.w.Sysctl("nf_conntrack_timestamp", "1")
		ear := h.listen(conntrack.EventOptions{})
		t := udp(1, 69)
		t.Zone = 3
		h.do(entry(t, func(e *wire.Entry) { e.Helper, e.Present = "tftp", e.Present|wire.HasHelper }))
		ev := ear.want(conntrack.EventNew)
		ear.carries("new", ev, wire.AttrTimeout, wire.AttrMark, wire.AttrZone, wire.AttrHelp, wire.AttrSynProxy, wire.AttrEventTime)
		h.equal("zone", ev.entry.Orig.Zone, uint16(3))
		h.do(mustDelete(h, wire.Key{Tuple: t}))
		ev = ear.want(conntrack.EventDestroy)
		ear.carries("destroy", ev, wire.AttrTimeout, wire.AttrZone, wire.AttrCountersOrig, wire.AttrCountersReply, wire.AttrTimestamp, wire.AttrEventTime)
		h.equal("has a stop", ev.entry.Has(wire.HasStop), true)
		h.equal("has an event time", ev.entry.Has(wire.HasEventTime), true)
		if ev.entry.Stop < ev.entry.Start {
			h.t.Errorf("stop %d is before start %d", ev.entry.Stop, ev.entry.Start)
		}
	}},
	{"labels and sequence adjustment", func(h *harness) {
		h.w.LabelRule()
		ear := h.listen(conntrack.EventOptions{})
		key := wire.Key{Tuple: udp(1, 53)}
		h.do(entry(key.Tuple, func(e *wire.Entry) { e.Labels, e.Present = wire.Labels{5}, e.Present|wire.HasLabels }))
		ev := ear.want(conntrack.EventNew)
		h.equal("labels", ev.entry.Labels, wire.Labels{5})
		h.do(&wire.Update{Key: key, SeqAdj: &[2]wire.SeqAdj{{Correction: 1}, {Correction: 2}}})
		ev = ear.want(conntrack.EventUpdate)
		h.equal("adjustment", ev.entry.SeqAdj[1].Correction, uint32(2))
		h.equal("labels", ev.entry.Labels, wire.Labels{5})
		h.do(&wire.Update{Key: key, Labels: &wire.Labels{}})
		ev = ear.want(conntrack.EventUpdate)
		h.equal("cleared labels are there", ev.has[wire.AttrLabels], false)
	}},
	{"a child is new, with its master", func(h *harness) {
		h.w.Sysctl("nf_conntrack_events", "1")
		h.create(tcp(1, 21))
		ear := h.listen(conntrack.EventOptions{})
		h.do(entry(tcp(2, 20), func(e *wire.Entry) { e.Master, e.Present = tcp(1, 21), e.Present|wire.HasMaster }))
		ev := ear.want(conntrack.EventNew)
		h.equal("master", ev.entry.Master, tcp(1, 21))
	}},
	{"a refused request makes no event", func(h *harness) {
		ear := h.listen(conntrack.EventOptions{})
		h.create(tcp(1, 80))
		h.refuse(syscall.EEXIST, entry(tcp(1, 80)))
		h.create(tcp(2, 80))
		ear.want(conntrack.EventNew)
		h.equal("second event", ear.want(conntrack.EventNew).entry.Orig, tcp(2, 80))
	}},
	{"kinds", func(h *harness) {
		ear := h.listen(conntrack.EventOptions{Kinds: []conntrack.EventKind{conntrack.EventDestroy}})
		h.create(tcp(1, 80))
		h.update(&wire.Update{Key: wire.Key{Tuple: tcp(1, 80)}, Mark: &wire.Masked32{Value: 9, Mask: 9}})
		h.do(mustDelete(h, wire.Key{Tuple: tcp(1, 80)}))
		ear.want(conntrack.EventDestroy)
	}},
	{"a flow older than the first listener is mute", func(h *harness) {
		h.w.Sysctl("nf_conntrack_events", "0")
		h.create(tcp(1, 80))
		h.w.Sysctl("nf_conntrack_events", "1")
		h.create(tcp(2, 80))
		ear := h.listen(conntrack.EventOptions{})
		for port := range uint16(2) {
			h.do(mustDelete(h, wire.Key{Tuple: tcp(1+port, 80)}))
		}
		h.equal("destroyed", ear.want(conntrack.EventDestroy).entry.Orig, tcp(2, 80))
		h.w.Sysctl("nf_conntrack_events", "2")
		h.create(tcp(3, 80))
		h.equal("new", ear.want(conntrack.EventNew).entry.Orig, tcp(3, 80))
	}},
	{"echo", func(h *harness) {
		h.w.Sysctl("nf_conntrack_events", "1")
		r := h.raw()
		list := r.ask(newFlow(tcp(1, 80), wire.FlagAck|wire.FlagEcho))
		h.equal("messages", len(list), 2)
		h.equal("type", list[0].Type, uint16(wire.SubsysConntrack)<<8|wire.MsgNew)
		h.equal("sequence number", list[0].Seq, uint32(0))
		h.equal("flags", list[0].Flags, uint16(wire.FlagCreate|wire.FlagExcl))
		for port := range uint16(3) {
			h.create(udp(1+port, 53))
		}
		h.w.Sysctl("nf_conntrack_events", "0")
		h.create(udp(9, 53))
		flush := ct(wire.MsgDelete, wire.FlagEcho, 0)
		list = r.ask(flush)
		h.equal("what the flush deleted and may tell", len(list)-1, 4)
		for _, a := range list[:len(list)-1] {
			h.equal("type", a.Type, uint16(wire.SubsysConntrack)<<8|wire.MsgDelete)
		}
	}},
	{"expectations", func(h *harness) {
		h.w.Sysctl("nf_conntrack_events", "1")
		h.master(tcp(1, 21), "ftp")
		ear := h.listen(conntrack.EventOptions{Kinds: []conntrack.EventKind{conntrack.EventExpNew, conntrack.EventExpUpdate, conntrack.EventExpDestroy}})
		x := expectation(tcp(1, 21), 2000)
		h.do(&wire.ExpectCreate{Expect: x})
		h.equal("port", ear.want(conntrack.EventExpNew).expect.Tuple.DstPort, uint16(2000))
		x.Timeout, x.HasTimeout = 9, true
		h.do(&wire.ExpectUpdate{Expect: x})
		h.do(&wire.ExpectCreate{Expect: expectation(tcp(1, 21), 2001)})
		h.equal("evicted", ear.want(conntrack.EventExpDestroy).expect.Tuple.DstPort, uint16(2000))
		h.equal("port", ear.want(conntrack.EventExpNew).expect.Tuple.DstPort, uint16(2001))
		h.do(&wire.ExpectFlush{All: true})
		h.equal("flushed", ear.want(conntrack.EventExpDestroy).expect.Tuple.DstPort, uint16(2001))
	}},
	{"expiry", func(h *harness) {
		h.w.Sysctl("nf_conntrack_events", "1")
		ear := h.listen(conntrack.EventOptions{})
		h.do(entry(tcp(1, 80), func(e *wire.Entry) { e.Timeout = 1 }))
		ear.want(conntrack.EventNew)
		h.w.Pass(1200 * time.Millisecond)
		h.wantPorts(h.ports(), "after expiry")
		ev := ear.want(conntrack.EventDestroy)
		h.equal("port id", ev.portID, uint32(0))
		h.equal("has a timeout", ev.has[wire.AttrTimeout], false)
	}},
	{"an overrun is counted", func(h *harness) {
		ear := h.deaf(conntrack.EventOptions{RcvBuf: 8 << 10})
		for i := range uint16(100) {
			h.do(entry(udp(1000+i, 53)))
		}
		ear.start()
		received, lost := 0, uint64(0)
		for uint64(received)+lost < 100 {
			if ev := ear.next(); ev.kind == conntrack.EventLoss {
				lost += ev.lost
			} else {
				received++
			}
		}
		if received == 0 || lost == 0 || uint64(received)+lost != 100 {
			h.t.Errorf("received %d, lost %d, want 100 together and some of both", received, lost)
		}
		h.equal("overruns", ear.l.Stats().Overruns, uint64(1))
		h.create(tcp(1, 80))
		h.equal("after the loss", ear.want(conntrack.EventNew).entry.Orig, tcp(1, 80))
	}},
	{"reliable mode keeps destroys", func(h *harness) {
		ear := h.deaf(conntrack.EventOptions{RcvBuf: 8 << 10, Reliable: true})
		for i := range uint16(100) {
			h.do(entry(udp(1000+i, 53)))
		}
		h.do(&wire.Flush{All: true})
		h.equal("flows", len(h.ports()), 0)
		dying, _ := h.dump(&wire.Dump{Table: wire.TableDying})
		h.equal("dying", len(dying), 100)
		h.equal("status of a dying flow", dying[0].Status&wire.StatusDying, wire.StatusDying)
		totals, err := h.w.Kernel.Count(h.ctx)
		if err != nil {
			h.t.Fatal(err)
		}
		h.equal("counted", totals.Entries, uint32(100))
		ear.start()
		destroyed := map[uint16]bool{}
		for len(destroyed) < 100 {
			ev := ear.next()
			if ev.kind == conntrack.EventDestroy {
				destroyed[ev.entry.Orig.SrcPort] = true
			}
		}
	}},
	{"a listener that goes lets the dying go", func(h *harness) {
		ear := h.deaf(conntrack.EventOptions{RcvBuf: 8 << 10, Reliable: true})
		for i := range uint16(100) {
			h.do(entry(udp(1000+i, 53)))
		}
		h.do(&wire.Flush{All: true})
		_ = ear.l.Close()
		for end := time.Now().Add(20 * time.Second); ; h.w.Pass(20 * time.Millisecond) {
			dying, _ := h.dump(&wire.Dump{Table: wire.TableDying})
			if len(dying) == 0 {
				break
			}
			if time.Now().After(end) {
				h.t.Fatalf("%d flows are still dying", len(dying))
			}
		}
	}},
}
