package group

import (
	"math"

	"github.com/ctsh/ctsh/bindings/engine/field"
)

// Bucket makes of a number field the key of its histogram, called "from": the
// power of two at or below the number, in its unit. It is 0 for 0; below 0 the
// buckets are the same with a minus, -4 for -3. The error is an [*Error].
func Bucket(f *field.Field) (*field.Field, error) {
	if f.Kind != field.Number {
		return nil, notNumber("hist", f)
	}
	read := f.Reader()
	return field.Compute(field.Field{
		Name: "from", Kind: field.Number, Unit: f.Unit, Doc: "where a bucket of " + f.Name + " begins",
		Needs: f.Needs, Part: f.Part, Min: f.Min, Max: f.Max,
	}, func(r *field.Row) (field.Value, bool) {
		v, ok := read(r)
		return field.Value{Num: floor2(v.Num)}, ok
	}), nil
}

// floor2 is the power of two at or below n.
func floor2(n float64) float64 {
	if n == 0 || !finite(n) {
		return n
	}
	half, exp := math.Frexp(n) // half is 0.5 to 1
	switch {
	case half > 0:
		return math.Ldexp(0.5, exp)
	case half == -0.5:
		return n
	}
	return math.Ldexp(-1, exp)
}
