package wire

import (
	"fmt"
	"net/netip"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func typeOf(x any) string { return fmt.Sprintf("%T", x) }

// drawTuple makes a tuple of any protocol that can be created.
func drawTuple(t *rapid.T, v6 bool) Tuple {
	protos := []uint8{ProtoTCP, ProtoUDP, ProtoUDPLite, ProtoSCTP, ProtoDCCP, ProtoGRE, ProtoICMP, 50, 253}
	tup := Tuple{Family: FamilyIPv4}
	if v6 {
		protos[6] = ProtoICMPv6
		tup.Family = FamilyIPv6
	}
	tup.Proto = rapid.SampledFrom(protos).Draw(t, "proto")
	for _, a := range []*Addr{&tup.Src, &tup.Dst} {
		if v6 {
			*a = Addr{0: 0xfd, 15: rapid.Byte().Draw(t, "low"), 7: rapid.Byte().Draw(t, "high")}
		} else {
			*a = AddrFrom(netip.AddrFrom4([4]byte{10, 0, rapid.Byte().Draw(t, "high"), rapid.Byte().Draw(t, "low")}))
		}
	}
	switch {
	case tup.Proto == ProtoICMP:
		tup.SetICMP(rapid.SampledFrom([]uint8{0, 8, 13, 14, 15, 16, 17, 18}).Draw(t, "type"), rapid.Byte().Draw(t, "code"), rapid.Uint16().Draw(t, "id"))
	case tup.Proto == ProtoICMPv6:
		tup.SetICMP(rapid.SampledFrom([]uint8{128, 129, 139, 140}).Draw(t, "type"), rapid.Byte().Draw(t, "code"), rapid.Uint16().Draw(t, "id"))
	case HasPorts(tup.Proto) || tup.Proto == ProtoGRE:
		tup.SrcPort, tup.DstPort = rapid.Uint16().Draw(t, "sport"), rapid.Uint16().Draw(t, "dport")
	}
	return tup
}

// drawCreate makes a request to create a flow with everything that one can
// carry.
func drawCreate(t *rapid.T) *Create {
	c := &Create{}
	e := &c.Entry
	v6 := rapid.Bool().Draw(t, "v6")
	e.Orig = drawTuple(t, v6)
	e.Reply, _ = e.Orig.Invert()
	switch zone := rapid.Uint16().Draw(t, "zone"); rapid.IntRange(0, 3).Draw(t, "zones") {
	case 1:
		e.Orig.Zone, e.Reply.Zone = zone, zone
	case 2:
		e.Orig.Zone = zone
	case 3:
		e.Reply.Zone = zone
	}
	e.Timeout = rapid.Uint32Range(1, MaxTimeout).Draw(t, "timeout")
	e.Status = StatusConfirmed | Status(rapid.Uint32().Draw(t, "status"))&StatusSettable
	e.Present = HasTimeout | HasStatus | HasReply
	if states := States(e.Orig.Proto); states != nil && rapid.Bool().Draw(t, "has state") {
		e.State = uint8(rapid.IntRange(0, len(states)-1).Draw(t, "state"))
		e.Present |= HasState
		switch e.Orig.Proto {
		case ProtoTCP:
			e.SetTCP(TCPInfo{WScale: [2]uint8{rapid.Byte().Draw(t, "ws"), 7}, Flags: [2]TCPFlags{TCPFlags(rapid.Byte().Draw(t, "flags")), 1}})
		case ProtoSCTP:
			e.SetVTags([2]uint32{rapid.Uint32().Draw(t, "vtag"), 1})
		}
	}
	for _, has := range []Present{HasMark, HasLabels, HasHelper, HasSeqAdj, HasSynProxy, HasMaster} {
		if rapid.Bool().Draw(t, "has") {
			e.Present |= has
		}
	}
	if e.Has(HasMark) {
		e.Mark = rapid.Uint32().Draw(t, "mark")
	}
	if e.Has(HasLabels) {
		e.Labels = Labels{rapid.Uint64().Draw(t, "labels"), 1}
	}
	if e.Has(HasHelper) {
		e.Helper = rapid.SampledFrom([]string{"ftp", "sip", "netbios-ns"}).Draw(t, "helper")
		e.Flow.Helper = InternHelper([]byte(e.Helper))
	}
	if e.Has(HasSeqAdj) {
		e.SeqAdj = [2]SeqAdj{{1, 2, rapid.Uint32().Draw(t, "after")}, {4, 5, 6}}
	}
	if e.Has(HasSynProxy) {
		e.SynProxy = SynProxy{rapid.Uint32().Draw(t, "isn"), 2, 3}
	}
	if e.Has(HasMaster) {
		e.Master = drawTuple(t, v6)
		if e.Orig.Zone == e.Reply.Zone {
			e.Master.Zone = e.Orig.Zone // the decoder takes it from CTA_ZONE
		}
	}
	return c
}

func TestCreateReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCreate(t)
		msg, err := c.Append(nil, 7, FlagAck)
		if err != nil {
			t.Fatal(err)
		}
		var v View
		if err := v.Reset(msg); err != nil {
			t.Fatal(err)
		}
		var got Entry
		v.Entry(&got)
		if diff := cmp.Diff(c.Entry, got, cmp.Exporter(func(reflect.Type) bool { return true })); diff != "" {
			t.Fatalf("sent and read differ (-sent +read):\n%s", diff)
		}
		if h := v.Header(); h.Seq != 7 || h.Flags != FlagRequest|FlagAck|FlagCreate|FlagExcl || h.Family != c.Entry.Orig.Family {
			t.Fatalf("header %+v", h)
		}
	})
}

