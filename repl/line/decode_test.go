package line

import (
	"bytes"
	"testing"
)

func TestDecode(t *testing.T) {
	for _, c := range []struct {
		name, in, out string
		used          int
		del           bool
	}{
		{"letter", "ab", "a", 1, false},
		{"rune", "é", "é", 2, false},
		{"half a rune", "\xc3", "", 0, false},
		{"bad byte", "\xffa", "\xff", 1, false},
		{"nothing", "", "", 0, false},
		{"NUL is dropped", "\x00a", "", 1, false},
		{"Ctrl-Z is dropped", "\x1a", "", 1, false},
		{"tab is spaces", "\t", "    ", 1, false},
		{"enter", "\r", "\r", 1, false},
		{"Ctrl-D", "\x04", "\x04", 1, false},
		{"delete", "\x1b[3~", "\x04", 4, true},
		{"up", "\x1b[A", "\x10", 3, false},
		{"up, application mode", "\x1bOA", "\x10", 3, false},
		{"home xterm", "\x1b[H", "\x01", 3, false},
		{"home tmux", "\x1b[1~", "\x01", 4, false},
		{"home rxvt", "\x1b[7~", "\x01", 4, false},
		{"end xterm", "\x1b[F", "\x05", 3, false},
		{"end tmux", "\x1b[4~", "\x05", 4, false},
		{"word left", "\x1b[1;5D", "\x1bb", 6, false},
		{"word right", "\x1b[1;5C", "\x1bf", 6, false},
		{"alt b", "\x1bb", "\x1bb", 2, false},
		{"alt x is dropped", "\x1bx", "", 2, false},
		{"cursor report is dropped", "\x1b[12;40R", "", 8, false},
		{"F5 is dropped", "\x1b[15~", "", 5, false},
		{"half a sequence", "\x1b[1;", "", 0, false},
		{"lone escape", "\x1b", "", 0, false},
		{"escape, then Ctrl-C", "\x1b\x03", "", 1, false},
		{"broken sequence", "\x1b[1\r", "", 3, false},
		{"two escapes", "\x1b\x1b[A", "", 1, false},
	} {
		got, n := decode([]byte(c.in))
		if string(got.bytes) != c.out || n != c.used || got.delete != c.del {
			t.Errorf("%s: decode(%q) = %q, delete %v, %d bytes; want %q, %v, %d",
				c.name, c.in, got.bytes, got.delete, n, c.out, c.del, c.used)
		}
	}
}

// FuzzDecode: decoding always makes progress on enough input, never invents
// bytes beyond the input and never lets a forbidden key through.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{"", "a", "\x1b[3~", "\x1b[1;5C", "\x1bOH", "\x00\x1a\t\r", "\x1b[\x00", "\xf0\x9f\x98\x80"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		for len(in) > 0 {
			k, n := decode(in)
			if n < 0 || n > len(in) {
				t.Fatalf("used %d of %d bytes", n, len(in))
			}
			if bytes.ContainsAny(k.bytes, "\x00\x1a\t") {
				t.Fatalf("forbidden key %q let through", k.bytes)
			}
			if n == 0 {
				if len(in) > 64 {
					t.Fatalf("no progress on %q", in)
				}
				n = 1
			}
			in = in[n:]
		}
	})
}
