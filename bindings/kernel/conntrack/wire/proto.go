package wire

import (
	"strconv"
	"strings"
)

// Layer-4 protocols that conntrack knows by more than their number.
const (
	ProtoICMP    = 1
	ProtoTCP     = 6
	ProtoUDP     = 17
	ProtoDCCP    = 33
	ProtoGRE     = 47
	ProtoICMPv6  = 58
	ProtoSCTP    = 132
	ProtoUDPLite = 136
)

// protoNames are the names that ctsh prints and reads, in the words of
// /etc/protocols; a protocol without a name is its number in decimal.
var protoNames = map[uint8]string{
	ProtoICMP: "icmp", 2: "igmp", 4: "ipencap", ProtoTCP: "tcp",
	ProtoUDP: "udp", ProtoDCCP: "dccp", 41: "ipv6", ProtoGRE: "gre",
	50: "esp", 51: "ah", ProtoICMPv6: "icmpv6", 89: "ospf", 103: "pim",
	112: "vrrp", 115: "l2tp", ProtoSCTP: "sctp", ProtoUDPLite: "udplite",
}

var protoStrings = func() (s [256]string) {
	for i := range s {
		if name, ok := protoNames[uint8(i)]; ok {
			s[i] = name
		} else {
			s[i] = strconv.Itoa(i)
		}
	}
	return s
}()

// ProtoName returns the name of a protocol, or its number in decimal.
func ProtoName(proto uint8) string { return protoStrings[proto] }

// ProtoNames lists the protocols that have a name, unordered.
func ProtoNames() []string {
	names := make([]string, 0, len(protoNames))
	for _, n := range protoNames {
		names = append(names, n)
	}
	return names
}

// ParseProto reads a protocol name in any case, or a number from 0 to 255
// without sign or leading zero.
func ParseProto(s string) (uint8, bool) {
	lower := strings.ToLower(s)
	for i, name := range protoStrings {
		if name == lower || strconv.Itoa(i) == s {
			return uint8(i), true
		}
	}
	return 0, false
}

// HasPorts tells whether tuples of proto carry port numbers.
func HasPorts(proto uint8) bool {
	switch proto {
	case ProtoTCP, ProtoUDP, ProtoUDPLite, ProtoSCTP, ProtoDCCP:
		return true
	}
	return false
}

var (
	tcpStates = []string{"NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED",
		"FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE", "SYN_SENT2"}
	sctpStates = []string{"NONE", "CLOSED", "COOKIE_WAIT", "COOKIE_ECHOED",
		"ESTABLISHED", "SHUTDOWN_SENT", "SHUTDOWN_RECD", "SHUTDOWN_ACK_SENT",
		"HEARTBEAT_SENT"}
	dccpStates = []string{"NONE", "REQUEST", "RESPOND", "PARTOPEN", "OPEN",
		"CLOSEREQ", "CLOSING", "TIMEWAIT", "IGNORE", "INVALID"}
)

// States lists the connection states of proto in the order of their numbers,
// nil for a protocol that has none.
func States(proto uint8) []string {
	switch proto {
	case ProtoTCP:
		return tcpStates
	case ProtoSCTP:
		return sctpStates
	case ProtoDCCP:
		return dccpStates
	}
	return nil
}

// StateName returns the name of a connection state of proto, "" for a
// protocol that has none and the number for a state this program is too old
// to know.
func StateName(proto, state uint8) string {
	names := States(proto)
	switch {
	case names == nil:
		return ""
	case int(state) < len(names):
		return names[state]
	}
	return strconv.Itoa(int(state))
}

// ParseState reads the name of a connection state of proto, in any case.
func ParseState(proto uint8, s string) (uint8, bool) {
	for i, name := range States(proto) {
		if strings.EqualFold(name, s) {
			return uint8(i), true
		}
	}
	return 0, false
}
