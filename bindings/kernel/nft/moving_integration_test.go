package nft

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

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

// A list that takes many pieces, while elements come and go between those that
// stay: these are all in it.
func TestListWhileElementsChange(t *testing.T) {
	const stay, leave = 3000, 2000
	for _, kind := range []string{"type ipv4_addr;", "type ipv4_addr; flags interval;"} {
		ns, c := load(t, "table inet t { set s { "+kind+" }; }")
		s := set(t, c, "t s")
		var stays, goes []Element
		for i := range stay {
			stays = append(stays, parse(t, s, fmt.Sprintf("10.0.%d.%d", i>>8, i&255))...)
		}
		for i := range leave {
			goes = append(goes, parse(t, s, fmt.Sprintf("9.%d.%d.%d", i&1, i>>8, i&255))...)
		}
		if _, err := s.Add(context.Background(), stays, 0); err != nil {
			t.Fatal(err)
		}
		var stop atomic.Bool
		var done sync.WaitGroup
		done.Go(func() {
			other := Open(ns)
			defer other.Close()
			x := set(t, other, "t s")
			for !stop.Load() {
				_, err := x.Add(context.Background(), goes, 0)
				if err == nil {
					_, err = x.Delete(context.Background(), goes)
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
		whole, busy := 0, 0
		for range 15 {
			n := 0
			err := s.List(context.Background(), func(e Entry) error {
				if strings.HasPrefix(e.Element.String(), "10.") {
					n++
				}
				return nil
			})
			switch {
			case errors.Is(err, ErrBusy):
				busy++
			case err != nil:
				t.Error(err)
			case n != stay:
				t.Errorf("%s lists %d of the %d that stay", kind, n, stay)
			default:
				whole++
			}
		}
		stop.Store(true)
		done.Wait()
		t.Logf("%s %d lists, %d times the rules did not stand still", kind, whole, busy)
	}
}
