package wire

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadUpdate(t *testing.T) {
	tuple := Tuple{Family: FamilyIPv4, Proto: ProtoUDP, SrcPort: 1, DstPort: 2, Zone: 7,
		Src: AddrFrom(netip.MustParseAddr("10.0.0.1")), Dst: AddrFrom(netip.MustParseAddr("10.0.0.2"))}
	sec := uint32(77)
	bits, mask := Labels{}.Set(3).Set(100), Labels{}.Set(3).Set(4).Set(100)
	for name, u := range map[string]Update{
		"mark":    {Mark: &Masked32{0x10, 0xff}},
		"timeout": {Timeout: &sec},
		"labels":  {Labels: &bits, LabelMask: &mask},
		"helper":  {DropHelper: true},
		"all":     {Mark: &Masked32{1, ^uint32(0)}, Timeout: &sec, Labels: &bits, LabelMask: &mask, DropHelper: true, Status: StatusAssured | StatusConfirmed},
	} {
		u.Key = Key{Tuple: tuple}
		msg, err := u.Append(nil, 1, 0)
		if err != nil {
			t.Fatal(name, err)
		}
		got, err := ReadUpdate(msg)
		if err != nil {
			t.Fatal(name, err)
		}
		if diff := cmp.Diff(u, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if _, err := ReadUpdate([]byte{1, 2, 3}); err == nil {
		t.Error("three bytes were read as an update")
	}
}
