package session

import (
	"fmt"
	"testing"
)

func TestEnvironment(t *testing.T) {
	const text = "198.51.100.7 50122 192.0.2.1 22"
	const want = "environment 192.0.2.1:22 198.51.100.7:50122"
	t.Run("own", func(t *testing.T) {
		newProc(t, "ctsh", "bash", "systemd").want(text, want)
	})
	t.Run("wiped by sudo", func(t *testing.T) {
		p := newProc(t, "ctsh", "sudo", "bash", "systemd")
		p.environ(pidAt(1, 4), text)
		p.environ(pidAt(2, 4), text)
		p.want("", want)
	})
	t.Run("several sessions", func(t *testing.T) {
		p := newProc(t, "ctsh", "bash", "tmux: server", "systemd")
		p.environ(pidAt(2, 4), "203.0.113.5 4000 192.0.2.1 22")
		p.want(text, want, "environment 192.0.2.1:22 203.0.113.5:4000")
	})
	t.Run("same as the process", func(t *testing.T) {
		p := newProc(t, "ctsh", "sshd", "systemd")
		p.holds(pidAt(1, 3), 4, 77)
		p.socket(here, there, established, 77)
		p.want(text, "process 192.0.2.1:22 198.51.100.7:50122")
	})
	t.Run("next to a process", func(t *testing.T) {
		p := newProc(t, "ctsh", "sshd", "systemd")
		p.holds(pidAt(1, 3), 4, 77)
		p.socket(here, "198.51.100.8:1", established, 77)
		p.want(text, "process 192.0.2.1:22 198.51.100.8:1", want)
	})
	t.Run("broken text of a nearer one", func(t *testing.T) {
		p := newProc(t, "ctsh", "bash", "systemd")
		p.environ(pidAt(1, 3), text)
		p.want("UNKNOWN 65535 UNKNOWN 65535", want)
	})
	// closed is a chain whose sshd we may not look into, as an ordinary user.
	closed := func(t *testing.T) *proc {
		p := newProc(t, "ctsh", "bash", "sshd-session", "systemd")
		p.remove(fmt.Sprint(pidAt(2, 4)), "fd")
		p.socket(here, there, established, 77)
		p.socket(here, "203.0.113.6:4000", established, 78)
		p.socket("0.0.0.0:22", "0.0.0.0:0", listen, 600)
		return p
	}
	t.Run("sshd closed to us", func(t *testing.T) { closed(t).want(text, want) })
	t.Run("sshd closed to us, and wiped", func(t *testing.T) {
		closed(t).want("", "listener 192.0.2.1:22 198.51.100.7:50122", "listener 192.0.2.1:22 203.0.113.6:4000")
	})
	t.Run("sshd closed to us, and of this machine", func(t *testing.T) {
		p := closed(t)
		p.socket("127.0.0.1:22", "127.0.0.1:40000", established, 79)
		p.socket("127.0.0.1:40000", "127.0.0.1:22", established, 80)
		p.want("127.0.0.1 40000 127.0.0.1 22", "environment 127.0.0.1:22 127.0.0.1:40000",
			"listener 192.0.2.1:22 198.51.100.7:50122", "listener 192.0.2.1:22 203.0.113.6:4000")
	})
	t.Run("something else closed to us", func(t *testing.T) {
		p := closed(t)
		p.remove("998", "comm")
		p.write("tmux: server\n", "998", "comm")
		p.want(text, want, "listener 192.0.2.1:22 203.0.113.6:4000")
	})
	t.Run("another variable", func(t *testing.T) {
		p := newProc(t, "ctsh", "bash", "systemd")
		p.write("MY_SSH_CONNECTION="+text+"\x00SSH_CONNECTION_OLD="+text+"\x00", "1", "environ")
		p.want("")
	})
}

func TestParseVariable(t *testing.T) {
	tests := []struct{ text, local, remote string }{
		{"198.51.100.7 50122 192.0.2.1 22", "192.0.2.1:22", "198.51.100.7:50122"},
		{"2001:db8::7 50122 2001:db8::1 65535", "[2001:db8::1]:65535", "[2001:db8::7]:50122"},
		{"fe80::7%eth0 50122 fe80::1%eth0 22", "[fe80::1]:22", "[fe80::7]:50122"},
		{"::ffff:198.51.100.7 1 192.0.2.1 22", "192.0.2.1:22", "198.51.100.7:1"},
		{"", "", ""},
		{"198.51.100.7 50122 192.0.2.1", "", ""},
		{"198.51.100.7 50122 192.0.2.1 22 ", "", ""},
		{" 198.51.100.7 50122 192.0.2.1 22", "", ""},
		{"198.51.100.7  50122 192.0.2.1 22", "", ""},
		{"198.51.100.7\t50122 192.0.2.1 22", "", ""},
		{"198.51.100.7 50122 192.0.2.1 22\n", "", ""},
		{"198.51.100.7 0 192.0.2.1 22", "", ""},
		{"198.51.100.7 50122 192.0.2.1 65536", "", ""},
		{"198.51.100.7 50122 192.0.2.1 022", "", ""},
		{"198.51.100.7 50122 192.0.2.1 +22", "", ""},
		{"198.51.100.7 -1 192.0.2.1 22", "", ""},
		{"198.51.100.7 50122 192.0.2.1 ssh", "", ""},
		{"0.0.0.0 50122 192.0.2.1 22", "", ""},
		{"::ffff:0.0.0.0 50122 192.0.2.1 22", "", ""},
		{"198.51.100.7 50122 2001:db8::1 22", "", ""},
		{"198.51.100 50122 192.0.2.1 22", "", ""},
		{"host 50122 192.0.2.1 22", "", ""},
		{"UNKNOWN 65535 UNKNOWN 65535", "", ""},
	}
	for _, tt := range tests {
		local, remote, ok := parseVariable(tt.text)
		if ok != (tt.local != "") {
			t.Errorf("%q: ok %t", tt.text, ok)
		}
		if ok && (local.String() != tt.local || remote.String() != tt.remote) {
			t.Errorf("%q: local %s, remote %s", tt.text, local, remote)
		}
		if !ok && (local.IsValid() || remote.IsValid()) {
			t.Errorf("%q: refused, but local %s, remote %s", tt.text, local, remote)
		}
	}
}
