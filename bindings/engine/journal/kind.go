package journal

import (
	"encoding/binary"
	"fmt"
)

// Kind is what a change does, a letter from a to z.
type Kind byte

// Kinds of changes, and what their payloads are.
const (
	Delete Kind = 'd' // the message of the flow as it was
	Update Kind = 'u' // Pack(the message as it was, the change)
	Create Kind = 'c' // the request
	Action Kind = 'x' // JSON: what was done, with what
)

// String is the name of a kind.
func (k Kind) String() string {
	switch k {
	case Delete:
		return "delete"
	case Update:
		return "update"
	case Create:
		return "create"
	case Action:
		return "action"
	}
	return fmt.Sprintf("kind %q", byte(k))
}

// valid tells whether changes can be of kind k.
func (k Kind) valid() bool { return k >= 'a' && k <= 'z' }

// Pack appends a payload of several parts to dst: before each its length, 4
// bytes, big endian.
func Pack(dst []byte, parts ...[]byte) []byte {
	for _, p := range parts {
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(p)))
		dst = append(dst, p...)
	}
	return dst
}

// Unpack appends the parts of a payload to dst. They share its memory. The error
// says that the payload was not made by [Pack].
func Unpack(dst [][]byte, payload []byte) ([][]byte, error) {
	for len(payload) > 0 {
		if len(payload) < 4 {
			return dst, fmt.Errorf("unpack a change: %d bytes are left where a length should stand", len(payload))
		}
		n := binary.BigEndian.Uint32(payload)
		if payload = payload[4:]; uint64(n) > uint64(len(payload)) {
			return dst, fmt.Errorf("unpack a change: a part of %d bytes has only %d", n, len(payload))
		}
		dst = append(dst, payload[:n:n])
		payload = payload[n:]
	}
	return dst, nil
}
