package conntrack

import "sync"

// maxOwned is how many port ids are remembered. A client has a few sockets at
// a time and opens another after a request that went wrong.
const maxOwned = 4096

// owned are the port ids of a client's sockets, closed ones too: what they
// caused may be read later. The kernel gives the id of the process to the
// first socket and counts down from a random number for the others, so that
// another process hardly gets one that was closed (linux netlink_autobind).
type owned struct {
	mu   sync.RWMutex
	ids  map[uint32]struct{}
	ring [maxOwned]uint32 // in the order of opening; the oldest is forgotten
	next int
}

// add remembers an id.
func (o *owned) add(id uint32) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, known := o.ids[id]; known || id == 0 {
		return
	}
	if o.ids == nil {
		o.ids = map[uint32]struct{}{}
	}
	delete(o.ids, o.ring[o.next])
	o.ids[id] = struct{}{}
	o.ring[o.next] = id
	o.next = (o.next + 1) % maxOwned
}

// Owns implements Kernel.
func (c *Client) Owns(portID uint32) bool {
	c.own.mu.RLock()
	defer c.own.mu.RUnlock()
	_, ok := c.own.ids[portID]
	return ok
}
