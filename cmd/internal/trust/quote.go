package trust

import (
	"strings"

	"github.com/ctsh/ctsh/lua/escape"
)

// quote writes a path as a word of a shell command.
func quote(path string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._+-:,@%"
	if path != "" && strings.Trim(path, plain) == "" {
		return path
	}
	return "'" + strings.ReplaceAll(escape.Terminal(path), "'", `'\''`) + "'"
}
