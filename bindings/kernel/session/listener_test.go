package session

import "testing"

// tmux makes a chain that leads to its server, and not to the sshd of the user.
func tmux(t *testing.T) *proc {
	p := newProc(t, "ctsh", "bash", "tmux: server", "systemd")
	p.process(700, 1, "sshd")
	p.holds(700, 3, 500)
	p.process(701, 700, "sshd-session")
	p.holds(701, 4, 77)
	p.socket("0.0.0.0:22", "0.0.0.0:0", listen, 600)
	p.socket("0.0.0.0:2222", "0.0.0.0:0", listen, 500)
	p.socket("192.0.2.1:2222", there, established, 77)
	p.socket("[::ffff:192.0.2.1]:2222", "[::ffff:203.0.113.5]:4000", established, 78)
	p.socket("192.0.2.1:22", "203.0.113.6:4000", established, 79)
	p.socket("192.0.2.1:50000", "203.0.113.7:2222", established, 80) // our own client
	return p
}

func TestListener(t *testing.T) {
	const (
		mine   = "listener 192.0.2.1:2222 198.51.100.7:50122"
		second = "listener 192.0.2.1:2222 203.0.113.5:4000"
		on22   = "listener 192.0.2.1:22 203.0.113.6:4000"
	)
	t.Run("port of sshd", func(t *testing.T) {
		tmux(t).want("", mine, second)
	})
	t.Run("two daemons", func(t *testing.T) {
		p := tmux(t)
		p.process(702, 1, "dropbear")
		p.holds(702, 3, 600)
		p.want("", mine, on22, second)
	})
	t.Run("port of a login that outlived its server", func(t *testing.T) {
		p := tmux(t)
		p.remove("700")
		p.want("", mine, second)
	})
	t.Run("port that systemd listens on", func(t *testing.T) {
		p := tmux(t)
		p.remove("700", "fd", "3")
		p.holds(1, 33, 500)
		p.want("", mine, second)
	})
	t.Run("no server found", func(t *testing.T) {
		p := tmux(t)
		p.remove("700")
		p.remove("701", "comm")
		p.want("", on22, second) // which nobody in sight holds
	})
	t.Run("another name is not sshd", func(t *testing.T) {
		p := tmux(t)
		p.process(702, 1, "notsshd")
		p.holds(702, 3, 600)
		p.want("", mine, second)
	})
	t.Run("another network namespace", func(t *testing.T) { // ip netns exec, out of cron
		p := tmux(t)
		p.space("blue")
		for _, pid := range []int{1000, 999, 998, 1} {
			p.lives(pid, "blue")
		}
		p.want("", mine, second)
	})
	t.Run("a network namespace that we may not see", func(t *testing.T) {
		p := tmux(t)
		p.space("blue")
		p.lives(1, "blue")
		p.remove("1", "ns")
		p.socketIn("blue", "192.0.2.9:2222", "203.0.113.9:4000", established, 0, 99)
		p.want("", mine, second)
	})
	t.Run("not when a process was found", func(t *testing.T) {
		p := tmux(t)
		p.remove("998", "comm")
		p.write("sshd\n", "998", "comm")
		p.holds(998, 9, 77)
		p.want("", "process 192.0.2.1:2222 198.51.100.7:50122")
	})
	t.Run("also when a process went out", func(t *testing.T) {
		p := tmux(t)
		p.holds(1000, 9, 80)
		p.want("", "process 192.0.2.1:50000 203.0.113.7:2222", mine, second)
	})
	t.Run("also when the environment is open", func(t *testing.T) {
		tmux(t).want("203.0.113.5 4000 192.0.2.1 2222", "environment 192.0.2.1:2222 203.0.113.5:4000", mine)
	})
	t.Run("when the environment is of an ended session", func(t *testing.T) {
		tmux(t).want("203.0.113.5 4999 192.0.2.1 2222", "environment 192.0.2.1:2222 203.0.113.5:4999", mine, second)
	})
}

