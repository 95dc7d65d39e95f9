package filter

// singles lists the members of a set one by one, at most so many, and tells
// whether all of them are single values: no ranges, and no networks of more
// than one address.
func (c *compiler) singles(e *In, most int) (list []Val, ok bool) {
	if len(e.Items) > most {
		return nil, false
	}
	for _, v := range e.Items {
		values := []Val{v}
		if p, given := v.(*Param); given {
			if values, ok = c.given(p, most-len(list)); !ok {
				return nil, false
			}
		}
		for _, v := range values {
			if v, ok = c.single(v); !ok || len(list) == most {
				return nil, false
			}
			list = append(list, v)
		}
	}
	return list, true
}

// given lists the members of a parameter.
func (c *compiler) given(p *Param, most int) (list []Val, ok bool) {
	given := c.params[p.Name]
	// Long ones are left before they are sorted.
	switch v := given.(type) {
	case []any:
		ok = len(v) <= most
	case map[string]any:
		ok = len(v) <= most
	default:
		ok = true
	}
	if !ok {
		return nil, false
	}
	members, err := membersOf(given)
	if err != nil {
		return nil, false
	}
	for _, m := range members {
		list = append(list, &Given{m})
	}
	return list, true
}

// single makes the member of a set a value to compare with.
func (c *compiler) single(v Val) (Val, bool) {
	o, err := c.operand(v)
	if err != nil {
		return nil, false
	}
	if o.literal == nil {
		return v, fixed(o) // a word such as tcp
	}
	switch o.literal.kind {
	case constPrefix:
		return &Given{addrOf(o.literal.prefix.Addr())}, o.literal.prefix.IsSingleIP()
	case constRange, constAddrRange, constMask:
		return nil, false
	}
	return v, true
}
