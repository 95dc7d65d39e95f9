package archive

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// flow makes the flow that a line describes, as a dump would have had it. It
// overwrites e. The reason for a bad line is in words.
func (w *words) flow(e *wire.Entry) (reason string) {
	*e = wire.Entry{}
	if reason := w.read(); reason != "" {
		return reason
	}
	p := parser{w: w}
	e.Orig.Proto = p.proto()
	if p.reason == "" {
		p.reason = w.fits(e.Orig.Proto)
	}
	if p.reason == "" {
		p.original(&e.Orig)
	}
	if p.reason == "" {
		p.reply(e)
		p.zones(e)
		p.rest(e)
	}
	return p.reason
}

// parser reads the values of a line. It keeps the first reason why it cannot; what
// it returns behind that means nothing.
type parser struct {
	w      *words
	reason string
}

// value is that of an option, and whether it is given.
func (p *parser) value(o option) (string, bool) { return p.w.values[o], p.w.given[o] }

// bad keeps the reason for a value that is none.
func (p *parser) bad(o option, expected string) {
	if p.reason == "" {
		p.reason = fmt.Sprintf("%s %q is not %s", wordOf[o], p.w.values[o], expected)
	}
}

func (p *parser) proto() uint8 {
	text, ok := p.value(optProto)
	if !ok {
		p.reason = "-p is missing"
		return 0
	}
	if strings.EqualFold(text, "ipv6-icmp") { // as /etc/protocols has it
		return wire.ProtoICMPv6
	}
	proto, ok := wire.ParseProto(text)
	if !ok {
		p.bad(optProto, "a protocol or its number")
	}
	return proto
}

// number reads a decimal number, or one in hexadecimal behind 0x, of so many bits.
// Without the option it is what stands for it.
func (p *parser) number(o option, bits int, without uint64) uint64 {
	text, ok := p.value(o)
	if !ok {
		return without
	}
	digits, base := text, 10
	if hex, is := strings.CutPrefix(text, "0x"); is {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(digits, base, bits)
	if err != nil || digits[0] == '+' || base == 10 && len(digits) > 1 && digits[0] == '0' {
		p.bad(o, fmt.Sprintf("a number from 0 to %d", uint64(1)<<bits-1))
	}
	return n
}

func (p *parser) number16(o option, without uint16) uint16 {
	return uint16(p.number(o, 16, uint64(without)))
}

// addr reads an address, of the family of the first one.
func (p *parser) addr(o option, text string, family *uint8) (a wire.Addr) {
	ip, err := netip.ParseAddr(text)
	if err != nil || ip.Zone() != "" || ip.Is4In6() {
		p.bad(o, "an address")
		return a
	}
	f := uint8(wire.FamilyIPv6)
	if ip.Is4() {
		f = wire.FamilyIPv4
	}
	if *family != 0 && *family != f {
		p.bad(o, "of the same family as the rest")
	}
	*family = f
	return wire.AddrFrom(ip)
}
