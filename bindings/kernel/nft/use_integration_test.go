package nft

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"

	"github.com/ctsh/ctsh/bindings/kernel/netns"
)

// sets are those that the rules of the tests speak of.
const sets = `set s { type ipv4_addr; flags timeout; size 1000; };
	set s6 { type ipv6_addr; };
	set c { type ipv4_addr . inet_service; };
	set d { type ipv4_addr . ipv4_addr; };
	set p { type inet_service; };
`

func TestUses(t *testing.T) {
	for _, c := range []struct {
		name, set, rules string
		drops            string // the paths on which it is dropped
		reason           string // a part of what is said
	}{
		{"nothing", "s", "", "", "no rule uses set inet t s"},
		{"first", "s", `chain i { type filter hook input priority 0; ip saddr @s drop; ct state established,related accept; }`,
			"input source", "what comes from it to this machine: rule 1 of chain inet t i drops it"},
		{"behind established", "s", `chain i { type filter hook input priority 0; ct state established,related accept; tcp dport 22 accept; ip saddr @s drop; }`,
			"", "rule 3 of chain inet t i uses it, but rule 1 of chain inet t i accepts established before"},
		{"behind established in a set", "s", `chain i { type filter hook input priority 0; ct state { established, related } accept; ip saddr @s drop; }`,
			"", "but rule 1 of chain inet t i accepts established before"},
		{"behind established compared", "s", `chain i { type filter hook input priority 0; ct state == established accept; ip saddr @s drop; }`,
			"", "but rule 1 of chain inet t i accepts established before"},
		{"behind established in a map", "s", `chain i { type filter hook input priority 0; ct state vmap { established : accept, related : accept, invalid : drop }; ip saddr @s drop; }`,
			"", "but rule 1 of chain inet t i accepts established before"},
		{"behind established in a chain", "s", `chain est { ct state established accept; }; chain i { type filter hook input priority 0; jump est; ip saddr @s drop; }`,
			"", "rule 2 of chain inet t i uses it, but rule 1 of chain inet t est accepts established before"},
		{"behind established of an interface", "s", `chain i { type filter hook input priority 0; iifname wan0 ct state established accept; ip saddr @s drop; }`,
			"", "but rule 1 of chain inet t i accepts established before"},
		{"behind what is new", "s", `chain i { type filter hook input priority 0; ct state new tcp dport 22 accept; ip saddr @s drop; }`,
			"", "but rule 1 of chain inet t i accepts new before"},
		{"behind all", "s", `chain i { type filter hook input priority 0; accept; ip saddr @s drop; }`, "", "uses it, but rule 1 of chain inet t i accepts before"},
		{"behind a drop", "s", `chain i { type filter hook input priority 0; drop; ip saddr @s drop; }`, "", "uses it, but rule 1 of chain inet t i drops before"},
		{"behind lo", "s", `chain i { type filter hook input priority 0; iif lo accept; iifname "lo" accept; ip saddr @s drop; }`, "input source", "rule 3 of chain inet t i drops it"},
		{"but what is from lo", "s", `chain i { type filter hook input priority 0; iifname != "lo" ip saddr @s drop; }`, "input source", "rule 1 of chain inet t i drops it"},
		{"behind the other family", "s", `chain i { type filter hook input priority 0; meta nfproto ipv6 accept; ip6 saddr fd00::1 accept; ip saddr @s drop; }`, "input source", "rule 3"},
		{"of the other family", "s6", `chain i { type filter hook input priority 0; ip saddr @s accept; ip6 saddr @s6 drop; }`, "input source", "rule 2"},
		{"behind invalid", "s", `chain i { type filter hook input priority 0; ct state invalid drop; ip saddr @s drop; }`, "input source", "rule 2"},
		{"behind an exception", "s", `chain i { type filter hook input priority 0; tcp dport 22 accept; ip saddr @s drop; }`,
			"input source", "rule 2 of chain inet t i drops it, but rule 1 of chain inet t i takes some before, by meta l4proto, dport"},
		{"rejects", "s", `chain i { type filter hook input priority 0; ip saddr @s reject; }`, "input source", "rule 1"},
		{"by policy", "s", `chain i { type filter hook input priority 0; policy drop; ct state established accept; ip saddr @s accept; }`,
			"", "rule 2 of chain inet t i uses it, but rule 1 of chain inet t i accepts established before"},
		{"accepts", "s", `chain i { type filter hook input priority 0; ip saddr @s accept; }`, "", "rule 1 of chain inet t i accepts it"},
		{"counts", "s", `chain i { type filter hook input priority 0; ip saddr @s counter; }`, "", "rule 1 of chain inet t i uses it, and drops nothing"},
		{"others", "s", `chain i { type filter hook input priority 0; ip saddr != @s drop; }`, "", "rule 1 of chain inet t i is for what is not in it"},
		{"one interface", "s", `chain i { type filter hook input priority 0; iifname wan0 ip saddr @s drop; }`, "", "rule 1 of chain inet t i drops only what matches by iifname as well"},
		{"one port", "s", `chain i { type filter hook input priority 0; ip saddr @s tcp dport 22 drop; }`, "", "drops only what matches by meta l4proto, dport as well"},
		{"new only", "s", `chain i { type filter hook input priority 0; ct state new ip saddr @s drop; }`, "", "uses it (drop) only for what matches by ct state as well"},
		{"at a limit", "s", `chain i { type filter hook input priority 0; ip saddr @s limit rate over 5/second drop; }`, "", "drops only what matches by limit as well"},
		{"what is not understood", "s", `chain i { type filter hook input priority 0; fib saddr . iif oif missing ip saddr @s drop; }`, "", "drops only what matches by fib as well"},
		{"fills it", "s", `chain i { type filter hook input priority 0; tcp flags syn add @s { ip saddr timeout 1m }; }`, "", "no chain that sees packets uses set inet t s to drop them"},
		{"nat", "s", `chain i { type nat hook prerouting priority -100; ip saddr @s drop; }`, "", "chains of type nat see only the first packet of a flow"},
		{"no hook", "s", `chain i { ip saddr @s drop; }`, "", "no chain that sees packets uses set inet t s to drop them"},
		{"by jump", "s", `chain ban { ip saddr @s counter log drop; }; chain i { type filter hook input priority 0; jump ban; ct state established accept; }`,
			"input source", "rule 1 of chain inet t ban drops it"},
		{"by a chain that drops", "s", `chain kill { counter; limit rate 5/second log; reject; }; chain i { type filter hook input priority 0; ip saddr @s goto kill; accept; }`,
			"input source", "rule 3 of chain inet t kill drops it"},
		{"by a chain that returns", "s", `chain kill { ip daddr 10.0.0.1 return; drop; }; chain i { type filter hook input priority 0; ip saddr @s jump kill; accept; }`,
			"input source", "rule 2 of chain inet t kill drops it, but rule 1 of chain inet t kill takes some before, by ip daddr"},
		{"by some jumps", "s", `chain wan { ip saddr @s drop; }; chain i { type filter hook input priority 0; iifname vmap { lo : accept, wan0 : jump wan }; }`,
			"", "rule 1 of chain inet t wan drops only what gets there by iifname"},
		{"behind established in some jumps", "s", `chain wan { ct state established accept; }; chain i { type filter hook input priority 0; iifname wan0 jump wan; ip saddr @s drop; }`,
			"", "rule 2 of chain inet t i uses it, but rule 1 of chain inet t wan accepts established before"},
		{"in part behind a jump", "s", `chain ban { iifname wan0 ip saddr @s drop; }; chain i { type filter hook input priority 0; jump ban; accept; }`,
			"", "rule 1 of chain inet t ban uses it, but rule 2 of chain inet t i accepts before"},
		{"in part behind a jump, at last", "s", `chain ban { iifname wan0 ip saddr @s drop; }; chain i { type filter hook input priority 0; jump ban; }`,
			"", "rule 1 of chain inet t ban drops only what matches by iifname as well"},
		{"goto ends the chain", "s", `chain other { counter; }; chain i { type filter hook input priority 0; goto other; ip saddr @s drop; }`, "", "uses it"},
		{"loops are none", "s", `chain a { ip saddr @s drop; }; chain b { jump a; }; chain i { type filter hook input priority 0; jump b; jump a; }`, "input source", "rule 1 of chain inet t a drops it"},
		{"forward", "s", `chain f { type filter hook forward priority 0; ip saddr @s drop; ip daddr @s drop; ct state established accept; }`,
			"forward source, forward destination", "what comes from it and is routed: rule 1 of chain inet t f drops it; what is routed to it: rule 2"},
		{"one chain of two", "s", `chain i { type filter hook input priority 0; ip saddr @s drop; }; chain f { type filter hook forward priority 0; ct state established accept; ip saddr @s drop; }`,
			"input source", "rule 1 of chain inet t i drops it; not what comes from it and is routed: rule 2 of chain inet t f uses it, but rule 1 of chain inet t f accepts established before"},
		{"before", "s", `chain early { type filter hook input priority -10; ct state established accept; }; chain i { type filter hook input priority 0; ip saddr @s drop; }`,
			"input source", "rule 1 of chain inet t i drops it"},
		{"at prerouting", "s", `chain pre { type filter hook prerouting priority -300; ip saddr @s drop; }`, "input source, forward source", "rule 1 of chain inet t pre drops it"},
		{"before there is a state", "s", `chain pre { type filter hook prerouting priority -300; ct state established accept; ip saddr @s drop; }`, "input source, forward source", "rule 2"},
		{"out", "s", `chain o { type filter hook output priority 0; ip daddr @s drop; }`, "output destination", "what this machine sends to it: rule 1 of chain inet t o drops it"},
		{"the wrong side", "s", `chain i { type filter hook input priority 0; ip daddr @s drop; }`, "", "no chain that sees packets"},
		{"a service", "c", `chain i { type filter hook input priority 0; ip saddr . tcp dport @c drop; }`, "", "drops only what matches by meta l4proto as well"},
		{"a pair", "d", `chain f { type filter hook forward priority 0; ip saddr . ip daddr @d drop; }`, "forward source, forward destination", "rule 1"},
		{"ports", "p", `chain i { type filter hook input priority 0; tcp dport @p drop; }`, "", "set inet t p holds no addresses"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, client := load(t, "table inet t {\n"+sets+c.rules+"\n}")
			u, err := client.Uses(context.Background(), set(t, client, "t "+c.set))
			if err != nil {
				t.Fatal(err)
			}
			var drops []string
			for _, p := range u.Paths {
				if p.Drops {
					drops = append(drops, fmt.Sprintf("%s %s", p.Hook, p.Side))
				}
			}
			if got := strings.Join(drops, ", "); got != c.drops || u.Effective != (c.drops != "") || !strings.Contains(u.Reason, c.reason) {
				t.Errorf("drops %q, want %q; effective %v: %s, want %s", got, c.drops, u.Effective, u.Reason, c.reason)
			}
		})
	}
}

