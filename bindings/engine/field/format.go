package field

import (
	"strconv"
	"strings"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Format renders a value of f as plain text: what CSV holds and what a filter
// reads back.
func (f *Field) Format(v Value) string {
	switch f.Kind {
	case Number:
		if f.Name == "start" || f.Name == "stop" {
			return strconv.FormatFloat(v.Num, 'f', 6, 64)
		}
		return strconv.FormatFloat(v.Num, 'f', -1, 64)
	case Flag:
		return strconv.FormatBool(v.On)
	case Address:
		return v.Addr.String()
	case Labels:
		return strings.Join(LabelNames(v.Bits), ",")
	}
	return v.Str
}

// LabelNames lists the set labels by bit number, lowest first.
func LabelNames(l wire.Labels) []string {
	var names []string
	for n := range 128 {
		if l.Bit(n) {
			names = append(names, strconv.Itoa(n))
		}
	}
	return names
}
