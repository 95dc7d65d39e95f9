package luatest

import "strings"

// anything stands for any lines where it is a line, for any text inside one.
const anything = "..."

// matchLines tells whether lines are those of a pattern. Where a line of the
// pattern does not fit, it lets the nearest anything above take one line more.
func matchLines(pattern, lines []string) bool {
	p, i := 0, 0
	star, taken := -1, 0 // the last anything, and up to where it takes lines
	for i < len(lines) {
		switch {
		case p < len(pattern) && pattern[p] == anything:
			star, taken = p, i
			p++
		case p < len(pattern) && matchLine(pattern[p], lines[i]):
			p++
			i++
		case star >= 0:
			taken++
			p, i = star+1, taken
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == anything {
		p++
	}
	return p == len(pattern)
}

// matchLine tells whether a line is that of a pattern.
func matchLine(pattern, line string) bool {
	parts := strings.Split(pattern, anything)
	last := len(parts) - 1
	if last == 0 {
		return pattern == line
	}
	rest, ok := strings.CutPrefix(line, parts[0])
	if !ok {
		return false
	}
	for _, part := range parts[1:last] {
		_, behind, found := strings.Cut(rest, part)
		if !found {
			return false
		}
		rest = behind
	}
	return strings.HasSuffix(rest, parts[last])
}

// diff shows what was wanted, marked -, and what came, marked +, with the
// lines that both begin and end with left unmarked.
func diff(want, got []string) string {
	head := 0
	for head < min(len(want), len(got)) && matchLine(want[head], got[head]) {
		head++
	}
	tail := 0
	for tail < min(len(want), len(got))-head && matchLine(want[len(want)-1-tail], got[len(got)-1-tail]) {
		tail++
	}
	var b strings.Builder
	write := func(mark string, lines []string) {
		for _, line := range lines {
			b.WriteString(mark + line + "\n")
		}
	}
	write("  ", got[:head])
	write("- ", want[head:len(want)-tail])
	write("+ ", got[head:len(got)-tail])
	write("  ", got[len(got)-tail:])
	return b.String()
}