func TestDeleteCopiedFromADump(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCreate(t)
		msg, err := c.Append(nil, 7, 0)
		if err != nil {
			t.Fatal(err)
		}
		var v View
		if err := v.Reset(msg); err != nil {
			t.Fatal(err)
		}
		raw, ok := v.AppendDelete(nil, 9, 0)
		if !ok {
			t.Fatal("no tuple")
		}
		d, err := NewDelete(c.Entry.Key())
		if err != nil {
			t.Fatal(err)
		}
		typed, err := d.Append(nil, 9, 0)
		if err != nil {
			t.Fatal(err)
		}
		if string(raw) != string(typed) && c.Entry.Orig.Zone == c.Entry.Reply.Zone {
			t.Fatalf("copied and encoded deletes differ:\n% x\n% x", raw, typed)
		}
	})
}

func TestExpectReadsBack(t *testing.T) {
	want := Expect{Tuple: goodTuple, Mask: goodTuple, Master: goodTuple, NAT: goodTuple, Helper: "ftp", Fn: "nat-follow-master",
		Timeout: 300, ID: 9, Class: 1, Flags: ExpectPermanent, NATDir: Reply, HasNAT: true, HasTimeout: true, HasID: true}
	want.Tuple.Zone, want.Master.Zone = 5, 5
	var got Expect
	if err := ParseExpect(appendExpect(nil, &want, Header{Type: uint16(SubsysExpect)<<8 | MsgExpNew}), &got); err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("wrote %+v\nread %+v", want, got)
	}
	msg, err := (&ExpectCreate{want}).Append(nil, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := ParseExpect(msg, &got); err != nil {
		t.Fatal(err)
	}
	want.ID, want.HasID = 0, false // a request carries none
	if got != want {
		t.Errorf("asked for %+v\nread %+v", want, got)
	}
}

func TestTimeoutReadsBack(t *testing.T) {
	for proto := range timeoutStates {
		want := Timeout{Name: "policy", Family: FamilyIPv4, Proto: proto, Use: 2}
		for i, s := range TimeoutStates(proto) {
			if i%2 == 0 {
				if err := want.Set(s, uint32(10+i)); err != nil {
					t.Fatal(err)
				}
			}
		}
		got, err := ParseTimeout(appendTimeout(nil, &want, Header{}))
		if err != nil || got != want {
			t.Errorf("%s: wrote %+v, read %+v (%v)", ProtoName(proto), want, got, err)
		}
	}
	var p Timeout
	p.Proto = ProtoTCP
	for state, sec := range map[string]uint32{"established": 0, "establishd": 5, "close": MaxTimeout + 1} {
		if err := p.Set(state, sec); err == nil {
			t.Errorf("%s = %d was accepted", state, sec)
		}
	}
}

