package ruleset

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Attributes of the data of a "ct timeout" object
// (include/uapi/linux/netfilter/nf_tables.h, enum nft_ct_timeout_timeout_attributes).
const attrL4Proto = 2

// errMalformed says that an answer is not made as those of nf_tables are.
var errMalformed = errors.New("malformed answer of nf_tables")

// request asks for the objects of every table of every family. Kernels honour
// the type in a dump; what they send is looked at all the same.
func request() (netlink.Message, error) {
	attrs := netlink.NewAttributeEncoder()
	attrs.ByteOrder = binary.BigEndian
	attrs.Uint32(unix.NFTA_OBJ_TYPE, unix.NFT_OBJECT_CT_TIMEOUT)
	body, err := attrs.Encode()
	return netlink.Message{
		Header: netlink.Header{Type: unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETOBJ, Flags: netlink.Request | netlink.Dump},
		Data:   append([]byte{unix.NFPROTO_UNSPEC, unix.NFNETLINK_V0, 0, 0}, body...),
	}, err
}

// refusal is what the kernel answers in place of a list.
type refusal struct{ errno unix.Errno }

func (r refusal) Error() string { return r.errno.Error() }

// datagram notes the objects in a piece of the answer to the request numbered
// seq, and tells whether it is the last. Answers to other requests are passed
// over. The error is a refusal or wraps errMalformed.
func (f *found) datagram(b []byte, seq uint32) (last bool, err error) {
	for len(b) > 0 {
		msg, rest, ok := wire.Next(b)
		if !ok {
			return false, fmt.Errorf("%w: a message is cut short", errMalformed)
		}
		b = rest
		h, _ := wire.ReadHeader(msg)
		if h.Seq != seq {
			continue
		}
		f.changed = f.changed || h.Flags&wire.FlagDumpIntr != 0
		switch h.Type {
		case wire.TypeError, wire.TypeDone:
			return true, verdict(msg[16:])
		case unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_NEWOBJ:
			if len(msg) < wire.HeaderLen {
				return false, fmt.Errorf("%w: an object has no header", errMalformed)
			}
			if err := f.object(h.Family, msg[wire.HeaderLen:]); err != nil {
				return false, err
			}
		}
	}
	return false, nil
}

// verdict reads the negative number of an error that stands behind the header
// of the last message.
func verdict(b []byte) error {
	if len(b) < 4 {
		return fmt.Errorf("%w: no verdict", errMalformed)
	}
	if code := int32(binary.NativeEndian.Uint32(b)); code != 0 {
		return refusal{unix.Errno(-code)}
	}
	return nil
}

// object notes one object by its attributes.
func (f *found) object(table uint8, b []byte) error {
	kind, proto := uint32(0), -1
	attrs, err := netlink.NewAttributeDecoder(b)
	if err != nil {
		return fmt.Errorf("%w: %w", errMalformed, err)
	}
	attrs.ByteOrder = binary.BigEndian
	for attrs.Next() {
		switch attrs.Type() {
		case unix.NFTA_OBJ_TYPE:
			kind = attrs.Uint32()
		case unix.NFTA_OBJ_DATA:
			attrs.Nested(func(data *netlink.AttributeDecoder) error {
				for data.Next() {
					// In the data of objects of another type it may be of any length.
					if data.Type() == attrL4Proto {
						if p := data.Bytes(); len(p) == 1 {
							proto = int(p[0])
						}
					}
				}
				return nil
			})
		}
	}
	switch {
	case attrs.Err() != nil:
		return fmt.Errorf("%w: %w", errMalformed, attrs.Err())
	case kind != unix.NFT_OBJECT_CT_TIMEOUT:
		return nil
	case proto < 0:
		return fmt.Errorf("%w: a ct timeout has no protocol", errMalformed)
	}
	f.add(table, uint8(proto))
	return nil
}
