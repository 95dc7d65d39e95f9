package nft

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

// renewals runs a test for kernels that renew an element which is added again
// and for those that do not, as far as this one lets us, and from the start.
func renewals(t *testing.T, fn func(t *testing.T)) {
	for name, state := range map[string]int32{"unknown": renewalUnknown, "deleted and added": keeps} {
		t.Run(name, func(t *testing.T) {
			before := renewal.Swap(state)
			defer renewal.Store(before)
			fn(t)
		})
	}
}

// near tells that a time is a little less than what it began as.
func near(got int, want time.Duration) bool {
	d := want - time.Duration(got)*time.Second
	return d >= 0 && d < 2*time.Minute
}

// A timeout counts from when the element was added last, and what is there for
// good stays so.
func TestTimeoutIsFromNow(t *testing.T) {
	renewals(t, func(t *testing.T) {
		for _, set1 := range []string{"type ipv4_addr; flags timeout", "type ipv4_addr; flags timeout, interval", "type ipv4_addr . ipv4_addr; flags timeout, interval"} {
			twice := func(e string) string {
				if strings.Contains(set1, " . ") {
					return e + " . " + e
				}
				return e
			}
			ns, c := load(t, fmt.Sprintf(`table inet t { set s { %s; elements = { %s timeout 1h expires 30m comment "why", %s timeout 5h, %s, %s timeout 2h expires 30m } }; }`,
				set1, twice("10.0.0.1"), twice("10.0.0.2"), twice("10.0.0.3"), twice("10.0.0.5")))
			s := set(t, c, "t s")
			es := parse(t, s, twice("10.0.0.1"), twice("10.0.0.2"), twice("10.0.0.3"), twice("10.0.0.4"), twice("10.0.0.5"))
			res, err := s.Add(context.Background(), es, 2*time.Hour)
			if err != nil || res != (Result{Applied: 4, Same: 1}) {
				t.Errorf("%s: %+v, %v", set1, res, err)
			}
			_, all := theirs(t, ns, s)
			for i, e := range es {
				l := all[e.String()]
				if i == 2 {
					if l.timeout != 0 {
						t.Errorf("%s: %s was there for good: %+v", set1, e, l)
					}
				} else if l.timeout != 7200 || !near(l.expires, 2*time.Hour) {
					t.Errorf("%s: %s: %+v", set1, e, l)
				}
			}
			if l := all[es[0].String()]; l.comment != "why" {
				t.Errorf("%s: the comment is lost: %+v", set1, l)
			}
			list, err := s.Look(context.Background(), es)
			if err != nil || list[0].Timeout != 2*time.Hour || list[0].Expires > 2*time.Hour || list[0].Expires < time.Hour || list[0].Comment != "why" || list[2].Timeout != 0 {
				t.Errorf("%s: %+v, %v", set1, list, err)
			}
		}
	})
}

