package conntrack

import "github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"

// bucketCounter is a Transport that knows the size of the hash table. A dump
// goes from bucket to bucket; where their number changes meanwhile, flows have
// moved, and the kernel does not say so (linux ctnetlink_dump_table).
type bucketCounter interface {
	// Buckets is the number of buckets of the conntrack table.
	Buckets() (int, error)
}

// buckets returns the size of the table, 0 where that is not known or does
// not matter.
func (c *Client) buckets(req *wire.Dump) int {
	t, ok := c.transport.(bucketCounter)
	if !ok || req.Table != wire.TableConntrack {
		return 0
	}
	n, err := t.Buckets()
	if err != nil {
		return 0
	}
	return n
}
