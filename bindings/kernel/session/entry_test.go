package session

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"
)

// Lines that a kernel of a little-endian machine wrote.
func TestParseEntryLiteral(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the lines are of a little-endian machine")
	}
	tests := []struct {
		line, local, remote string
		state               uint8
		inode               uint64
	}{
		{"   0: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 21434 1 0000000000000000 100 0 0 10 0\n",
			"127.0.0.1:22", "0.0.0.0:0", listen, 21434},
		{"  12: 010200C0:0016 076433C6:C3CA 01 00000000:00000000 02:000A7214 00000000     0        0 4026531999 4 0000000000000000 20 4 31 10 -1",
			"192.0.2.1:22", "198.51.100.7:50122", established, 4026531999},
		{"   3: B80D0120000000000000000001000000:0016 0000000000000000FFFF0000076433C6:C3CA 01 00000000:00000000 02:00000000 00000000  1000        0 7 1\n",
			"[2001:db8::1]:22", "198.51.100.7:50122", established, 7},
	}
	for _, tt := range tests {
		k, ok := parseEntry([]byte(tt.line))
		if !ok || k.local.String() != tt.local || k.remote.String() != tt.remote || k.state != tt.state || k.inode != tt.inode {
			t.Errorf("%q: %t %+v", tt.line, ok, k)
		}
	}
}

func TestParseEntryRefuses(t *testing.T) {
	good := strings.TrimSuffix(tableLine(3, netip.MustParseAddrPort(here), netip.MustParseAddrPort(there), established, 0, 7), "\n")
	if _, ok := parseEntry([]byte(good)); !ok {
		t.Fatalf("refused %q", good)
	}
	field := strings.Fields(good)
	change := func(i int, text string) string {
		all := append([]string(nil), field...)
		all[i] = text
		return strings.Join(all, " ")
	}
	for _, line := range []string{
		"", "\n", " ", ":",
		"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
		strings.Join(field[:9], " "),
		change(0, "3"), change(1, field[1][1:]), change(1, "0"+field[1]), change(2, strings.Repeat("0", 32)+":0016"),
		change(1, "0100007F0016"), change(1, "0100007F:016"), change(1, "0100007F:00016"), change(1, "0100007G:0016"),
		change(1, "0100007F:-016"), change(1, "+100007F:0016"), change(3, "100"), change(3, "x"), change(3, "-1"),
		change(7, "x"), change(7, "-1"), change(7, "4294967296"), change(9, "x"), change(9, "-1"), change(9, "18446744073709551616"),
	} {
		if k, ok := parseEntry([]byte(line)); ok {
			t.Errorf("%q: %+v", line, k)
		}
	}
}
