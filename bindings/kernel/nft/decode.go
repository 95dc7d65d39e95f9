package nft

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/google/nftables/userdata"
	"golang.org/x/sys/unix"
)

// point is an element of the kernel: where an interval ends is one as well.
type point struct {
	key, end         string // end where the kernel keeps both ends in one place
	flags            uint32
	timeout, expires time.Duration
	extra            []byte
}

// readPoint reads the attributes of one element.
func readPoint(b []byte) (p point, err error) {
	a := attrs{b: b}
	for {
		typ, payload, whole, ok := a.next()
		if !ok {
			break
		}
		switch typ {
		case unix.NFTA_SET_ELEM_KEY:
			p.key = string(find(payload, unix.NFTA_DATA_VALUE))
		case elemKeyEnd:
			p.end = string(find(payload, unix.NFTA_DATA_VALUE))
		case unix.NFTA_SET_ELEM_FLAGS:
			if len(payload) == 4 {
				p.flags = binary.BigEndian.Uint32(payload)
			}
		case unix.NFTA_SET_ELEM_TIMEOUT:
			p.timeout = duration(payload)
		case unix.NFTA_SET_ELEM_EXPIRATION:
			p.expires = duration(payload)
		case unix.NFTA_SET_ELEM_PAD:
		default: // data, comment, expressions, object
			p.extra = appendWhole(p.extra, whole)
		}
	}
	if a.bad {
		return p, fmt.Errorf("%w: an element is cut short", errMalformed)
	}
	return p, nil
}

func appendWhole(b, whole []byte) []byte {
	b = append(b, whole...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// longest is the time from which a [time.Duration] would overflow.
const longest = uint64(1<<63-1) / uint64(time.Millisecond)

func duration(b []byte) time.Duration {
	if len(b) != 8 {
		return 0
	}
	return time.Duration(min(binary.BigEndian.Uint64(b), longest)) * time.Millisecond
}

// upper is the last value that the element holds by itself.
func (p *point) upper() string {
	if p.end != "" {
		return p.end
	}
	return p.key
}

// ends tells whether an interval ends here.
func (p *point) ends() bool { return p.flags&unix.NFT_SET_ELEM_INTERVAL_END != 0 }

// entry makes the entry that begins at p.
func (l *layout) entry(p *point, to string) Entry {
	e := Entry{Element: Element{layout: l, from: p.key, to: to}, Timeout: p.timeout, Expires: p.expires, extra: p.extra}
	if p.flags&elemCatchall != 0 {
		e.Element = Element{layout: l, all: true}
	}
	e.Comment = comment(find(p.extra, unix.NFTA_SET_ELEM_USERDATA))
	return e
}

// comment finds the comment in what nft keeps with an element: type, length
// and value one behind the other, of which type 0 is the comment. Other
// programs may keep anything there.
func comment(data []byte) string {
	for len(data) >= 2 && len(data) >= 2+int(data[1]) {
		value := data[2 : 2+int(data[1])]
		if data[0] == byte(userdata.NFTNL_UDATA_SET_ELEM_COMMENT) {
			return string(bytes.TrimRight(value, "\x00"))
		}
		data = data[2+len(value):]
	}
	return ""
}

// check refuses points whose keys are not those of the set.
func (l *layout) check(points []point) error {
	for i := range points {
		p := &points[i]
		if p.flags&elemCatchall == 0 && len(p.key) != l.size || p.end != "" && len(p.end) != l.size {
			return fmt.Errorf("%w: a key of %d bytes in a set of %d", errMalformed, len(p.key), l.size)
		}
	}
	return nil
}

// entries puts points together, in the order of their keys. Ends without a
// beginning are left over from what has expired, or stand at 0 because nft
// wants one there.
func (l *layout) entries(points []point) ([]Entry, error) {
	if l.size == 0 && len(points) > 0 { // its key is not known
		l = newLayout([]Field{{Type: l.fields[0].Type, Len: len(points[0].key)}}, l.interval)
	}
	if err := l.check(points); err != nil {
		return nil, err
	}
	slices.SortStableFunc(points, func(a, b point) int {
		switch {
		case a.key != b.key:
			return compare(a.key < b.key)
		case a.ends() != b.ends():
			return compare(a.ends())
		}
		return 0
	})
	var list []Entry
	open := -1 // the point at which the interval begins that has no end yet
	closing := func(to string) {
		if open >= 0 {
			list = append(list, l.entry(&points[open], to))
			open = -1
		}
	}
	for i := range points {
		p := &points[i]
		switch {
		case !l.interval || p.flags&elemCatchall != 0:
			list = append(list, l.entry(p, p.key))
		case l.ranged():
			list = append(list, l.entry(p, p.upper()))
		case p.ends():
			closing(before(p.key))
		default:
			// One that begins where another goes on ends it.
			closing(before(p.key))
			open = i
		}
	}
	closing(last(l.size))
	return list, nil
}

func compare(less bool) int {
	if less {
		return -1
	}
	return 1
}

// before is the key that comes before one.
func before(key string) string {
	b := []byte(key)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i]--; b[i] != 0xff {
			break
		}
	}
	return string(b)
}

// last is the last key of a size.
func last(size int) string {
	return string(slices.Repeat([]byte{0xff}, size))
}
