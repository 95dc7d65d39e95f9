package session

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

// deleteAll is what a login does to the table of the machine that it came to.
const deleteAll = `local r = %s:where(ct.all):delete():apply{max = 1e6} print(r.applied, r.protected, r.failed)`

// bystanders is how many flows there are that are nobody's session.
const bystanders = 50

// form is a way in which packets get from the client to sshd.
type form struct {
	name   string
	listen string // address of sshd
	dial   string // where the client goes
	inner  string // where a client on the machine itself goes
}

// The client is 10.7.0.2 and fd00:7::2; sshd is 10.7.0.1 and fd00:7::1. The
// rules send 2222 on to 22, and give what comes to 2223 another source besides.
var forms = []form{
	{"IPv4", "0.0.0.0:22", "10.7.0.1:22", "127.0.0.1:22"},
	{"IPv6", "[::]:22", "[fd00:7::1]:22", "[::1]:22"},
	{"IPv4 on a socket of IPv6", "[::]:22", "10.7.0.1:22", "127.0.0.1:22"},
	{"other port", "0.0.0.0:2022", "10.7.0.1:2022", "10.7.0.1:2022"},
	{"redirected", "0.0.0.0:22", "10.7.0.1:2222", "127.0.0.1:2222"},
	{"translated to another address", "[::]:22", "[fd00:7::8]:2222", "[::1]:22"},
	{"both ends translated", "0.0.0.0:22", "10.7.0.1:2223", "127.0.0.1:22"},
	{"both ends translated, IPv6", "[::]:22", "[fd00:7::1]:2223", "[::1]:22"},
}

// rules are of a strict firewall: a stream whose flow is deleted stays dead.
const rules = `table inet guard {
	chain pre { type nat hook prerouting priority -100; tcp dport 2222 meta nfproto ipv4 redirect to :22; tcp dport 2223 ct mark set 1 redirect to :22; ip6 daddr fd00:7::8 tcp dport 2222 dnat ip6 to [fd00:7::1]:22; }
	chain local { type nat hook output priority -100; ip daddr 127.0.0.1 tcp dport 2222 redirect to :22; }
	chain post { type nat hook input priority 100; ct mark 1 snat ip to 10.7.0.99; ct mark 1 snat ip6 to fd00:7::99; }
	chain in { type filter hook input priority 0; ct state invalid drop; }
}`

// way is how a login gets to run ctsh.
type way struct {
	name      string
	needs     string   // a command, "" for none
	via       []string // what stands before the command, or
	run       func(l *login, command []string)
	role      string // the server for logins, "" for sshd
	elsewhere bool   // it is run for the table of another network namespace
	older     bool   // the older login is of the same user
	protected int    // flows of its own, or
	all       bool   // it cannot be told from other logins: all of them
}

var ways = []way{
	{name: "shell", protected: 1},
	{name: "wiped environment", via: []string{"env", "-i"}, protected: 1},
	{name: "terminal", run: func(l *login, command []string) { l.do(order{Run: command, TTY: true}) }, protected: 1},
	{name: "setsid", needs: "setsid", via: []string{"setsid", "-w", "env", "-i"}, protected: 1},
	{name: "dropbear", role: "dropbear", via: []string{"env", "-i"}, protected: 1},
	{name: "sshd was restarted", via: []string{"env", "-i"}, run: func(l *login, command []string) {
		l.s.listen("sshd")
		l.do(order{Run: command})
	}, protected: 1},
	{name: "sudo", needs: "sudo", via: []string{"sudo", "-n"}, protected: 1},
	{name: "sudo -i", needs: "sudo", via: []string{"sudo", "-n", "-i"}, protected: 1},
	{name: "sudo -i on a terminal", needs: "sudo", via: []string{"sudo", "-n", "-i"},
		run: func(l *login, command []string) { l.do(order{Run: command, TTY: true}) }, protected: 1},
	{name: "another network namespace", needs: "unshare", via: []string{"unshare", "-n", "env", "-i"}, elsewhere: true, protected: 1},
	{name: "orphan", needs: "setsid", via: []string{"setsid", "-f", "env", "-i"}, all: true},
	{name: "orphan that remembers", needs: "setsid", via: []string{"setsid", "-f"}, all: true},
	{name: "nohup", needs: "nohup", via: []string{"sh", "-c", `nohup "$@" >/dev/null 2>&1 &`, "sh"}, all: true},
	{name: "orphan of a restarted sshd", needs: "setsid", via: []string{"setsid", "-f", "env", "-i"}, run: func(l *login, command []string) {
		l.s.listen("sshd")
		l.do(order{Run: command})
	}, all: true},
	{name: "container", needs: "unshare", via: []string{"unshare", "--pid", "--fork", "--mount-proc", "env", "-i"}, all: true},
	{name: "ssh to itself", run: again, protected: 2},
	{name: "ssh to itself twice", run: func(l *login, command []string) {
		again(l, append([]string{l.s.path("ssh"), l.s.inner}, command...))
	}, protected: 3},
	{name: "tmux", needs: "tmux", run: func(l *login, command []string) {
		l.run(l.s.tmux(append([]string{"-f", "/dev/null", "new-session", "-d"}, command...)...)...)
	}, all: true},
	{name: "tmux of an older login", needs: "tmux", run: func(l *login, command []string) {
		s := l.s
		gated, open := s.gate(command)
		l.before.run(s.tmux(append([]string{"-f", "/dev/null", "new-session", "-d"}, gated...)...)...)
		s.t.Cleanup(func() { s.quietly(s.tmux("kill-server")...) })
		l.do(order{Run: s.tmux("attach-session"), TTY: true, Stay: true})
		s.await("/dev/pts", s.tmux("list-clients")...)
		open()
	}, older: true, protected: 2},
	{name: "screen of an older login", needs: "screen", run: func(l *login, command []string) {
		s := l.s
		gated, open := s.gate(command)
		l.before.run(s.screen(append([]string{"-d", "-m"}, gated...)...)...)
		s.t.Cleanup(func() { s.quietly(s.screen("-X", "quit")...) })
		s.await("Detached", "screen", "-ls", s.multiplexer()) // it is there
		l.do(order{Run: s.screen("-x"), TTY: true, Stay: true})
		s.await("(Attached)", "screen", "-ls", s.multiplexer())
		open()
	}, older: true, protected: 2},
}

