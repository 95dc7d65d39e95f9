package conntrack

import "testing"

func TestOwnedIsBounded(t *testing.T) {
	var c Client
	if c.Owns(0) || c.Owns(7) {
		t.Error("owns before anything was opened")
	}
	for range 3 * maxOwned { // one socket opened again and again takes one place
		c.own.add(7)
		c.own.add(0)
	}
	for id := range uint32(maxOwned) {
		c.own.add(1000 + id)
	}
	if c.Owns(0) || c.Owns(7) || len(c.own.ids) != maxOwned {
		t.Errorf("owns 0: %v, the oldest: %v, %d in all", c.Owns(0), c.Owns(7), len(c.own.ids))
	}
	if !c.Owns(1000) || !c.Owns(999+maxOwned) {
		t.Error("forgot one of the last")
	}
}
