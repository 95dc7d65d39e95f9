package trust

import (
	"fmt"
	"io/fs"
	"os/user"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/lua/escape"
)

// Error says what on the way to a file is not root's alone.
// errors.Is(err, fs.ErrPermission) holds.
type Error struct {
	Component string      // path of the file, directory or link
	Type      fs.FileMode // of it, type bits only
	Owner     uint32      // its owner
	Mode      uint32      // its mode, permissions and special bits
}

func (e *Error) Error() string {
	var is, mend []string
	link, word := e.Type&fs.ModeSymlink != 0, quote(e.Component)
	switch {
	case e.Owner != 0 && link:
		is, mend = append(is, "belongs to "+owner(e.Owner)), append(mend, "chown -h root:root "+word)
	case e.Owner != 0:
		is, mend = append(is, "belongs to "+owner(e.Owner)), append(mend, "chown root:root "+word)
	}
	if !link {
		is = append(is, fmt.Sprintf("has mode %04o", e.Mode))
	}
	if !link && e.Mode&writable != 0 && (!e.Type.IsDir() || e.Mode&unix.S_ISVTX == 0) {
		mend = append(mend, "chmod go-w "+word)
	}
	do := strings.Join(mend, " && ")
	if e.Type.IsDir() {
		do = "copy the file to a directory of root's such as /usr/local/sbin, or " + do
	}
	return fmt.Sprintf("others than root can change it: the %s %s %s; %s",
		kind(e.Type), escape.Terminal(e.Component), strings.Join(is, " and "), do)
}

// Is makes the error an fs.ErrPermission.
func (e *Error) Is(target error) bool { return target == fs.ErrPermission }

func kind(t fs.FileMode) string {
	switch {
	case t.IsDir():
		return "directory"
	case t&fs.ModeSymlink != 0:
		return "link"
	}
	return "file"
}

// owner is the name of a user, or the number of one without a name.
func owner(id uint32) string {
	number := strconv.FormatUint(uint64(id), 10)
	if u, err := user.LookupId(number); err == nil {
		return escape.Terminal(u.Username)
	}
	return "user " + number
}
