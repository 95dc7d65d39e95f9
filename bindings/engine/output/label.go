package output

import (
	"math/bits"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/label"
	"github.com/ctsh/ctsh/lua/escape"
)

// labelTexts are the labels by bit, each called as field.LabelNames calls it.
var labelTexts = func() *[label.Bits]string { return label.System().Texts() }

// nextLabel returns the lowest bit of l and l without it; ok is false when none
// is left.
func nextLabel(l wire.Labels) (bit int, rest wire.Labels, ok bool) {
	for word := range l {
		if l[word] != 0 {
			bit = word*64 + bits.TrailingZeros64(l[word])
			l[word] &= l[word] - 1
			return bit, l, true
		}
	}
	return 0, l, false
}

// appendLabels appends the names of labels for a terminal, joined by commas.
func appendLabels(b []byte, l wire.Labels) []byte { return joinLabels(b, l, escape.Terminal) }

// joinLabels appends the names of labels, each through escaped, joined by
// commas. A comma is one byte and no part of any character, so the escaped
// parts are the escaped whole.
func joinLabels(b []byte, l wire.Labels, escaped func(string) string) []byte {
	texts, first := labelTexts(), true
	for bit, rest, ok := nextLabel(l); ok; bit, rest, ok = nextLabel(rest) {
		if !first {
			b = append(b, ',')
		}
		b, first = append(b, escaped(texts[bit])...), false
	}
	return b
}
