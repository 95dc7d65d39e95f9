package restore

import (
	"errors"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/restore/restoretest"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// tcpFlow is an established connection as a dump has it.
func tcpFlow() *wire.Entry {
	e := &restoretest.New(restoretest.Tuple(wire.ProtoTCP, "10.0.0.1", "10.0.0.2", 4000, 80)).Entry
	e.State, e.Present = 3, e.Present|wire.HasState|wire.HasMark
	e.SetTCP(wire.TCPInfo{WScale: [2]uint8{7, 8}, Flags: [2]wire.TCPFlags{0x23, 0x23}})
	return e
}

func request(t *testing.T, e *wire.Entry, opt Options) *wire.Create {
	t.Helper()
	before := *e
	c, err := Request(e, opt)
	if err != nil {
		t.Fatal(err)
	}
	if e.Flow != before.Flow {
		t.Error("the entry was changed")
	}
	if c.Upsert {
		t.Error("it would overwrite")
	}
	if _, err := c.Append(nil, 1, 0); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTimeouts(t *testing.T) {
	second := time.Second
	for _, c := range []struct {
		left uint32
		age  time.Duration
		more wire.Status
		want uint32 // 0 for expired
	}{
		{600, 0, 0, 600}, {600, 999 * time.Millisecond, 0, 600}, {600, second, 0, 599}, {600, -time.Hour, 0, 600},
		{600, 599 * second, 0, 1}, {600, 600 * second, 0, 0}, {600, 10000 * time.Hour, 0, 0}, {0, 0, 0, 0},
		{600, 100 * second, wire.StatusFixedTimeout, 500}, {600, 601 * second, wire.StatusFixedTimeout, 0},
		{1<<32 - 1, 0, 0, wire.MaxTimeout}, {wire.MaxTimeout, 1<<63 - 1, 0, 0},
	} {
		e := tcpFlow()
		e.Timeout, e.Status = c.left, e.Status|c.more
		got, err := Request(e, Options{Age: c.age})
		var gone *ExpiredError
		switch {
		case c.want == 0 && !errors.As(err, &gone):
			t.Errorf("%d s, %s ago: %v, want expired", c.left, c.age, err)
		case c.want != 0 && (err != nil || got.Entry.Timeout != c.want):
			t.Errorf("%d s, %s ago: %v, want %d s", c.left, c.age, err, c.want)
		}
	}
}

func TestOffloaded(t *testing.T) {
	for proto, want := range map[uint8]uint32{wire.ProtoTCP: 432000, wire.ProtoUDP: 120, wire.ProtoGRE: 180} {
		e := &restoretest.New(restoretest.Tuple(proto, "10.0.0.1", "10.0.0.2", 4000, 80)).Entry
		e.Timeout, e.Present = 0, e.Present&^wire.HasTimeout
		var field *wire.FieldError
		if _, err := Request(e, Options{}); !errors.As(err, &field) {
			t.Errorf("no timeout: %v", err)
		}
		e.Status |= wire.StatusOffload
		c := request(t, e, Options{Age: 5 * time.Second})
		if c.Entry.Timeout != want-5 {
			t.Errorf("%s: %d s, want %d", wire.ProtoName(proto), c.Entry.Timeout, want-5)
		}
	}
}

func TestFlags(t *testing.T) {
	e := tcpFlow()
	for age, want := range map[time.Duration]wire.TCPFlags{0: 0x03, 200 * time.Millisecond: 0x03, 201 * time.Millisecond: 0x0b} {
		c := request(t, e, Options{Age: age})
		if f := c.Entry.TCP(); f.Flags != [2]wire.TCPFlags{want, want} || f.WScale != [2]uint8{7, 8} || c.TCPMask != [2]wire.TCPFlags{0xff, 0xff} {
			t.Errorf("%s old: %+v under %x, want flags %#x", age, f, c.TCPMask, want)
		}
	}
	// Where only the state is known, nothing else is set.
	e.SetTCP(wire.TCPInfo{})
	e.Present &^= wire.HasTCP
	if c := request(t, e, Options{}); c.Entry.Has(wire.HasTCP) || c.TCPMask != [2]wire.TCPFlags{} {
		t.Errorf("flags %+v under %x out of nothing", c.Entry.TCP(), c.TCPMask)
	}
	if c := request(t, e, Options{Age: time.Minute}); c.Entry.TCP().Flags != [2]wire.TCPFlags{8, 8} || c.TCPMask != [2]wire.TCPFlags{8, 8} {
		t.Errorf("flags %+v under %x, want BE_LIBERAL alone", c.Entry.TCP(), c.TCPMask)
	}
	udp := &restoretest.New(restoretest.Tuple(wire.ProtoUDP, "10.0.0.1", "10.0.0.2", 4000, 80)).Entry
	if c := request(t, udp, Options{Age: time.Minute}); c.Entry.Has(wire.HasTCP) {
		t.Error("a UDP flow has TCP flags")
	}
}

func TestZones(t *testing.T) {
	zone, none := uint16(42), uint16(0)
	for _, c := range []struct {
		orig, reply uint16
		to          *uint16
		want        [2]uint16
	}{
		{0, 0, nil, [2]uint16{0, 0}}, {7, 7, nil, [2]uint16{7, 7}}, {7, 0, nil, [2]uint16{7, 0}},
		{0, 0, &zone, [2]uint16{42, 42}}, {7, 7, &zone, [2]uint16{42, 42}}, {7, 0, &zone, [2]uint16{42, 0}}, {0, 7, &zone, [2]uint16{0, 42}},
		{7, 7, &none, [2]uint16{0, 0}}, {7, 0, &none, [2]uint16{0, 0}},
	} {
		e := tcpFlow()
		e.Orig.Zone, e.Reply.Zone = c.orig, c.reply
		e.Master, e.Present = restoretest.Tuple(wire.ProtoTCP, "10.0.0.1", "10.0.0.2", 4000, 21), e.Present|wire.HasMaster
		got := request(t, e, Options{Zone: c.to}).Entry
		if z := [2]uint16{got.Orig.Zone, got.Reply.Zone}; z != c.want {
			t.Errorf("%d/%d to %v: %v, want %v", c.orig, c.reply, c.to, z, c.want)
		}
		if c.to != nil && got.Master.Zone != *c.to {
			t.Errorf("the master stays in zone %d", got.Master.Zone)
		}
	}
}

func TestLeftOut(t *testing.T) {
	e := tcpFlow()
	e.Helper, e.SynProxy = "H.245", wire.SynProxy{}
	e.Master = restoretest.Tuple(wire.ProtoTCP, "10.0.0.1", "10.0.0.2", 4000, 1720)
	e.Present |= wire.HasHelper | wire.HasMaster | wire.HasSynProxy | wire.HasSeqAdj
	c := request(t, e, Options{})
	if c.Entry.Has(wire.HasHelper) || c.Entry.Helper != "" {
		t.Error("a helper that is not registered for TCP was asked for")
	}
	if c.Entry.Has(wire.HasSynProxy) || c.Entry.Has(wire.HasSeqAdj) {
		t.Error("state of extensions that were not used is set")
	}
	if !c.Entry.Has(wire.HasMaster) {
		t.Error("the master is left out")
	}
	if c = request(t, e, Options{NoMaster: true}); c.Entry.Has(wire.HasMaster) || !c.Entry.Master.IsZero() {
		t.Error("the master is not left out")
	}
	// Without a master a rule gave the helper, so it is registered.
	e.Present &^= wire.HasMaster
	if c = request(t, e, Options{}); c.Entry.Helper != "H.245" {
		t.Error("the helper is left out")
	}
	e.Status |= wire.StatusHelper
	if c = request(t, e, Options{NoHelper: true}); c.Entry.Helper != "" || c.Entry.Status&wire.StatusHelper != 0 {
		t.Error("the helper is not left out")
	}
	e.Helper, e.Flow.Helper = "", wire.InternHelper([]byte("ftp"))
	if c = request(t, e, Options{}); c.Entry.Helper != "ftp" {
		t.Errorf("helper %q of a flow that has its number", c.Entry.Helper)
	}
	e.Status |= wire.StatusSeqAdjust
	if c = request(t, e, Options{}); !c.Entry.Has(wire.HasSeqAdj) {
		t.Error("an adjustment that was used is left out")
	}
}

// A flow that is known by one direction gets the other, and no translation.
func TestOneDirection(t *testing.T) {
	e := tcpFlow()
	want := e.Reply
	e.Reply, e.Present = wire.Tuple{}, e.Present&^wire.HasReply
	if c := request(t, e, Options{}); c.Entry.Reply != want || c.SrcNAT != nil || c.DstNAT != nil {
		t.Errorf("%+v", c)
	}
}
