package pattern

import "strings"

// Limits of a pattern.
const (
	MaxCaptures = 32
	MaxLength   = 256 << 10 // bytes
)

// SyntaxError says what is wrong with a pattern, in the words of Lua.
type SyntaxError struct{ Msg string }

// Error returns the message.
func (e *SyntaxError) Error() string { return e.Msg }

// kind is what an instruction does.
type kind uint8

const (
	one      kind = iota // the byte b
	member               // a byte of set
	greedy               // bytes of set, as many as there are
	optional             // a byte of set or none
	lazy                 // bytes of set, as few as will do
	open                 // capture b begins
	shut                 // capture b ends
	position             // capture b is the position
	balance              // from b to the c that balances it
	frontier             // between a byte that is not in set and one that is
	again                // what capture b holds
	end                  // the end of the subject
	done                 // the pattern has matched
	broken               // the pattern is malformed from here on
)

// op is one instruction.
type op struct {
	kind   kind
	b, c   byte
	atomic bool // greedy, optional: giving bytes back cannot help
	set    *set
}

// Pattern is a compiled pattern. It is only read once it was made.
type Pattern struct {
	src      string
	code     []op
	anchored bool
	captures int
	unclosed [MaxCaptures]bool
	err      *SyntaxError // what broken reports
	choices  int          // the longest list of choices that matching keeps
	hints
}

// Anchored tells whether the pattern begins with ^ and so matches only where
// the search begins.
func (p *Pattern) Anchored() bool { return p.anchored }

// Compile compiles a pattern. As in Lua, one that is malformed is an error
// only when matching gets to the place.
func Compile(src string) *Pattern {
	p := &Pattern{src: strings.Clone(src)} // src may be a piece of something large
	c := compiler{Pattern: p, rest: p.src}
	if len(src) > MaxLength {
		c.fail("pattern too long")
	}
	if c.anchored = strings.HasPrefix(src, "^"); c.anchored {
		c.rest = c.rest[1:]
	}
	for c.rest != "" && c.err == nil {
		c.item()
	}
	if c.err == nil {
		c.emit(op{kind: done})
	}
	p.optimize()
	return p
}

type compiler struct {
	*Pattern
	rest string // of the source
}

func (c *compiler) emit(o op) { c.code = append(c.code, o) }

func (c *compiler) fail(msg string) {
	c.err = &SyntaxError{msg}
	c.emit(op{kind: broken})
}

// next tells whether the source goes on with a byte.
func (c *compiler) next(i int, b byte) bool { return i < len(c.rest) && c.rest[i] == b }

// item compiles one item of the pattern.
func (c *compiler) item() {
	switch c.rest[0] {
	case '(':
		c.begin()
	case ')':
		c.close()
	case '$':
		if len(c.rest) > 1 {
			c.single()
			return
		}
		c.emit(op{kind: end})
		c.rest = ""
	case '%':
		c.escape()
	default:
		c.single()
	}
}

func (c *compiler) begin() {
	if c.captures == MaxCaptures {
		c.fail("too many captures")
		return
	}
	n := c.captures
	c.captures++
	if c.next(1, ')') {
		c.emit(op{kind: position, b: byte(n)})
		c.rest = c.rest[2:]
		return
	}
	c.unclosed[n] = true
	c.emit(op{kind: open, b: byte(n)})
	c.rest = c.rest[1:]
}

func (c *compiler) close() {
	for n := c.captures - 1; n >= 0; n-- {
		if c.unclosed[n] {
			c.unclosed[n] = false
			c.emit(op{kind: shut, b: byte(n)})
			c.rest = c.rest[1:]
			return
		}
	}
	c.fail("invalid pattern capture")
}

// escape compiles what begins with %.
func (c *compiler) escape() {
	switch {
	case c.next(1, 'b'):
		if len(c.rest) < 4 {
			c.fail("unbalanced pattern")
			return
		}
		c.emit(op{kind: balance, b: c.rest[2], c: c.rest[3]})
		c.rest = c.rest[4:]
	case c.next(1, 'f'):
		c.rest = c.rest[2:]
		if !c.next(0, '[') {
			c.fail("missing '[' after '%f' in pattern")
			return
		}
		if s, n := c.bracket(); n > 0 {
			c.emit(op{kind: frontier, set: s})
			c.rest = c.rest[n:]
		}
	case len(c.rest) > 1 && digit.has(c.rest[1]):
		n := int(c.rest[1]) - '1'
		if n < 0 || n >= c.captures || c.unclosed[n] {
			c.fail("invalid capture index %" + c.rest[1:2])
			return
		}
		c.emit(op{kind: again, b: byte(n)})
		c.rest = c.rest[2:]
	default:
		c.single()
	}
}

// bracket reads the set that the source goes on with and returns its length.
func (c *compiler) bracket() (*set, int) {
	n := bracketEnd(c.rest, 0)
	if n < 0 {
		c.fail("malformed pattern (missing ']')")
		return nil, 0
	}
	return bracket(c.rest[:n]), n
}

// single compiles an item that matches one byte, and the quantifier behind it.
func (c *compiler) single() {
	b, n := c.rest[0], 1
	var s *set // nil for the byte b
	switch b {
	case '.':
		s = &all
	case '[':
		if s, n = c.bracket(); n == 0 {
			return
		}
	case '%':
		if len(c.rest) == 1 {
			c.fail("malformed pattern (ends with '%')")
			return
		}
		b, n = c.rest[1], 2
		s = class(b)
	}
	c.rest = c.rest[n:]
	c.repeat(b, s)
}

// repeat compiles a byte, or a set, with the quantifier that the source goes
// on with.
func (c *compiler) repeat(b byte, s *set) {
	how := byte(0)
	if c.rest != "" {
		how = c.rest[0]
	}
	if how != '*' && how != '+' && how != '-' && how != '?' {
		c.once(b, s)
		return
	}
	c.rest = c.rest[1:]
	if how == '+' {
		c.once(b, s)
	}
	if s == nil {
		s = new(set)
		s.add(b)
	}
	switch how {
	case '-':
		c.emit(op{kind: lazy, set: s})
	case '?':
		c.emit(op{kind: optional, set: s})
	default:
		c.emit(op{kind: greedy, set: s})
	}
}

func (c *compiler) once(b byte, s *set) {
	if s == nil {
		c.emit(op{kind: one, b: b})
	} else {
		c.emit(op{kind: member, set: s})
	}
}
