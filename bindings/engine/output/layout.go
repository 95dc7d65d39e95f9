package output

import "github.com/mattn/go-runewidth"

// gap is the space between two columns of a table.
const gap = 2

// narrowest is what a text column is not shrunk below.
const narrowest = 8

// terminal measures text as most terminals show it, whatever the locale of this
// process says.
var terminal = &runewidth.Condition{StrictEmojiNeutral: true}

// widthOf is how many columns of a terminal text takes that has no control
// character.
func widthOf(text []byte) int {
	if ascii(text) {
		return len(text)
	}
	return terminal.StringWidth(string(text))
}

func ascii(text []byte) bool {
	for _, c := range text {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

// cut returns the part in front that takes at most so many columns.
func cut(text []byte, width int) []byte {
	width = min(max(0, width), len(text))
	if ascii(text) {
		return text[:width]
	}
	return text[:len(terminal.Truncate(string(text), width, ""))]
}

// fit gives columns that would like some widths their widths in a terminal that
// is limit wide (0 is without a limit): the widest that may shrink give first,
// and what still does not fit is dropped from the right. At least one column is
// shown.
func fit(want []int, shrinks []bool, limit int) []int {
	if limit <= 0 {
		return append([]int(nil), want...)
	}
	least := func(i int) int {
		if shrinks[i] {
			return min(want[i], narrowest)
		}
		return want[i]
	}
	shown, used := 0, -gap
	for shown < len(want) && used+gap+least(shown) <= limit {
		used += gap + least(shown)
		shown++
	}
	shown = max(shown, min(1, len(want)))
	widths := append([]int(nil), want[:shown]...)
	total := -gap
	for i := range widths {
		if shrinks[i] {
			widths[i] = min(widths[i], limit)
		}
		total += gap + widths[i]
	}
	for total > limit {
		widest := -1
		for i, w := range widths {
			if shrinks[i] && w > min(least(i), limit) && (widest < 0 || w > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break // a lone number is not cut: it would be another number
		}
		widths[widest]--
		total--
	}
	return widths
}
