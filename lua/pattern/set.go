package pattern

// set is a set of bytes.
type set [4]uint64

func (s *set) has(c byte) bool { return s[c>>6]>>(c&63)&1 != 0 }

func (s *set) add(c byte) { s[c>>6] |= 1 << (c & 63) }

// addRange adds lo to hi, nothing where lo is behind hi.
func (s *set) addRange(lo, hi byte) {
	for c := int(lo); c <= int(hi); c++ {
		s.add(byte(c))
	}
}

func (s *set) addSet(o *set) {
	for i := range s {
		s[i] |= o[i]
	}
}

func (s *set) complement() *set {
	return &set{^s[0], ^s[1], ^s[2], ^s[3]}
}

func (s *set) disjoint(o *set) bool {
	return s[0]&o[0]|s[1]&o[1]|s[2]&o[2]|s[3]&o[3] == 0
}

// The classes, as the C locale has them.
var (
	alpha   = set{0, 0x07fffffe07fffffe}
	control = set{0x00000000ffffffff, 0x8000000000000000}
	digit   = set{0x03ff000000000000, 0}
	lower   = set{0, 0x07fffffe00000000}
	punct   = set{0xfc00fffe00000000, 0x78000001f8000001}
	space   = set{0x0000000100003e00, 0}
	upper   = set{0, 0x0000000007fffffe}
	alnum   = set{0x03ff000000000000, 0x07fffffe07fffffe}
	hex     = set{0x03ff000000000000, 0x0000007e0000007e}
	zero    = set{1, 0}
	all     = set{^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0)}
)

// class returns what a letter behind % stands for, nil for a byte that stands
// for itself. An upper-case letter is the complement of the lower-case one.
func class(c byte) *set {
	var s *set
	switch c | 0x20 {
	case 'a':
		s = &alpha
	case 'c':
		s = &control
	case 'd':
		s = &digit
	case 'l':
		s = &lower
	case 'p':
		s = &punct
	case 's':
		s = &space
	case 'u':
		s = &upper
	case 'w':
		s = &alnum
	case 'x':
		s = &hex
	case 'z':
		s = &zero
	}
	switch {
	case s == nil || !alpha.has(c):
		return nil
	case upper.has(c):
		return s.complement()
	}
	return s
}

// bracketEnd returns the index behind the set that begins at src[i], -1 where
// it is not closed. The first byte of a set is never its end.
func bracketEnd(src string, i int) int {
	i++
	if i < len(src) && src[i] == '^' {
		i++
	}
	for i < len(src) {
		c := src[i]
		i++
		if c == '%' && i < len(src) {
			i++
		}
		if i < len(src) && src[i] == ']' {
			return i + 1
		}
	}
	return -1
}

// bracket reads a set in its brackets. As in Lua a range may end in any byte,
// also in a %, which then escapes nothing: in [!-%%] the second one makes a
// byte of the set of the bracket behind it.
func bracket(text string) *set {
	var s set
	last := len(text) - 1
	i := 1
	negated := text[i] == '^'
	if negated {
		i++
	}
	for ; i < last; i++ {
		switch {
		case text[i] == '%':
			i++
			if c := class(text[i]); c != nil {
				s.addSet(c)
			} else {
				s.add(text[i])
			}
		case text[i+1] == '-' && i+2 < last:
			s.addRange(text[i], text[i+2])
			i += 2
		default:
			s.add(text[i])
		}
	}
	if negated {
		return s.complement()
	}
	return &s
}
