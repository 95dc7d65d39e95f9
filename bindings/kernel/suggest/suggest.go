package suggest

import "strings"

// Nearest returns the word of among that is closest to word, "" where none is
// close: at most a third of its letters, rounded up, may differ, case aside. Of
// two that are as close the one with the same first letter counts: people
// seldom get that wrong.
func Nearest(word string, among []string) string {
	const longest = 64
	if len(word) > longest { // no word of ours is that long
		return ""
	}
	best, bestAt := "", 2*((len(word)+2)/3+1)
	for _, w := range among {
		d := 2 * distance(strings.ToLower(word), strings.ToLower(w))
		if word != "" && w != "" && word[0]|0x20 != w[0]|0x20 {
			d++
		}
		if d < bestAt || d == bestAt && best != "" && w < best {
			best, bestAt = w, d
		}
	}
	return best
}

// Hint returns `; did you mean "x"?` for the nearest word, "" where none is
// close.
func Hint(word string, among []string) string {
	if n := Nearest(word, among); n != "" {
		return `; did you mean "` + n + `"?`
	}
	return ""
}

// distance is how many letters must be inserted, removed, replaced or swapped
// with their neighbour to make b of a.
func distance(a, b string) int {
	var before []int
	prev := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur := make([]int, len(b)+1)
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], before[j-2]+1)
			}
		}
		before, prev = prev, cur
	}
	return prev[len(b)]
}
