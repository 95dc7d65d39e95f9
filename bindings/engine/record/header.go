package record

import (
	"fmt"
	"unicode/utf8"
)

// MaxText is how much is kept of each text in a header, in bytes, and MaxHeader
// how long a header may be when it is read: it is JSON, in which six bytes stand
// for one where all are escaped.
const (
	MaxText   = 4 << 10
	MaxHeader = 256 << 10
)

// Cut is a text for a header, or its first part with a word about the rest.
func Cut(text string) string {
	if len(text) <= MaxText {
		return text
	}
	end := MaxText
	for end > MaxText-utf8.UTFMax && !utf8.RuneStart(text[end]) {
		end--
	}
	return fmt.Sprintf("%s [%d bytes cut]", text[:end], len(text)-end)
}
