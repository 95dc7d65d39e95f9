package session

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strconv"
)

// State numbers of include/net/tcp_states.h, as the st column shows them.
const (
	established = 0x01
	listen      = 0x0A
)

// The users that a socket of root can show: root outside of our user namespace
// is nobody inside (from_kuid_munged, kernel/user_namespace.c).
const (
	root   = 0
	nobody = 65534
)

// entry is one line of /proc/net/tcp or tcp6.
type entry struct {
	local, remote netip.AddrPort
	state         uint8
	uid           uint32
	inode         uint64
}

// parseEntry reads a line as tcp4_seq_show (net/ipv4/tcp_ipv4.c) and
// tcp6_seq_show write it: "sl: local remote st tx:rx tr:when retrnsmt uid
// timeout inode ...". The heading is no such line.
func parseEntry(line []byte) (entry, bool) {
	var column [10][]byte
	for i := range column {
		line = bytes.TrimLeft(line, " ")
		end := bytes.IndexAny(line, " \n")
		if end < 0 {
			end = len(line)
		}
		if end == 0 {
			return entry{}, false
		}
		column[i], line = line[:end], line[end:]
	}
	if !bytes.HasSuffix(column[0], []byte(":")) {
		return entry{}, false
	}
	local, ok := parseEnd(column[1])
	if !ok {
		return entry{}, false
	}
	remote, ok := parseEnd(column[2])
	if !ok || len(column[1]) != len(column[2]) {
		return entry{}, false
	}
	state, err := strconv.ParseUint(string(column[3]), 16, 8)
	if err != nil {
		return entry{}, false
	}
	uid, err := strconv.ParseUint(string(column[7]), 10, 32)
	if err != nil {
		return entry{}, false
	}
	inode, err := strconv.ParseUint(string(column[9]), 10, 64)
	if err != nil {
		return entry{}, false
	}
	return entry{local: local, remote: remote, state: uint8(state), uid: uint32(uid), inode: inode}, true
}

// parseEnd reads "0100007F:0016", or the same with four words of address. The
// kernel prints each word of the address as a number of the machine, although it
// holds it in network order; the port it converts before.
func parseEnd(text []byte) (netip.AddrPort, bool) {
	host, service, ok := bytes.Cut(text, []byte(":"))
	if !ok || len(service) != 4 || (len(host) != 8 && len(host) != 32) {
		return netip.AddrPort{}, false
	}
	port, err := strconv.ParseUint(string(service), 16, 16)
	if err != nil {
		return netip.AddrPort{}, false
	}
	var raw [16]byte
	for i := 0; i < len(host); i += 8 {
		word, err := strconv.ParseUint(string(host[i:i+8]), 16, 32)
		if err != nil {
			return netip.AddrPort{}, false
		}
		binary.NativeEndian.PutUint32(raw[i/2:], uint32(word))
	}
	addr, _ := netip.AddrFromSlice(raw[:len(host)/2]) // 4 or 16 bytes: always ok
	return netip.AddrPortFrom(addr.Unmap(), uint16(port)), true
}
