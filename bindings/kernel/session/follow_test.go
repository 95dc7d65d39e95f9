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

// multiplexer makes a chain that leads to a server which serves those attached
// by their terminals, and two logins: 700 with the terminal 3, whose
// SSH_CONNECTION the server has, and 710 with the terminal 4.
func multiplexer(t *testing.T, comm string) *proc {
	p := newProc(t, "ctsh", "bash", comm, "systemd")
	server := pidAt(2, 4)
	p.terminal(1000, 9)
	p.shows(server, 8, 9)
	p.environ(server, "198.51.100.7 50122 192.0.2.1 22")
	for i, remote := range []string{there, "203.0.113.5:4000"} {
		login := 700 + 10*i
		p.process(login, 699, "sshd-session")
		p.holds(login, 4, uint64(77+i))
		p.shows(login, 9, 3+i)
		p.socket("192.0.2.1:22", remote, established, uint64(77+i))
	}
	p.process(699, 1, "sshd")
	p.holds(699, 3, 600)
	p.socket("0.0.0.0:22", "0.0.0.0:0", listen, 600)
	p.socket("192.0.2.1:22", "203.0.113.6:4000", established, 90) // of another user
	return p
}

// Those who are attached are found, not those who were.
func TestTerminal(t *testing.T) {
	const (
		old   = "environment 192.0.2.1:22 198.51.100.7:50122"
		newer = "process 192.0.2.1:22 203.0.113.5:4000"
	)
	for _, comm := range []string{"tmux: server", "screen"} {
		t.Run(comm+" attached from a newer login", func(t *testing.T) {
			p := multiplexer(t, comm)
			p.link("/dev/pts/4", fmt.Sprint(pidAt(2, 4)), "fd", "5")
			p.want("", newer, old)
		})
		t.Run(comm+" attached from two", func(t *testing.T) {
			p := multiplexer(t, comm)
			p.link("/dev/pts/3", fmt.Sprint(pidAt(2, 4)), "fd", "5")
			p.link("/dev/pts/4", fmt.Sprint(pidAt(2, 4)), "fd", "6")
			p.want("", outer, newer)
		})
	}
	all := []string{old, "listener 192.0.2.1:22 203.0.113.5:4000", "listener 192.0.2.1:22 203.0.113.6:4000"}
	t.Run("nobody attached", func(t *testing.T) { multiplexer(t, "tmux: server").want("", all...) })
	t.Run("the other side has closed", func(t *testing.T) {
		p := multiplexer(t, "tmux: server")
		p.link("/dev/pts/3 (deleted)", fmt.Sprint(pidAt(2, 4)), "fd", "5")
		p.want("", all...)
	})
	t.Run("the other side is out of sight", func(t *testing.T) {
		p := multiplexer(t, "tmux: server")
		p.link("/dev/pts/4", fmt.Sprint(pidAt(2, 4)), "fd", "5")
		p.remove("710")
		p.want("", all...)
	})
	t.Run("one of two is out of sight", func(t *testing.T) {
		p := multiplexer(t, "tmux: server")
		p.link("/dev/pts/3", fmt.Sprint(pidAt(2, 4)), "fd", "5")
		p.link("/dev/pts/7", fmt.Sprint(pidAt(2, 4)), "fd", "6")
		p.want("", outer, all[1], all[2])
	})
	t.Run("one of two comes from no socket in sight", func(t *testing.T) {
		p := multiplexer(t, "tmux: server")
		p.link("/dev/pts/3", fmt.Sprint(pidAt(2, 4)), "fd", "5")
		p.link("/dev/pts/4", fmt.Sprint(pidAt(2, 4)), "fd", "6")
		p.holds(710, 5, 95)
		p.socket("192.0.2.1:22", "192.0.2.1:40000", established, 95)
		p.want("", outer, newer, "process 192.0.2.1:22 192.0.2.1:40000", all[2])
	})
	t.Run("in the background", func(t *testing.T) { // ( ctsh >log 2>&1 </dev/null & )
		p := multiplexer(t, "systemd")
		p.remove("1000", "status")
		p.write("PPid:\t1\n", "1000", "status")
		p.terminal(1000, 4)
		p.want("", newer)
	})
	t.Run("systemd-run --pty", func(t *testing.T) {
		p := newProc(t, "ctsh", "systemd")
		p.link("/dev/pts/5", "1000", "fd", "1")
		p.process(720, 721, "systemd-run")
		p.shows(720, 7, 5)
		p.process(721, 1, "sshd")
		p.holds(721, 4, 79)
		p.socket(here, there, established, 79)
		p.want("", outer)
	})
	t.Run("not that of who started sshd", func(t *testing.T) { // docker run -t
		p := newProc(t, "ctsh", "bash", "sshd", "entrypoint")
		p.holds(pidAt(2, 4), 4, 77)
		p.link("/dev/pts/0", "1", "fd", "1")
		p.terminal(1, 0)
		p.link("/dev/pts/0", fmt.Sprint(pidAt(2, 4)), "fd", "1")
		p.socket(here, there, established, 77)
		p.socket(here, "203.0.113.6:4000", established, 90)
		p.want("", outer)
	})
	t.Run("of who started sshd and logged in there", func(t *testing.T) {
		p := multiplexer(t, "tmux: server")
		server := pidAt(2, 4)
		p.link("/dev/pts/4", fmt.Sprint(server), "fd", "5")
		p.remove("999", "status") // ctsh, bash, sshd of the pane, bash of the pane, tmux
		p.write("PPid:\t720\n", "999", "status")
		p.process(720, 721, "sshd")
		p.holds(720, 4, 101)
		p.process(721, server, "bash")
		p.terminal(721, 9)
		p.process(722, 721, "ssh")
		p.holds(722, 3, 102)
		p.socket("127.0.0.1:2022", "127.0.0.1:40000", established, 101)
		p.socket("127.0.0.1:40000", "127.0.0.1:2022", established, 102)
		p.socket("127.0.0.1:2022", "0.0.0.0:0", listen, 103)
		p.shows(720, 8, 11)
		p.terminal(1000, 11)
		p.want("", "process 127.0.0.1:2022 127.0.0.1:40000", newer, old)
	})
	t.Run("nested in tmux", func(t *testing.T) {
		p := nested(t)
		p.remove("801", "status") // its parent is now the server, not the login
		p.write("PPid:\t805\n", "801", "status")
		p.process(805, 1, "tmux: server")
		p.link("/dev/pts/6", "805", "fd", "5")
		p.shows(800, 9, 6)
		p.want("", inner, outer)
	})
}

