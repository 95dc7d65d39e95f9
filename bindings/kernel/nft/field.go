package nft

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/names"
	"github.com/ctsh/ctsh/bindings/kernel/suggest"
)

// Field is one part of the key of a set.
type Field struct {
	Type string // as nft calls it: "ipv4_addr", "inet_service"
	Len  int    // bytes, without padding
}

// kind is how the values of a field are written.
type kind struct {
	want string // what to give, in words
	// read reads one value into b, which has the length of the field.
	read func(b []byte, text string) error
	// text writes one value.
	text func(b []byte) string
	// spans tells that two values with a hyphen between them are a range.
	spans bool
	// host tells that the kernel holds the value in the byte order of the
	// machine. In a set of intervals it is the other way, so that values can be
	// compared byte by byte.
	host bool
}

// kinds are the types whose values can be written.
var kinds = map[string]*kind{
	"ipv4_addr":    {want: "an IPv4 address", read: readAddr, text: addrText, spans: true},
	"ipv6_addr":    {want: "an IPv6 address", read: readAddr, text: addrText, spans: true},
	"inet_service": {want: "a port or the name of a service", read: readPort, text: func(b []byte) string { return strconv.Itoa(int(binary.BigEndian.Uint16(b))) }, spans: true},
	"inet_proto":   {want: "a protocol by name or number", read: readProto, text: func(b []byte) string { return wire.ProtoName(b[0]) }, spans: true},
	"mark":         {want: "a mark such as 16 or 0x10", read: readMark, text: func(b []byte) string { return fmt.Sprintf("%#x", binary.BigEndian.Uint32(b)) }, spans: true, host: true},
	"ifname":       {want: "the name of an interface", read: readInterface, text: func(b []byte) string { return string(bytes.TrimRight(b, "\x00")) }},
}

// lengths of the kinds; a set that says otherwise is of another kernel.
var lengths = map[string]int{"ipv4_addr": 4, "ipv6_addr": 16, "inet_service": 2, "inet_proto": 1, "mark": 4, "ifname": unix.IFNAMSIZ}

func readAddr(b []byte, text string) error {
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return fmt.Errorf("%q is no address", text)
	}
	a = a.Unmap()
	switch {
	case a.Is6() && len(b) == 4:
		return fmt.Errorf("%s is an IPv6 address, the set holds IPv4 addresses", a)
	case a.Is4() && len(b) == 16:
		return fmt.Errorf("%s is an IPv4 address, the set holds IPv6 addresses", a)
	}
	copy(b, a.AsSlice())
	return nil
}

func addrText(b []byte) string {
	a, _ := netip.AddrFromSlice(b)
	return a.String()
}

func readPort(b []byte, text string) error {
	port, ok := names.Service(text)
	if !ok {
		n, err := number(text, 16)
		if err != nil {
			if text[0] >= '0' && text[0] <= '9' {
				return err
			}
			return fmt.Errorf("unknown service %q%s", text, suggest.Hint(text, names.Services()))
		}
		port = uint16(n)
	}
	binary.BigEndian.PutUint16(b, port)
	return nil
}

func readProto(b []byte, text string) error {
	p, ok := wire.ParseProto(text)
	if !ok {
		return fmt.Errorf("unknown protocol %q%s", text, suggest.Hint(text, wire.ProtoNames()))
	}
	b[0] = p
	return nil
}

func readMark(b []byte, text string) error {
	n, err := number(text, 32)
	if err != nil {
		return err
	}
	binary.BigEndian.PutUint32(b, uint32(n))
	return nil
}

// number reads a decimal or hexadecimal number of some bits, without sign,
// leading zeros or anything behind it.
func number(text string, bits int) (uint64, error) {
	digits, base := text, 10
	if hexed, ok := strings.CutPrefix(text, "0x"); ok {
		digits, base = hexed, 16
	} else if len(text) > 1 && text[0] == '0' {
		return 0, fmt.Errorf("%q has a leading zero", text)
	}
	n, err := strconv.ParseUint(digits, base, 64)
	switch {
	case err != nil || digits[0] == '+':
		return 0, fmt.Errorf("%q is no number", text)
	case n>>bits != 0:
		return 0, fmt.Errorf("%s is out of range 0 to %d", text, uint64(1)<<bits-1)
	}
	return n, nil
}

