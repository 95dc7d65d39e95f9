package filter

import (
	"math"
	"sort"

	"github.com/ctsh/ctsh/bindings/engine/field"
)

// span is a range of numbers, both ends in it.
type span struct{ lo, hi float64 }

// spanOf makes a comparison with a number one with a range: what is compared
// holds where a value is in it or, with not, outside.
func spanOf(op string, n float64) (s span, not bool) {
	switch op {
	case "<":
		return span{math.Inf(-1), math.Nextafter(n, math.Inf(-1))}, false
	case "<=":
		return span{math.Inf(-1), n}, false
	case ">":
		return span{math.Nextafter(n, math.Inf(1)), math.Inf(1)}, false
	case ">=":
		return span{n, math.Inf(1)}, false
	}
	return span{n, n}, op == "!="
}

// merge sorts spans and joins those that overlap.
func merge(spans []span) []span {
	sort.Slice(spans, func(i, j int) bool { return spans[i].lo < spans[j].lo })
	out := spans[:0]
	for _, s := range spans {
		if n := len(out); n > 0 && s.lo <= out[n-1].hi {
			out[n-1].hi = max(out[n-1].hi, s.hi)
			continue
		}
		out = append(out, s)
	}
	return out
}

// within holds where a number is in one of the spans, or with not in none.
func within(o *operand, spans []span, not bool) pred {
	spans = merge(spans)
	in, out := answers(not)
	if o.whole != nil {
		return wordWithin(o.whole, wordSpans(spans), in, out)
	}
	get := o.num
	if len(spans) == 1 {
		lo, hi := spans[0].lo, spans[0].hi
		return func(r *field.Row) Tri {
			v, ok := get(r)
			if !ok {
				return Unknown
			}
			if lo <= v && v <= hi {
				return in
			}
			return out
		}
	}
	return func(r *field.Row) Tri {
		v, ok := get(r)
		if !ok {
			return Unknown
		}
		i := sort.Search(len(spans), func(i int) bool { return spans[i].hi >= v })
		if i < len(spans) && spans[i].lo <= v {
			return in
		}
		return out
	}
}

// answers are what a set is asked for: is a value in it, or with not, is it
// outside.
func answers(not bool) (in, out Tri) { return truth(!not), truth(not) }

// wordSpan is a range of whole numbers: lo and width more.
type wordSpan struct{ lo, width uint32 }

// wordSpans are the whole numbers in spans that are sorted, ranges that touch
// joined.
func wordSpans(spans []span) (list []wordSpan) {
	for _, s := range spans {
		lo, hi := math.Ceil(max(s.lo, 0)), math.Floor(min(s.hi, math.MaxUint32))
		if lo > hi {
			continue
		}
		w := wordSpan{uint32(lo), uint32(hi) - uint32(lo)}
		if n := len(list); n > 0 && w.lo == list[n-1].lo+list[n-1].width+1 {
			list[n-1].width += w.width + 1
			continue
		}
		list = append(list, w)
	}
	return list
}

// Sets of more ranges than this are not gone through one by one.
const fewSpans = 4

// ports is one bit for each number of 16 bits, 8 KiB.
type ports [1 << 16 / 64]uint64

// wordWithin is within for whole numbers.
func wordWithin(get func(*field.Row) (uint32, bool), spans []wordSpan, in, out Tri) pred {
	n := len(spans)
	switch {
	case n == 1:
		lo, width := spans[0].lo, spans[0].width
		return func(r *field.Row) Tri {
			v, ok := get(r)
			if !ok {
				return Unknown
			}
			if v-lo <= width {
				return in
			}
			return out
		}
	case n > fewSpans && spans[n-1].lo+spans[n-1].width <= math.MaxUint16:
		set := &ports{}
		for _, s := range spans {
			for v := s.lo; v <= s.lo+s.width; v++ {
				set[v>>6] |= 1 << (v & 63)
			}
		}
		return func(r *field.Row) Tri {
			v, ok := get(r)
			if !ok {
				return Unknown
			}
			if v>>6 < uint32(len(set)) && set[v>>6]>>(v&63)&1 != 0 {
				return in
			}
			return out
		}
	case n > fewSpans:
		return func(r *field.Row) Tri {
			v, ok := get(r)
			if !ok {
				return Unknown
			}
			i := sort.Search(n, func(i int) bool { return spans[i].lo > v })
			if i > 0 && v-spans[i-1].lo <= spans[i-1].width {
				return in
			}
			return out
		}
	}
	return func(r *field.Row) Tri {
		v, ok := get(r)
		if !ok {
			return Unknown
		}
		for _, s := range spans {
			if v-s.lo <= s.width {
				return in
			}
		}
		return out
	}
}
