package nft

import (
	"bytes"
	"slices"

	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"
)

// packet is a packet of which a little is known, as rules see it: its family,
// its state, and that one of its addresses is in a set. It did not come from
// this machine by lo.
type packet struct {
	family Family
	state  uint32 // as ct state has it
	side   Side   // the address that is in the set
	set    setKey
	size   int // of a key of the set
}

// setKey finds a set.
type setKey struct {
	tableKey
	set string
}

// lookup is a use of the set by a rule.
type lookup struct {
	what   string // the key: "ip saddr"
	side   Side
	invert bool // the rule takes what is not in the set
	update bool // the rule puts the packet into the set
}

// branch is what a rule does with a packet.
type branch struct {
	match   truth
	verdict *expr.Verdict // nil to go on with the next rule
}

// outcome is what a rule does with packets, and what it asks of them.
type outcome struct {
	branches []branch
	asks     []string // what it depends on beside the set
	stateful bool     // it asks for the state of the packet, and takes it
	lookups  []lookup
}

// evaluation is that of one rule.
type evaluation struct {
	p     *packet
	set   *ruleset
	table tableKey
	regs  registers
	match truth
	out   outcome
}

// evaluate tells what a rule of a table does with p.
func (r *ruleset) evaluate(p *packet, table tableKey, one *rule) (outcome, error) {
	e := &evaluation{p: p, set: r, table: table, match: yes}
	for i := range one.exprs {
		done, err := e.expression(&one.exprs[i])
		if err != nil {
			return e.out, err
		}
		if done {
			return e.out, nil
		}
	}
	e.end(nil)
	return e.out, nil
}

// end ends the rule with a verdict.
func (e *evaluation) end(v *expr.Verdict) {
	e.out.branches = append(e.out.branches, branch{e.match, v})
}

// test adds a condition.
func (e *evaluation) test(t truth, about ...*value) {
	if t != yes {
		for _, v := range about {
			if !slices.Contains(e.out.asks, v.what) {
				e.out.asks = append(e.out.asks, v.what)
			}
		}
	} else {
		for _, v := range about {
			e.out.stateful = e.out.stateful || v.state
		}
	}
	e.match = e.match.and(t)
}

// passing are expressions that ask nothing of the packet.
var passing = []string{"counter", "log", "last", "notrack", "dup", "flow_offload", "cthelper", "secmark", "ctexpect", "cttimeout", "byteorder"}

// expression evaluates one. done tells that the rule ends there.
func (e *evaluation) expression(x *expression) (done bool, err error) {
	switch c := x.content.(type) {
	case *expr.Verdict:
		e.end(c)
		return true, nil
	case *expr.Meta:
		if !c.SourceRegister {
			e.regs.set(c.Register, e.p.meta(c.Key))
		}
	case *expr.Ct:
		if !c.SourceRegister {
			e.regs.set(c.Register, e.p.ct(c.Key))
		}
	case *expr.Payload:
		if c.OperationType == expr.PayloadLoad {
			e.p.payload(&e.regs, c)
		}
	case *expr.Immediate:
		e.regs.set(c.Register, &value{what: "a constant", data: c.Data})
	case *expr.Bitwise:
		e.bitwise(c)
	case *expr.Cmp:
		v := e.regs.get(c.Register)
		e.test(compared(v, c.Op, c.Data), v)
	case *expr.Range:
		v := e.regs.get(c.Register)
		t := compared(v, expr.CmpOpGte, c.FromData).and(compared(v, expr.CmpOpLte, c.ToData))
		if c.Op == expr.CmpOpNeq {
			t = t.not()
		}
		e.test(t, v)
	case *expr.Lookup:
		return e.lookup(c)
	case *expr.Dynset:
		if c.SetName == e.p.set.set && e.table == e.p.set.tableKey {
			e.out.lookups = append(e.out.lookups, lookup{what: whats(e.regs.key(c.SrcRegKey, 4)), update: true})
		}
		if len(c.Exprs) > 0 || c.Invert {
			e.test(maybe, &value{what: "a set that rules fill"})
		}
	case *expr.Match:
		e.matchOf(c)
	case *expr.Target:
		return e.target(c), nil
	default:
		return e.other(x.name), nil
	}
	return false, nil
}

// other evaluates an expression by its name alone.
func (e *evaluation) other(name string) (done bool) {
	switch {
	case name == "reject":
		e.end(&expr.Verdict{Kind: expr.VerdictDrop})
		return true
	case name == "queue", name == "nat", name == "masq", name == "redir":
		// What the program at the queue lets pass goes on with the next chain,
		// as what a rule accepts does.
		e.end(&expr.Verdict{Kind: expr.VerdictAccept})
		return true
	case slices.Contains(passing, name):
	case name == "objref", name == "limit", name == "quota", name == "connlimit", name == "immediate", name == "target":
		e.test(maybe, &value{what: name})
	default:
		// It may load what the next one compares, and may end the rule.
		e.regs.forget(name)
		e.match = e.match.and(maybe)
		if !slices.Contains(e.out.asks, name) {
			e.out.asks = append(e.out.asks, name)
		}
	}
	return false
}

func (e *evaluation) bitwise(c *expr.Bitwise) {
	v := *e.regs.get(c.SourceRegister)
	v.side, v.never = "", nil
	if len(v.data) != len(c.Mask) || len(v.data) != len(c.Xor) {
		v.data = nil
	} else {
		v.data = bytes.Clone(v.data)
		for i := range v.data {
			v.data[i] = v.data[i]&c.Mask[i] ^ c.Xor[i]
		}
	}
	e.regs.set(c.DestRegister, &v)
}