func readInterface(b []byte, text string) error {
	switch {
	case len(text) >= unix.IFNAMSIZ:
		return fmt.Errorf("%q is longer than %d bytes", text, unix.IFNAMSIZ-1)
	case strings.ContainsAny(text, " \t\n\v\f\r/:\x00"):
		return fmt.Errorf("%q is no name of an interface", text)
	}
	copy(b, text)
	return nil
}

// parse reads a value into from and to, which have the length of the field:
// the same one twice unless it is a range.
func (f Field) parse(from, to []byte, text string) error {
	k := kinds[f.Type]
	if text == "" {
		return fmt.Errorf("empty: want %s", k.want)
	}
	switch {
	case strings.Contains(f.Type, "_addr") && strings.Contains(text, "/"):
		return f.parsePrefix(from, to, text)
	case f.Type == "ifname" && strings.HasSuffix(text, "*"):
		return f.parseWildcard(from, to, text)
	}
	err := k.read(from, text)
	if err == nil {
		copy(to, from)
		return nil
	}
	// A service may have a hyphen in its name.
	lo, hi, ok := strings.Cut(text, "-")
	if !ok || !k.spans || lo == "" || hi == "" {
		return err
	}
	if err := k.read(from, lo); err != nil {
		return err
	}
	if err := k.read(to, hi); err != nil {
		return err
	}
	if bytes.Compare(from, to) > 0 {
		return fmt.Errorf("%s lies behind %s; the lower end comes first", lo, hi)
	}
	return nil
}

func (f Field) parsePrefix(from, to []byte, text string) error {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return fmt.Errorf("%q is no network", text)
	}
	if err := readAddr(from, p.Addr().String()); err != nil {
		return err
	}
	if p != p.Masked() {
		return fmt.Errorf("%s has bits set behind its prefix; did you mean %s?", text, p.Masked())
	}
	copy(to, from)
	for i := p.Bits(); i < 8*len(to); i++ {
		to[i/8] |= 0x80 >> (i % 8)
	}
	return nil
}

// parseWildcard reads "eth*": all names that begin so.
func (f Field) parseWildcard(from, to []byte, text string) error {
	prefix := strings.TrimSuffix(text, "*")
	if prefix == "" {
		return fmt.Errorf("%q is every interface", text)
	}
	if err := readInterface(from, prefix); err != nil {
		return err
	}
	copy(to, from)
	for i := len(prefix); i < len(to); i++ {
		to[i] = 0xff
	}
	return nil
}

// text writes a value or range. What is of no known type is written in
// hexadecimal digits.
func (f Field) text(from, to []byte) string {
	k := kinds[f.Type]
	one := func(b []byte) string { return "0x" + hex.EncodeToString(b) }
	if k != nil {
		one = k.text
	}
	if bytes.Equal(from, to) {
		return one(from)
	}
	if n, ok := prefixLen(from, to); ok && n%8 == 0 && f.Type == "ifname" {
		return one(from) + "*"
	} else if ok && strings.HasSuffix(f.Type, "_addr") && k != nil {
		return one(from) + "/" + strconv.Itoa(n)
	}
	return one(from) + "-" + one(to)
}

// prefixLen is how many bits two ends share, if all that follow are 0 in the
// first and 1 in the second.
func prefixLen(from, to []byte) (n int, ok bool) {
	for n < 8*len(from) && (from[n/8]^to[n/8])&(0x80>>(n%8)) == 0 {
		n++
	}
	for i := n; i < 8*len(from); i++ {
		bit := byte(0x80 >> (i % 8))
		if from[i/8]&bit != 0 || to[i/8]&bit == 0 {
			return 0, false
		}
	}
	return n, true
}
