package syntax

import (
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"
)

// BenchmarkCompile compares a program of about 1 000 lines with the plain
// compiler, without and with what is done before: reading it.
func BenchmarkCompile(b *testing.B) {
	var text strings.Builder
	for i := range 24 {
		text.WriteString("do\n" + newProgram(uint64(i), false) + "end\n")
	}
	source := strings.ReplaceAll(text.String(), "return table.concat(notes, ' ')\n", "")
	b.Logf("%d lines, %d bytes", strings.Count(source, "\n"), len(source))
	for _, c := range []struct {
		name    string
		compile compiler
	}{
		{"parse", nil}, {"plain", lua.Compile}, {"ours", ours},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				chunk, err := parse.Parse(strings.NewReader(source), "t")
				if err == nil && c.compile != nil {
					_, err = c.compile(chunk, "t")
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
