package suggest

import "testing"

func TestNearest(t *testing.T) {
	fields := []string{"src", "dst", "sport", "dport", "proto", "bytes"}
	for word, want := range map[string]string{
		"sorce": "src", "scr": "src", "dprot": "dport", "SPORT": "sport",
		"byte": "bytes", "zzzzzz": "", "": "",
	} {
		if got := Nearest(word, fields); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
	if got := Hint("dprot", fields); got != `; did you mean "dport"?` {
		t.Errorf("Hint = %q", got)
	}
}
