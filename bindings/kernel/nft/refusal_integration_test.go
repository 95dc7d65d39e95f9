package nft

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

// Everything that the kernel refuses: nothing of the transaction is done, and
// the words say which element it is about.
func TestRefusals(t *testing.T) {
	const rules = `table inet t {
		set full { type ipv4_addr; size 3; elements = { 10.0.0.1, 10.0.0.2 }; };
		set nets { type ipv4_addr; flags interval; elements = { 10.0.0.0/8 }; };
		set pairs { type ipv4_addr . inet_service; flags interval; elements = { 10.0.0.0/8 . 80-90 }; };
		set fixed { type ipv4_addr; flags constant; elements = { 10.0.0.1 }; };
		set plain { type ipv4_addr; };
		map m { type ipv4_addr : mark; elements = { 10.0.0.1 : 0x10 }; };
		map v { type ipv4_addr : verdict; elements = { 10.0.0.1 : drop }; };
		chain c { ip saddr @fixed accept; }
	}`
	ns, c := load(t, rules)
	before := netnstest.Run(t, ns, "nft", "list", "ruleset")
	for _, c1 := range []struct {
		set     string
		delete  bool
		timeout time.Duration
		es      []string
		errno   error
		want    string
	}{
		{"full", false, 0, []string{"10.0.0.3", "10.0.0.1", "10.0.0.4", "10.0.0.5"}, unix.ENFILE, "add to set inet t full: 10.0.0.4: the set is full: its size is 3; delete elements"},
		{"nets", false, 0, []string{"11.0.0.0/8", "10.1.0.0/16"}, unix.EEXIST, "add to set inet t nets: 10.1.0.0/16: it overlaps with 10.0.0.0/8, which is in the set"},
		{"nets", false, 0, []string{"8.0.0.0/6"}, unix.EEXIST, "8.0.0.0/6: it overlaps with 10.0.0.0/8"},
		{"nets", false, 0, []string{"11.0.0.0/8", "12.0.0.0/8", "11.1.0.0/16"}, unix.EEXIST, "11.1.0.0/16: it overlaps with 11.0.0.0/8, which is to be added as well"},
		{"nets", true, 0, []string{"10.1.0.0/16"}, unix.ENOENT, "delete from set inet t nets: 10.1.0.0/16: it is not in the set, but 10.0.0.0/8 is, which overlaps with it; delete 10.0.0.0/8"},
		{"nets", true, 0, []string{"10.0.0.1"}, unix.ENOENT, "but 10.0.0.0/8 is"},
		{"nets", true, 0, []string{"10.0.0.0/9"}, unix.ENOENT, "but 10.0.0.0/8 is"},
		{"nets", true, 0, []string{"10.128.0.0/9"}, unix.ENOENT, "but 10.0.0.0/8 is"},
		{"nets", true, 0, []string{"8.0.0.0/6"}, unix.ENOENT, "but 10.0.0.0/8 is"},
		{"pairs", false, 0, []string{"10.0.0.0/9 . 85"}, unix.EEXIST, "10.0.0.0/9 . 85: it overlaps with 10.0.0.0/8 . 80-90"},
		{"pairs", true, 0, []string{"10.0.0.0/9 . 85"}, unix.ENOENT, "but 10.0.0.0/8 . 80-90 is"},
		{"fixed", false, 0, []string{"10.0.0.2"}, unix.EBUSY, "add to set inet t fixed: the set is constant and in use by a rule"},
		{"fixed", true, 0, []string{"10.0.0.1"}, unix.EBUSY, "the set is constant"},
		{"plain", false, time.Hour, []string{"10.0.0.1"}, nil, `element "10.0.0.1" of set inet t plain: the set has no "flags timeout"`},
		{"plain", false, -time.Hour, []string{"10.0.0.1"}, nil, "its timeout is negative"},
		{"m", false, 0, []string{"10.0.0.2"}, nil, "set inet t m: it is a map, whose elements have data"},
		{"m", true, 0, []string{"10.0.0.1"}, nil, "it is a map"},
	} {
		s := set(t, c, "t "+c1.set)
		es := parse(t, s, c1.es...)
		var res Result
		var err error
		if c1.delete {
			res, err = s.Delete(context.Background(), es)
		} else {
			res, err = s.Add(context.Background(), es, c1.timeout)
		}
		if err == nil || !strings.Contains(err.Error(), c1.want) || c1.errno != nil && !errors.Is(err, c1.errno) || res != (Result{}) {
			t.Errorf("%s %v: %+v, %v, want %s", c1.set, c1.es, res, err, c1.want)
		}
		if after := netnstest.Run(t, ns, "nft", "list", "ruleset"); after != before {
			t.Fatalf("%s %v: the rules are now\n%s", c1.set, c1.es, after)
		}
	}
	other := parse(t, setOfType("ipv6_addr", false), "fd00::1")
	if _, err := set(t, c, "t plain").Add(context.Background(), other, 0); err == nil || !strings.Contains(err.Error(), "made for a set of another type") {
		t.Errorf("an element of another set: %v", err)
	}
	if _, err := set(t, c, "t plain").Delete(context.Background(), []Element{{}}); err == nil {
		t.Error("no element at all")
	}
}

