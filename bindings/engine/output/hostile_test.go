package output

import (
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// hostile is text that would act on who reads it raw.
var hostile = []string{
	"\x1b[2J\x1b]0;owned\x07", "a\nb\r\nc\td", "\x00\x7f", "\u0080\u009b31m", "\u202egnp.exe\u202c", "\u2066x\u2069", "\u2028\u2029",
	"\xff\xfe\xc3(", "=HYPERLINK(\"http://x\")", "+1", "-1+1", "@SUM(A1)", "\t=1", "a,b;c\"d", " =1", "</script>&", "\\u0000", "largest\U0010ffff", "",
}

// raw finds a character that must not be in text, by the tables of Unicode.
func raw(text string, keep string) (rune, bool) {
	for i, r := range text {
		if r == utf8.RuneError && !strings.HasPrefix(text[i:], "\ufffd") {
			return r, true
		}
		if unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control) && !strings.ContainsRune(keep, r) {
			return r, true
		}
	}
	return 0, false
}

// TestHostileText sends hostile text as a value and as the name of a column
// through every format.
func TestHostileText(t *testing.T) {
	for _, s := range hostile {
		fields := field.Columns(&field.Field{Name: s, Kind: field.Text}, &field.Field{Name: "n", Kind: field.Number}).Fields()
		for _, format := range []string{"table", "json", "ndjson", "csv", "tsv"} {
			for _, width := range []int{0, 12} {
				got := write(t, Options{Format: format, Fields: fields, Width: width}, []any{s, 1}, []any{s, 2})
				keep := "\n"
				if format == "tsv" {
					keep = "\n\t"
				}
				if r, bad := raw(got, keep); bad {
					t.Errorf("%s of %q: %U is raw in %q", format, s, r, got)
				}
				want := map[string]int{"table": 3, "json": 4, "ndjson": 2, "csv": 3, "tsv": 3}[format]
				if n := strings.Count(got, "\n"); n != want && width == 0 {
					t.Errorf("%s of %q: %d lines, want %d: %q", format, s, n, want, got)
				}
				if format == "tsv" && strings.Count(got, "\t") != 3 {
					t.Errorf("tsv of %q: %q", s, got)
				}
				hostileCSV(t, format, got)
				hostileJSON(t, format, s, got)
			}
		}
		e := fullFlow()
		e.Helper, e.SecCtx, e.Present = s, s, e.Present|wire.HasSecCtx
		if r, bad := raw(string((&Line{}).Append(nil, e)), ""); bad {
			t.Errorf("conntrack text of %q: %U is raw", s, r)
		}
		line := Line{Labels: func(int) (string, bool) { return s, true }}
		if r, bad := raw(string(line.Append(nil, e)), ""); bad {
			t.Errorf("conntrack labels of %q: %U is raw", s, r)
		}
	}
}

func hostileCSV(t *testing.T, format, got string) {
	t.Helper()
	if format != "csv" {
		return
	}
	rows, err := csv.NewReader(strings.NewReader(got)).ReadAll()
	if err != nil || len(rows) != 3 {
		t.Fatalf("%q: %v %v", got, rows, err)
	}
	for _, row := range rows {
		if len(row) != 2 || row[0] != "" && strings.ContainsAny(row[0][:1], "=+-@\t\r") {
			t.Errorf("csv: %q reads as a formula", row)
		}
	}
}

func hostileJSON(t *testing.T, format, s, got string) {
	t.Helper()
	var rows []map[string]any
	switch format {
	default:
		return
	case "json":
		if err := json.Unmarshal([]byte(got), &rows); err != nil {
			t.Fatalf("%q: %v", got, err)
		}
	case "ndjson":
		for line := range strings.Lines(got) {
			var row map[string]any
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			rows = append(rows, row)
		}
	}
	clean := strings.ToValidUTF8(s, "\ufffd")
	if !utf8.ValidString(s) { // one mark a byte
		clean = string([]rune(s))
	}
	for i, row := range rows {
		if row[clean] != clean || row["n"] != float64(i+1) {
			t.Errorf("%s of %q reads back as %q", format, s, row)
		}
	}
}
