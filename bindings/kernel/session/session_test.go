package session

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"strings"
	"testing"
)

const (
	here  = "192.0.2.1:22"
	there = "198.51.100.7:50122"
)

func TestProcess(t *testing.T) {
	plain := []string{"ctsh", "bash", "sshd-session", "sshd", "systemd"}
	session := pidAt(2, len(plain))
	tests := []struct {
		name  string
		comms []string
		build func(p *proc)
		want  []string
	}{
		{"wiped environment", plain, func(p *proc) {
			p.holds(session, 4, 77)
			p.socket(here, there, established, 77)
			p.remove("1000", "environ")
		}, []string{"process 192.0.2.1:22 198.51.100.7:50122"}},
		{"sudo chain", []string{"ctsh", "sudo", "sudo", "bash", "sshd", "sshd", "systemd"}, func(p *proc) {
			p.holds(pidAt(4, 7), 3, 77)
			p.socket(here, there, established, 77)
		}, []string{"process 192.0.2.1:22 198.51.100.7:50122"}},
		{"dropbear", []string{"ctsh", "sh", "dropbear", "dropbear", "init"}, func(p *proc) {
			p.holds(pidAt(2, 5), 5, 77)
			p.holds(pidAt(3, 5), 3, 600)
			p.socket("0.0.0.0:22", "0.0.0.0:0", listen, 600)
			p.socket(here, there, established, 77)
			p.socket(here, "203.0.113.6:4000", established, 78)
		}, []string{"process 192.0.2.1:22 198.51.100.7:50122"}},
		{"server of another name", []string{"ctsh", "sh", "teleport", "systemd"}, func(p *proc) {
			p.holds(pidAt(2, 4), 5, 77)
			p.holds(pidAt(2, 4), 6, 600)
			p.socket("[::]:3022", "[::]:0", listen, 600)
			p.socket("192.0.2.1:3022", there, established, 77)
			p.socket(here, "203.0.113.6:4000", established, 78)
		}, []string{"process 192.0.2.1:3022 198.51.100.7:50122", "listener 192.0.2.1:22 203.0.113.6:4000"}},
		{"orphan adopted by a server of something else", []string{"ctsh", "nginx"}, func(p *proc) {
			p.process(700, 1, "sshd")
			p.holds(700, 3, 77)
			p.holds(1, 5, 78)
			p.holds(1, 6, 600)
			p.socket("0.0.0.0:80", "0.0.0.0:0", listen, 600)
			p.socket("192.0.2.1:80", "203.0.113.6:4000", established, 78)
			p.socket(here, there, established, 77)
		}, []string{"process 192.0.2.1:80 203.0.113.6:4000", "listener 192.0.2.1:22 198.51.100.7:50122"}},
		{"the port was changed since", plain, func(p *proc) {
			p.holds(session, 4, 77)
			p.socket("0.0.0.0:2222", "0.0.0.0:0", listen, 600)
			p.socket(here, there, established, 77)
			p.socket("192.0.2.1:2222", "203.0.113.6:4000", established, 78)
		}, []string{"process 192.0.2.1:22 198.51.100.7:50122"}},
		{"network namespace of its own", plain, func(p *proc) {
			p.space("blue")
			p.lives(1000, "blue")
			p.holds(session, 4, 77)
			p.socket(here, there, established, 77)
			p.socketIn("blue", here, "203.0.113.6:4000", established, 0, 78)
		}, []string{"process 192.0.2.1:22 198.51.100.7:50122"}},
		{"first process of a container", []string{"ctsh", "sshd"}, func(p *proc) {
			p.holds(1, 3, 77)
			p.socket(here, there, established, 77)
		}, []string{"process 192.0.2.1:22 198.51.100.7:50122"}},
		{"version 6", plain, func(p *proc) {
			p.holds(session, 4, 77)
			p.socket("[2001:db8::1]:22", "[2001:db8:1:2:3:4:5:6]:50122", established, 77)
		}, []string{"process [2001:db8::1]:22 [2001:db8:1:2:3:4:5:6]:50122"}},
		{"mapped", plain, func(p *proc) {
			p.holds(session, 4, 77)
			p.socket("[::ffff:192.0.2.1]:22", "[::ffff:198.51.100.7]:50122", established, 77)
		}, []string{"process 192.0.2.1:22 198.51.100.7:50122"}},
		{"loopback", plain, func(p *proc) {
			p.holds(session, 4, 77)
			p.socket("127.0.0.1:22", "127.0.0.1:40000", established, 77)
			p.socket("127.0.0.1:40000", "127.0.0.1:22", established, 78)
		}, []string{"process 127.0.0.1:22 127.0.0.1:40000"}},
		{"only established", plain, func(p *proc) {
			p.holds(session, 4, 77)
			p.holds(session, 5, 78)
			p.holds(session, 6, 79)
			p.socket(here, "0.0.0.0:0", listen, 77)
			p.socket(here, there, 8, 78) // CLOSE_WAIT
			p.socket(here, "198.51.100.7:50123", established, 79)
		}, []string{"process 192.0.2.1:22 198.51.100.7:50123"}},
		{"many sockets", plain, func(p *proc) {
			for i := range 300 {
				p.holds(session, 10+i, uint64(5000+i))
				p.socket(here, fmt.Sprintf("203.0.113.9:%d", 1000+i), established, uint64(9000+i))
			}
			p.socket(here, there, established, 5299)
		}, []string{"process 192.0.2.1:22 198.51.100.7:50122"}},
		{"garbage around", plain, func(p *proc) {
			p.link("socket:[x]", "1000", "fd", "8")
			p.link("socket:[0]", "1000", "fd", "9")
			p.link("socket:[77", "1000", "fd", "10")
			p.link("anon_inode:[eventpoll]", "1000", "fd", "11")
			p.holds(session, 4, 77)
			p.write("\n:::\n  9: 0100007F:0016 zz 01\n\x00\x00\n"+strings.Repeat("9", 4000)+"\n", "net", "tcp")
			p.socket(here, there, established, 77)
			p.socket("203.0.113.1:22", "203.0.113.2:1", established, 0) // orphan
			p.write(strings.Repeat("x", 1<<16)+tableLine(0, netip.MustParseAddrPort(here), netip.MustParseAddrPort("203.0.113.2:1"), established, 0, 77), "net", "tcp")
		}, []string{"process 192.0.2.1:22 198.51.100.7:50122"}},
		{"no table of version 6", plain, func(p *proc) {
			p.remove("net", "tcp6")
			p.holds(session, 4, 77)
			p.socket(here, there, established, 77)
		}, []string{"process 192.0.2.1:22 198.51.100.7:50122"}},
		{"parents in a circle", []string{"ctsh", "bash"}, func(p *proc) {
			p.remove("1", "status")
			p.write("PPid:\t1000\n", "1", "status")
			p.holds(1, 4, 77)
			p.socket(here, there, established, 77)
		}, []string{"process 192.0.2.1:22 198.51.100.7:50122"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newProc(t, tt.comms...)
			tt.build(p)
			p.want("", tt.want...)
		})
	}
}

