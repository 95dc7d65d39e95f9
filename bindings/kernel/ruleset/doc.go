// Package ruleset tells what the rules of nftables in a network namespace hold
// that bears on tracked flows and that connection tracking itself does not
// tell.
//
// That is one thing: the "ct timeout" objects. A rule attaches such an object
// to new flows as a rule of iptables attaches a policy of nfnetlink_cttimeout,
// and the flow then lives by timeouts of its own. Neither ctnetlink nor a list
// of those policies shows it. [Timeouts] lists for which flows there are any.
//
// The package only asks: it must not add, change or delete anything of
// nftables. As with every request of its kind, the first one on a machine may
// make the kernel load nf_tables.
package ruleset
