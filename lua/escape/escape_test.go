package escape

import (
	"encoding/csv"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestTerminal(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""}, {"eth0 up", "eth0 up"}, {"größe 漢字 🙂 \u00a0\u0301\ufffd", "größe 漢字 🙂 \u00a0\u0301\ufffd"},
		{`C:\new`, `C:\new`},
		{"a\nb\tc\rd", `a\nb\tc\rd`},
		{"\x1b[31mred\x1b[0m", `\x1b[31mred\x1b[0m`}, {"\x00\x07\x1f\x7f", `\x00\x07\x1f\x7f`},
		{"\u0080\u009b2J\u009f", `\u0080\u009b2J\u009f`},
		{"a\u2028b\u2029c", `a\u2028b\u2029c`},
		{"\u202epdf.exe\u202c \u2066\u2069\u200e\u200f\u061c", `\u202epdf.exe\u202c \u2066\u2069\u200e\u200f\u061c`},
		{"\xff\x9b\xc3(", `\xff\x9b\xc3(`}, {"\xe2\x80", `\xe2\x80`},
	} {
		if got := Terminal(c.in); got != c.want {
			t.Errorf("Terminal(%q) = %q, want %q", c.in, got, c.want)
		}
	}
	if n := testing.AllocsPerRun(10, func() { Terminal("größe 漢字") }); n != 0 {
		t.Errorf("text that needs no escape costs %v allocations", n)
	}
}

func TestCSV(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""}, {"10.0.0.1", "10.0.0.1"}, {"a b", "a b"}, {"a=b", "a=b"}, {"'x", "'x"},
		{"=1+1", `"'=1+1"`}, {"+1", `"'+1"`}, {"-1", `"'-1"`}, {"@SUM(A1)", `"'@SUM(A1)"`}, {`=HYPERLINK("x")`, `"'=HYPERLINK(""x"")"`},
		{"\t=1", `\t=1`}, {"\r=1", `\r=1`}, {"a,b", `"a,b"`}, {"a;b", `"a;b"`}, {`a"b`, `"a""b"`}, {" =1", `" =1"`}, {"a ", `"a "`}, {"a\nb", `a\nb`},
	} {
		if got := CSV(c.in); got != c.want {
			t.Errorf("CSV(%q) = %s, want %s", c.in, got, c.want)
		}
	}
}

func TestJSON(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`{"a":1}`, `{"a":1}`}, {`"größe"`, `"größe"`}, {"{\n \"a\": 1\n}", "{\n \"a\": 1\n}"},
		{"\"\x7f\u009b\u202e\u2028\"", `"\u007f\u009b\u202e\u2028"`}, {"\"\xff\"", `"\ufffd"`},
	} {
		if got := string(JSON([]byte(c.in))); got != c.want {
			t.Errorf("JSON(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

// raw is the first character of s that must not be raw, by the tables of
// Unicode and not by those of this package; keep are those that may.
func raw(s, keep string) (rune, bool) {
	for i, r := range s {
		if r == utf8.RuneError && !strings.HasPrefix(s[i:], "\ufffd") {
			return r, true
		}
		if unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control) && !strings.ContainsRune(keep, r) {
			return r, true
		}
	}
	return 0, false
}

var seeds = []string{"", "plain", "größe", "\x1b]0;x\x07", "\u202e", "\xff", "=1", "a,\"b\"", "\u2028", "\t@", "\u009b", "\\x1b", "-\r\n"}

func FuzzTerminal(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Terminal(s)
		if r, bad := raw(got, ""); bad {
			t.Errorf("Terminal(%q) = %q: %U is raw", s, got, r)
		}
		if _, bad := raw(s, ""); !bad && got != s {
			t.Errorf("Terminal(%q) changed text that needs no escape: %q", s, got)
		}
		if again := Terminal(got); again != got {
			t.Errorf("a second escape of %q made %q", got, again)
		}
	})
}

func FuzzCSV(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		cell := CSV(s)
		if r, bad := raw(cell, ""); bad {
			t.Errorf("CSV(%q) = %q: %U is raw", s, cell, r)
		}
		rows, err := csv.NewReader(strings.NewReader("first," + cell + ",last\n")).ReadAll()
		if err != nil || len(rows) != 1 || len(rows[0]) != 3 {
			t.Fatalf("CSV(%q) = %s is not one cell: %v %v", s, cell, rows, err)
		}
		got := rows[0][1]
		if got != "" && strings.ContainsAny(got[:1], "=+-@\t\r") {
			t.Errorf("CSV(%q) = %s reads as a formula", s, cell)
		}
		if want := Terminal(s); got != want && got != "'"+want {
			t.Errorf("CSV(%q) reads back as %q", s, got)
		}
	})
}

func FuzzJSON(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b, err := json.MarshalIndent(map[string]any{s: []string{s}}, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		got := JSON(b)
		if r, bad := raw(string(got), "\n\t"); bad {
			t.Errorf("JSON(%q) = %q: %U is raw", b, got, r)
		}
		var before, after any
		if json.Unmarshal(b, &before) != nil || json.Unmarshal(got, &after) != nil || !reflect.DeepEqual(before, after) {
			t.Errorf("JSON(%q) = %q means something else", b, got)
		}
	})
}
