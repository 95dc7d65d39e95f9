package pattern

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// found renders the first match: "2-4 [b] [@3]", "none" or the error.
func found(p *Pattern, s string, from int) string {
	var m Matcher
	ok, err := m.Find(p, s, from, &Budget{Steps: plenty})
	switch {
	case err != nil:
		return err.Error()
	case !ok:
		return "none"
	}
	text := fmt.Sprintf("%d-%d", m.Start, m.End)
	for i := range m.Captures() {
		c, err := m.Capture(i)
		switch {
		case err != nil:
			return err.Error()
		case c.End < 0:
			text += fmt.Sprintf(" [@%d]", c.Start)
		default:
			text += fmt.Sprintf(" [%s]", s[c.Start:c.End])
		}
	}
	return text
}

func TestFind(t *testing.T) {
	for _, c := range []struct{ pattern, subject, want string }{
		{"", "", "0-0"}, {"", "abc", "0-0"}, {"b", "abc", "1-2"}, {"^b", "abc", "none"}, {"^a", "abc", "0-1"}, {"c$", "abc", "2-3"},
		{"b$", "abc", "none"}, {"a$b", "a$b", "0-3"}, {"a^b", "a^b", "0-3"}, {"^", "x", "0-0"}, {"$", "x", "1-1"}, {"^$", "", "0-0"},
		{".", "\x00", "0-1"}, {"a.c", "abac", "none"}, {"%.", "a.b", "1-2"}, {"%%", "100%", "3-4"}, {"\xc3\xa9", "caf\xc3\xa9", "3-5"},
		{"%d+", "ab123c", "2-5"}, {"%D+", "12ab3", "2-4"}, {"%l%u", "abCd", "1-3"}, {"%x*", "fFzz", "0-2"}, {"%z", "a\x00b", "1-2"},
		{"%Z+", "a\x00b", "0-1"}, {"%c", "a\x7f", "1-2"}, {"%p+", "a+-b", "1-3"}, {"%s+", "a \t\vb", "1-4"}, {"%q", "q", "0-1"},
		{"[abc]+", "xxcabz", "2-5"}, {"[^abc]+", "abxyc", "2-4"}, {"[a-c%d]+", "z-a1c", "2-5"}, {"[]]", "a]", "1-2"}, {"[^]]", "]a", "1-2"},
		{"[a-]+", "b-a-", "1-4"}, {"[-a]+", "b-a", "1-3"}, {"[%a-z]+", "1-z", "1-3"}, {"[a-%%]+", "%]", "1-2"}, {"[z-a]", "az-", "none"},
		{"[%]]+", "a]]", "1-3"}, {"[%w_]+", "-a_1-", "1-4"}, {"[\x80-\xff]+", "a\x80\xff", "1-3"}, {"[^%z]+", "\x00ab", "1-3"},
		{"a*", "aaab", "0-3"}, {"a-b", "aaab", "0-4"}, {"a-", "aaa", "0-0"}, {"^a-$", "aaa", "0-3"}, {"a?b", "aab", "1-3"}, {"a+b", "b", "none"},
		{"a*a", "aaa", "0-3"}, {"a?a?aa", "aa", "0-2"}, {".*b", "abab_", "0-4"}, {".-b", "abab", "0-2"}, {"(a*)(a*)", "aa", "0-2 [aa] []"},
		{"(a-)(a*)$", "aa", "0-2 [] [aa]"}, {"(a*(.)%w(%s*))", "aabc  ", "0-6 [aabc  ] [b] [  ]"}, {"()ll()", "hello", "2-4 [@2] [@4]"},
		{"(())", "x", "0-0 [] [@0]"}, {"(%w+)=(%w*)", "k=", "0-2 [k] []"}, {"^(.-)%s*$", " a b  ", "0-6 [ a b]"},
		{"%b()", "f(a(b)c)(", "1-8"}, {"%b()", "((", "none"}, {"%b''", "a'b'c'", "1-4"}, {"%bab", "xaab b", "1-6"}, {"%b\x00\x00", "a", "none"},
		{"%f[%w]%w+", "  ab cd", "2-4"}, {"%f[%W]", "ab", "2-2"}, {"%f[a]", "aab", "0-0"}, {"%f[%z]", "ab", "2-2"}, {"%f[^%z]", "", "none"},
		{"(.)%1", "abccd", "2-4 [c]"}, {"(['\"])(.-)%1", `a"b'c"`, `1-6 ["] [b'c]`}, {"()%1", "aa", "none"}, {"(a*)%1$", "aaaa", "0-4 [aa]"},
		{"(a)(b)(c)%3%2%1", "abccba", "0-6 [a] [b] [c]"}, {"%s+$", "a  b  ", "4-6"}, {"(%s+)$", "a  b  ", "4-6 [  ]"}, {"a+()$", "aabaa", "3-5 [@5]"},
		{")", "a", "invalid pattern capture"}, {"(", "a", "unfinished capture"}, {"(a", "a", "unfinished capture"}, {"(a", "b", "none"},
		{"%", "a", "malformed pattern (ends with '%')"}, {"a%", "b", "none"}, {"[", "a", "malformed pattern (missing ']')"},
		{"[]", "a", "malformed pattern (missing ']')"}, {"[^", "a", "malformed pattern (missing ']')"}, {"[%]", "a", "malformed pattern (missing ']')"},
		{"[a%", "a", "malformed pattern (missing ']')"}, {"%b", "a", "unbalanced pattern"}, {"%bx", "a", "unbalanced pattern"},
		{"%f", "a", "missing '[' after '%f' in pattern"}, {"%fa", "a", "missing '[' after '%f' in pattern"}, {"%f[", "a", "malformed pattern (missing ']')"},
		{"%1", "a", "invalid capture index %1"}, {"%0", "a", "invalid capture index %0"}, {"(%1)", "a", "invalid capture index %1"},
		{"(a)%2", "a", "invalid capture index %2"}, {"(a)%2", "b", "none"}, {"x", strings.Repeat("y", 10000) + "x", "10000-10001"},
		{"%d", strings.Repeat("y", 10000) + "1", "10000-10001"}, {"y*1", strings.Repeat("y", 10000) + "1", "0-10001"},
		{strings.Repeat("()", 32), "", "0-0" + strings.Repeat(" [@0]", 32)}, {strings.Repeat("()", 33), "", "too many captures"},
		{strings.Repeat("a", MaxLength+1), "a", "pattern too long"},
	} {
		if got := found(Compile(c.pattern), c.subject, 0); got != c.want {
			t.Errorf("%.60q in %.60q: %s, want %s", c.pattern, c.subject, got, c.want)
		}
	}
}

