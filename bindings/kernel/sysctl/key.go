package sysctl

import (
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/ctsh/ctsh/bindings/kernel/suggest"
)

// Kind is what a value means and how it is written.
type Kind uint8

// The kinds. Every value is an integer in base units: a bool is 0 or 1, a
// duration seconds, a size bytes.
const (
	Bool    Kind = iota // 0 or 1; also on, off, yes, no, true, false
	Count               // a number of things
	Level               // a small number with a meaning each
	Seconds             // seconds; also "5m", "1h30m", "5d"
	Bytes               // bytes; also "4MiB", "4MB", "64k"
	Proto               // a protocol number; also "tcp", "all" (255), "off" (0)
)

// String is the kind in one word.
func (k Kind) String() string {
	return [...]string{"bool", "count", "level", "seconds", "bytes", "protocol"}[k]
}

// Scope is whose a key is.
type Scope uint8

// The scopes.
const (
	PerNetns Scope = iota // each network namespace has its own, settable there
	Global                // the machine's: others read it, the initial network namespace sets it
	InitOnly              // the machine's: other namespaces do not even show it
)

// String is the scope in words.
func (s Scope) String() string {
	return [...]string{"per netns", "global", "initial netns only"}[s]
}

// Key declares one sysctl.
type Key struct {
	Name     string // "net.netfilter.nf_conntrack_acct"
	Alias    string // "acct": Name without net.netfilter.nf_conntrack_
	Kind     Kind
	Scope    Scope
	ReadOnly bool   // nobody can set it
	Min, Max int64  // bounds of a settable value, both included
	Default  int64  // compiled default
	Computed string // how the default is computed instead; Default is then 0
	Optional string // why a kernel may lack it, "" when every one has it
	Meaning  string // one line
	Hides    string // what stays invisible at some values, or ""
}

// Keys returns every declared key in the order of the table.
func Keys() []Key { return slices.Clone(keys) }

// Lookup finds a key by full name ("net.netfilter.nf_conntrack_acct", dots or
// slashes), file name ("nf_conntrack_acct") or alias ("acct"). The error is an
// [*UnknownKeyError].
func Lookup(name string) (Key, error) {
	dotted := strings.ReplaceAll(strings.TrimPrefix(name, "/proc/sys/"), "/", ".")
	for _, k := range keys {
		if dotted == k.Name || dotted == k.Alias || dotted == k.file() {
			return k, nil
		}
	}
	var among []string
	for _, k := range keys {
		among = append(among, k.Alias, k.file(), k.Name)
	}
	return Key{}, &UnknownKeyError{Name: name, Nearest: suggest.Nearest(dotted, among)}
}

// file is the last part of the name, except that net.nf_conntrack_max, which
// shares it with a more common key, has only its alias.
func (k Key) file() string {
	if k.Name == "net.nf_conntrack_max" {
		return k.Alias
	}
	return k.Name[strings.LastIndexByte(k.Name, '.')+1:]
}

// path is the key's place below the root of sysctls.
func (k Key) path() string { return strings.ReplaceAll(k.Name, ".", "/") }

// Kept is what the kernel makes of a value that is set: it rounds the number of
// buckets up to whole pages of them, a pointer each.
func (k Key) Kept(v int64) int64 {
	if k.Alias != "buckets" {
		return v
	}
	page := int64(os.Getpagesize() / (strconv.IntSize / 8))
	return (v + page - 1) / page * page
}
