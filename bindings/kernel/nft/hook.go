package nft

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Hook is a place on the way of a packet.
type Hook string

// Hooks. A packet for this machine passes prerouting and input, one that it
// routes prerouting, forward and postrouting, and one that it sends output and
// postrouting. Ingress and egress are those of one interface.
const (
	Ingress     Hook = "ingress"
	Prerouting  Hook = "prerouting"
	Input       Hook = "input"
	Forward     Hook = "forward"
	Output      Hook = "output"
	Postrouting Hook = "postrouting"
	Egress      Hook = "egress"
)

// hookOf names a hook by its number, which is another one by family
// (include/uapi/linux/netfilter.h, netfilter_arp.h).
func hookOf(f Family, num uint32) Hook {
	names := []Hook{Prerouting, Input, Forward, Output, Postrouting, Ingress}
	switch f {
	case Netdev:
		names = []Hook{Ingress, Egress}
	case ARP:
		names = []Hook{Input, Output, Forward}
	}
	if num < uint32(len(names)) {
		return names[num]
	}
	return ""
}

// Side is an end of a packet.
type Side string

// Sides.
const (
	Source      Side = "source"
	Destination Side = "destination"
)

// Place is a rule, counted from 1 in its chain, or with Rule 0 the policy of a
// chain.
type Place struct {
	Family Family
	Table  string
	Chain  string
	Rule   int
	Handle uint64 // by which nft names the rule
}

// String names the rule: "rule 3 of chain inet filter input".
func (p Place) String() string {
	chain := chainKey{tableKey{p.Family, p.Table}, p.Chain}
	if p.Rule == 0 {
		return fmt.Sprintf("the policy of chain %s", chain)
	}
	return fmt.Sprintf("rule %d of chain %s", p.Rule, chain)
}

// sees tells whether packets of IP, in version 4 or 6, pass chains of a family
// of tables where the kernel also follows their connections.
func (f Family) sees(packets Family) bool {
	return f == packets || f == unix.NFPROTO_INET || f == Netdev
}
