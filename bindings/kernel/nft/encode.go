package nft

import (
	"encoding/binary"
	"time"

	"github.com/google/nftables/userdata"
	"golang.org/x/sys/unix"
)

// bigEndian tells the byte order of the machine.
var bigEndian = binary.NativeEndian.Uint16([]byte{0, 1}) == 1

// Attributes and flags of an element that x/sys does not name
// (include/uapi/linux/netfilter/nf_tables.h, enum nft_set_elem_attributes).
const (
	elemKeyEnd      = 10
	elemExpressions = 11
	elemCatchall    = 2 // a flag
)

// Entry is an element as it stands in a set.
type Entry struct {
	Element Element
	Timeout time.Duration // how long it was to stay when it was added, 0 for ever
	Expires time.Duration // what is left of that, 0 for ever
	Comment string

	standard bool // Timeout is the default of the set, whatever that is
	never    bool // no timeout must be said, else it is the default of the set

	// extra are the attributes beside key, flags and time, as the kernel sent
	// them: counters, the comment.
	extra []byte
}

// appendKey appends an attribute with a value of the key.
func appendKey(b []byte, typ uint16, key string) []byte {
	b, at := openNest(b, typ)
	b = appendAttr(b, unix.NFTA_DATA_VALUE, []byte(key))
	closeNest(b, at)
	return b
}

// after is the key that follows one, false behind the last.
func after(key string) (next string, ok bool) {
	b := []byte(key)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i]++; b[i] != 0 {
			return string(b), true
		}
	}
	return "", false
}

// append appends the list items that name an element: two for an interval, of
// which only the end of the last one of all is left open.
func (e Element) append(b []byte, attrs func(b []byte) []byte) []byte {
	b = e.appendStart(b, attrs)
	if end, ok := e.end(); ok {
		b = appendEnd(b, end)
	}
	return b
}

// appendStart appends the first of these.
func (e Element) appendStart(b []byte, attrs func(b []byte) []byte) []byte {
	b, at := openNest(b, unix.NFTA_LIST_ELEM)
	if e.all {
		b = appendUint32(b, unix.NFTA_SET_ELEM_FLAGS, elemCatchall)
	} else {
		b = appendKey(b, unix.NFTA_SET_ELEM_KEY, e.from)
		if e.layout.ranged() {
			b = appendKey(b, elemKeyEnd, e.to)
		}
	}
	if attrs != nil {
		b = attrs(b)
	}
	closeNest(b, at)
	return b
}

// end is the key of the element that ends an interval, false where it has
// none.
func (e Element) end() (key string, ok bool) {
	if e.all || !e.layout.interval || e.layout.ranged() {
		return "", false
	}
	return after(e.to)
}

func appendEnd(b []byte, key string) []byte {
	b, at := openNest(b, unix.NFTA_LIST_ELEM)
	b = appendKey(b, unix.NFTA_SET_ELEM_KEY, key)
	b = appendUint32(b, unix.NFTA_SET_ELEM_FLAGS, unix.NFT_SET_ELEM_INTERVAL_END)
	closeNest(b, at)
	return b
}

// milliseconds is a time as the kernel takes it: 0 stands for ever.
func milliseconds(d time.Duration) uint64 { return uint64(max(d.Milliseconds(), 1)) }

// append appends an element that is to be added.
func (e *Entry) append(b []byte) []byte {
	return e.Element.append(b, func(b []byte) []byte {
		if e.never {
			b = appendUint64(b, unix.NFTA_SET_ELEM_TIMEOUT, 0)
		} else if e.Timeout > 0 {
			b = appendUint64(b, unix.NFTA_SET_ELEM_TIMEOUT, milliseconds(e.Timeout))
			if e.Expires > 0 {
				b = appendUint64(b, unix.NFTA_SET_ELEM_EXPIRATION, milliseconds(e.Expires))
			}
		}
		if e.extra == nil && e.Comment != "" {
			return appendAttr(b, unix.NFTA_SET_ELEM_USERDATA, userdata.AppendString(nil, userdata.NFTNL_UDATA_SET_ELEM_COMMENT, e.Comment))
		}
		return append(b, e.extra...)
	})
}
