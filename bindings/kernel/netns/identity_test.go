package netns_test

import (
	"testing"

	"github.com/ctsh/ctsh/bindings/kernel/netns"
	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

func TestIdentity(t *testing.T) {
	here, err := netns.Identity(nil)
	if err != nil || here == "" {
		t.Fatal(here, err)
	}
	seen := map[string]bool{here: true}
	for range 3 {
		ns := netnstest.New(t)
		first, err := netns.Identity(ns)
		again, err2 := netns.Identity(ns)
		if err != nil || err2 != nil || first != again || seen[first] {
			t.Errorf("%q, then %q, %v; before it %v", first, again, err, seen)
		}
		seen[first] = true
	}
}
