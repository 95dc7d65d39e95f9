package session

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// proc is a made tree in the shape of /proc.
type proc struct {
	t    *testing.T
	root string
	line int
}

// newProc makes a tree where self is the first of the processes, and each
// process is the child of the one after it. The last has parent 0.
func newProc(t *testing.T, comms ...string) *proc {
	t.Helper()
	p := &proc{t: t, root: t.TempDir()}
	for i, comm := range comms {
		parent := 0
		if i+1 < len(comms) {
			parent = pidAt(i+1, len(comms))
		}
		p.process(pidAt(i, len(comms)), parent, comm)
	}
	if len(comms) > 0 {
		p.link(fmt.Sprint(pidAt(0, len(comms))), "self")
	}
	p.space("net")
	return p
}

// space makes the tables of a network namespace, in a directory of the root.
func (p *proc) space(dir string) {
	p.t.Helper()
	for _, name := range []string{"tcp", "tcp6"} {
		p.write("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n", dir, name)
	}
}

// lives moves a process to a network namespace that space has made.
func (p *proc) lives(pid int, dir string) {
	p.t.Helper()
	id := fmt.Sprint(pid)
	p.remove(id, "net")
	p.link(filepath.Join("..", dir), id, "net")
	p.remove(id, "ns")
	p.write("", id, "ns", "pid")
	p.link("net:["+dir+"]", id, "ns", "net")
}

// pidAt numbers a chain of n so that its last is 1.
func pidAt(i, n int) int {
	if i == n-1 {
		return 1
	}
	return 1000 - i
}

func (p *proc) write(text string, elem ...string) {
	p.t.Helper()
	path := filepath.Join(append([]string{p.root}, elem...)...)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		p.t.Fatal(err)
	}
	_, err = f.WriteString(text)
	if f.Close(); err != nil {
		p.t.Fatal(err)
	}
}

func (p *proc) link(to string, elem ...string) {
	p.t.Helper()
	if err := os.Symlink(to, filepath.Join(append([]string{p.root}, elem...)...)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *proc) remove(elem ...string) {
	p.t.Helper()
	if err := os.RemoveAll(filepath.Join(append([]string{p.root}, elem...)...)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *proc) process(pid, parent int, comm string) {
	p.t.Helper()
	id := fmt.Sprint(pid)
	p.write(comm+"\n", id, "comm")
	p.write(fmt.Sprintf("Name:\t%s\nUmask:\t0022\nTgid:\t%d\nPid:\t%d\nPPid:\t%d\nUid:\t0\t0\t0\t0\n", comm, pid, pid, parent), id, "status")
	p.write("PATH=/bin\x00LANG=C\x00", id, "environ")
	if err := os.MkdirAll(filepath.Join(p.root, id, "fd"), 0o755); err != nil {
		p.t.Fatal(err)
	}
	p.link("/dev/null", id, "fd", "0")
	p.lives(pid, "net")
	p.terminal(pid, -1)
}

// terminal gives a process the controlling terminal /dev/pts/N; -1 is none.
func (p *proc) terminal(pid, n int) {
	p.t.Helper()
	dev := 0
	if n >= 0 {
		dev = 136<<8 | n&0xff | n&^0xff<<12
	}
	id := fmt.Sprint(pid)
	p.remove(id, "stat")
	p.write(fmt.Sprintf("%d (a) b) S 1 %d %d %d -1 4194304 0\n", pid, pid, pid, dev), id, "stat")
}

// shows makes a process the other side of the terminal /dev/pts/N.
func (p *proc) shows(pid, fd, n int) {
	p.t.Helper()
	p.link("/dev/ptmx", fmt.Sprint(pid), "fd", fmt.Sprint(fd))
	p.write(fmt.Sprintf("pos:\t0\nflags:\t02100002\nmnt_id:\t21\nino:\t2\ntty-index:\t%d\n", n), fmt.Sprint(pid), "fdinfo", fmt.Sprint(fd))
}

func (p *proc) holds(pid, fd int, inode uint64) {
	p.t.Helper()
	p.link(fmt.Sprintf("socket:[%d]", inode), fmt.Sprint(pid), "fd", fmt.Sprint(fd))
}

func (p *proc) environ(pid int, text string) {
	p.write("SSH_CONNECTION="+text+"\x00TERM=xterm\x00", fmt.Sprint(pid), "environ")
}

// socket adds a socket of root to the table. An end in brackets, as
// "[::ffff:10.0.0.1]:22", is written to tcp6.
func (p *proc) socket(local, remote string, state uint8, inode uint64) {
	p.t.Helper()
	p.socketIn("net", local, remote, state, 0, inode)
}

func (p *proc) socketIn(space, local, remote string, state uint8, uid int, inode uint64) {
	p.t.Helper()
	name := "tcp"
	if strings.HasPrefix(local, "[") {
		name = "tcp6"
	}
	p.write(tableLine(p.line, netip.MustParseAddrPort(local), netip.MustParseAddrPort(remote), state, uid, inode), space, name)
	p.line++
}

// unixListener and unixClient add to the unix sockets: one that listens, and one
// that was accepted from it.
func (p *proc) unixListener(path string, inode uint64) { p.unix("00010000", "01", path, inode) }
func (p *proc) unixClient(path string, inode uint64)   { p.unix("00000000", "03", path, inode) }

func (p *proc) unix(flags, state, path string, inode uint64) {
	p.t.Helper()
	if path != "" {
		path = " " + path
	}
	p.write(fmt.Sprintf("0000000041e54936: 00000003 00000000 %s 0001 %s %5d%s\n", flags, state, inode, path), "net", "unix")
}

// tableLine writes a line as the kernel does.
func tableLine(n int, local, remote netip.AddrPort, state uint8, uid int, inode uint64) string {
	return fmt.Sprintf("%4d: %s %s %02X 00000000:00000000 02:000A7214 00000000 %5d        0 %d 2 0000000000000000 20 4 30 10 -1\n",
		n, hexEnd(local), hexEnd(remote), state, uid, inode)
}

func hexEnd(a netip.AddrPort) string {
	var b strings.Builder
	raw := a.Addr().AsSlice()
	for i := 0; i < len(raw); i += 4 {
		fmt.Fprintf(&b, "%08X", binary.NativeEndian.Uint32(raw[i:]))
	}
	return fmt.Sprintf("%s:%04X", b.String(), a.Port())
}

// want checks the connections, each written "via local remote".
func (p *proc) want(env string, want ...string) Session {
	p.t.Helper()
	got, err := Find(p.root, func(name string) string {
		if name != "SSH_CONNECTION" {
			p.t.Errorf("asked for the variable %s", name)
		}
		return env
	})
	if err != nil {
		p.t.Fatal(err)
	}
	if got.Partial {
		p.t.Error("partial")
	}
	var lines []string
	for _, c := range got.Connections {
		if c.Proto != 6 {
			p.t.Errorf("proto %d", c.Proto)
		}
		lines = append(lines, fmt.Sprintf("%s %s %s", c.Via, c.Local, c.Remote))
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		p.t.Errorf("connections (-want +got):\n%s", diff)
	}
	return got
}
