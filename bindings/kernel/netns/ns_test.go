package netns_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ctsh/ctsh/bindings/kernel/netns"
)

func TestOpenCurrent(t *testing.T) {
	self := current(t)
	if self.Inode() != here() {
		t.Errorf("Inode() = %d, want %d", self.Inode(), here())
	}
	for _, spec := range []string{"", "self", fmt.Sprintf("pid:%d", os.Getpid()), "/proc/self/ns/net"} {
		if ns := open(t, spec); !ns.Equal(self) {
			t.Errorf("Open(%q) is %d, want %d", spec, ns.Inode(), self.Inode())
		}
	}
	dup, err := netns.FromFD(self.FD())
	if err != nil {
		t.Fatal(err)
	}
	if !dup.Equal(self) || dup.FD() == self.FD() {
		t.Errorf("FromFD: equal %v, descriptors %d and %d", dup.Equal(self), dup.FD(), self.FD())
	}
	if err := dup.Close(); err != nil {
		t.Fatal(err)
	}
	if dup.FD() != -1 {
		t.Errorf("FD() after Close = %d, want -1", dup.FD())
	}
	if err := dup.Do(func() error { t.Error("ran in a closed namespace"); return nil }); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Do on a closed namespace: %v", err)
	}
	if self.Equal(nil) {
		t.Error("equal to nil")
	}
}

func TestOpenBad(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		spec, text string
		as         any
	}{
		{"no-such-name", `no network namespace "no-such-name"`, new(*netns.NotFoundError)},
		{"pid:2147483647", `no network namespace "pid:2147483647"`, new(*netns.NotFoundError)},
		{filepath.Join(dir, "none"), "no network namespace", new(*netns.NotFoundError)},
		{"pid:", "process number", new(*netns.NameError)},
		{"pid:-1", "process number", new(*netns.NameError)},
		{"pid:1x", "process number", new(*netns.NameError)},
		{"..", "directory", new(*netns.NameError)},
		{"a\x00b", "NUL", new(*netns.NameError)},
		{"/proc/self/ns\x00/net", "NUL", new(*netns.NameError)},
		{strings.Repeat("x", 256), "255", new(*netns.NameError)},
		{plain, "is not a network namespace", new(*netns.NotNamespaceError)},
		{dir + "/", "is not a network namespace", new(*netns.NotNamespaceError)},
		{"/proc/self/ns/uts", "is not a network namespace", new(*netns.NotNamespaceError)},
	} {
		ns, err := netns.Open(c.spec)
		if err == nil {
			ns.Close()
			t.Errorf("Open(%q) succeeded", c.spec)
			continue
		}
		if !errors.As(err, c.as) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("Open(%q): %T %v, want %T with %q", c.spec, err, err, c.as, c.text)
		}
	}
	if err := netns.CheckName("a/b"); err == nil {
		t.Error("a name with a slash passed")
	}
	if err := netns.CheckName(""); err == nil {
		t.Error("an empty name passed")
	}
	if _, err := netns.FromFD(-1); err == nil {
		t.Error("FromFD(-1) succeeded")
	}
}

func TestOpenName(t *testing.T) {
	name := named(t, "blue")
	ns := open(t, name)
	if ns.Inode() == here() || ns.String() != name {
		t.Errorf("opened %s as %d, we are in %d", ns, ns.Inode(), here())
	}
	if byPath := open(t, "/var/run/netns/"+name); !byPath.Equal(ns) {
		t.Error("the path is another namespace than the name")
	}
	names, err := netns.List()
	if err != nil || !slices.Contains(names, name) {
		t.Errorf("List() = %q, %v, want %q in it", names, err, name)
	}
	_, err = netns.Open(name[:len(name)-1] + "x")
	var missing *netns.NotFoundError
	if !errors.As(err, &missing) || missing.Nearest != name || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a misspelt name: %v", err)
	}
}
