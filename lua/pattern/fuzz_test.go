package pattern

import (
	"errors"
	"strings"
	"testing"
)

// naive matches the instructions from pc on as the manual says, without any of
// the shortcuts: by trying every choice. It panics when that takes too long.
type naive struct {
	p        *Pattern
	s        string
	captures [MaxCaptures]Capture
	left     int
}

func (n *naive) at(pc, i int) int {
	if n.left--; n.left < 0 {
		panic(n)
	}
	o := n.p.code[pc]
	in := func(i int) bool { return i < len(n.s) && o.set.has(n.s[i]) }
	switch o.kind {
	case one:
		if i == len(n.s) || n.s[i] != o.b {
			return -1
		}
		return n.at(pc+1, i+1)
	case member:
		if !in(i) {
			return -1
		}
		return n.at(pc+1, i+1)
	case greedy, optional:
		if in(i) {
			next := pc
			if o.kind == optional {
				next++
			}
			if e := n.at(next, i+1); e >= 0 {
				return e
			}
		}
		return n.at(pc+1, i)
	case lazy:
		if e := n.at(pc+1, i); e >= 0 || !in(i) {
			return e
		}
		return n.at(pc, i+1)
	case open:
		n.captures[o.b].Start = i
	case shut:
		n.captures[o.b].End = i
	case position:
		n.captures[o.b] = Capture{i, -1}
	case end:
		if i < len(n.s) {
			return -1
		}
	case frontier:
		if o.set.has(byteAt(n.s, i-1)) || !o.set.has(byteAt(n.s, i)) {
			return -1
		}
	case balance:
		for depth, j := 0, i; j < len(n.s); j++ {
			switch {
			case n.s[j] == o.c && depth > 0:
				depth--
			case n.s[j] == o.b:
				depth++
			}
			if depth == 0 {
				if j == i {
					return -1
				}
				return n.at(pc+1, j+1)
			}
		}
		return -1
	case again:
		c := n.captures[o.b]
		if c.End < 0 || !strings.HasPrefix(n.s[i:], n.s[c.Start:c.End]) {
			return -1
		}
		return n.at(pc+1, i+c.End-c.Start)
	case done:
		return i
	case broken:
		panic(n.p.err)
	}
	return n.at(pc+1, i)
}

// find returns the first match as Matcher.Find does; ok is false where it
// takes too long.
func (n *naive) find(from int) (start, end int, err error, ok bool) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *SyntaxError:
			start, err, ok = -1, r, true
		case *naive:
			ok = false
		default:
			panic(r)
		}
	}()
	for i := from; i <= len(n.s); i++ {
		if e := n.at(0, i); e >= 0 {
			return i, e, nil, true
		}
		if n.p.anchored {
			break
		}
	}
	return -1, -1, nil, true
}

// FuzzPattern compares the matcher with the naive one, over all matches of a
// subject as gmatch and gsub see them, and checks what it spends.
func FuzzPattern(f *testing.F) {
	for _, pattern := range []string{"", "a", "^a*b?c-$", "(a)(b()c)%1", "[^%w%-x-z]+", "%b()", "%f[%a]%w+", "(a*)%1b", "%", "[a", "(", ")", "%f", "%b(",
		"a*a*a*a*b", "x-%s*$", "(%s+)$", "[]-a]", "[^]]", "\x00*%z", "(()()()%2)"} {
		f.Add(pattern, "aab (b) xyz\x00\xff aaa-")
		f.Add(pattern, "")
	}
	f.Fuzz(func(t *testing.T, pattern, s string) {
		p := Compile(pattern)
		const steps = 1 << 16
		var m Matcher
		b := Budget{Steps: steps}
		spent, asked := 0, 0
		b.Stop = func() error { asked++; return nil }
		matches := 0
		for from := 0; from <= len(s); from = m.Next() {
			ok, err := m.Find(p, s, from, &b)
			if left := b.Steps + b.ahead; left < 0 || steps-left < spent {
				t.Fatalf("%d steps left of %d", left, steps)
			} else {
				spent = steps - left
			}
			if asked > steps/portion+1 {
				t.Fatalf("asked %d times", asked)
			}
			if errors.Is(err, ErrTooComplex) {
				return
			}
			n := naive{p: p, s: s, left: 1 << 20}
			start, end, want, known := n.find(from)
			if !known {
				return
			}
			if (err != nil) != (want != nil) || ok != (start >= 0) || ok && (m.Start != start || m.End != end) {
				t.Fatalf("%q in %q from %d: %d-%d %v %v, want %d-%d %v", pattern, s, from, m.Start, m.End, ok, err, start, end, want)
			}
			if !ok {
				return
			}
			for i := range m.Captures() {
				got, err := m.Capture(i)
				if err == nil && got != n.captures[i] {
					t.Fatalf("%q in %q from %d: capture %d is %v, want %v", pattern, s, from, i, got, n.captures[i])
				}
			}
			if matches++; matches > 64 {
				return
			}
		}
	})
}