// Where a login may be hidden, what came in for root and nobody in sight holds
// is taken for one.
func TestListenerHidden(t *testing.T) {
	const (
		mine  = "listener 192.0.2.1:2222 198.51.100.7:50122"
		third = "listener 192.0.2.1:2222 203.0.113.5:4001"
		on22  = "listener 192.0.2.1:22 203.0.113.6:4000"
	)
	// seen has a connection to 2222 that a process in sight holds (78), one that
	// none does (85), and one of another user (86).
	seen := func(t *testing.T) *proc {
		p := tmux(t)
		p.process(703, 1, "haproxy")
		p.holds(703, 5, 78)
		p.socket("192.0.2.1:2222", "203.0.113.5:4001", established, 85)
		p.socketIn("net", "192.0.2.1:2222", "203.0.113.5:4002", established, 1000, 86)
		p.socketIn("net", "192.0.2.1:2222", "203.0.113.5:4003", established, 0, 0)
		return p
	}
	t.Run("descriptors of the server closed to us", func(t *testing.T) {
		p := seen(t)
		p.remove("700", "fd")
		p.remove("701", "fd")
		p.want("", on22, mine, third)
	})
	t.Run("one of two servers closed to us", func(t *testing.T) {
		p := tmux(t)
		p.process(702, 1, "sshd")
		p.remove("702", "fd")
		p.want("", mine, on22, "listener 192.0.2.1:2222 203.0.113.5:4000")
	})
	t.Run("login started from outside of the PID namespace", func(t *testing.T) { // docker exec
		p := seen(t)
		p.remove("700")
		p.remove("701")
		p.remove("998", "status")
		p.write("PPid:\t0\n", "998", "status")
		p.want("", on22, mine, third)
	})
	t.Run("root is nobody in our user namespace", func(t *testing.T) {
		p := seen(t)
		p.remove("700")
		p.remove("701")
		p.socketIn("net", "192.0.2.1:2222", "203.0.113.5:4004", established, 65534, 87)
		p.want("", on22, mine, third, "listener 192.0.2.1:2222 203.0.113.5:4004")
	})
	t.Run("not what went out", func(t *testing.T) {
		p := seen(t)
		p.remove("700")
		p.remove("701")
		p.socket("192.0.2.1:50001", "203.0.113.5:443", established, 88)
		p.want("", on22, mine, third)
	})
	t.Run("nothing in a namespace without connections", func(t *testing.T) {
		p := newProc(t, "ctsh", "bash")
		p.remove("1", "status")
		p.write("PPid:\t0\n", "1", "status")
		p.want("")
	})
	t.Run("too many", func(t *testing.T) {
		p := newProc(t, "ctsh", "systemd")
		p.socket("0.0.0.0:2222", "0.0.0.0:0", listen, 500)
		p.process(703, 1, "haproxy")
		p.holds(703, 5, 78)
		p.socket("192.0.2.1:2222", "203.0.113.5:4000", established, 78)
		p.socket("192.0.2.1:2222", "203.0.113.5:4001", established, 79)
		for n := 1; n <= 2; n++ {
			s := small(p)
			s.connections = n
			if s.run(none); s.found.Partial != (n == 1) || len(s.found.Connections) != n-1 {
				t.Errorf("%d: %+v", n, s.found)
			}
		}
	})
}

// All servers for logins in sight and open do not say that there is no other,
// where something points out of sight.
func TestListenerHiddenNext(t *testing.T) {
	const (
		mine    = "listener 192.0.2.1:2222 198.51.100.7:50122"
		second  = "listener 192.0.2.1:2222 203.0.113.5:4000"
		on22    = "listener 192.0.2.1:22 203.0.113.6:4000"
		unheld  = "listener 192.0.2.1:3022 203.0.113.8:4000"
		unheld6 = "listener [2001:db8::1]:3022 [2001:db8::8]:4000"
	)
	build := func(t *testing.T) *proc {
		p := tmux(t)
		p.socket("[::]:3022", "[::]:0", listen, 501)
		p.socket("192.0.2.1:3022", "203.0.113.8:4000", established, 87)
		p.socket("[2001:db8::1]:3022", "[2001:db8::8]:4000", established, 88)
		return p
	}
	t.Run("nothing does", func(t *testing.T) { build(t).want("", mine, second) })
	t.Run("a terminal", func(t *testing.T) {
		p := build(t)
		p.terminal(1000, 9)
		p.want("", mine, on22, second, unheld, unheld6)
	})
	t.Run("a parent", func(t *testing.T) {
		p := build(t)
		p.remove("998", "status")
		p.write("PPid:\t0\n", "998", "status")
		p.want("", mine, on22, second, unheld, unheld6)
	})
	t.Run("an ancestor that is closed to us", func(t *testing.T) {
		p := build(t)
		p.remove("998", "comm")
		p.write("sshd\n", "998", "comm")
		p.remove("998", "fd")
		p.want("", mine, on22, second, unheld, unheld6)
	})
	t.Run("a server in another network namespace", func(t *testing.T) {
		p := build(t)
		p.space("blue")
		for _, pid := range []int{1000, 999, 998, 1} {
			p.lives(pid, "blue")
		}
		p.remove("700", "fd")
		p.want("", mine, on22, second, unheld, unheld6)
	})
}

// After the last process that may be read, port 22 stands in for the rest.
func TestListenerTooManyProcesses(t *testing.T) {
	p := tmux(t)
	s := small(p)
	s.limits.processes = 5 // four of the chain
	s.run(none)
	on22 := false
	for _, c := range s.found.Connections {
		on22 = on22 || c.Local.Port() == 22
	}
	if !on22 || !s.found.Partial {
		t.Errorf("%+v", s.found)
	}
}
