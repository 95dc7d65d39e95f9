package gateway

import "fmt"

// Place says who tracks connections and what the rules there do with packets
// that belong to no flow. At a host it is the server, and the router forwards
// without looking; at a gateway it is the router, which masquerades what the
// client sends to the server.
type Place uint8

// The places. After the flow of a silent TCP stream was deleted, the stream is
//
//	                 when the client speaks  when the server speaks
//	HostPermissive   alive                   alive
//	HostStrict       dead                    alive
//	HostNoLoose      dead                    dead
//	Masquerade       alive                   reset
//	FullyRandom      reset                   reset
//	ForwardDrop      alive                   reset
//	Strict           dead                    dead
//
// where dead means that nothing is answered any more.
const (
	// HostPermissive tracks and accepts everything.
	HostPermissive Place = iota
	// HostStrict drops what comes in and is invalid, or new without being a
	// SYN. What the host itself sends is picked up again.
	HostStrict
	// HostNoLoose has nf_conntrack_tcp_loose=0, so that no open connection is
	// picked up, and drops what comes in and is invalid.
	HostNoLoose
	// Masquerade drops nothing. The router keeps the client's port where it
	// is free, and so picks a connection up as it was.
	Masquerade
	// FullyRandom masquerades with a port of chance, another one each time.
	FullyRandom
	// ForwardDrop masquerades and forwards what is established or comes from
	// the client. What is sent to the router itself is accepted.
	ForwardDrop
	// Strict masquerades and drops, forwarded or not, what is invalid, or new
	// without being a SYN.
	Strict
	placeCount
)

// Open is the router without any firewall.
const Open = Masquerade

// Places lists every place once.
func Places() []Place {
	list := make([]Place, placeCount)
	for i := range list {
		list[i] = Place(i)
	}
	return list
}

// String names the place in a word or two, "host strict".
func (p Place) String() string { return places[p].name }

// Host tells whether the server tracks, else the router does.
func (p Place) Host() bool { return !places[p].masquerade }

// place is what makes a place.
type place struct {
	name       string
	masquerade bool
	flags      string // of masquerade
	noLoose    bool   // nf_conntrack_tcp_loose=0
	input      string // rules for what is sent to the one who tracks
	forward    string // rules for what passes through, with $lan and $wan
}

// onlySYN lets nothing begin but a TCP connection with a SYN, and other
// protocols.
const onlySYN = `ct state invalid drop
		tcp flags & (fin | syn | rst | ack) != syn ct state new drop`

var places = [placeCount]place{
	HostPermissive: {name: "host permissive", input: "ct state new,established accept"},
	HostStrict:     {name: "host strict", input: onlySYN},
	HostNoLoose:    {name: "host without loose pickup", noLoose: true, input: "ct state invalid drop"},
	Masquerade:     {name: "masquerade", masquerade: true},
	FullyRandom:    {name: "masquerade fully-random", masquerade: true, flags: "fully-random"},
	ForwardDrop: {name: "masquerade and forward drop", masquerade: true,
		forward: "ct state established,related accept\n\t\tiifname $lan ct state new accept\n\t\tdrop"},
	Strict: {name: "masquerade strict", masquerade: true, input: onlySYN, forward: onlySYN},
}

// rules is the place as text for nft. lan and wan are the router's links to
// the client and to the server.
func (p Place) rules(lan, wan string) string {
	c := &places[p]
	text := fmt.Sprintf(`define lan = %q
define wan = %q
table inet gateway {
	chain input {
		type filter hook input priority filter; policy accept;
		%s
	}
	chain forward {
		type filter hook forward priority filter; policy accept;
		%s
	}
`, lan, wan, c.input, c.forward)
	if c.masquerade {
		text += fmt.Sprintf(`	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		oifname $wan masquerade %s
	}
`, c.flags)
	}
	return text + "}\n"
}
