package nft

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/nftables/expr"
)

// Path is a way of packets that come from, or go to, an address in a set.
type Path struct {
	Hook   Hook // Input, Forward or Output
	Side   Side
	Drops  bool     // whether they are all dropped: those of a new flow and those of an established one
	Place  Place    // the rule that drops them
	Reason string   // why, or why not
	Except []string // rules that take some of them another way first
	used   bool     // a rule on the way uses the set
}

// String says what is on the way: "what comes from it to this machine".
func (p Path) String() string {
	switch {
	case p.Hook == Input:
		return "what comes from it to this machine"
	case p.Hook == Output:
		return "what this machine sends to it"
	case p.Side == Source:
		return "what comes from it and is routed"
	}
	return "what is routed to it"
}

// ways are the paths there are, with the hooks that lie on them. Where the
// source is translated, postrouting sees another one.
var ways = []struct {
	hook  Hook
	side  Side
	hooks []Hook
}{
	{Input, Source, []Hook{Ingress, Prerouting, Input}},
	{Forward, Source, []Hook{Ingress, Prerouting, Forward}},
	{Forward, Destination, []Hook{Prerouting, Forward, Postrouting}},
	{Output, Destination, []Hook{Output, Postrouting}},
}

// priorityConntrack is from where on packets have a state: before, rules see
// them as invalid (nft_ct_get_eval; NF_IP_PRI_CONNTRACK).
const priorityConntrack = -200

// stateAt is what a chain sees of a state.
func (c *chain) stateAt(state uint32) uint32 {
	early := (c.hook == Prerouting || c.hook == Output) && c.priority <= priorityConntrack
	if early || c.hook == Ingress || c.hook == Egress {
		return expr.CtStateBitINVALID
	}
	return state
}

// paths judges every way.
func (r *ruleset) paths(u *Uses, s *Set, family Family) error {
	for _, w := range ways {
		path := Path{Hook: w.hook, Side: w.side}
		p := packet{family: family, side: w.side, set: s.key(), size: s.layout.size}
		if err := r.judge(&path, u, p, w.hooks); err != nil {
			return err
		}
		u.Paths = append(u.Paths, path)
	}
	return nil
}

// states are those that packets can have of a peer that is to be kept out: once
// its flows are deleted, what it sends seems to be new, and what is sent to it
// makes the flow anew, so that its answer is established.
var states = []struct {
	bit  uint32
	name string
}{{expr.CtStateBitESTABLISHED, "established"}, {expr.CtStateBitNEW, "new"}}

// judge takes packets of each state through the chains of the hooks. What one
// chain accepts goes on to the next, but what one drops is gone.
func (r *ruleset) judge(path *Path, u *Uses, p packet, hooks []Hook) error {
	for i, state := range states {
		caught := false
		for _, hook := range hooks {
			for _, c := range r.bases {
				if caught || c.hook != hook || !c.family.sees(p.family) || c.kind == "nat" && state.bit != expr.CtStateBitNEW {
					continue
				}
				q := p
				q.state = c.stateAt(state.bit)
				w := r.newWalk(&q)
				e, err := w.base(c)
				if err != nil {
					return err
				}
				if caught = e.what == dropped && e.bySet; caught {
					r.caught(path, c, e, w)
				} else if why := u.why(c, w, e, p.side, state.name); why != "" && path.Reason == "" {
					path.Reason = why
				}
			}
		}
		if !caught {
			path.Drops, path.Place, path.Except = false, Place{}, nil
			if path.used = path.Reason != ""; !path.used {
				path.Reason, path.used = u.unused(hooks, p.side)
			}
			return nil
		}
		path.Drops = i == len(states)-1
	}
	if at, ok := r.offloads(p.family); ok && path.Hook == Forward {
		path.Except = append(path.Except, fmt.Sprintf("%s hands flows to a flow table, and these pass no rule until they are deleted", at))
	}
	path.Reason = fmt.Sprintf("%s drops it", path.Place)
	if len(path.Except) > 0 {
		path.Reason += ", but " + strings.Join(path.Except, ", and ")
	}
	return nil
}

