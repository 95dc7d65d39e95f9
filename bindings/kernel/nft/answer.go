package nft

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// errMalformed says that an answer is not made as those of nf_tables are.
var errMalformed = errors.New("malformed answer of nf_tables")

// refusal is the kernel's verdict on a message.
type refusal struct {
	errno unix.Errno
	at    int // of the attribute that it is about, counted from the header; 0 where it is not told
}

func (r refusal) Error() string { return r.errno.Error() }

// Unwrap returns the errno.
func (r refusal) Unwrap() error { return r.errno }

// answer is one message of the kernel.
type answer struct {
	seq    uint32
	last   bool     // it ends the answers to its request
	bad    *refusal // the request was refused
	intr   bool     // the ruleset changed while it was listed
	gen    uint16   // the low half of the generation that the data are of
	family Family   // of a message with data
	data   []byte   // its attributes
}

// Attributes behind an error (include/uapi/linux/netlink.h, enum nlmsgerr_attrs).
const errAttrOffset = 2

// readAnswer reads the first message of a datagram.
func readAnswer(b []byte) (a answer, rest []byte, err error) {
	msg, rest, ok := wire.Next(b)
	if !ok {
		return a, nil, fmt.Errorf("%w: a message is cut short", errMalformed)
	}
	h, _ := wire.ReadHeader(msg)
	a = answer{seq: h.Seq, intr: h.Flags&wire.FlagDumpIntr != 0}
	switch {
	case h.Type == wire.TypeDone:
		a.last = true
		if len(msg) >= 20 {
			a.bad = verdict(msg[16:])
		}
	case h.Type == wire.TypeError:
		if len(msg) < 20 {
			return a, nil, fmt.Errorf("%w: no verdict", errMalformed)
		}
		a.last = true
		if a.bad = verdict(msg[16:]); a.bad != nil && h.Flags&wire.FlagAckTLVs != 0 {
			a.bad.at = offset(msg[20:], h.Flags&wire.FlagCapped != 0)
		}
	case h.Subsys() == unix.NFNL_SUBSYS_NFTABLES:
		if len(msg) < wire.HeaderLen {
			return a, nil, fmt.Errorf("%w: a message has no header", errMalformed)
		}
		a.last = h.Flags&wire.FlagMulti == 0
		a.gen, a.family, a.data = h.ResID, Family(h.Family), msg[wire.HeaderLen:]
	}
	return a, rest, nil
}

// verdict reads the negative number of an error.
func verdict(b []byte) *refusal {
	if code := int32(binary.NativeEndian.Uint32(b)); code != 0 {
		return &refusal{errno: unix.Errno(-code)}
	}
	return nil
}

// offset finds where the attribute lies that an error is about: b is the
// refused message, of which only the header is left where it was capped, and
// attributes behind it (net/netlink/af_netlink.c, netlink_ack).
func offset(b []byte, capped bool) int {
	n := 16
	if !capped && len(b) >= 4 {
		n = int(binary.NativeEndian.Uint32(b)+3) &^ 3
	}
	if n < 16 || n > len(b) {
		return 0
	}
	if at := find(b[n:], errAttrOffset); len(at) == 4 {
		return int(binary.NativeEndian.Uint32(at))
	}
	return 0
}
