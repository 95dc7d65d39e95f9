package restore

import (
	"slices"
	"testing"
	"time"

	"github.com/ctsh/ctsh/bindings/engine/restore/restoretest"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// whole is a flow that has every part.
func whole() *wire.Entry {
	e := tcpFlow()
	e.Orig.Zone, e.Reply.Zone, e.Reply.Dst = 7, 7, restoretest.Addr("192.0.2.1")
	e.Status |= wire.StatusSrcNAT | natDone | wire.StatusSeqAdjust | wire.StatusExpected
	e.Mark, e.Labels, e.Helper = 5, wire.Labels{1, 2}, "ftp"
	e.SeqAdj, e.SynProxy = [2]wire.SeqAdj{{Correction: 1}}, wire.SynProxy{ISN: 1}
	e.Master = restoretest.Tuple(wire.ProtoTCP, "10.0.0.1", "10.0.0.2", 4000, 21)
	e.Present |= wire.HasMark | wire.HasLabels | wire.HasHelper | wire.HasSeqAdj | wire.HasSynProxy | wire.HasMaster
	return e
}

// TestEachPart changes one thing of a flow at a time: that part differs, and no
// other. What is lost anyway differs nowhere.
func TestEachPart(t *testing.T) {
	sctp := &restoretest.New(restoretest.Tuple(wire.ProtoSCTP, "10.0.0.1", "10.0.0.2", 4000, 80)).Entry
	sctp.State, sctp.Present = 3, sctp.Present|wire.HasState
	sctp.SetVTags([2]uint32{1, 2})
	changes := []struct {
		part string // "" for none
		was  *wire.Entry
		fn   func(e *wire.Entry)
	}{
		{"original tuple", whole(), func(e *wire.Entry) { e.Orig.SrcPort++ }},
		{"reply tuple", whole(), func(e *wire.Entry) { e.Reply.DstPort++ }},
		{"reply tuple", whole(), func(e *wire.Entry) { e.Reply.Src[15]++ }},
		{"zone", whole(), func(e *wire.Entry) { e.Orig.Zone++ }},
		{"zone", whole(), func(e *wire.Entry) { e.Reply.Zone = 0 }},
		{"snat", whole(), func(e *wire.Entry) { e.Status &^= wire.StatusSrcNAT }},
		{"dnat", whole(), func(e *wire.Entry) { e.Status |= wire.StatusDstNAT }},
		{"status", whole(), func(e *wire.Entry) { e.Status &^= wire.StatusAssured }},
		{"status", whole(), func(e *wire.Entry) { e.Status &^= wire.StatusSrcNATDone }},
		{"status", whole(), func(e *wire.Entry) { e.Status |= wire.StatusFixedTimeout }},
		{"", whole(), func(e *wire.Entry) { e.Status |= wire.StatusHelper }},
		{"timeout", whole(), func(e *wire.Entry) { e.Timeout += 3 }},
		{"timeout", whole(), func(e *wire.Entry) { e.Timeout -= 3 }},
		{"", whole(), func(e *wire.Entry) { e.Timeout -= 2 }},
		{"mark", whole(), func(e *wire.Entry) { e.Mark = 0 }},
		{"labels", whole(), func(e *wire.Entry) { e.Labels, e.Present = wire.Labels{}, e.Present&^wire.HasLabels }},
		{"helper", whole(), func(e *wire.Entry) { e.Helper, e.Present = "", e.Present&^wire.HasHelper }},
		{"master", whole(), func(e *wire.Entry) { e.Master, e.Present = wire.Tuple{}, e.Present&^wire.HasMaster }},
		{"master", whole(), func(e *wire.Entry) { e.Master.SrcPort++ }},
		{"state", whole(), func(e *wire.Entry) { e.State++ }},
		{"state", sctp, func(e *wire.Entry) { e.State++ }},
		{"tcp_flags", whole(), func(e *wire.Entry) {
			e.SetTCP(wire.TCPInfo{WScale: [2]uint8{7, 8}, Flags: [2]wire.TCPFlags{0x21, 0x23}})
		}},
		{"", whole(), func(e *wire.Entry) {
			e.SetTCP(wire.TCPInfo{WScale: [2]uint8{7, 8}, Flags: [2]wire.TCPFlags{0x0b, 0x0b}})
		}},
		{"wscale", whole(), func(e *wire.Entry) {
			e.SetTCP(wire.TCPInfo{WScale: [2]uint8{7, 7}, Flags: [2]wire.TCPFlags{0x03, 0x03}})
		}},
		{"vtag", sctp, func(e *wire.Entry) { e.SetVTags([2]uint32{1, 3}) }},
		{"seq_adjust", whole(), func(e *wire.Entry) { e.SeqAdj[1].After++ }},
		{"seq_adjust", whole(), func(e *wire.Entry) { e.SeqAdj, e.Present = [2]wire.SeqAdj{}, e.Present&^wire.HasSeqAdj }},
		{"synproxy", whole(), func(e *wire.Entry) { e.SynProxy.ITS++ }},
		{"", sctp, func(e *wire.Entry) { e.Present |= wire.HasSynProxy }},
		{"", whole(), func(e *wire.Entry) { e.ID, e.Start, e.Counter[0].Bytes = 5, 6, 7 }},
	}
	seen := map[string]bool{}
	for i, c := range changes {
		is := *c.was
		c.fn(&is)
		var want []string
		if c.part != "" {
			want = []string{c.part}
		}
		if got := Differs(c.was, &is, Options{}); !slices.Equal(got, want) {
			t.Errorf("change %d: %q differ, want %q", i, got, want)
		}
		seen[c.part] = true
	}
	for _, name := range Parts() {
		if !seen[name] {
			t.Errorf("no change of %s was tried", name)
		}
	}
}

func TestDiffersWithOptions(t *testing.T) {
	was := whole()
	zone := uint16(9)
	is := *was
	is.Orig.Zone, is.Reply.Zone, is.Timeout = 9, 9, was.Timeout-100
	if d := Differs(was, &is, Options{Zone: &zone, Age: 100 * time.Second}); d != nil {
		t.Errorf("%q differ", d)
	}
	if d := Differs(was, &is, Options{}); !slices.Equal(d, []string{"zone", "timeout"}) {
		t.Errorf("%q differ", d)
	}
	if d := Differs(was, &is, Options{Age: time.Hour}); !slices.Equal(d, []string{"timeout"}) {
		t.Errorf("a flow that should be gone: %q", d)
	}
	is = *was
	is.Master, is.Helper, is.Present = wire.Tuple{}, "", is.Present&^(wire.HasMaster|wire.HasHelper)
	if d := Differs(was, &is, Options{NoMaster: true, NoHelper: true}); d != nil {
		t.Errorf("%q differ", d)
	}
}

// TestLosses finds each loss in some flow, and none that is not one.
func TestLosses(t *testing.T) {
	names := func(list []Loss) (names []string) {
		for _, l := range list {
			if l.Why == "" {
				t.Errorf("%s is lost for no reason", l.Field)
			}
			names = append(names, l.Field)
		}
		return names
	}
	udp := &restoretest.New(restoretest.Tuple(wire.ProtoUDP, "10.0.0.1", "10.0.0.2", 4000, 53)).Entry
	if lost := names(Losses(udp, Options{})); lost != nil {
		t.Errorf("a plain flow loses %q", lost)
	}
	if lost := names(Losses(tcpFlow(), Options{})); !slices.Equal(lost, []string{"window"}) {
		t.Errorf("a connection loses %q", lost)
	}
	e := whole()
	e.Present |= wire.HasID | wire.HasStart | wire.HasCounters | wire.HasSecCtx
	e.Status |= wire.StatusOffload | wire.StatusDying
	e.SetTCP(wire.TCPInfo{WScale: [2]uint8{7, 0}, Flags: [2]wire.TCPFlags{1, 0}})
	lost := names(Losses(e, Options{NoHelper: true, NoMaster: true}))
	gre := &restoretest.New(restoretest.Tuple(wire.ProtoGRE, "10.0.0.1", "10.0.0.2", 1, 2)).Entry
	lost = append(lost, names(Losses(gre, Options{}))...)
	for _, l := range names(AllLosses()) {
		if !slices.Contains(lost, l) {
			t.Errorf("nothing loses %s", l)
		}
	}
	for _, l := range names(Losses(whole(), Options{})) {
		if l == "helper" || l == "master" || l == "wscale" {
			t.Errorf("%s is lost without need", l)
		}
	}
}
