package nft

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Use is a rule that looks a set up, or adds to it.
type Use struct {
	Place   Place
	Key     string   // what is looked up: "ip saddr", "ip saddr . dport"
	Side    Side     // "" where it is no address of the packet
	Invert  bool     // the rule is for what is not in the set
	Adds    bool     // the rule adds to the set
	Verdict string   // "drop", "accept", "jump ban"; "" where the next rule goes on
	Asks    []string // what else the rule asks for
	From    []Entrance
}

// Entrance is a base chain on whose way a rule lies.
type Entrance struct {
	Chain    string // "inet filter input"
	Hook     Hook
	Priority int
	Kind     string   // filter, nat or route
	Via      []string // the chains from there to the rule, its own the last
}

// Uses are the rules that use a set and what they do with packets of which one
// address is in it.
type Uses struct {
	Rules []Use
	// Paths are the ways on which packets can come from or go to an address in
	// the set, each with the answer whether they are dropped there.
	Paths []Path
	// Effective tells that on at least one of them they are.
	Effective bool
	// Reason says why, or why not, in one sentence.
	Reason string
}

// Uses looks at all rules. Sets of other things than addresses have no Paths
// and are not Effective. The error is a PrivilegeError, NotSupportedError or
// OpError of package conntrack; the latter holds [ErrBusy] where the rules do
// not stand still.
func (c *Client) Uses(ctx context.Context, s *Set) (*Uses, error) {
	var u *Uses
	_, err := c.still(ctx, func() error {
		r, err := c.rules(ctx)
		if err != nil {
			return err
		}
		u, err = r.uses(s)
		return err
	})
	if err != nil {
		return nil, c.explain("look for the rules that use set "+s.String(), err)
	}
	return u, nil
}

// packets is the family of the addresses in the set, false where it holds none.
func (s *Set) packets() (Family, bool) {
	for _, f := range s.Key {
		switch f.Type {
		case "ipv4_addr":
			return IPv4, true
		case "ipv6_addr":
			return IPv6, true
		}
	}
	return IPv4, false
}

func (s *Set) key() setKey { return setKey{tableKey{s.Family, s.Table}, s.Name} }

func (r *ruleset) uses(s *Set) (*Uses, error) {
	u := &Uses{}
	family, addresses := s.packets()
	for _, side := range []Side{Source, Destination} {
		if err := r.listUses(u, &packet{family: family, state: expr.CtStateBitESTABLISHED, side: side, set: s.key(), size: s.layout.size}); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(u.Rules, func(a, b Use) int {
		return cmp.Or(strings.Compare(a.Place.Chain, b.Place.Chain), a.Place.Rule-b.Place.Rule)
	})
	if addresses {
		if err := r.paths(u, s, family); err != nil {
			return nil, err
		}
	}
	u.conclude(s, addresses)
	return u, nil
}

// listUses finds the rules that ask for the side of p; those that ask for
// neither side are found with the source.
func (r *ruleset) listUses(u *Uses, p *packet) error {
	callers, err := r.callers(p.set.tableKey)
	if err != nil {
		return err
	}
	for _, c := range r.chains {
		if c.tableKey != p.set.tableKey {
			continue // a set is seen in its table only
		}
		for i := range c.rules {
			out, err := r.evaluate(p, c.tableKey, &c.rules[i])
			if err != nil {
				return err
			}
			for _, l := range out.lookups {
				if l.side != p.side && (l.side != "" || p.side != Source) {
					continue
				}
				u.Rules = append(u.Rules, Use{Place: c.place(i + 1), Key: l.what, Side: l.side, Invert: l.invert, Adds: l.update,
					Verdict: out.verdict(), Asks: out.asks, From: entrances(c, callers, nil)})
			}
		}
	}
	return nil
}

// verdict is what a rule does, in words.
func (o *outcome) verdict() string {
	words := map[expr.VerdictKind]string{expr.VerdictDrop: "drop", expr.VerdictAccept: "accept", expr.VerdictReturn: "return",
		expr.VerdictJump: "jump ", expr.VerdictGoto: "goto ", expr.VerdictQueue: "queue"}
	text := ""
	for _, b := range o.branches {
		if b.verdict == nil || words[b.verdict.Kind] == "" {
			continue
		}
		if text != "" {
			return "by element"
		}
		text = words[b.verdict.Kind] + b.verdict.Chain
	}
	return text
}

// callers are, for each chain of a table, the chains with rules that lead to
// it.
func (r *ruleset) callers(table tableKey) (map[string][]*chain, error) {
	from := map[string][]*chain{}
	for _, c := range r.chains {
		if c.tableKey != table {
			continue
		}
		targets, err := r.targets(c)
		if err != nil {
			return nil, err
		}
		for _, name := range targets {
			from[name] = append(from[name], c)
		}
	}
	for _, list := range from {
		slices.SortFunc(list, func(a, b *chain) int { return strings.Compare(a.chain, b.chain) })
	}
	return from, nil
}

// targets are the chains that rules of c lead to, each once.
func (r *ruleset) targets(c *chain) (names []string, err error) {
	add := func(v *expr.Verdict) {
		if v.Chain != "" && !slices.Contains(names, v.Chain) {
			names = append(names, v.Chain)
		}
	}
	for i := range c.rules {
		for _, x := range c.rules[i].exprs {
			switch e := x.content.(type) {
			case *expr.Verdict:
				add(e)
			case *expr.Lookup:
				if !e.IsDestRegSet || e.DestRegister != unix.NFT_REG_VERDICT {
					continue
				}
				points, err := r.elements(c.tableKey, e.SetName)
				if err != nil {
					return nil, err
				}
				for _, p := range points {
					if v, ok := readVerdict(find(p.extra, unix.NFTA_SET_ELEM_DATA)); ok {
						add(v)
					}
				}
			}
		}
	}
	return names, nil
}

// entrances are the base chains from which c is reached. via are the chains
// behind c on the way, the last one first.
func entrances(c *chain, callers map[string][]*chain, via []string) []Entrance {
	if c.hook != "" {
		way := slices.Clone(via)
		slices.Reverse(way)
		return []Entrance{{Chain: c.String(), Hook: c.hook, Priority: int(c.priority), Kind: c.kind, Via: way}}
	}
	if slices.Contains(via, c.chain) || len(via) == depthMost {
		return nil
	}
	via = append(slices.Clone(via), c.chain)
	var list []Entrance
	for _, from := range callers[c.chain] {
		list = append(list, entrances(from, callers, via)...)
	}
	return list
}
