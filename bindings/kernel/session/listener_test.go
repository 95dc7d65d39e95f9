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
		p.process(702, 1, "sshd")
		p.holds(702, 3, 600)
		p.want("", mine, on22, second)
	})
	t.Run("no sshd found", func(t *testing.T) {
		p := tmux(t)
		p.remove("700", "comm")
		p.want("", on22)
	})
	t.Run("descriptors closed to us", func(t *testing.T) {
		p := tmux(t)
		p.remove("700", "fd")
		p.want("", on22)
	})
	t.Run("one of two daemons closed to us", func(t *testing.T) {
		p := tmux(t)
		p.process(702, 1, "sshd")
		p.remove("702", "fd")
		p.want("", mine, on22, second)
	})
	t.Run("another name is not sshd", func(t *testing.T) {
		p := tmux(t)
		p.process(702, 1, "notsshd")
		p.holds(702, 3, 600)
		p.want("", mine, second)
	})
	t.Run("not when a process was found", func(t *testing.T) {
		p := tmux(t)
		p.holds(1000, 9, 77)
		p.want("", "process 192.0.2.1:2222 198.51.100.7:50122")
	})
	t.Run("not when the environment is open", func(t *testing.T) {
		tmux(t).want("203.0.113.5 4000 192.0.2.1 2222", "environment 192.0.2.1:2222 203.0.113.5:4000")
	})
	t.Run("when the environment is of an ended session", func(t *testing.T) {
		tmux(t).want("203.0.113.5 4999 192.0.2.1 2222", "environment 192.0.2.1:2222 203.0.113.5:4999", mine, second)
	})
}

// After the last process that may be read, port 22 stands in for the rest.
func TestListenerTooManyProcesses(t *testing.T) {
	p := tmux(t)
	s := small(p)
	s.processes = 5 // four of the chain
	s.run(func(string) string { return "" })
	on22 := false
	for _, c := range s.found.Connections {
		on22 = on22 || c.Local.Port() == 22
	}
	if !on22 || !s.found.Partial {
		t.Errorf("%+v", s.found)
	}
}
