package probe

import (
	"errors"
	"syscall"

	"github.com/mdlayher/netlink"
	"github.com/ti-mo/netfilter"
	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/netns"
)

// trackers are the expressions of nftables that register connection tracking
// in their namespace (linux nf_ct_netns_get), and the matches and targets of
// iptables-nft that do.
var trackers = map[string]bool{
	"ct": true, "nat": true, "masq": true, "redir": true, "synproxy": true, "connlimit": true, "flow_offload": true,
	"conntrack": true, "state": true, "connmark": true, "connbytes": true, "connlabel": true, "helper": true, "cluster": true,
	"CT": true, "CONNMARK": true, "CONNSECMARK": true, "SNAT": true, "DNAT": true, "MASQUERADE": true, "REDIRECT": true, "NETMAP": true, "SYNPROXY": true,
}

// Numbers of linux/netfilter/nf_tables.h.
const (
	nftGetRule         = 7
	nftRuleExpressions = 4
	nftListElem        = 1
	nftExprName        = 1
	nftExprData        = 2
	nftMatchName       = 1 // also of a target
)

// TrackingRules counts the nftables rules of a namespace (nil is that of the
// process) that make the kernel track: without any, its table stays empty.
// Rules of the legacy iptables are not seen.
func TrackingRules(ns *netns.NS) (n int, err error) {
	config := &netlink.Config{}
	if ns != nil {
		config.NetNS = ns.FD()
	}
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, config)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	msg, err := netfilter.MarshalNetlink(netfilter.Header{SubsystemID: netfilter.NFSubsysNFTables,
		MessageType: nftGetRule, Flags: netlink.Request | netlink.Dump}, nil)
	if err != nil {
		return 0, err
	}
	rules, err := conn.Execute(msg)
	if errors.Is(err, syscall.EINVAL) {
		return 0, nil // no nftables
	}
	if err != nil {
		return 0, err
	}
	for _, m := range rules {
		if len(m.Data) < nfgenmsgLen {
			continue
		}
		if tracks(m.Data[nfgenmsgLen:]) {
			n++
		}
	}
	return n, nil
}

// nfgenmsgLen is the header that every nfnetlink message begins with.
const nfgenmsgLen = 4

// tracks looks through the expressions of one rule.
func tracks(rule []byte) bool {
	found := false
	each(rule, nftRuleExpressions, func(list []byte) {
		each(list, nftListElem, func(expr []byte) {
			name := text(expr, nftExprName)
			if name == "match" || name == "target" {
				each(expr, nftExprData, func(data []byte) { name = text(data, nftMatchName) })
			}
			found = found || trackers[name]
		})
	})
	return found
}

// each calls fn for every attribute of a type. nftables leaves out the flag of
// nested attributes, so only who knows the type can tell.
func each(attrs []byte, typ uint16, fn func([]byte)) {
	d, err := netlink.NewAttributeDecoder(attrs)
	if err != nil {
		return
	}
	for d.Next() {
		if d.Type() == typ {
			fn(d.Bytes())
		}
	}
}

// text is the attribute of a type, as a string.
func text(attrs []byte, typ uint16) (s string) {
	each(attrs, typ, func(b []byte) { s = unix.ByteSliceToString(b) })
	return s
}
