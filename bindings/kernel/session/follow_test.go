package session

import (
	"fmt"
	"testing"
)

const (
	inner = "process 127.0.0.1:22 127.0.0.1:40000"
	outer = "process 192.0.2.1:22 198.51.100.7:50122"
)

// nested makes a chain that leads to an sshd which served ssh of this machine,
// under the login 800.
func nested(t *testing.T) *proc {
	p := newProc(t, "ctsh", "bash", "sshd-session", "sshd", "systemd")
	p.holds(pidAt(2, 5), 4, 77)
	p.socket("127.0.0.1:22", "127.0.0.1:40000", established, 77)
	p.socket("127.0.0.1:40000", "127.0.0.1:22", established, 78)
	p.process(802, 801, "ssh")
	p.holds(802, 3, 78)
	p.process(801, 800, "bash")
	p.process(800, pidAt(3, 5), "sshd-session")
	p.holds(800, 4, 79)
	p.socket(here, there, established, 79)
	p.socket("0.0.0.0:22", "0.0.0.0:0", listen, 600)
	p.holds(pidAt(3, 5), 3, 600)
	p.socket("192.0.2.1:22", "203.0.113.6:4000", established, 90) // of another user
	p.process(804, 1, "decoy")
	p.holds(804, 3, 91)
	p.holds(804, 4, 92)
	p.socket("127.0.0.1:40000", "0.0.0.0:0", listen, 91)
	p.socket("192.0.2.1:50000", "203.0.113.7:443", established, 92)
	return p
}

// Connections inside this machine are followed to where the user comes from.
func TestInner(t *testing.T) {
	const other = "listener 192.0.2.1:22 203.0.113.6:4000"
	t.Run("localhost", func(t *testing.T) { nested(t).want("", inner, outer) })
	t.Run("three deep", func(t *testing.T) {
		p := nested(t)
		p.remove("800", "fd", "4")
		p.holds(800, 4, 81)
		p.socket("[2001:db8::1]:22", "[2001:db8::1]:40001", established, 81)
		p.socket("[2001:db8::1]:40001", "[2001:db8::1]:22", established, 82)
		p.process(812, 811, "ssh")
		p.holds(812, 3, 82)
		p.process(811, pidAt(3, 5), "sshd")
		p.holds(811, 4, 79)
		p.want("", inner, "process [2001:db8::1]:22 [2001:db8::1]:40001", outer)
	})
	t.Run("redirected", func(t *testing.T) {
		p := newProc(t, "ctsh", "bash", "sshd", "systemd")
		p.holds(pidAt(2, 4), 4, 77)
		p.socket("127.0.0.1:22", "127.0.0.1:40000", established, 77)
		p.socket("127.0.0.1:40000", "127.0.0.1:2222", established, 78) // what the client asked for
		p.socket("0.0.0.0:22", "0.0.0.0:0", listen, 600)
		p.process(802, 801, "ssh")
		p.holds(802, 3, 78)
		p.process(801, pidAt(2, 4), "sshd-session")
		p.holds(801, 3, 79)
		p.socket(here, there, established, 79)
		p.want("", inner, "process 127.0.0.1:40000 127.0.0.1:2222", outer)
	})
	t.Run("proxy in front of sshd", func(t *testing.T) {
		p := nested(t)
		p.remove("802", "fd", "3")
		p.process(803, 1, "sslh")
		p.holds(803, 5, 78)
		p.holds(803, 6, 83)
		p.socket("192.0.2.1:443", "198.51.100.7:50122", established, 83)
		p.want("", inner, "process 192.0.2.1:443 198.51.100.7:50122")
	})
	t.Run("tunnel that went out", func(t *testing.T) {
		p := nested(t)
		p.remove("802", "fd", "3")
		p.process(803, 1, "ssh")
		p.holds(803, 5, 78)
		p.holds(803, 6, 83)
		p.socket("192.0.2.1:41000", "203.0.113.50:22", established, 83)
		p.want("", inner, "process 192.0.2.1:41000 203.0.113.50:22")
	})
	t.Run("no process at the other end", func(t *testing.T) {
		p := nested(t)
		p.remove("802", "fd", "3")
		p.want("", inner, "listener 192.0.2.1:22 198.51.100.7:50122", other)
	})
	t.Run("no socket at the other end", func(t *testing.T) {
		p := newProc(t, "ctsh", "bash", "sshd", "systemd")
		p.holds(pidAt(2, 4), 4, 77)
		p.socket("192.0.2.1:22", "192.0.2.9:40000", established, 77)
		p.socket("192.0.2.9:7777", "203.0.113.9:443", established, 78) // that address is ours too
		p.socket("192.0.2.1:22", "203.0.113.6:4000", established, 90)
		p.socket("0.0.0.0:22", "0.0.0.0:0", listen, 600)
		p.want("", "process 192.0.2.1:22 192.0.2.9:40000", other)
	})
	t.Run("client on the console", func(t *testing.T) {
		p := nested(t)
		p.remove("801", "status")
		p.write("PPid:\t1\n", "801", "status")
		p.want("", inner, "listener 192.0.2.1:22 198.51.100.7:50122", other)
	})
	t.Run("client of a server of something else", func(t *testing.T) {
		p := nested(t)
		p.remove("801", "status")
		p.write("PPid:\t804\n", "801", "status")
		p.want("", inner, "process 192.0.2.1:50000 203.0.113.7:443", "listener 192.0.2.1:22 198.51.100.7:50122", other)
	})
	t.Run("not what we went out for", func(t *testing.T) {
		p := newProc(t, "ctsh", "bash", "sshd-session", "systemd")
		p.holds(pidAt(2, 4), 4, 79)
		p.socket(here, there, established, 79)
		p.socket("0.0.0.0:22", "0.0.0.0:0", listen, 600)
		p.socket("127.0.0.1:3306", "127.0.0.1:40000", established, 77)
		p.socket("127.0.0.1:40000", "127.0.0.1:3306", established, 78)
		p.holds(pidAt(2, 4), 5, 78) // ssh -L
		p.process(803, 1, "mysqld")
		p.holds(803, 5, 77)
		p.holds(803, 6, 83)
		p.socket("192.0.2.1:3306", "203.0.113.9:5000", established, 83)
		p.want("", outer, "process 127.0.0.1:40000 127.0.0.1:3306")
	})
}

// However often a connection is handed on, the search ends.
func TestInnerBound(t *testing.T) {
	p := newProc(t, "ctsh", "sshd", "systemd")
	p.holds(pidAt(1, 3), 4, 100)
	p.socket("0.0.0.0:22", "0.0.0.0:0", listen, 600)
	for i := range 6 {
		p.socket("127.0.0.1:22", fmt.Sprintf("127.0.0.1:%d", 40000+i), established, uint64(100+2*i))
		p.socket(fmt.Sprintf("127.0.0.1:%d", 40000+i), "127.0.0.1:22", established, uint64(101+2*i))
		p.process(802+2*i, 803+2*i, "ssh")
		p.holds(802+2*i, 3, uint64(101+2*i))
		p.process(803+2*i, 1, "sshd")
		p.holds(803+2*i, 3, uint64(102+2*i))
	}
	p.socket(here, there, established, 112)
	s := newSearch(p.root, most)
	if s.run(none); s.found.Partial || len(s.found.Connections) != 7 {
		t.Errorf("%+v", s.found)
	}
	s = small(p)
	if s.run(none); !s.found.Partial || len(s.found.Connections) == 0 {
		t.Errorf("hops: %+v", s.found)
	}
}
