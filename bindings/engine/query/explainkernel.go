package query

import (
	"fmt"
	"strings"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// kernelTerm is one thing that the kernel filters by.
type kernelTerm struct {
	what string // as the probe is called
	text string
	attr string
}

// kernelTerms lists what a filter of the kernel compares.
func kernelTerms(k *wire.Filter) (list []kernelTerm) {
	add := func(what, attr, format string, args ...any) {
		list = append(list, kernelTerm{what, fmt.Sprintf(format, args...), attr})
	}
	switch k.Family {
	case wire.FamilyIPv4:
		add("family", "family", "family=4")
	case wire.FamilyIPv6:
		add("family", "family", "family=6")
	}
	if m := k.Mark; m != nil {
		if m.Mask == ^uint32(0) {
			add("mark", "CTA_MARK", "mark=%#x", m.Value)
		} else {
			add("mark", "CTA_MARK", "mark=%#x/%#x", m.Value, m.Mask)
		}
	}
	if st := k.Status; st != nil {
		add("status", "CTA_STATUS", "status=%#x/%#x", uint32(st.Value), uint32(st.Mask))
	}
	if k.Zone != nil {
		add("zone", "CTA_ZONE", "zone=%d", *k.Zone)
	}
	either := k.Orig.Bits & k.Reply.Bits & wire.FilterProto // a flow has one protocol
	if either != 0 {
		add("tuple", "CTA_FILTER", "proto=%d", k.Orig.Tuple.Proto)
	}
	for i, t := range []*wire.TupleFilter{&k.Orig, &k.Reply} {
		dir := [...]string{"orig", "reply"}[i]
		for _, part := range []struct {
			bit  wire.FilterBits
			text string
		}{
			{wire.FilterProto, fmt.Sprintf("proto=%d", t.Tuple.Proto)}, {wire.FilterSrc, "src=" + t.Tuple.Src.String()}, {wire.FilterDst, "dst=" + t.Tuple.Dst.String()},
			{wire.FilterSrcPort, fmt.Sprintf("sport=%d", t.Tuple.SrcPort)}, {wire.FilterDstPort, fmt.Sprintf("dport=%d", t.Tuple.DstPort)},
		} {
			if t.Bits&^either&part.bit != 0 {
				add("tuple", "CTA_FILTER", "%s.%s", dir, part.text)
			}
		}
	}
	return list
}

func kernelText(k *wire.Filter) string {
	var parts []string
	for _, t := range kernelTerms(k) {
		parts = append(parts, t.text)
	}
	return strings.Join(parts, " ")
}

// kernelNote names the attributes and the word of the probe.
func kernelNote(k *wire.Filter, know Learned) string {
	var attrs, words []string
	for _, t := range kernelTerms(k) {
		attrs = once(attrs, t.attr)
		if know.Probe != nil {
			words = once(words, know.Probe(t.what))
		}
	}
	note := strings.Join(attrs, ", ")
	if len(words) > 0 {
		note += "   probe " + strings.Join(words, ", ")
	}
	return note
}

// missing lists what the kernel could take by a and is not asked for by b.
func missing(a, b *wire.Filter) (list []string) {
	asked := map[string]bool{}
	for _, t := range kernelTerms(b) {
		asked[t.what] = true
	}
	for _, t := range kernelTerms(a) {
		if !asked[t.what] {
			list = once(list, t.what)
		}
	}
	return list
}

// once adds a text that is not there yet.
func once(list []string, s string) []string {
	for _, x := range list {
		if x == s {
			return list
		}
	}
	return append(list, s)
}
