package field

import (
	"strconv"
	"strings"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/label"
)

// Format renders a value of f as plain text: what CSV holds and what a filter
// reads back.
func (f *Field) Format(v Value) string {
	if f.Kind == Text || f.Kind == Parent {
		return v.Str
	}
	return string(f.Append(nil, v))
}

// Append appends what Format returns.
func (f *Field) Append(b []byte, v Value) []byte {
	switch f.Kind {
	case Number:
		switch whole := int64(v.Num); {
		case f.Name == "start" || f.Name == "stop":
			return strconv.AppendFloat(b, v.Num, 'f', 6, 64)
		case float64(whole) == v.Num:
			return strconv.AppendInt(b, whole, 10)
		}
		return strconv.AppendFloat(b, v.Num, 'f', -1, 64)
	case Flag:
		return strconv.AppendBool(b, v.On)
	case Address:
		return v.Addr.Netip().AppendTo(b)
	case Labels:
		return append(b, strings.Join(LabelNames(v.Bits), ",")...)
	}
	return append(b, v.Str...)
}

// LabelNames lists the set labels, lowest bit first: by name where
// connlabel.conf has one, by number elsewhere.
func LabelNames(l wire.Labels) []string {
	var list []string
	texts := label.System().Texts()
	for n := range texts {
		if l.Bit(n) {
			list = append(list, texts[n])
		}
	}
	return list
}
