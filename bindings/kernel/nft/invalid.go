package nft

import (
	"context"
	"fmt"

	"github.com/google/nftables/expr"
)

// Answer is one to a question about the rules.
type Answer string

// Answers.
const (
	Yes     Answer = "yes"
	No      Answer = "no"
	Unknown Answer = "unknown" // it depends on what else is true of the packet
)

// DropsInvalid tells whether the rules at a hook drop the packets of IPv4 or
// IPv6 whose ct state is invalid, and which rule or policy does. Where they do,
// a flow that was deleted and comes back can go on; where they do not, packets
// that come in between may end it. Errors are those of [Client.Uses].
func (c *Client) DropsInvalid(ctx context.Context, hook Hook, family Family) (a Answer, by Place, err error) {
	_, err = c.still(ctx, func() error {
		r, err := c.rules(ctx)
		if err != nil {
			return err
		}
		a, by, err = r.dropsInvalid(hook, family)
		return err
	})
	if err != nil {
		return Unknown, Place{}, c.explain(fmt.Sprintf("look whether the rules at %s drop what is invalid", hook), err)
	}
	return a, by, nil
}

// dropsInvalid takes an invalid packet through every chain of the hook.
func (r *ruleset) dropsInvalid(hook Hook, family Family) (Answer, Place, error) {
	a := No
	for _, c := range r.bases {
		if c.hook != hook || !c.family.sees(family) || c.kind == "nat" {
			continue // an invalid packet has no flow, and is not translated
		}
		w := r.newWalk(&packet{family: family, side: Source, state: c.stateAt(expr.CtStateBitINVALID)})
		e, err := w.base(c)
		switch {
		case err != nil:
			return Unknown, Place{}, err
		case e.what == dropped && len(w.except) == 0:
			return Yes, e.place, nil
		case e.what == dropped, w.perhaps:
			a = Unknown
		}
	}
	return a, Place{}, nil
}