func TestDefaultTimeout(t *testing.T) {
	renewals(t, func(t *testing.T) {
		ns, c := load(t, `table inet t { set s { type ipv4_addr; flags timeout; timeout 1h; elements = { 10.0.0.1 timeout 9h, 10.0.0.3 timeout 1h expires 30m }; }; set none { type ipv4_addr; flags timeout; elements = { 10.0.0.1 timeout 9h }; }; }`)
		s := set(t, c, "t s")
		add(t, s, 0, "10.0.0.1", "10.0.0.2", "10.0.0.3")
		_, all := theirs(t, ns, s)
		for _, e := range []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"} {
			if l := all[e]; !near(l.expires, time.Hour) {
				t.Errorf("%s: %+v", e, l)
			}
		}
		err := s.List(context.Background(), func(e Entry) error {
			if e.Timeout != time.Hour || e.Expires > time.Hour || e.Expires < 30*time.Minute {
				t.Errorf("%+v", e)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		none := set(t, c, "t none")
		add(t, none, 0, "10.0.0.1", "10.0.0.2")
		if _, all := theirs(t, ns, none); all["10.0.0.1"].timeout != 0 || all["10.0.0.2"].timeout != 0 {
			t.Errorf("without a default: %+v", all)
		}
	})
}

// Counters of an element that is renewed go on.
func TestCountersAreKept(t *testing.T) {
	renewals(t, func(t *testing.T) {
		ns, c := load(t, `table inet t { set s { type ipv4_addr; flags timeout; counter; elements = { 10.0.0.1 counter packets 7 bytes 77 timeout 1h }; }; }`)
		add(t, set(t, c, "t s"), 2*time.Hour, "10.0.0.1")
		if out := netnstest.Run(t, ns, "nft", "list", "set", "inet", "t", "s"); !strings.Contains(out, "packets 7 bytes 77") || !strings.Contains(out, "timeout 2h") {
			t.Error(out)
		}
	})
}

// What is for ever stays so in a set with a default.
func TestPutForEver(t *testing.T) {
	renewals(t, func(t *testing.T) {
		ns, c := load(t, `table inet t { set s { type ipv4_addr; flags timeout; timeout 1h; elements = { 10.0.0.2 }; }; }`)
		s := set(t, c, "t s")
		es := parse(t, s, "10.0.0.1", "10.0.0.2")
		res, err := s.Put(context.Background(), []Entry{{Element: es[0]}, {Element: es[1]}})
		if err != nil || res != (Result{Applied: 2}) {
			t.Errorf("%+v, %v", res, err)
		}
		list, err := s.Look(context.Background(), es)
		if err != nil || list[0] == nil || list[1] == nil || list[0].Timeout != 0 || list[1].Timeout != 0 {
			t.Errorf("%+v, %v", list, err)
		}
		_, all := theirs(t, ns, s)
		if all["10.0.0.1"].expires != 0 || all["10.0.0.2"].expires != 0 {
			t.Errorf("%+v", all)
		}
	})
}

// Put gives each element its own time, some of which may have passed.
func TestPut(t *testing.T) {
	ns, c := load(t, `table inet t { set s { type ipv4_addr; flags timeout, interval; }; }`)
	s := set(t, c, "t s")
	es := parse(t, s, "10.0.0.0/8", "11.0.0.1", "12.0.0.1")
	res, err := s.Put(context.Background(), []Entry{{Element: es[0], Timeout: time.Hour, Expires: 10 * time.Minute, Comment: "back"},
		{Element: es[1], Timeout: 2 * time.Hour}, {Element: es[2]}, {Element: es[2]}})
	if err != nil || res != (Result{Applied: 3}) {
		t.Errorf("%+v, %v", res, err)
	}
	_, all := theirs(t, ns, s)
	if l := all["10.0.0.0/8"]; l.timeout != 3600 || !near(l.expires, 10*time.Minute) || l.comment != "back" {
		t.Errorf("%+v", l)
	}
	if !near(all["11.0.0.1"].expires, 2*time.Hour) || all["12.0.0.1"].timeout != 0 {
		t.Errorf("%+v", all)
	}
}

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

// A set that is made anew as it was is used on, with its new traits; one of
// another type, or none, is an error.
func TestSetMadeAnew(t *testing.T) {
	ns, c := load(t, `table inet t { set s { type ipv4_addr; }; }`)
	s := set(t, c, "t s")
	add(t, s, 0, "10.0.0.1")
	feed(t, ns, "delete table inet t\ntable inet t { set s { type ipv4_addr; flags timeout; timeout 1h; }; }")
	add(t, s, 0, "10.0.0.2")
	if got := s.Traits(); got.Timeout != time.Hour {
		t.Errorf("%+v", got)
	}
	agree(t, ns, s, "10.0.0.2")
	feed(t, ns, "delete table inet t\ntable inet t { set s { type mark; }; }")
	e := parse(t, s, "10.0.0.3")
	var wrong *TypeError
	if _, err := s.Add(context.Background(), e, 0); !errors.As(err, &wrong) || !strings.Contains(err.Error(), "made anew as one of mark") {
		t.Errorf("another type: %v", err)
	}
	if _, err := s.Has(context.Background(), e[0]); !errors.As(err, &wrong) {
		t.Errorf("another type: %v", err)
	}
	agree(t, ns, set(t, c, "t s"))
	feed(t, ns, "delete table inet t")
	var none *NotFoundError
	for name, fn := range map[string]func() error{
		"add":    func() error { _, err := s.Add(context.Background(), e, 0); return err },
		"delete": func() error { _, err := s.Delete(context.Background(), e); return err },
		"list":   func() error { return s.List(context.Background(), func(Entry) error { return nil }) },
		"has":    func() error { _, err := s.Has(context.Background(), e[0]); return err },
	} {
		if err := fn(); !errors.As(err, &none) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Several add and delete while the rules change under them: nothing is lost.
func TestChangesAtOnce(t *testing.T) {
	ns, c := load(t, `table inet t { set s { type ipv4_addr; }; set r { type ipv4_addr; flags interval; }; }`)
	var stop atomic.Bool
	var others sync.WaitGroup
	others.Go(func() {
		for !stop.Load() {
			feed(t, ns, "table inet other { set s { type ipv4_addr; }; }\ndelete table inet other\n")
		}
	})
	var all sync.WaitGroup
	var want []string
	for _, name := range []string{"s", "r"} {
		s := set(t, c, "t "+name)
		for i := range 4 {
			for j := range 50 {
				if name == "s" && j%5 == 0 {
					want = append(want, fmt.Sprintf("10.0.%d.%d", i, j))
				}
			}
			all.Go(func() {
				for j := range 50 {
					e, err := s.Parse(fmt.Sprintf("10.0.%d.%d", i, j))
					if err == nil {
						_, err = s.Add(context.Background(), []Element{e}, 0)
					}
					if err == nil && j%5 != 0 {
						_, err = s.Delete(context.Background(), []Element{e})
					}
					if err != nil && !errors.Is(err, ErrBusy) {
						t.Error(err)
					} else if err != nil {
						t.Error("busy: ", err)
					}
				}
			})
		}
	}
	all.Wait()
	stop.Store(true)
	others.Wait()
	agree(t, ns, set(t, c, "t s"), slices.Clone(want)...)
	agree(t, ns, set(t, c, "t r"), want...)
}
