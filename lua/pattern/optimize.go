package pattern

// hints shorten a search without changing what it finds.
type hints struct {
	plain bool   // the pattern is text alone
	text  string // plain: that text
	first *set   // what a match begins with; nil for anything, also nothing
	only  int    // the only byte of first, -1 for none
	// lead is the index of the atomic repetition that the pattern begins with,
	// -1 for none. What follows it then sees only where the repetition ends,
	// so that no start inside of it does better than the first.
	lead int
}

func (p *Pattern) optimize() {
	p.only, p.lead = -1, -1
	for i := range p.code {
		o := &p.code[i]
		switch o.kind {
		case greedy, optional:
			o.atomic = p.refuses(i+1, o.set)
		}
		switch {
		case o.kind == lazy, (o.kind == greedy || o.kind == optional) && !o.atomic:
			p.choices++
		}
	}
	p.findText()
	p.findFirst()
}

// refuses tells whether what begins at code[i] cannot match before a byte of s,
// or matches everywhere, so that it is not tried again.
func (p *Pattern) refuses(i int, s *set) bool {
	for ; ; i++ {
		switch o := &p.code[i]; o.kind {
		case open, shut, position:
		case greedy, optional, lazy:
			if !s.disjoint(o.set) {
				return false
			}
		case one, balance:
			return !s.has(o.b)
		case member:
			return s.disjoint(o.set)
		case end, done, broken:
			return true
		default:
			return false
		}
	}
}

// findText finds out whether the pattern is text alone.
func (p *Pattern) findText() {
	text := make([]byte, 0, len(p.code))
	for _, o := range p.code {
		switch o.kind {
		case one:
			text = append(text, o.b)
		case done:
			p.plain, p.text = true, string(text)
		default:
			return
		}
	}
}

// findFirst finds out what a match begins with.
func (p *Pattern) findFirst() {
	i := 0
	for p.code[i].kind == open || p.code[i].kind == position {
		i++
	}
	lead := i
	switch o := p.code[i]; o.kind {
	case one, balance:
		p.only = int(o.b)
		lead++
	case member:
		if *o.set != all {
			p.first = o.set
		}
		lead++
	}
	if o := p.code[min(lead, len(p.code)-1)]; o.kind == greedy && o.atomic && p.same(i, lead) {
		for _, o := range p.code {
			if o.kind == again {
				return // it compares with where the match began
			}
		}
		p.lead = lead
	}
}

// same tells whether code[i] is the first byte of the repetition code[lead].
func (p *Pattern) same(i, lead int) bool {
	switch o := p.code[i]; o.kind {
	case one:
		var s set
		s.add(o.b)
		return s == *p.code[lead].set
	case member:
		return *o.set == *p.code[lead].set
	}
	return i == lead
}