// A console, or a process under no sshd at all, has no connection of its own.
func TestNothing(t *testing.T) {
	p := newProc(t, "ctsh", "bash", "login", "systemd")
	p.socket("192.0.2.1:443", there, established, 77)
	p.want("")
}

func TestNoProc(t *testing.T) {
	empty := t.TempDir()
	for _, root := range []string{empty, empty + "/none"} {
		_, err := Find(root, func(string) string { return "198.51.100.7 50122 192.0.2.1 22" })
		if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), root) {
			t.Errorf("%s: error %v", root, err)
		}
	}
}

// A process of which nothing can be read but that it is there: what the
// environment says may not be all.
func TestNothingReadable(t *testing.T) {
	p := newProc(t)
	p.remove("net")
	p.write("", "self", "status")
	for env, want := range map[string]int{"": 0, "198.51.100.7 50122 192.0.2.1 22": 1} {
		got, err := Find(p.root, func(string) string { return env })
		if err != nil || !got.Partial || len(got.Connections) != want {
			t.Errorf("%q: %+v %v", env, got, err)
		}
	}
}

func none(string) string { return "" }

// small is a search whose bounds a test can reach.
func small(p *proc) *search {
	return newSearch(p.root, limits{processes: 100, hops: 4, spaces: 4, file: 1 << 16, links: 100, connections: 8})
}

func TestBounds(t *testing.T) {
	build := func() (*proc, *search) {
		p := newProc(t, "ctsh", "bash", "sshd", "systemd")
		p.holds(pidAt(2, 4), 4, 77)
		for i := range 50 {
			p.socket("192.0.2.1:443", fmt.Sprintf("203.0.113.9:%d", 1000+i), established, uint64(9000+i))
		}
		p.socket(here, there, established, 77)
		return p, small(p)
	}
	_, s := build()
	if s.run(none); s.found.Partial || len(s.found.Connections) != 1 {
		t.Errorf("no bound reached: %+v", s.found)
	}
	_, s = build()
	s.limits.processes = 2
	if s.run(none); !s.found.Partial || len(s.found.Connections) != 1 || s.found.Connections[0].Via != ViaListener {
		t.Errorf("chain too long: %+v", s.found)
	}
	p, s := build()
	for i := range 200 {
		p.holds(1000, 20+i, uint64(20+i))
	}
	if s.run(none); !s.found.Partial || len(s.found.Connections) != 1 {
		t.Errorf("too many descriptors: %+v", s.found)
	}
	p, s = build()
	p.write(strings.Repeat("A=B\x00", 1<<14)+"SSH_CONNECTION=198.51.100.7 50122 192.0.2.1 2222\x00", "1000", "environ")
	if s.run(none); s.found.Partial || len(s.found.Connections) != 1 {
		t.Errorf("environment too long, but the process was found: %+v", s.found)
	}
	p, s = build()
	p.remove("net", "tcp")
	if s.run(none); !s.found.Partial {
		t.Errorf("no table: %+v", s.found)
	}
	p, s = build()
	for i := range 20 {
		p.holds(pidAt(2, 4), 20+i, uint64(9000+i))
	}
	if s.run(none); !s.found.Partial || len(s.found.Connections) != s.connections {
		t.Errorf("too many connections: %+v", s.found)
	}
	p, s = build()
	for i := range 3 {
		dir := fmt.Sprint("space", i)
		p.space(dir)
		p.lives([]int{1000, 999, 998}[i], dir)
	}
	s.limits.spaces = 2
	if s.run(none); !s.found.Partial {
		t.Errorf("too many network namespaces: %+v", s.found)
	}
	s = newSearch(p.root+"/none", most)
	if s.each(func(string) {}); !s.cut {
		t.Error("processes that cannot be listed")
	}
}

// What is cut must not end in half an entry, which could name another port.
func TestReadCutsWhole(t *testing.T) {
	p := newProc(t, "ctsh")
	p.write("one\x00two\x00three", "1", "cut")
	for size, want := range map[int]string{2: "", 4: "one\x00", 7: "one\x00", 12: "one\x00two\x00", 13: "one\x00two\x00three"} {
		s := small(p)
		s.file = size
		if got := string(s.read("1", "cut")); got != want || s.cut != (size < 13) {
			t.Errorf("%d bytes: %q, cut %t", size, got, s.cut)
		}
	}
}
