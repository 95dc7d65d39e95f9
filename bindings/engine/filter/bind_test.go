package filter

import "testing"

// TestBound: the text of a filter says what it selects, and reads back as the
// same filter.
func TestBound(t *testing.T) {
	long := make([]any, boundMost+1)
	for i := range long {
		long[i] = float64(i + 1)
	}
	for _, c := range []struct {
		text   string
		params Params
		want   string
	}{
		{"src == $1 or rsrc == $1", Params{"1": "10.0.0.1"}, "src == 10.0.0.1 or rsrc == 10.0.0.1"},
		{"sport + $n > 7 and not (mark == $m or assured)", Params{"n": 1.0, "m": 5.0}, "sport + 1 > 7 and not (mark == 5 or assured)"},
		{"dport in $1", Params{"1": []any{"22", "80"}}, "dport in {22, 80}"},
		{"dport not in $1", Params{"1": 22.0}, "dport not in 22"},
		{"helper == $1", Params{"1": `a "b`}, `helper == "a \"b"`},
		{"src in $1", Params{"1": map[string]any{"10.0.0.0/8": true}}, "src in 10.0.0.0/8"},
		{"dport in $long", Params{"long": long}, "dport in $long"},
	} {
		f, err := Compile(c.text, c.params, nil)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got := f.String(); got != c.want {
			t.Errorf("%s is %s, want %s", c.text, got, c.want)
		}
		if c.params["long"] == nil {
			if again, err := Compile(c.want, nil, nil); err != nil || again.String() != c.want {
				t.Errorf("%s reads back as %s, %v", c.want, again.String(), err)
			}
		}
	}
}
