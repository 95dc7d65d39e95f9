package wire

import "fmt"

// Stat is one counter of a CPU.
type Stat uint8

// The counters, in the order of their attributes (enum ctattr_stats_cpu).
// Searched, New, Ignore, Delete and DeleteList are of older kernels.
const (
	StatSearched Stat = 1 + iota
	StatFound
	StatNew
	StatInvalid
	StatIgnore
	StatDelete
	StatDeleteList
	StatInsert
	StatInsertFailed
	StatDrop
	StatEarlyDrop
	StatError
	StatSearchRestart
	StatClashResolve
	StatChainTooLong

	statCount
)

var statNames = [statCount]string{"", "searched", "found", "new", "invalid", "ignore",
	"delete", "delete_list", "insert", "insert_failed", "drop", "early_drop", "error",
	"search_restart", "clash_resolve", "chain_toolong"}

// String returns the name of the counter, as in "early_drop".
func (s Stat) String() string { return statNames[s] }

// Stats lists all counters.
func Stats() []Stat {
	all := make([]Stat, 0, statCount-1)
	for s := StatSearched; s < statCount; s++ {
		all = append(all, s)
	}
	return all
}

// CPUStats are the counters of one CPU in one network namespace. Insert
// counts only what came through ctnetlink.
type CPUStats struct {
	CPU     int
	present uint32
	value   [statCount]uint32
}

// Get returns a counter and whether this kernel has it.
func (c *CPUStats) Get(s Stat) (uint32, bool) {
	return c.value[s], c.present>>s&1 == 1
}

// Set stores a counter.
func (c *CPUStats) Set(s Stat, v uint32) {
	c.value[s] = v
	c.present |= 1 << s
}

// Add adds the counters of o to c; what either has, the sum has.
func (c *CPUStats) Add(o CPUStats) {
	for s := range c.value {
		c.value[s] += o.value[s]
	}
	c.present |= o.present
}

// body returns the attributes of a message of the given subsystem.
func body(msg []byte, what string) ([]byte, error) {
	if len(msg) < HeaderLen {
		return nil, &DecodeError{0, fmt.Sprintf("%d bytes are too few for %s", len(msg), what)}
	}
	return msg[HeaderLen:], nil
}

// cut is the error of an attribute list that ends in the middle of one.
func cut(in *attrs, msg []byte) error {
	if in.bad {
		return &DecodeError{len(msg) - len(in.b), "attribute cut short"}
	}
	return nil
}

// ParseCPUStats reads the answer to a StatsDump of flows.
func ParseCPUStats(msg []byte) (c CPUStats, err error) {
	b, err := body(msg, "CPU statistics")
	if err != nil {
		return c, err
	}
	c.CPU = int(be16(msg[18:]))
	in := attrs{b: b}
	for {
		typ, p, ok := in.next()
		if !ok {
			return c, cut(&in, msg)
		}
		if typ > 0 && typ < int(statCount) && len(p) >= 4 {
			c.Set(Stat(typ), be32(p))
		}
	}
}

// Totals are the global counters of a namespace.
type Totals struct {
	Entries uint32 // with dying ones and expired ones not collected yet
	Max     uint32 // nf_conntrack_max, where HasMax
	HasMax  bool   // linux 4.19 and later
}

const (
	attrStatsEntries = 1
	attrStatsMax     = 2
)

// ParseTotals reads the answer to a Count.
func ParseTotals(msg []byte) (t Totals, err error) {
	b, err := body(msg, "statistics")
	if err != nil {
		return t, err
	}
	p := find(b, attrStatsEntries)
	if len(p) < 4 {
		return t, &DecodeError{HeaderLen, "no number of entries"}
	}
	t.Entries = be32(p)
	if p := find(b, attrStatsMax); len(p) >= 4 {
		t.Max, t.HasMax = be32(p), true
	}
	return t, nil
}

// ExpectCPUStats are the expectation counters of one CPU.
type ExpectCPUStats struct {
	CPU                 int
	New, Create, Delete uint32
}

// ParseExpectCPUStats reads the answer to a StatsDump of expectations.
func ParseExpectCPUStats(msg []byte) (c ExpectCPUStats, err error) {
	b, err := body(msg, "expectation statistics")
	if err != nil {
		return c, err
	}
	return ExpectCPUStats{CPU: int(be16(msg[18:])), New: uint32In(b, 1),
		Create: uint32In(b, 2), Delete: uint32In(b, 3)}, nil
}
