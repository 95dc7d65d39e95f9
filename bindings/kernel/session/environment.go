package session

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"
)

// variable is what sshd sets for each session: "client-ip client-port server-ip
// server-port" (ssh(1), ENVIRONMENT).
const variable = "SSH_CONNECTION"

// byEnvironment adds what SSH_CONNECTION says here and in the processes of the
// chain. A pane of tmux keeps the variable of the session that made it, and what
// nohup left behind that of a login of long ago: so it is an answer only where a
// server for logins is in the chain, closed to us, and the connection is open.
// Otherwise it does no harm, and stays.
func (s *search) byEnvironment(chain []string, env func(string) string) (sure bool) {
	texts := []string{env(variable)}
	for _, pid := range chain {
		for one := range bytes.SplitSeq(s.read(pid, "environ"), []byte{0}) {
			if text, ok := bytes.CutPrefix(one, []byte(variable+"=")); ok {
				texts = append(texts, string(text))
			}
		}
	}
	said := make(map[netip.AddrPort]netip.AddrPort) // local by remote
	for _, text := range texts {
		if local, remote, ok := parseVariable(text); ok {
			s.add(local, remote, ViaEnvironment)
			said[remote] = local
		}
	}
	if !s.closed || len(said) == 0 {
		return false
	}
	s.table(func(k *entry) {
		if said[k.remote] == k.local && !s.hosts[k.remote.Addr()] {
			sure = true
		}
	})
	return sure
}

// parseVariable reads SSH_CONNECTION strictly: four words, one space between
// each. sshd writes "UNKNOWN 65535 UNKNOWN 65535" when it serves no socket.
func parseVariable(text string) (local, remote netip.AddrPort, ok bool) {
	word := strings.Split(text, " ")
	if len(word) != 4 {
		return local, remote, false
	}
	if remote, ok = parsePair(word[0], word[1]); !ok {
		return netip.AddrPort{}, netip.AddrPort{}, false
	}
	local, ok = parsePair(word[2], word[3])
	if !ok || local.Addr().Is4() != remote.Addr().Is4() {
		return netip.AddrPort{}, netip.AddrPort{}, false
	}
	return local, remote, true
}

// parsePair reads an address and a port of 1 to 65535. The zone of a link-local
// address is dropped: neither /proc/net/tcp6 nor conntrack knows zones of
// addresses.
func parsePair(host, service string) (netip.AddrPort, bool) {
	addr, err := netip.ParseAddr(host)
	addr = addr.WithZone("").Unmap()
	if err != nil || addr.IsUnspecified() {
		return netip.AddrPort{}, false
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil || port == 0 || service[0] == '0' {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(addr, uint16(port)), true
}
