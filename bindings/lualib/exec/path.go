package exec

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/lua/luaerr"
)

// find returns the file of a command: itself where it has a slash, else what
// PATH, as the command will see it, has first.
func (cmd *command) find() (string, error) {
	name := cmd.args[0]
	if strings.Contains(name, "/") {
		return name, nil
	}
	search := ""
	for _, s := range cmd.env {
		if v, ok := strings.CutPrefix(s, "PATH="); ok {
			search = v
		}
	}
	denied := ""
	for _, dir := range filepath.SplitList(search) {
		if !filepath.IsAbs(dir) {
			continue // what lies about in a working directory is not looked for
		}
		path := filepath.Join(dir, name)
		switch err := executable(path); {
		case err == nil:
			return path, nil
		case errors.Is(err, fs.ErrPermission) && denied == "":
			denied = path
		}
	}
	if denied != "" {
		return "", luaerr.New(luaerr.EPERM, "exec", "exec: %q may not be executed by user %d", denied, os.Geteuid()).WithHint("look at its mode, and at noexec of its file system")
	}
	e := luaerr.New(luaerr.ENOENT, "exec", "exec: command %q not found in PATH (%s)", name, search)
	for _, dir := range []string{"/usr/local/sbin", "/usr/sbin", "/sbin"} {
		if path := filepath.Join(dir, name); executable(path) == nil {
			return "", e.WithHint(fmt.Sprintf("there is %q", path)) // the PATH of cron has no sbin
		}
	}
	return "", e
}

// executable tells why a file may not be executed.
func executable(path string) error {
	if st, err := os.Stat(path); err != nil || st.IsDir() {
		return fs.ErrNotExist // or in a directory that is not for us to search
	}
	return unix.Faccessat(unix.AT_FDCWD, path, unix.X_OK, unix.AT_EACCESS)
}

// refused explains why the kernel did not start a command.
func (cmd *command) refused(path string, err error) error {
	var no syscall.Errno
	errors.As(err, &no)
	if st, bad := os.Stat(cmd.dir); cmd.dir != "" && (bad != nil || !st.IsDir()) {
		return luaerr.New(luaerr.ENOENT, "exec", "exec: cannot run %q: there is no directory %q", path, cmd.dir)
	}
	seen := path
	if !filepath.IsAbs(path) {
		seen = filepath.Join(cmd.dir, path)
	}
	hint := ""
	_, missing := os.Stat(seen)
	switch {
	case no == unix.ENOENT && missing == nil:
		hint = "the interpreter that its first line names, or the loader it needs, does not exist"
	case no == unix.EACCES || no == unix.EPERM:
		hint = fmt.Sprintf("look at its mode, and at noexec of its file system; ctsh runs as user %d", os.Geteuid())
	case no == unix.ENOEXEC:
		hint = `it is no program; a script needs a first line such as "#!/bin/sh"`
	case no == unix.E2BIG:
		hint = "pass what is long through stdin"
	case no == unix.EAGAIN || no == unix.ENOMEM:
		hint = "there are too many processes, or too little memory"
	}
	if no != 0 {
		err = no
	}
	return luaerr.From("exec", fmt.Errorf("exec: cannot run %q: %w", path, err)).WithHint(hint)
}
