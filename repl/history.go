package repl

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// History is the file of earlier chunks, one a line; "" keeps none.
type History string

// historyLimit is how many lines are read back.
const historyLimit = 2000

// HistoryFile is where the history is kept: $XDG_STATE_HOME/ctsh/history, or
// below ~/.local/state, or nowhere without a home.
func HistoryFile(getenv func(string) string) History {
	state := getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(state) {
		home := getenv("HOME")
		if home == "" {
			return ""
		}
		state = filepath.Join(home, ".local", "state")
	}
	return History(filepath.Join(state, "ctsh", "history"))
}

// Load reads the newest lines, oldest first.
func (h History) Load() ([]string, error) {
	b, err := os.ReadFile(string(h))
	if h == "" || errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	lines := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	return lines[max(0, len(lines)-historyLimit):], nil
}

// Append adds a chunk, its lines joined to one. The file is for its owner's
// eyes only, because chunks hold addresses and sometimes secrets.
func (h History) Append(source string) (err error) {
	if h == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(string(h)), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(string(h), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = f.WriteString(strings.ReplaceAll(source, "\n", " ") + "\n")
	return err
}
