package nft

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack"
	"github.com/ctsh/ctsh/bindings/kernel/netns"
)

// kindsOfSets are sets of every type that can be written, with elements that
// nft puts in, and others.
var kindsOfSets = []struct {
	name, rule string
	there      []string
	more       []string
}{
	{"v4", "type ipv4_addr; elements = { 10.0.0.1, 10.0.0.2 }", []string{"10.0.0.1", "10.0.0.2"}, []string{"0.0.0.0", "255.255.255.255"}},
	{"v6", "type ipv6_addr; elements = { fd00::1 }", []string{"fd00::1"}, []string{"::", "2001:db8::7"}},
	{"port", "type inet_service; elements = { 80 }", []string{"80"}, []string{"0", "443", "65535"}},
	{"mark", "type mark; elements = { 0x10 }", []string{"0x10"}, []string{"0x0", "0xffffffff", "0x1020304"}},
	{"proto", "type inet_proto; elements = { tcp, 47 }", []string{"tcp", "gre"}, []string{"udp", "250"}},
	{"dev", "type ifname; elements = { eth0 }", []string{"eth0"}, []string{"abcdefghijklmno", "wg-1.2"}},
	{"nets", "type ipv4_addr; flags interval; elements = { 10.0.0.0/8, 192.0.2.1, 198.51.100.3-198.51.100.9 }",
		[]string{"10.0.0.0/8", "192.0.2.1", "198.51.100.3-198.51.100.9"}, []string{"0.0.0.0/8", "11.0.0.0/8", "240.0.0.0/4", "192.0.2.2"}},
	{"nets6", "type ipv6_addr; flags interval; elements = { fd00::/8 }", []string{"fd00::/8"}, []string{"fe80::/10", "::/16", "ffff::/16", "2001:db8::1-2001:db8::3"}},
	{"ports", "type inet_service; flags interval; elements = { 80-90 }", []string{"80-90"}, []string{"0-10", "91", "60000-65535"}},
	{"marks", "type mark; flags interval; elements = { 0x11-0x1e }", []string{"0x11-0x1e"}, []string{"0x0", "0x21-0x2e", "0xffffffff"}},
	{"pair", "type ipv4_addr . inet_service; elements = { 10.0.0.1 . 80 }", []string{"10.0.0.1 . 80"}, []string{"10.0.0.1 . 81", "10.0.0.2 . 80"}},
	{"triple", "type ipv6_addr . inet_proto . mark; elements = { fd00::1 . tcp . 0x10 }", []string{"fd00::1 . tcp . 0x10"}, []string{"fd00::1 . udp . 0x10", "fd00::1 . tcp . 0x1000"}},
	{"pairs", "type ipv4_addr . inet_service; flags interval; elements = { 10.0.0.0/8 . 80-90 }", []string{"10.0.0.0/8 . 80-90"}, []string{"11.0.0.0/8 . 80-90", "10.0.0.0/8 . 91", "192.0.2.1 . 1"}},
	{"markpairs", "type ipv4_addr . mark; flags interval; elements = { 10.0.0.0/8 . 0x11-0x1e }", []string{"10.0.0.0/8 . 0x11-0x1e"}, []string{"10.0.0.0/8 . 0x20", "11.0.0.1 . 0x101-0x1fe"}},
	{"devpair", "type ifname . ipv4_addr; elements = { eth0 . 10.0.0.1 }", []string{"eth0 . 10.0.0.1"}, []string{"eth1 . 10.0.0.1"}},
	{"typeof", "typeof ip saddr . tcp dport; elements = { 10.0.0.1 . 80 }", []string{"10.0.0.1 . 80"}, []string{"10.0.0.1 . 22"}},
}

