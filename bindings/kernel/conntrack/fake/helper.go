package fake

import "github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"

// helper is a registered connection-tracking helper.
type helper struct {
	name     string
	families []uint8
	protos   []uint8
	classes  []expectClass
}

// expectClass is a helper's policy for one class of expectations.
type expectClass struct {
	max     int
	seconds uint32
}

var (
	bothFamilies = []uint8{wire.FamilyIPv4, wire.FamilyIPv6}
	onlyIPv4     = []uint8{wire.FamilyIPv4}
	overTCP      = []uint8{wire.ProtoTCP}
	overUDP      = []uint8{wire.ProtoUDP}
)

// helpers are those of the kernel's tree with their policies (linux
// net/netfilter/nf_conntrack_*.c).
var helpers = []*helper{
	{"amanda", bothFamilies, overUDP, []expectClass{{4, 180}}},
	{"ftp", bothFamilies, overTCP, []expectClass{{1, 300}}},
	{"irc", onlyIPv4, overTCP, []expectClass{{8, 300}}},
	{"netbios-ns", onlyIPv4, overUDP, []expectClass{{1, 3}}},
	{"pptp", onlyIPv4, overTCP, []expectClass{{2, 300}}},
	{"Q.931", bothFamilies, overTCP, []expectClass{{8, 240}}},
	{"RAS", bothFamilies, overUDP, []expectClass{{32, 240}}},
	{"sane", bothFamilies, overTCP, []expectClass{{1, 300}}},
	{"sip", bothFamilies, []uint8{wire.ProtoTCP, wire.ProtoUDP}, []expectClass{{1, 180}, {4, 180}, {4, 180}, {4, 180}}},
	{"snmp", onlyIPv4, overUDP, []expectClass{{1, 30}}},
	{"tftp", bothFamilies, overUDP, []expectClass{{1, 300}}},
}

// expectFunctions are the functions that an expectation may name.
var expectFunctions = map[string]bool{"nat-follow-master": true, "sip": true, "Q.931": true,
	"callforwarding": true, "H.245": true, "pptp": true, "rtp": true}

func findHelper(name string, family, proto uint8) *helper {
	has := func(list []uint8, v uint8) bool {
		for _, w := range list {
			if w == v {
				return true
			}
		}
		return false
	}
	for _, h := range helpers {
		if h.name == name && has(h.families, family) && has(h.protos, proto) {
			return h
		}
	}
	return nil
}