// compared tells how a value compares. The kernel compares bytes (nft_cmp_eval).
func compared(v *value, op expr.CmpOp, data []byte) truth {
	if v.data == nil {
		if v.never != nil && bytes.Equal(v.never, data) && (op == expr.CmpOpEq || op == expr.CmpOpNeq) {
			return truthOf(op == expr.CmpOpNeq)
		}
		return maybe
	}
	if len(data) > len(v.data) {
		return maybe
	}
	d := bytes.Compare(v.data[:len(data)], data)
	switch op {
	case expr.CmpOpEq:
		return truthOf(d == 0)
	case expr.CmpOpNeq:
		return truthOf(d != 0)
	case expr.CmpOpLt:
		return truthOf(d < 0)
	case expr.CmpOpLte:
		return truthOf(d <= 0)
	case expr.CmpOpGt:
		return truthOf(d > 0)
	case expr.CmpOpGte:
		return truthOf(d >= 0)
	}
	return maybe
}

// lookup evaluates the question whether a value is in a set, or what a map says
// of it.
func (e *evaluation) lookup(c *expr.Lookup) (done bool, err error) {
	toVerdict := c.IsDestRegSet && c.DestRegister == unix.NFT_REG_VERDICT
	if c.SetName == e.p.set.set && e.table == e.p.set.tableKey {
		keys := e.regs.key(c.SourceRegister, e.p.size)
		use := lookup{what: whats(keys), invert: c.Invert}
		for _, v := range keys {
			if use.side == "" || v.side == e.p.side {
				use.side = v.side
			}
		}
		e.out.lookups = append(e.out.lookups, use)
		switch {
		case use.side != e.p.side || c.IsDestRegSet:
			e.test(maybe, keys...)
		case c.Invert:
			e.test(no)
		}
		if c.IsDestRegSet {
			e.regs.forget("map " + c.SetName)
		}
		return false, nil
	}
	v := e.regs.get(c.SourceRegister)
	if !toVerdict {
		t, err := e.contains(v, c.SetName)
		if c.Invert {
			t = t.not()
		}
		e.test(t, v)
		if c.IsDestRegSet {
			e.regs.forget("map " + c.SetName)
		}
		return false, err
	}
	return true, e.verdicts(v, c.SetName)
}

// contains tells whether a value is in a set. Its elements are asked for where
// the value is known.
func (e *evaluation) contains(v *value, set string) (truth, error) {
	if v.data == nil {
		return maybe, nil
	}
	points, err := e.set.elements(e.table, set)
	found := no
	for _, p := range points {
		switch {
		case p.ends() || p.end != "":
			return maybe, err
		case bytes.Equal(v.data, []byte(p.key)):
			found = yes
		}
	}
	return found, err
}

// verdicts adds what a map of verdicts does: one branch where the value is
// known, else one for each of its verdicts. With what is not in the map the
// next rule goes on.
func (e *evaluation) verdicts(v *value, set string) error {
	points, err := e.set.elements(e.table, set)
	before := e.match
	add := func(p *point, t truth) {
		if verdict, ok := readVerdict(find(p.extra, unix.NFTA_SET_ELEM_DATA)); ok {
			e.match = before
			e.test(t, v)
			e.end(verdict)
		}
	}
	known := v.data != nil
	var rest *point
	for i := range points {
		p := &points[i]
		known = known && p.end == "" && !p.ends()
		if p.flags&elemCatchall != 0 {
			rest = p
		} else if v.data != nil && bytes.Equal(v.data, []byte(p.key)) && !p.ends() {
			add(p, yes)
			return err
		}
	}
	switch {
	case known && rest != nil:
		add(rest, yes)
	case !known:
		for i := range points {
			if p := &points[i]; v.never == nil || !bytes.Equal(v.never, []byte(p.key)) {
				add(p, maybe)
			}
		}
	}
	return err
}

// matchOf evaluates a match of xtables: those of ct state are understood.
func (e *evaluation) matchOf(c *expr.Match) {
	about := &value{what: "match " + c.Name}
	if c.Name == "comment" {
		return
	}
	if info, ok := c.Info.(*xt.ConntrackMtinfo3); ok && xt.ConntrackFlags(info.MatchFlags)&xt.ConntrackState != 0 {
		// xt_conntrack.h numbers the states as nft does.
		t := truthOf(uint32(info.StateMask)&e.p.state != 0)
		if xt.ConntrackFlags(info.InvertFlags)&xt.ConntrackState != 0 {
			t = t.not()
		}
		e.test(t, &value{what: "ct state", state: true})
		if xt.ConntrackFlags(info.MatchFlags)&^(xt.ConntrackState|xt.ConntrackStateAlias) == 0 {
			return
		}
	}
	e.test(maybe, about)
}

// target evaluates a target of xtables.
func (e *evaluation) target(c *expr.Target) (done bool) {
	switch c.Name {
	case "REJECT", "DROP":
		e.end(&expr.Verdict{Kind: expr.VerdictDrop})
	case "ACCEPT", "NFQUEUE", "QUEUE", "MASQUERADE", "SNAT", "DNAT", "REDIRECT", "NETMAP":
		e.end(&expr.Verdict{Kind: expr.VerdictAccept})
	case "RETURN":
		e.end(&expr.Verdict{Kind: expr.VerdictReturn})
	default:
		return false
	}
	return true
}
