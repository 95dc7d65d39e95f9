package session

import (
	"net/netip"
	"strings"
	"testing"
)

// What the parser accepts must read the same after it is written again.
func FuzzParseEntry(f *testing.F) {
	f.Add([]byte(tableLine(0, netip.MustParseAddrPort(here), netip.MustParseAddrPort(there), established, 0, 77)))
	f.Add([]byte(tableLine(9999, netip.MustParseAddrPort("[2001:db8::1]:22"), netip.MustParseAddrPort("[fe80::7]:1"), listen, 0, 0)))
	f.Add([]byte(tableLine(1, netip.MustParseAddrPort("[::ffff:10.0.0.1]:22"), netip.MustParseAddrPort("[::]:0"), 8, 65534, 1<<63)))
	f.Add([]byte("  sl  local_address rem_address   st"))
	f.Add([]byte(": : : : : : : : : :"))
	f.Fuzz(func(t *testing.T, line []byte) {
		k, ok := parseEntry(line)
		if !ok {
			if k != (entry{}) {
				t.Fatalf("%q: refused, but %+v", line, k)
			}
			return
		}
		if k.local.Addr().Is4In6() || k.remote.Addr().Is4In6() {
			t.Fatalf("%q: mapped address in %+v", line, k)
		}
		// One side may be mapped and the other not: write both in the long form.
		long := func(a netip.AddrPort) netip.AddrPort {
			return netip.AddrPortFrom(netip.AddrFrom16(a.Addr().As16()), a.Port())
		}
		again, ok := parseEntry([]byte(tableLine(0, long(k.local), long(k.remote), k.state, int(k.uid), k.inode)))
		if !ok || again != k {
			t.Fatalf("%q: %+v, then %t %+v", line, k, ok, again)
		}
	})
}

func FuzzParseVariable(f *testing.F) {
	f.Add("198.51.100.7 50122 192.0.2.1 22")
	f.Add("fe80::7%eth0 50122 fe80::1%eth0 22")
	f.Add("UNKNOWN 65535 UNKNOWN 65535")
	f.Fuzz(func(t *testing.T, text string) {
		local, remote, ok := parseVariable(text)
		if !ok {
			return
		}
		for _, end := range []netip.AddrPort{local, remote} {
			if !end.IsValid() || end.Port() == 0 || end.Addr().Zone() != "" || end.Addr().Is4In6() || end.Addr().IsUnspecified() {
				t.Fatalf("%q: %s", text, end)
			}
		}
		if local.Addr().Is4() != remote.Addr().Is4() {
			t.Fatalf("%q: families of %s and %s", text, local, remote)
		}
	})
}

// What tells of a process is read from text that the process may have a hand in.
func FuzzProcess(f *testing.F) {
	f.Add([]byte("4242 (a) S 1 2) R) S 4241 4242 4242 1083436 4242 4194304\n"))
	f.Add([]byte("Name:\ta\\nPPid:\nPPid:\t4241\n"))
	f.Add([]byte("pos:\t0\ntty-index:\t12\n"))
	f.Add([]byte("/dev/pts/12"))
	f.Add([]byte("0000000041e54936: 00000003 00000000 00010000 0001 01 55617 /tmp/tmux 0/gd\n"))
	f.Add([]byte("socket:[77]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if n, ok := terminalOf(text); ok && n >= 1<<20 {
			t.Errorf("%q: terminal %d", text, n) // a device number has 20 bits for it
		}
		if n, ok := masterOf(text); ok && n >= 1<<32 {
			t.Errorf("%q: terminal %d", text, n)
		}
		if pid, ok := parentOf(text); ok && (pid == "" || len(pid) > 10) {
			t.Errorf("%q: parent %q", text, pid)
		}
		if k, ok := parseUnix(text); ok && k.path != "" && !strings.HasSuffix(strings.TrimSpace(string(text)), k.path) {
			t.Errorf("%q: path %q", text, k.path)
		}
		if e, ok := endOf(string(text)); ok && (e.kind == master || e.kind == socket && e.number == 0) {
			t.Errorf("%q: %v", text, e)
		}
	})
}
