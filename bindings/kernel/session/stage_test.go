package session

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

// patience is how long anything may take that a test waits for.
const patience = 60 * time.Second

// stage is a machine with sshd, and one to come from.
type stage struct {
	form
	t              *testing.T
	client, server *netns.NS
	k              *conntrack.Client // of the server
	ctsh, dir      string
	sshd           *exec.Cmd
	served         int
}

func newStage(t *testing.T, f form, ctsh string) *stage {
	s := &stage{form: f, t: t, client: netnstest.New(t), server: netnstest.New(t), ctsh: ctsh, dir: t.TempDir()}
	devC, devS := netnstest.Veth(t, s.client, s.server, "10.7.0.2/24", "10.7.0.1/24")
	netnstest.Address(t, s.client, devC, "fd00:7::2/64")
	netnstest.Address(t, s.server, devS, "fd00:7::1/64")
	netnstest.Address(t, s.server, devS, "fd00:7::8/64")
	netnstest.Feed(t, s.server, rules, "nft", "-f", "-")
	err := s.server.Do(func() error {
		for name, value := range map[string]string{"timestamp": "1", "tcp_loose": "0"} {
			if err := os.WriteFile("/proc/sys/net/netfilter/nf_conntrack_"+name, []byte(value), 0); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s.k = conntrack.Open(s.server)
	t.Cleanup(func() { _ = s.k.Close() })
	if err := os.Mkdir(s.path("screens"), 0o700); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for role := range roles {
		if err := os.Symlink(self, s.path(role)); err != nil {
			t.Fatal(err)
		}
	}
	s.listen("sshd")
	return s
}

// path is that of a file of the stage.
func (s *stage) path(name string) string { return filepath.Join(s.dir, name) }

// command is a command with the surroundings of a login.
func (s *stage) command(args ...string) *exec.Cmd {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "TMUX_TMPDIR="+s.dir, "SCREENDIR="+s.path("screens"), "TERM=xterm", "LC_ALL=C.UTF-8")
	cmd.Stderr = os.Stderr
	return cmd
}

// quietly runs a command that may find nothing left to do.
func (s *stage) quietly(args ...string) {
	cmd := s.command(args...)
	cmd.Stderr = nil
	_ = cmd.Run()
}

// tmux is a command to a server of tmux that serves one scenario.
func (s *stage) tmux(args ...string) []string {
	return append([]string{"tmux", "-L", s.multiplexer()}, args...)
}

// screen is a command to a session of screen that serves one scenario.
func (s *stage) screen(args ...string) []string {
	return append([]string{"screen", "-c", "/dev/null", "-S", s.multiplexer()}, args...)
}

func (s *stage) multiplexer() string { return fmt.Sprint("guard", s.served) }

// gate is a command that waits until it is let through.
func (s *stage) gate(command []string) (gated []string, open func()) {
	s.t.Helper()
	pipe, f := s.pipe("gate")
	return append([]string{"/bin/sh", "-c", "read _ <" + pipe + `; exec "$@"`, "sh"}, command...), func() {
		if _, err := f.WriteString("go\n"); err != nil {
			s.t.Fatal(err)
		}
	}
}

// pipe makes a pipe with a name, of this scenario.
func (s *stage) pipe(name string) (string, *os.File) {
	s.t.Helper()
	path := s.path(fmt.Sprint(name, s.served))
	if err := unix.Mkfifo(path, 0o600); err != nil {
		s.t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = f.Close() })
	return path, f
}

// await waits until a command says something.
func (s *stage) await(what string, args ...string) {
	s.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		said, err := s.command(args...).Output()
		if strings.Contains(string(said), what) {
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("%q never says %s, but %v %s", args, what, err, said)
		}
	}
}