func TestFrom(t *testing.T) {
	for _, c := range []struct {
		pattern string
		from    int
		want    string
	}{
		{"a", 1, "2-3"}, {"^a", 1, "none"}, {"^a", 2, "2-3"}, {"", 4, "4-4"}, {"", 5, "none"}, {"%f[b]", 1, "1-1"}, {"%f[b]", 2, "3-3"}, {"b$", 0, "3-4"},
	} {
		if got := found(Compile(c.pattern), "abab", c.from); got != c.want {
			t.Errorf("%q from %d: %s, want %s", c.pattern, c.from, got, c.want)
		}
	}
}

func TestNext(t *testing.T) {
	var m Matcher
	b := Budget{Steps: plenty}
	var at []int
	for from := 0; ; from = m.Next() {
		ok, err := m.Find(Compile("a*"), "baac", from, &b)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		at = append(at, m.Start, m.End)
	}
	if got := fmt.Sprint(at); got != "[0 0 1 3 3 3 4 4]" {
		t.Error(got)
	}
	if _, err := m.Find(Compile("(b)"), "b", 0, &b); err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{-1, 1, 99} {
		if _, err := m.Capture(i); err == nil {
			t.Errorf("there is a capture %d", i)
		}
	}
}

// TestClasses checks the tables against what the manual says in words.
func TestClasses(t *testing.T) {
	between := func(c, lo, hi byte) bool { return c >= lo && c <= hi }
	for letter, want := range map[byte]func(c byte) bool{
		'l': func(c byte) bool { return between(c, 'a', 'z') },
		'u': func(c byte) bool { return between(c, 'A', 'Z') },
		'a': func(c byte) bool { return between(c|0x20, 'a', 'z') },
		'd': func(c byte) bool { return between(c, '0', '9') },
		'w': func(c byte) bool { return between(c, '0', '9') || between(c|0x20, 'a', 'z') },
		'x': func(c byte) bool { return between(c, '0', '9') || between(c|0x20, 'a', 'f') },
		'c': func(c byte) bool { return c < ' ' || c == 0x7f },
		's': func(c byte) bool { return c == ' ' || between(c, '\t', '\r') },
		'p': func(c byte) bool {
			return between(c, '!', '~') && !between(c, '0', '9') && !between(c|0x20, 'a', 'z')
		},
		'z': func(c byte) bool { return c == 0 },
	} {
		for i := range 256 {
			c := byte(i)
			if class(letter).has(c) != want(c) || class(letter-0x20).has(c) == want(c) {
				t.Errorf("%%%c and its complement: %#x", letter, c)
			}
		}
	}
	for i := range 256 {
		if c := byte(i); !strings.ContainsRune("acdlpsuwxzACDLPSUWXZ", rune(c)) && class(c) != nil {
			t.Errorf("%%%c is a class", c)
		}
	}
}