func TestStatsReadBack(t *testing.T) {
	want := CPUStats{CPU: 3}
	want.Set(StatFound, 5)
	want.Set(StatChainTooLong, 6)
	got, err := ParseCPUStats(appendCPUStats(nil, &want, Header{}))
	if err != nil || got != want {
		t.Errorf("%+v %v", got, err)
	}
	if _, ok := got.Get(StatInsert); ok {
		t.Error("a counter that was not sent is there")
	}
	tot := Totals{Entries: 4, Max: 9, HasMax: true}
	if got, err := ParseTotals(appendTotals(nil, tot, Header{})); err != nil || got != tot {
		t.Errorf("%+v %v", got, err)
	}
	ex := ExpectCPUStats{CPU: 1, New: 2, Create: 3, Delete: 4}
	if got, err := ParseExpectCPUStats(appendExpectCPUStats(nil, ex, Header{})); err != nil || got != ex {
		t.Errorf("%+v %v", got, err)
	}
}

func TestInvert(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tup := drawTuple(t, rapid.Bool().Draw(t, "v6"))
		inv, ok := tup.Invert()
		back, okBack := inv.Invert()
		if !ok || !okBack || back != tup {
			t.Fatalf("%v inverts to %v and back to %v", tup, inv, back)
		}
	})
	echo := Tuple{Family: FamilyIPv4, Proto: ProtoICMP}
	echo.SetICMP(3, 1, 0)
	if _, ok := echo.Invert(); ok {
		t.Error("an ICMP error has no answer")
	}
}

func TestNames(t *testing.T) {
	for in, want := range map[string]int{"tcp": 6, "TCP": 6, "6": 6, "47": 47, "253": 253, "256": -1, "06": -1, "": -1, "-1": -1, "tpc": -1} {
		got, ok := ParseProto(in)
		if ok != (want >= 0) || ok && int(got) != want {
			t.Errorf("ParseProto(%q) = %d %v, want %d", in, got, ok, want)
		}
	}
	if s, ok := ParseState(ProtoSCTP, "established"); !ok || StateName(ProtoSCTP, s) != "ESTABLISHED" {
		t.Errorf("%d %v", s, ok)
	}
	if StateName(ProtoTCP, 200) != "200" || StateName(ProtoUDP, 1) != "" {
		t.Error("unknown states")
	}
	if got := (StatusAssured | StatusConfirmed | 1<<20).String(); got != "ASSURED,CONFIRMED,0x100000" {
		t.Error(got)
	}
	var l Labels
	if l = l.Set(0).Set(127); !l.Bit(0) || !l.Bit(127) || l.Bit(64) {
		t.Errorf("%x", l)
	}
	if id := InternHelper([]byte("ftp")); id.String() != "ftp" || InternHelper([]byte("ftp")) != id || HelperID(0).String() != "" {
		t.Error("helper names")
	}
}

func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		msg   string
		errno int
		text  string
	}{
		{"\x14\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 0, ""},
		{"\x14\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\xef\xff\xff\xff", 17, ""},
		{"\x10\x00\x00\x00\x03\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00", 0, ""},
		{"\x10\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00", 71, ""},
		{"\x2c\x00\x00\x00\x02\x00\x00\x03\x01\x00\x00\x00\x00\x00\x00\x00\xea\xff\xff\xff" +
			"0123456789abcdef" + "\x08\x00\x01\x00bad\x00", 22, "bad"},
	} {
		if errno, text := ReadVerdict([]byte(c.msg)); int(errno) != c.errno || text != c.text {
			t.Errorf("% x: %d %q, want %d %q", c.msg, errno, text, c.errno, c.text)
		}
	}
}
