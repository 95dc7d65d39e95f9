package nft

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// tableKey and chainKey find a table and a chain.
type tableKey struct {
	family Family
	table  string
}

type chainKey struct {
	tableKey
	chain string
}

func (k chainKey) String() string { return fmt.Sprintf("%s %s %s", k.family, k.table, k.chain) }

// chain is a list of rules. A base chain has a hook, at which packets enter it;
// others are reached by jump and goto.
type chain struct {
	chainKey
	hook     Hook // "" for none
	priority int32
	kind     string // of a base chain: filter, nat, route
	drops    bool   // the policy of a base chain
	rules    []rule
}

// rule is a list of expressions.
type rule struct {
	handle uint64
	exprs  []expression
}

// expression is one by its name, with its content where that is understood.
type expression struct {
	name    string
	content expr.Any // nil where it is not understood
}

// ruleset is what all tables hold that are in force.
type ruleset struct {
	chains map[chainKey]*chain
	bases  []*chain // in the order in which packets pass
	// elements of a set that a rule asks for a value that is known.
	elements func(k tableKey, set string) ([]point, error)
}

// rules reads the tables. It may be done again: they are of one generation only
// where that is the same before and after.
func (c *Client) rules(ctx context.Context) (*ruleset, error) {
	lib, err := c.library(ctx)
	if err != nil {
		return nil, err
	}
	tables, err := lib.ListTables()
	if err != nil {
		return nil, err
	}
	asleep := map[tableKey]bool{}
	for _, t := range tables {
		// The library reads the flags in the byte order of the machine.
		flags := binary.BigEndian.Uint32(binary.NativeEndian.AppendUint32(nil, t.Flags))
		asleep[tableKey{Family(t.Family), t.Name}] = flags&unix.NFT_TABLE_F_DORMANT != 0
	}
	chains, err := lib.ListChains()
	if err != nil {
		return nil, err
	}
	r := &ruleset{chains: map[chainKey]*chain{}}
	for _, x := range chains {
		k := chainKey{tableKey{Family(x.Table.Family), x.Table.Name}, x.Name}
		if asleep[k.tableKey] {
			continue
		}
		ch := &chain{chainKey: k, kind: string(x.Type)}
		if x.Hooknum != nil && x.Priority != nil {
			ch.hook, ch.priority = hookOf(k.family, uint32(*x.Hooknum)), int32(*x.Priority)
			ch.drops = x.Policy != nil && *x.Policy == nftables.ChainPolicyDrop
			r.bases = append(r.bases, ch)
		}
		r.chains[k] = ch
	}
	slices.SortStableFunc(r.bases, func(a, b *chain) int { return int(int64(a.priority) - int64(b.priority)) })
	r.elements = func(k tableKey, set string) ([]point, error) {
		gen, err := c.generation(ctx)
		if err != nil {
			return nil, err
		}
		s := &Set{Family: k.family, Table: k.table, Name: set, client: c}
		points, _, err := s.dump(ctx, gen)
		return points, err
	}
	return r, c.dumpRules(ctx, r)
}

// dumpRules reads the rules of all chains. The library would leave out
// expressions that it does not know, so that a rule seems to have fewer
// conditions than it has, and read none where one cannot be read.
func (c *Client) dumpRules(ctx context.Context, r *ruleset) error {
	s, err := c.dial(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	_, at := s.message(messageType(unix.NFT_MSG_GETRULE), wire.FlagDump, 0, 0)
	s.end(at)
	if err := s.send(); err != nil {
		return err
	}
	return s.answers(1, func(_ int, a *answer) error {
		switch {
		case a.bad != nil:
			return *a.bad
		case a.data == nil:
			return nil
		}
		text := func(typ uint16) string { return string(bytes.TrimRight(find(a.data, typ), "\x00")) }
		k := chainKey{tableKey{a.family, text(unix.NFTA_RULE_TABLE)}, text(unix.NFTA_RULE_CHAIN)}
		if ch := r.chains[k]; ch != nil {
			one, err := readRule(a.family, a.data)
			if err != nil {
				return err
			}
			ch.rules = append(ch.rules, one)
		}
		return nil
	})
}

// readRule reads the attributes of a rule.
func readRule(family Family, data []byte) (r rule, err error) {
	if h := find(data, unix.NFTA_RULE_HANDLE); len(h) == 8 {
		r.handle = binary.BigEndian.Uint64(h)
	}
	a := attrs{b: bytes.Clone(find(data, unix.NFTA_RULE_EXPRESSIONS))}
	for {
		_, payload, _, ok := a.next()
		if !ok {
			break
		}
		e := expression{name: string(bytes.TrimRight(find(payload, unix.NFTA_EXPR_NAME), "\x00"))}
		e.content = content(family, e.name, find(payload, unix.NFTA_EXPR_DATA))
		r.exprs = append(r.exprs, e)
	}
	if a.bad {
		return r, fmt.Errorf("%w: a rule is cut short", errMalformed)
	}
	return r, nil
}

// content decodes an expression, nil where it cannot be.
func content(family Family, name string, data []byte) expr.Any {
	var e expr.Any
	switch name {
	case "meta":
		e = &expr.Meta{}
	case "payload":
		e = &expr.Payload{}
	case "ct":
		e = &expr.Ct{}
	case "cmp":
		e = &expr.Cmp{}
	case "range":
		e = &expr.Range{}
	case "lookup":
		e = &expr.Lookup{}
	case "bitwise":
		e = &expr.Bitwise{}
	case "dynset":
		return readDynset(data)
	case "match":
		e = &expr.Match{}
	case "target":
		e = &expr.Target{}
	case "immediate":
		if v, ok := readVerdict(find(data, unix.NFTA_IMMEDIATE_DATA)); ok {
			return v
		}
		e = &expr.Immediate{}
	default:
		return nil
	}
	if err := expr.Unmarshal(byte(family), data, e); err != nil {
		return nil
	}
	return e
}

// readVerdict reads the verdict in the data of an expression or element.
func readVerdict(data []byte) (*expr.Verdict, bool) {
	v := find(data, unix.NFTA_DATA_VERDICT)
	code := find(v, unix.NFTA_VERDICT_CODE)
	if len(code) != 4 {
		return nil, false
	}
	return &expr.Verdict{Kind: expr.VerdictKind(int32(binary.BigEndian.Uint32(code))),
		Chain: string(bytes.TrimRight(find(v, unix.NFTA_VERDICT_CHAIN), "\x00"))}, true
}

// readDynset reads what adds to a set, without the expressions that it adds
// with each element: the library takes verdicts in them to be as long as they
// should.
func readDynset(data []byte) expr.Any {
	number := func(typ uint16) (n uint32) {
		if b := find(data, typ); len(b) == 4 {
			n = binary.BigEndian.Uint32(b)
		}
		return n
	}
	d := &expr.Dynset{SetName: string(bytes.TrimRight(find(data, unix.NFTA_DYNSET_SET_NAME), "\x00")), SrcRegKey: number(unix.NFTA_DYNSET_SREG_KEY),
		Invert: number(unix.NFTA_DYNSET_FLAGS)&unix.NFT_DYNSET_F_INV != 0}
	if find(data, unix.NFTA_DYNSET_EXPR) != nil || find(data, expr.NFTA_DYNSET_EXPRESSIONS) != nil {
		d.Exprs = make([]expr.Any, 1)
	}
	return d
}
