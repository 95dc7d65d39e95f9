package filter

import (
	"strings"
	"testing"
	"time"
)

// TestCost compiles the longest texts there are, of kinds that would take more
// than time linear in their length if something were searched anew for each
// part. The bound is generous: what it finds takes minutes.
func TestCost(t *testing.T) {
	fill := func(unit, tail string) string { return strings.Repeat(unit, (maxText-len(tail))/len(unit)) + tail }
	for name, text := range map[string]string{
		"word": fill("a", ""), "compared word": fill("a", " == 1"), "service": "dport == " + strings.Repeat("h", maxText-20), "label": "label == " + strings.Repeat("h", maxText-20),
		"terms": fill("tcp and ", "tcp"), "marks": fill("mark == 1 and ", "tcp"), "alternatives": fill("udp or ", "tcp"), "groups": fill("(tcp) and ", "tcp"), "values": fill("(dport) > 1 and ", "tcp"),
		"open": fill("(", ""), "open values": strings.Repeat("(", 90) + fill("dport + ", "1")[:60000], "ranges": "src in {" + fill("::1..ffff::1, ", "")[:60000] + "::1}", "set": "dport in {" + fill("1..2, ", "")[:60000] + "1}",
		"not": fill("not ", "tcp"), "glob": `helper ~ "` + strings.Repeat("*a", 32000) + `"`, "quotes": fill(`"`, ""), "dots": fill("1.", ""), "colons": fill("a:", ""), "digits": fill("9", " == dport"),
	} {
		began := time.Now()
		f, err := Compile(text, nil, env)
		if err == nil {
			_, _ = Compile(f.String(), nil, env)
		}
		if d := time.Since(began); d > 5*time.Second {
			t.Errorf("%s: %s", name, d)
		} else if d > 100*time.Millisecond {
			t.Logf("%s: %s", name, d)
		}
	}
}
