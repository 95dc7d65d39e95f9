package nft

import (
	"strings"
	"testing"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// made is a rule of expressions.
func made(exprs ...expr.Any) rule {
	var r rule
	for _, e := range exprs {
		name := ""
		switch e.(type) {
		case *expr.Queue:
			name = "queue"
		case *expr.FlowOffload:
			name = "flow_offload"
		case *expr.Socket:
			name = "socket"
		}
		x := expression{name: name}
		if name == "" {
			x.content = e
		}
		r.exprs = append(r.exprs, x)
	}
	return r
}

// rulesetOf is a chain of inet t at a hook.
func rulesetOf(hook Hook, rules ...rule) *ruleset {
	c := &chain{chainKey: chainKey{tableKey{Inet, "t"}, "c"}, hook: hook, kind: "filter", rules: rules}
	return &ruleset{chains: map[chainKey]*chain{c.chainKey: c}, bases: []*chain{c},
		elements: func(tableKey, string) ([]point, error) { return nil, nil }}
}

// dropIn drops what comes from an address in set s.
func dropIn() rule {
	return made(&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 12, Len: 4},
		&expr.Lookup{SourceRegister: 1, SetName: "s"}, &expr.Verdict{Kind: expr.VerdictDrop})
}

// What this kernel may not make rules of.
func TestUsesOfMadeRules(t *testing.T) {
	s := setOfType("ipv4_addr", false)
	for _, c := range []struct {
		name      string
		r         *ruleset
		effective bool
		reason    string
	}{
		{"first", rulesetOf(Forward, dropIn()), true, "rule 1 of chain inet t c drops it"},
		{"behind a queue", rulesetOf(Forward, made(&expr.Queue{}), dropIn()), false, "rule 2 of chain inet t c uses it, but rule 1 of chain inet t c accepts before"},
		{"with a flow table", rulesetOf(Forward, dropIn(), made(&expr.FlowOffload{Name: "ft"})), true, "but rule 2 of chain inet t c hands flows to a flow table"},
		// The register holds another value than the one that was loaded before.
		{"what is not understood forgets", rulesetOf(Forward, made(&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1}, &expr.Socket{},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{1}}, &expr.Verdict{Kind: expr.VerdictAccept}), dropIn()), true, "takes some before, by socket"},
		{"both names of a register", rulesetOf(Forward, made(&expr.Payload{DestRegister: unix.NFT_REG32_04, Base: expr.PayloadBaseNetworkHeader, Offset: 12, Len: 4},
			&expr.Lookup{SourceRegister: unix.NFT_REG_2, SetName: "s"}, &expr.Verdict{Kind: expr.VerdictDrop})), true, "drops it"},
		{"both addresses at once", rulesetOf(Forward, made(&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 12, Len: 8},
			&expr.Lookup{SourceRegister: unix.NFT_REG32_01, SetName: "s"}, &expr.Verdict{Kind: expr.VerdictDrop})), true, "what is routed to it: rule 1"},
		{"a masked address", rulesetOf(Forward, made(&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 12, Len: 4},
			&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: []byte{255, 255, 255, 0}, Xor: make([]byte, 4)},
			&expr.Lookup{SourceRegister: 1, SetName: "s"}, &expr.Verdict{Kind: expr.VerdictDrop})), false, ""},
		{"a jump into itself", rulesetOf(Forward, made(&expr.Verdict{Kind: expr.VerdictJump, Chain: "c"}), dropIn()), true, "drops it"},
	} {
		u, err := c.r.uses(s)
		if err != nil || u.Effective != c.effective || !strings.Contains(u.Reason, c.reason) {
			t.Errorf("%s: effective %v: %s, %v, want %s", c.name, u.Effective, u.Reason, err, c.reason)
		}
	}
}

func TestCompared(t *testing.T) {
	state := &value{data: []byte{2, 0, 0, 0}}
	for _, c := range []struct {
		v    *value
		op   expr.CmpOp
		data string
		want truth
	}{
		{state, expr.CmpOpEq, "\x02\x00\x00\x00", yes}, {state, expr.CmpOpNeq, "\x02\x00\x00\x00", no}, {state, expr.CmpOpEq, "\x08\x00\x00\x00", no},
		{state, expr.CmpOpLt, "\x03\x00\x00\x00", yes}, {state, expr.CmpOpGt, "\x03\x00\x00\x00", no}, {state, expr.CmpOpLte, "\x02\x00\x00\x00", yes},
		{state, expr.CmpOpGte, "\x02\x00\x00\x00", yes}, {state, expr.CmpOpEq, "\x02\x00\x00\x00\x00", maybe}, {state, expr.CmpOpEq, "\x02", yes},
		{&value{}, expr.CmpOpEq, "\x02", maybe}, {&value{never: loopbackName}, expr.CmpOpEq, string(loopbackName), no},
		{&value{never: loopbackName}, expr.CmpOpNeq, string(loopbackName), yes}, {&value{never: loopbackName}, expr.CmpOpEq, "eth0", maybe},
		{&value{never: loopbackName}, expr.CmpOpLt, string(loopbackName), maybe}, {state, 99, "\x02", maybe},
	} {
		if got := compared(c.v, c.op, []byte(c.data)); got != c.want {
			t.Errorf("%v %d %q: %d, want %d", c.v, c.op, c.data, got, c.want)
		}
	}
}

// Whatever a rule is made of, it is read and judged.
func FuzzRule(f *testing.F) {
	for _, exprs := range [][]expr.Any{
		{&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 12, Len: 4}, &expr.Lookup{SourceRegister: 1, SetName: "s"}, &expr.Verdict{Kind: expr.VerdictDrop}},
		{&expr.Ct{Key: expr.CtKeySTATE, Register: 1}, &expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: []byte{6, 0, 0, 0}, Xor: make([]byte, 4)},
			&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, 4)}, &expr.Verdict{Kind: expr.VerdictAccept}},
		{&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: 1}, &expr.Range{Op: expr.CmpOpEq, Register: 1, FromData: []byte("a"), ToData: []byte("b")}, &expr.Immediate{Register: 1, Data: []byte{1}}},
		{&expr.Dynset{SrcRegKey: 1, SetName: "s", Exprs: []expr.Any{&expr.Verdict{Kind: expr.VerdictDrop}}}, &expr.Verdict{Kind: expr.VerdictJump, Chain: "c"}},
	} {
		b, at := openNest(nil, unix.NFTA_RULE_EXPRESSIONS)
		for _, e := range exprs {
			data, err := expr.Marshal(unix.NFPROTO_INET, e)
			if err != nil {
				f.Fatal(err)
			}
			b = appendAttr(b, unix.NFTA_LIST_ELEM|nested, data)
		}
		closeNest(b, at)
		f.Add(b)
	}
	s := setOfType("ipv4_addr", false)
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := readRule(Inet, b)
		if err != nil {
			return
		}
		set := rulesetOf(Forward, r, dropIn())
		points, _ := appendPoints(nil, b)
		set.elements = func(tableKey, string) ([]point, error) { return points, nil }
		if _, err := set.uses(s); err != nil {
			t.Fatal(err)
		}
		if _, _, err := set.dropsInvalid(Forward, IPv4); err != nil {
			t.Fatal(err)
		}
	})
}
