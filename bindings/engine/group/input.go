package group

import (
	"encoding/binary"
	"hash/maphash"
	"math"

	"github.com/ctsh/ctsh/bindings/engine/field"
)

// input is a field that aggregates read, once a row for all that read it the
// same way: as a number, or as the hash of a value of any kind.
type input struct {
	field *field.Field
	read  func(*field.Row) (field.Value, bool)
	hash  bool
}

// input returns the index of the input of an aggregate.
func (t *Table) input(f *field.Field, hash bool) int {
	for i, in := range t.inputs {
		if in.field == f && in.hash == hash {
			return i
		}
	}
	t.inputs = append(t.inputs, input{f, f.Reader(), hash})
	return len(t.inputs) - 1
}

// word reads the input of a row: the bits of a number, or a hash, or absent.
func (in *input) word(r *field.Row) uint64 {
	v, ok := in.read(r)
	switch number := in.field.Kind == field.Number; {
	case !ok || number && !finite(v.Num):
		return absent
	case in.hash:
		return hashOf(in.field.Kind, &v)
	}
	return math.Float64bits(v.Num)
}

// textSeed is that of the hash of texts, of the process like secret.
var textSeed = maphash.MakeSeed()

// hashOf hashes a value. It is not 0, which in a set is no value, nor absent.
func hashOf(kind field.Kind, v *field.Value) uint64 {
	var h uint64
	switch kind {
	case field.Number:
		h = hash([]uint64{math.Float64bits(v.Num + 0)}) // -0 is 0
	case field.Address:
		h = hash([]uint64{binary.BigEndian.Uint64(v.Addr[:8]), binary.BigEndian.Uint64(v.Addr[8:])})
	case field.Labels:
		h = hash(v.Bits[:])
	case field.Flag:
		n := uint64(0)
		if v.On {
			n = 1
		}
		h = hash([]uint64{n})
	default:
		h = maphash.String(textSeed, v.Str)
	}
	if h == 0 || h == absent {
		return 1
	}
	return h
}