// As the kernel writes them, with numbers that need both parts of the device.
func TestTerminalOf(t *testing.T) {
	for text, want := range map[string]int{
		"4242 (bash) S 4241 4242 4242 34816 4242 4194304 1 2\n":      0,
		"4242 (bash) S 4241 4242 4242 34819 4242 4194304 1 2\n":      3,
		"4242 (a) S 1 2) R) S 4241 4242 4242 1083436 4242 4194304\n": 300,
		"4242 (bash) S 4241 4242 4242 1025 4242 4194304 1 2\n":       -1, // /dev/tty1
		"4242 (bash) S 4241 4242 4242 0 -1 4194304 1 2\n":            -1,
		"4242 (bash) S 4241 4242 4242 -34816 -1 4194304 1 2\n":       -1,
		"4242 (bash) S 4241 4242 4242":                               -1,
		"34816 34816 34816 34816 34816":                              0, // of which nothing is known but the order
		"":                                                           -1,
	} {
		n, ok := terminalOf([]byte(text))
		if ok != (want >= 0) || ok && n != uint64(want) {
			t.Errorf("%q: %d %t", text, n, ok)
		}
	}
}

func TestEndOf(t *testing.T) {
	for link, want := range map[string]end{
		"socket:[77]":                   {socket, 77},
		"socket:[18446744073709551615]": {socket, 1<<64 - 1},
		"/dev/pts/0":                    {slave, 0},
		"/dev/pts/300":                  {slave, 300},
	} {
		if e, ok := endOf(link); !ok || e != want {
			t.Errorf("%q: %v %t", link, e, ok)
		}
	}
	for _, link := range []string{"", "socket:[0]", "socket:[x]", "socket:[77", "socket:77]", "socket:[18446744073709551616]", "/dev/pts/",
		"/dev/pts/ptmx", "/dev/pts/3 (deleted)", "/dev/pts/-1", "/dev/pts/4294967296", "/dev/null", "pipe:[77]", "/tmp/dev/pts/3"} {
		if e, ok := endOf(link); ok {
			t.Errorf("%q: %v", link, e)
		}
	}
	for text, want := range map[string]int{"pos:\t0\ntty-index:\t12\n": 12, "tty-index:\t0": 0, "tty-index:\tx\n": -1, "pos:\t0\n": -1, "": -1, "x tty-index:\t1\n": -1} {
		if n, ok := masterOf([]byte(text)); ok != (want >= 0) || ok && n != uint64(want) {
			t.Errorf("%q: %d %t", text, n, ok)
		}
	}
}
