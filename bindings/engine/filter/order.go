package filter

import (
	"cmp"
	"slices"

	"github.com/ctsh/ctsh/bindings/engine/field"
)

// weight is how much a condition costs a flow, roughly: what is compared where
// it lies in the message, then addresses and ports, then what is in nests of
// its own or is a text, then what is computed.
type weight uint8

const (
	weightWord weight = iota
	weightTuple
	weightNest
	weightText
	weightComputed
)

// weighed is a compiled condition and what it costs.
type weighed struct {
	pred   pred
	weight weight
}

// lightFirst sorts conditions of which all or one must hold by what they cost,
// and returns the weight of them together. The order does not change the
// answer: it is the least or the most of theirs, and none has a side effect.
func lightFirst(list []weighed) (preds []pred, w weight) {
	slices.SortStableFunc(list, func(a, b weighed) int { return cmp.Compare(a.weight, b.weight) })
	preds = make([]pred, len(list))
	for i, x := range list {
		preds[i], w = x.pred, max(w, x.weight)
	}
	return preds, w
}

// weigh tells what a condition that is not made of others costs.
func (c *compiler) weigh(e Expr) (w weight) {
	if _, glob := e.(*Glob); !glob && c.rung(e) == Go {
		return weightComputed
	}
	c.eachIn(e, func(f *field.Field) { w = max(w, weightOf(f)) })
	return w
}

func weightOf(f *field.Field) weight {
	const tuples = field.PartOrig | field.PartReply
	const nests = field.PartCounters | field.PartTimes | field.PartProto | field.PartLabels | field.PartExtra
	switch {
	case f.Derived || f.Part&field.PartCells != 0:
		return weightComputed
	case f == protoField || f == protoNumber:
		return weightWord
	case f.Kind == field.Text || f.Kind == field.Parent:
		return weightText
	case f.Part&nests != 0:
		return weightNest
	case f.Part&tuples != 0:
		return weightTuple
	}
	return weightWord
}
