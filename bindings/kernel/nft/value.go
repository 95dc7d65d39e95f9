package nft

import (
	"encoding/binary"
	"strings"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// truth is whether a rule takes a packet of which not all is known.
type truth int8

const (
	maybe truth = iota
	yes
	no
)

func (t truth) not() truth {
	switch t {
	case yes:
		return no
	case no:
		return yes
	}
	return maybe
}

// and is whether both hold.
func (t truth) and(other truth) truth {
	switch {
	case t == no || other == no:
		return no
	case t == yes && other == yes:
		return yes
	}
	return maybe
}

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// value is what a register holds: a part of the packet, or what is known of it.
type value struct {
	what  string // "ip saddr", "ct state"
	data  []byte // nil where it is not known
	side  Side   // of an address: which one
	never []byte // it is not this: packets of others do not come in by lo
	state bool   // it says of which state the packet is
}

// registers are the 16 of 4 bytes each that rules work with. The old names of
// four of 16 bytes still stand for them (nft_parse_register).
type registers [16]*value

func slot(register uint32) int {
	switch {
	case register >= unix.NFT_REG_1 && register <= unix.NFT_REG_4:
		return int(register-unix.NFT_REG_1) * 4
	case register >= unix.NFT_REG32_00 && register <= unix.NFT_REG32_15:
		return int(register - unix.NFT_REG32_00)
	}
	return -1
}

// unknown is what stands in a register that nothing known was loaded into.
var unknown = &value{what: "something else"}

func (r *registers) get(register uint32) *value {
	if i := slot(register); i >= 0 && r[i] != nil {
		return r[i]
	}
	return unknown
}

func (r *registers) set(register uint32, v *value) {
	if i := slot(register); i >= 0 {
		r[i] = v
	}
}

// forget notes that an expression wrote something that is not understood.
func (r *registers) forget(name string) {
	v := &value{what: name}
	for i := range r {
		r[i] = v
	}
}

// key lists the values in a key of a length that begins at a register.
func (r *registers) key(register uint32, size int) []*value {
	var list []*value
	first := slot(register)
	for i := first; first >= 0 && i < len(r) && 4*(i-first) < max(size, 1); i++ {
		if r[i] != nil && (len(list) == 0 || list[len(list)-1] != r[i]) {
			list = append(list, r[i])
		}
	}
	if len(list) == 0 {
		list = append(list, unknown)
	}
	return list
}

// whats names values: "ip saddr . tcp dport".
func whats(list []*value) string {
	names := make([]string, len(list))
	for i, v := range list {
		names[i] = v.what
	}
	return strings.Join(names, " . ")
}

var metaNames = map[expr.MetaKey]string{
	expr.MetaKeyIIF: "iif", expr.MetaKeyOIF: "oif", expr.MetaKeyIIFNAME: "iifname", expr.MetaKeyOIFNAME: "oifname",
	expr.MetaKeyIIFTYPE: "iiftype", expr.MetaKeyOIFTYPE: "oiftype", expr.MetaKeyMARK: "meta mark", expr.MetaKeyL4PROTO: "meta l4proto",
	expr.MetaKeyNFPROTO: "meta nfproto", expr.MetaKeyPROTOCOL: "meta protocol", expr.MetaKeySKUID: "skuid", expr.MetaKeySKGID: "skgid",
	expr.MetaKeyPKTTYPE: "pkttype", expr.MetaKeyLEN: "meta length", expr.MetaKeyIIFGROUP: "iifgroup", expr.MetaKeyOIFGROUP: "oifgroup",
	expr.MetaKeyCGROUP: "meta cgroup", expr.MetaKeyPRANDOM: "meta random", expr.MetaKeyCPU: "meta cpu",
}

// loopback is the interface lo, by name and by index, which is 1 in every
// namespace (drivers/net/loopback.c makes it first).
var (
	loopbackName  = append([]byte("lo"), make([]byte, unix.IFNAMSIZ-2)...)
	loopbackIndex = binary.NativeEndian.AppendUint32(nil, 1)
)

// meta is what a meta expression loads of p.
func (p *packet) meta(key expr.MetaKey) *value {
	v := &value{what: metaNames[key]}
	switch key {
	case expr.MetaKeyNFPROTO:
		v.data = []byte{byte(p.family)}
	case expr.MetaKeyPROTOCOL:
		v.data = binary.BigEndian.AppendUint16(nil, unix.ETH_P_IP)
		if p.family == IPv6 {
			v.data = binary.BigEndian.AppendUint16(nil, unix.ETH_P_IPV6)
		}
	case expr.MetaKeyIIFNAME, expr.MetaKeyOIFNAME:
		v.never = loopbackName
	case expr.MetaKeyIIF, expr.MetaKeyOIF:
		v.never = loopbackIndex
	}
	if v.what == "" {
		v.what = "meta"
	}
	return v
}

// ct is what a ct expression loads of p.
func (p *packet) ct(key expr.CtKey) *value {
	if key == expr.CtKeySTATE {
		return &value{what: "ct state", data: binary.NativeEndian.AppendUint32(nil, p.state), state: true}
	}
	names := map[expr.CtKey]string{expr.CtKeyDIRECTION: "ct direction", expr.CtKeySTATUS: "ct status", expr.CtKeyMARK: "ct mark",
		expr.CtKeyHELPER: "ct helper", expr.CtKeySRC: "ct saddr", expr.CtKeyDST: "ct daddr", expr.CtKeyLABELS: "ct label", expr.CtKeyZONE: "ct zone"}
	if name := names[key]; name != "" {
		return &value{what: name}
	}
	return &value{what: "ct"}
}

// payload loads a part of the packet. Both addresses may come at once.
func (p *packet) payload(r *registers, e *expr.Payload) {
	at := slot(e.DestRegister)
	if at < 0 {
		return
	}
	v := &value{what: "payload"}
	switch e.Base {
	case expr.PayloadBaseLLHeader:
		v.what = "ether"
	case expr.PayloadBaseTransportHeader:
		v.what = map[[2]uint32]string{{0, 2}: "sport", {2, 2}: "dport", {0, 4}: "sport . dport"}[[2]uint32{e.Offset, e.Len}]
		if v.what == "" {
			v.what = "transport header"
		}
	case expr.PayloadBaseNetworkHeader:
		if p.addresses(r, at, e) {
			return
		}
		v.what = p.ip()
		if e.Len == 1 && p.family == IPv4 && e.Offset == 9 || e.Len == 1 && p.family == IPv6 && e.Offset == 6 {
			v.what += " protocol"
		}
	}
	for i := at; i < len(r) && 4*(i-at) < int(e.Len); i++ {
		r[i] = v
	}
}

func (p *packet) ip() string {
	if p.family == IPv6 {
		return "ip6"
	}
	return "ip"
}

// addresses loads one address or both, false where it is something else. A
// load of the first bytes of an address is a test of its network.
func (p *packet) addresses(r *registers, at int, e *expr.Payload) bool {
	first, size := uint32(12), uint32(4) // saddr, and daddr behind it
	if p.family == IPv6 {
		first, size = 8, 16
	}
	if e.Offset < first || e.Offset >= first+2*size || e.Offset+e.Len > first+2*size {
		return false
	}
	for i := range e.Len {
		side, word := Source, " saddr"
		if e.Offset+i >= first+size {
			side, word = Destination, " daddr"
		}
		if k := at + int(i)/4; i%4 == 0 && k < len(r) {
			whole := (e.Offset-first)%size == 0 && e.Len%size == 0
			v := &value{what: p.ip() + word}
			if whole {
				v.side = side
			}
			if k > at && r[k-1] != nil && r[k-1].what == v.what && i%size != 0 {
				v = r[k-1]
			}
			r[k] = v
		}
	}
	return true
}
