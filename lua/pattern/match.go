package pattern

import "strings"

// Capture is a piece of the subject: bytes Start to End, or the position Start
// (from 0) where End is -1.
type Capture struct{ Start, End int }

// choice is a place to go back to when the rest of a pattern does not match.
type choice struct {
	pc int // of the repetition
	at int // greedy, optional: where it begins; lazy: where it ends
	n  int // greedy, optional: the bytes it holds
}

// Matcher matches patterns, one after the other, and reuses its memory. The
// zero value is ready.
type Matcher struct {
	Start, End int // of the last match

	pattern  *Pattern
	captures [MaxCaptures]Capture
	choices  []choice
	leadEnd  int // where the repetition that the pattern begins with ended
}

// Next is where the search goes on behind the last match: a match of nothing
// is not found again. It may lie behind the end of the subject.
func (m *Matcher) Next() int {
	if m.End == m.Start {
		return m.End + 1
	}
	return m.End
}

// Captures is the number of captures of the last match, 0 where the pattern
// has none.
func (m *Matcher) Captures() int { return m.pattern.captures }

// Capture returns a capture of the last match, counted from 0. Where the
// pattern has none, the first is the whole match. The error is a *SyntaxError.
func (m *Matcher) Capture(i int) (Capture, error) {
	switch {
	case i == 0 && m.pattern.captures == 0:
		return Capture{m.Start, m.End}, nil
	case i < 0 || i >= m.pattern.captures:
		return Capture{}, &SyntaxError{"invalid capture index"}
	case m.pattern.unclosed[i]:
		return Capture{}, &SyntaxError{"unfinished capture"}
	}
	return m.captures[i], nil
}

// Find finds the first match that begins at from (0 or more) or behind it, for
// an anchored pattern at from only. The error is a *SyntaxError,
// ErrTooComplex or what b.Stop returned.
func (m *Matcher) Find(p *Pattern, s string, from int, b *Budget) (bool, error) {
	m.pattern = p
	if cap(m.choices) < p.choices {
		m.choices = make([]choice, 0, p.choices)
	}
	for i := from; i <= len(s); i = max(i, m.leadEnd) + 1 {
		if !p.anchored {
			var err error
			if i, err = p.candidate(s, i, b); i < 0 {
				return false, err
			}
		}
		m.leadEnd = i
		e, err := m.at(p, s, i, b)
		switch {
		case err != nil:
			return false, err
		case e >= 0:
			m.Start, m.End = i, e
			return true, nil
		case p.anchored:
			return false, nil
		}
	}
	return false, nil
}

// candidate returns where a match can begin at i or behind it, -1 for nowhere.
func (p *Pattern) candidate(s string, i int, b *Budget) (int, error) {
	switch {
	case p.plain:
		if n := strings.Index(s[i:], p.text); n >= 0 {
			return i + n, nil
		}
		return -1, nil
	case p.only >= 0:
		if n := strings.IndexByte(s[i:], byte(p.only)); n >= 0 {
			return i + n, nil
		}
		return -1, nil
	case p.first == nil:
		return i, nil
	}
	first := *p.first
	for i < len(s) {
		block := s[i:min(len(s), i+portion)]
		for n := range len(block) {
			if first.has(block[n]) {
				return i + n, nil
			}
		}
		i += len(block)
		if err := b.Spend(len(block)); err != nil {
			return -1, err
		}
	}
	return -1, nil
}

// at matches the pattern at i and returns where the match ends, -1 for none.
func (m *Matcher) at(p *Pattern, s string, i int, b *Budget) (int, error) {
	choices := m.choices[:0]
	pc := 0
	for {
		if b.ahead--; b.ahead < 0 {
			if err := b.refill(); err != nil {
				return -1, err
			}
		}
		matched := true
		o := &p.code[pc]
		switch o.kind {
		case one:
			if matched = i < len(s) && s[i] == o.b; matched {
				i++
			}
		case member:
			if matched = i < len(s) && o.set.has(s[i]); matched {
				i++
			}
		case greedy:
			n, err := span(o.set, s, i, b)
			if err != nil {
				return -1, err
			}
			if n > 0 && !o.atomic {
				choices = append(choices, choice{pc, i, n})
			}
			i += n
			if pc == p.lead {
				m.leadEnd = i
			}
		case optional:
			if i < len(s) && o.set.has(s[i]) {
				if !o.atomic {
					choices = append(choices, choice{pc, i, 1})
				}
				i++
			}
		case lazy:
			choices = append(choices, choice{pc: pc, at: i})
		case open:
			m.captures[o.b].Start = i
		case shut:
			m.captures[o.b].End = i
		case position:
			m.captures[o.b] = Capture{i, -1}
		case end:
			matched = i == len(s)
		case frontier:
			matched = !o.set.has(byteAt(s, i-1)) && o.set.has(byteAt(s, i))
		case balance:
			n, err := balanced(s, i, o.b, o.c, b)
			if err != nil {
				return -1, err
			}
			matched = n > 0
			i += n
		case again:
			c := m.captures[o.b]
			if matched = c.End >= 0 && strings.HasPrefix(s[i:], s[c.Start:c.End]); matched {
				i += c.End - c.Start
				if err := b.Spend(c.End - c.Start); err != nil {
					return -1, err
				}
			}
		case done:
			return i, nil
		case broken:
			return -1, p.err
		}
		if matched {
			pc++
			continue
		}
		for {
			if len(choices) == 0 {
				return -1, nil
			}
			c := &choices[len(choices)-1]
			if o := &p.code[c.pc]; o.kind == lazy {
				if c.at < len(s) && o.set.has(s[c.at]) {
					c.at++
					pc, i = c.pc+1, c.at
					break
				}
			} else if c.n > 0 {
				c.n--
				pc, i = c.pc+1, c.at+c.n
				break
			}
			choices = choices[:len(choices)-1]
		}
	}
}

// span counts the bytes at i that are in the set.
func span(set *set, s string, i int, b *Budget) (int, error) {
	if set == &all {
		return len(s) - i, nil
	}
	total := 0
	for {
		block := s[i+total : min(len(s), i+total+portion)]
		n := 0
		for n < len(block) && set.has(block[n]) {
			n++
		}
		total += n
		if err := b.Spend(n); err != nil {
			return 0, err
		}
		if n < portion {
			return total, nil
		}
	}
}

// balanced returns the length of what begins at i with open and ends with the
// shut that balances it, 0 for none.
func balanced(s string, i int, open, shut byte, b *Budget) (int, error) {
	if byteAt(s, i) != open || i == len(s) {
		return 0, nil
	}
	depth, from := 1, i
	for i++; i < len(s); i++ {
		switch s[i] {
		case shut: // wins where both are the same
			if depth--; depth == 0 {
				return i + 1 - from, b.Spend((i - from) % portion)
			}
		case open:
			depth++
		}
		if (i-from)%portion == 0 {
			if err := b.Spend(portion); err != nil {
				return 0, err
			}
		}
	}
	return 0, b.Spend((len(s) - from) % portion)
}

// byteAt is a byte of the subject, 0 outside of it.
func byteAt(s string, i int) byte {
	if i < 0 || i >= len(s) {
		return 0
	}
	return s[i]
}
