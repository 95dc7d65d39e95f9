package module

import (
	"bytes"
	"debug/elf"
	"path"
	"strings"
)

// builtIn looks into modules.builtin, a list of paths.
func (m Machine) builtIn(name string) bool {
	for l := range strings.Lines(string(m.read(m.libDir() + "/modules.builtin"))) {
		if moduleOf(strings.TrimSpace(l)) == name {
			return true
		}
	}
	return false
}

// findFile looks the module's file up in modules.dep, lines of "path: paths of
// what it needs".
func (m Machine) findFile(f *Facts) {
	for l := range strings.Lines(string(m.read(m.libDir() + "/modules.dep"))) {
		file, _, ok := strings.Cut(l, ":")
		if !ok || moduleOf(file) != f.Name {
			continue
		}
		if !path.IsAbs(file) {
			file = m.libDir() + "/" + file
		}
		f.Filename = file
		return
	}
}

// moduleOf is the module name of a file: kernel/net/x/nf-nat.ko.zst is nf_nat.
func moduleOf(file string) string {
	name, _, _ := strings.Cut(path.Base(file), ".")
	return strings.ReplaceAll(name, "-", "_")
}

// modinfo returns the texts a module carries, "key=value" each: of one built in
// from modules.builtin.modinfo, where each begins with the module's name and a
// dot, else from the section .modinfo of its file. A file compressed with
// something other than gzip stays closed.
func (m Machine) modinfo(f *Facts) []string {
	if f.State != BuiltIn {
		return sectionModinfo(m.read(f.Filename))
	}
	var out []string
	for _, text := range bytes.Split(m.read(m.libDir()+"/modules.builtin.modinfo"), []byte{0}) {
		if rest, ok := strings.CutPrefix(string(text), f.Name+"."); ok {
			out = append(out, rest)
		}
	}
	return out
}

func sectionModinfo(file []byte) []string {
	if plain, err := gunzip(file); err == nil && plain != nil {
		file = plain
	}
	object, err := elf.NewFile(bytes.NewReader(file))
	if err != nil {
		return nil
	}
	section := object.Section(".modinfo")
	if section == nil {
		return nil
	}
	data, err := section.Data()
	if err != nil {
		return nil
	}
	return strings.FieldsFunc(string(data), func(r rune) bool { return r == 0 })
}
