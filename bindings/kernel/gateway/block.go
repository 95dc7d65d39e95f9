package gateway

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// A block is a header and content, the same in both directions:
//
//	0   8  the stream
//	8   8  number of the block, from 0
//	16  4  kind
//	20  4  length of the content
//	24  4  CRC-32C of all that comes before and after it
//	28     content, made from stream and number
const headerLen = 28

type kind uint32

const (
	kindBlock kind = 1
	kindEcho  kind = 2
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sum is the checksum that b must carry.
func sum(b []byte) uint32 {
	return crc32.Update(crc32.Checksum(b[:24], castagnoli), castagnoli, b[headerLen:])
}

// makeBlock writes a block of len(b)-headerLen bytes of content into b.
func makeBlock(b []byte, stream, number uint64) {
	binary.BigEndian.PutUint64(b, stream)
	binary.BigEndian.PutUint64(b[8:], number)
	binary.BigEndian.PutUint32(b[20:], uint32(len(b)-headerLen))
	word := stream<<32 ^ number
	for i := range b[headerLen:] {
		if i%8 == 0 {
			word = word*6364136223846793005 + 1442695040888963407
		}
		b[headerLen+i] = byte(word >> (i % 8 * 8))
	}
	setKind(b, kindBlock)
}

// setKind turns a block into one of another kind.
func setKind(b []byte, k kind) {
	binary.BigEndian.PutUint32(b[16:], uint32(k))
	binary.BigEndian.PutUint32(b[24:], sum(b))
}

// contentLen is the length that the header of b tells.
func contentLen(b []byte) int { return int(binary.BigEndian.Uint32(b[20:])) }

// readBlock tells kind and number of b, a whole block of content bytes of
// content, or what is wrong with it.
func readBlock(b []byte, stream uint64, content int) (kind, uint64, error) {
	if len(b) != headerLen+content || contentLen(b) != content {
		return 0, 0, fmt.Errorf("%d bytes came, want a block of %d", len(b), headerLen+content)
	}
	if got, want := binary.BigEndian.Uint32(b[24:]), sum(b); got != want {
		return 0, 0, fmt.Errorf("checksum %08x, want %08x", got, want)
	}
	if got := binary.BigEndian.Uint64(b); got != stream {
		return 0, 0, fmt.Errorf("a block of stream %d in stream %d", got, stream)
	}
	k := kind(binary.BigEndian.Uint32(b[16:]))
	if k != kindBlock && k != kindEcho {
		return 0, 0, fmt.Errorf("unknown kind %d", k)
	}
	return k, binary.BigEndian.Uint64(b[8:]), nil
}