// again logs in to the machine from the machine itself.
func again(l *login, command []string) {
	l.run(append([]string{l.s.path("ssh"), l.s.inner}, command...)...)
}

// TestGuard deletes all flows from a login, and sees whether that cuts it off.
func TestGuard(t *testing.T) {
	ctsh := filepath.Join(t.TempDir(), "ctsh")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", ctsh, "../../../cmd/ctsh")
	if build.Err != nil {
		t.Skip("needs the go command, to build ctsh:", build.Err)
	}
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build ctsh: %v\n%s", err, out)
	}
	scenarios, hits, deleted := 0, 0, 0
	for _, f := range forms {
		t.Run(f.name, func(t *testing.T) {
			s := newStage(t, f, ctsh)
			s.unguarded()
			for _, w := range ways {
				t.Run(w.name, func(t *testing.T) {
					s.t = t
					hit, n := s.try(&w)
					scenarios, hits, deleted = scenarios+1, hits+hit, deleted+n
				})
			}
		})
	}
	t.Logf("%d scenarios, %d flows deleted, %d logins hit", scenarios, deleted, hits)
}

// unguarded shows that a login which is hit is seen to be.
func (s *stage) unguarded() {
	l := s.login()
	command, wait := s.deletes("--no-guard", "-e", fmt.Sprintf(deleteAll, "flows"))
	l.run(append([]string{"setsid", "-f"}, command...)...) // it could not tell us any more
	if o := wait(); o.protected != 0 || !l.hit() {
		s.t.Fatalf("without the guard: %+v, hit %t", o, l.hit())
	}
}

// try deletes all flows in one way. It returns how many logins of the user were
// hit, and how many flows were deleted.
func (s *stage) try(w *way) (hits, deleted int) {
	s.t.Helper()
	if err := s.command(append(w.via, "true")...).Run(); err != nil && len(w.via) > 0 {
		s.t.Skipf("%q does not work here: %v", w.via, err)
	}
	if w.needs != "" {
		netnstest.Command(s.t, w.needs)
	}
	if w.role == "" {
		s.listen("sshd")
	} else {
		s.listen(w.role)
	}
	older, mine, other := s.login(), s.login(), s.login()
	mine.before = older
	s.fill()
	flows := "flows"
	if w.elsewhere {
		flows = fmt.Sprintf(`ct.ns("pid:%d").flows`, s.sshd.Process.Pid)
	}
	command, wait := s.deletes("-e", fmt.Sprintf(deleteAll, flows))
	command = append(w.via[:len(w.via):len(w.via)], command...)
	if w.run == nil {
		mine.run(command...)
	} else {
		w.run(mine, command)
	}
	o := wait()

	own := []*login{mine}
	if w.older || w.all {
		own = append(own, older)
	}
	if w.all {
		own = append(own, other)
	} else if !other.hit() {
		s.t.Errorf("the login of another is spared")
	}
	for _, l := range own {
		if l.hit() {
			hits++
			continue
		}
		l.echo("the stream goes on")
	}
	if hits > 0 {
		s.t.Errorf("%d of %d logins hit", hits, len(own))
	}
	if o.failed != 0 || o.applied < bystanders || o.protected != w.protected && !w.all {
		s.t.Errorf("%+v, want %d protected and %d or more applied", o, w.protected, bystanders)
	}
	return hits, o.applied
}
