package journal

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Suffixes of files, and of the marks of journals.
const (
	suffix      = ".journal"
	beginSuffix = ".journal.new" // a file that is not locked yet
	markSuffix  = ".undone"
	newSuffix   = ".undone.new" // a mark that is not complete
)

// An ID is a number of 50 bits in base 32: seconds since 1970, and 15 bits at
// random. The digits sort as their values do, and none looks like another. A
// file takes so many of them as it can hold journals: where the journal of an ID
// must be is known from the names of the files.
const (
	digits     = "0123456789abcdefghjkmnpqrstvwxyz"
	idLen      = 10
	randomBits = 15
	fileIDs    = 4096
)

// formatID writes n as an ID.
func formatID(n uint64) string {
	var id [idLen]byte
	for i := range id {
		id[idLen-1-i] = digits[n&31]
		n >>= 5
	}
	return string(id[:])
}

// parseID reads an ID.
func parseID(id string) (n uint64, ok bool) {
	for i := range len(id) {
		v := strings.IndexByte(digits, id[i])
		if v < 0 {
			return 0, false
		}
		n = n<<5 | uint64(v)
	}
	return n, len(id) == idLen
}

var errNoID = errors.New("no ID is left behind those of the newest file")

// nextFile is the first ID of a new file, greater than those that the others may
// hold, also when the clock was set back. ids are those of the files, newest
// first.
func nextFile(now time.Time, ids []string) (uint64, error) {
	n := uint64(now.Unix())<<randomBits | rand.Uint64N(1<<randomBits)
	if len(ids) > 0 {
		newest, _ := parseID(ids[0])
		n = max(n, newest+fileIDs)
	}
	if n+fileIDs > 1<<(5*idLen) {
		return 0, errNoID
	}
	return n, nil
}

// covering is the file among ids, newest first, that the journal with an ID must
// be in, "" for none.
func covering(id string, ids []string) string {
	for _, file := range ids {
		if file <= id {
			n, ok := parseID(id)
			first, _ := parseID(file)
			if !ok || n-first >= fileIDs {
				return ""
			}
			return file
		}
	}
	return ""
}

// split takes the name of a file apart; ok is false for one that is none of
// ours.
func split(name string) (id, kind string, ok bool) {
	if len(name) <= idLen {
		return "", "", false
	}
	id, kind = name[:idLen], name[idLen:]
	_, ok = parseID(id)
	return id, kind, ok && (kind == suffix || kind == beginSuffix || kind == markSuffix || kind == newSuffix)
}

// idsOf are the IDs of the files among names, newest first.
func idsOf(names []string) []string {
	var ids []string
	for _, name := range names {
		if id, kind, ok := split(name); ok && kind == suffix {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	slices.Reverse(ids)
	return ids
}

// find is the ID among ids that prefix means.
func find(prefix string, ids []string) (string, error) {
	var like []string
	for _, id := range ids {
		if strings.HasPrefix(id, strings.ToLower(prefix)) {
			like = append(like, id)
		}
	}
	switch len(like) {
	case 0:
		return "", &UnknownError{ID: prefix, Known: ids}
	case 1:
		return like[0], nil
	}
	return "", &AmbiguousError{ID: prefix, Like: like}
}
