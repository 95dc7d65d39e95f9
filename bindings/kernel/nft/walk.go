package nft

import (
	"fmt"
	"strings"

	"github.com/google/nftables/expr"
)

// walk takes a packet through chains.
type walk struct {
	r *ruleset
	p *packet
	// except is what takes some of the packets another way, before they get to
	// what is found.
	except []string
	// partial is the first rule that drops only some of what is in the set.
	partial string
	// perhaps tells that a rule which asks for the state may drop the packet.
	perhaps bool
	depth   int
	seen    map[visit]passage
}

// visit is a chain, and whether a rule that uses the set led there.
type visit struct {
	chain chainKey
	bySet bool
}

// passage is what came of a visit: chains may be reached on many ways.
type passage struct {
	end     end
	partial string
}

// end is what becomes of a packet in a chain.
type end struct {
	what  ending
	place Place
	bySet bool // the rule, or one that led to it, uses the set
	state bool // the rule asks for the state
}

type ending int8

const (
	through ending = iota // the chain was passed
	dropped
	accepted
)

// depthMost is how deep the kernel lets rules jump (NFT_JUMP_STACK_SIZE).
const depthMost = 16

// newWalk begins a walk.
func (r *ruleset) newWalk(p *packet) *walk { return &walk{r: r, p: p, seen: map[visit]passage{}} }

// base takes the packet through a base chain, with its policy at the end.
func (w *walk) base(c *chain) (end, error) {
	e, err := w.chain(c, false)
	if e.what == through && c.drops {
		e = end{what: dropped, place: c.place(0)}
	}
	return e, err
}

func (c *chain) place(rule int) Place {
	p := Place{Family: c.family, Table: c.table, Chain: c.chain, Rule: rule}
	if rule > 0 {
		p.Handle = c.rules[rule-1].handle
	}
	return p
}

// chain takes the packet through a chain. bySet tells that a rule which uses
// the set led here.
func (w *walk) chain(c *chain, bySet bool) (end, error) {
	if w.depth == depthMost {
		return end{}, nil
	}
	w.depth++
	defer func() { w.depth-- }()
	for i := range c.rules {
		out, err := w.r.evaluate(w.p, c.tableKey, &c.rules[i])
		if err != nil {
			return end{}, err
		}
		uses := bySet || w.uses(&out)
		for _, b := range out.branches {
			if b.match == no || b.verdict == nil {
				continue
			}
			e, over, err := w.verdict(c, c.place(i+1), &out, b, uses)
			if over || err != nil {
				return e, err
			}
		}
	}
	return end{}, nil
}

// uses tells whether a rule asks for the address that is in the set.
func (w *walk) uses(out *outcome) bool {
	for _, l := range out.lookups {
		if l.side == w.p.side {
			return true
		}
	}
	return false
}

// verdict follows one branch of a rule. over tells that the packet goes no
// further in the chain.
func (w *walk) verdict(c *chain, at Place, out *outcome, b branch, bySet bool) (e end, over bool, err error) {
	sure := b.match == yes
	switch b.verdict.Kind {
	case expr.VerdictDrop:
		if sure {
			return end{dropped, at, bySet, out.stateful}, true, nil
		}
		w.perhaps = w.perhaps || out.stateful
		if bySet && w.partial == "" {
			w.partial = fmt.Sprintf("%s drops only what matches by %s as well", at, strings.Join(out.asks, ", "))
		}
	case expr.VerdictAccept, expr.VerdictStolen, expr.VerdictQueue, expr.VerdictStop:
		// One that takes established packets of some kind is taken for one that
		// takes all: those in question may be of that kind.
		if sure || out.stateful {
			return end{accepted, at, bySet, out.stateful}, true, nil
		}
		w.exception(at, out)
	case expr.VerdictReturn:
		if sure {
			return end{}, true, nil
		}
		w.exception(at, out)
	case expr.VerdictJump, expr.VerdictGoto:
		return w.follow(c, at, out, b, bySet)
	}
	return end{}, false, nil
}

// follow goes into the chain that a verdict names.
func (w *walk) follow(c *chain, at Place, out *outcome, b branch, bySet bool) (e end, over bool, err error) {
	to := w.r.chains[chainKey{c.tableKey, b.verdict.Chain}]
	if to == nil {
		return end{}, false, nil
	}
	p, err := w.visit(to, bySet)
	e = p.end
	sure := b.match == yes
	switch {
	case err != nil:
		return e, true, err
	case sure:
		if w.partial == "" {
			w.partial = p.partial
		}
		return e, e.what != through || b.verdict.Kind == expr.VerdictGoto, nil
	case e.what == dropped && e.bySet && w.partial == "":
		w.partial = fmt.Sprintf("%s drops only what gets there by %s", e.place, strings.Join(out.asks, ", "))
	case e.what == accepted && (e.state || out.stateful):
		return e, true, nil
	case e.what == accepted, b.verdict.Kind == expr.VerdictGoto:
		w.exception(at, out)
	}
	return end{}, false, nil
}

// visit takes the packet through a chain that a rule leads to.
func (w *walk) visit(c *chain, bySet bool) (passage, error) {
	key := visit{c.chainKey, bySet}
	if p, ok := w.seen[key]; ok {
		return p, nil
	}
	outer := w.partial
	w.partial = ""
	e, err := w.chain(c, bySet)
	p := passage{e, w.partial}
	w.partial = outer
	w.seen[key] = p
	return p, err
}

// exception notes a rule that takes some packets another way.
func (w *walk) exception(at Place, out *outcome) {
	w.except = append(w.except, fmt.Sprintf("%s takes some before, by %s", at, strings.Join(out.asks, ", ")))
}