// Each kind of set: what nft put in is listed and found, what we add and
// delete nft lists too.
func TestEveryKindOfSet(t *testing.T) {
	ctx := context.Background()
	for _, k := range kindsOfSets {
		t.Run(k.name, func(t *testing.T) {
			ns, c := load(t, "table inet t { set s { "+k.rule+"; }; }")
			s := set(t, c, "inet t s")
			agree(t, ns, s, k.there...)
			for _, e := range append(parse(t, s, k.there...), parse(t, s, k.more...)...) {
				has, err := s.Has(ctx, e)
				if err != nil || has != slices.Contains(k.there, e.String()) {
					t.Errorf("has %s: %v, %v", e, has, err)
				}
			}
			add(t, s, 0, k.more...)
			all := append(slices.Clone(k.there), k.more...)
			agree(t, ns, s, all...)
			if res, err := s.Add(ctx, parse(t, s, all...), 0); err != nil || res != (Result{Same: len(all)}) {
				t.Errorf("a second time: %+v, %v", res, err)
			}
			list, err := s.Look(ctx, parse(t, s, all...))
			for i, found := range list {
				if found == nil || found.Element.String() != all[i] {
					t.Errorf("look for %s: %v", all[i], found)
				}
			}
			if err != nil {
				t.Error(err)
			}
			if res, err := s.Delete(ctx, parse(t, s, k.more...)); err != nil || res != (Result{Applied: len(k.more)}) {
				t.Errorf("delete: %+v, %v", res, err)
			}
			agree(t, ns, s, k.there...)
			if res, err := s.Delete(ctx, parse(t, s, k.more...)); err != nil || res != (Result{Gone: len(k.more)}) {
				t.Errorf("delete again: %+v, %v", res, err)
			}
			if res, err := s.Delete(ctx, parse(t, s, all...)); err != nil || res != (Result{Applied: len(k.there), Gone: len(k.more)}) {
				t.Errorf("delete all: %+v, %v", res, err)
			}
			agree(t, ns, s)
		})
	}
}

// Has asks whether a packet with such a value matches.
func TestHasOfIntervals(t *testing.T) {
	_, c := load(t, `table inet t {
		set r { type ipv4_addr; flags interval; elements = { 10.0.0.0/8, 11.0.0.0/8, 240.0.0.0/4 }; }
		set p { type ipv4_addr . inet_service; flags interval; elements = { 10.0.0.5 . 80, 10.0.0.0/24 . 0-100 }; }
	}`)
	for text, want := range map[string]bool{"10.0.0.0": true, "10.1.2.3": true, "10.255.255.255": true, "10.1.0.0/16": true, "11.0.0.0/8": true,
		"9.255.255.255": false, "12.0.0.0": false, "10.0.0.0/7": false, "10.0.0.0-12.0.0.0": false, "250.0.0.0/8": true, "255.255.255.255": true} {
		s := set(t, c, "t r")
		if has, err := s.Has(context.Background(), parse(t, s, text)[0]); err != nil || has != want {
			t.Errorf("%s: %v, %v", text, has, err)
		}
	}
	// Of two that hold a value the kernel tells one, though both can be asked for.
	for text, want := range map[string]bool{"10.0.0.5 . 80": true, "10.0.0.0/24 . 0-100": true, "10.0.0.6 . 80": true, "10.0.0.5-10.0.0.9 . 80": true, "10.0.0.5-10.0.1.9 . 80": false, "10.0.0.5 . 101": false, "10.0.1.0 . 80": false} {
		s := set(t, c, "t p")
		if has, err := s.Has(context.Background(), parse(t, s, text)[0]); err != nil || has != want {
			t.Errorf("%s: %v, %v", text, has, err)
		}
	}
	s := set(t, c, "t p")
	list, err := s.Look(context.Background(), parse(t, s, "10.0.0.5 . 80", "10.0.0.0/24 . 0-100", "10.0.0.6 . 80"))
	if err != nil || list[0] == nil || list[1] == nil || list[2] != nil {
		t.Errorf("%v, %v", list, err)
	}
}

