package session

import (
	"net"
	"net/netip"
	"os"
	"testing"
)

// A connection that this process makes is one of its own, by the real /proc.
func TestOwn(t *testing.T) {
	if _, err := os.Stat("/proc/self/net/tcp"); err != nil {
		t.Skip("no /proc/net/tcp:", err)
	}
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(address, func(t *testing.T) {
			l, err := net.Listen("tcp", address)
			if err != nil {
				t.Skip("no loopback for", address, err)
			}
			defer l.Close()
			client, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			local := client.LocalAddr().(*net.TCPAddr).AddrPort()
			remote := client.RemoteAddr().(*net.TCPAddr).AddrPort()
			want := Connection{Proto: TCP, Local: local, Remote: remote, Via: ViaProcess}

			if !ownHas(t, want) {
				t.Errorf("%+v not found", want)
			}
			client.Close()
			if ownHas(t, want) {
				t.Errorf("%+v found after it was closed", want)
			}
		})
	}
}

// The variable of the process itself is read.
func TestOwnEnvironment(t *testing.T) {
	t.Setenv("SSH_CONNECTION", "198.51.100.7 50122 192.0.2.1 22")
	want := Connection{TCP, netip.MustParseAddrPort(here), netip.MustParseAddrPort(there), ViaEnvironment}
	if !ownHas(t, want) {
		t.Errorf("%+v not found", want)
	}
}

func ownHas(t *testing.T, want Connection) bool {
	t.Helper()
	s, err := Own()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range s.Connections {
		if c == want {
			return true
		}
	}
	return false
}