func TestBudget(t *testing.T) {
	long := strings.Repeat("a", 1<<20)
	for _, c := range []struct{ pattern, subject string }{
		{strings.Repeat("a*", 28) + "b", strings.Repeat("a", 28)},
		{strings.Repeat("a-", 28) + "b", strings.Repeat("a", 28)},
		{strings.Repeat("a?", 28) + strings.Repeat("a", 28) + "b", strings.Repeat("a", 40)},
		{"(.-)(.-)(.-)b", long}, {"(a*)a*%1b", long}, {"%b()", strings.Repeat("(", 1<<20)}, {".-%b()", strings.Repeat("(", 1<<14)}, {"(a*)%1%1b", long},
	} {
		var m Matcher
		b := Budget{Steps: 1e6}
		ok, err := m.Find(Compile(c.pattern), c.subject, 0, &b)
		if ok || !errors.Is(err, ErrTooComplex) || b.Steps != 0 {
			t.Errorf("%.40q: %v %v, %d steps left", c.pattern, ok, err, b.Steps)
		}
	}
}

// TestLinear holds searches that are quadratic in Lua to a few steps a byte.
func TestLinear(t *testing.T) {
	spaces := strings.Repeat(" ", 1<<20)
	for _, c := range []struct{ pattern, subject, want string }{
		{"%s+$", spaces + "x", "none"}, {"^(.-)%s*$", "x" + spaces, "0-1048577 [x]"}, {"%s*;", spaces, "none"}, {"(%s*)x%s", spaces + "x", "none"},
		{" *()x", spaces, "none"}, {"a*b", strings.Repeat("a", 5<<20), "none"}, {"[^,]*,", spaces, "none"}, {"%s-x", "x" + spaces, "0-1"},
	} {
		var m Matcher
		b := Budget{Steps: 4*len(c.subject) + 2*portion}
		if _, err := m.Find(Compile(c.pattern), c.subject, 0, &b); err != nil {
			t.Errorf("%q: %v", c.pattern, err)
		} else if got := found(Compile(c.pattern), c.subject, 0); got != c.want {
			t.Errorf("%q: %.80s, want %s", c.pattern, got, c.want)
		}
	}
}

func TestStop(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	for _, c := range []struct{ pattern, subject string }{
		{strings.Repeat("a*", 28) + "b", strings.Repeat("a", 28)}, {".-.-.-b", strings.Repeat("a", 1<<20)},
		{"%b()", strings.Repeat("(", 1<<20)}, {"(a*)%1b", strings.Repeat("a", 1<<20)},
	} {
		var m Matcher
		ok, err := m.Find(Compile(c.pattern), c.subject, 0, &Budget{Steps: plenty, Stop: ctx.Err})
		if ok || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%.40q: %v %v", c.pattern, ok, err)
		}
	}
}

// TestStack checks that a long match takes no memory.
func TestStack(t *testing.T) {
	s := strings.Repeat("a", 5<<20)
	for _, pattern := range []string{"a*b", ".-b", "(a*)()b", ".*.b"} {
		var m Matcher
		p := Compile("^" + pattern)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		ok, err := m.Find(p, s, 0, &Budget{Steps: plenty})
		runtime.ReadMemStats(&after)
		if ok || err != nil {
			t.Errorf("%s: %v %v", pattern, ok, err)
		}
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<10 || after.StackInuse > before.StackInuse+1<<20 {
			t.Errorf("%s: %d bytes allocated, stack %d to %d", pattern, grown, before.StackInuse, after.StackInuse)
		}
	}
}

func TestAllocations(t *testing.T) {
	var m Matcher
	for _, pattern := range []string{"b", "x", "^a(b)c", "[^a]-c$", "%w*(%w)%1", "%b()", "%f[%d]", "(a*b*c*)d"} {
		p := Compile(pattern)
		find := func() {
			b := Budget{Steps: plenty, Stop: context.Background().Err}
			if _, err := m.Find(p, "abc abc", 0, &b); err != nil {
				t.Error(err)
			}
		}
		find() // makes room for the choices
		if n := testing.AllocsPerRun(100, find); n != 0 {
			t.Errorf("%s: %v allocations", pattern, n)
		}
	}
}

func TestCache(t *testing.T) {
	var c Cache
	kept := c.Get("kept")
	for i := range 10000 {
		src := fmt.Sprintf("p%d", i)
		if p := c.Get(src); p.src != src || c.Get(src) != p {
			t.Fatalf("%q is compiled twice", src)
		}
		if c.Get("kept") != kept {
			t.Fatalf("a pattern in use was dropped after %d others", i)
		}
		if n := len(c.recent) + len(c.before); n > 2*generation {
			t.Fatalf("%d patterns are kept", n)
		}
	}
	long := strings.Repeat("a", maxCached+1)
	if first, second := c.Get(long), c.Get(long); first == second {
		t.Error("a long pattern is kept")
	}
}
