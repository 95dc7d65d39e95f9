package pattern

import (
	"strings"
	"testing"
)

// plenty is more than any of the tests should need.
const plenty = 1 << 40

func BenchmarkFind(b *testing.B) {
	line := "tcp 6 431999 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=4711 dport=443"
	for _, c := range []struct{ name, pattern, subject string }{
		{"text", "dport", line},
		{"captures", "(%w+)=(%d+%.%d+)", line},
		{"anchored", "^(%l+)%s+(%d+)", line},
		{"lazy", "src=(.-) ", line},
		{"none", "%u%d", line},
		{"large", "%s+$", strings.Repeat(line, 1000)},
		{"hostile", strings.Repeat("a*", 8) + "b", strings.Repeat("a", 20)},
	} {
		b.Run(c.name, func(b *testing.B) {
			p := Compile(c.pattern)
			var m Matcher
			budget := Budget{Steps: plenty}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := m.Find(p, c.subject, 0, &budget); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed())/float64(plenty-budget.Steps-budget.ahead), "ns/step")
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Compile("^(%w+)%s*=%s*([^;,]-);")
	}
}
