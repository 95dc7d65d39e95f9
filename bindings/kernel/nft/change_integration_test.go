package nft

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

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
