package log

import (
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"syscall"

	"github.com/coreos/go-systemd/v22/journal"

	"github.com/ctsh/ctsh/lua/escape"
)

// isJournal tells whether stderr is the stream that systemd connected to the
// journal, which it names by device and inode in JOURNAL_STREAM: a unit or the
// script may have put another in its place.
func isJournal(stderr io.Writer, stream string) bool {
	file, ok := stderr.(interface{ Stat() (fs.FileInfo, error) })
	if !ok || stream == "" {
		return false
	}
	info, err := file.Stat()
	if err != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && stream == fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}

// forJournal is what the journal is sent: a message, its priority, and fields
// by the names that the journal allows. Control characters are escaped, because
// journalctl shows a value that has any as a number of bytes only.
func (ln *line) forJournal() (message string, priority journal.Priority, fields map[string]string) {
	fields = make(map[string]string, len(ln.fields))
	used := names{}
	for _, f := range ln.fields {
		s, ok := f.value.(string)
		if !ok {
			s = string(encode(f.value))
		}
		fields[used.free(journalName(f.key))] = escape.Terminal(s)
	}
	return escape.Terminal(ln.message), ln.level.priority(), fields
}

// Names that mean something to the journal and its readers, which a field of a
// script must not speak for (systemd.journal-fields(7)).
var (
	journalNames = []string{"MESSAGE", "MESSAGE_ID", "PRIORITY", "ERRNO", "DOCUMENTATION", "TID", "UNIT", "USER_UNIT",
		"INVOCATION_ID", "USER_INVOCATION_ID", "JOB_ID", "JOB_TYPE", "JOB_RESULT"}
	journalPrefixes = []string{"_", "CODE_", "SYSLOG_", "OBJECT_", "COREDUMP_"}
)

// nameMax is what the journal allows less room for a number.
const nameMax = 64 - len("_100")

// journalName is a key in upper case and with underscores in place of what the
// journal allows in no name. It has the prefix CTSH_ where it would be refused
// or be taken for one of the journal's own.
func journalName(key string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, key)
	own := func(prefix string) bool { return strings.HasPrefix(name, prefix) }
	if name == "" || name[0] <= '9' || slices.Contains(journalNames, name) || slices.ContainsFunc(journalPrefixes, own) {
		name = "CTSH_" + name
	}
	return name[:min(len(name), nameMax)]
}
