package session

import (
	"fmt"
	"testing"
)

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
	// attached is a multiplexer with one terminal, and clients on a unix socket.
	attached := func(t *testing.T, clients ...uint64) *proc {
		p := multiplexer(t, "tmux: server")
		server := pidAt(2, 4)
		p.link("/dev/pts/4", fmt.Sprint(server), "fd", "5")
		p.write("Num       RefCount Protocol Flags    Type St Inode Path\n", "net", "unix")
		p.unixListener("/tmp/tmux 0/default", 200)
		p.holds(server, 20, 200)
		for i, inode := range clients {
			p.unixClient("/tmp/tmux 0/default", inode)
			p.holds(server, 21+i, inode)
		}
		return p
	}
	t.Run("a client for each terminal", func(t *testing.T) { attached(t, 201).want("", newer, old) })
	t.Run("a client without a terminal", func(t *testing.T) {
		attached(t, 201, 202).want("", newer, old, all[2])
	})
	t.Run("other unix sockets", func(t *testing.T) {
		p := attached(t, 201)
		server := pidAt(2, 4)
		p.unixClient("/tmp/tmux 0/default", 203) // of another
		p.unixClient("", 204)
		p.holds(server, 30, 204)
		p.unixListener("/run/systemd/journal/stdout", 208) // of another
		p.unixClient("/run/systemd/journal/stdout", 205)
		p.holds(server, 31, 205)
		p.unix("00000000", "01", "/tmp/tmux 0/default", 206)
		p.holds(server, 32, 206)
		p.holds(1, 33, 207) // above no login, but without a client
		p.unixListener("/run/systemd/private", 207)
		p.want("", newer, old)
	})
	t.Run("dtach in the foreground of an older login", func(t *testing.T) {
		p := newProc(t, "ctsh", "bash", "dtach", "dtach", "bash", "sshd", "systemd")
		p.holds(pidAt(5, 7), 4, 77)
		p.socket(here, there, established, 77)
		p.socket(here, "203.0.113.5:4000", established, 78)
		p.unixListener("/tmp/d", 200)
		p.holds(pidAt(2, 7), 3, 200)
		p.unixClient("/tmp/d", 201)
		p.holds(pidAt(2, 7), 4, 201)
		p.want("", outer, "listener 192.0.2.1:22 203.0.113.5:4000")
	})
	t.Run("not the clients of who started sshd", func(t *testing.T) {
		p := newProc(t, "ctsh", "bash", "sshd", "systemd")
		p.holds(pidAt(2, 4), 4, 77)
		p.socket(here, there, established, 77)
		p.socket(here, "203.0.113.5:4000", established, 78)
		for _, pid := range []int{1, pidAt(2, 4)} { // systemd, and the agent that sshd forwards
			path, inode := fmt.Sprint("/run/", pid), uint64(200+10*pid)
			p.unixListener(path, inode)
			p.holds(pid, 10, inode)
			p.unixClient(path, inode+1)
			p.holds(pid, 11, inode+1)
		}
		p.want("", outer)
	})
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