// Other families of tables, and tables that are not in force.
func TestUsesByTable(t *testing.T) {
	for _, c := range []struct {
		table, rules string
		flags        string
		effective    bool
	}{
		{"ip", `chain i { type filter hook input priority 0; ip saddr @s drop; }`, "", true},
		{"ip", `chain i { type filter hook input priority 0; ip saddr @s drop; }`, "flags dormant;", false},
		{"bridge", `chain i { type filter hook input priority 0; ip saddr @s drop; }`, "", false},
		{"netdev", `chain i { type filter hook ingress device lo priority 0; ip saddr @s drop; }`, "", true},
	} {
		_, client := load(t, "table "+c.table+" t {\n"+c.flags+"set s { type ipv4_addr; }; "+c.rules+"\n}")
		u, err := client.Uses(context.Background(), set(t, client, c.table+" t s"))
		if err != nil {
			t.Fatal(err)
		}
		if u.Effective != c.effective {
			t.Errorf("%s %s: effective %v: %s", c.table, c.flags, u.Effective, u.Reason)
		}
		if c.table == "netdev" && !strings.Contains(u.Reason, "chain netdev t i sees only one interface") {
			t.Error(u.Reason)
		}
	}
}

// The rules are looked at as they were at one time.
func TestUsesWhileRulesChange(t *testing.T) {
	ns, client := load(t, "table inet t { set s { type ipv4_addr; }; chain a { type filter hook input priority 0; ip saddr @s drop; }; }")
	s := set(t, client, "t s")
	var stop atomic.Bool
	var done sync.WaitGroup
	done.Go(func() {
		for !stop.Load() {
			feed(t, ns, "flush chain inet t a\ndelete chain inet t a\nadd chain inet t b { type filter hook input priority 0; }\nadd rule inet t b ip saddr @s drop\n")
			feed(t, ns, "flush chain inet t b\ndelete chain inet t b\nadd chain inet t a { type filter hook input priority 0; }\nadd rule inet t a ip saddr @s drop\n")
		}
	})
	for range 300 {
		u, err := client.Uses(context.Background(), s)
		if err != nil && !errors.Is(err, ErrBusy) || err == nil && !u.Effective {
			t.Errorf("%+v, %v", u, err)
			break
		}
	}
	stop.Store(true)
	done.Wait()
}

