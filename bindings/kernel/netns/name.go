package netns

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// nameDirs is where "ip netns" keeps the names, each a file with a namespace
// mounted on it. On most systems /var/run is a link to /run.
var nameDirs = []string{"/run/netns", "/var/run/netns"}

// List returns the names of the named namespaces, sorted. No name at all is
// no error.
func List() ([]string, error) {
	var names []string
	for _, dir := range nameDirs {
		entries, err := os.ReadDir(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list network namespaces: %w", err)
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// CheckName says whether name can be that of a named namespace: a plain file
// name of at most 255 bytes. The error is a [*NameError].
func CheckName(name string) error {
	switch {
	case name == "":
		return &NameError{Name: name, Reason: "it is empty"}
	case name == "." || name == "..":
		return &NameError{Name: name, Reason: "it names a directory"}
	case strings.Contains(name, "/"):
		return &NameError{Name: name, Reason: "it contains a slash"}
	case strings.IndexByte(name, 0) >= 0:
		return &NameError{Name: name, Reason: "it contains a NUL byte"}
	case len(name) > 255:
		return &NameError{Name: name, Reason: "it is longer than 255 bytes"}
	}
	return nil
}
