package nft

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/suggest"
)

// Set is a named set. It may be used by several goroutines.
type Set struct {
	Family   Family
	Table    string
	Name     string
	Key      []Field // one, or those of a concatenation
	Map      bool    // its elements have data: they are not changed here
	Interval bool    // it holds networks and ranges

	client *Client
	layout *layout

	mu     sync.Mutex
	traits Traits
	gen    uint32 // the generation that it was read from
}

// Traits are what a set may come to have when it is made anew under its name,
// as a firewall does that is loaded again.
type Traits struct {
	Timeouts bool          // elements may have one
	Timeout  time.Duration // of elements that are given none, 0 for ever
	Size     uint32        // how many elements it may hold, 0 for any number
	Constant bool          // it may not change once a rule uses it
	Dynamic  bool          // rules add elements to it
}

// Traits are as they were when the set was last read: each change reads it
// again where the rules are others since.
func (s *Set) Traits() Traits {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.traits
}

// String is the name: "inet filter synflood".
func (s *Set) String() string { return s.name().String() }

func (s *Set) name() Name { return Name{s.Family, s.Table, s.Name} }

// Type is the type of its elements: "ipv4_addr . inet_service".
func (s *Set) Type() string {
	types := make([]string, len(s.Key))
	for i, f := range s.Key {
		types[i] = f.Type
	}
	return strings.Join(types, " . ")
}

// Flags are what nft calls them, in its order: "interval", "timeout".
func (s *Set) Flags() []string {
	t := s.Traits()
	var flags []string
	for _, f := range []struct {
		on   bool
		name string
	}{{t.Constant, "constant"}, {s.Interval, "interval"}, {t.Timeouts, "timeout"}, {t.Dynamic, "dynamic"}} {
		if f.on {
			flags = append(flags, f.name)
		}
	}
	return flags
}

// setOf makes a set of what the library read.
func (c *Client) setOf(family Family, read *nftables.Set, gen uint32) *Set {
	s := &Set{Family: family, Table: read.Table.Name, Name: read.Name, Key: fieldsOf(read), Map: read.IsMap, Interval: read.Interval, client: c, gen: gen,
		traits: Traits{Timeouts: read.HasTimeout, Timeout: read.Timeout, Size: read.Size, Constant: read.Constant, Dynamic: read.Dynamic}}
	s.layout = newLayout(s.Key, s.Interval)
	return s
}

// fieldsOf names the parts of a key. Where it is not as long as its parts
// together, it is one field of unknown values. Of a map of verdicts the
// library tells not even how long it is.
func fieldsOf(read *nftables.Set) []Field {
	if read.KeyType.Name == nftables.TypeVerdict.Name {
		return []Field{{Type: "unknown"}}
	}
	var fields []Field
	sum := 0
	types := strings.Split(read.KeyType.Name, " . ")
	for _, name := range types {
		n := lengths[name]
		for _, t := range nftables.ConcatSetTypeElements(nftables.SetDatatype{Name: name}) {
			n = max(n, int(t.Bytes))
		}
		fields = append(fields, Field{Type: name, Len: n})
		sum += (n + 3) &^ 3
	}
	size := int(read.KeyType.Bytes)
	switch {
	case len(fields) == 1 && (lengths[types[0]] == 0 || lengths[types[0]] == size):
		return []Field{{Type: types[0], Len: size}}
	case len(fields) > 1 && sum == size:
		return fields
	}
	return []Field{{Type: "unknown", Len: size}}
}

// Set finds a set by its name, of which the family may be left out: "inet
// filter synflood". Errors: [*NameError], [*NotFoundError] with the nearest
// name, [*AmbiguousError], and a PrivilegeError, NotSupportedError or OpError
// of package conntrack.
func (c *Client) Set(ctx context.Context, text string) (*Set, error) {
	const op = "find a set of nftables"
	n, err := ParseName(text)
	if err != nil {
		return nil, err
	}
	families := []Family{n.Family}
	if n.Family == 0 {
		families = []Family{Inet, IPv4, IPv6, Netdev, Bridge, ARP}
	}
	var found []*Set
	gen, err := c.still(ctx, func() error {
		found = nil
		for _, f := range families {
			s, err := c.read(ctx, Name{f, n.Table, n.Set})
			if err != nil {
				return err
			}
			if s != nil {
				found = append(found, s)
			}
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, c.explain(op, err)
	case len(found) > 1:
		e := &AmbiguousError{Name: n}
		for _, s := range found {
			e.Among = append(e.Among, s.String())
		}
		return nil, e
	case len(found) == 0:
		return nil, c.missing(ctx, n)
	}
	found[0].gen = gen
	return found[0], nil
}

// read reads what a set is, nil where it is not there.
func (c *Client) read(ctx context.Context, n Name) (*Set, error) {
	lib, err := c.library(ctx)
	if err != nil {
		return nil, err
	}
	s, err := lib.GetSetByName(&nftables.Table{Name: n.Table, Family: nftables.TableFamily(n.Family)}, n.Set)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EAFNOSUPPORT):
		return nil, nil //nolint:nilerr // it is not there, or no table of its family can be
	case err != nil:
		return nil, err
	}
	return c.setOf(n.Family, s, 0), nil
}

// missing is the error for a set that is not there.
func (c *Client) missing(ctx context.Context, n Name) error {
	all, err := c.Sets(ctx)
	if err != nil {
		return err
	}
	e := &NotFoundError{Name: n, Known: len(all)}
	var full, short []string
	for _, s := range all {
		full, short = append(full, s.String()), append(short, s.Name)
	}
	if e.Nearest = suggest.Nearest(n.String(), full); e.Nearest != "" {
		return e
	}
	// The name of the set counts more than that of its table.
	if at := slices.Index(short, suggest.Nearest(n.Set, short)); at >= 0 {
		e.Nearest = full[at]
	}
	return e
}

// Sets lists the named sets and maps of all tables, in the order of the kernel.
func (c *Client) Sets(ctx context.Context) ([]*Set, error) {
	var list []*Set
	gen, err := c.still(ctx, func() error {
		list = nil
		lib, err := c.library(ctx)
		if err != nil {
			return err
		}
		tables, err := lib.ListTables()
		if err != nil {
			return err
		}
		for _, t := range tables {
			sets, err := lib.GetSets(t)
			if err != nil {
				return fmt.Errorf("table %s %s: %w", Family(t.Family), t.Name, err)
			}
			for _, s := range sets {
				if !s.Anonymous {
					list = append(list, c.setOf(Family(t.Family), s, 0))
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, c.explain("list the sets of nftables", err)
	}
	for _, s := range list {
		s.gen = gen
	}
	return list, nil
}

// renew reads the set again where the rules are others since, and refuses one
// that was made anew with another type: elements were parsed for the old one.
func (s *Set) renew(ctx context.Context, gen uint32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gen == gen {
		return nil
	}
	now, err := s.client.read(ctx, s.name())
	switch {
	case err != nil:
		return err
	case now == nil:
		return &NotFoundError{Name: s.name(), Known: 1}
	case now.Type() != s.Type() || now.Interval != s.Interval || now.Map != s.Map:
		return &TypeError{Set: s.String(), Reason: fmt.Sprintf("it was made anew as one of %s; look it up again", now.Type())}
	}
	s.traits, s.gen = now.traits, gen
	return nil
}

// moved notes that a transaction of our own made the next generation.
func (s *Set) moved(gen uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gen == gen {
		s.gen = max(gen+1, 1) // 0 is left out
	}
}
