package group

import (
	"encoding/binary"
	"math"
	"math/bits"
	"math/rand/v2"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// keyField is where a field is in the packed key. The first word of a key has a
// presence bit for each field; flags (1 bit) and texts (their number, 32 bits)
// share it and the words behind it; numbers follow with a word each, addresses
// and labels with two.
type keyField struct {
	*field.Field
	read    func(*field.Row) (field.Value, bool)
	present uint64 // the bit in the first word
	word    int
	shift   uint // of a flag or a text in its word
}

// maxKeys is how many presence bits a word has.
const maxKeys = 64

// layout finds a place for every field, and how many words a key has.
func layout(fields []*field.Field) (keys []keyField, words int) {
	word, used := 0, uint(len(fields))
	keys = make([]keyField, len(fields))
	for i, f := range fields {
		k := &keys[i]
		*k = keyField{Field: f, read: f.Reader(), present: 1 << i}
		var width uint
		switch f.Kind {
		case field.Flag:
			width = 1
		case field.Text, field.Parent:
			width = 32
		default:
			continue
		}
		if used+width > 64 {
			word, used = word+1, 0
		}
		k.word, k.shift = word, used
		used += width
	}
	words = word + 1
	for i := range keys {
		switch k := &keys[i]; k.Kind {
		case field.Number:
			k.word = words
			words++
		case field.Address, field.Labels:
			k.word = words
			words += 2
		}
	}
	return keys, words
}

// pack writes the key of a row to key.
func (t *Table) pack(r *field.Row, key []uint64) {
	clear(key)
	for i := range t.keys {
		k := &t.keys[i]
		v, ok := k.read(r)
		if !ok {
			continue
		}
		switch k.Kind {
		case field.Number:
			if !finite(v.Num) {
				continue
			}
			key[k.word] = math.Float64bits(v.Num + 0) // -0 is 0
		case field.Address:
			key[k.word] = binary.BigEndian.Uint64(v.Addr[:8])
			key[k.word+1] = binary.BigEndian.Uint64(v.Addr[8:])
		case field.Labels:
			key[k.word], key[k.word+1] = v.Bits[0], v.Bits[1]
		case field.Flag:
			if v.On {
				key[k.word] |= 1 << k.shift
			}
		default:
			key[k.word] |= uint64(t.texts.id(v.Str)) << k.shift
		}
		key[0] |= k.present
	}
}

// unpack reads a field of a packed key.
func (t *Table) unpack(k *keyField, key []uint64) (c field.Cell) {
	if key[0]&k.present == 0 {
		return c
	}
	c.Has = true
	switch k.Kind {
	case field.Number:
		c.Num = math.Float64frombits(key[k.word])
	case field.Address:
		binary.BigEndian.PutUint64(c.Addr[:8], key[k.word])
		binary.BigEndian.PutUint64(c.Addr[8:], key[k.word+1])
	case field.Labels:
		c.Bits = wire.Labels{key[k.word], key[k.word+1]}
	case field.Flag:
		c.On = key[k.word]>>k.shift&1 != 0
	default:
		c.Str = t.texts.list[uint32(key[k.word]>>k.shift)]
	}
	return c
}

// finite tells whether n is a number, and not too large for one.
func finite(n float64) bool { return n-n == 0 }

// secret makes the hash one that nobody can prepare addresses against: whoever
// sends packets chooses the keys. It is that of the process, so that the same
// rows give the same estimates in all its tables.
var secret = [3]uint64{rand.Uint64(), rand.Uint64(), rand.Uint64()}

// hash folds 128-bit products of two words at a time. IPv4 addresses differ in
// few bits of a word, which this spreads over all of the result.
func hash(key []uint64) uint64 {
	h := secret[0]
	for len(key) >= 2 {
		h = fold(key[0]^secret[1], key[1]^h)
		key = key[2:]
	}
	if len(key) == 1 {
		h = fold(key[0]^secret[1], h)
	}
	return fold(h, secret[2])
}

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}
