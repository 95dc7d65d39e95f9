package filter

import (
	"testing"

	"github.com/ctsh/ctsh/bindings/engine/field"
)

// FuzzColumns reads lists of values, sort keys and aggregates: no text makes
// it panic, and what it prints reads as the same.
func FuzzColumns(f *testing.F) {
	for _, text := range []string{"src, net(dst, 24) as lan, bytes / age as bps", "-bytes, src", "count", "pct(95, age)", "pct(95%, bytes / packets)", "sum(bytes)",
		"src as", "src,, dst", "a as b as c", "-", "in", "host", "10.0.0.1", "labels as l, svc, key", "min(sport, dport) as low"} {
		f.Add(text)
	}
	entry := flow()
	f.Fuzz(func(t *testing.T, text string) {
		var row field.Row
		row.ResetEntry(entry)
		for _, read := range []func(string, Params, *Env) ([]Column, error){Columns, SortKeys} {
			cols, err := read(text, nil, env)
			if err != nil {
				if e := err.(*Error); e.Pos < 0 || e.Pos > len(text) { //nolint:errorlint // it is returned as it is
					t.Fatalf("position %d of %q", e.Pos, text)
				}
				continue
			}
			printed := ""
			for i, c := range cols {
				if i > 0 {
					printed += ", "
				}
				if c.Reverse {
					printed += "-"
				}
				printed += c.Text
			}
			again, err := read(printed, nil, env)
			if err != nil || len(again) != len(cols) {
				t.Fatalf("%q is printed as %q: %v", text, printed, err)
			}
			for i := range cols {
				a, okA := cols[i].Of(&row)
				b, okB := again[i].Of(&row)
				if a != b || okA != okB || cols[i].Name != again[i].Name || cols[i].Text != again[i].Text {
					t.Fatalf("%q: column %d is %q, read again %q", text, i, cols[i].Text, again[i].Text)
				}
			}
		}
		if a, err := Aggregate(text, env); err == nil && a.Func == "" {
			t.Fatalf("%q is an aggregate without a name", text)
		}
	})
}