// listen starts a server for logins in place of the one that runs. The logins
// that it took stay.
func (s *stage) listen(role string) {
	s.t.Helper()
	if s.sshd != nil { // else the address is taken
		_, _ = s.sshd.Process.Kill(), s.sshd.Wait()
	}
	s.sshd = s.command(s.path(role), s.form.listen)
	out, err := s.sshd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.server.Do(s.sshd.Start); err != nil {
		s.t.Fatal(err)
	}
	sshd := s.sshd
	s.t.Cleanup(func() { _, _ = sshd.Process.Kill(), sshd.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		s.t.Fatalf("%s says %q, %v", role, line, err)
	}
}

// login is a connection to sshd.
type login struct {
	s      *stage
	before *login // an older one
	conn   net.Conn
	key    wire.Key
	flow   wire.Entry // as it was at first
}

func (s *stage) login() *login {
	s.t.Helper()
	l := &login{s: s}
	err := s.client.Do(func() (err error) {
		l.conn, err = net.DialTimeout("tcp", s.dial, patience)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = l.conn.Close() })
	process, err := os.FindProcess(l.do(order{}).PID)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = process.Kill() }) // who was hit does not hear of the end
	from, to := l.conn.LocalAddr().(*net.TCPAddr).AddrPort(), netip.MustParseAddrPort(s.dial)
	l.key.Tuple = wire.Tuple{Src: wire.AddrFrom(from.Addr()), Dst: wire.AddrFrom(to.Addr()), SrcPort: from.Port(), DstPort: to.Port(),
		Family: wire.FamilyIPv4, Proto: wire.ProtoTCP}
	if to.Addr().Is6() {
		l.key.Tuple.Family = wire.FamilyIPv6
	}
	if found, err := s.k.Get(context.Background(), wire.Get{Key: l.key}, &l.flow); err != nil || !found || !l.flow.Has(wire.HasStart) {
		s.t.Fatalf("%s is not tracked: %v %v %+v", l.key.Tuple, found, err, l.flow.Flow)
	}
	return l
}

// do has something run by the login.
func (l *login) do(o order) answer {
	l.s.t.Helper()
	_ = l.conn.SetDeadline(time.Now().Add(patience))
	a, err := ask(l.conn, o)
	if err != nil {
		l.s.t.Fatalf("%+v: %v", o, err)
	}
	return a
}

func (l *login) run(args ...string) {
	l.s.t.Helper()
	if a := l.do(order{Run: args}); a.Code != 0 {
		l.s.t.Fatalf("%q: code %d", args, a.Code)
	}
}

func (l *login) echo(text string) {
	l.s.t.Helper()
	if a := l.do(order{Echo: text}); a.Echo != text {
		l.s.t.Fatalf("sent %q, got %q", text, a.Echo)
	}
}

// hit tells whether the flow of the login is gone, or another than it was.
func (l *login) hit() bool {
	l.s.t.Helper()
	var now wire.Entry
	found, err := l.s.k.Get(context.Background(), wire.Get{Key: l.key}, &now)
	if err != nil {
		l.s.t.Fatal(err)
	}
	return !found || now.ID != l.flow.ID || now.Start != l.flow.Start
}

// fill adds flows that are nobody's session.
func (s *stage) fill() {
	s.t.Helper()
	for i := range bystanders {
		c := &wire.Create{}
		c.Entry.Orig = wire.Tuple{Src: wire.AddrFrom(netip.MustParseAddr("198.51.100.7")), Dst: wire.AddrFrom(netip.MustParseAddr("192.0.2.1")),
			SrcPort: uint16(1 + i), DstPort: 53, Family: wire.FamilyIPv4, Proto: wire.ProtoUDP}
		c.Entry.Timeout, c.Entry.Present = 600, wire.HasTimeout
		if err := s.k.Do(context.Background(), c); err != nil {
			s.t.Fatal(err)
		}
	}
}

// outcome is what ctsh said.
type outcome struct{ applied, protected, failed int }

// deletes is a command that deletes all flows with ctsh, and a way to wait for
// what that says. The command needs nothing of the environment.
func (s *stage) deletes(flags ...string) (command []string, wait func() outcome) {
	s.t.Helper()
	s.served++
	pipe, f := s.pipe("said")
	script := `exec >` + pipe + ` 2>&1; export XDG_STATE_HOME=` + s.dir + `; "$@"; echo end $?`
	command = append([]string{"/bin/sh", "-c", script, "sh", s.ctsh}, flags...)
	return command, func() (o outcome) {
		s.t.Helper()
		_ = f.SetReadDeadline(time.Now().Add(patience))
		r, said := bufio.NewReader(f), ""
		for !strings.HasPrefix(said[strings.LastIndexByte(strings.TrimSuffix(said, "\n"), '\n')+1:], "end ") {
			line, err := r.ReadString('\n')
			if said += line; err != nil {
				s.t.Fatalf("ctsh does not end: %v\n%s", err, said)
			}
		}
		if n, err := fmt.Sscanf(said, "%d\t%d\t%d\nend 0\n", &o.applied, &o.protected, &o.failed); n != 3 {
			s.t.Fatalf("ctsh: %v\n%s", err, said)
		}
		return o
	}
}
