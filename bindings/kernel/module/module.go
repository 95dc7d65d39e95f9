package module

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// State is how a module is there.
type State uint8

// The states.
const (
	Unknown   State = iota // nothing on this machine tells
	Absent                 // the kernel was built without it
	Available              // a file to load, not loaded
	Loaded                 // loaded
	BuiltIn                // part of the kernel
)

// String is the state in words.
func (s State) String() string {
	return [...]string{"unknown", "absent", "available, not loaded", "loaded", "built in"}[s]
}

// Present reports whether the module's code runs.
func (s State) Present() bool { return s == Loaded || s == BuiltIn }

// Facts is what could be found out about a module. Every text may be "".
type Facts struct {
	Name        string
	State       State
	Evidence    string // what told the state, "/proc/config.gz: CONFIG_NF_CT_NETLINK=y"
	Filename    string // the module file, "(builtin)" for one built in
	Version     string // its own version; most modules of the kernel have none
	SrcVersion  string // checksum of its sources
	Release     string // release of the running kernel
	Description string
	Parameters  []Parameter // sorted by name
}

// Parameter is one parameter of a module.
type Parameter struct {
	Name        string
	Type        string // "uint", "bool"; "" when no modinfo tells
	Description string
	Value       string // "" when HasValue is false
	HasValue    bool
	Source      string // where the value came from, or why there is none
	Writable    bool   // root may set it while the module runs
}

// Parameter finds a parameter by name.
func (f *Facts) Parameter(name string) (Parameter, bool) {
	for _, p := range f.Parameters {
		if p.Name == name {
			return p, true
		}
	}
	return Parameter{}, false
}

// Machine is a machine whose files are read. The zero value is this one.
type Machine struct {
	Root    string // directory in place of /
	Release string // in place of the running kernel's
}

// Lookup tells the facts of a module of this machine, such as "nf_conntrack".
// The name may be written with dashes.
func Lookup(name string) Facts { return Machine{}.Lookup(name) }

// Lookup tells the facts of a module. It does not fail: what cannot be read is
// told by the facts that miss.
func (m Machine) Lookup(name string) Facts {
	f := Facts{Name: strings.ReplaceAll(name, "-", "_"), Release: m.release()}
	m.findFile(&f)
	m.findState(&f)
	m.findParameters(&f)
	return f
}

// findState asks the surest witness first. A directory in /sys/module alone
// proves presence, not how: one built in has it only if it has parameters or a
// version, one loaded always, with "initstate".
func (m Machine) findState(f *Facts) {
	sys := "/sys/module/" + f.Name
	option, set, configured := m.config(f.Name)
	switch {
	case m.exists(sys + "/initstate"):
		f.State, f.Evidence = Loaded, sys+"/initstate"
	case m.exists(sys):
		f.State, f.Evidence = BuiltIn, sys
	case m.builtIn(f.Name):
		f.State, f.Evidence = BuiltIn, m.libDir()+"/modules.builtin"
	case configured && set == "y":
		f.State, f.Evidence = BuiltIn, option
	case configured && set == "":
		f.State, f.Evidence = Absent, option
	case f.Filename != "":
		f.State, f.Evidence = Available, f.Filename
	case configured && set == "m":
		f.State, f.Evidence = Absent, option+", but no file of it in "+m.libDir()
	case m.exists(m.libDir() + "/modules.dep"):
		f.State, f.Evidence = Absent, m.libDir()+"/modules.dep"
	default:
		f.Evidence = "neither /sys/module, a kernel configuration nor " + m.libDir() + " tells"
	}
	if f.State == BuiltIn {
		f.Filename = "(builtin)"
	}
}

func (m Machine) release() string {
	if m.Release != "" {
		return m.Release
	}
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

func (m Machine) libDir() string { return "/lib/modules/" + m.release() }

func (m Machine) path(name string) string { return filepath.Join("/", m.Root, name) }

func (m Machine) exists(name string) bool {
	_, err := os.Stat(m.path(name))
	return !errors.Is(err, fs.ErrNotExist)
}

// read returns a file, nil where it cannot be read.
func (m Machine) read(name string) []byte {
	data, err := os.ReadFile(m.path(name))
	if err != nil {
		return nil
	}
	return data
}