// The element that is named is the right one, whatever else is done with it.
func TestRefusedAmongRenewed(t *testing.T) {
	renewals(t, func(t *testing.T) {
		_, c := load(t, `table inet t { set r { type ipv4_addr; flags interval, timeout; elements = { 10.0.0.0/8 timeout 1h, 11.0.0.0/8 timeout 1h, 12.0.0.0/8 timeout 1h } }; }`)
		s := set(t, c, "t r")
		_, err := s.Add(context.Background(), parse(t, s, "12.1.0.0/16", "10.0.0.0/8", "11.0.0.0/8"), time.Hour)
		if want := "12.1.0.0/16: it overlaps with 12.0.0.0/8, which is in the set"; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	})
}

// Of several transactions those before a refusal stay, and are counted.
func TestManyElements(t *testing.T) {
	ns, c := load(t, fmt.Sprintf(`table inet t { set s { type ipv4_addr; size %d; }; set n { type ipv6_addr; flags interval, timeout; }; }`, 2*BatchSize+10))
	s := set(t, c, "t s")
	var texts, nets []string
	for i := range 3 * BatchSize {
		texts = append(texts, fmt.Sprintf("10.%d.%d.1", i>>8, i&255))
		nets = append(nets, fmt.Sprintf("2001:db8:%x::/48", i))
	}
	res, err := s.Add(context.Background(), parse(t, s, texts...), 0)
	var refused *Error
	if !errors.As(err, &refused) || refused.Errno != unix.ENFILE || res.Applied != 2*BatchSize || refused.Element != texts[2*BatchSize+10] {
		t.Errorf("%+v, %v", res, err)
	}
	agree(t, ns, s, texts[:2*BatchSize]...)
	n := set(t, c, "t n")
	add(t, n, time.Hour, nets...)
	agree(t, ns, n, nets...)
	add(t, n, 2*time.Hour, nets...)
	res, err = n.Delete(context.Background(), parse(t, n, append(nets[BatchSize/2:], nets...)...))
	if err != nil || res != (Result{Applied: len(nets)}) {
		t.Errorf("%+v, %v", res, err)
	}
	agree(t, ns, n)
}

// A table with an owner is changed by it alone.
func TestOwnedTable(t *testing.T) {
	ns, c := load(t, "")
	cmd := netnstest.Command(t, "nft", "-i")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := ns.Do(cmd.Start); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	if _, err := io.WriteString(in, "add table inet t { flags owner; }\nadd set inet t s { type ipv4_addr; }\nlist tables\n"); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.Contains(lines.Text(), "table inet t") {
			break
		}
	}
	s, err := c.Set(context.Background(), "inet t s")
	if err != nil {
		t.Skipf("needs tables with an owner: %v", err)
	}
	_, err = s.Add(context.Background(), parse(t, s, "10.0.0.1"), 0)
	if err == nil || !errors.Is(err, unix.EPERM) || !strings.Contains(err.Error(), "its table belongs to another program") {
		t.Errorf("%v", err)
	}
}
