package registry

import (
	"strings"
	"sync"
)

// What a declaration is of.
const (
	KindFunction = "function"
	KindMethod   = "method"
	KindField    = "field"
	KindValue    = "value"
)

// Decl declares one function, method, field or value.
type Decl struct {
	Path    string // as a script writes it: "fs.read", "flows:where", "flow.src"
	Kind    string
	Text    string // signature of a function or method, `name: type` of the rest
	Doc     string // what it is or does, in whole sentences without a full stop at the end
	Errors  string // what it raises beyond a bad argument: "EGUARD if ...; EPERM if ..."
	Example string // a transcript: lines that begin with "ct> ", and what they print
	Since   string // the version it came with

	once  sync.Once
	sig   *Signature
	field Param
}

// FirstRelease is the version of what declares none.
const FirstRelease = "0.1"

// Signature is that of a function or method.
func (d *Decl) Signature() *Signature { d.read(); return d.sig }

// Type is what a field or value holds.
func (d *Decl) Type() Param { d.read(); return d.field }

// read parses the text, at the first use. A text that does not parse is a
// mistake in the program; a test reads them all.
func (d *Decl) read() {
	d.once.Do(func() {
		var err error
		if d.Kind == KindField || d.Kind == KindValue {
			d.field, err = ParseField(d.Text)
		} else {
			d.sig, err = ParseSignature(d.Text)
		}
		if err != nil {
			panic(err)
		}
	})
}

// nameOf is the name that a signature or field begins with.
func nameOf(text string) string {
	if i := strings.IndexAny(text, "(:? "); i >= 0 {
		return text[:i]
	}
	return text
}

// Summary is the first sentence of the documentation.
func (d *Decl) Summary() string { return firstSentence(d.Doc) }

func firstSentence(doc string) string {
	if i := strings.Index(doc, ". "); i >= 0 {
		return doc[:i]
	}
	return doc
}

// Family is a type or a module with what belongs to it.
type Family struct {
	Name    string // "flow", "fs"; "" is the prelude: what stands alone
	Module  bool
	Doc     string
	Example string
	Members []*Decl
}

// families is every type and module of the program. They are added while
// packages are initialised and only read later.
var families []*Family

// Families lists every type and module that packages of the program declare,
// in the order of their initialisation.
func Families() []*Family { return families }

func newFamily(name, doc string, module bool) *Family {
	f := &Family{Name: name, Doc: doc, Module: module}
	families = append(families, f)
	return f
}

// add declares a member.
func (f *Family) add(kind, text, doc string) *Decl {
	d := &Decl{Kind: kind, Text: text, Doc: doc, Path: nameOf(text), Since: FirstRelease}
	switch {
	case f.Name == "":
	case kind == KindMethod:
		d.Path = f.Name + ":" + d.Path
	default:
		d.Path = f.Name + "." + d.Path
	}
	f.Members = append(f.Members, d)
	return d
}

// last is what was declared last, which the words behind it are about.
func (f *Family) last() *Decl {
	if len(f.Members) == 0 {
		panic("nothing is declared yet in " + f.Name)
	}
	return f.Members[len(f.Members)-1]
}

// example is that of the last member, or of the family before there is one.
func (f *Family) example(text string) {
	if len(f.Members) == 0 {
		f.Example = text
		return
	}
	f.last().Example = text
}
