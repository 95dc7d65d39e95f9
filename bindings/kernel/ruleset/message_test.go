package ruleset

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"slices"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
)

const (
	four = wire.FamilyIPv4
	six  = wire.FamilyIPv6

	newObject = unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_NEWOBJ
	number    = 7 // of the request in the tests of answers
)

// object is a message about an object of a type in a table of a family. data
// is its first number attribute, nil for none.
func object(family uint8, kind uint32, data []byte) netlink.Message {
	attrs := netlink.NewAttributeEncoder()
	attrs.ByteOrder = binary.BigEndian
	attrs.String(unix.NFTA_OBJ_TABLE, "t")
	attrs.String(unix.NFTA_OBJ_NAME, "o")
	attrs.Uint32(unix.NFTA_OBJ_TYPE, kind)
	attrs.Nested(unix.NFTA_OBJ_DATA, func(nest *netlink.AttributeEncoder) error {
		nest.Uint16(1, unix.NFPROTO_IPV4)
		if data != nil {
			nest.Bytes(attrL4Proto, data)
		}
		return nil
	})
	body, err := attrs.Encode()
	if err != nil {
		panic(err)
	}
	return message(newObject, netlink.Multi, append([]byte{family, 0, 0, 0}, body...))
}

func timeout(family, proto uint8) netlink.Message {
	return object(family, unix.NFT_OBJECT_CT_TIMEOUT, []byte{proto})
}

func message(kind netlink.HeaderType, flags netlink.HeaderFlags, data []byte) netlink.Message {
	return netlink.Message{Header: netlink.Header{Type: kind, Flags: flags, Sequence: number}, Data: data}
}

// end is the last message, with the verdict of the kernel.
func end(kind netlink.HeaderType, errno unix.Errno) netlink.Message {
	return message(kind, netlink.Multi, binary.NativeEndian.AppendUint32(nil, uint32(-int32(errno))))
}

// datagram packs messages as the kernel does.
func datagram(msgs ...netlink.Message) (all []byte) {
	for _, m := range msgs {
		m.Data = append(slices.Clone(m.Data), make([]byte, -len(m.Data)&3)...)
		m.Header.Length = uint32(16 + len(m.Data))
		b, err := m.MarshalBinary()
		if err != nil {
			panic(err)
		}
		all = append(all, b...)
	}
	return all
}

func TestDatagram(t *testing.T) {
	changed := end(netlink.Done, 0)
	changed.Header.Flags |= wire.FlagDumpIntr
	foreign := timeout(unix.NFPROTO_IPV4, 6)
	foreign.Header.Sequence++
	for _, c := range []struct {
		name    string
		in      []netlink.Message
		want    []Timeout
		last    bool
		changed bool
	}{
		{"nothing", nil, nil, false, false},
		{"the end", []netlink.Message{end(netlink.Done, 0)}, nil, true, false},
		{"by the family of the table", []netlink.Message{timeout(unix.NFPROTO_IPV4, 6), timeout(unix.NFPROTO_IPV6, 17)}, []Timeout{{four, 6}, {six, 17}}, false, false},
		{"inet is both", []netlink.Message{timeout(unix.NFPROTO_INET, 17)}, []Timeout{{four, 17}, {six, 17}}, false, false},
		{"bridge and netdev see both", []netlink.Message{timeout(unix.NFPROTO_BRIDGE, 0), timeout(unix.NFPROTO_NETDEV, 255)},
			[]Timeout{{four, 0}, {four, 255}, {six, 0}, {six, 255}}, false, false},
		{"once each", []netlink.Message{timeout(unix.NFPROTO_IPV4, 17), timeout(unix.NFPROTO_IPV4, 6), timeout(unix.NFPROTO_IPV4, 17), end(netlink.Done, 0)},
			[]Timeout{{four, 6}, {four, 17}}, true, false},
		{"another type", []netlink.Message{object(unix.NFPROTO_IPV4, unix.NFT_OBJECT_CT_HELPER, []byte{6}), object(unix.NFPROTO_IPV4, unix.NFT_OBJECT_QUOTA, make([]byte, 8))},
			nil, false, false},
		{"another answer", []netlink.Message{foreign}, nil, false, false},
		{"changed", []netlink.Message{timeout(unix.NFPROTO_IPV4, 17), changed}, []Timeout{{four, 17}}, true, true},
	} {
		f := &found{}
		last, err := f.datagram(datagram(c.in...), number)
		if err != nil || last != c.last || f.changed != c.changed || !slices.Equal(f.list(), c.want) {
			t.Errorf("%s: %v, last %v, changed %v, %v", c.name, f.list(), last, f.changed, err)
		}
	}
}

func TestMalformedDatagram(t *testing.T) {
	whole := datagram(timeout(unix.NFPROTO_IPV4, 17))
	broken := slices.Clone(whole)
	broken[wire.HeaderLen] = 3 // an attribute shorter than its header
	for name, b := range map[string][]byte{
		"cut short":         whole[:len(whole)-1],
		"less than a head":  whole[:9],
		"no header":         datagram(message(newObject, 0, nil)),
		"no protocol":       datagram(object(unix.NFPROTO_IPV4, unix.NFT_OBJECT_CT_TIMEOUT, nil)),
		"protocol of two":   datagram(object(unix.NFPROTO_IPV4, unix.NFT_OBJECT_CT_TIMEOUT, []byte{0, 6})),
		"odd attribute":     broken,
		"end with no words": datagram(message(netlink.Done, 0, nil)),
	} {
		if _, err := (&found{}).datagram(b, number); !errors.Is(err, errMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What the kernel's refusals mean for the caller.
func TestExplain(t *testing.T) {
	s := &socket{name: "this network namespace"}
	verdict := func(kind netlink.HeaderType, errno unix.Errno) error {
		last, err := (&found{}).datagram(datagram(end(kind, errno)), number)
		if !last || err == nil {
			t.Fatalf("%v: last %v, %v", errno, last, err)
		}
		return s.explain(err)
	}
	for _, errno := range []unix.Errno{unix.EINVAL, unix.EOPNOTSUPP, unix.ENOENT} {
		if err := verdict(netlink.Error, errno); err != nil {
			t.Errorf("%v: %v, want no objects", errno, err)
		}
	}
	var privilege *conntrack.PrivilegeError
	if err := verdict(netlink.Error, unix.EPERM); !errors.As(err, &privilege) || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("EPERM: %v", err)
	}
	var refused *conntrack.Error
	if err := verdict(netlink.Done, unix.ENOMEM); !errors.As(err, &refused) || !errors.Is(err, unix.ENOMEM) {
		t.Errorf("ENOMEM: %v", err)
	}
	var failed *conntrack.OpError
	if err := s.explain(errMalformed); !errors.As(err, &failed) || !errors.Is(err, errMalformed) {
		t.Errorf("malformed: %v", err)
	}
	// A failure of the socket is no word of the kernel about nf_tables.
	if err := s.explain(unix.EINVAL); !errors.As(err, &failed) {
		t.Errorf("EINVAL of the socket: %v", err)
	}
}

func TestTimeoutsOfAClosedNamespace(t *testing.T) {
	ns, err := netns.Current()
	if err != nil {
		t.Fatal(err)
	}
	_ = ns.Close()
	if _, err := Timeouts(ns); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("%v, want fs.ErrClosed", err)
	}
}
