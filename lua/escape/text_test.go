package escape

import (
	"strings"
	"testing"
)

func FuzzText(f *testing.F) {
	f.Add("a\tb\r\nc\x1b[31m\u202e\xff")
	f.Fuzz(func(t *testing.T, s string) {
		got := Text(s)
		if rest := strings.NewReplacer("\n", "", "\t", "").Replace(got); Terminal(rest) != rest {
			t.Errorf("%q became %q", s, got)
		}
		if strings.Count(got, "\n") != strings.Count(s, "\n") || Text(got) != got {
			t.Errorf("%q became %q", s, got)
		}
	})
}
