package nft

import (
	"encoding/binary"
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// message is one of the kernel.
func message(typ, flags uint16, seq uint32, body []byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(16+len(body)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = binary.NativeEndian.AppendUint16(b, flags)
	b = binary.NativeEndian.AppendUint32(b, seq)
	b = append(b, 0, 0, 0, 0)
	b = append(b, body...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// verdictOf is the body of an error about a message of a length, of which only
// the header is there where it is capped.
func verdictOf(errno unix.Errno, about uint32, whole int, offset uint32) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(-int32(errno)))
	b = binary.NativeEndian.AppendUint32(b, about)
	b = append(b, make([]byte, whole-4)...)
	if offset > 0 {
		b = appendAttr(b, errAttrOffset, binary.NativeEndian.AppendUint32(nil, offset))
	}
	return b
}

func TestReadAnswer(t *testing.T) {
	newElem := messageType(unix.NFT_MSG_NEWSETELEM)
	data := []byte{unix.NFPROTO_INET, 0, 0x12, 0x34, 8, 0, 1, 0, 'x', 0, 0, 0}
	capped := uint16(wire.FlagCapped | wire.FlagAckTLVs)
	for _, c := range []struct {
		name string
		in   []byte
		want answer
		bad  refusal
	}{
		{"a piece of a list", message(newElem, wire.FlagMulti, 7, data), answer{seq: 7, gen: 0x1234, family: Inet, data: data[4:]}, refusal{}},
		{"an answer", message(newElem, 0, 7, data), answer{seq: 7, last: true, gen: 0x1234, family: Inet, data: data[4:]}, refusal{}},
		{"of rules that changed", message(newElem, wire.FlagMulti|wire.FlagDumpIntr, 7, data), answer{seq: 7, intr: true, gen: 0x1234, family: Inet, data: data[4:]}, refusal{}},
		{"the end", message(wire.TypeDone, wire.FlagMulti, 7, verdictOf(0, 0, 4, 0)[:4]), answer{seq: 7, last: true}, refusal{}},
		{"the end without words", message(wire.TypeDone, wire.FlagMulti, 7, nil), answer{seq: 7, last: true}, refusal{}},
		{"a bad end", message(wire.TypeDone, wire.FlagMulti, 7, verdictOf(unix.EINTR, 0, 4, 0)[:4]), answer{seq: 7, last: true}, refusal{errno: unix.EINTR}},
		{"done", message(wire.TypeError, wire.FlagCapped, 7, verdictOf(0, 100, 16, 0)), answer{seq: 7, last: true}, refusal{}},
		{"refused", message(wire.TypeError, wire.FlagCapped, 7, verdictOf(unix.EEXIST, 100, 16, 0)), answer{seq: 7, last: true}, refusal{errno: unix.EEXIST}},
		{"refused at", message(wire.TypeError, capped, 7, verdictOf(unix.EEXIST, 100, 16, 64)), answer{seq: 7, last: true}, refusal{unix.EEXIST, 64}},
		{"with all of it", message(wire.TypeError, wire.FlagAckTLVs, 7, verdictOf(unix.EEXIST, 100, 100, 64)), answer{seq: 7, last: true}, refusal{unix.EEXIST, 64}},
		{"with less than it says", message(wire.TypeError, wire.FlagAckTLVs, 7, verdictOf(unix.EEXIST, 1000, 100, 64)), answer{seq: 7, last: true}, refusal{errno: unix.EEXIST}},
		{"about something else", message(0x300, 0, 7, data), answer{seq: 7}, refusal{}},
	} {
		got, rest, err := readAnswer(append(c.in, 1, 2, 3))
		bad := refusal{}
		if got.bad != nil {
			bad = *got.bad
		}
		if err != nil || len(rest) != 3 || bad != c.bad || got.seq != c.want.seq || got.last != c.want.last || got.intr != c.want.intr ||
			got.gen != c.want.gen || got.family != c.want.family || string(got.data) != string(c.want.data) {
			t.Errorf("%s: %+v %v, %d left, %v", c.name, got, bad, len(rest), err)
		}
	}
	for name, in := range map[string][]byte{
		"cut short":  message(newElem, 0, 7, data)[:20],
		"no verdict": message(wire.TypeError, 0, 7, []byte{0, 0}),
		"no header":  message(newElem, 0, 7, nil),
		"nothing":    {},
	} {
		if _, _, err := readAnswer(in); !errors.Is(err, errMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever comes in ends in answers or errMalformed.
func FuzzAnswer(f *testing.F) {
	e, _ := setOfType("ipv4_addr", true).Parse("10.0.0.0/8")
	list, at := openNest([]byte{unix.NFPROTO_INET, 0, 0, 0}, unix.NFTA_SET_ELEM_LIST_ELEMENTS)
	list = (&Entry{Element: e, Timeout: 1e9, Comment: "x"}).append(list)
	closeNest(list, at)
	f.Add(message(messageType(unix.NFT_MSG_NEWSETELEM), wire.FlagMulti, 1, list))
	f.Add(message(wire.TypeError, wire.FlagAckTLVs, 1, verdictOf(unix.EEXIST, 64, 64, 40)))
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) > 0 {
			a, rest, err := readAnswer(b)
			if err != nil {
				if !errors.Is(err, errMalformed) {
					t.Fatal(err)
				}
				return
			}
			if len(rest) >= len(b) {
				t.Fatal("nothing was read")
			}
			b = rest
			points, err := appendPoints(nil, a.data)
			if err != nil && !errors.Is(err, errMalformed) {
				t.Fatal(err)
			}
			for _, l := range []*layout{fields("ipv4_addr", true), fields("ipv4_addr . inet_service", true), fields("ipv6_addr", false), {fields: []Field{{Type: "unknown"}}}} {
				entries, err := l.entries(append([]point(nil), points...))
				if err != nil && !errors.Is(err, errMalformed) {
					t.Fatal(err)
				}
				for i := range entries {
					_ = entries[i].Element.String()
				}
			}
			_, _ = generationOf(&a)
		}
	})
}
