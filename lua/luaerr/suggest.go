package luaerr

import "strings"

// Suggest returns the candidate closest to word, or "" when none is close
// enough to be what was meant. Case does not count; ties go to the first.
func Suggest(word string, candidates []string) string {
	w := strings.ToLower(word)
	best, bestDist := "", 1+max(1, len(w)/3)
	if len(w) == 0 || len(w) > 64 {
		return ""
	}
	for _, c := range candidates {
		l := strings.ToLower(c)
		if len(l) > len(w)+bestDist || len(w) > len(l)+bestDist {
			continue
		}
		if d := distance(w, l); d < bestDist && d < max(len(l), len(w)) {
			best, bestDist = c, d
		}
	}
	return best
}

// DidYouMean returns the hint `did you mean "x"?` for an unknown word, or "".
func DidYouMean(word string, candidates []string) string {
	if s := Suggest(word, candidates); s != "" {
		return `did you mean "` + s + `"?`
	}
	return ""
}

// distance counts the edits between two words; swapping neighbours is one edit.
func distance(a, b string) int {
	prev2 := make([]int, len(b)+1)
	prev := make([]int, len(b)+1)
	cur := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, prev2[j-2]+1)
			}
			cur[j] = d
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(b)]
}