func TestRulesOfUses(t *testing.T) {
	_, client := load(t, "table inet t {\n"+sets+`
		chain ban { iifname wan0 ip saddr @s drop; }
		chain mid { jump ban; }
		chain i { type filter hook input priority 5; jump mid; ip daddr != @s accept; }
		chain f { type filter hook forward priority -5; meta l4proto tcp ip saddr vmap { 10.0.0.1 : jump ban }; }
		chain o { type nat hook output priority 0; tcp flags syn update @s { ip daddr }; }
	}`)
	u, err := client.Uses(context.Background(), set(t, client, "t s"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range u.Rules {
		line := fmt.Sprintf("%s|%s|%s|%v|%v|%s|%s", r.Place, r.Key, r.Side, r.Invert, r.Adds, r.Verdict, strings.Join(r.Asks, ","))
		for _, e := range r.From {
			line += fmt.Sprintf("|%s %s %d %s %v", e.Chain, e.Hook, e.Priority, e.Kind, e.Via)
		}
		if r.Place.Handle == 0 {
			t.Errorf("%s has no handle", r.Place)
		}
		got = append(got, line)
	}
	want := `rule 1 of chain inet t ban|ip saddr|source|false|false|drop|iifname|inet t f forward -5 filter [ban]|inet t i input 5 filter [mid ban]
rule 2 of chain inet t i|ip daddr|destination|true|false|accept||inet t i input 5 filter []
rule 1 of chain inet t o|ip daddr||false|true||meta l4proto,transport header|inet t o output 0 nat []`
	if strings.Join(got, "\n") != want {
		t.Errorf("%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
}

func TestDropsInvalid(t *testing.T) {
	const est = "ct state established,related accept; "
	for _, c := range []struct {
		rules string
		want  Answer
		by    string
	}{
		{"", No, ""},
		{"chain f { type filter hook forward priority 0; }", No, ""},
		{"chain f { type filter hook forward priority 0; ct state invalid drop; }", Yes, "rule 1 of chain inet t f"},
		{"chain f { type filter hook forward priority 0; ct state invalid reject; }", Yes, "rule 1 of chain inet t f"},
		{"chain f { type filter hook forward priority 0; " + est + "ct state invalid counter drop; }", Yes, "rule 2 of chain inet t f"},
		{"chain f { type filter hook forward priority 0; iif lo accept; ct state vmap { established : accept, invalid : drop }; }", Yes, "rule 2 of chain inet t f"},
		{"chain f { type filter hook forward priority 0; policy drop; " + est + "}", Yes, "the policy of chain inet t f"},
		{"chain f { type filter hook forward priority 0; policy drop; " + est + "ct state new accept; }", Yes, "the policy of chain inet t f"},
		{"chain f { type filter hook forward priority 0; policy drop; " + est + "iifname lan0 accept; }", Unknown, ""},
		{"chain f { type filter hook forward priority 0; iifname wan0 ct state invalid drop; }", Unknown, ""},
		{"chain f { type filter hook forward priority 0; ct state != invalid accept; drop; }", Yes, "rule 2 of chain inet t f"},
		{"chain f { type filter hook forward priority 0; accept; ct state invalid drop; }", No, ""},
		{"chain f { type filter hook forward priority 0; ip saddr 10.0.0.1 drop; }", No, ""},
		{"chain f { type filter hook forward priority 0; accept; }; chain g { type filter hook forward priority 1; ct state invalid drop; }", Yes, "rule 1 of chain inet t g"},
		{"chain i { type filter hook input priority 0; ct state invalid drop; }", No, ""},
		{"chain bad { drop; }; chain f { type filter hook forward priority 0; ct state invalid jump bad; }", Yes, "rule 1 of chain inet t bad"},
	} {
		_, client := load(t, "table inet t {\n"+c.rules+"\n}")
		for _, family := range []Family{IPv4, IPv6} {
			got, by, err := client.DropsInvalid(context.Background(), Forward, family)
			if err != nil || got != c.want || c.by != "" && by.String() != c.by {
				t.Errorf("%s\n%s, %s, %v, want %s, %s", c.rules, got, by, err, c.want, c.by)
			}
		}
	}
	_, client := load(t, `table ip t { chain f { type filter hook forward priority 0; ct state invalid drop; }; }`)
	for family, want := range map[Family]Answer{IPv4: Yes, IPv6: No} {
		if got, _, err := client.DropsInvalid(context.Background(), Forward, family); err != nil || got != want {
			t.Errorf("%s: %s, %v", family, got, err)
		}
	}
}

// Rules of iptables-nft match the state by an extension of xtables.
func TestDropsInvalidByXtables(t *testing.T) {
	for _, c := range []struct {
		mask, flags, invert uint16
		verdict             expr.Any
		want                Answer
	}{
		{1, 0, 0, &expr.Verdict{Kind: expr.VerdictDrop}, Yes},
		{1, 0, uint16(xt.ConntrackState), &expr.Verdict{Kind: expr.VerdictDrop}, No},
		{2, 0, 0, &expr.Verdict{Kind: expr.VerdictDrop}, No},
		{1, uint16(xt.ConntrackStatus), 0, &expr.Verdict{Kind: expr.VerdictDrop}, Unknown},
		{1, 0, 0, &expr.Verdict{Kind: expr.VerdictAccept}, No},
	} {
		ns, client := load(t, "table ip t { chain f { type filter hook forward priority 0; }; }")
		match := &expr.Match{Name: "conntrack", Rev: 3, Info: &xt.ConntrackMtinfo3{ConntrackMtinfo2: xt.ConntrackMtinfo2{
			ConntrackMtinfoBase: xt.ConntrackMtinfoBase{MatchFlags: uint16(xt.ConntrackState) | c.flags, InvertFlags: c.invert}, StateMask: c.mask}}}
		comment := xt.Comment("a comment")
		if err := addRule(ns, &expr.Match{Name: "comment", Info: &comment}, match, &expr.Counter{}, c.verdict); err != nil {
			t.Skipf("needs CONFIG_NFT_COMPAT and xt_conntrack: %v", err)
		}
		got, by, err := client.DropsInvalid(context.Background(), Forward, IPv4)
		if err != nil || got != c.want {
			t.Errorf("%+v: %s, %s, %v", c, got, by, err)
		}
	}
}

// addRule adds a rule to chain f of table ip t.
func addRule(ns *netns.NS, exprs ...expr.Any) error {
	conn, err := nftables.New(nftables.WithNetNSFd(ns.FD()))
	if err != nil {
		return err
	}
	table := &nftables.Table{Name: "t", Family: nftables.TableFamilyIPv4}
	conn.AddRule(&nftables.Rule{Table: table, Chain: &nftables.Chain{Name: "f", Table: table}, Exprs: exprs})
	return conn.Flush()
}