// offloads finds a rule that puts flows into a flow table.
func (r *ruleset) offloads(family Family) (Place, bool) {
	for _, c := range r.chains {
		for i := range c.rules {
			if c.family.sees(family) && slices.ContainsFunc(c.rules[i].exprs, func(x expression) bool { return x.name == "flow_offload" }) {
				return c.place(i + 1), true
			}
		}
	}
	return Place{}, false
}

// caught notes where packets are dropped.
func (r *ruleset) caught(path *Path, c *chain, e end, w *walk) {
	path.Place = e.place
	except := w.except
	if c.hook == Ingress {
		except = append(except, fmt.Sprintf("chain %s sees only one interface", c))
	}
	for _, x := range except {
		if !slices.Contains(path.Except, x) {
			path.Except = append(path.Except, x)
		}
	}
}

// why says why a base chain does not drop what is in the set though a rule on
// its way uses it; "" where none does.
func (u *Uses) why(c *chain, w *walk, e end, side Side, state string) string {
	var use *Use
	for i := range u.Rules {
		x := &u.Rules[i]
		if x.Side == side && !x.Adds && slices.ContainsFunc(x.From, func(en Entrance) bool { return en.Chain == c.String() }) {
			use = x
			break
		}
	}
	switch {
	case use == nil:
		return ""
	case use.Invert:
		return fmt.Sprintf("%s is for what is not in it", use.Place)
	case e.what == accepted && e.place == use.Place:
		return fmt.Sprintf("%s accepts it", use.Place)
	case e.what == accepted && e.state:
		return fmt.Sprintf("%s uses it, but %s accepts %s before", use.Place, e.place, state)
	case e.what == accepted:
		return fmt.Sprintf("%s uses it, but %s accepts before", use.Place, e.place)
	case w.partial != "":
		return w.partial
	case e.what == dropped:
		return fmt.Sprintf("%s uses it, but %s drops before", use.Place, e.place)
	case use.Verdict == "":
		return fmt.Sprintf("%s uses it, and drops nothing", use.Place)
	case len(use.Asks) > 0:
		return fmt.Sprintf("%s uses it (%s) only for what matches by %s as well", use.Place, use.Verdict, strings.Join(use.Asks, ", "))
	}
	return fmt.Sprintf("%s uses it (%s), and it is not dropped", use.Place, use.Verdict)
}

// unused says that no rule at the hooks asks for a side, or only where it does
// not count.
func (u *Uses) unused(hooks []Hook, side Side) (reason string, used bool) {
	for i := range u.Rules {
		for _, from := range u.Rules[i].From {
			if from.Kind == "nat" && u.Rules[i].Side == side && slices.Contains(hooks, from.Hook) {
				return fmt.Sprintf("%s uses it, but chains of type nat see only the first packet of a flow", u.Rules[i].Place), true
			}
		}
	}
	return fmt.Sprintf("no rule on the way uses it for the %s", side), false
}

// conclude says in one sentence what the paths mean.
func (u *Uses) conclude(s *Set, addresses bool) {
	switch {
	case !addresses:
		u.Reason = fmt.Sprintf("set %s holds no addresses", s)
		return
	case len(u.Rules) == 0:
		u.Reason = fmt.Sprintf("no rule uses set %s", s)
		return
	}
	var caught, passed []string
	for _, p := range u.Paths {
		switch {
		case p.Drops:
			u.Effective = true
			caught = append(caught, fmt.Sprintf("%s: %s", p, p.Reason))
		case p.used:
			passed = append(passed, fmt.Sprintf("%s: %s", p, p.Reason))
		}
	}
	if u.Effective && len(passed) > 0 {
		passed[0] = "not " + passed[0]
	}
	if u.Reason = strings.Join(append(caught, passed...), "; "); u.Reason == "" {
		u.Reason = fmt.Sprintf("no chain that sees packets uses set %s to drop them", s)
	}
}
