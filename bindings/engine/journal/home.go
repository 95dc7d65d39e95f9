package journal

import (
	"errors"
	"os"
	"os/user"
	"path/filepath"
)

// Dir is where journals are kept: $XDG_STATE_HOME/ctsh/journal, or below
// ~/.local/state. Where HOME is not set, as under cron, the home is looked up;
// root without one has /var/lib/ctsh/journal. Nothing is created.
func Dir() (string, error) {
	return dir(os.Getenv, os.Geteuid(), func() (string, error) {
		u, err := user.Current()
		if err != nil {
			return "", err
		}
		return u.HomeDir, nil
	})
}

func dir(getenv func(string) string, uid int, lookUp func() (string, error)) (string, error) {
	if state := getenv("XDG_STATE_HOME"); filepath.IsAbs(state) {
		return filepath.Join(state, "ctsh", "journal"), nil
	}
	home := getenv("HOME")
	if !filepath.IsAbs(home) {
		home, _ = lookUp()
	}
	switch {
	case filepath.IsAbs(home):
		return filepath.Join(home, ".local", "state", "ctsh", "journal"), nil
	case uid == 0:
		return "/var/lib/ctsh/journal", nil
	}
	return "", errors.New("there is no place for the journal: neither XDG_STATE_HOME nor HOME is set; set one of them to an absolute path")
}