func TestSetByName(t *testing.T) {
	ctx := context.Background()
	_, c := load(t, `table inet filter { set synflood { type ipv4_addr; flags dynamic,timeout; timeout 10m; size 5; }; map m { type ipv4_addr : mark; }; }
		table ip filter { set bad { type ipv4_addr; }; }
		table ip6 filter { set bad { type ipv6_addr; flags constant, interval; }; chain c { ip6 saddr { fd00::1, fd00::2 } accept; }; }`)
	s := set(t, c, "filter synflood")
	if s.String() != "inet filter synflood" || s.Type() != "ipv4_addr" || s.Map || s.Interval ||
		s.Traits() != (Traits{Timeouts: true, Timeout: 10 * time.Minute, Size: 5, Dynamic: true}) || strings.Join(s.Flags(), ",") != "timeout,dynamic" {
		t.Errorf("%s %s %+v %v", s, s.Type(), s.Traits(), s.Flags())
	}
	if s := set(t, c, "ip6 filter bad"); !s.Traits().Constant || !s.Interval || s.Type() != "ipv6_addr" {
		t.Errorf("%s %s %+v", s, s.Type(), s.Traits())
	}
	if s := set(t, c, "inet filter m"); !s.Map {
		t.Errorf("%s is no map", s)
	}
	for name, want := range map[string]string{
		"filter bad":          `set "filter bad" is there more than once: "ip filter bad" and "ip6 filter bad"; name the family too`,
		"inet filter synflod": `no set "inet filter synflod"; did you mean "inet filter synflood"?`,
		"inet fw synflood":    `no set "inet fw synflood"; did you mean "inet filter synflood"?`,
		"ip filter nothing":   `no set "ip filter nothing"`,
		"filter":              `bad name of a set "filter"`,
	} {
		if _, err := c.Set(ctx, name); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	if _, err := c.Set(ctx, "inet fw synflood"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v is no fs.ErrNotExist", err)
	}
	sets, err := c.Sets(ctx)
	var names []string
	for _, s := range sets {
		names = append(names, s.String())
	}
	slices.Sort(names)
	if want := "inet filter m, inet filter synflood, ip filter bad, ip6 filter bad"; err != nil || strings.Join(names, ", ") != want {
		t.Errorf("%v, %v, want %s", names, err, want)
	}
	_, none := load(t, "")
	if _, err := none.Set(ctx, "inet a b"); err == nil || !strings.HasSuffix(err.Error(), "there is no set at all") {
		t.Errorf("without any: %v", err)
	}
	if sets, err := none.Sets(ctx); err != nil || len(sets) != 0 {
		t.Errorf("without any: %v, %v", sets, err)
	}
}

// Each client asks its own namespace.
func TestClientOfItsNamespace(t *testing.T) {
	here, c := load(t, "table inet t { set s { type ipv4_addr; }; }")
	_, other := load(t, "")
	if _, err := other.Set(context.Background(), "inet t s"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in the other namespace: %v", err)
	}
	add(t, set(t, c, "inet t s"), 0, "10.0.0.1")
	err := here.Do(func() error {
		own := Open(nil)
		defer own.Close()
		agree(t, here, set(t, own, "inet t s"), "10.0.0.1")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestClosedNamespaceAndContext(t *testing.T) {
	ns, err := netns.Current()
	if err != nil {
		t.Fatal(err)
	}
	_ = ns.Close()
	if _, err := Open(ns).Sets(context.Background()); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	_, c := load(t, "table inet t { set s { type ipv4_addr; }; }")
	s := set(t, c, "t s")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Add(ctx, parse(t, s, "10.0.0.1"), 0); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	if err := s.List(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	if got := ours(t, s); len(got) != 0 {
		t.Errorf("added all the same: %v", got)
	}
}

func TestReadOnly(t *testing.T) {
	ns, _ := load(t, "table inet t { set s { type ipv4_addr; elements = { 10.0.0.1 }; }; }")
	c := ReadOnly(ns)
	defer c.Close()
	s := set(t, c, "t s")
	if _, err := s.Add(context.Background(), parse(t, s, "10.0.0.2"), 0); !errors.Is(err, conntrack.ErrReadOnly) {
		t.Errorf("add: %v", err)
	}
	if _, err := s.Delete(context.Background(), parse(t, s, "10.0.0.1")); !errors.Is(err, conntrack.ErrReadOnly) {
		t.Errorf("delete: %v", err)
	}
	agree(t, ns, s, "10.0.0.1")
}

// A program without the capability is told so.
func TestPrivilege(t *testing.T) {
	ns, _ := load(t, "table inet t { set s { type ipv4_addr; }; }")
	err := ns.Do(func() error {
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if err := unix.Capset(&header, &none[0]); err != nil { // of this thread, which ends with the test
			return err
		}
		_, err := Open(nil).Set(context.Background(), "t s")
		return err
	})
	var privilege *conntrack.PrivilegeError
	if !errors.As(err, &privilege) || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("%v", err)
	}
}
